package batch

import (
	"math/big"
	"strings"

	"alliance/settlement"
)

// exactDecimals is how many decimals of an exact value are written out.
const exactDecimals = 12

// exactValue returns points × price / per_points as a decimal text; one that does not end within
// twelve decimals is cut there and marked with "…".
func exactValue(points int64, price settlement.Price) string {
	numerator := new(big.Int).Mul(big.NewInt(points), big.NewInt(price.Amount))
	return quotientText(numerator, new(big.Int).Mul(big.NewInt(price.PerPoints), tenTo(settlement.PriceDecimals)))
}

// exactQuotient returns a × b / c in the same way.
func exactQuotient(a, b, c int64) string {
	return quotientText(new(big.Int).Mul(big.NewInt(a), big.NewInt(b)), big.NewInt(c))
}

func quotientText(numerator, denominator *big.Int) string {
	sign := ""
	if numerator.Sign() < 0 {
		sign = "-"
		numerator.Neg(numerator)
	}
	numerator.Mul(numerator, tenTo(exactDecimals))
	quotient, remainder := numerator.QuoRem(numerator, denominator, new(big.Int))
	whole, fraction := quotient.QuoRem(quotient, tenTo(exactDecimals), new(big.Int))
	digits := fraction.String()
	digits = strings.Repeat("0", exactDecimals-len(digits)) + digits
	if remainder.Sign() != 0 {
		return sign + whole.String() + "." + digits + "…"
	}
	if digits = strings.TrimRight(digits, "0"); digits != "" {
		digits = "." + digits
	}
	return sign + whole.String() + digits
}

func tenTo(exponent int64) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(exponent), nil)
}

// shareStep works out the share of an allocation of so many points that comes after others.
func shareStep(money settlement.Money, price settlement.Price, place int, before, points int64) (ShareStep, error) {
	upTo, err := settlement.AddPoints(before, points)
	if err != nil {
		return ShareStep{}, err
	}
	valueBefore, err := money.Value(before, price)
	if err != nil {
		return ShareStep{}, err
	}
	valueUpTo, err := money.Value(upTo, price)
	if err != nil {
		return ShareStep{}, err
	}
	return ShareStep{
		Place: place, PointsBefore: before, PointsUpTo: upTo,
		ExactBefore: exactValue(before, price), RoundedBefore: minorText(money, valueBefore),
		ExactUpTo: exactValue(upTo, price), RoundedUpTo: minorText(money, valueUpTo),
		Amount: minorText(money, valueUpTo-valueBefore),
	}, nil
}

func minorText(money settlement.Money, minor int64) string {
	return money.Amount(minor).StringFixed(money.MinorDigits)
}
