package batch_test

import (
	"math/big"
	"slices"
	"strings"
)

// A member is everything on record about one member. Nothing is ever forgotten.
type member struct {
	name        string
	lots        []*lot
	redemptions []*redemption
	deferred    []*row
}

// A lot is the points that one row issued.
type lot struct {
	merchant, id, issuer string
	business, expiresOn  day
	issuedAt             int64
	// issued = open + spent + expired + reversed + voided
	issued, open, spent, expired, reversed, voided int64
	shortfall                                      int64
}

// A redemption is a redeem row on record.
type redemption struct {
	row       *row
	settledOn day
	reversed  int64
	openClaim int64
	unfunded  int64
	charges   []*charge
}

// A charge is what one lot, or the alliance, bears of a redemption.
type charge struct {
	lot    *lot // nil: the alliance
	issuer string
	points int64
	price  price
}

// An allocation is a charge, or a part of one given back, as the detail shows it.
type allocation struct {
	activity, issuer, redeemer, id string
	business                       day
	at                             int64
	number                         int
	lot                            *lot // nil: none
	points                         int64
	price                          price
	amount                         *big.Rat
}

// A movement is the roll-forward of one issuer's points in one night.
type movement struct {
	opening, issued, issueReversed, own, elsewhere, restored, expired, closing int64
}

// A memberNight applies one member's night.
type memberNight struct {
	m       *model
	c       *config
	d       day
	member  *member
	numbers map[*row]int // next allocation number of each row
}

// A step is a row of tonight or of an earlier night, or an open claim.
type step struct {
	row   *row
	claim *redemption
}

// apply runs one member's night from the rows that passed, the deferred ones and the claims.
func (m *model) apply(c *config, d day, who *member, tonight []*row) {
	n := &memberNight{m, c, d, who, map[*row]int{}}
	var steps []step
	waiting := who.deferred
	who.deferred = nil
	for _, r := range append(slices.Clone(tonight), waiting...) {
		switch {
		case r.business <= d:
			steps = append(steps, step{row: r})
		case r.firstRead == d:
			r.wasFuture = true
			m.deferRow(r, "future")
			who.deferred = append(who.deferred, r)
		default:
			who.deferred = append(who.deferred, r)
		}
	}
	for _, claim := range who.redemptions {
		if claim.openClaim > 0 {
			steps = append(steps, step{claim.row, claim})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int {
		return firstOf(int(max(-1, min(1, a.row.at-b.row.at))), slices.Index(kinds, a.row.kind)-slices.Index(kinds, b.row.kind),
			strings.Compare(a.row.merchant, b.row.merchant), strings.Compare(a.row.id, b.row.id))
	})
	for _, s := range steps {
		n.take(s)
	}
	n.giveUp()
	n.expire()
}

func (n *memberNight) take(s step) {
	switch {
	case s.claim != nil:
		s.claim.openClaim = n.redeem(s.claim, s.claim.openClaim)
	case !n.c.tracked:
		n.untracked(s.row)
	case s.row.kind == "issue":
		n.issue(s.row)
	case s.row.kind == "redeem":
		n.settle(s.row)
		claim := &redemption{row: s.row, settledOn: n.d}
		n.member.redemptions = append(n.member.redemptions, claim)
		claim.openClaim = n.redeem(claim, s.row.points)
		if claim.openClaim > 0 && n.c.waitDays > 0 {
			n.m.report(s.row, "uncovered", "deferred", claim.openClaim)
		}
	case s.row.kind == "redeem_reversal":
		n.reverseRedeem(s.row)
	case s.row.kind == "issue_reversal":
		n.reverseIssue(s.row)
	}
}

// settle puts an accepted row on record.
func (n *memberNight) settle(r *row) {
	n.m.settled = append(n.m.settled, settledRow{r.merchant, r.id, r.content, r.business, n.d})
}

func (n *memberNight) issue(r *row) {
	n.settle(r)
	l := &lot{merchant: r.merchant, id: r.id, issuer: r.issuer, business: r.business, issuedAt: r.at, issued: r.points, open: r.points, expiresOn: never}
	if l.issuer == "" {
		l.issuer = r.merchant
	}
	if r.expiresOn != "" {
		l.expiresOn = mustDay(r.expiresOn)
	} else if n.c.expiryMonths > 0 {
		l.expiresOn = r.business.addMonths(n.c.expiryMonths)
		if n.c.expiryMonthEnd {
			l.expiresOn = l.expiresOn.monthEnd()
		}
	}
	n.member.lots = append(n.member.lots, l)
	n.m.moved(l.issuer).issued += r.points
}

// available is how many points of a lot a redeem row may take.
func (n *memberNight) available(l *lot, r *row) int64 {
	switch {
	case l.issuedAt > r.at, l.expiresOn < r.business,
		!n.c.merchant(r.merchant).mayRedeem(l.issuer),
		r.issuer != "" && r.issuer != l.issuer:
		return 0
	case l.expiresOn >= n.d-day(n.c.lateDays):
		return l.open + l.expired
	}
	return l.open
}

func fifo(a, b *lot) int {
	return firstOf(int(max(-1, min(1, a.issuedAt-b.issuedAt))), strings.Compare(a.issuer, b.issuer),
		strings.Compare(a.merchant, b.merchant), strings.Compare(a.id, b.id))
}

// redeem charges lots with points of a redemption, and returns what none of them covers.
func (n *memberNight) redeem(claim *redemption, points int64) int64 {
	var lots []*lot
	for _, l := range n.member.lots {
		if n.available(l, claim.row) > 0 {
			lots = append(lots, l)
		}
	}
	slices.SortFunc(lots, fifo)
	switch n.c.attribution {
	case "first_expiring":
		slices.SortStableFunc(lots, func(a, b *lot) int { return int(a.expiresOn - b.expiresOn) })
	case "own_first":
		other := func(l *lot) int {
			if l.issuer == claim.row.merchant {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(lots, func(a, b *lot) int { return other(a) - other(b) })
	case "pro_rata":
		return n.redeemProRata(claim, points, lots)
	}
	return n.charge(claim, points, lots)
}

// charge takes from the lots one after the other, and returns what is left.
func (n *memberNight) charge(claim *redemption, points int64, lots []*lot) int64 {
	for _, l := range lots {
		taken := min(points, n.available(l, claim.row))
		if taken == 0 {
			continue
		}
		points -= taken
		fromOpen := min(taken, l.open)
		l.open -= fromOpen
		l.expired -= taken - fromOpen
		l.spent += taken
		moved := n.m.moved(l.issuer)
		moved.expired -= taken - fromOpen
		if l.issuer == claim.row.merchant {
			moved.own += taken
		} else {
			moved.elsewhere += taken
		}
		n.bear(claim, l, l.issuer, taken)
	}
	return points
}

// bear puts a charge on record and into the detail.
func (n *memberNight) bear(claim *redemption, l *lot, issuer string, points int64) {
	r := claim.row
	p := n.c.priceOf(issuer, r.merchant, r.reason, r.business)
	claim.charges = append(claim.charges, &charge{l, issuer, points, p})
	n.m.redeemedHere[r.merchant] += points
	n.allocate(r, allocation{activity: "redemption", issuer: issuer, lot: l, points: points, price: p})
}

// allocate adds an allocation of a row.
func (n *memberNight) allocate(r *row, a allocation) {
	a.redeemer, a.id, a.business, a.at, a.number = r.merchant, r.id, r.business, r.at, n.numbers[r]
	n.numbers[r]++
	n.m.allocations = append(n.m.allocations, &a)
}

// redeemProRata shares the points among issuers by what they have available.
func (n *memberNight) redeemProRata(claim *redemption, points int64, lots []*lot) int64 {
	byIssuer := map[string]int64{}
	all := int64(0)
	for _, l := range lots {
		byIssuer[l.issuer] += n.available(l, claim.row)
		all += n.available(l, claim.row)
	}
	toShare := min(points, all)
	if toShare == 0 {
		return points
	}
	shares, remainders := map[string]int64{}, map[string]*big.Int{}
	left := toShare
	for issuer, available := range byIssuer {
		product := new(big.Int).Mul(big.NewInt(toShare), big.NewInt(available))
		quotient, remainder := new(big.Int).QuoRem(product, big.NewInt(all), new(big.Int))
		shares[issuer], remainders[issuer] = quotient.Int64(), remainder
		left -= shares[issuer]
	}
	order := sortedKeys(byIssuer)
	slices.SortStableFunc(order, func(a, b string) int { return remainders[b].Cmp(remainders[a]) })
	for _, issuer := range order[:left] {
		shares[issuer]++
	}
	for _, issuer := range sortedKeys(shares) {
		var own []*lot
		for _, l := range lots {
			if l.issuer == issuer {
				own = append(own, l)
			}
		}
		if rest := n.charge(claim, shares[issuer], own); rest != 0 {
			panic("a share is more than its issuer has")
		}
	}
	return points - toShare
}

// giveUp ends the claims that have waited long enough.
func (n *memberNight) giveUp() {
	claims := slices.Clone(n.member.redemptions)
	for _, claim := range claims {
		if claim.openClaim == 0 || n.d < claim.settledOn+day(n.c.waitDays) {
			continue
		}
		points := claim.openClaim
		claim.openClaim = 0
		n.m.report(claim.row, "unfunded", "rejected", points)
		if n.c.unfunded == "alliance" {
			n.bear(claim, nil, n.c.alliance, points)
		} else {
			claim.unfunded = points
		}
	}
}

// expire closes the date.
func (n *memberNight) expire() {
	for _, l := range n.member.lots {
		if l.expiresOn <= n.d {
			n.m.moved(l.issuer).expired += l.open
			l.expired += l.open
			l.open = 0
		}
		if l.issued != l.open+l.spent+l.expired+l.reversed+l.voided || l.shortfall > l.spent ||
			min(l.open, l.spent, l.expired, l.reversed, l.voided, l.shortfall) < 0 {
			panic("the model lost points of a lot")
		}
	}
}

// untracked settles a row of a ledger without lots.
func (n *memberNight) untracked(r *row) {
	n.settle(r)
	issuer := r.issuer
	if issuer == "" {
		issuer = r.merchant
	}
	moved := n.m.moved(issuer)
	switch r.kind {
	case "issue":
		moved.issued += r.points
	case "issue_reversal":
		moved.issueReversed += r.points
	case "redeem":
		if issuer == r.merchant {
			moved.own += r.points
		} else {
			moved.elsewhere += r.points
		}
		n.m.redeemedHere[r.merchant] += r.points
		n.allocate(r, allocation{activity: "redemption", issuer: issuer, points: r.points, price: n.c.priceOf(issuer, r.merchant, r.reason, r.business)})
	case "redeem_reversal":
		moved.restored += r.points
		n.allocate(r, allocation{activity: "redemption_reversal", issuer: issuer, points: -r.points, price: n.c.priceOf(issuer, r.merchant, r.reason, r.business)})
	}
}
