package clearing

import (
	"slices"

	"alliance/rules"
	"alliance/settlement"
)

// A Past has what earlier nights put away of members, by night: redemptions that are settled and lots that are
// used up, which nobody asks for but reversals, and lots whose points expired too long ago to be claimed, unless a later rulebook lets rows come later. What is on a member's account is not in it, and of what several
// nights put away the newest counts.
type Past interface {
	// Nights returns how many nights there are, Night the settlement date of one; 0 is the newest.
	Nights() int
	Night(night int) settlement.Date
	// PutAway returns what a night put away of a member that has a transaction id, or all if that is "", lots and redemptions in
	// order of key; nil if there is none. It is asked about one member after the other, and lends what it returns until it is
	// asked again.
	PutAway(night int, member, transactionID string) (*settlement.Account, error)
}

// NothingPast is the Past before the first night.
type NothingPast struct{}

// Nights returns 0.
func (NothingPast) Nights() int { return 0 }

// Night panics: there is none.
func (NothingPast) Night(int) settlement.Date { panic("there is no night") }

// PutAway panics: there is no night.
func (NothingPast) PutAway(int, string, string) (*settlement.Account, error) {
	panic("there is no night")
}

// eachNight visits what nights put away of the member that has a transaction id, from the newest back to a date, which visit
// may bring forward. If it cannot be read, the night has failed.
func (a *Attributor) eachNight(id string, since *settlement.Date, visit func(*settlement.Account)) {
	for night := 0; night < a.Past.Nights() && a.Past.Night(night) >= *since; night++ {
		away, err := a.Past.PutAway(night, a.account.Member, id)
		if err != nil {
			a.fail(err)
			return
		}
		if away != nil {
			visit(away)
		}
	}
}

// recallOriginals puts on the account whatever a reversal may mean of what was put away: all of it, lots and
// redemptions, or that which is newer than an original of a business date which is on the account already.
//
// What has a business date was not put away before that date: once an original is found, older nights need not be
// looked into; and none if the reversal names the date, as there is one original of a date at most.
func (a *Attributor) recallOriginals(row *settlement.Transaction, found settlement.Date) {
	since := max(a.originalsSince, row.OriginalDate)
	foundOne := func(date settlement.Date) {
		if since = max(since, date+1); row.OriginalDate != settlement.NoDate {
			since = settlement.Never
		}
	}
	if found != settlement.NoDate {
		foundOne(found)
	}
	a.eachNight(row.OriginalID, &since, func(away *settlement.Account) {
		for i := range away.Lots {
			key := &away.Lots[i].Key
			if key.Imported || !a.isOriginal(row, key.Merchant, key.TransactionID, key.BusinessDate) {
				continue
			}
			a.recallLot(&away.Lots[i])
			if row.Kind == settlement.IssueReversal {
				foundOne(key.BusinessDate)
			}
		}
		for i := range away.Redemptions {
			redemption := &away.Redemptions[i]
			if !a.isOriginal(row, redemption.Merchant, redemption.TransactionID, redemption.BusinessDate) {
				continue
			}
			a.recallRedemption(redemption)
			if row.Kind == settlement.RedeemReversal {
				foundOne(redemption.BusinessDate)
			}
		}
	})
}

// recallLot puts a lot on the account, unless a newer version of it is there.
func (a *Attributor) recallLot(lot *settlement.Lot) {
	if a.placeOfLot(&lot.Key) >= 0 {
		return
	}
	a.account.Lots = append(a.account.Lots, *lot)
	if a.Trace != nil {
		a.recalled = append(a.recalled, recalledLot{len(a.account.Lots) - 1, *lot})
	}
	if a.indexed {
		a.lotsByID.add(lot.Key.Merchant, lot.Key.TransactionID, len(a.account.Lots)-1)
	}
}

// recallRedemption puts a redemption on the account, unless a newer version of it is there.
func (a *Attributor) recallRedemption(redemption *settlement.Redemption) {
	same := func(other *settlement.Redemption) bool { return compareRedemptions(other, redemption) == 0 }
	if a.indexed {
		for i := a.redemptionsByID.find(redemption.Merchant, redemption.TransactionID); i >= 0; i = int(a.redemptionsByID.before[i]) {
			if same(&a.account.Redemptions[i]) {
				return
			}
		}
	} else {
		for i := range a.account.Redemptions {
			if same(&a.account.Redemptions[i]) {
				return
			}
		}
	}
	recalled := *redemption
	recalled.Charges = slices.Clone(redemption.Charges) // a reversal changes them
	a.account.Redemptions = append(a.account.Redemptions, recalled)
	if a.indexed {
		a.redemptionsByID.add(redemption.Merchant, redemption.TransactionID, len(a.account.Redemptions)-1)
	}
}

// chargedLot returns the place of a lot that a redemption is charged to, which is on the account or was put away
// since the redemption was settled. It is -1 if the past cannot be read.
func (a *Attributor) chargedLot(key *settlement.LotKey, since settlement.Date) int {
	if at := a.placeOfLot(key); at >= 0 {
		return at
	}
	a.eachNight(key.TransactionID, &since, func(away *settlement.Account) {
		if at, found := settlement.FindLot(away.Lots, key); found {
			a.recallLot(&away.Lots[at])
			since = settlement.Never
		}
	})
	at := a.placeOfLot(key)
	if at < 0 && a.failure == nil {
		panic("a redemption is charged to a lot that is not on record: " + describeLot(key))
	}
	return at
}

// ExpiredBefore returns before which date a lot has to have expired to be put away on a date although it has points that late rows
// could still claim under another rulebook, be it one that lets them come as late as reversals.
func ExpiredBefore(rulebook *rules.Rulebook, date settlement.Date) settlement.Date {
	return date - settlement.Date(max(rulebook.Intake.AcceptLateDays, rulebook.Ledger.ReversalDays)) + 1 // that of tomorrow night
}

// recallExpired puts those lots on the account that were put away with points which expired, and from which tonight's late rows may take again.
// That is so only where rows may come later than they might on the nights that put them away. A lot is put away on its last date at the
// earliest, so older nights need not be looked into.
func (a *Attributor) recallExpired() {
	if a.recalledExpired || a.ExpiredBefore <= a.claimableSince {
		return
	}
	a.recalledExpired = true
	since := a.claimableSince
	a.eachNight("", &since, func(away *settlement.Account) {
		for i := range away.Lots {
			if lot := &away.Lots[i]; lot.ExpiresOn >= a.claimableSince && lot.ExpiresOn < a.ExpiredBefore {
				a.recallLot(lot)
			}
		}
	})
}

// countedFirst is from how many lots on those to be put away are counted before they are copied: a member with a million lots would
// move them from one memory to a larger one, time and again.
const countedFirst = 1 << 12

// putAway takes from the account what is asked for by reversals alone.
//
// A redemption stays while it has an open claim. A lot stays while redemptions can take from it: while it has open points,
// or expired ones that late rows may claim: see [ExpiredBefore]. Even if nobody can ask for a lot any more it is put away, not dropped: an earlier
// night may have put away another version of it, and a later rulebook may let rows come later.
func (a *Attributor) putAway() {
	account := a.account
	expiredBefore := ExpiredBefore(a.rulebook, a.date)
	isDone := func(lot *settlement.Lot) bool {
		return lot.Open == 0 && (lot.Expired == 0 || lot.ExpiresOn < expiredBefore)
	}
	a.away.Member = account.Member
	a.awayLots = a.awayLots[:0]
	if len(account.Lots) > countedFirst {
		count := 0
		for i := range account.Lots {
			if isDone(&account.Lots[i]) {
				count++
			}
		}
		a.awayLots = slices.Grow(a.awayLots, count)
	}
	kept := 0
	for i := range account.Lots {
		lot := &account.Lots[i]
		if isDone(lot) {
			a.awayLots = append(a.awayLots, *lot)
			continue
		}
		if kept < i {
			account.Lots[kept] = *lot
		}
		kept++
	}
	clear(account.Lots[kept:])
	account.Lots, a.away.Lots = account.Lots[:kept], a.awayLots

	// Nearly all redemptions are covered the night they come in: they stay where they are, and those that are not are moved.
	redemptions, claims := account.Redemptions, []settlement.Redemption(nil)
	kept = 0
	for i := range redemptions {
		if redemptions[i].OpenClaim > 0 {
			claims = append(claims, redemptions[i])
			continue
		}
		if kept < i {
			redemptions[kept] = redemptions[i]
		}
		kept++
	}
	account.Redemptions, a.away.Redemptions = claims, redemptions[:kept]
}

// PutAway returns what the last night that was attributed put away: what is to be in the Past of the nights after it. It is
// valid until the next member is attributed.
func (a *Attributor) PutAway() *settlement.Account { return &a.away }

// Everything adds what a past has of a member to a copy of the account, which is nil if there is none: all that is on record.
func Everything(account *settlement.Account, past Past, member string) (*settlement.Account, error) {
	all := settlement.Account{Member: member}
	if account != nil {
		all.Lots, all.Deferred = slices.Clone(account.Lots), slices.Clone(account.Deferred)
		all.Redemptions = slices.Clone(account.Redemptions)
	}
	lots, redemptions := make(map[settlement.LotKey]bool), make(map[settlement.LotKey]bool)
	keyOf := func(r *settlement.Redemption) settlement.LotKey {
		return settlement.LotKey{Merchant: r.Merchant, BusinessDate: r.BusinessDate, TransactionID: r.TransactionID}
	}
	for i := range all.Lots {
		lots[all.Lots[i].Key] = true
	}
	for i := range all.Redemptions {
		redemptions[keyOf(&all.Redemptions[i])] = true
	}
	for night := range past.Nights() {
		away, err := past.PutAway(night, member, "")
		if err != nil {
			return nil, err
		}
		if away == nil {
			continue
		}
		for i := range away.Lots {
			if lot := &away.Lots[i]; !lots[lot.Key] {
				lots[lot.Key] = true
				all.Lots = append(all.Lots, *lot)
			}
		}
		for i := range away.Redemptions {
			if redemption := &away.Redemptions[i]; !redemptions[keyOf(redemption)] {
				redemptions[keyOf(redemption)] = true
				all.Redemptions = append(all.Redemptions, *redemption)
			}
		}
	}
	for i := range all.Redemptions {
		all.Redemptions[i].Charges = slices.Clone(all.Redemptions[i].Charges)
	}
	slices.SortFunc(all.Lots, func(a, b settlement.Lot) int { return compareLots(&a, &b) })
	slices.SortFunc(all.Redemptions, func(a, b settlement.Redemption) int { return compareRedemptions(&a, &b) })
	if len(all.Lots)+len(all.Redemptions)+len(all.Deferred) == 0 {
		return nil, nil
	}
	return &all, nil
}
