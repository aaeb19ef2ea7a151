package clearing

import (
	"fmt"

	"alliance/settlement"
)

// An Outcome collects what a night decided about the members attributed with it. The zero
// value is ready to use. It is not safe for use by several workers: give each its own and add
// them up with [Outcome.Add].
//
// The first two lists only grow: a caller may take what is in them and empty them between
// members, the sums stay.
type Outcome struct {
	// Allocations are in order of application, member by member.
	Allocations []settlement.Allocation
	// Exceptions are those of rows deferred or rejected, among them rows of a future business
	// date, and uncovered, unfunded and clawback_shortfall. They are not in the published order.
	Exceptions []settlement.Exception

	// Movements is the roll-forward by issuing [settlement.Party]. Opening and Closing are the
	// open points of the members attributed, before and after; members that were not are
	// missing on both sides alike.
	Movements []settlement.IssuerPoints
	// RedeemedHere is the points redeemed at each [settlement.Party], its own, others', and
	// those that the alliance pays. Reversals do not reduce it.
	RedeemedHere []int64
	// Files counts the rows read tonight, by their file; in no particular order.
	Files []FileRows

	fileIndex map[string]int
	// lastFiles is, by merchant, the place in Files of the file whose row was counted last.
	lastFiles []int32
}

// FileRows counts what became of one file's rows on the night they were read. Rows that never
// got as far as attribution are not in it. A row that is uncovered, unfunded or has a
// clawback_shortfall is accepted.
type FileRows struct {
	// File is the object's key below the inbox.
	File                         string
	Accepted, Deferred, Rejected int64
}

// prepare makes room for the sums of all parties.
func (o *Outcome) prepare(parties int) {
	for party := len(o.Movements); party < parties; party++ {
		o.Movements = append(o.Movements, settlement.IssuerPoints{Issuer: settlement.Party(party)})
		o.RedeemedHere = append(o.RedeemedHere, 0)
		o.lastFiles = append(o.lastFiles, 0)
	}
}

// file returns the counts of a file of a merchant. Most merchants have one file a night.
func (o *Outcome) file(name string, merchant settlement.Party) *FileRows {
	last := int(o.lastFiles[merchant])
	if last < len(o.Files) && o.Files[last].File == name {
		return &o.Files[last]
	}
	counts := o.count(name)
	o.lastFiles[merchant] = int32(o.fileIndex[name])
	return counts
}

func (o *Outcome) count(name string) *FileRows {
	index, found := o.fileIndex[name]
	if !found {
		if o.fileIndex == nil {
			o.fileIndex = map[string]int{}
		}
		index = len(o.Files)
		o.fileIndex[name] = index
		o.Files = append(o.Files, FileRows{File: name})
	}
	return &o.Files[index]
}

// Add adds the sums and counts of another worker's outcome, and appends its lists. The error
// wraps [settlement.ErrOutOfRange].
func (o *Outcome) Add(other *Outcome) error {
	o.Allocations = append(o.Allocations, other.Allocations...)
	o.Exceptions = append(o.Exceptions, other.Exceptions...)
	for i := range other.Files {
		more := &other.Files[i]
		counts := o.count(more.File)
		counts.Accepted += more.Accepted
		counts.Deferred += more.Deferred
		counts.Rejected += more.Rejected
	}
	o.prepare(len(other.Movements))
	for party := range other.Movements {
		sums, more := fields(&o.Movements[party]), fields(&other.Movements[party])
		for i := range sums {
			if err := addTo(sums[i], *more[i]); err != nil {
				return fmt.Errorf("adding up the points of party %d: %w", party, err)
			}
		}
		if err := addTo(&o.RedeemedHere[party], other.RedeemedHere[party]); err != nil {
			return fmt.Errorf("adding up the points redeemed at party %d: %w", party, err)
		}
	}
	return nil
}

func addTo(sum *int64, points int64) error {
	total, err := settlement.AddPoints(*sum, points)
	*sum = total
	return err
}

func fields(p *settlement.IssuerPoints) [8]*int64 {
	return [8]*int64{&p.Opening, &p.Issued, &p.IssueReversed, &p.RedeemedOwn, &p.RedeemedElsewhere, &p.Restored, &p.Expired, &p.Closing}
}
