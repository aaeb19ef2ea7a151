package clearing

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"alliance/settlement"
)

// A Claimant is a row of tonight that wants its transaction id: all that matters of a row that
// passed every check of [Validator.Check] when it is decided who may have which id.
type Claimant struct {
	// ID is the row's [IDDigest].
	ID           settlement.Digest
	Content      settlement.Digest
	BusinessDate settlement.Date
	// File is the place of the row's file among all files of the run in order of their keys.
	File int32
	Row  int64
}

func compareClaimants(a, b *Claimant) int {
	if a.File != b.File {
		return cmp.Compare(a.File, b.File)
	}
	return cmp.Compare(a.Row, b.Row)
}

// A Refusal says that a row may not have its id.
type Refusal struct {
	// File and Row are the claimant's.
	File int32
	// Code is [settlement.Conflict] or [settlement.Duplicate].
	Code settlement.Code
	Row  int64
	// By is who has the id.
	By IDHolder
}

// CompareRefusals orders refusals by file and row.
func CompareRefusals(a, b Refusal) int {
	if a.File != b.File {
		return cmp.Compare(a.File, b.File)
	}
	return cmp.Compare(a.Row, b.Row)
}

// An IDHolder is a row that has an id which another one wants.
type IDHolder struct {
	// Row of File is a row of this run; File is -1 if it is one on record, which has the dates, SettledOn NoDate while it is deferred.
	File                    int32
	BusinessDate, SettledOn settlement.Date
	Row                     int64
}

// A Refuser makes exceptions of refusals. It remembers its last message: when a file is delivered once more, most are the same.
type Refuser struct {
	// NameOf returns the key of a file by its place.
	NameOf func(file int32) string

	code    settlement.Code
	by      IDHolder
	message string
}

// Exception returns what is reported of a refusal. row is the row refused.
func (r *Refuser) Exception(refusal *Refusal, row *settlement.Transaction) settlement.Exception {
	if r.message == "" || r.code != refusal.Code || r.by != refusal.By {
		r.code, r.by, r.message = refusal.Code, refusal.By, refusal.message(r.NameOf)
	}
	exception := newRejection(row, refusal.Code)
	exception.Column = settlement.TransactionID.String()
	exception.Value = cutValue(row.ID)
	exception.Message = r.message
	return exception
}

func (r *Refusal) message(nameOf func(file int32) string) string {
	by := ""
	switch {
	case r.By.File >= 0:
		by = fmt.Sprintf("row %d of %s", r.By.Row, nameOf(r.By.File))
	case r.By.SettledOn == settlement.NoDate:
		by = fmt.Sprintf("a row of business date %s that is deferred", r.By.BusinessDate)
	default:
		by = fmt.Sprintf("a row of business date %s that was settled on %s", r.By.BusinessDate, r.By.SettledOn)
	}
	if r.Code == settlement.Conflict {
		return "the id belongs to " + by + ", with other content; if both happened, send this one under another id"
	}
	return "the same as " + by + "; nothing to do"
}

// A Deduplicator decides which rows of a run may have their transaction id, the claimants of one
// partition by [IDDigest] at a time. It keeps its memory between partitions, so each worker needs
// one of its own.
//
// An id is taken by rows on record that are deferred, that were settled in the last DuplicateDays
// settlement dates before Date, or that have the row's own business date; then by the first row of
// this run in order of (file, row). A row whose id is taken is refused: as a conflict if any row that
// takes it has other content, else as a duplicate.
type Deduplicator struct {
	Date          settlement.Date
	DuplicateDays int

	// table finds the first claimant of an id, as its place plus 1, by the beginning of the digest.
	table []uint32
	// next is, by claimant, the one before it of the same id, plus 1; 0 ends the chain, which begins with the last one.
	next []uint32
	// last is, by first claimant, the last one of the id, plus 1; 0 if it is the only one.
	last map[uint32]uint32
	// onRecord is, by first claimant, the last of the rows on record that have the id, as its place in recorded plus 1.
	onRecord map[uint32]uint32
	recorded []recordedID
	// refusals are those of the partition at hand.
	refusals []Refusal
	rivals   []*Claimant
	// touched is never read: without it the compiler would leave out the loads by which memory is touched ahead of its use.
	touched uint32
}

// A recordedID is a row on record that has an id, and the one before it of the same id, as its place plus 1; 0 if there is none.
type recordedID struct {
	settlement.TakenID
	before uint32
}

// OldestSettled returns the settlement date from which on rows on record take an id whatever their business date is.
func (d *Deduplicator) OldestSettled() settlement.Date {
	return d.Date - settlement.Date(d.DuplicateDays)
}

// Refuse returns the refusals, in order of (file, row). taken calls its argument for ids on record,
// of rows settled before Date or deferred: at least those that take an id from one of the claimants.
func (d *Deduplicator) Refuse(claimants []Claimant, taken func(visit func(settlement.TakenID)) error) ([]Refusal, error) {
	if len(claimants) > math.MaxInt32 {
		return nil, fmt.Errorf("%d rows are in one partition by transaction id, more than the limit of %d; run with more partitions", len(claimants), math.MaxInt32)
	}
	d.enter(claimants)
	if err := taken(func(id settlement.TakenID) { d.addTaken(claimants, id) }); err != nil {
		return nil, err
	}
	d.refusals = d.refusals[:0]
	for first := range d.onRecord {
		if _, contested := d.last[first]; !contested {
			d.last[first] = first + 1
		}
	}
	for first, last := range d.last {
		d.settle(claimants, first, last)
	}
	slices.SortFunc(d.refusals, CompareRefusals)
	return slices.Clone(d.refusals), nil
}

// enter puts the claimants into the table.
func (d *Deduplicator) enter(claimants []Claimant) {
	size := 64
	for size < 2*len(claimants) {
		size *= 2
	}
	if cap(d.table) < size {
		d.table = make([]uint32, size)
	}
	d.table = d.table[:size]
	clear(d.table)
	if cap(d.next) < len(claimants) {
		d.next = make([]uint32, len(claimants)+len(claimants)/4)
	}
	d.next = d.next[:len(claimants)]
	if d.last == nil {
		d.last, d.onRecord = make(map[uint32]uint32), make(map[uint32]uint32)
	}
	clear(d.last)
	clear(d.onRecord)
	d.recorded = d.recorded[:0]
	for i := range claimants {
		if i%touchedAtOnce == 0 {
			// They go anywhere in the table. Touching some places first lets the processor fetch them together.
			for j := range claimants[i:min(i+touchedAtOnce, len(claimants))] {
				d.touched += d.table[d.home(claimants[i+j].ID)]
			}
		}
		d.next[i] = 0
		slot := d.slot(claimants, claimants[i].ID)
		first := d.table[slot]
		if first == 0 {
			d.table[slot] = uint32(i + 1)
			continue
		}
		before := d.last[first-1]
		if before == 0 {
			before = first
		}
		d.next[i] = before
		d.last[first-1] = uint32(i + 1)
	}
}

// slot returns where in the table an id is, or would be.
func (d *Deduplicator) slot(claimants []Claimant, id settlement.Digest) uint64 {
	slot := d.home(id)
	for d.table[slot] != 0 && claimants[d.table[slot]-1].ID != id {
		slot = (slot + 1) & uint64(len(d.table)-1)
	}
	return slot
}

// home returns where the search for an id begins. The digest's last bytes are as good as any hash, and its first ones are the same in a
// whole partition.
func (d *Deduplicator) home(id settlement.Digest) uint64 {
	return binary.LittleEndian.Uint64(id[8:]) & uint64(len(d.table)-1)
}

func (d *Deduplicator) addTaken(claimants []Claimant, taken settlement.TakenID) {
	if taken.SettledOn >= d.Date {
		panic(fmt.Sprintf("an id is on record as settled on %s when %s is settled", taken.SettledOn, d.Date))
	}
	if first := d.table[d.slot(claimants, taken.ID)]; first != 0 {
		d.recorded = append(d.recorded, recordedID{taken, d.onRecord[first-1]})
		d.onRecord[first-1] = uint32(len(d.recorded))
	}
}

// settle decides about the claimants of one id.
func (d *Deduplicator) settle(claimants []Claimant, first, last uint32) {
	d.rivals = d.rivals[:0]
	for at := last; at != 0; at = d.next[at-1] {
		d.rivals = append(d.rivals, &claimants[at-1])
	}
	slices.SortFunc(d.rivals, compareClaimants)
	var holder *Claimant
	for _, rival := range d.rivals {
		if refusal, refused := d.refuse(rival, holder, d.onRecord[first]); refused {
			d.refusals = append(d.refusals, refusal)
		} else {
			holder = rival
		}
	}
}

// refuse says whether a claimant is refused. holder is the row of this run that has the id, if any.
func (d *Deduplicator) refuse(claimant, holder *Claimant, onRecord uint32) (refusal Refusal, refused bool) {
	oldest := d.OldestSettled()
	var same, other *settlement.TakenID
	for at := onRecord; at != 0; at = d.recorded[at-1].before {
		by := &d.recorded[at-1].TakenID
		switch {
		case by.SettledOn != settlement.NoDate && by.SettledOn < oldest && by.BusinessDate != claimant.BusinessDate:
			// Too long ago: the id is free again.
		case by.Content == claimant.Content:
			same = latest(same, by)
		default:
			other = latest(other, by)
		}
	}
	refusal = Refusal{File: claimant.File, Row: claimant.Row}
	switch {
	case other != nil:
		refusal.Code, refusal.By = settlement.Conflict, onRecordHolder(other)
	case holder != nil && holder.Content != claimant.Content:
		refusal.Code, refusal.By = settlement.Conflict, IDHolder{File: holder.File, Row: holder.Row}
	case same != nil:
		refusal.Code, refusal.By = settlement.Duplicate, onRecordHolder(same)
	case holder != nil:
		refusal.Code, refusal.By = settlement.Duplicate, IDHolder{File: holder.File, Row: holder.Row}
	default:
		return refusal, false
	}
	return refusal, true
}

func onRecordHolder(by *settlement.TakenID) IDHolder {
	return IDHolder{File: -1, BusinessDate: by.BusinessDate, SettledOn: by.SettledOn}
}

// latest returns the row on record that was settled last, so that what is told does not
// depend on the order in which the books were read.
func latest(a, b *settlement.TakenID) *settlement.TakenID {
	if a == nil || cmp.Or(cmp.Compare(a.SettledOn, b.SettledOn), cmp.Compare(a.BusinessDate, b.BusinessDate)) < 0 {
		return b
	}
	return a
}

// Deduplicate is [Deduplicator] for rows that are in memory anyway, in any order. Both results are
// in order of (file, row); passed uses the memory of rows.
func Deduplicate(date settlement.Date, parties settlement.Parties, duplicateDays int, rows []settlement.Transaction, taken []settlement.TakenID) (passed []settlement.Transaction, rejected []settlement.Exception) {
	slices.SortFunc(rows, func(a, b settlement.Transaction) int {
		return cmp.Or(cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Row, b.Source.Row))
	})
	claimants := make([]Claimant, len(rows))
	var files []string
	for i := range rows {
		row := &rows[i]
		if len(files) == 0 || files[len(files)-1] != row.Source.File {
			files = append(files, row.Source.File)
		}
		claimants[i] = Claimant{IDDigest(parties.ID(row.Merchant), row.ID), row.Content, row.BusinessDate, int32(len(files) - 1), row.Source.Row}
	}
	deduplicator := Deduplicator{Date: date, DuplicateDays: duplicateDays}
	refusals, err := deduplicator.Refuse(claimants, func(visit func(settlement.TakenID)) error {
		for _, id := range taken {
			visit(id)
		}
		return nil
	})
	if err != nil {
		panic(err) // more rows than memory holds
	}
	passed = rows[:0]
	refuser := Refuser{NameOf: func(file int32) string { return files[file] }}
	for i := range rows {
		if len(refusals) == 0 || refusals[0].File != claimants[i].File || refusals[0].Row != claimants[i].Row {
			passed = append(passed, rows[i])
			continue
		}
		rejected = append(rejected, refuser.Exception(&refusals[0], &rows[i]))
		refusals = refusals[1:]
	}
	return passed, rejected
}
