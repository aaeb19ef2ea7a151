package settlement

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/shopspring/decimal"
)

// ErrOutOfRange is wrapped by every error that says that a sum does not fit: points beyond
// int64, money beyond DECIMAL(18,4). A run that meets it is refused before anything is published.
var ErrOutOfRange = errors.New("out of range")

// AddPoints returns a + b, or an error that wraps [ErrOutOfRange].
func AddPoints(a, b int64) (int64, error) {
	sum := a + b
	if (b > 0) != (sum > a) && b != 0 {
		return 0, fmt.Errorf("%d + %d points: %w of a 64-bit integer", a, b, ErrOutOfRange)
	}
	return sum, nil
}

// MoneyDecimals is the number of decimals with which money is published: DECIMAL(18,4).
const MoneyDecimals = 4

var moneyLimit = decimal.New(1, 18-MoneyDecimals)

// CheckMoney returns an error that wraps [ErrOutOfRange] if amount is beyond DECIMAL(18,4).
func CheckMoney(amount decimal.Decimal) error {
	if amount.Abs().GreaterThanOrEqual(moneyLimit) {
		return fmt.Errorf("amount %s: %w of DECIMAL(18,4)", amount, ErrOutOfRange)
	}
	return nil
}

// A Rounding says which way money goes that lies exactly between two minor units.
type Rounding string

const (
	// HalfUp rounds away from zero.
	HalfUp Rounding = "half_up"
	// HalfEven rounds to the even neighbour.
	HalfEven Rounding = "half_even"
)

// Money says how amounts of the ledger's currency are rounded.
type Money struct {
	// Currency is the ISO 4217 code.
	Currency string
	// MinorDigits is the number of decimals of the minor unit, 0 to 4.
	MinorDigits int32
	Rounding    Rounding
}

// Round rounds an amount to the minor unit.
func (m Money) Round(amount decimal.Decimal) decimal.Decimal {
	if m.Rounding == HalfEven {
		return amount.RoundBank(m.MinorDigits)
	}
	return amount.Round(m.MinorDigits)
}

// Fits reports whether the amount has no more decimals than the minor unit.
func (m Money) Fits(amount decimal.Decimal) bool {
	return amount.Equal(amount.Truncate(m.MinorDigits))
}

// Amount returns a count of minor units as money.
func (m Money) Amount(minor int64) decimal.Decimal { return decimal.New(minor, -m.MinorDigits) }

// Value returns points × price / per_points in minor units, rounded once. The error wraps
// [ErrOutOfRange].
func (m Money) Value(points int64, price Price) (int64, error) {
	// points × amount / (per_points × 10^(8 - digits))
	numerator := new(big.Int).Mul(big.NewInt(points), big.NewInt(price.Amount))
	denominator := new(big.Int).Mul(big.NewInt(price.PerPoints), powerOfTen(PriceDecimals-m.MinorDigits))
	quotient, remainder := new(big.Int).QuoRem(numerator, denominator, new(big.Int))
	doubled := remainder.Abs(remainder).Lsh(remainder, 1)
	switch doubled.Cmp(denominator) {
	case 1:
		quotient.Add(quotient, big.NewInt(int64(numerator.Sign())))
	case 0:
		if m.Rounding != HalfEven || quotient.Bit(0) == 1 {
			quotient.Add(quotient, big.NewInt(int64(numerator.Sign())))
		}
	}
	if !quotient.IsInt64() || quotient.Int64() == math.MinInt64 {
		return 0, fmt.Errorf("%d points at %s per %d: %w", points, price.Decimal(), price.PerPoints, ErrOutOfRange)
	}
	return quotient.Int64(), nil
}

func powerOfTen(exponent int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}
