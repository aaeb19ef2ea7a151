package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/shopspring/decimal"
)

// A nightMaker makes the night that a published detail was written from, to have it encoded again.
type nightMaker struct {
	parties     settlement.Parties
	money       settlement.Money
	alliance    settlement.Party
	date        settlement.Date
	lines       map[settlement.LineKey]*drafted
	onUs        map[settlement.Party][]settlement.Allocation
	allocations int64
}

// A drafted line gathers its allocations.
type drafted struct {
	allocations []settlement.Allocation
	points      int64
	// amount is the line's value in minor units.
	amount int64
	// lots counts the allocations that know their lot: both copies of a line are in the same order, and
	// the lots are in the issuer's.
	lots int
}

// read takes in a detail file: the redeemer's copies and the merchant's own, or, on the second way
// through all files, the issuer's.
func (m *nightMaker) read(path string, issuers bool) error {
	id := strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(path))), "merchant=")
	merchant := m.parties.Find(id)
	if merchant == settlement.NoParty {
		return fmt.Errorf("%s: %q is not in the rulebook", path, id)
	}
	content, err := os.Open(path)
	if err != nil {
		return err
	}
	reader, err := file.NewParquetReader(content)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer reader.Close()
	arrows, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{BatchSize: 64 << 10}, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	records, err := arrows.GetRecordReader(context.Background(), nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer records.Release()
	for records.Next() {
		if issuers {
			err = m.gatherLots(columnsOf(records.Record()), merchant)
		} else {
			m.gather(columnsOf(records.Record()), merchant)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// detailColumns are those of a published detail that are of interest.
type detailColumns struct {
	rows                                                int
	role, counterparty, transaction, lotMerchant, lotID *array.String
	occurred                                            *array.Timestamp
	lotIssued                                           *array.Date32
	points, perPoints                                   *array.Int64
	price, amount                                       *array.Decimal128
}

func columnsOf(record arrow.Record) *detailColumns {
	column := func(name string) arrow.Array { return record.Column(record.Schema().FieldIndices(name)[0]) }
	text := func(name string) *array.String { return column(name).(*array.String) }
	return &detailColumns{
		rows: int(record.NumRows()), role: text("role"), counterparty: text("counterparty_id"), transaction: text("transaction_id"),
		lotMerchant: text("lot_merchant_id"), lotID: text("lot_id"),
		occurred: column("occurred_at").(*array.Timestamp), lotIssued: column("lot_issued_on").(*array.Date32),
		points: column("points").(*array.Int64), perPoints: column("per_points").(*array.Int64),
		price: column("price").(*array.Decimal128), amount: column("amount").(*array.Decimal128),
	}
}

// key returns the line of a row. The price's id is not in the detail: its text stands for it.
func (m *nightMaker) key(c *detailColumns, i int, issuer, redeemer settlement.Party) settlement.LineKey {
	price := settlement.Price{Amount: int64(c.price.Value(i).LowBits()), PerPoints: c.perPoints.Value(i)}
	price.ID = price.Decimal().String()
	return settlement.LineKey{Issuer: issuer, Redeemer: redeemer, Activity: settlement.RedemptionActivity, BusinessDate: m.date, Price: price}
}

func (m *nightMaker) lot(c *detailColumns, i int) settlement.LotKey {
	return settlement.LotKey{Merchant: m.parties.Find(c.lotMerchant.Value(i)), BusinessDate: settlement.Date(c.lotIssued.Value(i)), TransactionID: c.lotID.Value(i)}
}

func (m *nightMaker) gather(c *detailColumns, merchant settlement.Party) {
	for i := range c.rows {
		if c.role.Value(i) == "issuer" {
			continue
		}
		m.allocations++
		made := settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: merchant, Redeemer: merchant, BusinessDate: m.date,
			Points: c.points.Value(i), TransactionID: c.transaction.Value(i), OccurredAt: settlement.Instant(c.occurred.Value(i)), HasLot: true}
		if c.role.Value(i) == "own" {
			made.Lot = m.lot(c, i)
			m.onUs[merchant] = append(m.onUs[merchant], made)
			continue
		}
		made.Issuer = m.parties.Find(c.counterparty.Value(i))
		key := m.key(c, i, made.Issuer, merchant)
		made.Price, made.Amount = key.Price, m.minor(c.amount.Value(i).LowBits())
		made.Lot.Merchant = made.Issuer
		line := m.lines[key]
		if line == nil {
			line = new(drafted)
			m.lines[key] = line
		}
		line.allocations = append(line.allocations, made)
		line.points += made.Points
		line.amount += made.Amount
	}
}

func (m *nightMaker) gatherLots(c *detailColumns, merchant settlement.Party) error {
	for i := range c.rows {
		if c.role.Value(i) != "issuer" {
			continue
		}
		line := m.lines[m.key(c, i, merchant, m.parties.Find(c.counterparty.Value(i)))]
		if line == nil || line.lots == len(line.allocations) {
			return fmt.Errorf("row %d is not in the detail of %s", i+1, c.counterparty.Value(i))
		}
		line.allocations[line.lots].Lot = m.lot(c, i)
		line.lots++
	}
	return nil
}

// minor turns a published amount, in units of 10^-4, into minor units.
func (m *nightMaker) minor(amount uint64) int64 {
	unit := int64(1)
	for range settlement.MoneyDecimals - m.money.MinorDigits {
		unit *= 10
	}
	return int64(amount) / unit
}

func (m *nightMaker) night() (*settlement.Night, *settlement.MemoryDetail) {
	night := &settlement.Night{Date: m.date, Parties: m.parties, Alliance: m.alliance, Money: m.money, Tracked: true}
	detail := &settlement.MemoryDetail{}
	night.Detail = detail
	night.Statements = make([]settlement.Statement, 0, m.parties.Len())
	heads := make([]settlement.Statement, m.parties.Len())
	keys := make([]settlement.LineKey, 0, len(m.lines))
	for key := range m.lines {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b settlement.LineKey) int { return settlement.CompareLineKeys(&a, &b) })
	for _, key := range keys {
		line := m.lines[key]
		value := decimal.New(line.amount, -int32(m.money.MinorDigits))
		night.Lines = append(night.Lines, settlement.Line{LineKey: key, Transactions: int64(len(line.allocations)), Points: line.points, Value: value})
		detail.Of = append(detail.Of, line.allocations)
		heads[key.Issuer].Payable = heads[key.Issuer].Payable.Add(value)
		heads[key.Redeemer].Receivable = heads[key.Redeemer].Receivable.Add(value)
	}
	for party := range settlement.Party(m.parties.Len()) {
		if party == m.alliance {
			continue
		}
		heads[party].Merchant, heads[party].Version, heads[party].Complete = party, 1, true
		night.Statements = append(night.Statements, heads[party])
		detail.OnUs = append(detail.OnUs, m.onUs[party]...)
	}
	return night, detail
}
