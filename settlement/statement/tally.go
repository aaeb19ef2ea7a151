package statement

import (
	"fmt"
	"math/big"
	"math/bits"

	"github.com/shopspring/decimal"
	"github.com/zeebo/xxh3"

	"alliance/settlement"
)

// A tally is what a column of a table comes to: how many values it has, the sum of its numbers
// (dates as days, flags as 0 or 1), and a digest of its texts in order.
type tally struct {
	column string
	values int64
	sum    wide
	digest uint64
}

// tallies are the tallies of a table's columns.
type tallies struct {
	rows    int64
	columns []tally
}

// at returns the tally of a column, making it if it is new.
func (t *tallies) at(name string) *tally {
	for i := range t.columns {
		if t.columns[i].column == name {
			return &t.columns[i]
		}
	}
	t.columns = append(t.columns, tally{column: name})
	return &t.columns[len(t.columns)-1]
}

func (t *tallies) number(column string, value int64) {
	t.at(column).addNumber(value)
}

func (t *tallies) date(column string, value settlement.Date) { t.number(column, int64(value)) }

func (t *tallies) flag(column string, value bool) { t.number(column, oneIf(value)) }

// money counts an amount in units of 10^-4. It does not share the conversion with the rows.
func (t *tallies) money(column string, amount decimal.Decimal) {
	t.scaled(column, amount, settlement.MoneyDecimals)
}

func (t *tallies) scaled(column string, amount decimal.Decimal, decimals int32) {
	tally := t.at(column)
	tally.values++
	if !amount.IsZero() {
		tally.sum.add(amount.Shift(decimals).IntPart())
	}
}

// none counts a null.
func (t *tallies) none(column string) { t.at(column) }

func (t *tallies) text(column, value string) {
	tally := t.at(column)
	tally.values++
	tally.digest = digestText(tally.digest, xxh3.HashString(cell(value)))
}

func (t *tallies) textOrNone(column, value string) {
	if value == "" {
		t.none(column)
		return
	}
	t.text(column, value)
}

// digestText chains the hashes of the texts, so that their order and where each ends matter.
func digestText(digest, hash uint64) uint64 {
	const prime = 1099511628211
	return (digest ^ hash) * prime
}

func (t *tally) addNumber(value int64) {
	t.values++
	t.sum.add(value)
}

func (t *tally) addText(value []byte) {
	t.values++
	t.digest = digestText(t.digest, xxh3.Hash(value))
}

// addRow has nothing to count: nulls are the rows without a value.
func (t *tally) addRow(bool) {}

// tallyTable returns the tallies of what is read back of a table, or of its named columns only, if any are named. The values
// themselves are never all in memory.
func tallyTable(body []byte, names ...string) (result tallies, err error) {
	result.rows, err = readBack(body, names, func(columns int) { result.columns = make([]tally, columns) }, func(i int, described *column) sink {
		result.columns[i].column = described.name
		return &result.columns[i]
	})
	return result, err
}

// compare returns an error that says in which column, and by how much, what was read differs
// from what the night says.
func (t *tallies) compare(want *tallies) error {
	if t.rows != want.rows {
		return fmt.Errorf("it has %d rows, the night says %d", t.rows, want.rows)
	}
	for i := range t.columns {
		got := &t.columns[i]
		expected := want.at(got.column)
		switch {
		case got.values != expected.values:
			return fmt.Errorf("column %s has %d values that are not null, the night says %d", got.column, got.values, expected.values)
		case got.sum != expected.sum:
			return fmt.Errorf("the sum of column %s is %s, the night's is %s (in its smallest units)", got.column, got.sum, expected.sum)
		case got.digest != expected.digest:
			return fmt.Errorf("the texts of column %s are not the night's", got.column)
		}
	}
	if len(want.columns) != len(t.columns) {
		return fmt.Errorf("it has %d columns, the night's has %d", len(t.columns), len(want.columns))
	}
	return nil
}

// A wide is a 128-bit integer in two's complement: no sum of 64-bit numbers that fits in
// memory goes beyond it.
type wide struct{ high, low uint64 }

func (w *wide) add(value int64) {
	low, carry := bits.Add64(w.low, uint64(value), 0)
	high, _ := bits.Add64(w.high, uint64(value>>63), carry)
	w.high, w.low = high, low
}

// String returns the number in decimal.
func (w wide) String() string {
	number := new(big.Int).Lsh(big.NewInt(int64(w.high)), 64)
	return number.Add(number, new(big.Int).SetUint64(w.low)).String()
}

// plus returns the sum of two wides.
func (w wide) plus(other wide) wide {
	low, carry := bits.Add64(w.low, other.low, 0)
	high, _ := bits.Add64(w.high, other.high, carry)
	return wide{high, low}
}
