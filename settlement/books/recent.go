package books

import (
	"context"
	"fmt"
	"slices"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// OpenRecent is [Open] for whoever settles the next date, with a look at what so many dates before it found in the inbox. All records are
// read and their chain and seals verified, but of dates that are longer ago only what later ones ask for ([PassedDate]) is decoded and kept: years of nights would be most of what
// a night takes. What needs more panics, unless it was read since: see [Ledger.ReadSince] and [Ledger.ReadWhole].
// Errors are those of Open.
func OpenRecent(ctx context.Context, bucket storage.Bucket, dates int) (*Ledger, error) {
	return openBy(ctx, bucket, recordsAtOnce, dates)
}

// readNeeded reads what the next date needs that was read in brief: records are told by their numbers how much of them is read, and there may be some that settle nothing.
func (l *Ledger) readNeeded(ctx context.Context) error {
	last, any := l.LastSettled()
	if !any {
		return nil
	}
	if err := l.readDate(ctx, last); err != nil {
		return err
	}
	return l.readSince(ctx, last+1-settlement.Date(l.recent))
}

// readDate reads whole what is on record of a date.
func (l *Ledger) readDate(ctx context.Context, date settlement.Date) error {
	return l.readAgain(ctx, whole, l.briefRecords(func(record int) bool {
		return slices.ContainsFunc(l.passed[record], func(passed PassedDate) bool { return passed.Date == date })
	}))
}

// ReadSince reads the inputs of all dates from one on, and reports whether any had not been read. [Ledger.Passed] has them from then on.
func (l *Ledger) ReadSince(ctx context.Context, since settlement.Date) (any bool, err error) {
	before := len(l.withoutInputs(since))
	if err := l.readSince(ctx, since); err != nil {
		return false, fmt.Errorf("read the ledger: %w", err)
	}
	return before > 0, nil
}

func (l *Ledger) readSince(ctx context.Context, since settlement.Date) error {
	return l.readAgain(ctx, withInputs, l.withoutInputs(since))
}

// withoutInputs returns the records of which inputs of dates from one on stand and were not read.
func (l *Ledger) withoutInputs(since settlement.Date) []int {
	standing := l.standingRecords()
	return l.briefRecords(func(record int) bool {
		return slices.ContainsFunc(l.passed[record], func(passed PassedDate) bool {
			return passed.Date >= since && !passed.allInputs && standing[passed.Date] == record
		})
	})
}

// ReadWhole reads whole what was read in brief, as [Open] does.
func (l *Ledger) ReadWhole(ctx context.Context) error {
	l.recent = -1
	if err := l.readAgain(ctx, whole, l.briefRecords(every)); err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	return nil
}

func every(int) bool { return true }

// readAgain reads more of some records.
func (l *Ledger) readAgain(ctx context.Context, extent extent, records []int) error {
	for some := range slices.Chunk(records, l.atOnce) {
		slots := make([]slot, len(some))
		err := together(ctx, len(some), func(ctx context.Context, i int) (err error) {
			slots[i], err = l.readSlot(ctx, int64(some[i])+1, extent)
			return err
		})
		if err != nil {
			return err
		}
		for i, record := range some {
			if err := l.replace(record, &slots[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace takes more of a record that was read in brief.
func (l *Ledger) replace(record int, found *slot) error {
	if found.fault != nil {
		return found.fault
	}
	if found.absent || found.sum != l.hashes[record] {
		return fmt.Errorf("%w: %s is another one than a moment ago, or gone; %s", ErrBroken, logKey(int64(record)+1), restoreRecord)
	}
	l.shareTexts(found.passed)
	l.passed[record] = found.passed
	l.log_bytes += found.kept_bytes
	if found.passed != nil {
		return nil
	}
	l.records[record].Dates = found.record.Dates
	return l.nameFiles(&l.records[record])
}
