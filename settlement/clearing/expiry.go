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

// prune drops from the account what no later night can ask for.
//
// A redemption is asked for by its reversals, until its business date is reversal_days past,
// and by its open claim. A lot is asked for by redemptions while it has open points or expired
// ones that late rows may claim, by issue reversals until its business date is reversal_days
// past, and by the reversals of redemptions on record.
func (a *Attributor) prune() {
	account := a.account
	originalsSince := a.originalsSince + 1 // that of tomorrow night
	claimableSince := a.claimableSince + 1
	account.Redemptions = keep(account.Redemptions, func(i int) bool {
		r := &account.Redemptions[i]
		return r.OpenClaim > 0 || r.BusinessDate >= originalsSince
	})
	wanted := func(i int) bool {
		lot := &account.Lots[i]
		return lot.Open > 0 ||
			lot.Expired > 0 && lot.ExpiresOn >= claimableSince ||
			!lot.Key.Imported && lot.Key.BusinessDate >= originalsSince
	}
	for i := range account.Lots {
		if !wanted(i) {
			a.findReferred()
			account.Lots = keep(account.Lots, func(i int) bool { return a.referred[i] || wanted(i) })
			return
		}
	}
}

// keep drops from a list what is not wanted. wanted is asked about each place in order, before
// anything from there on has moved.
func keep[T any](list []T, wanted func(i int) bool) []T {
	kept := 0
	for i := range list {
		if !wanted(i) {
			continue
		}
		if kept < i {
			list[kept] = list[i]
		}
		kept++
	}
	clear(list[kept:])
	return list[:kept]
}

// findReferred marks the lots that redemptions on record are charged to. The account's lots
// are in order.
func (a *Attributor) findReferred() {
	a.referred = a.referred[:0]
	for range a.account.Lots {
		a.referred = append(a.referred, false)
	}
	a.sortedLots = len(a.account.Lots)
	for i := range a.account.Redemptions {
		charges := a.account.Redemptions[i].Charges
		for j := range charges {
			if !charges[j].ByAlliance {
				a.referred[a.lotAt(&charges[j].Lot)] = true
			}
		}
	}
}
