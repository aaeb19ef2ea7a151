package clearing

import (
	"fmt"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

func feesOf(rulebook *rules.Rulebook, closing Closing) string {
	var text strings.Builder
	for _, fee := range closing.Fees {
		fmt.Fprintf(&text, "%s %s base=%s transactions=%d fee=%s tax=%s\n",
			rulebook.Parties.ID(fee.Merchant), fee.ID, fee.Base, fee.Transactions, fee.Amount, fee.Tax)
	}
	return text.String()
}

func TestFees(t *testing.T) {
	const night, lines = "2026-06-14", "A B 10000; B A 2000; A B -500; HUB A 40000; A HUB 0; C A 300"
	for _, test := range []struct{ name, fees, want string }{
		{"the redeemer pays for its lines; the count is of redemptions, reversals lower the base",
			`{id: f, payer: redeemer, rate: "0.01", per_transaction: "0.10", tax_rate: "0.06"}`,
			`A f base=423 transactions=3 fee=4.53 tax=0.27
			 B f base=95 transactions=1 fee=1.05 tax=0.06`},
		{"the issuer pays; the alliance never",
			`{id: f, payer: issuer, rate: "0.01"}`,
			`A f base=95 transactions=2 fee=0.95 tax=0
			 B f base=20 transactions=1 fee=0.2 tax=0
			 C f base=3 transactions=1 fee=0.03 tax=0`},
		{"at least min, at most max",
			`{id: f, payer: redeemer, rate: "0.01", min: "1.00", max: "2.00"}`,
			`A f base=423 transactions=3 fee=2 tax=0
			 B f base=95 transactions=1 fee=1 tax=0`},
		{"max may be zero",
			`{id: f, payer: redeemer, rate: "0.01", max: "0"}`,
			`A f base=423 transactions=3 fee=0 tax=0
			 B f base=95 transactions=1 fee=0 tax=0`},
		{"only the lines where the condition holds",
			`{id: f, payer: redeemer, rate: "0.01", when: 'issuer.id == "HUB" || redeemer.category == "fuel"'}`,
			`A f base=400 transactions=1 fee=4 tax=0
			 B f base=95 transactions=1 fee=0.95 tax=0`},
		{"of several fees each, in order of merchant and fee",
			`{id: z, payer: redeemer, rate: "0.01"}, {id: a, payer: issuer, rate: "0.10", when: 'issuer.id == "A"'}`,
			`A a base=95 transactions=2 fee=9.5 tax=0
			 A z base=423 transactions=3 fee=4.23 tax=0
			 B z base=95 transactions=1 fee=0.95 tax=0`},
		{"the dates hold the last day of the cycle",
			`{id: ends, payer: redeemer, rate: "0.01", to: 2026-06-13}, {id: begins, payer: redeemer, rate: "0.01", from: 2026-06-14, when: 'redeemer.id == "B"'}`,
			`B begins base=95 transactions=1 fee=0.95 tax=0`},
	} {
		t.Run(test.name, func(t *testing.T) {
			rulebook := testRulebook{cycle: "weekly", fees: "[" + test.fees + "]",
				merchants: "[{id: A, name: A}, {id: B, name: B, category: fuel}, {id: C, name: C}]"}.parse(t)
			closing := settle(t, rulebook, night, settlement.Balances{}, lines, "B C 5.00; HUB A 7.00")
			if !closing.Closed {
				t.Fatal("a Sunday closes a week")
			}
			expect(t, "fees", feesOf(rulebook, closing), test.want)
		})
	}
}

func TestAFeeOfNothingIsShownWhereThereWereLines(t *testing.T) {
	rulebook := testRulebook{fees: `[{id: f, payer: redeemer, rate: "0.01", per_transaction: "1.00", min: "5.00"}]`,
		prices: `[{id: base, price: "0.001", per_points: 1}]`}.parse(t)
	// B: reversals only. C: lines too small to be worth anything. A: given back as much as redeemed.
	closing := settle(t, rulebook, "2026-06-10", settlement.Balances{}, "A B -5000; A C -1; B A 9000; B A -9000", "C A 100.00; B HUB 1.00")
	expect(t, "fees", feesOf(rulebook, closing), `
		A f base=0 transactions=1 fee=0 tax=0
		B f base=-5 transactions=0 fee=0 tax=0
		C f base=0 transactions=0 fee=0 tax=0`)
}

func TestFeesOfACycleAreOnItsTotals(t *testing.T) {
	rulebook := testRulebook{cycle: "weekly", fees: `[{id: f, payer: redeemer, rate: "0.015", min: "1.00"}]`}.parse(t)
	// By the day each fee would be the minimum, and the first one's base negative.
	first := settle(t, rulebook, "2026-06-08", settlement.Balances{}, "A B -1000", "")
	second := settle(t, rulebook, "2026-06-11", first.After, "A B 9000", "")
	last := settle(t, rulebook, "2026-06-14", second.After, "C B 4000", "")
	expect(t, "fees", feesOf(rulebook, last), "B f base=120 transactions=2 fee=1.8 tax=0")
}

func TestLinesAreCountedOverTheWholeCycle(t *testing.T) {
	rulebook := testRulebook{cycle: "weekly", fees: `[{id: f, payer: redeemer, rate: "0.01"}]`}.parse(t)
	first := settle(t, rulebook, "2026-06-08", settlement.Balances{}, "", "A B 5.00; A C 5.00")
	last := settle(t, rulebook, "2026-06-14", first.After, "A B -1", "")
	expect(t, "fees", feesOf(rulebook, last), "B f base=-0.01 transactions=0 fee=0 tax=0")
}
