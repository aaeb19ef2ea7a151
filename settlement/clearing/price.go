package clearing

import (
	"fmt"
	"math"
	"math/bits"

	"alliance/settlement"
)

// PriceLines makes the lines of a settlement date: each tally is priced and rounded once, each
// adjustment is a line of its own. The result is in order of lines. The error wraps
// [settlement.ErrOutOfRange] if a value leaves DECIMAL(18,4), and is a [*LineError] if it is that of a tally.
func PriceLines(money settlement.Money, tallies []LineTally, adjustments []settlement.Adjustment, date settlement.Date) ([]settlement.Line, error) {
	lines := make([]settlement.Line, 0, len(tallies)+len(adjustments))
	for i := range tallies {
		line, err := priceLine(money, &tallies[i])
		if err != nil {
			return nil, &LineError{tallies[i].Key, err}
		}
		lines = append(lines, line)
	}
	for i := range adjustments {
		line := adjustmentLine(&adjustments[i], date)
		if err := settlement.CheckMoney(line.Value); err != nil {
			return nil, fmt.Errorf("adjustment %s: %w", adjustments[i].ID, err)
		}
		lines = append(lines, line)
	}
	sortLines(lines)
	assertLinesInOrder(lines)
	return lines, nil
}

// A LineError says which line cannot be priced, to whoever knows the ids of its parties.
type LineError struct {
	Key settlement.LineKey
	Err error
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s of business date %s at price %s: %v", e.Key.Activity, e.Key.BusinessDate, e.Key.Price.ID, e.Err)
}

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

func priceLine(money settlement.Money, tally *LineTally) (settlement.Line, error) {
	minor, err := money.Value(tally.Points, tally.Key.Price)
	if err != nil {
		return settlement.Line{}, fmt.Errorf("value: %w", err)
	}
	value := money.Amount(minor)
	if err := settlement.CheckMoney(value); err != nil {
		return settlement.Line{}, fmt.Errorf("value of %d points: %w", tally.Points, err)
	}
	return settlement.Line{LineKey: tally.Key, Transactions: tally.Transactions, Points: tally.Points, Value: value}, nil
}

func adjustmentLine(adjustment *settlement.Adjustment, date settlement.Date) settlement.Line {
	return settlement.Line{
		LineKey: settlement.LineKey{
			Issuer:       adjustment.Payer,
			Redeemer:     adjustment.Payee,
			Activity:     settlement.AdjustmentActivity,
			BusinessDate: date,
			Price:        settlement.Price{ID: adjustment.ID},
		},
		Transactions: 1,
		Value:        adjustment.Amount,
	}
}

// A LinePricer divides the value of a line among its allocations: the amount of each is what the
// rounded value of all up to it grows by, so that they always add up to the line.
type LinePricer struct {
	line           *settlement.Line
	price          exactPrice
	points, valued int64
}

// NewLinePricer returns a LinePricer at the start of a line.
func NewLinePricer(money settlement.Money, line *settlement.Line) LinePricer {
	return LinePricer{line: line, price: newExactPrice(money, line.Price)}
}

// Price sets the amounts of the line's next allocations, which must be in order of
// [settlement.CompareAllocations]; it is a mistake of the caller, and a panic, if they are not, or are of another
// line. The error wraps [settlement.ErrOutOfRange].
func (p *LinePricer) Price(next []settlement.Allocation) error {
	for i := range next {
		allocation := &next[i]
		if allocation.LineKey() != p.line.LineKey {
			panic(fmt.Sprintf("an allocation of line %+v is priced with line %+v", allocation.LineKey(), p.line.LineKey))
		}
		if i > 0 && settlement.CompareAllocations(&next[i-1], allocation) >= 0 {
			panic(fmt.Sprintf("the allocations of line %+v are not in order", p.line.LineKey))
		}
		upTo, err := p.upTo(allocation.Points)
		if err != nil {
			return err
		}
		allocation.Amount = upTo - p.valued
		p.valued = upTo
	}
	return nil
}

// upTo adds points and returns what all of them so far are worth, in minor units.
func (p *LinePricer) upTo(points int64) (valued int64, err error) {
	if p.points, err = settlement.AddPoints(p.points, points); err != nil {
		return 0, err
	}
	return p.price.value(p.points)
}

// Finish panics unless the allocations add up to the line.
func (p *LinePricer) Finish() {
	if p.points != p.line.Points || !p.price.money.Amount(p.valued).Equal(p.line.Value) {
		panic(fmt.Sprintf("the allocations of line %+v add up to %d points and %s, the line to %d and %s",
			p.line.LineKey, p.points, p.price.money.Amount(p.valued), p.line.Points, p.line.Value))
	}
}

// An exactPrice answers [settlement.Money.Value] for one price with products of 128 bits, and
// leaves the rare price or sum that needs more to it.
type exactPrice struct {
	money settlement.Money
	price settlement.Price
	// amount / denominator is the price of a point in minor units, without its sign.
	amount, denominator uint64
	negative            bool
	// tooWide is true if the denominator does not fit.
	tooWide bool
}

func newExactPrice(money settlement.Money, price settlement.Price) exactPrice {
	p := exactPrice{money: money, price: price, amount: magnitude(price.Amount), negative: price.Amount < 0}
	scale := uint64(1)
	for range settlement.PriceDecimals - money.MinorDigits {
		scale *= 10
	}
	high, low := bits.Mul64(uint64(price.PerPoints), scale)
	p.denominator = low
	p.tooWide = high != 0 || price.PerPoints <= 0
	return p
}

func (p *exactPrice) value(points int64) (int64, error) {
	high, low := bits.Mul64(magnitude(points), p.amount)
	if p.tooWide || high >= p.denominator {
		return p.money.Value(points, p.price)
	}
	quotient, remainder := bits.Div64(high, low, p.denominator)
	if quotient >= math.MaxInt64 {
		return p.money.Value(points, p.price)
	}
	// The remainder is compared with what is missing to the denominator: doubling might overflow.
	missing := p.denominator - remainder
	if remainder > missing || remainder == missing && (p.money.Rounding != settlement.HalfEven || quotient%2 == 1) {
		quotient++
	}
	if (points < 0) != p.negative {
		return -int64(quotient), nil
	}
	return int64(quotient), nil
}

func magnitude(value int64) uint64 {
	if value < 0 {
		return -uint64(value)
	}
	return uint64(value)
}
