package clearing

import (
	"cmp"
	"fmt"
	"slices"

	"alliance/rules"
	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// checkPositions panics unless the positions are a zero sum and each adds up. The error wraps
// [settlement.ErrOutOfRange] if an amount cannot be published.
func checkPositions(rulebook *rules.Rulebook, positions []settlement.Position) error {
	var sums [positionColumns]decimal.Decimal
	for i := range positions {
		position := &positions[i]
		after := position.Held.Add(position.CarriedOut).Add(position.Due)
		if !position.CarriedIn.Add(position.Net).Add(position.Released).Equal(after) {
			panic(fmt.Sprintf("position of %s does not add up: %+v", rulebook.Parties.ID(position.Party), *position))
		}
		for column, amount := range columnsOf(position) {
			if err := settlement.CheckMoney(amount); err != nil {
				return fmt.Errorf("%s of %s: %w", positionNames[column], rulebook.Parties.ID(position.Party), err)
			}
			if column == payableColumn {
				amount = amount.Neg() // what one receives another pays: both columns are one
				column = receivableColumn
			}
			sums[column] = sums[column].Add(amount)
		}
	}
	for column, sum := range sums {
		if !sum.IsZero() {
			panic(fmt.Sprintf("the column %s of the positions sums to %s, not to zero", positionNames[column], sum))
		}
	}
	return nil
}

const (
	receivableColumn = iota
	payableColumn
	positionColumns = 10
)

var positionNames = [positionColumns]string{"receivable", "payable", "fees", "tax", "net",
	"carried_in", "held", "released", "carried_out", "due"}

func columnsOf(p *settlement.Position) [positionColumns]decimal.Decimal {
	return [...]decimal.Decimal{p.Receivable, p.Payable, p.Fees, p.Tax, p.Net,
		p.CarriedIn, p.Held, p.Released, p.CarriedOut, p.Due}
}

// payments returns who pays whom at a close, in order of payment id. It panics if they are not
// what is due to each party. The error wraps [settlement.ErrOutOfRange].
func payments(rulebook *rules.Rulebook, date settlement.Date, positions []settlement.Position, pairs []settlement.PairTotal) ([]settlement.Payment, error) {
	p := payer{rulebook: rulebook, date: date, open: make([]decimal.Decimal, len(positions))}
	for i := range positions {
		p.open[i] = positions[i].Due
	}
	if rulebook.Netting.Bilateral {
		p.payPairs(pairs)
	}
	for i := range positions {
		if party := positions[i].Party; party != rulebook.Alliance {
			p.pay(rulebook.Alliance, party, p.open[party])
		}
	}
	if open := p.open[rulebook.Alliance]; !open.IsZero() {
		panic(fmt.Sprintf("after all payments %s is open with the alliance", open))
	}
	for i := range p.payments {
		if err := settlement.CheckMoney(p.payments[i].Amount); err != nil {
			return nil, fmt.Errorf("payment of %s: %w", rulebook.Parties.ID(p.payments[i].Payer), err)
		}
	}
	slices.SortFunc(p.payments, func(a, b settlement.Payment) int { return cmp.Compare(a.ID, b.ID) })
	return p.payments, nil
}

// A payer makes payments and remembers what is still open with each party.
type payer struct {
	rulebook *rules.Rulebook
	date     settlement.Date
	// open is what each party is still to receive, negative if it is to pay.
	open     []decimal.Decimal
	payments []settlement.Payment
}

// payPairs makes one payment between each two merchants, over the net of their lines.
func (p *payer) payPairs(pairs []settlement.PairTotal) {
	for i := range pairs {
		pair := &pairs[i]
		if pair.Issuer == p.rulebook.Alliance || pair.Redeemer == p.rulebook.Alliance {
			continue
		}
		reverse := settlement.PairTotal{Issuer: pair.Redeemer, Redeemer: pair.Issuer}
		at, both := slices.BinarySearchFunc(pairs, reverse, func(a, b settlement.PairTotal) int { return comparePairs(&a, &b) })
		if both && at < i {
			continue // netted when the other direction was met
		}
		amount := owed(pair)
		if both {
			amount = amount.Sub(owed(&pairs[at]))
		}
		p.pay(pair.Issuer, pair.Redeemer, amount)
	}
}

// pay makes a payment of amount; a negative one goes the other way, zero is none.
func (p *payer) pay(from, to settlement.Party, amount decimal.Decimal) {
	if amount.IsZero() {
		return
	}
	if amount.IsNegative() {
		from, to, amount = to, from, amount.Neg()
	}
	merchant := from
	if from == p.rulebook.Alliance {
		merchant = to
	}
	p.open[from] = p.open[from].Add(amount)
	p.open[to] = p.open[to].Sub(amount)
	parties := p.rulebook.Parties
	p.payments = append(p.payments, settlement.Payment{
		ID:       settlement.PaymentID(parties.ID(from), parties.ID(to), p.date),
		Payer:    from,
		Payee:    to,
		Amount:   amount,
		Merchant: merchant,
	})
}
