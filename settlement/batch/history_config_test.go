package batch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A generator makes one random history. All its choices come from its seed.
type generator struct {
	*rand.Rand
	c     *config
	first day
	// lateDays is the longest that a rulebook of the history lets rows come late.
	lateDays int
	members  []string
	// rows are those delivered so far, to be repeated, reversed and contradicted.
	rows []*past
	// promises are originals of reversals that were delivered before them.
	promises []*past
	files    []*file
	byKey    map[string]*file
	// copied marks files with the same bytes as another: nobody puts their old content back.
	copied    map[string]bool
	counter   int
	changed   []*file
	controls  bool
	tidy      bool // little dirt, so that files of only good rows come to be
	adjusting int
}

// A past row is what the generator remembers of a row.
type past struct {
	merchant, member, kind, id string
	points                     int64
	at                         int64
	business                   day
	issuer                     string
	raw                        rawRow
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

// dirt is how often, in percent, something wrong is done that is done so often in an untidy history.
func (g *generator) dirt(percent int) int {
	if g.tidy {
		return percent / 4
	}
	return percent
}

// between includes both ends.
func (g *generator) between(low, high int) int { return low + g.IntN(high-low+1) }

var zoneStarts = map[string][]string{
	"Asia/Shanghai":    {"2026-06-10", "2026-12-24"},
	"America/New_York": {"2026-03-04", "2026-10-28"},
	"Europe/Berlin":    {"2026-03-25", "2026-10-21", "2028-02-24"},
	"Pacific/Apia":     {"2011-12-26", "2026-02-20"},
	"Asia/Kathmandu":   {"2026-04-27"},
	"UTC":              {"1999-12-20", "2027-02-25"},
}

// randomConfig makes a rulebook.
func (g *generator) randomConfig() {
	c := &config{
		alliance: pick(g, "HUB", "0hub", "zz-alliance"),
		currency: pick(g, "JPY", "CNY", "CNY", "USD", "BHD"),
		zone:     pick(g, sortedKeys(zoneStarts)...), dayStartsAt: pick(g, "00:00", "00:00", "04:00", "02:30", "23:00"),
		cycle: pick(g, "daily", "daily", "weekly", "weekly", "monthly"), rounding: pick(g, "half_up", "half_even"),
		lateDays: pick(g, 0, 1, 2, 2, 3, 4, 5), earlyDays: g.IntN(3), duplicateDays: g.IntN(5), waitDays: g.IntN(4),
		missingShare: pick(g, "1", "1", "1", "0.6"), rejectedShare: pick(g, "0.05", "0.3", "0.5"), rejectedRows: pick(g, 0, 1, 2, 2, 4, 10),
		tracked: !g.chance(12), attribution: pick(g, "fifo", "first_expiring", "own_first", "pro_rata", "pro_rata", "stated"),
		unfunded: pick(g, "suspense", "alliance"), expiryMonths: pick(g, 0, 0, 1, 1, 2), expiryMonthEnd: g.chance(40),
		reversalDays: pick(g, 1, 3, 8, 30, 180), bilateral: g.chance(25),
		holdbackRate: pick(g, "0", "0.05", "0.1", "0.333", "1"), releaseAfter: g.between(1, 3),
	}
	if !c.tracked {
		c.attribution = "stated"
	}
	g.c, g.lateDays = c, c.lateDays
	g.first = mustDay(pick(g, zoneStarts[c.zone]...)) + day(g.IntN(4))
	c.threshold = g.amount(0, pick(g, 0, 10, 100, 3000))
	ids := []string{"A", "B", "C", "a-1", "Z_9", "D0"}[:g.between(3, 6)]
	for _, id := range ids {
		c.merchants = append(c.merchants, g.randomMerchant(id, ids))
	}
	g.Shuffle(len(c.merchants), func(i, j int) { c.merchants[i], c.merchants[j] = c.merchants[j], c.merchants[i] })
	c.prices, c.fees, c.holds = g.randomPrices("p"), g.randomFees("f"), g.randomHolds()
}

// amount is a random amount of money between whole units, with the currency's decimals.
func (g *generator) amount(low, high int) string {
	text := fmt.Sprint(g.between(low, high))
	if digits := g.c.digits(); digits > 0 && g.chance(70) {
		text += "." + fmt.Sprintf("%03d", g.IntN(1000))[:digits]
	}
	return text
}

// someDate is a date in or near the history.
func (g *generator) someDate() string { return (g.first + day(g.between(-4, 20))).String() }

func (g *generator) randomMerchant(id string, ids []string) merchant {
	m := merchant{id: id, category: pick(g, "cafe", "fuel", "books", "")}
	if g.chance(15) {
		m.joined = (g.first + day(g.between(-9, 3))).String()
	}
	if g.chance(20) {
		m.left = (g.first + day(g.between(5, 12))).String()
	}
	switch g.IntN(4) {
	case 0:
		m.delivers = []string{"on_activity"}
	case 1:
		m.delivers = []string{"mon", "wed", "sat"}[:g.between(1, 3)]
	}
	m.controlRequired = g.controls && g.chance(12)
	m.required = g.chance(4)
	others := append(slices.Clone(ids), g.c.alliance)
	if g.chance(50) {
		m.mayIssueFor = g.someOf(others)
	}
	if g.chance(25) {
		m.mayRedeemFrom = g.someOf(others)
	}
	return m
}

func (g *generator) someOf(list []string) []string {
	var some []string
	for _, id := range list {
		if g.chance(50) {
			some = append(some, id)
		}
	}
	if some == nil {
		some = []string{list[g.IntN(len(list))]}
	}
	return some
}

func (g *generator) randomCondition(withReason bool) *condition {
	fields := []string{"issuer.id", "redeemer.id", "issuer.category", "redeemer.category", "redeemer.category"}
	if withReason {
		fields = append(fields, "reason", "reason")
	}
	switch g.IntN(8) {
	case 0:
		return &condition{operator: "!", left: g.randomCondition(withReason)}
	case 1, 2:
		return &condition{operator: pick(g, "&&", "||"), left: g.randomCondition(withReason), right: g.randomCondition(withReason)}
	}
	field := pick(g, fields...)
	values := []string{"cafe", "fuel", "books", ""}
	switch field {
	case "issuer.id", "redeemer.id":
		values = []string{"A", "B", "C", g.c.alliance}
	case "reason":
		values = []string{"purchase", "tier", "campaign", ""}
	}
	g.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	operator := pick(g, "==", "!=", "in")
	if operator == "in" {
		return &condition{operator: operator, field: field, values: values[:2]}
	}
	return &condition{operator: operator, field: field, values: values[:1]}
}

func (g *generator) randomPrices(prefix string) []price {
	var list []price
	count := g.between(1, 4)
	for i := range count {
		p := price{id: fmt.Sprintf("%s%d", prefix, count-i), perPoints: pick[int64](g, 1, 100, 100, 150, 1000, 7)}
		p.amount = pick(g, "1.00", "0.95", "0.0105", "1.23456789", "3")
		if p.perPoints >= 100 {
			p.amount = pick(g, "1.00", "0.95", "1.05", "2.5", "0.125", "17")
		}
		if i < count-1 {
			if g.chance(50) {
				p.from = g.someDate()
			}
			if g.chance(40) {
				p.to = g.someDate()
			}
			if p.from != "" && p.to != "" && mustDay(p.to) < mustDay(p.from) {
				p.from, p.to = p.to, p.from
			}
			if g.chance(60) || p.from+p.to == "" {
				p.when = g.randomCondition(true)
			}
		}
		list = append(list, p)
	}
	return list
}

func (g *generator) randomFees(prefix string) []fee {
	var list []fee
	for i := range g.IntN(4) {
		f := fee{id: fmt.Sprintf("%s%d", prefix, i), payer: pick(g, "redeemer", "redeemer", "issuer"), rate: pick(g, "0.015", "0.02", "0", "0.105"),
			perTransaction: "0", taxRate: pick(g, "0.06", "0", "0.19", "0.081")}
		if g.chance(30) {
			f.perTransaction = g.amount(0, 2)
		}
		if g.chance(40) {
			f.min = g.amount(0, 5)
		}
		if g.chance(40) {
			f.max = g.amount(6, 20)
		}
		if g.chance(25) {
			f.from = g.someDate()
		} else if g.chance(25) {
			f.to = g.someDate()
		}
		if g.chance(40) {
			f.when = g.randomCondition(false)
		}
		list = append(list, f)
	}
	return list
}

func (g *generator) randomHolds() []hold {
	var list []hold
	for range g.IntN(3) {
		from := g.first + day(g.between(0, 12))
		list = append(list, hold{pick(g, g.c.merchants...).id, from.String(), (from + day(g.IntN(12))).String()})
	}
	return list
}

// laterConfig is the same agreement after it was negotiated again.
func (g *generator) laterConfig() *config {
	later := *g.c
	later.prices, later.fees, later.holds = g.randomPrices("q"), g.randomFees("g"), g.randomHolds()
	later.threshold, later.holdbackRate, later.releaseAfter = g.amount(0, 500), pick(g, "0", "0.2"), g.between(1, 3)
	later.bilateral = g.chance(40)
	if g.chance(50) {
		later.lateDays, later.duplicateDays, later.waitDays = pick(g, 0, 2, 6, 9), g.IntN(6), g.IntN(4)
		later.reversalDays, later.unfunded = pick(g, 1, 3, 8, 180), pick(g, "suspense", "alliance")
		if later.tracked {
			later.attribution = pick(g, "fifo", "first_expiring", "own_first", "pro_rata")
		}
		g.lateDays = max(g.lateDays, later.lateDays)
	}
	later.merchants = slices.Clone(g.c.merchants)
	for i := range later.merchants {
		if g.chance(20) {
			later.merchants[i].mayRedeemFrom = g.someOf(g.c.parties())
		}
		if g.chance(20) {
			later.merchants[i].category = pick(g, "cafe", "fuel")
		}
	}
	return &later
}
