package books

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"alliance/settlement"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// statementName is the file that says what is in a folder.
const statementName = "_statement.json"

// check returns what is wrong with a record that is to be committed.
func (a *Attempt) check(record *Record) error {
	if err := checkKind(record); err != nil {
		return err
	}
	if err := a.checkObjects(record); err != nil {
		return err
	}
	if err := a.ledger.checkForgotten(record.Forgotten); err != nil {
		return err
	}
	last, settled := a.ledger.LastSettled()
	if opening, _ := a.ledger.Opening(); record.Kind == OpenLots && (settled || opening != nil) {
		return errors.New("opening lots must come once, before the first date is settled")
	}
	if through, _ := settlement.ParseDate(record.Through); record.Kind == Close && (!settled || through > last) {
		return fmt.Errorf("it closes through %s, which is not settled", record.Through)
	}
	closed, _ := a.ledger.ClosedThrough()
	for i := range record.Dates {
		date := &record.Dates[i]
		if i > 0 && date.Date != record.Dates[i-1].Date+1 {
			return fmt.Errorf("date %s follows on %s", date.Date, record.Dates[i-1].Date)
		}
		if first, _ := a.ledger.FirstSettled(); settled && (date.Date > last+1 || date.Date < first) {
			return fmt.Errorf("date %s is not next to the settled dates %s to %s", date.Date, first, last)
		}
		if already, _ := a.ledger.Settled(date.Date); already != nil && strings.TrimSpace(record.Reason) == "" {
			return fmt.Errorf("date %s is settled, and nobody says why it is restated", date.Date)
		}
		if date.Date <= closed {
			return fmt.Errorf("date %s is closed", date.Date)
		}
		last = max(last, date.Date)
		if err := a.ledger.checkDate(date); err != nil {
			return fmt.Errorf("date %s: %w", date.Date, err)
		}
	}
	return nil
}

func checkKind(record *Record) error {
	_, err := settlement.ParseDate(record.Through)
	switch record.Kind {
	case Publish:
		if len(record.Dates) == 0 {
			return errors.New("it publishes no date")
		}
	case Close:
		if err != nil {
			return err
		}
	case OpenLots, Forget:
	default:
		return fmt.Errorf("%q is no kind of record to commit", record.Kind)
	}
	if record.Kind != Publish && len(record.Dates) > 0 {
		return fmt.Errorf("a record of kind %s settles dates", record.Kind)
	}
	if (record.Kind == Forget) != (record.Forgotten != nil) {
		return fmt.Errorf("a record of kind %s and a forgotten member do not go together", record.Kind)
	}
	if (record.Kind == OpenLots) != (record.Opening != nil) {
		return fmt.Errorf("a record of kind %s and opening lots do not go together", record.Kind)
	}
	return nil
}

// checkObjects sees to it that every object is one of the attempt's or of a record before.
func (a *Attempt) checkObjects(record *Record) (err error) {
	seen := make(map[place]bool)
	packed := make(map[string]int)
	record.files(func(file *FileRecord) {
		created, found := a.created[file.place()]
		if known := a.ledger.files[file.place()]; !found && known != nil {
			created, found = *known, true
		}
		if err == nil && (!found || created.SHA256 == "" || created.SHA256 != file.SHA256 || created.Bytes != file.Bytes) {
			err = fmt.Errorf("it names object %q, which was not stored with that content", file.Place())
		}
		if file.Offset != 0 && !seen[file.place()] {
			seen[file.place()] = true
			packed[file.Object]++
		}
	})
	return errors.Join(err, a.checkPacks(packed))
}

func (l *Ledger) checkDate(date *DateRecord) error {
	if err := checkFolder(date.Alliance.Files, statementName); err != nil {
		return fmt.Errorf("the alliance's folder: %w", err)
	}
	if err := checkAcknowledgements(date.Acknowledgements); err != nil {
		return err
	}
	for i := range date.Statements {
		statement := &date.Statements[i]
		if i > 0 && date.Statements[i-1].Merchant >= statement.Merchant {
			return fmt.Errorf("statement of %s: statements must be in order of merchant", statement.Merchant)
		}
		if err := l.checkStatement(date.Date, statement); err != nil {
			return fmt.Errorf("statement of %s: %w", statement.Merchant, err)
		}
	}
	return nil
}

func (l *Ledger) checkStatement(date settlement.Date, statement *StatementRecord) error {
	if !settlement.ValidMerchantID(statement.Merchant) {
		return errors.New("it is no merchant id")
	}
	if err := checkFolder(statement.Files, statementName); err != nil {
		return err
	}
	before := l.Version(statement.Merchant, date)
	switch {
	case before == nil && statement.Version == 1 && statement.Supersedes == 0:
		return nil
	case before != nil && statement.Version == before.Version+1 && statement.Supersedes == before.Version:
		return nil
	case before != nil && statement.Version == before.Version && statement.Supersedes == before.Supersedes:
		if !slices.Equal(statement.Files, before.Files) {
			return fmt.Errorf("version %d is on record with other files", statement.Version)
		}
		return nil
	case before == nil:
		return fmt.Errorf("version %d superseding %d, but none is on record", statement.Version, statement.Supersedes)
	}
	return fmt.Errorf("version %d superseding %d, but version %d is on record", statement.Version, statement.Supersedes, before.Version)
}

func checkAcknowledgements(acknowledgements []AcknowledgementRecord) error {
	before := ""
	for _, acknowledgement := range acknowledgements {
		merchant := acknowledgement.Merchant
		if !settlement.ValidMerchantID(merchant) || merchant <= before {
			return fmt.Errorf("acknowledgement of %q: it is no merchant id, or not in order", merchant)
		}
		if err := checkFolder(acknowledgement.Files, AcknowledgementName); err != nil {
			return fmt.Errorf("acknowledgement of %s: %w", merchant, err)
		}
		before = merchant
	}
	return nil
}

func checkFolder(files []FileRecord, last string) error {
	names := make(map[string]bool)
	for _, file := range files {
		if err := storage.CheckKey(file.Name); err != nil || strings.Contains(file.Name, "/") {
			return fmt.Errorf("%q is no file name", file.Name)
		}
		if names[file.Name] {
			return fmt.Errorf("file %s is there twice", file.Name)
		}
		names[file.Name] = true
	}
	if !names[last] {
		return fmt.Errorf("there is no %s", last)
	}
	return nil
}

// Verify reads every object on record and compares it with its SHA-256, and checks that the
// versions of every statement are 1 to N. It calls report for each fault, one that wraps [ErrBroken], and with
// [ErrLost] for an object that is gone since a record came after the head. It returns an error
// only if the store fails.
func (l *Ledger) Verify(ctx context.Context, report func(fault error)) error {
	_, err := l.VerifyDate(ctx, settlement.NoDate, report)
	return err
}

// VerifyDate is [Ledger.Verify] for what is on record about one date, in all its versions, or
// about all with NoDate. It also returns how many objects it looked at.
func (l *Ledger) VerifyDate(ctx context.Context, date settlement.Date, report func(fault error)) (objects int64, err error) {
	records := l.Records()
	if date != settlement.NoDate {
		records = nil
		for _, record := range l.Records() {
			record.Opening = nil
			record.Dates = slices.DeleteFunc(slices.Clone(record.Dates), func(d DateRecord) bool { return d.Date != date })
			records = append(records, record)
		}
	}
	return l.verifyRecords(ctx, records, report)
}

func (l *Ledger) verifyRecords(ctx context.Context, records []Record, report func(fault error)) (int64, error) {
	faults, err := l.verifyObjects(ctx, records)
	if err != nil {
		return int64(len(faults)), err
	}
	type key struct {
		merchant string
		date     settlement.Date
	}
	versions := make(map[key]int)
	seen := make(map[string]bool)
	for i := range records {
		records[i].files(func(file *FileRecord) {
			if !seen[file.Object] {
				seen[file.Object] = true
				for _, fault := range faults[file.Object] {
					report(fault)
				}
			}
		})
		for _, date := range records[i].Dates {
			for _, statement := range date.Statements {
				last := versions[key{statement.Merchant, date.Date}]
				if statement.Version != last && statement.Version != last+1 || statement.Version < 1 {
					report(fmt.Errorf("%w: record %d has version %d of the statement of %s for %s after version %d",
						ErrBroken, records[i].Seq, statement.Version, statement.Merchant, date.Date, last))
				}
				versions[key{statement.Merchant, date.Date}] = statement.Version
			}
		}
	}
	return int64(len(seen)), nil
}

// verifiedTogether is how many objects are read at a time: a store that is far away takes its time for each.
const verifiedTogether = 16

// verifyObjects reads every object of records and returns what is wrong with each.
func (l *Ledger) verifyObjects(ctx context.Context, records []Record) (map[string][]error, error) {
	var mutex sync.Mutex
	faults, begun := make(map[string][]error), make(map[string]bool)
	group, together := errgroup.WithContext(ctx)
	group.SetLimit(verifiedTogether)
	for i := range records {
		records[i].files(func(file *FileRecord) {
			if begun[file.Object] || together.Err() != nil {
				return
			}
			begun[file.Object] = true
			one := *file
			group.Go(func() error {
				found, err := l.faultsOf(together, one)
				mutex.Lock()
				defer mutex.Unlock()
				faults[one.Object] = found
				return err
			})
		})
	}
	// What was cancelled before it had begun says nothing by itself, and must not pass for sound.
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return faults, err
}

// faultsOf reads the object of a file and returns what is wrong with it. An error is the store's.
func (l *Ledger) faultsOf(ctx context.Context, file FileRecord) (faults []error, err error) {
	if file.Offset != 0 {
		err := l.verifyPack(ctx, file.Object, func(fault error) { faults = append(faults, fault) })
		return faults, err
	}
	err = l.verifyObject(ctx, file)
	if errors.Is(err, ErrBroken) || errors.Is(err, ErrLost) {
		return []error{err}, nil
	}
	return nil, err
}

// verify reads an object and returns an error if it is not what is on record.
func (l *Ledger) verify(ctx context.Context, file FileRecord) error {
	body := &objectBody{ctx: ctx, ledger: l, file: file}
	_, err := io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}
