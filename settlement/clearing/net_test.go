package clearing

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// nights settles one night after the other and returns B's positions, one a line.
func nights(t *testing.T, terms testRulebook, nights ...string) string {
	t.Helper()
	rulebook := terms.parse(t)
	var balances settlement.Balances
	var text strings.Builder
	for _, night := range nights {
		date, lines, _ := strings.Cut(night, " ")
		closing := settle(t, rulebook, date, balances, lines, "")
		balances = closing.After
		if closing.Closed {
			text.WriteString(strings.Split(positionsOf(rulebook, closing), "\n")[1] + "\n")
		}
	}
	return text.String()
}

func TestThreshold(t *testing.T) {
	terms := testRulebook{netting: `{mode: multilateral, payout_threshold: "10.00"}`}
	expect(t, "B", nights(t, terms, "2026-06-01 A B 999", "2026-06-02 A B 1", "2026-06-03 B A 999", "2026-06-04 B A 1"), `
		B receivable=9.99 net=9.99 carried_out=9.99
		B receivable=0.01 net=0.01 carried_in=9.99 due=10
		B payable=9.99 net=-9.99 carried_out=-9.99
		B payable=0.01 net=-0.01 carried_in=-9.99 due=-10`)
}

func TestHoldbackIsReleasedAfterSoManyCloses(t *testing.T) {
	terms := testRulebook{netting: `{mode: multilateral, holdback: {rate: "0.10", release_after: 2}}`}
	expect(t, "B", nights(t, terms, "2026-06-01 A B 10000", "2026-06-02 A B 20000", "2026-06-03 B A 5000", "2026-06-04", "2026-06-05"), `
		B receivable=100 net=100 held=10 due=90
		B receivable=200 net=200 held=20 due=180
		B payable=50 net=-50 released=10 due=-40
		B released=20 due=20
		B`)
	terms.cycle = "weekly"
	terms.netting = `{mode: multilateral, payout_threshold: "60.00", holdback: {rate: "0.10", release_after: 1}}`
	// What is released is due even when the balance is below the threshold.
	expect(t, "B weekly", nights(t, terms, "2026-06-07 A B 10000", "2026-06-10 B A 5000", "2026-06-14"), `
		B receivable=100 net=100 held=10 due=90
		B payable=50 net=-50 released=10 carried_out=-50 due=10`)
}

func TestHolds(t *testing.T) {
	terms := testRulebook{netting: `{mode: multilateral, payout_threshold: "20.00", holdback: {rate: "0.10", release_after: 1},
	  holds: [{merchant: B, from: 2026-06-02, to: 2026-06-04, reason: disputed}]}`}
	expect(t, "B", nights(t, terms, "2026-06-01 A B 10000", "2026-06-02 A B 30000", "2026-06-03 B A 60000", "2026-06-04 B A 500", "2026-06-05 A B 1000"), `
		B receivable=100 net=100 held=10 due=90
		B receivable=300 net=300 released=10 carried_out=310
		B payable=600 net=-600 carried_in=310 due=-290
		B payable=5 net=-5 carried_out=-5
		B receivable=10 net=10 carried_in=-5 carried_out=5`)
	// A debt is due under a hold too, and what is released stays with the alliance.
	expect(t, "B in debt", nights(t, terms, "2026-06-01 A B 10000", "2026-06-02 B A 3000", "2026-06-05"), `
		B receivable=100 net=100 held=10 due=90
		B payable=30 net=-30 released=10 carried_out=10 due=-30
		B carried_in=10 carried_out=10`)
}

func TestAMerchantThatLeft(t *testing.T) {
	terms := testRulebook{
		netting:   `{mode: multilateral, payout_threshold: "50.00", holdback: {rate: "0.10", release_after: 9}, holds: [{merchant: B, from: 2026-06-05, to: 2026-06-05, reason: r}]}`,
		merchants: "[{id: A, name: A}, {id: B, name: B, left: 2026-06-02}]",
	}
	expect(t, "B", nights(t, terms, "2026-06-01 A B 10000", "2026-06-02 A B 1000", "2026-06-03 A B 1", "2026-06-04 B A 1", "2026-06-05 A B 1", "2026-06-06"), `
		B receivable=100 net=100 held=10 due=90
		B receivable=10 net=10 carried_out=10
		B receivable=0.01 net=0.01 carried_in=10 released=10 due=20.01
		B payable=0.01 net=-0.01 due=-0.01
		B receivable=0.01 net=0.01 carried_out=0.01
		B carried_in=0.01 due=0.01`)
	terms.netting = `{mode: multilateral, holdback: {rate: "0.10", release_after: 9}, holds: [{merchant: B, from: 2026-06-03, to: 2026-06-03, reason: r}]}`
	expect(t, "B left under a hold", nights(t, terms, "2026-06-01 A B 10000", "2026-06-03 A B 1", "2026-06-04"), `
		B receivable=100 net=100 held=10 due=90
		B receivable=0.01 net=0.01 released=10 carried_out=10.01
		B carried_in=10.01 due=10.01`)
}

func TestCyclesFollowTheCalendar(t *testing.T) {
	for _, test := range []struct{ cycle, closes string }{
		{"daily", "2026-02-26 2026-02-27 2026-02-28 2026-03-01 2026-03-02"},
		{"weekly", "2026-03-01"},
		{"monthly", "2026-02-28"},
	} {
		rulebook := testRulebook{cycle: test.cycle}.parse(t)
		var balances settlement.Balances
		var closed []string
		for date := dateOf(t, "2026-02-26"); date <= dateOf(t, "2026-03-02"); date++ {
			closing := settle(t, rulebook, date.String(), balances, "A B 100", "")
			balances = closing.After
			if closing.Closed {
				closed = append(closed, date.String())
			}
			if closing.Closed != (len(balances.Pairs) == 0) {
				t.Errorf("%s %s: %+v is on record", test.cycle, date, balances.Pairs)
			}
		}
		if got := strings.Join(closed, " "); got != test.closes {
			t.Errorf("%s closes on %s, want %s", test.cycle, got, test.closes)
		}
	}
}

func TestTheAllianceIsAParty(t *testing.T) {
	const redeemed, adjusted = "HUB A 5000; A B 2000", "B HUB 3.00; HUB A 1.00; A B 0.50"
	terms := testRulebook{fees: `[{id: f, payer: redeemer, rate: "0.10", tax_rate: "0.10"}]`}
	rulebook := terms.parse(t)
	closing := settle(t, rulebook, "2026-06-10", settlement.Balances{}, redeemed, adjusted)
	expect(t, "positions", positionsOf(rulebook, closing), `
		A receivable=51 payable=20.5 fees=5 tax=0.5 net=25 due=25
		B receivable=20.5 payable=3 fees=2 tax=0.2 net=15.3 due=15.3
		C
		HUB receivable=3 payable=51 fees=-7 tax=-0.7 net=-40.3 due=-40.3`)
	expect(t, "payments", paymentsOf(rulebook, closing), "HUB>A 25 of A, HUB>B 15.3 of B")
	terms.netting = "{mode: bilateral}"
	rulebook = terms.parse(t)
	closing = settle(t, rulebook, "2026-06-10", settlement.Balances{}, redeemed, adjusted)
	expect(t, "bilateral payments", paymentsOf(rulebook, closing), "A>B 20.5, B>HUB 5.2, HUB>A 45.5 of A")
}

func TestBilateralPaysWhatIsLeftFromBefore(t *testing.T) {
	multilateral := testRulebook{netting: `{mode: multilateral, payout_threshold: "50.00", holdback: {rate: "0.10", release_after: 9}}`}.parse(t)
	first := settle(t, multilateral, "2026-06-01", settlement.Balances{}, "A B 10000; A C 1000; C A 3000", "")
	bilateral := testRulebook{netting: `{mode: bilateral, payout_threshold: "50.00", holdback: {rate: "0.10", release_after: 9}}`}.parse(t)
	second := settle(t, bilateral, "2026-06-02", first.After, "A B 1000; B A 400; B C 100", "")
	expect(t, "positions", positionsOf(bilateral, second), `
		A receivable=4 payable=10 net=-6 due=-6
		B receivable=10 payable=5 net=5 released=10 due=15
		C receivable=1 net=1 carried_in=-20 due=-19
		HUB carried_in=20 released=-10 due=10`)
	expect(t, "payments", paymentsOf(bilateral, second), "A>B 6, B>C 1, C>HUB 20, HUB>B 10 of B")
	if after := second.After; len(after.Carried)+len(after.Held)+len(after.Pairs) != 0 {
		t.Errorf("%+v is left", after)
	}
}

func TestNetRefusesSumsThatCannotBePublished(t *testing.T) {
	rulebook := testRulebook{prices: `[{id: base, price: "1.00", per_points: 1}]`, cycle: "weekly"}.parse(t)
	line := func(issuer, redeemer settlement.Party, value string) settlement.Line {
		return settlement.Line{LineKey: settlement.LineKey{Issuer: issuer, Redeemer: redeemer, Activity: settlement.RedemptionActivity}, Value: money(value)}
	}
	const nearly = "60000000000000"
	for name, lines := range map[string][]settlement.Line{
		"receivable": {line(0, 2, nearly), line(1, 2, nearly)},
		"payable":    {line(0, 1, nearly), line(0, 2, nearly)},
	} {
		if _, err := Net(rulebook, dateOf(t, "2026-06-10"), settlement.Balances{}, lines); !errors.Is(err, settlement.ErrOutOfRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Each day fits, the cycle does not.
	first, err := Net(rulebook, dateOf(t, "2026-06-10"), settlement.Balances{}, []settlement.Line{line(0, 1, nearly)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Net(rulebook, dateOf(t, "2026-06-11"), first.After, []settlement.Line{line(0, 1, nearly)}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("cycle: %v", err)
	}
	// The cycle fits, what was carried in comes on top.
	carried := settlement.Balances{Carried: []settlement.Carry{{Merchant: 1, Amount: money(nearly)}}}
	if _, err := Net(rulebook, dateOf(t, "2026-06-14"), carried, []settlement.Line{line(0, 1, nearly)}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("due: %v", err)
	}
}

func TestNetAssertsItsInvariants(t *testing.T) {
	rulebook := testRulebook{}.parse(t)
	line := settlement.Line{LineKey: settlement.LineKey{Issuer: 0, Redeemer: 1, Activity: settlement.RedemptionActivity}, Value: money("1.00")}
	onUs := line
	onUs.Redeemer = 0
	mustPanic(t, "not in order", func() { _, _ = Net(rulebook, 20_000, settlement.Balances{}, []settlement.Line{line, line}) })
	mustPanic(t, "on-us", func() { _, _ = Net(rulebook, 20_000, settlement.Balances{}, []settlement.Line{onUs}) })
	mustPanic(t, "add up other than 0 lines", func() {
		_, _ = Net(rulebook, 20_000, settlement.Balances{Pairs: []settlement.PairTotal{{Issuer: 0, Redeemer: 1, Value: money("1.00")}}}, nil)
	})
	mustPanic(t, "sums to", func() {
		_ = checkPositions(rulebook, []settlement.Position{{Party: 0, Net: money("1"), Due: money("1")}, {Party: 1}})
	})
	mustPanic(t, "does not add up", func() {
		_ = checkPositions(rulebook, []settlement.Position{{Party: 0, Net: money("1"), Due: money("2")}})
	})
	mustPanic(t, "is open with the alliance", func() {
		_, _ = payments(rulebook, 20_000, []settlement.Position{{Party: 0, Due: money("1")}, {Party: 1}, {Party: 2}, {Party: 3}}, nil)
	})
}

// TestMoneyIsConserved settles random nights and follows each merchant's money from outside:
// what its lines, fees and taxes came to was paid, is carried or is held.
func TestMoneyIsConserved(t *testing.T) {
	books := make(map[string]testRulebook)
	for _, cycle := range []string{"daily", "weekly", "monthly"} {
		for _, mode := range []string{"bilateral", "multilateral"} {
			netting := "{mode: bilateral}"
			if mode == "multilateral" {
				netting = `{mode: multilateral, payout_threshold: "30.00", holdback: {rate: "0.07", release_after: 2}, holds: [{merchant: A, from: 2026-06-05, to: 2026-06-20, reason: r}]}`
			}
			books[cycle+" "+mode] = testRulebook{cycle: cycle, netting: netting, prices: workedPrices,
				fees:      `[{id: f, payer: redeemer, rate: "0.015", min: "1.00", max: "9.00", tax_rate: "0.06"}, {id: g, payer: issuer, rate: "0.003", per_transaction: "0.01"}]`,
				merchants: "[{id: A, name: A}, {id: B, name: B, left: 2026-06-12}, {id: C, name: C}]"}
		}
	}
	for name, terms := range books {
		rulebook := terms.parse(t)
		rapid.Check(t, func(t *rapid.T) {
			var balances settlement.Balances
			owed := make([]decimal.Decimal, rulebook.Parties.Len()) // by the lines, less what was paid
			date := settlement.NewDate(2026, 6, 1)
			for range rapid.IntRange(1, 30).Draw(t, "nights") {
				closing := randomNight(t, &rulebook.Parties, date, rulebook.NewPricer().Price, func(lines []settlement.Line) Closing {
					for _, line := range lines {
						owed[line.Redeemer] = owed[line.Redeemer].Add(line.Value)
						owed[line.Issuer] = owed[line.Issuer].Sub(line.Value)
					}
					closing, err := Net(rulebook, date, balances, lines)
					if err != nil {
						t.Fatal(err)
					}
					return closing
				})
				for _, fee := range closing.Fees {
					owed[fee.Merchant] = owed[fee.Merchant].Sub(fee.Amount).Sub(fee.Tax)
				}
				for _, payment := range closing.Payments {
					if !payment.Amount.IsPositive() || !rulebook.Money.Fits(payment.Amount) {
						t.Fatalf("%s: payment %+v", name, payment)
					}
					owed[payment.Payee] = owed[payment.Payee].Sub(payment.Amount)
					owed[payment.Payer] = owed[payment.Payer].Add(payment.Amount)
				}
				balances = closing.After
				onRecord := make([]decimal.Decimal, len(owed))
				for _, carry := range balances.Carried {
					onRecord[carry.Merchant] = onRecord[carry.Merchant].Add(carry.Amount)
				}
				for _, held := range balances.Held {
					onRecord[held.Merchant] = onRecord[held.Merchant].Add(held.Amount)
				}
				for _, pair := range balances.Pairs {
					onRecord[pair.Redeemer] = onRecord[pair.Redeemer].Add(pair.Value).Add(pair.Adjustments)
					onRecord[pair.Issuer] = onRecord[pair.Issuer].Sub(pair.Value).Sub(pair.Adjustments)
				}
				for party := range owed {
					if settlement.Party(party) != rulebook.Alliance && !owed[party].Equal(onRecord[party]) {
						t.Fatalf("%s: on %s %s is owed %s, on record is %s", name, date, rulebook.Parties.ID(settlement.Party(party)), owed[party], onRecord[party])
					}
				}
				date++
			}
		})
	}
}

func randomNight(t *rapid.T, parties *settlement.Parties, date settlement.Date, price func(issuer, redeemer settlement.Party, business settlement.Date, reason string) settlement.Price, net func([]settlement.Line) Closing) Closing {
	var tallies []LineTally
	var adjustments []settlement.Adjustment
	for i := range rapid.IntRange(0, 4).Draw(t, "lines") {
		issuer := settlement.Party(rapid.IntRange(0, parties.Len()-1).Draw(t, "issuer"))
		redeemer := settlement.Party(rapid.IntRange(0, parties.Len()-1).Draw(t, "redeemer"))
		if issuer == redeemer {
			continue
		}
		points := rapid.Int64Range(-3000, 9000).Draw(t, "points")
		if rapid.IntRange(0, 5).Draw(t, "adjustment") == 0 {
			adjustments = append(adjustments, settlement.Adjustment{ID: fmt.Sprint("ADJ", i), Payer: issuer, Payee: redeemer,
				Amount: decimal.New(max(points, -points)+1, -2)})
			continue
		}
		key := settlement.LineKey{Issuer: issuer, Redeemer: redeemer, Activity: settlement.RedemptionActivity, BusinessDate: date,
			Price: price(issuer, redeemer, date, "")}
		if points < 0 {
			key.Activity = settlement.RedemptionReversalActivity
		}
		tallies = append(tallies, LineTally{key, 1, points})
	}
	tallies, err := MergeTallies(tallies)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := PriceLines(settlement.Money{MinorDigits: 2}, tallies, adjustments, date)
	if err != nil {
		t.Fatal(err)
	}
	return net(lines)
}
