package statement

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"alliance/settlement"
)

// A converter turns the night's values into those of the tables. It keeps the first error, so
// that a row can be converted as one literal.
type converter struct{ err error }

// money returns an amount in units of 10^-4.
func (c *converter) money(column string, amount decimal.Decimal) int64 {
	return c.scaled(column, amount, settlement.MoneyDecimals)
}

// rate returns a rate in units of 10^-8.
func (c *converter) rate(column string, rate decimal.Decimal) int64 {
	return c.scaled(column, rate, settlement.PriceDecimals)
}

// largest is the first number beyond DECIMAL(18, …).
const largest = 1_000_000_000_000_000_000

func (c *converter) scaled(column string, amount decimal.Decimal, decimals int32) int64 {
	if amount.IsZero() {
		return 0
	}
	shifted := amount.Shift(decimals)
	if !shifted.IsInteger() {
		c.fail(fmt.Errorf("column %s: %s has more than %d decimals", column, amount, decimals))
		return 0
	}
	whole := shifted.BigInt()
	if !whole.IsInt64() || whole.Int64() >= largest || whole.Int64() <= -largest {
		c.fail(fmt.Errorf("column %s: amount %s: %w of DECIMAL(18,%d)", column, amount, settlement.ErrOutOfRange, decimals))
		return 0
	}
	return whole.Int64()
}

// price returns a price's amount and per points, both nil for a line that has no price.
func (c *converter) price(line *settlement.Line) (amount, perPoints *int64) {
	if !priced(line) {
		return nil, nil
	}
	if line.Price.Amount >= largest || line.Price.Amount <= -largest {
		c.fail(fmt.Errorf("column price: %s: %w of DECIMAL(18,8)", line.Price.Decimal(), settlement.ErrOutOfRange))
	}
	return &line.Price.Amount, &line.Price.PerPoints
}

func (c *converter) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// priced reports whether the line's value comes from a price: an adjustment's does not.
func priced(line *settlement.Line) bool { return line.Activity != settlement.AdjustmentActivity }

// cell returns a text as it may stand in a column of UTF-8: what is not, from a broken file or a
// strange file name, is replaced by U+FFFD, or no reader would open the table.
func cell(text string) string {
	if utf8.ValidString(text) {
		return text // what nearly all are, and it is seen at a glance
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// textOrNull returns nil for "".
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	text = cell(text)
	return &text
}

// textAt is textOrNull of a text that stays as it is, and which the row may point to.
func textAt(text *string) *string {
	if *text == "" || utf8.ValidString(*text) {
		return orNull(text)
	}
	return textOrNull(*text)
}

// orNull returns nil for what is nothing: an empty text, or the row of a whole file.
func orNull[V comparable](value *V) *V {
	var nothing V
	if *value == nothing {
		return nil
	}
	return value
}

// exceptionPoints returns the points of the codes that have them, else nil.
func exceptionPoints(exception *settlement.Exception) *int64 {
	switch exception.Code {
	case settlement.Uncovered, settlement.Unfunded, settlement.ClawbackShortfall:
		return &exception.Points
	default:
		return nil
	}
}

// balance returns an opening or closing balance, nil on a ledger that keeps no lots.
func balance(night *settlement.Night, points *int64) *int64 {
	if !night.Tracked {
		return nil
	}
	return points
}
