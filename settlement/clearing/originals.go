package clearing

import "alliance/settlement"

// worthIndexing is how many records must be gone through in vain before an index is cheaper.
const worthIndexing = 1 << 14

type transactionKey struct {
	merchant settlement.Party
	id       string
}

// chains finds records by merchant and transaction id: the last one first, then the one
// before it, and so on. Members with few records never need it.
type chains struct {
	last   map[transactionKey]int32
	before []int32
}

func (c *chains) reset() {
	if c.last == nil {
		c.last = map[transactionKey]int32{}
	}
	clear(c.last)
	c.before = c.before[:0]
}

// add enters the record of the next index; they come in order from 0.
func (c *chains) add(merchant settlement.Party, id string, index int) {
	key := transactionKey{merchant, id}
	before, found := c.last[key]
	if !found {
		before = -1
	}
	c.before = append(c.before, before)
	c.last[key] = int32(index)
}

func (c *chains) find(merchant settlement.Party, id string) int {
	if index, found := c.last[transactionKey{merchant, id}]; found {
		return int(index)
	}
	return -1
}

// index enters all records of the account. It stays in force for the member's night.
func (a *Attributor) index() {
	a.indexed = true
	a.lotsByID.reset()
	a.redemptionsByID.reset()
	for i := range a.account.Lots {
		key := &a.account.Lots[i].Key
		a.lotsByID.add(key.Merchant, key.TransactionID, i)
	}
	for i := range a.account.Redemptions {
		redemption := &a.account.Redemptions[i]
		a.redemptionsByID.add(redemption.Merchant, redemption.TransactionID, i)
	}
}

// placeOfLot returns the place of a lot on the account, or -1.
func (a *Attributor) placeOfLot(key *settlement.LotKey) int {
	lots := a.account.Lots
	if at, found := settlement.FindLot(lots[:a.sortedLots], key); found {
		return at
	}
	if a.indexed {
		for i := a.lotsByID.find(key.Merchant, key.TransactionID); i >= 0; i = int(a.lotsByID.before[i]) {
			if lots[i].Key == *key {
				return i
			}
		}
		return -1
	}
	for i := a.sortedLots; i < len(lots); i++ {
		if lots[i].Key == *key {
			return i
		}
	}
	return -1
}

// originalIssue returns the place of the lot that a reversal is about, or -1. Of several it is
// the one of the latest business date; lots from a file of opening lots are never meant.
func (a *Attributor) originalIssue(row *settlement.Transaction) int {
	found := a.originalLot(row)
	date := settlement.NoDate
	if found >= 0 {
		date = a.account.Lots[found].Key.BusinessDate
	}
	a.recallOriginals(row, date)
	return a.originalLot(row)
}

// originalRedeem returns the place of the redemption that a reversal is about, or -1.
func (a *Attributor) originalRedeem(row *settlement.Transaction) int {
	found := a.originalRedemption(row)
	date := settlement.NoDate
	if found >= 0 {
		date = a.account.Redemptions[found].BusinessDate
	}
	a.recallOriginals(row, date)
	return a.originalRedemption(row)
}

// originalLot is originalIssue among what is on the account.
func (a *Attributor) originalLot(row *settlement.Transaction) int {
	lots := a.account.Lots
	found := -1
	consider := func(i int) {
		key := &lots[i].Key
		if !key.Imported && a.isOriginal(row, key.Merchant, key.TransactionID, key.BusinessDate) &&
			(found < 0 || key.BusinessDate > lots[found].Key.BusinessDate) {
			found = i
		}
	}
	if a.indexed {
		for i := a.lotsByID.find(row.Merchant, row.OriginalID); i >= 0; i = int(a.lotsByID.before[i]) {
			consider(i)
		}
		return found
	}
	for i := range lots {
		consider(i)
	}
	return found
}

// originalRedemption is originalRedeem among what is on the account.
func (a *Attributor) originalRedemption(row *settlement.Transaction) int {
	redemptions := a.account.Redemptions
	found := -1
	consider := func(i int) {
		r := &redemptions[i]
		if a.isOriginal(row, r.Merchant, r.TransactionID, r.BusinessDate) &&
			(found < 0 || r.BusinessDate > redemptions[found].BusinessDate) {
			found = i
		}
	}
	if a.indexed {
		for i := a.redemptionsByID.find(row.Merchant, row.OriginalID); i >= 0; i = int(a.redemptionsByID.before[i]) {
			consider(i)
		}
		return found
	}
	for i := range redemptions {
		consider(i)
	}
	return found
}

// isOriginal reports whether a record is one that a reversal may mean, of whatever kind.
func (a *Attributor) isOriginal(row *settlement.Transaction, merchant settlement.Party, id string, business settlement.Date) bool {
	return merchant == row.Merchant && business >= a.originalsSince &&
		(row.OriginalDate == settlement.NoDate || row.OriginalDate == business) && id == row.OriginalID
}
