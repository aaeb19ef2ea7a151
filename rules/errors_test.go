package rules_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"alliance/rules"
)

// right is a rulebook without a fault; each case replaces one line of it.
const right = `alliance:
  id: HUB
  name: Harbour
  currency: CNY
  time_zone: Asia/Shanghai
  day_starts_at: "04:00"
  cycle: daily
rounding: half_up
intake:
  accept_late_days: 35
  missing: {max_share: "1"}
  max_rejected: {share: "0.05", rows: 10}
ledger:
  lots: tracked
  attribution: fifo
  expiry: {months: 24, end_of_month: true}
prices:
  - {id: fuel, from: 2026-01-01, to: "2026-06-15", when: 'redeemer.category == "fuel"', price: "0.95", per_points: 100}
  - {id: base, price: "1.00", per_points: 100}
fees:
  - {id: clearing, payer: redeemer, rate: "0.015", min: "1.00", max: "20.00", tax_rate: "0.06"}
netting:
  payout_threshold: "400.00"
  holdback: {rate: "0.05", release_after: 2}
  holds:
    - {merchant: B, from: 2026-07-01, to: 2026-07-31, reason: dispute}
merchants:
  - {id: A, name: Alder, category: cafe, joined: 2026-01-01, may_issue_for: [HUB]}
  - {id: B, name: Birch, category: fuel, may_redeem_from: [A, HUB]}
`

func TestErrorsNameTheLine(t *testing.T) {
	mustParse(t, right)
	for _, test := range []struct {
		name     string
		old, new string
		line     int
		says     string
	}{
		{"syntax", "  id: HUB", "  id: [HUB", 2, "not YAML: did not find expected ',' or ']', in what starts on this line or after it"},
		{"indentation", "  cycle: daily", " cycle: daily", 7, "not YAML: did not find expected key"},
		{"tab", "  cycle: daily", "\tcycle: daily", 7, "not YAML: found character that cannot start any token"},
		{"colon", "  cycle: daily", "  cycle: daily: x", 7, "not YAML: mapping values are not allowed"},
		{"unknown key", "  cycle: daily", "  cycles: daily", 7, `alliance: unknown key "cycles"; known are id, name, currency`},
		{"unknown key at the top", "rounding: half_up", "roundings: half_up", 8, `unknown key "roundings"`},
		{"unknown key of an entry", "{id: base,", "{idd: 1, id: base,", 19, `prices, entry 2: unknown key "idd"`},
		{"merge key", "  cycle: daily", "  <<: {cycle: daily}", 7, `unknown key "<<"`},
		{"duplicate key", "  cycle: daily", "  cycle: daily\n  cycle: weekly", 8, `key "cycle" is already on line 7`},
		{"duplicate key in one line", "rows: 10}", "rows: 10, rows: 11}", 12, `key "rows" is already on line 12`},
		{"missing key", "  currency: CNY\n", "", 2, "alliance: currency is missing"},
		{"missing key of an entry", `{id: base, price: "1.00",`, `{id: base,`, 19, "prices, entry 2: price is missing"},
		{"missing table", "rounding: half_up", "---", 8, "second document"},
		{"no value", "  cycle: daily", "  cycle:", 7, "cycle has no value; give one or leave the key out"},
		{"unknown alias", "  name: Harbour", "  name: *x", 3, "unknown anchor 'x'"},
		{"alias", "  id: HUB\n  name: Harbour", "  id: &x HUB\n  name: *x", 3, "*x repeats another value; write the value out"},
		{"custom tag", "  name: Harbour", "  name: !x Harbour", 3, `name: is a value tagged !x, text is expected`},
		{"key is no word", "  cycle: daily", "  ? [a]\n  : daily", 7, "a key that is not a word"},

		{"table expected", "  max_rejected: {share: \"0.05\", rows: 10}", "  max_rejected: 5", 12, "max_rejected is the number 5, a table of keys is expected"},
		{"list expected", "  holds:\n    - {", "  holds:\n      {", 26, "holds: is a table of keys, a list is expected"},
		{"list of texts expected", "may_issue_for: [HUB]", "may_issue_for: HUB", 28, `may_issue_for: is "HUB", a list of ids is expected`},
		{"text expected", "  name: Harbour", "  name: 7", 3, `name: text is expected; write it in quotes: "7"`},
		{"id looks like a number", "{id: A,", "{id: 100,", 28, `id: an id is expected; write it in quotes: "100"`},
		{"id looks like a number with exponent", "{id: A,", "{id: 1e3,", 28, `write it in quotes: "1e3"`},
		{"whole number expected", "accept_late_days: 35", `accept_late_days: "35"`, 10, `accept_late_days: is "35", a whole number from 0 to 3660 is expected, without quotes`},
		{"whole number in octal", "accept_late_days: 35", "accept_late_days: 035", 10, "a whole number from 0 to 3660 is expected"},
		{"whole number with underscore", "accept_late_days: 35", "accept_late_days: 3_5", 10, "a whole number"},
		{"whole number with decimals", "accept_late_days: 35", "accept_late_days: 35.0", 10, "is the number 35.0, a whole number"},
		{"truth expected", "end_of_month: true", "end_of_month: yes", 16, `is "yes", true or false is expected, without quotes`},
		{"choice", "  cycle: daily", "  cycle: yearly", 7, `cycle: "yearly" is not one of daily, weekly, monthly`},
		{"rounding", "rounding: half_up", "rounding: up", 8, `"up" is not one of half_up, half_even`},
		{"payer", "payer: redeemer", "payer: alliance", 21, `"alliance" is not one of redeemer, issuer`},

		{"days below", "accept_late_days: 35", "accept_late_days: -1", 10, "accept_late_days: -1 is not from 0 to 3660"},
		{"days above", "accept_late_days: 35", "accept_late_days: 3661", 10, "3661 is not from 0 to 3660"},
		{"days far above", "accept_late_days: 35", "accept_late_days: 99999999999999999999", 10, "accept_late_days: "},
		{"months", "months: 24", "months: 1201", 16, "months: 1201 is not from 0 to 1200"},
		{"release_after", "release_after: 2", "release_after: 0", 24, "release_after: 0 is not from 1 to 1200"},
		{"rows", "rows: 10}", "rows: 1000000001}", 12, "rows: 1000000001 is not from 0 to 1000000000"},
		{"per_points zero", `"1.00", per_points: 100`, `"1.00", per_points: 0`, 19, "per_points: 0 is not from 1 to 1000000000"},
		{"per_points above", `"1.00", per_points: 100`, `"1.00", per_points: 1000000001`, 19, "is not from 1 to 1000000000"},

		{"date", "joined: 2026-01-01", "joined: 2026-02-30", 28, `joined: "2026-02-30" is not a date of the form YYYY-MM-DD`},
		{"date in quotes", "joined: 2026-01-01", `joined: "2026-1-1"`, 28, `"2026-1-1" is not a date`},
		{"date with time", "joined: 2026-01-01", "joined: 2026-01-01T00:00:00Z", 28, "is not a date"},
		{"date as number", "joined: 2026-01-01", "joined: 20260101", 28, "joined: is the number 20260101, a date of the form YYYY-MM-DD is expected"},
		{"span of a price", `to: "2026-06-15"`, `to: "2025-06-15"`, 18, "to: 2025-06-15 is before from: 2026-01-01"},
		{"span of a merchant", "joined: 2026-01-01", "joined: 2026-01-01, left: 2025-12-31", 28, "left: 2025-12-31 is before joined: 2026-01-01"},
		{"span of a hold", "to: 2026-07-31", "to: 2026-06-30", 26, "to: 2026-06-30 is before from: 2026-07-01"},
		{"day start", `"04:00"`, `"24:00"`, 6, `day_starts_at: "24:00" is not a time of the form hh:mm`},
		{"time zone", "Asia/Shanghai", "Asia/Peking", 5, `time_zone: "Asia/Peking" is not a time zone`},
		{"time zone of the machine", "Asia/Shanghai", "Local", 5, `"Local" is not a time zone`},
		{"time zone with a path", "Asia/Shanghai", "../UTC", 5, `is not a time zone`},
		{"currency", "currency: CNY", "currency: RMB", 4, `currency: "RMB" is not a currency of ISO 4217`},
		{"currency in small letters", "currency: CNY", "currency: cny", 4, `is not a currency`},

		{"price as number", `price: "1.00"`, `price: 1.00`, 19, `price: a price must be written in quotes to stay exact: "1.00"`},
		{"price as whole number", `price: "1.00"`, `price: 1`, 19, `must be written in quotes to stay exact: "1"`},
		{"price with exponent", `price: "1.00"`, `price: "1e2"`, 19, `"1e2" is not a price: digits, and decimals after a point; no sign, no exponent`},
		{"price negative", `price: "1.00"`, `price: "-1.00"`, 19, "no sign"},
		{"price with a point only", `price: "1.00"`, `price: "1."`, 19, `"1." is not a price`},
		{"price empty", `price: "1.00"`, `price: ""`, 19, `"" is not a price`},
		{"price too fine", `price: "1.00"`, `price: "0.000000001"`, 19, "0.000000001 has more than 8 decimals"},
		{"price too big", `price: "1.00"`, `price: "10000000000"`, 19, "must be less than 10000000000"},
		{"rate as number", `rate: "0.015"`, `rate: 0.015`, 21, `rate: a share from 0 to 1 must be written in quotes`},
		{"rate above 1", `rate: "0.015"`, `rate: "1.5"`, 21, "rate: 1.5 is not from 0 to 1"},
		{"rate too fine", `rate: "0.015"`, `rate: "0.000000001"`, 21, "has more than 8 decimals"},
		{"tax rate", `tax_rate: "0.06"`, `tax_rate: "6"`, 21, "tax_rate: 6 is not from 0 to 1"},
		{"share", `{max_share: "1"}`, `{max_share: "2"}`, 11, "max_share: 2 is not from 0 to 1"},
		{"min does not fit", `min: "1.00"`, `min: "1.005"`, 21, "min: 1.005 does not fit the minor unit of CNY, which has 2 decimals"},
		{"max does not fit", `max: "20.00"`, `max: "20.001"`, 21, "max: 20.001 does not fit"},
		{"per_transaction does not fit", `rate: "0.015"`, `per_transaction: "0.001"`, 21, "per_transaction: 0.001 does not fit"},
		{"threshold does not fit", `"400.00"`, `"400.005"`, 23, "payout_threshold: 400.005 does not fit"},
		{"threshold as number", `"400.00"`, `400`, 23, `payout_threshold: an amount of money must be written in quotes to stay exact: "400"`},
		{"threshold too big", `"400.00"`, `"100000000000000"`, 23, "must be less than 100000000000000"},
		{"min above max", `min: "1.00"`, `min: "21.00"`, 21, "min 21 is more than max 20"},

		{"price that holds always is not last", `from: 2026-01-01, to: "2026-06-15", when: 'redeemer.category == "fuel"', `, "", 18, "so it must be the last one"},
		{"last price with a condition", "{id: base,", `{id: base, when: 'reason == "x"',`, 19, "the last price must hold always"},
		{"last price with a date", "{id: base,", `{id: base, from: 2026-01-01,`, 19, "the last price must hold always"},
		{"duplicate price", "{id: base,", "{id: fuel,", 19, `id: "fuel" is already on line 18`},
		{"duplicate fee", "fees:\n", "fees:\n  - {id: clearing, payer: issuer}\n", 22, `id: "clearing" is already on line 21`},
		{"duplicate merchant", "{id: B, name", "{id: A, name", 29, `id: "A" is already on line 28`},
		{"alliance's id", "{id: A, name", "{id: HUB, name", 28, `id: "HUB" is the alliance's own`},
		{"form of a merchant's id", "{id: A, name", "{id: _A, name", 28, `"_A" is not an id: letters, digits, - and _`},
		{"form of the alliance's id", "  id: HUB", "  id: the hub", 2, `"the hub" is not an id`},
		{"unknown in may_issue_for", "may_issue_for: [HUB]", "may_issue_for: [HUP]", 28, `may_issue_for: "HUP" is neither a merchant of the register nor the alliance`},
		{"unknown in may_redeem_from", "may_redeem_from: [A, HUB]", "may_redeem_from: [A,\n      Z]", 30, `may_redeem_from: "Z" is neither`},
		{"twice in may_redeem_from", "[A, HUB]", "[A, A]", 29, `"A" is named twice`},
		{"unknown in holds", "merchant: B", "merchant: X", 26, `merchant: "X" is not a merchant of the register`},
		{"the alliance in holds", "merchant: B", "merchant: HUB", 26, `"HUB" is not a merchant`},
		{"stated for untracked", "lots: tracked", "lots: untracked", 15, "lots: untracked needs attribution: stated, not fifo"},
		{"stated for untracked by default", "  lots: tracked\n  attribution: fifo", "  lots: untracked", 14, "needs attribution: stated"},
		{"weekday", "category: cafe", "delivers: [mon, tues]", 28, `"tues" is not one of mon, tue`},
		{"weekday twice", "category: cafe", "delivers: [mon, mon]", 28, "mon is named twice"},
		{"no weekday", "category: cafe", "delivers: []", 28, "write on_activity"},
		{"delivers", "category: cafe", "delivers: weekly", 28, "daily, on_activity or a list"},
		{"control", "category: cafe", "control: sometimes", 28, "is not one of optional, required"},
		{"name with a control character", "  name: Harbour", `  name: "a\tb"`, 3, "has a control character"},
		{"name with half a character", "  name: Harbour", "  name: \"a\ufffd\"", 3, "U+FFFD"},
		{"name not composed", "  name: Harbour", `  name: "e\u0301"`, 3, "normal form NFC"},
		{"name too long", "  name: Harbour", "  name: " + strings.Repeat("x", 129), 3, "has 129 bytes, the limit is 128"},

		{"condition with a wrong name", `'redeemer.category == "fuel"'`, `'redeemer.kind == "fuel"'`, 18, "when: undeclared reference to 'redeemer.kind'"},
		{"condition with bad syntax", `'redeemer.category == "fuel"'`, `'redeemer.category = "fuel"'`, 18, "when: Syntax error"},
		{"condition not boolean", `'redeemer.category == "fuel"'`, `redeemer.category`, 18, "the condition is string, it must be true or false"},
		{"condition that mixes types", `'redeemer.category == "fuel"'`, `redeemer.category == 1`, 18, "no matching overload"},
		{"condition that may fail", `'redeemer.category == "fuel"'`, `int(reason) > 1`, 18, "which may fail"},
		{"condition that divides", `'redeemer.category == "fuel"'`, `1 / size(reason) == 1`, 18, "which may fail"},
		{"condition with a map", `'redeemer.category == "fuel"'`, `'{"a": true}[reason]'`, 18, "the condition"},
		{"condition with a bad pattern", `'redeemer.category == "fuel"'`, `'reason.matches("[")'`, 18, "invalid matches argument"},
		{"condition with a computed pattern", `'redeemer.category == "fuel"'`, `'"a".matches(reason)'`, 18, "must be written out"},
		{"condition empty", `'redeemer.category == "fuel"'`, `""`, 18, "is empty; leave the key out"},
		{"condition as truth", `'redeemer.category == "fuel"'`, `true`, 18, "write it in quotes"},
		{"condition too long", `'redeemer.category == "fuel"'`, `'reason == "` + strings.Repeat("x", 4096) + `"'`, 18, "the limit is 4096"},
		{"reason in a fee", "{id: clearing,", `{id: clearing, when: 'reason == "tier"',`, 21, "undeclared reference to 'reason'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(right, test.old, test.new, 1)
			if text == right {
				t.Fatalf("%q is not in the rulebook", test.old)
			}
			_, err := rules.Parse("rules.yaml", []byte(text))
			if err == nil {
				t.Fatal("no error")
			}
			all, isList := err.(rules.Errors)
			if !isList || len(all) == 0 {
				t.Fatalf("%T", err)
			}
			if test.line > 0 && !says(all, test.line, test.says) {
				t.Errorf("no error on line %d says %q:\n%v", test.line, test.says, err)
			}
			if test.line > 0 && len(all) > 1 {
				t.Errorf("more than one error:\n%v", err)
			}
		})
	}
}

func says(all rules.Errors, line int, text string) bool {
	for _, one := range all {
		if one.Line == line && strings.Contains(one.Message, text) {
			return true
		}
	}
	return false
}

func TestErrorsOfWholeFiles(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "r:1: the rulebook is empty"},
		{"comment only", "# nothing\n", "r:1: the rulebook is empty"},
		{"a list", "- a\n", "r:1: the rulebook is a list, a table of keys is expected"},
		{"JSON number", "5", "r:1: the rulebook is the number 5, a table of keys is expected"},
		{"not UTF-8", "alliance:\n  id: \xff\n", "r:2: not UTF-8"},
		{"two documents", right + "---\nalliance: {}\n", "r:30: a second document; a rulebook is one"},
		{"too long", strings.Repeat("#", 4<<20+1), "r:1: the rulebook has 4194305 bytes, the limit is 4194304"},
		{"no merchants", strings.Split(right, "merchants:")[0] + "merchants: []\n", "r:27: the rulebook: merchants: at least 1 entry is needed"},
		{"no prices", "prices: []\n", "r:1: the rulebook: prices: at least 1 entry is needed"},
		{"JSON with a tab and a duplicate", "{\n\t\"alliance\": {\"id\": \"H\",\n\t\t\"id\": \"H\"}}", `r:3: alliance: key "id" is already on line 2`},
		{"bad indentation", "alliance:\n  id: HUB\n cycle: daily\n", "not YAML"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := rules.Parse("r", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v does not say %q", err, test.want)
			}
		})
	}
}

func TestAllErrorsAreReportedInOrder(t *testing.T) {
	text := strings.NewReplacer("cycle: daily", "cycle: x", "currency: CNY", "currency: X", `"1.00", per_points: 100`, `"1.00", per_points: 0`).Replace(right)
	_, err := rules.Parse("rules.yaml", []byte(text))
	var lines []int
	for _, one := range err.(rules.Errors) {
		lines = append(lines, one.Line)
	}
	if fmt.Sprint(lines) != "[4 7 19]" {
		t.Errorf("%v", err)
	}
	var first *rules.Error
	if !errors.As(err, &first) || first.Line != 4 || first.Name != "rules.yaml" {
		t.Errorf("%+v", first)
	}
}

func TestAmountsFitTheCurrency(t *testing.T) {
	for _, test := range []struct {
		currency, threshold string
		right               bool
	}{
		{"JPY", "400", true}, {"JPY", "400.00", true}, {"JPY", "400.5", false},
		{"BHD", "400.125", true}, {"BHD", "400.1255", false},
		{"HUF", "400.25", true}, {"IDR", "0.01", true}, {"CLF", "0.0001", true}, {"CLF", "0.00001", false},
	} {
		text := strings.NewReplacer("currency: CNY", "currency: "+test.currency, `"400.00"`, `"`+test.threshold+`"`).Replace(right)
		_, err := rules.Parse("r", []byte(text))
		if (err == nil) != test.right {
			t.Errorf("%s %s: %v", test.currency, test.threshold, err)
		}
	}
}
