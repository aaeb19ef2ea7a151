package batch_test

import (
	"math/big"
	"slices"
	"strings"
)

// A model is the obvious way to settle: it keeps everything for ever, looks at everything
// every night, and computes each figure where it is shown.
type model struct {
	inbox      map[string]*file
	consumed   map[string]finality
	duplicates map[string]finality
	controls   map[string]bool // by key and SHA-256
	settled    []settledRow
	members    map[string]*member
	cycle      []*line // of the running cycle
	carried    map[string]*big.Rat
	held       []*heldAmount

	// What follows is of tonight only.
	date         day
	exceptions   []exception
	allocations  []*allocation
	movements    map[string]*movement
	redeemedHere map[string]int64
}

func newModel() *model {
	return &model{inbox: map[string]*file{}, consumed: map[string]finality{}, duplicates: map[string]finality{}, controls: map[string]bool{},
		members: map[string]*member{}, carried: map[string]*big.Rat{}}
}

// modelResults runs the model over a whole history.
func modelResults(h *history) []*nightResult {
	m := newModel()
	var results []*nightResult
	for i := range h.nights {
		results = append(results, m.run(h.configOf(i), h.first+day(i), &h.nights[i]))
	}
	return results
}

func (m *model) moved(issuer string) *movement {
	if m.movements[issuer] == nil {
		m.movements[issuer] = &movement{}
	}
	return m.movements[issuer]
}

func (m *model) report(r *row, code, state string, points int64) {
	m.exceptions = append(m.exceptions, exception{merchant: r.merchant, file: r.file, row: r.number, id: r.id, code: code, state: state, points: points})
}

// reject turns a row down; its file counts it if it was read tonight.
func (m *model) reject(r *row, code string) {
	if r.firstRead == m.date {
		r.object.rejected++
	}
	m.report(r, code, "rejected", 0)
}

// deferRow makes a row that was read tonight wait.
func (m *model) deferRow(r *row, code string) {
	r.object.deferred++
	m.report(r, code, "deferred", 0)
}

// run settles d after what arrived before it.
func (m *model) run(c *config, d day, n *night) *nightResult {
	m.date, m.exceptions, m.allocations = d, nil, nil
	m.movements, m.redeemedHere = map[string]*movement{}, map[string]int64{}
	result := newResult()
	for _, f := range n.files {
		m.inbox[f.key()] = f
	}
	m.opening()
	found := m.look(c, d)
	if found.refused {
		for _, id := range found.missing {
			result.add("refusal", id)
		}
	}
	byMember := map[string][]*row{}
	for _, r := range m.deduplicate(c, d, found) {
		byMember[r.member] = append(byMember[r.member], r)
		if m.members[r.member] == nil {
			m.members[r.member] = &member{name: r.member}
		}
	}
	for _, name := range sortedKeys(m.members) {
		m.apply(c, d, m.members[name], byMember[name])
	}
	m.closingPoints()
	m.remember(found, d)
	m.exceptions = append(m.exceptions, found.exceptions...)
	for _, o := range found.objects {
		m.exceptions = append(m.exceptions, o.exceptions...)
	}

	balance := m.partiesWithBalance()
	lines := m.lines(c, d, n.adjustments)
	m.cycle = append(m.cycle, lines...)
	cycle := m.cycle
	var closed *closing
	if _, last := cycleOf(c.cycle, d); last == d {
		closed = m.close(c, d)
	}
	for _, id := range m.partiesWithBalance() {
		balance = append(balance, id)
	}
	m.showMoney(c, d, result, lines, closed)
	m.showPoints(c, result)
	m.showIntake(result, found)
	m.showSummary(c, d, result, found, lines, cycle, closed, balance)
	m.showState(c, result)
	result.sort()
	return result
}

func (m *model) opening() {
	for _, who := range m.members {
		for _, l := range who.lots {
			m.moved(l.issuer).opening += l.open
		}
	}
}

// closingPoints counts the open points, and proves the roll-forward.
func (m *model) closingPoints() {
	for _, who := range m.members {
		for _, l := range who.lots {
			m.moved(l.issuer).closing += l.open
		}
	}
}

// remember makes the night's files final that are.
func (m *model) remember(found *intake, d day) {
	for _, o := range found.objects {
		final := finality{o.merchant, o.sum, d, o.rows > 0 && o.rejected+o.deferred == 0}
		switch {
		case o.isControl:
			m.controls[o.key+o.sum] = o.state == "consumed"
		case o.state == "consumed":
			m.consumed[o.key] = final
		case o.state == "duplicate":
			m.duplicates[o.key] = final
		}
	}
}

// partiesWithBalance are those with lines in the running cycle, carried or held money.
func (m *model) partiesWithBalance() []string {
	var list []string
	for _, l := range m.cycle {
		list = append(list, l.issuer, l.redeemer)
	}
	for _, h := range m.held {
		list = append(list, h.merchant)
	}
	return append(list, sortedKeys(m.carried)...)
}

// statementsFor lists the merchants that get a statement.
func (m *model) statementsFor(c *config, d day, found *intake, lines []*line, balance []string) []string {
	wanted := map[string]bool{}
	for _, e := range c.merchants {
		wanted[e.id] = e.activeOn(d)
	}
	for _, l := range lines {
		wanted[l.issuer], wanted[l.redeemer] = true, true
	}
	for issuer, moved := range m.movements {
		wanted[issuer] = wanted[issuer] || *moved != movement{}
	}
	for redeemer := range m.redeemedHere {
		wanted[redeemer] = true
	}
	for _, id := range balance {
		wanted[id] = true
	}
	for _, o := range found.objects {
		wanted[o.merchant] = true
	}
	for _, e := range m.exceptions {
		wanted[e.merchant] = true
	}
	return slices.DeleteFunc(sortedKeys(wanted), func(id string) bool { return !wanted[id] || c.merchant(id) == nil })
}

// isComplete: nobody is missing, and no file of the date itself is held.
func (found *intake) isComplete() bool {
	return len(found.missing) == 0 && !slices.ContainsFunc(found.objects, func(o *object) bool { return o.onDate && o.state == "held" })
}

func (m *model) showMoney(c *config, d day, result *nightResult, lines []*line, closed *closing) {
	for _, l := range lines {
		amount, per := "", any("")
		if !l.isAdjustment() {
			amount, per = plain(l.price.amount), l.price.perPoints
		}
		result.add("lines", l.issuer, l.redeemer, l.activity, l.business, l.business < d, l.price.id, amount, per, l.transactions, l.points, c.money(l.value))
		for _, a := range l.allocations {
			merchant, business, id := a.lotTexts()
			result.add("detail", a.issuer, a.redeemer, a.activity, a.business, a.price.id, plain(a.price.amount), a.price.perPoints, instantText(a.at), a.id, a.number,
				merchant, business, id, a.points, c.money(a.amount))
		}
	}
	var own []*allocation
	for _, a := range m.allocations {
		if a.issuer == a.redeemer {
			own = append(own, a)
		}
	}
	slices.SortFunc(own, func(a, b *allocation) int {
		return firstOf(strings.Compare(a.issuer, b.issuer), compareAllocations(a, b))
	})
	for _, a := range own {
		merchant, business, id := a.lotTexts()
		result.add("own", a.issuer, a.activity, a.business, instantText(a.at), a.id, a.number, merchant, business, id, a.points)
	}
	if closed == nil {
		return
	}
	for _, p := range closed.positions {
		result.add("positions", append([]any{p.party, c.money(p.receivable), c.money(p.payable)}, p.texts(c)...)...)
	}
	for _, f := range closed.fees {
		result.add("fees", f.merchant, f.fee.id, c.money(f.base), f.transactions, c.money(f.amount), plain(f.fee.taxRate), c.money(f.tax))
	}
	for _, p := range closed.payments {
		result.add("payments", p.payer, p.payee, c.money(p.amount), p.merchant)
	}
}

func (a *allocation) lotTexts() (merchant, business, id string) {
	if a.lot == nil {
		return "", "", ""
	}
	return a.lot.merchant, a.lot.business.String(), a.lot.id
}

// texts shows a position from its fees on.
func (p *position) texts(c *config) []any {
	var texts []any
	for _, amount := range []*big.Rat{p.fees, p.tax, p.net, p.carriedIn, p.held, p.released, p.carriedOut, p.due} {
		texts = append(texts, c.money(amount))
	}
	return texts
}

func (m *model) showPoints(c *config, result *nightResult) {
	for _, issuer := range sortedKeys(m.movements) {
		p := m.movements[issuer]
		if *p == (movement{}) {
			continue
		}
		if !c.tracked {
			result.add("points", issuer, "", p.issued, p.issueReversed, p.own, p.elsewhere, p.restored, "", "")
			continue
		}
		if p.opening+p.issued-p.issueReversed-p.own-p.elsewhere+p.restored-p.expired != p.closing {
			panic("the model's points of " + issuer + " do not roll forward")
		}
		result.add("points", issuer, p.opening, p.issued, p.issueReversed, p.own, p.elsewhere, p.restored, p.expired, p.closing)
	}
}

func (m *model) showIntake(result *nightResult, found *intake) {
	for _, e := range m.exceptions {
		result.add("exceptions", e.merchant, e.file, unlessZero(e.row), e.id, e.code, e.state, e.column, unlessZero(e.points))
	}
	for _, id := range found.missing {
		if !slices.ContainsFunc(found.objects, func(o *object) bool { return o.merchant == id }) {
			found.objects = append(found.objects, &object{merchant: id})
		}
	}
	slices.SortStableFunc(found.objects, func(a, b *object) int { return strings.Compare(a.merchant, b.merchant) })
	last := ""
	for _, o := range found.objects {
		if o.merchant != last && slices.Contains(found.missing, o.merchant) {
			result.add("inputs", o.merchant, "", "missing", "", 0, 0, 0, 0, 0, 0)
		}
		last = o.merchant
		if o.key != "" {
			result.add("inputs", o.merchant, o.key, o.state, o.code, o.rows, o.rows-o.deferred-o.rejected, o.deferred, o.rejected, o.issued, o.redeemed)
		}
	}
}

func unlessZero(n int64) any {
	if n == 0 {
		return ""
	}
	return n
}

func (m *model) showSummary(c *config, d day, result *nightResult, found *intake, lines, cycle []*line, closed *closing, balance []string) {
	for _, id := range m.statementsFor(c, d, found, lines, balance) {
		receivable, payable := turnover(lines, id)
		cycleReceivable, cyclePayable := turnover(cycle, id)
		values := []any{id, c.money(receivable), c.money(payable), c.money(cycleReceivable), c.money(cyclePayable)}
		if closed == nil {
			values = append(values, "", "", "", "", "", "", "", "")
		} else {
			for _, p := range closed.positions {
				if p.party == id {
					values = append(values, p.texts(c)...)
				}
			}
		}
		rows, deferred, rejected := int64(0), int64(0), int64(0)
		for _, o := range found.objects {
			if o.merchant == id {
				rows, deferred, rejected = rows+o.rows, deferred+o.deferred, rejected+o.rejected
			}
		}
		result.add("summary", append(values, m.redeemedHere[id], rows-deferred-rejected, deferred, rejected, found.isComplete())...)
	}
}

func (m *model) showState(c *config, result *nightResult) {
	for _, name := range sortedKeys(m.members) {
		who := m.members[name]
		for _, l := range who.lots {
			if l.open > 0 {
				result.add("lots", name, l.issuer, l.merchant, l.business, l.id, instantText(l.issuedAt), l.expiresOn, l.open)
			}
		}
		for _, claim := range who.redemptions {
			if claim.openClaim > 0 {
				result.add("claims", name, claim.row.merchant, claim.row.business, claim.row.id, claim.openClaim)
			}
		}
		for _, r := range who.deferred {
			result.add("deferred", name, r.merchant, r.id, r.kind, r.business)
		}
	}
}
