package rules

import (
	"testing"

	"alliance/settlement"
)

// The steps end at the price that a night would use, and say why those before it do not hold.
func TestPriceStepsEndAtThePrice(t *testing.T) {
	book, err := Parse("sample.yaml", Sample())
	if err != nil {
		t.Fatal(err)
	}
	alder, birch, cedar := book.Parties.Find("ALDER"), book.Parties.Find("BIRCH"), book.Parties.Find("CEDAR")
	june, july := settlement.NewDate(2026, 6, 30), settlement.NewDate(2026, 7, 1)
	for _, one := range []struct {
		redeemer settlement.Party
		business settlement.Date
		reason   string
		steps    []PriceStep // without their rules
		price    string
	}{
		{birch, june, "", []PriceStep{{nil, true, true}}, "fuel-spring"},
		{birch, july, "", []PriceStep{{nil, false, true}, {nil, true, false}, {nil, true, true}}, "base"},
		{cedar, june, "referral", []PriceStep{{nil, true, false}, {nil, true, true}}, "referral"},
	} {
		steps := book.PriceSteps(alder, one.redeemer, one.business, one.reason)
		if len(steps) != len(one.steps) {
			t.Fatalf("%d steps to %s, want %d", len(steps), one.price, len(one.steps))
		}
		for i, step := range steps {
			if step.DatesHold != one.steps[i].DatesHold || step.ConditionHolds != one.steps[i].ConditionHolds {
				t.Errorf("step %d to %s: %+v", i, one.price, step)
			}
		}
		last := steps[len(steps)-1]
		if !last.Holds() || last.Rule.ID != one.price || last.Rule.Price != book.NewPricer().Price(alder, one.redeemer, one.business, one.reason) {
			t.Errorf("the steps end at %s, want %s", last.Rule.ID, one.price)
		}
	}
}
