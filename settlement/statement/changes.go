package statement

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"alliance/settlement"
)

// ChangesFile is the name of the table that says which lines of a statement differ from those of
// the version it supersedes. A first version has none.
const ChangesFile = "changes.parquet"

var changeTable = newTable[changeRow](ChangesFile)

type changeRow struct {
	StatementNo            string `parquet:"name=statement_no, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Version                int32  `parquet:"name=version, type=INT32"`
	Supersedes             int32  `parquet:"name=supersedes, type=INT32"`
	Role                   string `parquet:"name=role, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	CounterpartyID         string `parquet:"name=counterparty_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Activity               string `parquet:"name=activity, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	BusinessDate           int32  `parquet:"name=business_date, type=INT32, convertedtype=DATE"`
	PriceID                string `parquet:"name=price_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Price                  *int64 `parquet:"name=price, type=INT64, convertedtype=DECIMAL, scale=8, precision=18"`
	PerPoints              *int64 `parquet:"name=per_points, type=INT64"`
	Currency               string `parquet:"name=currency, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	TransactionsWas        int64  `parquet:"name=transactions_was, type=INT64"`
	TransactionsIs         int64  `parquet:"name=transactions_is, type=INT64"`
	TransactionsDifference int64  `parquet:"name=transactions_difference, type=INT64"`
	PointsWas              int64  `parquet:"name=points_was, type=INT64"`
	PointsIs               int64  `parquet:"name=points_is, type=INT64"`
	PointsDifference       int64  `parquet:"name=points_difference, type=INT64"`
	ValueWas               int64  `parquet:"name=value_was, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	ValueIs                int64  `parquet:"name=value_is, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
	ValueDifference        int64  `parquet:"name=value_difference, type=INT64, convertedtype=DECIMAL, scale=4, precision=18"`
}

// A LineName is what tells a line of a statement from the others of the same date.
type LineName struct {
	Role         string          `json:"role"`
	Counterparty string          `json:"counterparty_id"`
	Activity     string          `json:"activity"`
	BusinessDate settlement.Date `json:"-"`
	PriceID      string          `json:"price_id"`
	// Price is in units of 10^-8 of the currency for PerPoints points. Both are 0 for an
	// adjustment, which has no price.
	Price     int64  `json:"-"`
	PerPoints int64  `json:"per_points,omitempty"`
	Currency  string `json:"currency"`
}

// compare orders lines as a statement does.
func (n *LineName) compare(m *LineName) int {
	return cmp.Or(cmp.Compare(n.Role, m.Role), cmp.Compare(n.Counterparty, m.Counterparty), cmp.Compare(n.Activity, m.Activity),
		cmp.Compare(n.BusinessDate, m.BusinessDate), cmp.Compare(n.PriceID, m.PriceID), cmp.Compare(n.Price, m.Price),
		cmp.Compare(n.PerPoints, m.PerPoints), cmp.Compare(n.Currency, m.Currency))
}

// LineSums are what a line comes to; all zero where there is no such line.
type LineSums struct {
	Transactions int64
	Points       int64
	// Value is positive if the merchant receives it, in units of 10^-4 of the currency.
	Value int64
}

// Amount returns the value in the currency.
func (s LineSums) Amount() decimal.Decimal { return decimal.New(s.Value, -settlement.MoneyDecimals) }

// A LineChange is a line that two statements do not both have alike.
type LineChange struct {
	LineName
	Was, Is LineSums
}

// minus returns what is added from one to the other.
func (s LineSums) minus(other LineSums) (LineSums, error) {
	points, err := settlement.AddPoints(s.Points, -other.Points)
	if err != nil {
		return LineSums{}, err
	}
	return LineSums{s.Transactions - other.Transactions, points, s.Value - other.Value}, nil
}

// LineChanges compares the lines of two statements of a merchant from their statement.parquet:
// every line that differs in transactions, points or value, in the order of a statement.
// byBusinessDate is false to take lines of different business dates for the same one.
func LineChanges(was, is []byte, byBusinessDate bool) ([]LineChange, error) {
	changes := make(map[LineName]*LineChange)
	for i, body := range [][]byte{was, is} {
		read, err := readFrame(body, "role", "counterparty_id", "activity", "business_date", "price_id", "price", "per_points", "currency",
			"transactions", "points", "value")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", statementTable.file, err)
		}
		if err := read.addLines(changes, i == 0, byBusinessDate); err != nil {
			return nil, err
		}
	}
	var list []LineChange
	for _, change := range changes {
		if change.Was != change.Is {
			list = append(list, *change)
		}
	}
	slices.SortFunc(list, func(a, b LineChange) int { return a.compare(&b.LineName) })
	return list, nil
}

// addLines adds the lines of a statement.parquet, its columns in the order of LineName and
// LineSums, to those that were, or are.
func (f *frame) addLines(changes map[LineName]*LineChange, was, byBusinessDate bool) (err error) {
	cursors := f.cursors()
	text := func(i int) string { return cursors[i].column.texts[cursors[i].advance()] }
	number := func(i int) int64 {
		if at := cursors[i].advance(); at >= 0 {
			return cursors[i].column.numbers[at]
		}
		return 0
	}
	for range f.rows {
		name := LineName{text(0), text(1), text(2), settlement.Date(number(3)), text(4), number(5), number(6), text(7)}
		if !byBusinessDate {
			name.BusinessDate = settlement.NoDate
		}
		line := LineSums{number(8), number(9), number(10)}
		change := changes[name]
		if change == nil {
			change = &LineChange{LineName: name}
			changes[name] = change
		}
		sums := &change.Is
		if was {
			sums = &change.Was
		}
		if sums.Points, err = settlement.AddPoints(sums.Points, line.Points); err != nil {
			return err
		}
		sums.Transactions += line.Transactions
		sums.Value += line.Value
	}
	return nil
}

func (v *view) changeRows(changes []LineChange) ([]changeRow, error) {
	var c converter
	rows := make([]changeRow, len(changes))
	for i := range changes {
		change := &changes[i]
		difference, err := change.Is.minus(change.Was)
		if err != nil {
			return nil, err
		}
		rows[i] = changeRow{
			StatementNo: v.no(), Version: int32(v.head.Version), Supersedes: int32(v.head.Supersedes),
			Role: change.Role, CounterpartyID: change.Counterparty, Activity: change.Activity, BusinessDate: int32(change.BusinessDate),
			PriceID: change.PriceID, Currency: change.Currency,
			TransactionsWas: change.Was.Transactions, TransactionsIs: change.Is.Transactions, TransactionsDifference: difference.Transactions,
			PointsWas: change.Was.Points, PointsIs: change.Is.Points, PointsDifference: difference.Points,
			ValueWas: change.Was.Value, ValueIs: change.Is.Value, ValueDifference: c.money("value_difference", difference.Amount()),
		}
		if change.PerPoints != 0 {
			rows[i].Price, rows[i].PerPoints = &change.Price, &change.PerPoints
		}
	}
	return rows, c.err
}

// tallyChanges counts what changes.parquet must hold. That the differences add up to those of
// the two statements is checked where both are known.
func (v *view) tallyChanges(changes []LineChange) tallies {
	t := tallies{rows: int64(len(changes))}
	for i := range changes {
		change := &changes[i]
		t.text("statement_no", v.no())
		t.number("version", int64(v.head.Version))
		t.number("supersedes", int64(v.head.Supersedes))
		t.text("role", change.Role)
		t.text("counterparty_id", change.Counterparty)
		t.text("activity", change.Activity)
		t.date("business_date", change.BusinessDate)
		t.text("price_id", change.PriceID)
		t.none("price")
		t.none("per_points")
		if change.PerPoints != 0 {
			t.number("price", change.Price)
			t.number("per_points", change.PerPoints)
		}
		t.text("currency", change.Currency)
		t.difference("transactions", change.Was.Transactions, change.Is.Transactions)
		t.difference("points", change.Was.Points, change.Is.Points)
		t.difference("value", change.Was.Value, change.Is.Value)
	}
	return t
}

func (t *tallies) difference(column string, was, is int64) {
	t.number(column+"_was", was)
	t.number(column+"_is", is)
	t.number(column+"_difference", is-was)
}
