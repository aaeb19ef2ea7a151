package clearing

import (
	"fmt"

	"alliance/settlement"
)

// An openClaim is a redemption that no lot has covered in full, and the number of its next
// allocation tonight. Claims are listed in the order of their rows.
type openClaim struct {
	redemption int
	number     int32
}

// retryClaim tries again to cover what an earlier night left open.
func (a *Attributor) retryClaim(index int) {
	if a.account.Redemptions[index].OpenClaim > 0 { // else a reversal came before it tonight
		a.cover(index)
	}
}

func (a *Attributor) reportUncovered(row *settlement.Transaction, left int64) {
	exception := exceptionOf(row, settlement.Uncovered, settlement.DeferredState)
	exception.Points = left
	exception.Message = fmt.Sprintf("no lot covers %d of the %d points; tried every night until %s, then unfunded",
		left, row.Points, a.date+a.waitDays)
	a.outcome.Exceptions = append(a.outcome.Exceptions, exception)
}

// giveUpClaims ends the claims whose time is over, after all rows of the member's night.
func (a *Attributor) giveUpClaims() {
	for _, claim := range a.claims {
		redemption := &a.account.Redemptions[claim.redemption]
		if redemption.OpenClaim == 0 || redemption.SettledOn+a.waitDays > a.date {
			continue
		}
		if a.Trace != nil {
			a.traceGivenUp(claim)
			continue
		}
		a.giveUp(claim)
	}
}

func (a *Attributor) giveUp(claim openClaim) {
	redemption := &a.account.Redemptions[claim.redemption]
	points := redemption.OpenClaim
	redemption.OpenClaim = 0
	exception := settlement.Exception{
		Merchant:      redemption.Merchant,
		File:          redemption.Source.File,
		Row:           redemption.Source.Row,
		TransactionID: redemption.TransactionID,
		Code:          settlement.Unfunded,
		State:         settlement.Rejected,
		Points:        points,
	}
	if a.ledger.UnfundedByAlliance {
		a.chargeAlliance(redemption, points, claim.number)
		exception.Message = fmt.Sprintf("no lot covered %d of the %d points; the alliance pays them", points, redemption.Points)
	} else {
		redemption.Unfunded += points
		exception.Message = fmt.Sprintf("no lot covered %d of the %d points; nobody pays them", points, redemption.Points)
	}
	a.outcome.Exceptions = append(a.outcome.Exceptions, exception)
}

// chargeAlliance lets the alliance pay for points that no lot covered. They are nobody's
// points, so they are in no roll-forward.
func (a *Attributor) chargeAlliance(redemption *settlement.Redemption, points int64, number int32) {
	alliance := a.rulebook.Alliance
	charge := settlement.Charge{
		ByAlliance: true,
		Issuer:     alliance,
		Points:     points,
		Price:      a.price(alliance, redemption.Merchant, redemption.BusinessDate, redemption.Reason),
	}
	a.reserveCharges(redemption, 1)
	redemption.Charges = append(redemption.Charges, charge)
	a.allocate(redemption, &charge, number)
	a.add(&a.outcome.RedeemedHere[redemption.Merchant], points, "redeemed here", redemption.Merchant)
}
