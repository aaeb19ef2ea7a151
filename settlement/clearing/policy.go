package clearing

import (
	"cmp"
	"math/bits"
	"slices"

	"alliance/rules"
	"alliance/settlement"
)

// A take is points to be taken from a lot, by its place in the account.
type take struct {
	lot    int32
	points int64
}

// pick decides from which lots the open claim of a redemption is taken, in order, as the
// policy of attribution says; the answer is in takes. It changes nothing but that lots which can be taken from again are on the account.
func (a *Attributor) pick(redemption *settlement.Redemption) {
	a.takes = a.takes[:0]
	a.recallExpired()
	a.order.build(a.account.Lots)
	switch a.ledger.Attribution {
	case rules.OwnFirst:
		left := a.walk(redemption, redemption.OpenClaim, ownLots)
		a.walk(redemption, left, foreignLots)
	case rules.ProRata:
		a.pickProRata(redemption)
	default: // fifo, first_expiring by their order; stated by the issuer that the row names
		a.walk(redemption, redemption.OpenClaim, everyLot)
	}
	a.order.tidy(a.account.Lots)
}

// usable returns how many points of a lot a redemption may take.
func (a *Attributor) usable(lot *settlement.Lot, redemption *settlement.Redemption, merchant *rules.Merchant) int64 {
	available := a.order.available(lot)
	if available == 0 {
		a.order.empties++
		return 0
	}
	switch {
	case lot.IssuedAt > redemption.OccurredAt,
		lot.ExpiresOn < redemption.BusinessDate,
		redemption.Issuer != settlement.NoParty && redemption.Issuer != lot.Issuer,
		!merchant.MayRedeemFrom(lot.Issuer):
		return 0
	}
	return available
}

// A selection restricts a walk to some lots.
type selection uint8

const (
	everyLot selection = iota
	ownLots
	foreignLots
)

// walk takes up to left points from the selected lots in order, and returns what is left.
func (a *Attributor) walk(redemption *settlement.Redemption, left int64, which selection) int64 {
	merchant := a.rulebook.Merchant(redemption.Merchant)
	for _, index := range a.order.live() {
		if left == 0 {
			break
		}
		lot := &a.account.Lots[index]
		if a.order.endsAt(lot, redemption.OccurredAt) {
			break
		}
		if which != everyLot && (lot.Issuer == redemption.Merchant) != (which == ownLots) {
			continue
		}
		points := min(left, a.usable(lot, redemption, merchant))
		if points > 0 {
			a.takes = append(a.takes, take{index, points})
			left -= points
		}
	}
	return left
}

// A share is what one issuer bears of a redemption under pro_rata.
type share struct {
	issuer    settlement.Party
	available int64
	points    int64
	remainder uint64
}

// pickProRata shares the claim among issuers by their available points. Takes hold every
// candidate first, then as much of it as the issuer's share needs.
func (a *Attributor) pickProRata(redemption *settlement.Redemption) {
	merchant := a.rulebook.Merchant(redemption.Merchant)
	a.shares = a.shares[:0]
	var total int64
	for _, index := range a.order.live() {
		lot := &a.account.Lots[index]
		if a.order.endsAt(lot, redemption.OccurredAt) {
			break
		}
		points := a.usable(lot, redemption, merchant)
		if points == 0 {
			continue
		}
		a.takes = append(a.takes, take{index, points})
		a.add(&total, points, "available", redemption.Merchant)
		if a.shareOf[lot.Issuer] == 0 {
			a.shares = append(a.shares, share{issuer: lot.Issuer})
			a.shareOf[lot.Issuer] = int32(len(a.shares))
		}
		a.shares[a.shareOf[lot.Issuer]-1].available += points
	}
	if len(a.shares) > 0 && a.failure == nil {
		divide(a.shares, min(redemption.OpenClaim, total), total)
	}
	a.takeShares()
}

// divide sets the points of each share: points in proportion to what is available, total in
// all, floored, and the rest one by one to the largest remainders, ties in order of issuer.
// There are always more remainders above zero than points in the rest, so nobody is given a
// point beyond what is available, nor one for nothing.
func divide(shares []share, points, total int64) {
	rest := points
	for i := range shares {
		s := &shares[i]
		high, low := bits.Mul64(uint64(points), uint64(s.available))
		quotient, remainder := bits.Div64(high, low, uint64(total))
		s.points, s.remainder = int64(quotient), remainder
		rest -= s.points
	}
	if rest == 0 {
		return
	}
	slices.SortFunc(shares, func(a, b share) int {
		if a.remainder != b.remainder {
			return cmp.Compare(b.remainder, a.remainder)
		}
		return cmp.Compare(a.issuer, b.issuer)
	})
	for i := range rest {
		shares[i].points++
	}
}

// takeShares cuts the candidates down to the shares and orders them: issuers by id, the lots
// of one in fifo order.
func (a *Attributor) takeShares() {
	for i := range a.shares {
		a.shareOf[a.shares[i].issuer] = int32(i) + 1
	}
	kept := a.takes[:0]
	for _, candidate := range a.takes {
		s := &a.shares[a.shareOf[a.account.Lots[candidate.lot].Issuer]-1]
		candidate.points = min(candidate.points, s.points)
		if candidate.points > 0 {
			s.points -= candidate.points
			kept = append(kept, candidate)
		}
	}
	a.takes = kept
	for i := range a.shares {
		a.shareOf[a.shares[i].issuer] = 0
	}
	if len(a.shares) > 1 {
		lots := a.account.Lots
		slices.SortStableFunc(a.takes, func(x, y take) int {
			return cmp.Compare(lots[x.lot].Issuer, lots[y.lot].Issuer)
		})
	}
}
