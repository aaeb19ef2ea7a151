package rules_test

import (
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

// least is a rulebook of required keys only.
const least = `alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin}
prices: [{id: base, price: "1", per_points: 150}]
merchants: [{id: A}]
`

func TestStandardValues(t *testing.T) {
	book := mustParse(t, least)
	spelled := mustParse(t, `
alliance: {id: HUB, name: HUB, currency: EUR, time_zone: Europe/Berlin, day_starts_at: 00:00, cycle: daily}
rounding: half_up
intake: {accept_late_days: 35, accept_early_days: 2, duplicate_days: 7, wait_days: 7, missing: {max_share: "1"}, max_rejected: {share: "0.05", rows: 10}}
ledger: {lots: tracked, attribution: fifo, unfunded: suspense, reversal_days: 180}
prices: [{id: base, price: "1", per_points: 150}]
fees: []
netting: {mode: multilateral, payout_threshold: "0", holdback: {rate: "0", release_after: 1}, holds: []}
merchants: [{id: A, name: A, delivers: daily, required: false, control: optional, may_issue_for: []}]
`)
	if book.Digest != spelled.Digest {
		t.Error("standard values change the digest")
	}
	merchant := book.Merchant(book.Parties.Find("A"))
	if !merchant.ActiveOn(date("1970-01-01")) || !merchant.ExpectedOn(date("2200-12-31")) || !merchant.MayRedeemFrom(book.Alliance) || merchant.MayIssueFor(book.Alliance) {
		t.Errorf("%+v", merchant)
	}
	if book.Ledger.ExpiresOn(date("2026-01-01")) != settlement.Never {
		t.Error("points expire")
	}
	if book.Money != (settlement.Money{Currency: "EUR", MinorDigits: 2, Rounding: settlement.HalfUp}) {
		t.Errorf("%+v", book.Money)
	}
}

func TestUntracked(t *testing.T) {
	book := mustParse(t, least+"ledger: {lots: untracked, attribution: stated}\n")
	if book.Ledger.Tracked || book.Ledger.Attribution != rules.Stated || book.Fixed().Lots != "untracked" {
		t.Errorf("%+v", book.Ledger)
	}
}

func TestRedeemsFromNobodyElse(t *testing.T) {
	book := mustParse(t, strings.Replace(right, "may_redeem_from: [A, HUB]", "may_redeem_from: []", 1))
	b := book.Merchant(book.Parties.Find("B"))
	if b.MayRedeemFrom(book.Alliance) || !b.MayRedeemFrom(b.Party) {
		t.Errorf("%+v", b)
	}
}

func TestFixedDiff(t *testing.T) {
	before := mustParse(t, right).Fixed()
	if list := before.Diff(mustParse(t, reordered).Fixed()); len(list) != 0 {
		t.Errorf("%v", list)
	}
	after := mustParse(t, strings.NewReplacer("CNY", "USD", "half_up", "half_even", "daily", "weekly", "04:00", "05:00", "Shanghai", "Tokyo").Replace(right)).Fixed()
	list := before.Diff(after)
	if len(list) != 5 || list[0] != `alliance.currency is "USD", but the ledger was opened with "CNY"` {
		t.Errorf("%q", list)
	}
}

func TestZonesAreCompiledIn(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Shanghai", "America/Argentina/Buenos_Aires", "Etc/GMT+8"} {
		mustParse(t, strings.Replace(least, "Europe/Berlin", zone, 1))
	}
	// 2026-03-29 01:00 UTC: Berlin goes from 02:00 to 03:00.
	calendar := mustParse(t, strings.Replace(least, "Berlin", `Berlin, day_starts_at: "02:30"`, 1)).Calendar
	before := settlement.Instant(1774746000-1) * 1e6
	if calendar.BusinessDate(before) != date("2026-03-28") || calendar.BusinessDate(before+1e6) != date("2026-03-29") {
		t.Errorf("%s %s", calendar.BusinessDate(before), calendar.BusinessDate(before+1e6))
	}
}

func TestMerchantsAreInOrder(t *testing.T) {
	book := mustParse(t, strings.Replace(least, "[{id: A}]", "[{id: b}, {id: Z}, {id: A}, {id: '10'}, {id: a-1, delivers: [sun]}]", 1))
	var ids []string
	for i, merchant := range book.Merchants {
		ids = append(ids, merchant.ID)
		if book.Merchant(merchant.Party) != &book.Merchants[i] || book.Parties.ID(merchant.Party) != merchant.ID {
			t.Errorf("party of %s", merchant.ID)
		}
	}
	if got := strings.Join(ids, " "); got != "10 A Z a-1 b" {
		t.Error(got)
	}
	if one := book.Merchants[3]; !one.ExpectedOn(date("2026-11-22")) || one.ExpectedOn(date("2026-11-23")) {
		t.Error("2026-11-22 is a Sunday")
	}
}

func TestExpiresOn(t *testing.T) {
	for _, test := range []struct{ expiry, business, want string }{
		{"{months: 24, end_of_month: true}", "2024-02-29", "2026-02-28"},
		{"{months: 1}", "2026-01-31", "2026-02-28"},
		{"{months: 12}", "2024-02-29", "2025-02-28"},
		{"{months: 0, end_of_month: true}", "2026-02-01", "2026-02-28"},
		{"{months: 0}", "2026-02-01", "2026-02-01"},
	} {
		book := mustParse(t, least+"ledger: {expiry: "+test.expiry+"}\n")
		if got := book.Ledger.ExpiresOn(date(test.business)); got != date(test.want) {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
