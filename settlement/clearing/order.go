package clearing

import (
	"cmp"
	"slices"
	"sort"

	"alliance/settlement"
)

// A lotOrder lists the lots of a member that have something available, in the order in which
// a redemption takes from them: fifo, or first expiring. It is built for the first redemption
// of a member's night and kept up to date from then on, so that lots used up long ago cost
// nothing. Lots are known by their place in the account, which does not change meanwhile.
type lotOrder struct {
	expiring       bool
	claimableSince settlement.Date

	built bool
	// list[head:] is in order; lots that were used up since may still be in it.
	list []int32
	head int
	// listed says of each lot whether it is in list[head:].
	listed []bool
	// empties counts the lots that a redemption met with nothing left, since the last tidying.
	empties int
}

// forget makes the order ready for another member.
func (o *lotOrder) forget() {
	o.built, o.empties = false, 0
	o.list, o.head, o.listed = o.list[:0], 0, o.listed[:0]
}

// available returns the points of a lot that a redemption may take, open or expired lately.
func (o *lotOrder) available(lot *settlement.Lot) int64 {
	if lot.ExpiresOn >= o.claimableSince {
		return lot.Open + lot.Expired
	}
	return lot.Open
}

// endsAt reports whether neither lot nor any after it was issued at the time of a redemption.
func (o *lotOrder) endsAt(lot *settlement.Lot, occurredAt settlement.Instant) bool {
	return !o.expiring && lot.IssuedAt > occurredAt
}

// live returns the lots that may have something available, in order.
func (o *lotOrder) live() []int32 { return o.list[o.head:] }

func (o *lotOrder) build(lots []settlement.Lot) {
	if o.built {
		return
	}
	o.built = true
	for i := range lots {
		available := o.available(&lots[i]) > 0
		o.listed = append(o.listed, available)
		if available {
			o.list = append(o.list, int32(i))
		}
	}
	if len(o.list) > 1 {
		slices.SortFunc(o.list, func(x, y int32) int { return o.compare(&lots[x], &lots[y]) })
	}
}

func (o *lotOrder) compare(a, b *settlement.Lot) int {
	if o.expiring && a.ExpiresOn != b.ExpiresOn {
		return cmp.Compare(a.ExpiresOn, b.ExpiresOn)
	}
	switch {
	case a.IssuedAt != b.IssuedAt:
		return cmp.Compare(a.IssuedAt, b.IssuedAt)
	case a.Issuer != b.Issuer:
		return cmp.Compare(a.Issuer, b.Issuer)
	case a.Key.Merchant != b.Key.Merchant:
		return cmp.Compare(a.Key.Merchant, b.Key.Merchant)
	case a.Key.TransactionID != b.Key.TransactionID:
		return cmp.Compare(a.Key.TransactionID, b.Key.TransactionID)
	default:
		return settlement.CompareLotKeys(&a.Key, &b.Key)
	}
}

// refill puts a lot into the order that is new or has something available again.
func (o *lotOrder) refill(lots []settlement.Lot, index int) {
	if !o.built {
		return
	}
	for len(o.listed) < len(lots) {
		o.listed = append(o.listed, false)
	}
	lot := &lots[index]
	if o.listed[index] || o.available(lot) == 0 {
		return
	}
	live := o.live()
	at := sort.Search(len(live), func(i int) bool { return o.compare(&lots[live[i]], lot) > 0 })
	o.list = slices.Insert(o.list, o.head+at, int32(index))
	o.listed[index] = true
}

// tidy drops lots that were used up: those at the head always, the others once redemptions
// meet so many of them that dropping all costs less than meeting them again.
func (o *lotOrder) tidy(lots []settlement.Lot) {
	for o.head < len(o.list) && o.available(&lots[o.list[o.head]]) == 0 {
		o.listed[o.list[o.head]] = false
		o.head++
	}
	live := o.live()
	if o.empties <= len(live)/2+16 {
		return
	}
	o.empties = 0
	kept := live[:0]
	for _, index := range live {
		if o.available(&lots[index]) > 0 {
			kept = append(kept, index)
		} else {
			o.listed[index] = false
		}
	}
	o.list = o.list[:o.head+len(kept)]
}
