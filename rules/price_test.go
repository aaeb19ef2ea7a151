package rules_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

// withConditions is right with these conditions, one price each, above the base.
func withConditions(conditions ...string) string {
	var prices strings.Builder
	for i, condition := range conditions {
		fmt.Fprintf(&prices, "  - {id: p%d, when: %q, price: \"%d\", per_points: 150}\n", i, condition, i)
	}
	return strings.Replace(right, "prices:\n", "prices:\n"+prices.String(), 1)
}

func TestConditions(t *testing.T) {
	for _, test := range []struct {
		when, issuer, redeemer, reason string
		holds                          bool
	}{
		{`issuer.id == "A"`, "A", "B", "", true},
		{`issuer.id == "A"`, "B", "A", "", false},
		{`issuer.category == ""`, "HUB", "A", "", true},
		{`issuer.category == "cafe"`, "A", "HUB", "", true},
		{`redeemer.category == ""`, "A", "HUB", "", true},
		{`redeemer.category != issuer.category`, "A", "B", "", true},
		{`reason == ""`, "A", "B", "", true},
		{`reason in ["tier", "review"]`, "A", "B", "review", true},
		{`reason in ["tier", "review"]`, "A", "B", "referral", false},
		{`!(reason in ["tier", "review"]) && redeemer.id == "B"`, "A", "B", "referral", true},
		{`reason.startsWith("camp") || reason.endsWith("bonus")`, "A", "B", "tier_bonus", true},
		{`reason.contains("er") ? issuer.id == "A" : issuer.id == "B"`, "A", "B", "tier", true},
		{`reason.matches("^t[a-z]+r$")`, "A", "B", "tier", true},
		{`size(reason) > 3 && reason.size() <= 4`, "A", "B", "tier", true},
		{`issuer.id + "-" + redeemer.id == "A-B"`, "A", "B", "", true},
		{`["A", "C"].exists(x, x == issuer.id)`, "A", "B", "", true},
		{`["t", "i"].all(x, reason.contains(x))`, "A", "B", "tier", true},
		{`["t", "i"].map(x, x + "x") == ["tx", "ix"]`, "A", "B", "tier", true},
		{`["t", "i"].filter(x, x != "t") == ["i"]`, "A", "B", "", true},
		{`issuer.id < redeemer.id`, "A", "B", "", true},
		{`reason in []`, "A", "B", "", false},
		{`true`, "A", "B", "", true},
	} {
		book := mustParse(t, withConditions(test.when))
		party := book.Parties.Find
		price := book.NewPricer().Price(party(test.issuer), party(test.redeemer), date("2030-01-01"), test.reason)
		if (price.ID == "p0") != test.holds {
			t.Errorf("%s of %s, %s, %q: %v", test.when, test.issuer, test.redeemer, test.reason, price)
		}
	}
}

func TestConditionsThatMayFailAreRefused(t *testing.T) {
	for _, when := range []string{
		`1 / 0 == 1`, `int(reason) == 1`, `["a"][size(reason)] == "a"`, `{"a": 1}[reason] == 1`, `reason in {"a": 1}`,
		`9223372036854775807 + size(reason) > 0`, `timestamp(reason) < timestamp("2026-01-01T00:00:00Z")`,
		`[1, "a"].exists(x, x == reason)`, `dyn(reason) == 1`, `"[".matches(reason)`, `reason.matches("(")`,
		`["a"].exists(x, ["b"].exists(y, x + y == reason))`, `["a"].exists_one(x, x == reason)`, `has(issuer.id)`, `issuer == redeemer`,
		`reason`, `size(reason)`, `null`, `reason == null`, `type(reason) == string`, `duration(reason) == duration("1s")`, `-size(reason) < 0`,
	} {
		if _, err := rules.Parse("r", []byte(withConditions(when))); err == nil {
			t.Errorf("%s is taken", when)
		} else if all := err.(rules.Errors); len(all) != 1 || all[0].Line != 18 {
			t.Errorf("%s: %v", when, err)
		}
	}
}

func TestPriceByDates(t *testing.T) {
	book := mustParse(t, right)
	pricer := book.NewPricer()
	a, b := book.Parties.Find("A"), book.Parties.Find("B")
	for _, test := range []struct {
		date, id          string
		amount, perPoints int64
	}{
		{"2025-12-31", "base", 100000000, 100}, {"2026-01-01", "fuel", 95000000, 100},
		{"2026-06-15", "fuel", 95000000, 100}, {"2026-06-16", "base", 100000000, 100},
	} {
		want := settlement.Price{ID: test.id, Amount: test.amount, PerPoints: test.perPoints}
		if got := pricer.Price(a, b, date(test.date), "tier"); got != want {
			t.Errorf("%s: %v", test.date, got)
		}
	}
	if got := pricer.Price(b, a, date("2026-03-01"), ""); got.ID != "base" {
		t.Errorf("fuel's own points elsewhere: %v", got)
	}
}

func TestPriceIsExact(t *testing.T) {
	book := mustParse(t, strings.Replace(right, `price: "1.00", per_points: 100`, `price: "9999999999.99999999", per_points: 1000000000`, 1))
	price := book.NewPricer().Price(0, 1, date("2030-01-01"), "")
	if price.Amount != 999_999_999_999_999_999 || price.PerPoints != 1_000_000_000 {
		t.Errorf("%v", price)
	}
}

func TestFeeApplies(t *testing.T) {
	book := mustParse(t, strings.Replace(right, "payer: redeemer", `payer: redeemer, from: 2026-01-01, to: 2026-01-31, when: 'redeemer.category == "fuel"'`, 1))
	a, b := book.Parties.Find("A"), book.Parties.Find("B")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for _, test := range []struct {
				issuer, redeemer settlement.Party
				date             string
				want             bool
			}{{a, b, "2026-01-01", true}, {a, b, "2026-01-31", true}, {a, b, "2026-02-01", false}, {a, b, "2025-12-31", false}, {b, a, "2026-01-15", false}} {
				if got := book.FeeApplies(0, test.issuer, test.redeemer, date(test.date)); got != test.want {
					t.Errorf("%+v: %v", test, got)
				}
			}
		})
	}
	group.Wait()
}

func TestContentOfPriceAndFee(t *testing.T) {
	one, other := mustParse(t, right), mustParse(t, reordered)
	if got, want := one.Prices[0].Content(), `price 0.95, per_points 100, from 2026-01-01, to 2026-06-15, when redeemer.category=="fuel"`; got != want {
		t.Errorf("%s", got)
	}
	if got, want := one.Fees[0].Content(), "payer redeemer, rate 0.015, per_transaction 0, min 1, max 20, tax_rate 0.06"; got != want {
		t.Errorf("%s", got)
	}
	if one.Prices[0].Content() != other.Prices[0].Content() || one.Fees[0].Content() != other.Fees[0].Content() {
		t.Error("the spelling changes the content")
	}
}

func TestPriceWithoutAllocation(t *testing.T) {
	book := mustParse(t, withConditions(`reason == "tier"`))
	pricer := book.NewPricer()
	business := date("2026-05-01")
	pricer.Price(0, 1, business, "tier")
	if count := testing.AllocsPerRun(100, func() { pricer.Price(0, 1, business, "tier") }); count != 0 {
		t.Errorf("%v allocations", count)
	}
}

func BenchmarkPrice(b *testing.B) {
	book := mustParse(b, withConditions(`reason == "tier"`))
	pricer := book.NewPricer()
	business := date("2026-05-01")
	reasons := []string{"tier", "purchase", "referral", ""}
	for i := 0; b.Loop(); i++ {
		pricer.Price(0, 1, business, reasons[i%4])
	}
}
