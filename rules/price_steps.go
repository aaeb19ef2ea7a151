package rules

import "alliance/settlement"

// A PriceStep is an entry of the price table that was looked at for one redemption.
type PriceStep struct {
	Rule *PriceRule
	// DatesHold says that the redemption's business date lies in the entry's dates.
	DatesHold bool
	// ConditionHolds says that the entry has no condition, or that it is true.
	ConditionHolds bool
}

// Holds reports whether the entry is the price.
func (s PriceStep) Holds() bool { return s.DatesHold && s.ConditionHolds }

// PriceSteps returns the entries of the price table up to the one that holds, which is the last
// of them and what [Pricer.Price] returns for the same arguments.
func (r *Rulebook) PriceSteps(issuer, redeemer settlement.Party, business settlement.Date, reason string) []PriceStep {
	about := r.facts(issuer, redeemer, reason)
	var steps []PriceStep
	for i := range r.Prices {
		rule := &r.Prices[i]
		step := PriceStep{rule, rule.From <= business && business <= rule.To, rule.condition.holds(about)}
		steps = append(steps, step)
		if step.Holds() {
			return steps
		}
	}
	panic("rules: no price holds, though the last one has no condition")
}
