package rules

import (
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
)

// TestPricerForgetsNothingThatMatters asks one Pricer for more reasons than it remembers.
func TestPricerForgetsNothingThatMatters(t *testing.T) {
	book, err := Parse("r", []byte(strings.Replace(string(sample), `reason == "referral"`, `reason.startsWith("r1")`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	pricer := book.NewPricer()
	pricer.limit = 50
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
			if len(pricer.remembered) > pricer.limit {
				t.Fatalf("%d remembered", len(pricer.remembered))
			}
		}
	}
}

// TestPricerAsksOfTheReasonOnlyIfAConditionDoes shows that else every reason shares one memory.
func TestPricerAsksOfTheReasonOnlyIfAConditionDoes(t *testing.T) {
	book, err := Parse("r", []byte(strings.Replace(string(sample), `reason == "referral" && `, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	pricer := book.NewPricer()
	for i := range 10 {
		pricer.Price(0, 1, settlement.NewDate(2026, 5, 1), fmt.Sprint("r", i))
	}
	if len(pricer.remembered) != 1 {
		t.Errorf("%d remembered", len(pricer.remembered))
	}
}
