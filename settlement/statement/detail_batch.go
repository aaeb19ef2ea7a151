package statement

import (
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v17/parquet"

	"alliance/settlement"
)

// A batch gathers the rows of one row group column by column. Values are dense: a null has none,
// and shows in the column's levels alone (1 a value, 0 a null).
type batch struct {
	view *view
	// factor turns minor units into units of 10^-4; amounts from limit on do not fit.
	factor, limit int64
	rows          int

	lineNo, businessDate, lotIssuedOn            []int32
	occurredAt, points, price, perPoints, amount []int64
	late                                         []bool
	allocationID, transactionID, lotID           []parquet.ByteArray
	statementNo, role, activity                  []int32
	counterparty, lotMerchant                    dictionary
	// lineLevels are those of line_no, price and per_points; lotLevels those of the lot's columns.
	lineLevels, transactionLevels, lotLevels []int16

	// texts holds the bytes of the ids.
	texts []byte
	namer settlement.AllocationNamer
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// takeBatch returns an empty batch for the rows of one merchant.
func takeBatch(v *view) *batch {
	b := batches.Get().(*batch)
	b.view = v
	b.factor = 1
	for range settlement.MoneyDecimals - v.night.Money.MinorDigits {
		b.factor *= 10
	}
	b.limit = largest / b.factor
	b.counterparty.size(v.night.Parties.Len())
	b.lotMerchant.size(v.night.Parties.Len())
	return b
}

func (b *batch) giveBack() {
	b.clear()
	b.view = nil
	batches.Put(b)
}

// clear empties the batch but keeps its memory.
func (b *batch) clear() {
	b.rows = 0
	b.lineNo, b.businessDate, b.lotIssuedOn = b.lineNo[:0], b.businessDate[:0], b.lotIssuedOn[:0]
	b.occurredAt, b.points, b.price = b.occurredAt[:0], b.points[:0], b.price[:0]
	b.perPoints, b.amount, b.late = b.perPoints[:0], b.amount[:0], b.late[:0]
	b.allocationID, b.transactionID, b.lotID = b.allocationID[:0], b.transactionID[:0], b.lotID[:0]
	b.statementNo, b.role, b.activity = b.statementNo[:0], b.role[:0], b.activity[:0]
	b.lineLevels, b.transactionLevels, b.lotLevels = b.lineLevels[:0], b.transactionLevels[:0], b.lotLevels[:0]
	b.texts = b.texts[:0]
	b.counterparty.clear()
	b.lotMerchant.clear()
}

// sums adds up what was gathered.
func (b *batch) sums() detailSums {
	sums := detailSums{rows: int64(b.rows)}
	for _, points := range b.points {
		sums.points.add(points)
	}
	for _, amount := range b.amount {
		sums.amount.add(amount)
	}
	return sums
}

// add gathers some rows of a span.
func (b *batch) add(s *span, allocations []settlement.Allocation) error {
	n := len(allocations)
	b.rows += n
	b.statementNo = fill(b.statementNo, 0, n)
	b.role = fill(b.role, int32(s.role), n)
	b.counterparty.add(s.counterparty, n)
	if s.role == own {
		b.lineLevels = fill(b.lineLevels, 0, n)
	} else {
		b.lineLevels = fill(b.lineLevels, 1, n)
		b.lineNo = fill(b.lineNo, s.number, n)
		b.price = fill(b.price, s.line.Price.Amount, n)
		b.perPoints = fill(b.perPoints, s.line.Price.PerPoints, n)
	}
	if s.role == issuer {
		b.transactionLevels = fill(b.transactionLevels, 0, n)
	} else {
		b.transactionLevels = fill(b.transactionLevels, 1, n)
	}
	if s.role == redeemer {
		b.lotLevels = fill(b.lotLevels, 0, n)
		b.lotMerchant.skip(n)
	}
	factor := b.factor * s.role.sign()
	for i := range allocations {
		a := &allocations[i]
		if a.Amount >= b.limit || a.Amount <= -b.limit {
			return fmt.Errorf("allocation %d of %s at %s: amount of %d minor units: %w of DECIMAL(18,4)",
				a.Number, a.TransactionID, b.view.night.Parties.ID(a.Redeemer), a.Amount, settlement.ErrOutOfRange)
		}
		b.amount = append(b.amount, a.Amount*factor)
		b.points = append(b.points, a.Points)
		b.occurredAt = append(b.occurredAt, int64(a.OccurredAt))
		b.businessDate = append(b.businessDate, int32(a.BusinessDate))
		b.late = append(b.late, a.BusinessDate < b.view.night.Date)
		b.activity = append(b.activity, int32(a.Activity))
		b.allocationID = append(b.allocationID, b.identify(a))
		if s.role != issuer {
			b.transactionID = append(b.transactionID, b.keep(a.TransactionID))
		}
		if s.role != redeemer {
			b.addLot(a)
		}
	}
	return nil
}

func (b *batch) addLot(a *settlement.Allocation) {
	if !a.HasLot {
		b.lotLevels = append(b.lotLevels, 0)
		b.lotMerchant.skip(1)
		return
	}
	b.lotLevels = append(b.lotLevels, 1)
	b.lotMerchant.add(a.Lot.Merchant, 1)
	b.lotID = append(b.lotID, b.keep(a.Lot.TransactionID))
	b.lotIssuedOn = append(b.lotIssuedOn, int32(a.Lot.BusinessDate))
}

// keep copies a text into the batch's own memory.
func (b *batch) keep(text string) parquet.ByteArray {
	start := len(b.texts)
	b.texts = append(b.texts, text...)
	return b.texts[start:len(b.texts):len(b.texts)]
}

// identify returns what [settlement.AllocationID] returns, without making strings.
func (b *batch) identify(a *settlement.Allocation) parquet.ByteArray {
	id := a.ID
	if id == (settlement.Digest{}) {
		id = b.namer.ID(b.view.night.Parties.ID(a.Redeemer), a.BusinessDate, a.TransactionID, b.view.night.Date, a.Number)
	}
	start := len(b.texts)
	b.texts = hex.AppendEncode(b.texts, id[:])
	return b.texts[start:len(b.texts):len(b.texts)]
}

// fill appends a value n times.
func fill[V any](values []V, value V, n int) []V {
	for range n {
		values = append(values, value)
	}
	return values
}

// A dictionary gathers a column of parties as indices into the list of those that occur, in
// the order in which they first do: a file must not list parties that its merchant has no
// dealings with.
type dictionary struct {
	// place of each party in used, counted from 1; 0 if it does not occur.
	place   []int32
	used    []settlement.Party
	indices []int32
}

func (d *dictionary) size(parties int) {
	if len(d.place) < parties {
		d.place = make([]int32, parties)
	}
}

func (d *dictionary) add(party settlement.Party, n int) {
	if d.place[party] == 0 {
		d.used = append(d.used, party)
		d.place[party] = int32(len(d.used))
	}
	d.indices = fill(d.indices, d.place[party]-1, n)
}

// skip leaves room for nulls.
func (d *dictionary) skip(n int) { d.indices = fill(d.indices, 0, n) }

func (d *dictionary) clear() {
	for _, party := range d.used {
		d.place[party] = 0
	}
	d.used, d.indices = d.used[:0], d.indices[:0]
}

// names returns the ids of the parties that occur.
func (d *dictionary) names(parties settlement.Parties) []string {
	names := make([]string, len(d.used))
	for i, party := range d.used {
		names[i] = parties.ID(party)
	}
	return names
}
