package clearing

import (
	"fmt"

	"alliance/rules"
	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// A Closing is the money side of one settlement date.
type Closing struct {
	Cycle settlement.Cycle
	// Closed is true if the cycle was netted on this date; else Positions, Fees and Payments
	// are empty.
	Closed bool
	// Positions has an entry for every party, in order of party.
	Positions []settlement.Position
	// Fees are in order of merchant, fee id.
	Fees []settlement.Fee
	// Payments are in order of payment id.
	Payments []settlement.Payment
	// After is what is on record for the next settlement date.
	After settlement.Balances
	// DayTotals are those of the lines of this date, CycleTotals those of the running cycle,
	// this date included. Both have an entry for every party.
	DayTotals, CycleTotals []PartyTotal
}

// Net adds the lines of a settlement date, which must be in order, to the running cycle and, if
// the cycle closes on the date, nets it. before is what the settlement date before left.
//
// The error wraps [settlement.ErrOutOfRange] if a sum leaves DECIMAL(18,4). It is a mistake of this
// package, and a panic, if positions do not sum to zero.
func Net(rulebook *rules.Rulebook, date settlement.Date, before settlement.Balances, lines []settlement.Line) (Closing, error) {
	assertLinesInOrder(lines)
	assertPairs(before.Pairs)
	closing := Closing{Cycle: rulebook.CycleLength.CycleOf(date)}
	today := addPairs(lines)
	pairs := mergePairs(before.Pairs, today)
	var err error
	if closing.DayTotals, err = totalsOf(rulebook.Parties, today); err != nil {
		return Closing{}, err
	}
	if closing.CycleTotals, err = totalsOf(rulebook.Parties, pairs); err != nil {
		return Closing{}, err
	}
	if !closing.Cycle.Closes(date) {
		closing.After = settlement.Balances{Pairs: pairs, Carried: before.Carried, Held: before.Held}
		return closing, nil
	}
	closing.Closed = true
	if closing.Fees, err = chargeFees(rulebook, closing.Cycle, pairs); err != nil {
		return Closing{}, err
	}
	released, kept := release(rulebook, date, before.Held)
	closing.Positions = openPositions(rulebook, closing.CycleTotals, closing.Fees, before.Carried, released)
	settlePositions(rulebook, date, closing.Positions)
	if err := checkPositions(rulebook, closing.Positions); err != nil {
		return Closing{}, err
	}
	if closing.Payments, err = payments(rulebook, date, closing.Positions, pairs); err != nil {
		return Closing{}, err
	}
	closing.After = balancesAfter(rulebook, closing.Positions, kept)
	return closing, nil
}

// release divides what was held at earlier closes into what is released now, by party, and what
// is kept.
func release(rulebook *rules.Rulebook, date settlement.Date, held []settlement.Holdback) (released []decimal.Decimal, kept []settlement.Holdback) {
	released = make([]decimal.Decimal, rulebook.Parties.Len())
	for _, holdback := range held {
		holdback.Closes++
		merchant := rulebook.Merchant(holdback.Merchant)
		if rulebook.Netting.Bilateral || hasLeft(merchant, date) || holdback.Closes >= rulebook.Netting.ReleaseAfter {
			released[holdback.Merchant] = released[holdback.Merchant].Add(holdback.Amount)
		} else {
			kept = append(kept, holdback)
		}
	}
	return released, kept
}

// hasLeft reports whether the merchant left before the date.
func hasLeft(merchant *rules.Merchant, date settlement.Date) bool { return date > merchant.Left }

// openPositions returns the positions of all parties, in order, as far as they follow from the
// cycle and from what was carried and released; the alliance's only as far as its own lines.
func openPositions(rulebook *rules.Rulebook, totals []PartyTotal, fees []settlement.Fee, carried []settlement.Carry, released []decimal.Decimal) []settlement.Position {
	positions := make([]settlement.Position, rulebook.Parties.Len())
	for party := range positions {
		positions[party] = settlement.Position{
			Party:      settlement.Party(party),
			Receivable: totals[party].Receivable,
			Payable:    totals[party].Payable,
			Released:   released[party],
		}
	}
	for _, fee := range fees {
		position := &positions[fee.Merchant]
		position.Fees = position.Fees.Add(fee.Amount)
		position.Tax = position.Tax.Add(fee.Tax)
	}
	for _, carry := range carried {
		positions[carry.Merchant].CarriedIn = carry.Amount
	}
	for party := range positions {
		position := &positions[party]
		position.Net = position.Receivable.Sub(position.Payable).Sub(position.Fees).Sub(position.Tax)
	}
	return positions
}

// settlePositions decides what of each merchant's credit or debt is due, held or carried. The
// alliance is the other side of all of it.
func settlePositions(rulebook *rules.Rulebook, date settlement.Date, positions []settlement.Position) {
	alliance := &positions[rulebook.Alliance]
	for party := range positions {
		position := &positions[party]
		if position == alliance {
			continue
		}
		settleMerchant(position, termsOf(rulebook, position.Party, date), rulebook.Money)
		alliance.Fees = alliance.Fees.Sub(position.Fees)
		alliance.Tax = alliance.Tax.Sub(position.Tax)
		alliance.CarriedIn = alliance.CarriedIn.Sub(position.CarriedIn)
		alliance.Held = alliance.Held.Sub(position.Held)
		alliance.Released = alliance.Released.Sub(position.Released)
		alliance.CarriedOut = alliance.CarriedOut.Sub(position.CarriedOut)
		alliance.Due = alliance.Due.Sub(position.Due)
	}
	alliance.Net = alliance.Receivable.Sub(alliance.Payable).Sub(alliance.Fees).Sub(alliance.Tax)
}

// terms are the rules that a merchant's balance is settled by at one close.
type terms struct {
	threshold, rate decimal.Decimal
	hold            bool
}

func termsOf(rulebook *rules.Rulebook, party settlement.Party, date settlement.Date) terms {
	if rulebook.Netting.Bilateral {
		return terms{}
	}
	hold := rulebook.HeldOn(party, date)
	if hasLeft(rulebook.Merchant(party), date) {
		return terms{hold: hold}
	}
	return terms{rulebook.Netting.PayoutThreshold, rulebook.Netting.HoldbackRate, hold}
}

// settleMerchant fills what becomes of the balance b = carried in + net, and of what was released.
func settleMerchant(position *settlement.Position, terms terms, money settlement.Money) {
	balance := position.CarriedIn.Add(position.Net)
	if balance.Abs().LessThan(terms.threshold) || terms.hold && balance.IsPositive() {
		position.CarriedOut = balance
	} else {
		position.Held = money.Round(decimal.Max(balance, decimal.Zero).Mul(terms.rate))
		position.Due = balance.Sub(position.Held)
	}
	if terms.hold {
		position.CarriedOut = position.CarriedOut.Add(position.Released)
	} else {
		position.Due = position.Due.Add(position.Released)
	}
}

// balancesAfter returns what is on record after a close.
func balancesAfter(rulebook *rules.Rulebook, positions []settlement.Position, kept []settlement.Holdback) settlement.Balances {
	var after settlement.Balances
	for i := range positions {
		position := &positions[i]
		if position.Party == rulebook.Alliance {
			continue
		}
		if !position.CarriedOut.IsZero() {
			after.Carried = append(after.Carried, settlement.Carry{Merchant: position.Party, Amount: position.CarriedOut})
		}
		for len(kept) > 0 && kept[0].Merchant == position.Party {
			after.Held = append(after.Held, kept[0])
			kept = kept[1:]
		}
		if !position.Held.IsZero() {
			after.Held = append(after.Held, settlement.Holdback{Merchant: position.Party, Amount: position.Held})
		}
	}
	if len(kept) > 0 {
		panic(fmt.Sprintf("what is held of %s is not in order of merchants", rulebook.Parties.ID(kept[0].Merchant)))
	}
	return after
}
