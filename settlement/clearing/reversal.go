package clearing

import (
	"fmt"
	"strconv"

	"alliance/settlement"
)

// reverseRedeem takes a redemption back, in whole or in part: first what no lot covered, then
// its charges from the last to the first. What the alliance paid is always the last charge.
func (a *Attributor) reverseRedeem(row *settlement.Transaction) {
	index := a.originalRedeem(row)
	if index < 0 {
		a.decline(row, a.originalLot(row) >= 0)
		return
	}
	redemption := &a.account.Redemptions[index]
	if limit := redemption.Points - redemption.Reversed; row.Points > limit {
		a.rejectExcess(row, limit)
		return
	}
	redemption.Reversed += row.Points
	left := row.Points
	left -= reduce(&redemption.OpenClaim, left)
	left -= reduce(&redemption.Unfunded, left)
	if !a.indexed && len(redemption.Charges)*(len(a.account.Lots)-a.sortedLots) > worthIndexing {
		a.index()
	}
	for number := int32(0); left > 0; number++ {
		last := len(redemption.Charges) - 1
		if last < 0 {
			panic(fmt.Sprintf("redemption %q has fewer charges than points to give back", redemption.TransactionID))
		}
		charge := redemption.Charges[last]
		points := reduce(&redemption.Charges[last].Points, left)
		left -= points
		if redemption.Charges[last].Points == 0 {
			redemption.Charges = redemption.Charges[:last]
		}
		a.giveBack(row, redemption, &charge, points, number)
	}
	a.settle(row)
}

// reduce takes up to points from an amount and returns how much it took.
func reduce(amount *int64, points int64) int64 {
	taken := min(*amount, points)
	*amount -= taken
	return taken
}

// giveBack returns points of a charge to who bore it.
func (a *Attributor) giveBack(row *settlement.Transaction, original *settlement.Redemption, charge *settlement.Charge, points int64, number int32) {
	a.outcome.Allocations = append(a.outcome.Allocations, settlement.Allocation{
		Activity:      settlement.RedemptionReversalActivity,
		Issuer:        charge.Issuer,
		Redeemer:      row.Merchant,
		BusinessDate:  row.BusinessDate,
		Price:         charge.Price,
		Points:        -points,
		Number:        number,
		TransactionID: row.ID,
		OccurredAt:    row.OccurredAt,
		HasLot:        !charge.ByAlliance,
		Lot:           charge.Lot,
	})
	if charge.ByAlliance {
		return
	}
	if lot := a.chargedLot(&charge.Lot, original.SettledOn); lot >= 0 {
		a.restore(lot, points)
	}
}

// restore returns points to a lot. What issue reversals have asked back in vain is taken at once.
func (a *Attributor) restore(index int, points int64) {
	lot := &a.account.Lots[index]
	lot.Spent -= points
	clawback := reduce(&lot.Shortfall, points)
	lot.Reversed += clawback
	lot.Open += points - clawback
	a.order.refill(a.account.Lots, index)

	movement := &a.outcome.Movements[lot.Issuer]
	a.add(&movement.Restored, points, "restored", lot.Issuer)
	a.add(&movement.IssueReversed, clawback, "taken back", lot.Issuer)
	a.drift[lot.Issuer] += points - clawback
}

// reverseIssue takes points back from the very lot they were issued to: open ones, then
// expired ones, and the rest from what may yet return to it.
func (a *Attributor) reverseIssue(row *settlement.Transaction) {
	index := a.originalIssue(row)
	if index < 0 {
		a.decline(row, a.originalRedemption(row) >= 0)
		return
	}
	lot := &a.account.Lots[index]
	if limit := lot.Issued - lot.ReversedInAll(); row.Points > limit {
		a.rejectExcess(row, limit)
		return
	}
	open := reduce(&lot.Open, row.Points)
	expired := reduce(&lot.Expired, row.Points-open)
	spent := row.Points - open - expired
	lot.Reversed += open
	lot.Voided += expired
	lot.Shortfall += spent

	a.add(&a.outcome.Movements[lot.Issuer].IssueReversed, open, "taken back", lot.Issuer)
	a.drift[lot.Issuer] -= open
	if spent > 0 {
		exception := exceptionOf(row, settlement.ClawbackShortfall, settlement.Noticed)
		exception.Points = spent
		exception.Message = fmt.Sprintf("%d of the %d points are spent already and borne by issuer %s; points that return to the lot are taken back then",
			spent, row.Points, a.rulebook.Parties.ID(lot.Issuer))
		a.outcome.Exceptions = append(a.outcome.Exceptions, exception)
	}
	a.settle(row)
}

func (a *Attributor) rejectExcess(row *settlement.Transaction, limit int64) {
	exception := exceptionOf(row, settlement.ReversalExceedsOriginal, settlement.Rejected)
	exception.Column, exception.Value = settlement.PointsColumn.String(), strconv.FormatInt(row.Points, 10)
	exception.Message = fmt.Sprintf("only %d points of %q can still be reversed", limit, row.OriginalID)
	a.reject(row, exception)
}

// decline deals with a reversal that has no original: it waits as long as it may, unless the
// id is on record as the other kind, which no waiting mends.
func (a *Attributor) decline(row *settlement.Transaction, otherKind bool) {
	needed, other := settlement.Redeem, settlement.Issue
	if row.Kind == settlement.IssueReversal {
		needed, other = other, needed
	}
	if otherKind {
		exception := exceptionOf(row, settlement.OriginalMismatch, settlement.Rejected)
		exception.Column, exception.Value = settlement.OriginalTransactionID.String(), cutValue(row.OriginalID)
		exception.Message = fmt.Sprintf("%q is on record as %s; %s needs %s", row.OriginalID, other, row.Kind, needed)
		a.reject(row, exception)
		return
	}
	exception := exceptionOf(row, settlement.UnknownOriginal, settlement.Rejected)
	exception.Column, exception.Value = settlement.OriginalTransactionID.String(), cutValue(row.OriginalID)
	wanted := fmt.Sprintf("no %s %q of this member and merchant", needed, row.OriginalID)
	if row.OriginalDate != settlement.NoDate {
		wanted += " of business date " + row.OriginalDate.String()
	}
	wanted += " is on record since " + a.originalsSince.String()
	lastTry := row.FirstRead + a.waitDays
	if a.date >= lastTry {
		exception.Message = wanted + "; send the reversal again once its original is delivered"
		a.reject(row, exception)
		return
	}
	exception.State = settlement.DeferredState
	exception.Message = wanted + "; tried every night until " + lastTry.String()
	a.wait(row, exception)
}

// postpone keeps a row of a future business date for the run of that date.
func (a *Attributor) postpone(row *settlement.Transaction) {
	a.wait(row, DeferredFuture(row))
}

// wait defers a row to the next night. It is reported on its first night only.
func (a *Attributor) wait(row *settlement.Transaction, exception settlement.Exception) {
	a.waiting = append(a.waiting, *row)
	a.reason = exception.Message
	if row.FirstRead == a.date {
		a.outcome.Exceptions = append(a.outcome.Exceptions, exception)
		a.outcome.file(row.Source.File, row.Merchant).Deferred++
	}
}

func (a *Attributor) reject(row *settlement.Transaction, exception settlement.Exception) {
	a.outcome.Exceptions = append(a.outcome.Exceptions, exception)
	if row.FirstRead == a.date {
		a.outcome.file(row.Source.File, row.Merchant).Rejected++
	}
}

func exceptionOf(row *settlement.Transaction, code settlement.Code, state settlement.State) settlement.Exception {
	exception := newRejection(row, code)
	exception.State = state
	return exception
}
