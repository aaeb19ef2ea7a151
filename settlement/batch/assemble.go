package batch

import (
	"slices"

	"alliance/settlement"
	"alliance/settlement/clearing"

	"github.com/shopspring/decimal"
)

// assemble puts together what the night decided, every list in its written order.
func (r *run) assemble() *settlement.Night {
	night := &settlement.Night{
		Date:           r.Date,
		Parties:        r.Rulebook.Parties,
		Alliance:       r.Rulebook.Alliance,
		Money:          r.Rulebook.Money,
		Tracked:        r.Rulebook.Ledger.Tracked,
		Cycle:          r.Rulebook.CycleLength.CycleOf(r.Date),
		Lines:          r.lines,
		Detail:         r.detail,
		Positions:      r.netted.Positions,
		Fees:           r.netted.Fees,
		Payments:       r.netted.Payments,
		Exceptions:     r.allExceptions(),
		Inputs:         r.inputs,
		RulebookDigest: r.Rulebook.Digest,
	}
	night.ComputationID = settlement.ComputationID(r.opening.Digest, r.inputs, r.Rulebook.Digest, Program)
	night.Statements = r.statements(night)
	has := make([]bool, night.Parties.Len())
	for i := range night.Statements {
		has[night.Statements[i].Merchant] = true
	}
	for _, points := range r.points {
		if points.Issuer == night.Alliance || has[points.Issuer] {
			night.Points = append(night.Points, points)
		}
	}
	return night
}

func (r *run) allExceptions() []settlement.Exception {
	exceptions := append(r.exceptions, ownNames(r.Rulebook, r.attributed)...)
	slices.SortFunc(exceptions, func(a, b settlement.Exception) int { return settlement.CompareExceptions(&a, &b) })
	return exceptions
}

// statements returns the head of every merchant's statement that has something to say.
func (r *run) statements(night *settlement.Night) []settlement.Statement {
	heads := make([]settlement.Statement, night.Parties.Len())
	concerned := make([]bool, len(heads))
	for party := range heads {
		heads[party] = settlement.Statement{
			Merchant:     settlement.Party(party),
			Version:      1,
			Complete:     r.complete,
			Points:       r.points[party],
			RedeemedHere: r.here[party],
		}
		concerned[party] = heads[party].Points != settlement.IssuerPoints{Issuer: settlement.Party(party)} || r.here[party] != 0
	}
	for party, total := range r.netted.DayTotals {
		heads[party].Receivable, heads[party].Payable = total.Receivable, total.Payable
	}
	for i := range night.Lines {
		concerned[night.Lines[i].Issuer], concerned[night.Lines[i].Redeemer] = true, true
	}
	for i := range night.Inputs {
		input := &night.Inputs[i]
		heads[input.Merchant].RowsAccepted += input.Accepted
		heads[input.Merchant].RowsDeferred += input.Deferred
		heads[input.Merchant].RowsRejected += input.Rejected
		concerned[input.Merchant] = true
	}
	for i := range night.Exceptions {
		if merchant := night.Exceptions[i].Merchant; merchant != settlement.NoParty {
			concerned[merchant] = true
		}
	}
	r.addMoney(night, heads, concerned)
	return slices.DeleteFunc(heads, func(s settlement.Statement) bool {
		merchant := r.Rulebook.Merchant(s.Merchant)
		return merchant == nil || !concerned[s.Merchant] && !merchant.ActiveOn(r.Date)
	})
}

// addMoney fills in the cycle's running totals and, at a close, the positions.
func (r *run) addMoney(night *settlement.Night, heads []settlement.Statement, concerned []bool) {
	for party, total := range r.netted.CycleTotals {
		heads[party].CycleReceivable = total.Receivable
		heads[party].CyclePayable = total.Payable
	}
	for _, pair := range r.opening.Balances.Pairs {
		concerned[pair.Issuer], concerned[pair.Redeemer] = true, true
	}
	for _, position := range night.Positions {
		heads[position.Party].Position = position
		concerned[position.Party] = concerned[position.Party] || hasMoney(position)
	}
	for _, carry := range r.opening.Balances.Carried {
		concerned[carry.Merchant] = true
	}
	for _, held := range r.opening.Balances.Held {
		concerned[held.Merchant] = true
	}
}

func hasMoney(p settlement.Position) bool {
	return slices.ContainsFunc([]decimal.Decimal{p.Receivable, p.Payable, p.Fees, p.Tax, p.CarriedIn, p.Held, p.Released, p.CarriedOut, p.Due},
		func(amount decimal.Decimal) bool { return !amount.IsZero() })
}

// closing gathers what stays on record.
func (r *run) closing() *Closing {
	closing := &Closing{State: r.closingState, PutAway: r.putAway.groups, PutAwayParties: r.putAway.namedParties(),
		ExpiredBefore: clearing.ExpiredBefore(r.Rulebook, r.Date), Settled: r.settledIDs, Waiting: r.waitingIDs, Claims: r.claims.status(),
		Balances: r.netted.After, Points: make(map[settlement.Party]int64)}
	for _, points := range r.points {
		if points.Closing != 0 {
			closing.Points[points.Issuer] = points.Closing
		}
	}
	for _, adjustment := range r.adjustments {
		closing.Adjustments = append(closing.Adjustments, adjustment.ID)
	}
	return closing
}
