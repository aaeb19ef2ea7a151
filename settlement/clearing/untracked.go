package clearing

import (
	"fmt"

	"alliance/settlement"
)

// applyUntracked counts a row of a ledger that keeps no lots: every row but an issue names its
// issuer, and a redemption is charged to it whole.
func (a *Attributor) applyUntracked(row *settlement.Transaction) {
	issuer := issuerOf(row)
	if row.Kind != settlement.Issue && row.Issuer == settlement.NoParty {
		panic(fmt.Sprintf("row %d of %s names no issuer, on an untracked ledger", row.Source.Row, row.Source.File))
	}
	movement := &a.outcome.Movements[issuer]
	switch row.Kind {
	case settlement.Issue:
		a.add(&movement.Issued, row.Points, "issued", issuer)
	case settlement.IssueReversal:
		a.add(&movement.IssueReversed, row.Points, "taken back", issuer)
	case settlement.Redeem:
		a.countRedeemed(movement, row.Merchant, row.Points)
		a.allocateUntracked(row, settlement.RedemptionActivity, row.Points)
	case settlement.RedeemReversal:
		a.add(&movement.Restored, row.Points, "restored", issuer)
		a.allocateUntracked(row, settlement.RedemptionReversalActivity, -row.Points)
	}
	a.settle(row)
}

func (a *Attributor) allocateUntracked(row *settlement.Transaction, activity settlement.Activity, points int64) {
	a.outcome.Allocations = append(a.outcome.Allocations, settlement.Allocation{
		Activity:      activity,
		Issuer:        row.Issuer,
		Redeemer:      row.Merchant,
		BusinessDate:  row.BusinessDate,
		Price:         a.price(row.Issuer, row.Merchant, row.BusinessDate, row.Reason),
		Points:        points,
		TransactionID: row.ID,
		OccurredAt:    row.OccurredAt,
	})
}
