package clearing

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"alliance/settlement"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// wide draws numbers from 1 of every length, so that products fall on both sides of each limit.
var wide = rapid.Custom(func(t *rapid.T) int64 {
	top := int64(1) << rapid.SampledFrom([]int{0, 1, 5, 13, 20, 27, 34, 37, 38, 41, 48, 55, 60, 61, 62}).Draw(t, "bits")
	return top + rapid.Int64Range(0, top-1).Draw(t, "number")
})

// signed draws numbers of every length and sign, and the smallest one.
var signed = rapid.OneOf(wide, rapid.Map(wide, func(number int64) int64 { return -number }), rapid.Just(int64(math.MinInt64)), rapid.Just(int64(0)))

func drawMoney(t *rapid.T) settlement.Money {
	return settlement.Money{
		Currency:    "XXX",
		MinorDigits: rapid.SampledFrom([]int32{0, 2, 3, 4}).Draw(t, "digits"),
		Rounding:    rapid.SampledFrom([]settlement.Rounding{settlement.HalfUp, settlement.HalfEven}).Draw(t, "rounding"),
	}
}

func TestExactPriceIsMoneyValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := drawMoney(t)
		price := settlement.Price{ID: "p", Amount: signed.Draw(t, "amount"), PerPoints: wide.Draw(t, "per_points")}
		if rapid.Bool().Draw(t, "round numbers, for ties") {
			price.Amount = rapid.Int64Range(-20, 20).Draw(t, "halves") * 50_000
			price.PerPoints = rapid.SampledFrom([]int64{1, 2, 4, 5, 10, 100}).Draw(t, "per")
		}
		exact := newExactPrice(money, price)
		for range 10 {
			points := signed.Draw(t, "points")
			got, err := exact.value(points)
			want, wantErr := money.Value(points, price)
			if got != want || (err == nil) != (wantErr == nil) {
				t.Fatalf("%d points at %+v in %+v: %d, %v; want %d, %v", points, price, money, got, err, want, wantErr)
			}
		}
	})
}

// slowValue rounds by the definition: the nearest whole number, of two the one that the rounding names.
func slowValue(money settlement.Money, points int64, price settlement.Price) *big.Int {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(8-money.MinorDigits)), nil)
	exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(points), big.NewInt(price.Amount)), new(big.Int).Mul(big.NewInt(price.PerPoints), scale))
	below := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean, the denominator is positive: the floor
	above := new(big.Int).Add(below, big.NewInt(1))
	down := new(big.Rat).Sub(exact, new(big.Rat).SetInt(below))
	switch down.Cmp(big.NewRat(1, 2)) {
	case -1:
		return below
	case 1:
		return above
	}
	if money.Rounding == settlement.HalfEven && below.Bit(0) == 0 || money.Rounding != settlement.HalfEven && exact.Sign() < 0 {
		return below
	}
	return above
}

func TestMoneyValueIsRoundedToTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := drawMoney(t)
		price := settlement.Price{Amount: rapid.Int64Range(0, 40).Draw(t, "amount") * 12_500, PerPoints: rapid.Int64Range(1, 200).Draw(t, "per")}
		points := rapid.Int64Range(-5000, 5000).Draw(t, "points")
		got, err := money.Value(points, price)
		if want := slowValue(money, points, price); err != nil || want.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("%d points at %+v in %+v: %d, %v; want %s", points, price, money, got, err, want)
		}
	})
}

func TestPriceLinesRoundsOnceInEveryCurrency(t *testing.T) {
	for _, test := range []struct {
		digits           int32
		price            string
		per, points      int64
		halfUp, halfEven string
	}{
		{2, "1.00", 100, 12_345, "123.45", "123.45"},
		{2, "1.00", 150, 100, "0.67", "0.67"},
		{2, "0.50", 100, 5, "0.03", "0.02"}, // 0.025
		{2, "0.50", 100, 7, "0.04", "0.04"}, // 0.035
		{2, "0.50", 100, -5, "-0.03", "-0.02"},
		{0, "1.00", 2, 5, "3", "2"}, // 2.5
		{0, "1.00", 2, 7, "4", "4"}, // 3.5
		{0, "1.00", 2, -5, "-3", "-2"},
		{3, "0.010", 4, 5, "0.013", "0.012"}, // 0.0125
		{3, "0.010", 4, 7, "0.018", "0.018"}, // 0.0175
		{3, "0.001", 1, 1_000_000_000_000, "1000000000", "1000000000"},
	} {
		price := settlement.Price{ID: "p", Amount: decimal.RequireFromString(test.price).Shift(8).IntPart(), PerPoints: test.per}
		key := settlement.LineKey{Issuer: 0, Redeemer: 1, Activity: settlement.RedemptionActivity, BusinessDate: tonightDate, Price: price}
		for rounding, want := range map[settlement.Rounding]string{settlement.HalfUp: test.halfUp, settlement.HalfEven: test.halfEven} {
			money := settlement.Money{MinorDigits: test.digits, Rounding: rounding}
			lines, err := PriceLines(money, []LineTally{{key, 3, test.points}}, nil, tonightDate)
			if err != nil || lines[0].Value.String() != want || lines[0].Points != test.points || lines[0].Transactions != 3 {
				t.Errorf("%d points at %s per %d, %d digits, %s: %+v, %v; want %s", test.points, test.price, test.per, test.digits, rounding, lines, err, want)
			}
		}
	}
}

func TestPriceLinesPutsAdjustmentsInTheirPlace(t *testing.T) {
	money := settlement.Money{MinorDigits: 2}
	price := settlement.Price{ID: "p", Amount: 1_000_000, PerPoints: 1}
	tallies := []LineTally{
		{settlement.LineKey{Issuer: 0, Redeemer: 1, Activity: settlement.RedemptionActivity, BusinessDate: tonightDate, Price: price}, 1, 100},
		{settlement.LineKey{Issuer: 1, Redeemer: 0, Activity: settlement.RedemptionActivity, BusinessDate: tonightDate, Price: price}, 1, 100},
	}
	adjustments := []settlement.Adjustment{
		{ID: "ADJ-2", Payer: 1, Payee: 0, Amount: decimal.RequireFromString("7.50")},
		{ID: "ADJ-1", Payer: 0, Payee: 1, Amount: decimal.RequireFromString("2.50")},
	}
	lines, err := PriceLines(money, tallies, adjustments, tonightDate)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range lines {
		got = append(got, line.Activity.String()+" "+line.Price.ID+" "+line.Value.String())
	}
	if want := []string{"adjustment ADJ-1 2.5", "redemption p 1", "adjustment ADJ-2 7.5", "redemption p 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if lines[0].BusinessDate != tonightDate || lines[0].Transactions != 1 || lines[0].Points != 0 {
		t.Errorf("adjustment %+v", lines[0])
	}
	mustPanic(t, "not in order", func() {
		_, _ = PriceLines(money, nil, []settlement.Adjustment{adjustments[0], adjustments[0]}, tonightDate)
	})
}

func TestPriceLinesRefusesWhatCannotBePublished(t *testing.T) {
	key := settlement.LineKey{Issuer: 0, Redeemer: 1, Activity: settlement.RedemptionActivity, Price: settlement.Price{ID: "p", Amount: 100_000_000, PerPoints: 1}}
	money := settlement.Money{MinorDigits: 2}
	for points, fits := range map[int64]bool{99_999_999_999_999: true, 100_000_000_000_000: false, math.MaxInt64: false, -100_000_000_000_000: false} {
		if _, err := PriceLines(money, []LineTally{{key, 1, points}}, nil, 0); (err == nil) != fits || err != nil && !errors.Is(err, settlement.ErrOutOfRange) {
			t.Errorf("%d points: %v", points, err)
		}
	}
}

func TestPriceAllocationsDividesTheLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		money := drawMoney(t)
		key := settlement.LineKey{Issuer: 0, Redeemer: 1, Activity: settlement.RedemptionActivity, BusinessDate: tonightDate,
			Price: settlement.Price{ID: "p", Amount: rapid.Int64Range(0, 1_000_000_000).Draw(t, "amount"), PerPoints: rapid.Int64Range(1, 1000).Draw(t, "per")}}
		sign := int64(1)
		if rapid.Bool().Draw(t, "reversal") {
			key.Activity, sign = settlement.RedemptionReversalActivity, -1
		}
		var allocations []settlement.Allocation
		var total int64
		for number := range rapid.IntRange(1, 20).Draw(t, "count") {
			points := sign * rapid.Int64Range(1, 100_000_000_000).Draw(t, "points")
			total += points
			allocations = append(allocations, settlement.Allocation{Activity: key.Activity, Issuer: 0, Redeemer: 1, BusinessDate: tonightDate,
				Price: key.Price, Points: points, Number: int32(number), TransactionID: "T"})
		}
		lines, err := PriceLines(money, []LineTally{{key, 1, total}}, nil, tonightDate)
		if err != nil {
			t.Fatal(err)
		}
		if err := PriceAllocations(money, &lines[0], allocations); err != nil {
			t.Fatal(err)
		}
		var sum, running int64
		for _, allocation := range allocations {
			before := slowValue(money, running, key.Price)
			running += allocation.Points
			if want := new(big.Int).Sub(slowValue(money, running, key.Price), before); want.Cmp(big.NewInt(allocation.Amount)) != 0 {
				t.Fatalf("amount %d, want %s", allocation.Amount, want)
			}
			sum += allocation.Amount
		}
		if !money.Amount(sum).Equal(lines[0].Value) {
			t.Fatalf("amounts add up to %s, the line to %s", money.Amount(sum), lines[0].Value)
		}
	})
}

func TestPriceAllocationsKnowsItsLine(t *testing.T) {
	money := settlement.Money{MinorDigits: 2}
	price := settlement.Price{ID: "p", Amount: 1_000_000, PerPoints: 1}
	allocation := settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: 0, Redeemer: 1, Price: price, Points: 5, TransactionID: "T"}
	line := settlement.Line{LineKey: allocation.LineKey(), Points: 5, Value: money.Amount(5)}
	if err := PriceAllocations(money, &line, []settlement.Allocation{allocation}); err != nil {
		t.Fatal(err)
	}
	other := allocation
	other.Issuer = 2
	mustPanic(t, "is priced with line", func() { _ = PriceAllocations(money, &line, []settlement.Allocation{other}) })
	mustPanic(t, "not in order", func() { _ = PriceAllocations(money, &line, []settlement.Allocation{allocation, allocation}) })
	mustPanic(t, "add up to 0 points", func() { _ = PriceAllocations(money, &line, nil) })
	line.Value = money.Amount(6)
	mustPanic(t, "add up to 5 points and 0.05", func() { _ = PriceAllocations(money, &line, []settlement.Allocation{allocation}) })
}

func TestPriceAllocationsAllocatesNothing(t *testing.T) {
	money := settlement.Money{MinorDigits: 2}
	allocations := make([]settlement.Allocation, 1000)
	for i := range allocations {
		allocations[i] = settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: 0, Redeemer: 1,
			Price: settlement.Price{ID: "p", Amount: 1_000_000, PerPoints: 3}, Points: 1_000_000_000, Number: int32(i), TransactionID: "T"}
	}
	lines, err := PriceLines(money, []LineTally{{allocations[0].LineKey(), 1, 1_000_000_000_000}}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The comparison with the line's value makes a few; the thousand allocations make none.
	if count := testing.AllocsPerRun(10, func() {
		if err := PriceAllocations(money, &lines[0], allocations); err != nil {
			t.Fatal(err)
		}
	}); count > 20 {
		t.Errorf("%v allocations of memory for a thousand allocations", count)
	}
}
