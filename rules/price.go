package rules

import (
	"fmt"
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
	remembered map[priceKey][]int32
	limit      int
	// pairs is by reason. It serves the first few, where parties are few; entries that hold for many pairs are one list.
	pairs   map[string]*pairsOfReason
	reasons int
	// last are those of the reason that was asked for last, which is usually asked for again.
	last      *pairsOfReason
	lists     [][]int32
	listPlace map[string]int32
}

// pairsOfReason is, by issuer and redeemer, the place in lists of the entries that hold for them and a reason, plus 1.
type pairsOfReason struct {
	reason string
	places []int32
}

// mostPairs is up to how many pairs of parties, for all reasons, have a place of their own, which takes 4 MiB.
const mostPairs = 1 << 20

// priceKey is all that conditions can depend on.
type priceKey struct {
	issuer, redeemer settlement.Party
	reason           string
}

// NewPricer returns a Pricer for the price table.
func (r *Rulebook) NewPricer() *Pricer {
	pricer := &Pricer{rulebook: r, remembered: map[priceKey][]int32{}, limit: maxRemembered}
	for i := range r.Prices {
		if condition := r.Prices[i].condition; condition != nil && condition.asksReason {
			pricer.asksReason = true
		}
	}
	parties := max(1, r.Parties.Len())
	pricer.reasons = mostPairs / parties / parties
	pricer.pairs, pricer.listPlace = map[string]*pairsOfReason{}, map[string]int32{}
	return pricer
}

// Price returns the price of a redemption: the first entry whose dates hold the redemption's
// business date and whose condition is true. There always is one, as the last entry holds always.
func (p *Pricer) Price(issuer, redeemer settlement.Party, business settlement.Date, reason string) settlement.Price {
	for _, place := range p.candidates(issuer, redeemer, reason) {
		rule := &p.rulebook.Prices[place]
		if rule.From <= business && business <= rule.To {
			return rule.Price
		}
	}
	panic("rules: no price holds, though the last one has no condition")
}

// candidates returns the places of the entries that hold on some date.
func (p *Pricer) candidates(issuer, redeemer settlement.Party, reason string) []int32 {
	if !p.asksReason {
		reason = ""
	}
	if pairs := p.pairsFor(reason); pairs != nil {
		pair := &pairs[int(issuer)*p.rulebook.Parties.Len()+int(redeemer)]
		if *pair == 0 {
			*pair = p.list(p.evaluate(issuer, redeemer, reason)) + 1
		}
		return p.lists[*pair-1]
	}
	candidates, known := p.remembered[priceKey{issuer, redeemer, reason}]
	if known {
		return candidates
	}
	candidates = p.evaluate(issuer, redeemer, reason)
	if len(p.remembered) >= p.limit {
		clear(p.remembered)
	}
	// The reason may be a piece of a whole file's text, which must not be kept for it.
	p.remembered[priceKey{issuer, redeemer, strings.Clone(reason)}] = candidates
	return candidates
}

// pairsFor returns the pairs of a reason, nil if there is no room for them.
func (p *Pricer) pairsFor(reason string) []int32 {
	if p.last != nil && p.last.reason == reason {
		return p.last.places
	}
	pairs, known := p.pairs[reason]
	if !known {
		if len(p.pairs) >= p.reasons {
			return nil
		}
		parties := p.rulebook.Parties.Len()
		// The reason may be a piece of a whole file's text, which must not be kept for it.
		pairs = &pairsOfReason{strings.Clone(reason), make([]int32, parties*parties)}
		p.pairs[pairs.reason] = pairs
	}
	p.last = pairs
	return pairs.places
}

// list returns the place of a list of entries.
func (p *Pricer) list(candidates []int32) int32 {
	name := fmt.Sprint(candidates)
	place, known := p.listPlace[name]
	if !known {
		place = int32(len(p.lists))
		p.lists = append(p.lists, candidates)
		p.listPlace[name] = place
	}
	return place
}

// evaluate evaluates the conditions.
func (p *Pricer) evaluate(issuer, redeemer settlement.Party, reason string) []int32 {
	about := p.rulebook.facts(issuer, redeemer, reason)
	var candidates []int32
	for i := range p.rulebook.Prices {
		rule := &p.rulebook.Prices[i]
		if !rule.condition.holds(about) {
			continue
		}
		candidates = append(candidates, int32(i))
		if rule.From == settlement.NoDate && rule.To == settlement.Never {
			break // holds on every date: nothing after it is ever asked
		}
	}
	return candidates
}

// FeeApplies reports whether the i-th fee counts lines between issuer and redeemer in a cycle
// whose last day is given. It is safe for concurrent use.
func (r *Rulebook) FeeApplies(i int, issuer, redeemer settlement.Party, cycleEnd settlement.Date) bool {
	fee := &r.Fees[i]
	return fee.From <= cycleEnd && cycleEnd <= fee.To && fee.condition.holds(r.facts(issuer, redeemer, ""))
}
