package batch_test

import (
	"fmt"
	"strings"
	"time"
)

// someInstant is an instant near a settlement date: mostly on it, sometimes late, sometimes early, often
// the very same moment as others.
func (g *generator) someInstant(d day) int64 {
	c := g.c
	on := d
	switch roll := g.IntN(100) * (100 + g.dirt(10)) / 110; {
	case roll < 62:
	case roll < 74:
		on = d - day(min(1, g.lateDays))
	case roll < 88:
		on = d - day(g.IntN(g.lateDays+1))
	case roll < 90:
		on = d - day(g.lateDays) - 1
	case roll < 98:
		on = d + day(g.IntN(c.earlyDays+1))
	case roll < 99:
		on = d + day(c.earlyDays) + 1
	}
	at := on.time()
	hour, minute, second := g.IntN(24), pick(g, 0, 15, 30, 59), pick(g, 0, 0, 30, 59)
	if g.chance(35) {
		hour, minute, second = 12, 0, 0
	}
	micro := time.Date(at.Year(), at.Month(), at.Day(), hour, minute, second, pick(g, 0, 0, 0, 500000, 123456)*1000, zoneOf(c.zone)).UnixMicro()
	if businessDate(c, micro) < on {
		micro += 24 * 3600 * 1e6
	}
	return micro
}

// instantIn writes an instant as some merchant's clock would.
func (g *generator) instantIn(micro int64) string {
	zone := pick(g, time.UTC, zoneOf(g.c.zone), time.FixedZone("", 5*3600+1800), time.FixedZone("", -23*3600-59*60))
	at := time.UnixMicro(micro).In(zone)
	if _, offset := at.Zone(); offset%60 != 0 || at.Year() < 1970 {
		at = at.UTC()
	}
	text := at.Format("2006-01-02T15:04:05")
	if at.Nanosecond() != 0 {
		text += at.Format(".000000") + pick(g, "", "000", "999")
	} else {
		text += pick(g, "", "", ".0", ".000000")
	}
	return text + at.Format("Z07:00")
}

func (g *generator) newID() string {
	g.counter++
	if g.chance(3) {
		return fmt.Sprintf("é, \"%d\"", g.counter)
	}
	return fmt.Sprintf("t%03d", g.counter)
}

func (g *generator) somePoints() int64 {
	switch g.IntN(40) {
	case 0:
		return 1_000_000_000_000
	case 1, 2, 3:
		return 1
	}
	return int64(g.between(2, 900))
}

// someRow makes a row of a merchant, which may be wrong in one way or another.
func (g *generator) someRow(d day, m *merchant) rawRow {
	if g.chance(g.dirt(7)) {
		if again, ok := g.repeated(m); ok {
			return again
		}
	}
	if g.chance(30) && len(g.promises) > 0 {
		if p := g.promises[0]; p.merchant == m.id {
			g.promises = g.promises[1:]
			p.at = g.someInstant(d)
			return g.finish(d, p)
		}
	}
	p := &past{merchant: m.id, member: pick(g, g.members...), id: g.newID(), points: g.somePoints(), at: g.someInstant(d)}
	if len(g.rows) > 0 && g.chance(g.dirt(2)) {
		p.id = pick(g, g.rows...).id
	}
	switch roll := g.IntN(100); {
	case roll < 42:
		p.kind = "issue"
	case roll < 76:
		p.kind = "redeem"
	case roll < 91:
		p.kind = "redeem_reversal"
	default:
		p.kind = "issue_reversal"
	}
	return g.finish(d, p)
}

// finish adds the columns that depend on the kind, and the dirt.
func (g *generator) finish(d day, p *past) rawRow {
	raw := &p.raw
	m := g.c.merchant(p.merchant)
	switch p.kind {
	case "issue":
		g.finishIssue(p, m)
	case "redeem":
		g.finishRedeem(p, m)
	default:
		g.finishReversal(d, p)
	}
	p.business = businessDate(g.c, p.at)
	raw.set("transaction_id", p.id, "")
	raw.set("member_id", p.member, "")
	raw.set("kind", p.kind, "")
	token := ""
	if g.chance(50) {
		token = fmt.Sprint(p.points)
	}
	raw.set("points", fmt.Sprint(p.points), token)
	raw.set("occurred_at", g.instantIn(p.at), "")
	if g.chance(35) {
		raw.set("reason", pick(g, "purchase", "tier", "campaign", "referral"), "")
	}
	if g.chance(12) {
		raw.set("merchant_id", p.merchant, "")
	}
	if g.chance(12) {
		raw.set("amount", pick(g, "12", "12.0", "-3.50", "007.1", "-0"), "")
		raw.set("currency", pick(g, "USD", "CNY"), "")
	}
	if g.chance(8) {
		raw.set("store_id", pick(g, "s 1", "Ladengeschäft, Süd", `the "big" one`), "")
	}
	if g.chance(4) { // a column that the kind does not take is not validated
		if column := pick(g, "expires_on", "original_date", "original_transaction_id"); !taken(g.c, p.kind, column) {
			raw.set(column, "whatever", "")
		}
	}
	remembered := *p
	g.rows = append(g.rows, &remembered)
	if g.chance(g.dirt(9)) {
		g.spoil(raw)
	}
	return *raw
}

func (g *generator) finishIssue(p *past, m *merchant) {
	p.issuer = p.merchant
	if g.chance(g.dirt(4)) || len(m.mayIssueFor) > 0 && g.chance(50) {
		p.issuer = g.someIssuer(m.mayIssueFor)
		p.raw.set("issuer_id", p.issuer, "")
	}
	if g.chance(25) {
		expires := businessDate(g.c, p.at) + day(g.IntN(8))
		if g.chance(6) {
			expires -= 9
		}
		p.raw.set("expires_on", expires.String(), "")
	}
}

func (g *generator) someIssuer(agreed []string) string {
	switch {
	case g.chance(g.dirt(4)):
		return "NOBODY"
	case len(agreed) > 0 && g.chance(92):
		return pick(g, agreed...)
	}
	return pick(g, g.c.parties()...)
}

func (g *generator) finishRedeem(p *past, m *merchant) {
	often := 15
	if g.c.attribution == "stated" {
		often = 96
	}
	if !g.chance(often) {
		return
	}
	p.issuer = g.someIssuer(m.mayRedeemFrom)
	for _, earlier := range g.rows { // of whom the member has points
		if earlier.member == p.member && earlier.kind == "issue" && m.mayRedeem(earlier.issuer) && g.chance(40) {
			p.issuer = earlier.issuer
		}
	}
	p.raw.set("issuer_id", p.issuer, "")
}

// finishReversal finds something to reverse, or promises it for later.
func (g *generator) finishReversal(d day, p *past) {
	original := strings.TrimSuffix(p.kind, "_reversal")
	var candidates []*past
	for _, earlier := range g.rows {
		if earlier.merchant == p.merchant && (earlier.kind == original || g.chance(3)) {
			candidates = append(candidates, earlier)
		}
	}
	found := &past{merchant: p.merchant, member: p.member, id: g.newID(), kind: original, points: g.somePoints(), at: p.at - int64(g.IntN(3600))*1e6}
	found.business = businessDate(g.c, found.at)
	if len(candidates) > 0 && !g.chance(5+g.dirt(10)) {
		found = candidates[max(g.IntN(len(candidates)), g.IntN(len(candidates)))]
	} else if g.chance(75) {
		promise := *found
		g.promises = append(g.promises, &promise)
	}
	p.member = found.member
	if g.chance(4) {
		p.member = pick(g, g.members...)
	}
	if p.at < found.at && g.chance(80) {
		p.at = found.at + int64(g.IntN(7200))*1e6
	}
	switch {
	case g.chance(45):
		p.points = found.points
	case g.chance(85):
		p.points = 1 + g.Int64N(found.points)
	default:
		p.points = min(found.points+1, 1_000_000_000_000)
	}
	p.raw.set("original_transaction_id", found.id, "")
	if g.chance(25) {
		date := found.business
		if g.chance(20) {
			date--
		}
		p.raw.set("original_date", date.String(), "")
	}
	if !g.c.tracked && !g.chance(4) {
		p.raw.set("issuer_id", pick(g, g.c.parties()...), "")
	}
}

// repeated delivers a row of the merchant again: the same, or the same in other words, or not quite the same.
func (g *generator) repeated(m *merchant) (rawRow, bool) {
	var own []*past
	for _, p := range g.rows {
		if p.merchant == m.id {
			own = append(own, p)
		}
	}
	if len(own) == 0 {
		return rawRow{}, false
	}
	p := own[max(g.IntN(len(own)), g.IntN(len(own)))]
	again := p.raw
	switch g.IntN(4) {
	case 0:
		again.set("points", fmt.Sprint(p.points%1000+1), "")
	case 1:
		again.set("occurred_at", g.instantIn(p.at), "")
		if amount := again.get("amount"); amount != "" && !strings.Contains(amount, ".") {
			again.set("amount", amount+".00", "")
		}
		again.set("merchant_id", m.id, "")
	case 2:
		if first, rest := p.id[:1], p.id[1:]; first == "t" { // the same string, in other JSON
			again.set("transaction_id", p.id, `"\u0074`+rest+`"`)
		}
	}
	return again, true
}

var badValues = map[string][]string{
	"transaction_id": {"e\u0301", "tab\there", strings.Repeat("x", 129), "nul\u0085"},
	"member_id":      {"line\x7fbreak", strings.Repeat("ü", 65), "\x00"},
	"kind":           {"purchase", "Issue", "issue "},
	"points":         {"0", "-5", "1.0", "007", "1e3", "1000000000001", "99999999999999", " 5", "+5"},
	"occurred_at": {"2026-06-10", "2026-06-10 12:00:00Z", "2026-06-10T12:00:60Z", "2026-06-10T24:00:00Z", "2026-02-30T12:00:00Z", "1969-12-31T23:59:59Z",
		"2201-01-01T00:00:00Z", "2026-06-10T12:00:00", "2026-06-10T12:00:00+24:00", "2026-06-10T12:00:00.Z", "2026-06-10t12:00:00z", "2026-06-10T12:00:00+0100"},
	"merchant_id":             {"HUB", "somebody"},
	"issuer_id":               {"nobody", "a"},
	"original_transaction_id": {strings.Repeat("y", 200), "a\u0301"},
	"original_date":           {"2026-02-30", "yesterday", "2026-1-1", "20260101"},
	"expires_on":              {"2026-13-01", "soon", "1990-01-01"},
	"amount":                  {"1.234", "1,5", "1.", ".5", "1e2", "--1"},
	"currency":                {"usd", "EURO", "U$D"},
	"reason":                  {"Purchase", "_x", "a-b", strings.Repeat("r", 33)},
	"store_id":                {"e\u0301", "two\nlines", strings.Repeat("s", 129)},
}

// spoil makes a row wrong in one column.
func (g *generator) spoil(raw *rawRow) {
	column := pick(g, allColumns...)
	switch g.IntN(6) {
	case 0:
		column = pick(g, append(requiredColumns, "original_transaction_id")...)
		raw.set(column, "", pick(g, "", "null"))
	case 1:
		if kind := raw.get("kind"); taken(g.c, kind, column) {
			text := raw.get(column)
			if text == "" {
				text = "5"
			}
			raw.set(column, text, pick(g, "12.5", "true", "[1]", `{"a": 1}`, "1e3"))
		}
	default:
		raw.set(column, pick(g, badValues[column]...), "")
	}
}
