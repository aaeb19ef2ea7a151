package clearing

import (
	"fmt"

	"alliance/settlement"
)

// check panics unless the member's points are conserved: in every lot, in every redemption,
// and from opening to closing for every issuer. Records must be in order, each key once.
func (a *Attributor) check() {
	lots := a.account.Lots
	for i := range lots {
		lot := &lots[i]
		checkLot(lot)
		if i > 0 && settlement.CompareLotKeys(&lots[i-1].Key, &lot.Key) >= 0 {
			panic("two lots of one key, or lots out of order: " + describeLot(&lot.Key))
		}
		a.drift[lot.Issuer] -= lot.Open
		a.add(&a.outcome.Movements[lot.Issuer].Closing, lot.Open, "closing", lot.Issuer)
	}
	for i := range lots {
		if a.drift[lots[i].Issuer] != 0 {
			panic(fmt.Sprintf("points of issuer %s: opening and movements differ from closing by %d on a member with lot %s",
				a.rulebook.Parties.ID(lots[i].Issuer), a.drift[lots[i].Issuer], describeLot(&lots[i].Key)))
		}
	}
	redemptions := a.account.Redemptions
	for i := range redemptions {
		checkRedemption(&redemptions[i])
		if i > 0 && compareRedemptions(&redemptions[i-1], &redemptions[i]) >= 0 {
			panic(fmt.Sprintf("two redemptions of one key, or redemptions out of order: %q", redemptions[i].TransactionID))
		}
	}
}

func checkLot(lot *settlement.Lot) {
	sum := lot.Open + lot.Spent + lot.Expired + lot.Reversed + lot.Voided
	negative := min(lot.Open, lot.Spent, lot.Expired, lot.Reversed, lot.Voided, lot.Shortfall) < 0
	if sum != lot.Issued || negative || lot.Shortfall > lot.Spent {
		panic(fmt.Sprintf("lot %s: issued %d, open %d, spent %d, expired %d, reversed %d, voided %d, shortfall %d",
			describeLot(&lot.Key), lot.Issued, lot.Open, lot.Spent, lot.Expired, lot.Reversed, lot.Voided, lot.Shortfall))
	}
}

func checkRedemption(redemption *settlement.Redemption) {
	sum := redemption.Reversed + redemption.OpenClaim + redemption.Unfunded
	negative := min(redemption.Reversed, redemption.OpenClaim, redemption.Unfunded) < 0
	for i := range redemption.Charges {
		points := redemption.Charges[i].Points
		sum += points
		negative = negative || points <= 0
	}
	if sum != redemption.Points || negative {
		panic(fmt.Sprintf("redemption %q of %s: points %d, reversed %d, open claim %d, unfunded %d, charges %v", redemption.TransactionID,
			redemption.BusinessDate, redemption.Points, redemption.Reversed, redemption.OpenClaim, redemption.Unfunded, redemption.Charges))
	}
}

func describeLot(key *settlement.LotKey) string {
	return fmt.Sprintf("%q of party %d, %s", key.TransactionID, key.Merchant, key.BusinessDate)
}
