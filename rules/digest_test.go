package rules_test

import (
	"strings"
	"testing"
)

// reordered says what right says: other order of keys and merchants, comments, quotes,
// standard values spelled out, JSON's notation in places.
const reordered = `# the same
merchants:
  - {may_redeem_from: [HUB, B, A], category: "fuel", id: 'B', name: Birch, delivers: daily, control: optional, required: false}
  - id: "A"
    name: >-
      Alder
    may_issue_for: [A, "HUB"]
    joined: "2026-01-01"   # quoted
    delivers: [sun, mon, tue, wed, thu, fri, sat]
    category: cafe
netting:
  mode: multilateral
  holds: [{"merchant": "B", "reason": "dispute", "from": "2026-07-01", "to": "2026-07-31"}]
  holdback: {release_after: 2, rate: "0.050"}
  payout_threshold: "400"
fees:
  - {payer: redeemer, id: clearing, max: "20", tax_rate: "0.06", rate: "0.0150", min: "1", per_transaction: "0.00"}
prices:
  - id: fuel
    to: 2026-06-15
    from: "2026-01-01"
    when: |
      redeemer.category  // its trade
        =="fuel"
    price: "0.95000000"
    per_points: 100
  - {id: base, price: "1", per_points: 100}
ledger: {attribution: fifo, lots: tracked, unfunded: suspense, reversal_days: 180, expiry: {end_of_month: true, months: 24}}
intake: {accept_late_days: 35, accept_early_days: 2, duplicate_days: 7, wait_days: 7, missing: {max_share: "1.0"}, max_rejected: {rows: 10, share: "0.05"}}
rounding: half_up
alliance: {cycle: daily, day_starts_at: "04:00", time_zone: Asia/Shanghai, currency: CNY, name: Harbour, id: HUB}
`

func TestDigestIsOfTheMeaning(t *testing.T) {
	want := mustParse(t, right).Digest
	if len(want) != 64 {
		t.Errorf("digest %q", want)
	}
	if got := mustParse(t, reordered).Digest; got != want {
		t.Errorf("the same in another spelling has digest %s, not %s", got, want)
	}
}

func TestDigestSeesEveryChange(t *testing.T) {
	seen := map[string]string{mustParse(t, right).Digest: "nothing"}
	for _, change := range [][2]string{
		{`price: "0.95"`, `price: "0.96"`}, {`price: "1.00"`, `price: "1.01"`}, {"per_points: 100}\n  - {id: base", "per_points: 101}\n  - {id: base"},
		{"id: base", "id: basis"}, {"from: 2026-01-01, to", "from: 2026-01-02, to"}, {`to: "2026-06-15"`, `to: "2026-06-16"`},
		{`== "fuel"`, `== "f uel"`}, {`== "fuel"`, `!= "fuel"`},
		{"id: HUB", "id: HUB"}, {"name: Harbour", "name: Harbor"}, {"currency: CNY", "currency: USD"}, {"Asia/Shanghai", "Asia/Tokyo"},
		{`"04:00"`, `"05:00"`}, {"cycle: daily", "cycle: weekly"}, {"half_up", "half_even"}, {"accept_late_days: 35", "accept_late_days: 34"},
		{"accept_late_days: 35", "accept_early_days: 3"}, {"accept_late_days: 35", "duplicate_days: 8"}, {"accept_late_days: 35", "wait_days: 8"},
		{`max_share: "1"`, `max_share: "0.5"`}, {`share: "0.05", rows`, `share: "0.06", rows`}, {"rows: 10", "rows: 11"},
		{"attribution: fifo", "attribution: own_first"}, {"attribution: fifo", "attribution: stated"}, {"lots: tracked", "unfunded: alliance"},
		{"lots: tracked", "reversal_days: 10"}, {"months: 24", "months: 25"}, {"end_of_month: true", "end_of_month: false"},
		{"  expiry: {months: 24, end_of_month: true}\n", ""}, {"payer: redeemer", "payer: issuer"}, {`rate: "0.015"`, `rate: "0.016"`},
		{`min: "1.00"`, `min: "1.01"`}, {`max: "20.00"`, `max: "20.01"`}, {`max: "20.00", `, ""}, {`tax_rate: "0.06"`, `tax_rate: "0.07"`},
		{"payer: redeemer", "payer: redeemer, from: 2026-01-01"}, {"payer: redeemer", "payer: redeemer, to: 2026-01-01"},
		{"payer: redeemer", `payer: redeemer, when: 'issuer.id == "A"'`}, {"payer: redeemer", `payer: redeemer, per_transaction: "0.01"`},
		{"netting:", "netting:\n  mode: bilateral"}, {`"400.00"`, `"400.01"`}, {`holdback: {rate: "0.05"`, `holdback: {rate: "0.06"`}, {"release_after: 2", "release_after: 3"},
		{"reason: dispute", "reason: other"}, {"to: 2026-07-31", "to: 2026-07-30"}, {"from: 2026-07-01", "from: 2026-07-02"}, {"merchant: B", "merchant: A"},
		{"name: Alder", "name: Elder"}, {"category: cafe", "category: bar"}, {"joined: 2026-01-01", "joined: 2026-01-02"},
		{"joined: 2026-01-01", "joined: 2026-01-01, left: 2027-01-01"}, {"joined: 2026-01-01", "joined: 2026-01-01, required: true"},
		{"joined: 2026-01-01", "joined: 2026-01-01, control: required"}, {"joined: 2026-01-01", "joined: 2026-01-01, delivers: on_activity"},
		{"may_issue_for: [HUB]", "may_issue_for: [HUB, B]"}, {"may_redeem_from: [A, HUB]", "may_redeem_from: [A]"},
		{", may_redeem_from: [A, HUB]", ""}, {"may_redeem_from: [A, HUB]", "may_redeem_from: []"},
	} {
		if change[0] == change[1] {
			continue
		}
		text := strings.Replace(right, change[0], change[1], 1)
		if text == right {
			t.Errorf("%q is not in the rulebook", change[0])
			continue
		}
		got := mustParse(t, text).Digest
		if other, taken := seen[got]; taken {
			t.Errorf("%q has the digest of %q", change[1], other)
		}
		seen[got] = change[1]
	}
}

func TestJSONSaysTheSame(t *testing.T) {
	const text = `{"alliance":{"id":"HUB","name":"Harbour","currency":"CNY","time_zone":"Asia\/Shanghai","day_starts_at":"04:00","cycle":"daily"},
	"rounding":"half_up","intake":{"accept_late_days":35},"ledger":{"expiry":{"months":24,"end_of_month":true}},
	"prices":[{"id":"fuel","from":"2026-01-01","to":"2026-06-15","when":"redeemer.category == \"fuel\"","price":"0.95","per_points":100},
	{"id":"base","price":"1.00","per_points":100}],
	"fees":[{"id":"clearing","payer":"redeemer","rate":"0.015","min":"1.00","max":"20.00","tax_rate":"0.06"}],
	"netting":{"payout_threshold":"400.00","holdback":{"rate":"0.05","release_after":2},
	"holds":[{"merchant":"B","from":"2026-07-01","to":"2026-07-31","reason":"dispute"}]},
	"merchants":[{"id":"A","name":"Alder","category":"cafe","joined":"2026-01-01","may_issue_for":["HUB"]},
	{"id":"B","name":"\u0042irch","category":"fuel","may_redeem_from":["A","HUB"]}]}`
	if mustParse(t, text).Digest != mustParse(t, right).Digest {
		t.Error("another digest")
	}
}
