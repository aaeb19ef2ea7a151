package batch_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A config is a rulebook in plain values. Money and rates are decimal texts.
type config struct {
	alliance, currency, zone, dayStartsAt, cycle, rounding string

	lateDays, earlyDays, duplicateDays, waitDays int
	missingShare, rejectedShare                  string
	rejectedRows                                 int

	tracked        bool
	attribution    string
	unfunded       string
	expiryMonths   int // 0: points never expire by rule
	expiryMonthEnd bool
	reversalDays   int

	prices []price
	fees   []fee

	bilateral    bool
	threshold    string
	holdbackRate string
	releaseAfter int
	holds        []hold

	merchants []merchant
}

// Open ends of from and to are "".
type price struct {
	id, from, to string
	when         *condition
	amount       string
	perPoints    int64
}

type fee struct {
	id, payer, rate, perTransaction string
	min, max                        string // "" for none
	taxRate                         string
	from, to                        string
	when                            *condition
}

type hold struct{ merchant, from, to string }

type merchant struct {
	id, category, joined, left string
	delivers                   []string // nil: daily; {"on_activity"}; or weekdays
	controlRequired, required  bool
	mayIssueFor                []string
	mayRedeemFrom              []string // nil: from everyone
}

// A condition is a `when`: a comparison, or two conditions joined, or one negated.
type condition struct {
	operator    string // ==, !=, in, &&, ||, !
	field       string // issuer.id, issuer.category, redeemer.id, redeemer.category, reason
	values      []string
	left, right *condition
}

// cel writes the condition as the rulebook has it.
func (c *condition) cel() string {
	switch c.operator {
	case "==", "!=":
		return fmt.Sprintf("%s %s %s", c.field, c.operator, quoted(c.values[0]))
	case "in":
		return fmt.Sprintf("%s in %s", c.field, quoted(c.values))
	case "!":
		return "!(" + c.left.cel() + ")"
	default:
		return "(" + c.left.cel() + ") " + c.operator + " (" + c.right.cel() + ")"
	}
}

// holdsFor evaluates the condition over the values of its fields; no condition always holds.
func (c *condition) holdsFor(fields map[string]string) bool {
	if c == nil {
		return true
	}
	switch c.operator {
	case "==":
		return fields[c.field] == c.values[0]
	case "!=":
		return fields[c.field] != c.values[0]
	case "in":
		return slices.Contains(c.values, fields[c.field])
	case "!":
		return !c.left.holdsFor(fields)
	case "&&":
		return c.left.holdsFor(fields) && c.right.holdsFor(fields)
	case "||":
		return c.left.holdsFor(fields) || c.right.holdsFor(fields)
	}
	panic("no such operator: " + c.operator)
}

func (c *config) digits() int {
	return map[string]int{"JPY": 0, "CNY": 2, "USD": 2, "EUR": 2, "BHD": 3}[c.currency]
}

func (c *config) merchant(id string) *merchant {
	for i := range c.merchants {
		if c.merchants[i].id == id {
			return &c.merchants[i]
		}
	}
	return nil
}

// merchantIDs are in order; parties are the merchants and the alliance.
func (c *config) merchantIDs() []string {
	var ids []string
	for _, m := range c.merchants {
		ids = append(ids, m.id)
	}
	slices.Sort(ids)
	return ids
}

func (c *config) parties() []string {
	ids := append(c.merchantIDs(), c.alliance)
	slices.Sort(ids)
	return ids
}

func (c *config) isParty(id string) bool { return slices.Contains(c.parties(), id) }

// within reports whether from <= d <= to, where "" is open.
func within(d day, from, to string) bool {
	return (from == "" || mustDay(from) <= d) && (to == "" || d <= mustDay(to))
}

func (m *merchant) activeOn(d day) bool { return within(d, m.joined, m.left) }

func (m *merchant) expectedOn(d day) bool {
	if !m.activeOn(d) {
		return false
	}
	weekday := strings.ToLower(d.time().Weekday().String()[:3])
	return m.delivers == nil || slices.Contains(m.delivers, weekday)
}

func (m *merchant) mayIssue(issuer string) bool {
	return issuer == m.id || slices.Contains(m.mayIssueFor, issuer)
}

func (m *merchant) mayRedeem(issuer string) bool {
	return issuer == m.id || m.mayRedeemFrom == nil || slices.Contains(m.mayRedeemFrom, issuer)
}

// hasLeftBefore reports whether d is after the merchant's last day.
func (m *merchant) hasLeftBefore(d day) bool { return m.left != "" && d > mustDay(m.left) }

func (c *config) fields(issuer, redeemer, reason string) map[string]string {
	category := func(id string) string {
		if m := c.merchant(id); m != nil {
			return m.category
		}
		return ""
	}
	return map[string]string{"issuer.id": issuer, "issuer.category": category(issuer),
		"redeemer.id": redeemer, "redeemer.category": category(redeemer), "reason": reason}
}

// priceOf is the first entry that holds; points redeemed at home have no price.
func (c *config) priceOf(issuer, redeemer, reason string, business day) price {
	if issuer == redeemer {
		return price{}
	}
	for _, p := range c.prices {
		if within(business, p.from, p.to) && p.when.holdsFor(c.fields(issuer, redeemer, reason)) {
			return p
		}
	}
	panic("no price applies")
}

// quoted is a value as JSON, which YAML reads too.
func quoted(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// yaml writes the config as a rulebook.
func (c *config) yaml() string {
	var out strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&out, format+"\n", values...) }
	line("alliance: {id: %s, name: The Alliance, currency: %s, time_zone: %s, day_starts_at: %s, cycle: %s}",
		quoted(c.alliance), c.currency, c.zone, quoted(c.dayStartsAt), c.cycle)
	line("rounding: %s", c.rounding)
	line("intake:")
	line("  accept_late_days: %d\n  accept_early_days: %d\n  duplicate_days: %d\n  wait_days: %d", c.lateDays, c.earlyDays, c.duplicateDays, c.waitDays)
	line("  missing: {max_share: %s}", quoted(c.missingShare))
	line("  max_rejected: {share: %s, rows: %d}", quoted(c.rejectedShare), c.rejectedRows)
	lots := "tracked"
	if !c.tracked {
		lots = "untracked"
	}
	line("ledger:")
	line("  lots: %s\n  attribution: %s\n  unfunded: %s\n  reversal_days: %d", lots, c.attribution, c.unfunded, c.reversalDays)
	if c.expiryMonths > 0 {
		line("  expiry: {months: %d, end_of_month: %t}", c.expiryMonths, c.expiryMonthEnd)
	}
	line("prices:")
	for _, p := range c.prices {
		line("  - {id: %s%s, price: %s, per_points: %d}", quoted(p.id), validity(p.from, p.to, p.when), quoted(p.amount), p.perPoints)
	}
	if len(c.fees) > 0 {
		line("fees:")
	}
	for _, f := range c.fees {
		line("  - {id: %s, payer: %s, rate: %s, per_transaction: %s%s%s, tax_rate: %s%s}", quoted(f.id), f.payer, quoted(f.rate), quoted(f.perTransaction),
			optional("min", f.min), optional("max", f.max), quoted(f.taxRate), validity(f.from, f.to, f.when))
	}
	mode := "multilateral"
	if c.bilateral {
		mode = "bilateral"
	}
	line("netting:\n  mode: %s\n  payout_threshold: %s", mode, quoted(c.threshold))
	line("  holdback: {rate: %s, release_after: %d}", quoted(c.holdbackRate), c.releaseAfter)
	if len(c.holds) > 0 {
		line("  holds:")
	}
	for _, h := range c.holds {
		line("    - {merchant: %s, from: %s, to: %s, reason: disputed}", quoted(h.merchant), h.from, h.to)
	}
	line("merchants:")
	for _, m := range c.merchants {
		line("  - {%s}", m.yaml())
	}
	return out.String()
}

func optional(key, value string) string {
	if value == "" {
		return ""
	}
	return ", " + key + ": " + quoted(value)
}

func validity(from, to string, when *condition) string {
	text := ""
	if from != "" {
		text += ", from: " + from
	}
	if to != "" {
		text += ", to: " + quoted(to)
	}
	if when != nil {
		text += ", when: " + quoted(when.cel())
	}
	return text
}

func (m *merchant) yaml() string {
	text := fmt.Sprintf("id: %s, name: %s", quoted(m.id), quoted("Merchant "+m.id))
	text += optional("category", m.category)
	if m.joined != "" {
		text += ", joined: " + m.joined
	}
	if m.left != "" {
		text += ", left: " + m.left
	}
	switch {
	case len(m.delivers) == 1 && m.delivers[0] == "on_activity":
		text += ", delivers: on_activity"
	case m.delivers != nil:
		text += ", delivers: " + quoted(m.delivers)
	}
	if m.controlRequired {
		text += ", control: required"
	}
	if m.required {
		text += ", required: true"
	}
	if m.mayIssueFor != nil {
		text += ", may_issue_for: " + quoted(m.mayIssueFor)
	}
	if m.mayRedeemFrom != nil {
		text += ", may_redeem_from: " + quoted(m.mayRedeemFrom)
	}
	return text
}
