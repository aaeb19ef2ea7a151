package batch_test

import (
	"math/big"
	"slices"
	"strings"
)

// A line adds up the allocations of one night that have everything but row and lot in common.
type line struct {
	issuer, redeemer, activity string
	business                   day
	price                      price
	transactions, points       int64
	value                      *big.Rat
	allocations                []*allocation
}

func (l *line) isAdjustment() bool { return l.activity == "adjustment" }

// lines prices the night's allocations and adds the adjustments.
func (m *model) lines(c *config, d day, adjustments []adjustment) []*line {
	var lines []*line
	for _, a := range m.allocations {
		if a.issuer == a.redeemer {
			continue
		}
		at := slices.IndexFunc(lines, func(l *line) bool {
			return l.issuer == a.issuer && l.redeemer == a.redeemer && l.activity == a.activity && l.business == a.business && samePrice(l.price, a.price)
		})
		if at < 0 {
			at = len(lines)
			lines = append(lines, &line{issuer: a.issuer, redeemer: a.redeemer, activity: a.activity, business: a.business, price: a.price})
		}
		lines[at].allocations = append(lines[at].allocations, a)
	}
	for _, l := range lines {
		l.settle(c)
	}
	for _, a := range adjustments {
		lines = append(lines, &line{issuer: a.payer, redeemer: a.payee, activity: "adjustment", business: d, price: price{id: a.id}, transactions: 1, value: rat(a.amount)})
	}
	slices.SortFunc(lines, func(a, b *line) int {
		return firstOf(strings.Compare(a.issuer, b.issuer), strings.Compare(a.redeemer, b.redeemer), strings.Compare(a.activity, b.activity),
			int(a.business-b.business), strings.Compare(a.price.id, b.price.id))
	})
	return lines
}

func samePrice(a, b price) bool {
	return a.id == b.id && rat(a.amount).Cmp(rat(b.amount)) == 0 && a.perPoints == b.perPoints
}

// settle prices a line once, and gives each allocation what its points add to the rounded sum.
func (l *line) settle(c *config) {
	slices.SortFunc(l.allocations, compareAllocations)
	redemptions := map[string]bool{}
	before := zero()
	for _, a := range l.allocations {
		l.points += a.points
		after := c.round(value(l.points, l.price))
		a.amount = minus(after, before)
		before = after
		redemptions[a.redeemer+"|"+a.id] = true
	}
	l.value = before
	if l.activity == "redemption" {
		l.transactions = int64(len(redemptions))
	}
}

func compareAllocations(a, b *allocation) int {
	return firstOf(int(max(-1, min(1, a.at-b.at))), strings.Compare(a.redeemer, b.redeemer), strings.Compare(a.id, b.id), a.number-b.number)
}

// A position is a party's row at a close.
type position struct {
	party                                      string
	receivable, payable, fees, tax, net        *big.Rat
	carriedIn, held, released, carriedOut, due *big.Rat
}

// A feeRow is what one fee comes to for one merchant.
type feeRow struct {
	merchant     string
	fee          fee
	base         *big.Rat
	transactions int64
	amount, tax  *big.Rat
}

// A heldAmount is money held back, and the closes since.
type heldAmount struct {
	merchant string
	amount   *big.Rat
	closes   int
}

// A payment moves money at a close.
type payment struct {
	payer, payee string
	amount       *big.Rat
	merchant     string
}

// feesOf computes all fees of the cycle that ends on d.
func (m *model) feesOf(c *config, d day) []feeRow {
	var rows []feeRow
	for _, id := range c.merchantIDs() {
		for _, f := range c.fees {
			row := feeRow{merchant: id, fee: f, base: zero(), amount: zero()}
			found := false
			for _, l := range m.cycle {
				payer := l.redeemer
				if f.payer == "issuer" {
					payer = l.issuer
				}
				if l.isAdjustment() || payer != id || !f.when.holdsFor(c.fields(l.issuer, l.redeemer, "")) {
					continue
				}
				found = true
				row.base = plus(row.base, l.value)
				row.transactions += l.transactions
			}
			if !found || !within(d, f.from, f.to) {
				continue
			}
			if row.base.Sign() > 0 {
				row.amount = plus(c.round(times(row.base, rat(f.rate))), times(rat(f.perTransaction), whole(row.transactions)))
				if f.min != "" && less(row.amount, rat(f.min)) {
					row.amount = rat(f.min)
				}
				if f.max != "" && less(rat(f.max), row.amount) {
					row.amount = rat(f.max)
				}
			}
			row.tax = c.round(times(row.amount, rat(f.taxRate)))
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b feeRow) int {
		return firstOf(strings.Compare(a.merchant, b.merchant), strings.Compare(a.fee.id, b.fee.id))
	})
	return rows
}

// turnover is what the lines of the cycle come to for a party.
func turnover(lines []*line, party string) (receivable, payable *big.Rat) {
	receivable, payable = zero(), zero()
	for _, l := range lines {
		if l.redeemer == party {
			receivable = plus(receivable, l.value)
		}
		if l.issuer == party {
			payable = plus(payable, l.value)
		}
	}
	return receivable, payable
}

// A closing is the netting of a cycle.
type closing struct {
	fees      []feeRow
	positions []*position
	payments  []payment
}

// close nets the cycle that ends on d.
func (m *model) close(c *config, d day) *closing {
	done := &closing{fees: m.feesOf(c, d)}
	hub := &position{party: c.alliance, fees: zero(), tax: zero(), carriedIn: zero(), held: zero(), released: zero(), carriedOut: zero(), due: zero()}
	for _, party := range c.merchantIDs() {
		p := &position{party: party, fees: zero(), tax: zero()}
		p.receivable, p.payable = turnover(m.cycle, party)
		for _, row := range done.fees {
			if row.merchant == party {
				p.fees, p.tax = plus(p.fees, row.amount), plus(p.tax, row.tax)
			}
		}
		p.net = minus(minus(p.receivable, p.payable), plus(p.fees, p.tax))
		m.payOut(c, d, p)
		done.positions = append(done.positions, p)
		for _, column := range []struct{ of, from **big.Rat }{{&hub.fees, &p.fees}, {&hub.tax, &p.tax}, {&hub.carriedIn, &p.carriedIn}, {&hub.held, &p.held},
			{&hub.released, &p.released}, {&hub.carriedOut, &p.carriedOut}, {&hub.due, &p.due}} {
			*column.of = minus(*column.of, *column.from)
		}
	}
	hub.receivable, hub.payable = turnover(m.cycle, c.alliance)
	hub.net = minus(minus(hub.receivable, hub.payable), plus(hub.fees, hub.tax))
	done.positions = append(done.positions, hub)
	slices.SortFunc(done.positions, func(a, b *position) int { return strings.Compare(a.party, b.party) })
	sum := zero()
	for _, p := range done.positions {
		sum = plus(sum, p.net)
		if minus(total(p.carriedIn, p.net, p.released), total(p.held, p.carriedOut, p.due)).Sign() != 0 {
			panic("the model's position of " + p.party + " does not add up")
		}
	}
	if sum.Sign() != 0 {
		panic("the model's positions do not sum to zero")
	}
	done.payments = m.payments(c, done)
	m.cycle = nil
	return done
}

// payOut decides what of a merchant's net is due.
func (m *model) payOut(c *config, d day, p *position) {
	entry := c.merchant(p.party)
	left := entry.hasLeftBefore(d)
	p.carriedIn, p.released, p.held, p.carriedOut, p.due = zero(), zero(), zero(), zero(), zero()
	if amount, ok := m.carried[p.party]; ok {
		p.carriedIn = amount
	}
	delete(m.carried, p.party)
	var stillHeld []*heldAmount
	for _, h := range m.held {
		if h.merchant == p.party {
			h.closes++
			if c.bilateral || left || h.closes >= c.releaseAfter {
				p.released = plus(p.released, h.amount)
				continue
			}
		}
		stillHeld = append(stillHeld, h)
	}
	m.held = stillHeld
	b := plus(p.carriedIn, p.net)
	if c.bilateral {
		p.due = plus(b, p.released)
		return
	}
	threshold, rate := rat(c.threshold), rat(c.holdbackRate)
	if left {
		threshold, rate = zero(), zero()
	}
	onHold := slices.ContainsFunc(c.holds, func(h hold) bool { return h.merchant == p.party && within(d, h.from, h.to) })
	if less(absolute(b), threshold) || b.Sign() > 0 && onHold {
		p.carriedOut = b
	} else {
		if b.Sign() > 0 {
			p.held = c.round(times(b, rate))
		}
		p.due = minus(b, p.held)
	}
	if onHold {
		p.carriedOut = plus(p.carriedOut, p.released)
	} else {
		p.due = plus(p.due, p.released)
	}
	if p.carriedOut.Sign() != 0 {
		m.carried[p.party] = p.carriedOut
	}
	if p.held.Sign() != 0 {
		m.held = append(m.held, &heldAmount{p.party, p.held, 0})
	}
}

// payments follow from the positions; a bilateral pair of merchants pays directly.
func (m *model) payments(c *config, done *closing) []payment {
	var list []payment
	pay := func(from, to string, amount *big.Rat, merchant string) {
		if amount.Sign() > 0 {
			list = append(list, payment{from, to, amount, merchant})
		}
	}
	ids := c.merchantIDs()
	for i, one := range ids {
		fromAlliance := zero()
		for _, p := range done.positions {
			if p.party == one {
				fromAlliance = p.due
			}
		}
		for j, other := range ids {
			if !c.bilateral || i == j {
				continue
			}
			owed := zero() // by the other one
			for _, l := range m.cycle {
				if l.issuer == other && l.redeemer == one {
					owed = plus(owed, l.value)
				}
				if l.issuer == one && l.redeemer == other {
					owed = minus(owed, l.value)
				}
			}
			pay(other, one, owed, other)
			fromAlliance = minus(fromAlliance, owed)
		}
		pay(c.alliance, one, fromAlliance, one)
		pay(one, c.alliance, negative(fromAlliance), one)
	}
	return list
}
