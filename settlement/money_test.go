package settlement

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestAddPointsNeverWraps(t *testing.T) {
	edges := []int64{math.MinInt64, math.MinInt64 + 1, -2, -1, 0, 1, 2, math.MaxInt64 - 1, math.MaxInt64}
	check := func(t interface{ Fatalf(string, ...any) }, a, b int64) {
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		sum, err := AddPoints(a, b)
		if exact.IsInt64() && (err != nil || sum != exact.Int64()) {
			t.Fatalf("%d + %d = %d, %v", a, b, sum, err)
		}
		if !exact.IsInt64() && !errors.Is(err, ErrOutOfRange) {
			t.Fatalf("%d + %d is %d, without an error", a, b, sum)
		}
	}
	for _, a := range edges {
		for _, b := range edges {
			check(t, a, b)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")) })
}

// TestValueRoundsOnce holds the value of points against the definition, in fractions.
func TestValueRoundsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := Money{"XXX", rapid.Int32Range(0, 4).Draw(t, "digits"), rapid.SampledFrom([]Rounding{HalfUp, HalfEven}).Draw(t, "rounding")}
		price := Price{"p", rapid.Int64Range(0, 2_000_000_000).Draw(t, "amount"), rapid.SampledFrom([]int64{1, 2, 3, 7, 100, 150, 1000, 999_999_999}).Draw(t, "per points")}
		points := rapid.Int64Range(-MaxPoints, MaxPoints).Draw(t, "points")
		exact := new(big.Rat).SetFrac(
			new(big.Int).Mul(big.NewInt(points), big.NewInt(price.Amount)),
			new(big.Int).Mul(big.NewInt(price.PerPoints), powerOfTen(PriceDecimals-money.MinorDigits)))
		got, err := money.Value(points, price)
		if err != nil {
			t.Fatal(err)
		}
		if expected := roundRat(exact, money.Rounding); expected.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("%s rounded %s is %d, not %s", exact.FloatString(6), money.Rounding, got, expected)
		}
		asDecimal := money.Round(decimal.NewFromBigInt(exact.Num(), 0).DivRound(decimal.NewFromBigInt(exact.Denom(), 0), 30))
		if exact.Denom().BitLen() < 40 && !asDecimal.Equal(decimal.NewFromInt(got)) && money.MinorDigits == 0 {
			t.Fatalf("Round says %s, Value %d", asDecimal, got)
		}
	})
}

func roundRat(exact *big.Rat, rounding Rounding) *big.Int {
	magnitude := new(big.Rat).Abs(exact)
	floor := new(big.Int).Quo(magnitude.Num(), magnitude.Denom())
	rest := new(big.Rat).Sub(magnitude, new(big.Rat).SetInt(floor))
	half := big.NewRat(1, 2)
	if c := rest.Cmp(half); c > 0 || c == 0 && (rounding == HalfUp || floor.Bit(0) == 1) {
		floor.Add(floor, big.NewInt(1))
	}
	if exact.Sign() < 0 {
		floor.Neg(floor)
	}
	return floor
}

func TestRounding(t *testing.T) {
	for _, c := range []struct {
		amount           string
		digits           int32
		halfUp, halfEven string
	}{
		{"0.125", 2, "0.13", "0.12"},
		{"0.135", 2, "0.14", "0.14"},
		{"-0.125", 2, "-0.13", "-0.12"},
		{"2.5", 0, "3", "2"},
		{"-3.5", 0, "-4", "-4"},
		{"0.0005", 3, "0.001", "0"},
		{"1.2349999", 3, "1.235", "1.235"},
	} {
		amount := decimal.RequireFromString(c.amount)
		for rounding, expected := range map[Rounding]string{HalfUp: c.halfUp, HalfEven: c.halfEven} {
			if got := (Money{"XXX", c.digits, rounding}).Round(amount); !got.Equal(decimal.RequireFromString(expected)) {
				t.Errorf("%s %s to %d digits is %s, not %s", c.amount, rounding, c.digits, got, expected)
			}
		}
	}
}

func TestMoneyLimits(t *testing.T) {
	for text, fits := range map[string]bool{
		"99999999999999.9999": true, "-99999999999999.9999": true, "100000000000000": false, "-100000000000000": false, "0": true,
	} {
		err := CheckMoney(decimal.RequireFromString(text))
		if fits != (err == nil) || err != nil && !errors.Is(err, ErrOutOfRange) {
			t.Errorf("%s: %v", text, err)
		}
	}
	cny := Money{"CNY", 2, HalfUp}
	if !cny.Fits(decimal.RequireFromString("1.20")) || cny.Fits(decimal.RequireFromString("1.205")) {
		t.Error("what fits the minor unit is told wrong")
	}
	if _, err := cny.Value(math.MaxInt64, Price{"p", math.MaxInt64, 1}); !errors.Is(err, ErrOutOfRange) {
		t.Error("a value beyond 64 bits:", err)
	}
}
