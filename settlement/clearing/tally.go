package clearing

import (
	"fmt"
	"slices"

	"alliance/settlement"
)

// A LineTally is what the allocations of one line add up to, before it is priced.
type LineTally struct {
	Key settlement.LineKey
	// Transactions counts the distinct redeem rows; it is 0 for a reversal line.
	Transactions int64
	Points       int64
}

// A Tally adds up allocations by line. The zero Tally is empty.
//
// It counts the distinct redeem rows of each line without a table of all rows. A row's
// allocations nearly always stand together, in a run that starts with number 0; the row then
// counts once on each line that its run touches. Only rows that go on elsewhere (when the
// alliance pays what no lot covered) need a second look.
type Tally struct {
	tallies []runningTally
	places  map[settlement.LineKey]int32
	// recent is, by a hash of what allocations of different lines mostly differ in, the place of the line that was met last, plus 1. It
	// spares most lookups in places.
	recent []int32
	// touched is never read: without it the compiler would leave out the loads by which memory is touched ahead of its use.
	touched int64
	// run numbers the runs of allocations of one row, from 1.
	run int64
	// runIsWhole is true if the run starts with number 0.
	runIsWhole bool
	// continued holds what runs that do not start with number 0 touch.
	continued map[rowOnLine]bool
}

// Add adds the allocations of whole members, in order of application member by member. Allocations
// on-us are left out: they are never settled in money. visit, if not nil, is told each other
// allocation's place, which is that of its line in [Tally.Lines]. The error wraps
// [settlement.ErrOutOfRange] if points leave a 64-bit integer.
func (t *Tally) Add(allocations []settlement.Allocation, visit func(allocation int, place int32)) error {
	if t.places == nil {
		t.places = make(map[settlement.LineKey]int32)
	}
	for i := range allocations {
		if i%touchedAtOnce == 0 {
			t.touch(allocations[i:min(i+touchedAtOnce, len(allocations))])
		}
		allocation := &allocations[i]
		if i == 0 || !sameRow(&allocations[i-1], allocation) {
			t.run++
			t.runIsWhole = allocation.Number == 0
		}
		if allocation.OnUs() {
			continue
		}
		place := t.place(allocation)
		if err := t.add(allocation, place); err != nil {
			return err
		}
		if visit != nil {
			visit(i, place)
		}
	}
	if len(t.continued) > 0 {
		t.countContinued(allocations)
		clear(t.continued)
	}
	return nil
}

// touchedAtOnce is for how many allocations the lines are touched before the first of them is looked at.
const touchedAtOnce = 64

// touch touches the lines that allocations probably belong to. They lie anywhere among many: touching some first lets the
// processor fetch them together.
func (t *Tally) touch(allocations []settlement.Allocation) {
	for i := range allocations {
		if place := *t.recentOf(&allocations[i]) - 1; place >= 0 {
			t.touched += int64(t.tallies[place].Key.Redeemer)
		}
	}
}

// Lines returns the lines by place.
func (t *Tally) Lines() []LineTally {
	lines := make([]LineTally, len(t.tallies))
	for i := range t.tallies {
		lines[i] = t.tallies[i].LineTally
	}
	return lines
}

func sortTallies(tallies []LineTally) {
	slices.SortFunc(tallies, func(a, b LineTally) int { return settlement.CompareLineKeys(&a.Key, &b.Key) })
}

type runningTally struct {
	LineTally
	lastRun int64
}

// rowOnLine is a redeem row on a line, which is given by its place.
type rowOnLine struct {
	place         int32
	transactionID string
}

func sameRow(a, b *settlement.Allocation) bool {
	return a.Redeemer == b.Redeemer && a.BusinessDate == b.BusinessDate && a.Activity == b.Activity &&
		a.TransactionID == b.TransactionID
}

func (t *Tally) add(allocation *settlement.Allocation, place int32) error {
	tally := &t.tallies[place]
	points, err := settlement.AddPoints(tally.Points, allocation.Points)
	if err != nil {
		return fmt.Errorf("points of a line: %w", err)
	}
	tally.Points = points
	if allocation.Activity != settlement.RedemptionActivity || tally.lastRun == t.run {
		return nil
	}
	tally.lastRun = t.run
	if t.runIsWhole {
		tally.Transactions++
		return nil
	}
	if t.continued == nil {
		t.continued = make(map[rowOnLine]bool)
	}
	t.continued[rowOnLine{place, allocation.TransactionID}] = true
	return nil
}

// place returns where the allocation's line is tallied.
func (t *Tally) place(allocation *settlement.Allocation) int32 {
	recent := t.recentOf(allocation)
	if place := *recent - 1; place >= 0 && isOf(allocation, &t.tallies[place].Key) {
		return place
	}
	key := allocation.LineKey()
	place, found := t.places[key]
	if !found {
		place = int32(len(t.tallies))
		t.places[key] = place
		t.tallies = append(t.tallies, runningTally{LineTally: LineTally{Key: key}})
	}
	*recent = place + 1
	return place
}

// isOf reports whether an allocation belongs to the line of a key, without making one of its own.
func isOf(allocation *settlement.Allocation, key *settlement.LineKey) bool {
	return allocation.Issuer == key.Issuer && allocation.Redeemer == key.Redeemer && allocation.Activity == key.Activity &&
		allocation.BusinessDate == key.BusinessDate && allocation.Price == key.Price
}

const fewestRecent, mostRecent = 1 << 6, 1 << 17

// recentOf returns where the place of an allocation's line is remembered, perhaps that of another one.
func (t *Tally) recentOf(allocation *settlement.Allocation) *int32 {
	if len(t.recent) < min(2*len(t.tallies), mostRecent) || t.recent == nil {
		t.recent = make([]int32, max(fewestRecent, min(2*len(t.recent), mostRecent)))
	}
	hash := uint32(allocation.Issuer)*0x9E3779B1 + uint32(allocation.Redeemer)*0x85EBCA77 +
		uint32(allocation.BusinessDate)*0xC2B2AE3D + uint32(allocation.Price.Amount)*0x27D4EB2F
	return &t.recent[(hash^hash>>15)&uint32(len(t.recent)-1)]
}

// countContinued counts the rows of the runs that do not start with number 0, on the lines that
// the row's run that does start so has not touched.
func (t *Tally) countContinued(allocations []settlement.Allocation) {
	runIsWhole := false
	for i := range allocations {
		allocation := &allocations[i]
		if i == 0 || !sameRow(&allocations[i-1], allocation) {
			runIsWhole = allocation.Number == 0
		}
		if runIsWhole && !allocation.OnUs() && allocation.Activity == settlement.RedemptionActivity {
			delete(t.continued, rowOnLine{t.place(allocation), allocation.TransactionID})
		}
	}
	for row := range t.continued {
		t.tallies[row.place].Transactions++
	}
}

// MergeTallies adds up the tallies of several partitions of members. The result is in order of
// lines. The error wraps [settlement.ErrOutOfRange] if points leave a 64-bit integer.
func MergeTallies(tallies ...[]LineTally) ([]LineTally, error) {
	all := slices.Concat(tallies...)
	sortTallies(all)
	merged := all[:0]
	for _, tally := range all {
		last := len(merged) - 1
		if last < 0 || merged[last].Key != tally.Key {
			merged = append(merged, tally)
			continue
		}
		points, err := settlement.AddPoints(merged[last].Points, tally.Points)
		if err != nil {
			return nil, fmt.Errorf("points of a line: %w", err)
		}
		merged[last].Points = points
		merged[last].Transactions += tally.Transactions
	}
	return merged, nil
}
