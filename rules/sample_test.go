package rules_test

import (
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

func mustParse(t testing.TB, text string) *rules.Rulebook {
	t.Helper()
	book, err := rules.Parse("rules.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func date(text string) settlement.Date {
	parsed, err := settlement.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return parsed
}

func TestSampleIsUnderstood(t *testing.T) {
	book := mustParse(t, string(rules.Sample()))
	if book.Parties.Len() != 6 || len(book.Merchants) != 5 || book.Alliance != book.Parties.Find("HUB") {
		t.Fatalf("parties %v, alliance %v", book.Parties, book.Alliance)
	}
	alder := book.Merchant(book.Parties.Find("ALDER"))
	elm := book.Merchant(book.Parties.Find("ELM"))
	birch := book.Parties.Find("BIRCH")
	if !alder.MayIssueFor(book.Alliance) || elm.MayIssueFor(book.Alliance) {
		t.Error("who may issue for HUB")
	}
	if elm.MayRedeemFrom(birch) || !elm.MayRedeemFrom(elm.Party) || !alder.MayRedeemFrom(birch) {
		t.Error("who may redeem from whom")
	}
	if book.Merchant(book.Alliance) != nil {
		t.Error("the alliance is no merchant")
	}
	if !book.HeldOn(birch, date("2026-07-31")) || book.HeldOn(birch, date("2026-08-01")) {
		t.Error("holds")
	}
}

func TestSamplePrices(t *testing.T) {
	book := mustParse(t, string(rules.Sample()))
	pricer := book.NewPricer()
	for _, test := range []struct{ issuer, redeemer, date, reason, price string }{
		{"ALDER", "BIRCH", "2026-06-30", "", "fuel-spring"},
		{"ALDER", "BIRCH", "2026-07-01", "", "base"},
		{"ALDER", "BIRCH", "2025-12-31", "referral", "referral"},
		{"ALDER", "BIRCH", "2026-01-01", "referral", "fuel-spring"},
		{"ALDER", "CEDAR", "2026-06-30", "referral", "referral"},
		{"HUB", "CEDAR", "2026-06-30", "referral", "base"},
		{"ALDER", "HUB", "2026-06-30", "", "base"},
	} {
		for range 2 { // the second time from memory
			price := pricer.Price(book.Parties.Find(test.issuer), book.Parties.Find(test.redeemer), date(test.date), test.reason)
			if price.ID != test.price {
				t.Errorf("%+v: %s", test, price.ID)
			}
		}
	}
}
