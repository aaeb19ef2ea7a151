package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"alliance/settlement"
)

// TestPricerForgetsNothingThatMatters asks one Pricer for more reasons than it remembers.
func TestPricerForgetsNothingThatMatters(t *testing.T) {
	book, err := Parse("r", []byte(strings.Replace(string(sample), `reason == "referral"`, `reason.startsWith("r1")`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	pricer := book.NewPricer()
	pricer.limit, pricer.reasons = 50, 7
	alder, daisy := book.Parties.Find("ALDER"), book.Parties.Find("DAISY")
	for range 2 {
		for i := range 500 {
			reason := fmt.Sprint("r", i)
			want := "base"
			if strings.HasPrefix(reason, "r1") {
				want = "referral"
			}
			if got := pricer.Price(alder, daisy, settlement.NewDate(2026, 5, 1), reason); got.ID != want {
				t.Fatalf("%s: %v", reason, got)
			}
			if len(pricer.remembered) > pricer.limit || len(pricer.pairs) > pricer.reasons {
				t.Fatalf("%d remembered, and %d reasons with a table", len(pricer.remembered), len(pricer.pairs))
			}
		}
	}
	if len(pricer.remembered) == 0 || len(pricer.pairs) != 7 {
		t.Errorf("%d remembered, and %d reasons with a table", len(pricer.remembered), len(pricer.pairs))
	}
}

// TestPricerAsksOfTheReasonOnlyIfAConditionDoes shows that else every reason shares one memory.
func TestPricerAsksOfTheReasonOnlyIfAConditionDoes(t *testing.T) {
	book, err := Parse("r", []byte(strings.Replace(string(sample), `reason == "referral" && `, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for _, few := range []bool{true, false} {
		pricer := book.NewPricer()
		if !few {
			pricer.reasons = 0 // as with very many parties
		}
		for i := range 10 {
			if got := pricer.Price(0, 1, settlement.NewDate(2026, 5, 1), fmt.Sprint("r", i)); got != book.NewPricer().Price(0, 1, settlement.NewDate(2026, 5, 1), "") {
				t.Errorf("price %v", got)
			}
		}
		if remembered := len(pricer.remembered) + len(pricer.lists); remembered != 1 {
			t.Errorf("%d remembered", remembered)
		}
	}
}

// TestPricerOfPairs compares the tables of pairs with the evaluation of conditions, for all pairs of parties.
func TestPricerOfPairs(t *testing.T) {
	for _, rulebook := range []string{string(sample), strings.Replace(string(sample), `reason == "referral" && `, "", 1)} {
		book, err := Parse("r", []byte(rulebook))
		if err != nil {
			t.Fatal(err)
		}
		testPairs(t, book)
	}
}

func testPairs(t *testing.T, book *Rulebook) {
	t.Helper()
	table, plain := book.NewPricer(), book.NewPricer()
	plain.reasons = 0
	for range 2 {
		for issuer := range settlement.Party(book.Parties.Len()) {
			for redeemer := range settlement.Party(book.Parties.Len()) {
				for _, month := range []int{1, 5, 6, 12} {
					date := settlement.NewDate(2026, time.Month(month), 15)
					for _, reason := range []string{"x", "referral"} {
						if got, want := table.Price(issuer, redeemer, date, reason), plain.Price(issuer, redeemer, date, reason); got != want {
							t.Errorf("%d, %d, %s, %s: %v, not %v", issuer, redeemer, date, reason, got, want)
						}
					}
				}
			}
		}
	}
	if len(table.lists) < 2 || len(table.remembered) > 0 {
		t.Errorf("%d lists, %d remembered", len(table.lists), len(table.remembered))
	}
}
