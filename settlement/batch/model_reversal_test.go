package batch_test

// An original is what a reversal found: one of the two, or none.
type original struct {
	redemption *redemption
	lot        *lot
}

// find looks for the row that a reversal reverses, among this member's rows of this merchant:
// of each kind the latest one.
func (n *memberNight) find(r *row) original {
	var found original
	visible := func(merchant, id string, business day) bool {
		return merchant == r.merchant && id == r.originalID && business >= n.d-day(n.c.reversalDays) &&
			(r.originalDate == "" || business.String() == r.originalDate)
	}
	for _, candidate := range n.member.redemptions {
		o := candidate.row
		if visible(o.merchant, o.id, o.business) && (found.redemption == nil || o.business > found.redemption.row.business) {
			found.redemption = candidate
		}
	}
	for _, candidate := range n.member.lots {
		if visible(candidate.merchant, candidate.id, candidate.business) && (found.lot == nil || candidate.business > found.lot.business) {
			found.lot = candidate
		}
	}
	return found
}

// missed decides about a reversal without its original.
func (n *memberNight) missed(r *row, other bool) {
	lastTry := max(r.firstRead+day(n.c.waitDays), r.business)
	switch {
	case other:
		n.m.reject(r, "original_mismatch")
	case n.d >= lastTry:
		n.m.reject(r, "unknown_original")
	default:
		if n.d == r.firstRead {
			n.m.deferRow(r, "unknown_original")
		}
		n.member.deferred = append(n.member.deferred, r)
	}
}

func (n *memberNight) reverseRedeem(r *row) {
	found := n.find(r)
	claim := found.redemption
	if claim == nil {
		n.missed(r, found.lot != nil)
		return
	}
	if r.points > claim.row.points-claim.reversed {
		n.m.reject(r, "reversal_exceeds_original")
		return
	}
	n.settle(r)
	claim.reversed += r.points
	left := r.points
	for _, uncovered := range []*int64{&claim.openClaim, &claim.unfunded} {
		part := min(left, *uncovered)
		*uncovered -= part
		left -= part
	}
	// The alliance's charge, if there is one, is the last.
	for i := len(claim.charges) - 1; i >= 0 && left > 0; i-- {
		charged := claim.charges[i]
		part := min(left, charged.points)
		if part == 0 {
			continue
		}
		charged.points -= part
		left -= part
		if charged.lot != nil {
			n.giveBack(charged.lot, part)
		}
		n.allocate(r, allocation{activity: "redemption_reversal", issuer: charged.issuer, lot: charged.lot, points: -part, price: charged.price})
	}
	if left != 0 {
		panic("the model gave back more than was taken")
	}
}

// giveBack returns points to a lot. What an issue reversal asked for in vain is taken at once.
func (n *memberNight) giveBack(l *lot, points int64) {
	moved := n.m.moved(l.issuer)
	moved.restored += points
	l.spent -= points
	takenBack := min(points, l.shortfall)
	l.shortfall -= takenBack
	l.reversed += takenBack
	moved.issueReversed += takenBack
	l.open += points - takenBack
}

func (n *memberNight) reverseIssue(r *row) {
	found := n.find(r)
	l := found.lot
	if l == nil {
		n.missed(r, found.redemption != nil)
		return
	}
	if r.points > l.issued-(l.reversed+l.voided+l.shortfall) {
		n.m.reject(r, "reversal_exceeds_original")
		return
	}
	n.settle(r)
	left := r.points
	fromOpen := min(left, l.open)
	l.open -= fromOpen
	l.reversed += fromOpen
	n.m.moved(l.issuer).issueReversed += fromOpen
	left -= fromOpen
	fromExpired := min(left, l.expired)
	l.expired -= fromExpired
	l.voided += fromExpired
	left -= fromExpired
	if left > 0 {
		l.shortfall += left
		n.m.report(r, "clawback_shortfall", "noticed", left)
	}
}
