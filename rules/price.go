package rules

import (
	"strings"

	"alliance/settlement"
)

// maxRemembered bounds what a [Pricer] remembers: reasons are the merchants' words, and a
// night could bring a new one with every row.
const maxRemembered = 1 << 18

// A Pricer looks prices up. It evaluates the conditions once for each issuer, redeemer and
// reason and remembers the outcome, so each worker needs one of its own: a Pricer is not for
// concurrent use.
type Pricer struct {
	rulebook   *Rulebook
	asksReason bool
	remembered map[priceKey][]*PriceRule
	limit      int
}

// priceKey is all that conditions can depend on.
type priceKey struct {
	issuer, redeemer settlement.Party
	reason           string
}

// NewPricer returns a Pricer for the price table.
func (r *Rulebook) NewPricer() *Pricer {
	pricer := &Pricer{rulebook: r, remembered: map[priceKey][]*PriceRule{}, limit: maxRemembered}
	for i := range r.Prices {
		if condition := r.Prices[i].condition; condition != nil && condition.asksReason {
			pricer.asksReason = true
		}
	}
	return pricer
}

// Price returns the price of a redemption: the first entry whose dates hold the redemption's
// business date and whose condition is true. There always is one, as the last entry holds always.
func (p *Pricer) Price(issuer, redeemer settlement.Party, business settlement.Date, reason string) settlement.Price {
	if !p.asksReason {
		reason = ""
	}
	candidates, known := p.remembered[priceKey{issuer, redeemer, reason}]
	if !known {
		candidates = p.remember(issuer, redeemer, reason)
	}
	for _, rule := range candidates {
		if rule.From <= business && business <= rule.To {
			return rule.Price
		}
	}
	panic("rules: no price holds, though the last one has no condition")
}

// remember evaluates the conditions and keeps the entries that hold on some date.
func (p *Pricer) remember(issuer, redeemer settlement.Party, reason string) []*PriceRule {
	about := p.rulebook.facts(issuer, redeemer, reason)
	var candidates []*PriceRule
	for i := range p.rulebook.Prices {
		rule := &p.rulebook.Prices[i]
		if !rule.condition.holds(about) {
			continue
		}
		candidates = append(candidates, rule)
		if rule.From == settlement.NoDate && rule.To == settlement.Never {
			break // holds on every date: nothing after it is ever asked
		}
	}
	if len(p.remembered) >= p.limit {
		clear(p.remembered)
	}
	// The reason may be a piece of a whole file's text, which must not be kept for it.
	p.remembered[priceKey{issuer, redeemer, strings.Clone(reason)}] = candidates
	return candidates
}

// FeeApplies reports whether the i-th fee counts lines between issuer and redeemer in a cycle
// whose last day is given. It is safe for concurrent use.
func (r *Rulebook) FeeApplies(i int, issuer, redeemer settlement.Party, cycleEnd settlement.Date) bool {
	fee := &r.Fees[i]
	return fee.From <= cycleEnd && cycleEnd <= fee.To && fee.condition.holds(r.facts(issuer, redeemer, ""))
}
