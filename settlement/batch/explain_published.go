package batch

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"

	"github.com/shopspring/decimal"
)

// published reads the tables of one settled date from the ledger, where every file is compared
// with its digest on record.
type published struct {
	ledger  *books.Ledger
	date    *books.DateRecord
	details map[string][]detailRow
	lines   map[string][]lineRow
}

func newPublished(ledger *books.Ledger, date *books.DateRecord) *published {
	return &published{ledger, date, make(map[string][]detailRow), make(map[string][]lineRow)}
}

// A detailRow is a row of a merchant's detail.
type detailRow struct {
	Line                             int // 0 for own allocations
	ID, Role, Counterparty, Activity string
	BusinessDate                     settlement.Date
	OccurredAt                       string
	Transaction                      string
	LotMerchant, LotID, LotIssuedOn  string
	Points                           int64
	Price                            string
	PerPoints                        int64
	Amount                           decimal.Decimal
}

// A lineRow is a row of a merchant's statement.
type lineRow struct {
	StatementNo                  string
	Line                         int
	Role, Counterparty, Activity string
	BusinessDate                 settlement.Date
	Late                         bool
	PriceID, Price               string
	PerPoints                    int64
	Currency                     string
	Transactions, Points         int64
	Value                        decimal.Decimal
}

// statement returns what is on record about a merchant's statement, or nil.
func (p *published) statement(merchant string) *books.StatementRecord {
	for i := range p.date.Statements {
		if p.date.Statements[i].Merchant == merchant {
			return &p.date.Statements[i]
		}
	}
	return nil
}

// table calls visit with the cells of every row of a merchant's tables of a name: one file, or
// the parts of a large detail in order. There are none without a statement.
func (p *published) table(ctx context.Context, merchant, name string, columns []string, visit func(cells []string) error) error {
	found := p.statement(merchant)
	if found == nil {
		return nil
	}
	for _, file := range found.Files {
		if file.Name != name+".parquet" && !(strings.HasPrefix(file.Name, name+"-") && strings.HasSuffix(file.Name, ".parquet")) {
			continue
		}
		content, err := p.ledger.Read(ctx, file)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := statement.Dump(&text, content, columns); err != nil {
			return fmt.Errorf("%s: %w", file.Place(), err)
		}
		rows, err := csv.NewReader(&text).ReadAll()
		if err != nil {
			return fmt.Errorf("%s: %w", file.Place(), err)
		}
		for _, row := range rows[1:] {
			if err := visit(row); err != nil {
				return fmt.Errorf("%s: %w", file.Place(), err)
			}
		}
	}
	return nil
}

// A cellReader turns cells into values and keeps the first that is none.
type cellReader struct {
	cells []string
	next  int
	err   error
}

func (r *cellReader) text() string {
	r.next++
	return r.cells[r.next-1]
}

// number reads a whole number; a null is 0.
func (r *cellReader) number() int64 {
	text := r.text()
	if text == "" {
		return 0
	}
	value, err := strconv.ParseInt(text, 10, 64)
	r.note(err)
	return value
}

func (r *cellReader) date() settlement.Date {
	value, err := settlement.ParseDate(r.text())
	r.note(err)
	return value
}

func (r *cellReader) amount() decimal.Decimal {
	value, err := decimal.NewFromString(r.text())
	r.note(err)
	return value
}

func (r *cellReader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

var detailColumns = []string{"line_no", "allocation_id", "role", "counterparty_id", "activity", "business_date", "occurred_at",
	"transaction_id", "lot_merchant_id", "lot_id", "lot_issued_on", "points", "price", "per_points", "amount"}

// detail returns a merchant's detail, in its published order.
func (p *published) detail(ctx context.Context, merchant string) ([]detailRow, error) {
	if known, read := p.details[merchant]; read {
		return known, nil
	}
	var rows []detailRow
	err := p.table(ctx, merchant, "detail", detailColumns, func(cells []string) error {
		r := cellReader{cells: cells}
		rows = append(rows, detailRow{
			Line: int(r.number()), ID: r.text(), Role: r.text(), Counterparty: r.text(), Activity: r.text(), BusinessDate: r.date(), OccurredAt: r.text(),
			Transaction: r.text(), LotMerchant: r.text(), LotID: r.text(), LotIssuedOn: r.text(), Points: r.number(), Price: r.text(), PerPoints: r.number(),
			Amount: r.amount(),
		})
		return r.err
	})
	p.details[merchant] = rows
	return rows, err
}

var lineColumns = []string{"statement_no", "line_no", "role", "counterparty_id", "activity", "business_date", "late", "price_id", "price",
	"per_points", "currency", "transactions", "points", "value"}

// statementLines returns a merchant's lines, in their published order.
func (p *published) statementLines(ctx context.Context, merchant string) ([]lineRow, error) {
	if known, read := p.lines[merchant]; read {
		return known, nil
	}
	var rows []lineRow
	err := p.table(ctx, merchant, "statement", lineColumns, func(cells []string) error {
		r := cellReader{cells: cells}
		rows = append(rows, lineRow{
			StatementNo: r.text(), Line: int(r.number()), Role: r.text(), Counterparty: r.text(), Activity: r.text(), BusinessDate: r.date(),
			Late: r.text() == "true", PriceID: r.text(), Price: r.text(), PerPoints: r.number(), Currency: r.text(), Transactions: r.number(),
			Points: r.number(), Value: r.amount(),
		})
		return r.err
	})
	p.lines[merchant] = rows
	return rows, err
}

var exceptionColumns = []string{"file", "row", "transaction_id", "code", "state", "column", "value", "points", "message"}

// exceptions returns what was published about a transaction of a merchant.
func (p *published) exceptions(ctx context.Context, merchant, transaction string) ([]ExceptionFacts, error) {
	var found []ExceptionFacts
	err := p.table(ctx, merchant, "exceptions", exceptionColumns, func(cells []string) error {
		if cells[2] == transaction {
			found = append(found, ExceptionFacts{cells[0], cells[1], cells[3], cells[4], cells[5], cells[6], cells[7], cells[8]})
		}
		return nil
	})
	return found, err
}

// ofTransaction returns the allocations of a redeemer's transaction.
func (p *published) ofTransaction(ctx context.Context, merchant, transaction string) ([]detailRow, error) {
	all, err := p.detail(ctx, merchant)
	var found []detailRow
	for i := range all {
		if all[i].Transaction == transaction && all[i].Role != "issuer" {
			found = append(found, all[i])
		}
	}
	return found, err
}

// issuersCopy returns the issuer's row of an allocation, which names the lot; nil if the issuer
// has no statement.
func (p *published) issuersCopy(ctx context.Context, issuer, id string) (*detailRow, error) {
	all, err := p.detail(ctx, issuer)
	for i := range all {
		if all[i].ID == id && all[i].Role != "redeemer" {
			return &all[i], err
		}
	}
	return nil, err
}

// priceOf returns the price that a row of detail or of a statement shows.
func priceOf(text string, perPoints int64) (settlement.Price, error) {
	amount, err := decimal.NewFromString(text)
	if err != nil {
		return settlement.Price{}, err
	}
	return settlement.Price{Amount: amount.Shift(settlement.PriceDecimals).IntPart(), PerPoints: perPoints}, nil
}
