package clearing

import (
	"cmp"
	"fmt"
	"slices"

	"alliance/settlement"
)

// Deduplicate decides which rows of a run may have their transaction id. rows are the rows of
// one partition by [IDDigest] that passed [Validator.Check], in any order; taken are the ids of
// the same partition on record, of rows settled before date or deferred.
//
// An id is taken by rows on record that are deferred, that were settled in the last
// duplicateDays settlement dates, or that have the row's own business date; then by the first
// row of this run in order of (file, row). A row whose id is taken is rejected: as a conflict if
// any row that takes it has other content, else as a duplicate.
//
// Both results are in order of (file, row). passed uses the memory of rows.
func Deduplicate(date settlement.Date, parties settlement.Parties, duplicateDays int, rows []settlement.Transaction, taken []settlement.TakenID) (passed []settlement.Transaction, rejected []settlement.Exception) {
	sortBySource(rows)
	claims := newClaims(parties, rows)
	claims.addTaken(date, taken)
	oldest := date - settlement.Date(duplicateDays)
	passed = rows[:0]
	for i := range rows {
		row := rows[i]
		claim := &claims.list[claims.ofRow[i]]
		var holder *settlement.Transaction
		if claim.holder != 0 {
			holder = &passed[claim.holder-1]
		}
		if exception := claims.refuse(claim, holder, &row, oldest); exception != nil {
			rejected = append(rejected, *exception)
			continue
		}
		passed = append(passed, row)
		claim.holder = int32(len(passed))
	}
	return passed, rejected
}

func sortBySource(rows []settlement.Transaction) {
	bySource := func(a, b settlement.Transaction) int {
		return cmp.Or(cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Row, b.Source.Row))
	}
	if !slices.IsSortedFunc(rows, bySource) {
		slices.SortFunc(rows, bySource)
	}
}

// claims is who wants each id, and who has it. It is as large as tonight's rows, not as what
// is on record.
type claims struct {
	byID   map[settlement.Digest]int32
	list   []claim
	ofRow  []int32
	onFile []takenBy
}

// A claim is one id that rows of tonight want.
type claim struct {
	// holder is the row of this run that took the id, as its place among those that passed
	// plus 1; 0 if there is none yet.
	holder int32
	// lastTaken is the last of the rows on record with this id, as its place in onFile plus
	// 1; 0 if there is none.
	lastTaken int32
}

// takenBy is a row on record whose id a row of tonight wants too.
type takenBy struct {
	settlement.TakenID
	before int32 // the one before it of the same id, as its place plus 1
}

func newClaims(parties settlement.Parties, rows []settlement.Transaction) *claims {
	c := &claims{
		byID:  make(map[settlement.Digest]int32, len(rows)),
		list:  make([]claim, 0, len(rows)),
		ofRow: make([]int32, len(rows)),
	}
	for i := range rows {
		id := IDDigest(parties.ID(rows[i].Merchant), rows[i].ID)
		at, found := c.byID[id]
		if !found {
			at = int32(len(c.list))
			c.byID[id] = at
			c.list = append(c.list, claim{})
		}
		c.ofRow[i] = at
	}
	return c
}

func (c *claims) addTaken(date settlement.Date, taken []settlement.TakenID) {
	for i := range taken {
		if taken[i].SettledOn >= date {
			panic(fmt.Sprintf("an id is on record as settled on %s when %s is settled", taken[i].SettledOn, date))
		}
		at, found := c.byID[taken[i].ID]
		if !found {
			continue
		}
		claim := &c.list[at]
		c.onFile = append(c.onFile, takenBy{taken[i], claim.lastTaken})
		claim.lastTaken = int32(len(c.onFile))
	}
}

// refuse returns the exception of a row whose id is taken, or nil if it is free. holder is the
// row of this run that took it, if any.
func (c *claims) refuse(claim *claim, holder, row *settlement.Transaction, oldest settlement.Date) *settlement.Exception {
	var same, other *takenBy
	for at := claim.lastTaken; at != 0; at = c.onFile[at-1].before {
		by := &c.onFile[at-1]
		switch {
		case by.SettledOn != settlement.NoDate && by.SettledOn < oldest && by.BusinessDate != row.BusinessDate:
			// Too long ago: the id is free again.
		case by.Content == row.Content:
			same = latest(same, by)
		default:
			other = latest(other, by)
		}
	}
	switch {
	case other != nil:
		return refusal(row, settlement.Conflict, onRecord(other))
	case holder != nil && holder.Content != row.Content:
		return refusal(row, settlement.Conflict, tonight(holder))
	case same != nil:
		return refusal(row, settlement.Duplicate, onRecord(same))
	case holder != nil:
		return refusal(row, settlement.Duplicate, tonight(holder))
	}
	return nil
}

// latest returns the row on record that was settled last, so that what is told does not
// depend on the order in which the books were read.
func latest(a, b *takenBy) *takenBy {
	if a == nil || cmp.Or(cmp.Compare(a.SettledOn, b.SettledOn), cmp.Compare(a.BusinessDate, b.BusinessDate)) < 0 {
		return b
	}
	return a
}

func onRecord(by *takenBy) string {
	if by.SettledOn == settlement.NoDate {
		return fmt.Sprintf("a row of business date %s that is deferred", by.BusinessDate)
	}
	return fmt.Sprintf("a row of business date %s that was settled on %s", by.BusinessDate, by.SettledOn)
}

func tonight(holder *settlement.Transaction) string {
	return fmt.Sprintf("row %d of %s", holder.Source.Row, holder.Source.File)
}

func refusal(row *settlement.Transaction, code settlement.Code, by string) *settlement.Exception {
	exception := newRejection(row, code)
	exception.Column = settlement.TransactionID.String()
	exception.Value = cutValue(row.ID)
	if code == settlement.Conflict {
		exception.Message = "the id belongs to " + by + ", with other content; if both happened, send this one under another id"
	} else {
		exception.Message = "the same as " + by + "; nothing to do"
	}
	return &exception
}
