package rules

import (
	"regexp"

	"alliance/settlement"

	"github.com/shopspring/decimal"
)

var amountForm = regexp.MustCompile(`^[0-9]{1,32}(\.[0-9]{1,32})?$`)

// exact reads a decimal written as text with at most so many digits before the point and
// decimals after it. ok is false if it is absent or wrong.
func (f *fields) exact(name, expected string, digits, decimals int32) (amount decimal.Decimal, ok bool) {
	_, source := f.find(name)
	if source == nil {
		return decimal.Decimal{}, false
	}
	if source.kind == wholeValue || source.kind == numberValue {
		f.wrong(source, name, "%s must be written in quotes to stay exact: \"%s\"", expected, shorten(source.text))
		return decimal.Decimal{}, false
	}
	text, _, ok := f.scalar(name, expected)
	if !ok {
		return decimal.Decimal{}, false
	}
	if !amountForm.MatchString(text) {
		f.wrong(source, name, "%q is not %s: digits, and decimals after a point; no sign, no exponent", shorten(text), expected)
		return decimal.Decimal{}, false
	}
	amount = decimal.RequireFromString(text)
	switch {
	case !amount.Equal(amount.Truncate(decimals)):
		f.wrong(source, name, "%s has more than %d decimals", text, decimals)
	case amount.GreaterThanOrEqual(decimal.New(1, digits)):
		f.wrong(source, name, "%s is too much, it must be less than %s", text, decimal.New(1, digits))
	default:
		return amount, true
	}
	return decimal.Decimal{}, false
}

// money reads an amount that fits the currency's minor unit; the standard value if absent.
func (f *fields) money(name string) decimal.NullDecimal {
	known, source := f.find(name)
	if source == nil {
		if known.standard == "" {
			return decimal.NullDecimal{}
		}
		return decimal.NewNullDecimal(decimal.RequireFromString(known.standard))
	}
	amount, ok := f.exact(name, "an amount of money", moneyDigits, settlement.MoneyDecimals)
	if !ok {
		return decimal.NullDecimal{}
	}
	if money := f.parser.money; money.Currency != "" && !money.Fits(amount) {
		f.wrong(source, name, "%s does not fit the minor unit of %s, which has %d decimals", amount, money.Currency, money.MinorDigits)
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(amount)
}

var one = decimal.NewFromInt(1)

// share reads a rate or share from 0 to 1.
func (f *fields) share(name string) decimal.Decimal {
	known, source := f.find(name)
	if source == nil {
		share, _ := decimal.NewFromString(known.standard) // none for a required key
		return share
	}
	share, ok := f.exact(name, "a share from 0 to 1", 32, shareDecimals)
	if ok && share.GreaterThan(one) {
		f.wrong(source, name, "%s is not from 0 to 1", share)
	}
	return share
}

// price reads the money of a price in units of 10^-8.
func (f *fields) price(name string) int64 {
	amount, ok := f.exact(name, "a price", priceDigits, settlement.PriceDecimals)
	if !ok {
		return 0
	}
	return amount.Shift(settlement.PriceDecimals).IntPart()
}
