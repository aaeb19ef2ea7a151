package clearing

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

const workedPrices = `[{id: first-half, to: 2026-06-15, price: "0.0100", per_points: 1}, {id: base, price: "0.0105", per_points: 1}]`

var workedMonth = testRulebook{
	cycle:   "monthly",
	prices:  workedPrices,
	fees:    `[{id: clearing, payer: redeemer, rate: "0.015", min: "1.00", max: "20.00", tax_rate: "0.06"}]`,
	netting: `{mode: multilateral, payout_threshold: "400.00", holdback: {rate: "0.05", release_after: 2}}`,
}

// tallyOf is a line of points redeemed, or given back if they are negative, priced by its
// business date as the rulebook says.
func tallyOf(t testing.TB, rulebook *rules.Rulebook, issuer, redeemer string, business settlement.Date, points int64) LineTally {
	t.Helper()
	from, to := rulebook.Parties.Find(issuer), rulebook.Parties.Find(redeemer)
	if from == settlement.NoParty || to == settlement.NoParty {
		t.Fatalf("%s or %s is no party", issuer, redeemer)
	}
	tally := LineTally{Points: points, Key: settlement.LineKey{Issuer: from, Redeemer: to, BusinessDate: business,
		Price: rulebook.NewPricer().Price(from, to, business, "")}}
	if points < 0 {
		tally.Key.Activity = settlement.RedemptionReversalActivity
	} else {
		tally.Key.Activity, tally.Transactions = settlement.RedemptionActivity, 1
	}
	return tally
}

// settle runs one night over lines that are written "issuer redeemer points; …", all of the
// settlement date, and adjustments "payer payee amount; …".
func settle(t testing.TB, rulebook *rules.Rulebook, date string, before settlement.Balances, redeemed, adjusted string) Closing {
	t.Helper()
	settled := dateOf(t, date)
	var tallies []LineTally
	for line := range parts(redeemed) {
		var issuer, redeemer string
		var points int64
		scan(t, line, &issuer, &redeemer, &points)
		tallies = append(tallies, tallyOf(t, rulebook, issuer, redeemer, settled, points))
	}
	tallies, err := MergeTallies(tallies)
	if err != nil {
		t.Fatal(err)
	}
	var adjustments []settlement.Adjustment
	for line := range parts(adjusted) {
		var payer, payee, amount string
		scan(t, line, &payer, &payee, &amount)
		adjustments = append(adjustments, settlement.Adjustment{ID: fmt.Sprint("ADJ-", date, len(adjustments)), Amount: money(amount),
			Payer: rulebook.Parties.Find(payer), Payee: rulebook.Parties.Find(payee)})
	}
	lines, err := PriceLines(rulebook.Money, tallies, adjustments, settled)
	if err != nil {
		t.Fatal(err)
	}
	closing, err := Net(rulebook, settled, before, lines)
	if err != nil {
		t.Fatal(err)
	}
	return closing
}

func parts(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(text, ";") {
			if strings.TrimSpace(part) != "" && !yield(part) {
				return
			}
		}
	}
}

func scan(t testing.TB, text string, into ...any) {
	t.Helper()
	if _, err := fmt.Sscan(text, into...); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

// positionsOf writes positions down, one a line, the columns by their names, those of zero left out.
func positionsOf(rulebook *rules.Rulebook, closing Closing) string {
	var text strings.Builder
	for i := range closing.Positions {
		position := &closing.Positions[i]
		text.WriteString(rulebook.Parties.ID(position.Party))
		for column, amount := range columnsOf(position) {
			if !amount.IsZero() {
				fmt.Fprintf(&text, " %s=%s", positionNames[column], amount)
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

// paymentsOf writes payments down, in order of payer and payee, with the merchant to whose
// statement each belongs if that is not the payer.
func paymentsOf(rulebook *rules.Rulebook, closing Closing) string {
	var list []string
	for _, payment := range closing.Payments {
		payer, payee := rulebook.Parties.ID(payment.Payer), rulebook.Parties.ID(payment.Payee)
		text := fmt.Sprintf("%s>%s %s", payer, payee, payment.Amount)
		if payment.Merchant != payment.Payer {
			text += " of " + rulebook.Parties.ID(payment.Merchant)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	trim := func(text string) string {
		var lines []string
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	if trim(got) != trim(want) {
		t.Errorf("%s:\n%s\nwant\n%s", what, trim(got), trim(want))
	}
}

func TestAMonthIsSettledToTheCent(t *testing.T) {
	rulebook := workedMonth.parse(t)
	var balances settlement.Balances
	night := func(date, redeemed string) Closing {
		closing := settle(t, rulebook, date, balances, redeemed, "")
		balances = closing.After
		return closing
	}
	first := night("2026-06-10", "A B 123456; A C 20001; B A 98765; C B 7777; C B -777")
	if first.Closed || len(first.Positions)+len(first.Fees)+len(first.Payments) > 0 {
		t.Errorf("the cycle is closed on 10 June: %+v", first)
	}
	second := night("2026-06-20", "A B 45678; C A 15015")
	if got := second.DayTotals[0].Receivable.String() + " " + second.CycleTotals[0].Receivable.String() + " " + second.CycleTotals[0].Payable.String(); got != "157.66 1145.31 1914.19" {
		t.Errorf("totals of A on 20 June: %s", got)
	}
	last := night("2026-06-30", "B C 33333")
	expect(t, "positions", positionsOf(rulebook, last), `
		A receivable=1145.31 payable=1914.19 fees=17.18 tax=1.03 net=-787.09 due=-787.09
		B receivable=1784.18 payable=1337.65 fees=20 tax=1.2 net=425.33 held=21.27 due=404.06
		C receivable=550.01 payable=227.66 fees=8.25 tax=0.5 net=313.6 carried_out=313.6
		HUB fees=-45.43 tax=-2.73 net=48.16 held=-21.27 carried_out=-313.6 due=383.03`)
	expect(t, "payments", paymentsOf(rulebook, last), "A>HUB 787.09, HUB>B 404.06 of B")
	if fee := last.Fees[1]; rulebook.Parties.ID(fee.Merchant) != "B" || fee.ID != "clearing" || !fee.Base.Equal(money("1784.18")) ||
		fee.Transactions != 3 || !fee.Amount.Equal(money("20")) || !fee.Tax.Equal(money("1.20")) || !fee.TaxRate.Equal(money("0.06")) {
		t.Errorf("fee of B: %+v", fee)
	}
	if len(last.Fees) != 3 || len(balances.Pairs) != 0 || len(balances.Carried) != 1 || len(balances.Held) != 1 {
		t.Errorf("fees %+v, balances %+v", last.Fees, balances)
	}

	// July: nothing happens, C stays below the threshold. August: what was held of B is released.
	expect(t, "July", positionsOf(rulebook, night("2026-07-31", "")), `
		A
		B
		C carried_in=313.6 carried_out=313.6
		HUB carried_in=-313.6 carried_out=-313.6`)
	august := night("2026-08-31", "A C 10000")
	expect(t, "August", positionsOf(rulebook, august), `
		A payable=105 net=-105 carried_out=-105
		B released=21.27 due=21.27
		C receivable=105 fees=1.58 tax=0.09 net=103.33 carried_in=313.6 held=20.85 due=396.08
		HUB fees=-1.58 tax=-0.09 net=1.67 carried_in=-313.6 held=-20.85 released=-21.27 carried_out=105 due=-417.35`)
	expect(t, "payments of August", paymentsOf(rulebook, august), "HUB>B 21.27 of B, HUB>C 396.08 of C")
}

func TestAMonthSettledBilaterally(t *testing.T) {
	terms := workedMonth
	terms.netting = "{mode: bilateral}"
	rulebook := terms.parse(t)
	first := settle(t, rulebook, "2026-06-10", settlement.Balances{}, "A B 123456; A C 20001; B A 98765; C B 7777; C B -777", "")
	second := settle(t, rulebook, "2026-06-20", first.After, "A B 45678; C A 15015", "")
	last := settle(t, rulebook, "2026-06-30", second.After, "B C 33333", "")
	expect(t, "positions", positionsOf(rulebook, last), `
		A receivable=1145.31 payable=1914.19 fees=17.18 tax=1.03 net=-787.09 due=-787.09
		B receivable=1784.18 payable=1337.65 fees=20 tax=1.2 net=425.33 due=425.33
		C receivable=550.01 payable=227.66 fees=8.25 tax=0.5 net=313.6 due=313.6
		HUB fees=-45.43 tax=-2.73 net=48.16 due=48.16`)
	expect(t, "payments", paymentsOf(rulebook, last), "A>B 726.53, A>C 42.35, A>HUB 18.21, B>C 280, B>HUB 21.2, C>HUB 8.75")
}

func TestRoundingsAndCurrenciesOfAMonth(t *testing.T) {
	for _, test := range []struct{ currency, rounding, price, fee, want string }{
		// 5 points are worth 2.5 yen, 7 are 3.5; the fee is half of the value, the tax half of the fee.
		{"JPY", "half_up", `"0.5"`, `min: "0"`, "B receivable=7 fees=4 tax=2 net=1 held=1"},
		{"JPY", "half_even", `"0.5"`, `min: "0"`, "B receivable=6 fees=3 tax=2 net=1"},
		{"CNY", "half_up", `"0.005"`, `min: "0.01"`, "B receivable=0.07 fees=0.04 tax=0.02 net=0.01 held=0.01"},
		{"CNY", "half_even", `"0.005"`, `min: "0.01"`, "B receivable=0.06 fees=0.03 tax=0.02 net=0.01"},
		{"KWD", "half_up", `"0.0005"`, `min: "0.001"`, "B receivable=0.007 fees=0.004 tax=0.002 net=0.001 held=0.001"},
		{"KWD", "half_even", `"0.0005"`, `min: "0.001"`, "B receivable=0.006 fees=0.003 tax=0.002 net=0.001"},
	} {
		rulebook := testRulebook{
			currency: test.currency, rounding: test.rounding, prices: "[{id: base, price: " + test.price + ", per_points: 1}]",
			fees:    `[{id: f, payer: redeemer, rate: "0.5", ` + test.fee + `, tax_rate: "0.5"}]`,
			netting: `{mode: multilateral, holdback: {rate: "0.5", release_after: 1}}`,
		}.parse(t)
		closing := settle(t, rulebook, "2026-06-10", settlement.Balances{}, "A B 5; C B 7", "")
		got, _, _ := strings.Cut(strings.Split(positionsOf(rulebook, closing), "\n")[1], " due=")
		if got != test.want {
			t.Errorf("%s %s: %s, want %s", test.currency, test.rounding, got, test.want)
		}
	}
}
