package clearing

import (
	"slices"

	"alliance/rules"
	"alliance/settlement"
)

// A Decision says what a [Step] did.
type Decision string

// The decisions of a step.
const (
	// Applied rows were accepted and did what their kind says.
	Applied Decision = "applied"
	// Retried is an open claim of an earlier night that was tried again.
	Retried Decision = "retried"
	// Waits is a row that is kept for a later night.
	Waits Decision = "waits"
	// Refused rows were rejected.
	Refused Decision = "refused"
	// GivenUp is an open claim whose time was over.
	GivenUp Decision = "given_up"
	// Closed is the close of the date, at which open points expired.
	Closed Decision = "closed"
)

// A Step is one thing that was decided about one member, with what it was decided on. Steps
// come in the order in which they were taken. What a Step holds is its own.
type Step struct {
	Date     settlement.Date
	Decision Decision
	// Row is the row that was applied. Of a claim it is the redeem row as far as it is on
	// record; at the close of the date it names nobody but the member.
	Row settlement.Transaction
	// Policy is the policy of attribution; "" unless lots were chosen.
	Policy rules.Attribution
	// Asked is how many points were to be taken from lots, Uncovered what they left.
	Asked, Uncovered int64
	// Candidates are the lots that had something for the redemption, in the order of the policy.
	Candidates []Candidate
	// Excluded are the other lots, with the first reason against each: those on record in
	// order of key, then tonight's, and those that a reversal of tonight has brought back, in the order in which they came.
	Excluded []Exclusion
	// Changes are the lots that were changed, in that order too.
	Changes []LotChange
	// Allocations are those that the step made. They have no amount yet.
	Allocations []settlement.Allocation
	// Exceptions are those that the step made; a row that goes on waiting makes none.
	Exceptions []settlement.Exception
	// Reason says in words why the row waits or was refused, or what came of a claim; else "".
	Reason string
}

// A Candidate is a lot that a redemption could take from.
type Candidate struct {
	// Lot is as it was before the step.
	Lot settlement.Lot
	// Available is Open, and Expired if late rows may still claim it; Taken is what was taken.
	Available, Taken int64
}

// An Exclusion is a lot that a redemption could not take from, and why.
type Exclusion struct {
	Lot    settlement.Lot
	Reason string
}

// A LotChange is a lot before and after a step. Before is the zero Lot if the step opened it.
type LotChange struct {
	Before, After settlement.Lot
}

// traceTask applies a task and tells what it did.
func (a *Attributor) traceTask(work *task) {
	step := Step{Date: a.date, Decision: Applied}
	var redemption settlement.Redemption
	if work.row != nil {
		step.Row = *work.row
		redemption = settlement.Redemption{Merchant: step.Row.Merchant, BusinessDate: step.Row.BusinessDate,
			OccurredAt: step.Row.OccurredAt, Issuer: step.Row.Issuer, OpenClaim: step.Row.Points}
	} else {
		redemption = a.account.Redemptions[work.redemption]
		step.Decision, step.Row = Retried, a.rowOf(&redemption)
	}
	if step.Row.Kind == settlement.Redeem && step.Row.BusinessDate <= a.date && a.ledger.Tracked && redemption.OpenClaim > 0 {
		a.traceLots(&step, &redemption)
	}
	a.applied = nil
	waiting := len(a.waiting)
	a.traced(&step, func() { a.apply(work) })
	switch {
	case len(a.waiting) > waiting:
		step.Decision = Waits
	case work.row != nil && a.applied == nil:
		step.Decision = Refused
	}
	a.Trace(step)
}

func (a *Attributor) traceGivenUp(claim openClaim) {
	redemption := a.account.Redemptions[claim.redemption]
	step := Step{Date: a.date, Decision: GivenUp, Row: a.rowOf(&redemption), Uncovered: redemption.OpenClaim}
	a.traced(&step, func() { a.giveUp(claim) })
	a.Trace(step)
}

func (a *Attributor) traceExpired(changes []LotChange) {
	a.Trace(Step{
		Date:     a.date,
		Decision: Closed,
		Row:      settlement.Transaction{Member: a.account.Member, Merchant: settlement.NoParty, Issuer: settlement.NoParty},
		Changes:  changes,
		Reason:   "open points of lots that expire on " + a.date.String() + " or before expire",
	})
}

// A recalledLot is a lot that was put away, by its place on the account, as it was put away.
type recalledLot struct {
	place int
	lot   settlement.Lot
}

// traced does something and fills in what it changed.
func (a *Attributor) traced(step *Step, do func()) {
	before := slices.Clone(a.account.Lots)
	allocations, exceptions := len(a.outcome.Allocations), len(a.outcome.Exceptions)
	a.reason = ""
	do()
	for _, recalled := range a.recalled {
		for len(before) <= recalled.place {
			before = append(before, settlement.Lot{})
		}
		if before[recalled.place] == (settlement.Lot{}) {
			before[recalled.place] = recalled.lot
		}
	}
	for i, lot := range a.account.Lots {
		switch {
		case i >= len(before):
			step.Changes = append(step.Changes, LotChange{After: lot})
		case before[i] != lot:
			step.Changes = append(step.Changes, LotChange{before[i], lot})
		}
	}
	step.Allocations = slices.Clone(a.outcome.Allocations[allocations:])
	step.Exceptions = slices.Clone(a.outcome.Exceptions[exceptions:])
	step.Reason = a.reason
	if len(step.Exceptions) > 0 {
		step.Reason = step.Exceptions[0].Message
	}
}

// traceLots fills in the lots of a redemption that is about to be covered.
func (a *Attributor) traceLots(step *Step, redemption *settlement.Redemption) {
	step.Policy, step.Asked, step.Uncovered = a.ledger.Attribution, redemption.OpenClaim, redemption.OpenClaim
	a.pick(redemption)
	taken := map[int32]int64{}
	for _, take := range a.takes {
		taken[take.lot] = take.points
		step.Uncovered -= take.points
	}
	merchant := a.rulebook.Merchant(redemption.Merchant)
	candidates := a.candidates(redemption)
	for _, index := range candidates {
		lot := &a.account.Lots[index]
		step.Candidates = append(step.Candidates, Candidate{*lot, a.order.available(lot), taken[index]})
	}
	exclude := func(lot *settlement.Lot) {
		step.Excluded = append(step.Excluded, Exclusion{*lot, a.whyNot(lot, redemption)})
	}
	for i := range a.UsedUp {
		if a.placeOfLot(&a.UsedUp[i].Key) < 0 {
			exclude(&a.UsedUp[i])
		}
	}
	for i := range a.account.Lots {
		if i == a.sortedLots {
			step.sortExcluded()
		}
		if lot := &a.account.Lots[i]; a.usable(lot, redemption, merchant) == 0 {
			exclude(lot)
		}
	}
	if a.sortedLots == len(a.account.Lots) {
		step.sortExcluded()
	}
}

// sortExcluded puts the lots excluded until now in order of key.
func (s *Step) sortExcluded() {
	slices.SortFunc(s.Excluded, func(x, y Exclusion) int { return compareLots(&x.Lot, &y.Lot) })
}

// candidates returns every lot that the redemption could take from, in the order of the policy.
func (a *Attributor) candidates(redemption *settlement.Redemption) []int32 {
	merchant := a.rulebook.Merchant(redemption.Merchant)
	lots := a.account.Lots
	var usable []int32
	for _, index := range a.order.live() {
		if a.usable(&lots[index], redemption, merchant) > 0 {
			usable = append(usable, index)
		}
	}
	rank := func(index int32) int {
		issuer := lots[index].Issuer
		switch {
		case a.ledger.Attribution == rules.ProRata:
			return int(issuer)
		case a.ledger.Attribution == rules.OwnFirst && issuer != redemption.Merchant:
			return 1
		default:
			return 0
		}
	}
	slices.SortStableFunc(usable, func(x, y int32) int { return rank(x) - rank(y) })
	return usable
}

func (a *Attributor) whyNot(lot *settlement.Lot, redemption *settlement.Redemption) string {
	switch {
	case lot.IssuedAt > redemption.OccurredAt:
		return "issued after the redemption"
	case lot.ExpiresOn < redemption.BusinessDate:
		return "expired before the redemption"
	case redemption.Issuer != settlement.NoParty && redemption.Issuer != lot.Issuer:
		return "the row names another issuer"
	case !a.rulebook.Merchant(redemption.Merchant).MayRedeemFrom(lot.Issuer):
		return "the redeemer does not accept its issuer's points"
	case lot.Expired > 0:
		return "expired too long ago to be claimed"
	default:
		return "nothing left"
	}
}

// rowOf returns the redeem row of a redemption, as far as it is on record.
func (a *Attributor) rowOf(redemption *settlement.Redemption) settlement.Transaction {
	return settlement.Transaction{
		Source:       redemption.Source,
		Merchant:     redemption.Merchant,
		ID:           redemption.TransactionID,
		Member:       a.account.Member,
		Kind:         settlement.Redeem,
		Points:       redemption.Points,
		OccurredAt:   redemption.OccurredAt,
		BusinessDate: redemption.BusinessDate,
		Issuer:       redemption.Issuer,
		OriginalDate: settlement.NoDate,
		ExpiresOn:    settlement.NoDate,
		Reason:       redemption.Reason,
		FirstRead:    settlement.NoDate,
	}
}
