package clearing

import (
	"alliance/rules"
	"alliance/settlement"
)

// NeedsNight reports whether a member must be attributed on a settlement date even if no row of
// theirs was read: a deferred row's time has come, a claim is open, or open points expire.
func NeedsNight(account *settlement.Account, date settlement.Date, rulebook *rules.Rulebook) bool {
	for i := range account.Deferred {
		if account.Deferred[i].BusinessDate <= date {
			return true
		}
	}
	if !rulebook.Ledger.Tracked {
		return false
	}
	for i := range account.Redemptions {
		if account.Redemptions[i].OpenClaim > 0 {
			return true
		}
	}
	for i := range account.Lots {
		if lot := &account.Lots[i]; lot.Open > 0 && lot.ExpiresOn <= date {
			return true
		}
	}
	return false
}

// expire closes the date: open points of lots whose last date it was, or was before, expire.
func (a *Attributor) expire() {
	var changes []LotChange
	for i := range a.account.Lots {
		lot := &a.account.Lots[i]
		if lot.ExpiresOn > a.date || lot.Open == 0 {
			continue
		}
		before := *lot
		a.add(&a.outcome.Movements[lot.Issuer].Expired, lot.Open, "expired", lot.Issuer)
		a.drift[lot.Issuer] -= lot.Open
		lot.Expired += lot.Open
		lot.Open = 0
		if a.Trace != nil {
			changes = append(changes, LotChange{before, *lot})
		}
	}
	if len(changes) > 0 {
		a.traceExpired(changes)
	}
}
