package rules_test

import (
	"errors"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

// profiled is a rulebook with a named and an inline profile, without a fault.
const profiled = `alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin}
prices: [{id: base, price: "1.00", per_points: 100}]
profiles:
  till:
    columns: {transaction_id: Beleg, points: amount, merchant_id: Laden}
    ignore: [Notiz]
    delimiter: ";"
    encoding: windows-1252
    trim: true
    empty: ["NULL"]
    kinds: {S: issue, R: redeem}
    points: {decimal: ",", group: ".", scale: 10, sign: absolute}
    amount: {scale: 100}
    occurred_at: {date_column: Tag, time_column: Zeit, pattern: "DD.MM.YYYY hh:mm[:ss]"}
    dates: DD.MM.YYYY
    constants: {issuer_id: HUB, currency: EUR, reason: purchase, store_id: S1}
merchants:
  - {id: A, profile: till}
  - {id: B, profile: till}
  - id: C
    profile:
      header: false
      fields: [a, b, c, d, e]
      columns: {transaction_id: a, member_id: b, points: d, occurred_at: e, store_id: c}
      quote: false
      occurred_at: {epoch: seconds}
      constants: {kind: issue}
  - {id: D}
`

func TestProfilesAreUnderstood(t *testing.T) {
	book := mustParse(t, profiled)
	till, own := book.Merchants[0].Layout, book.Merchants[2].Layout
	if till == nil || till != book.Merchants[1].Layout || till == own || book.Merchants[3].Layout != nil || len(book.Profiles) != 1 {
		t.Fatal("who has which layout")
	}
	if till.OccurredAt.Zone != book.Calendar.Zone || till.OccurredAt.ZoneName != "Europe/Berlin" || till.TimeName != "Zeit" || till.Delimiter != ';' || till.Unquoted || till.Points.Scale != 10 || till.Points.Group != '.' {
		t.Errorf("%+v", till)
	}
	if own.Fields == nil || !own.Unquoted || own.OccurredAt.Zone != nil || own.Delimiter != ',' || own.Constants[settlement.KindColumn] != "issue" {
		t.Errorf("%+v", own)
	}
	var out strings.Builder
	if err := book.Describe(&out); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"Profile till, of A, B", "Profile of C", "31.03.2026 + 14:05:09", "2026-03-31T12:05:09Z", `windows-1252, delimiter ";", with a header`, "12.500"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("%q is not in\n%s", says, out.String())
		}
	}
}

func TestProfileErrorsNameTheLine(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, new string
		line     int
		says     string
	}{
		{"unknown profile", "{id: A, profile: till}", "{id: A, profile: tilt}", 18, `merchants, entry 1: profile: "tilt" is not an entry of profiles`},
		{"no profile", "{id: A, profile: till}", "{id: A, profile: 5}", 18, "the name of an entry of profiles or a table of keys is expected"},
		{"name twice", "merchants:", "  till: {}\nmerchants:", 17, `profiles: "till" is already on line 4`},
		{"no value", "merchants:", "  x:\nmerchants:", 17, `profiles: "x" has no value`},
		{"list", "profiles:\n  till:", "profiles:\n  till: []\n  tilt:", 4, "profiles, till is a list, a table of keys is expected"},
		{"unknown key", "trim: true", "trimmed: true", 9, `profiles, till: unknown key "trimmed"; known are columns, ignore, header`},
		{"unknown column", "merchant_id: Laden", "merchant: Laden", 5, `columns: unknown key "merchant"`},
		{"one name for two", "merchant_id: Laden", "merchant_id: Beleg", 5, `the column "Beleg" cannot be both transaction_id and merchant_id`},
		{"the name of another that is needed", "points: amount", "points: member_id", 5, `the column "member_id" cannot be both points and member_id`},
		{"time of day", "time_column: Zeit", "time_column: Laden", 14, `the column "Laden" cannot be both merchant_id and time_column`},
		{"ignored", "ignore: [Notiz]", "ignore: [Beleg]", 6, `ignore: the column "Beleg" is transaction_id`},
		{"named twice", "ignore: [Notiz]", "ignore: [Notiz, Notiz]", 6, `"Notiz" is named twice`},
		{"delimiter", `delimiter: ";"`, `delimiter: ":"`, 7, `":" is not one of ",", ";", "\t", "|"`},
		{"encoding", "encoding: windows-1252", "encoding: latin1", 8, `encoding: "latin1" is not one of utf-8, utf-16`},
		{"kind", "S: issue", "S: sale", 11, `kinds: "S": "sale" is not one of issue, redeem, redeem_reversal, issue_reversal`},
		{"kind twice", "R: redeem", "S: redeem", 11, `kinds: "S" is already on line 11`},
		{"no kinds", "{S: issue, R: redeem}", "{}", 11, "kinds: at least 1 entry is needed"},
		{"group and decimal", `group: "."`, `group: ","`, 12, `group and decimal are the same, ","`},
		{"scale", "scale: 10,", "scale: 0,", 12, "scale: 0 is not from 1 to 1000000"},
		{"sign", "sign: absolute", "sign: none", 12, `sign: "none" is not one of positive, absolute, negative_is_reversal, negative_is_redeem`},
		{"pattern", "DD.MM.YYYY hh:mm[:ss]", "dd.MM.yyyy HH:mm", 14, `pattern: "dd.MM.yyyy HH:mm": "d" is no part of a pattern; parts are YYYY or YY`},
		{"pattern without minutes", "hh:mm[:ss]", "hh", 14, "needs year, month, day, hour and minute, none of them optional"},
		{"date without time", "time_column: Zeit, ", "", 14, "date_column and time_column are needed together"},
		{"two patterns", "occurred_at: {date", "occurred_at: {epoch: seconds, date", 14, "either pattern or epoch is needed, and not both"},
		{"no pattern", `, pattern: "DD.MM.YYYY hh:mm[:ss]"`, "", 14, "either pattern or epoch is needed"},
		{"epoch with zone", "{epoch: seconds}", "{epoch: seconds, zone: UTC}", 26, "mean nothing where instants are counted"},
		{"offset with zone", "hh:mm[:ss]\"", "hh:mmZ\", zone: UTC", 14, "so no zone is needed"},
		{"zone", "hh:mm[:ss]\"", "hh:mm\", zone: Berlin", 14, `zone: "Berlin" is not a time zone`},
		{"date and column", "merchant_id: Laden", "occurred_at: Laden", 14, `columns names "Laden" for occurred_at`},
		{"dates", "dates: DD.MM.YYYY", "dates: DD.MM.YYYY hh:mm", 15, "needs year, month and day, none of them optional, and nothing else"},
		{"constant and column", "merchant_id: Laden", "store_id: Laden", 16, `store_id is both a constant and the column "Laden"`},
		{"issuer", "issuer_id: HUB", "issuer_id: HUP", 16, `issuer_id: "HUP" is neither a merchant of the register nor the alliance`},
		{"reason", "reason: purchase", "reason: Purchase", 16, `reason: "Purchase" is not a small letter`},
		{"currency", "currency: EUR, reason", "currency: EUX, reason", 16, `"EUX" is not a currency`},
		{"kinds of a constant", "constants: {kind: issue}", "constants: {kind: issue}\n      kinds: {S: issue}", 28, "kinds has no use: kind is a constant"},
		{"fields with a header", "header: false", "header: true", 23, "the files have a header; write header: false, or leave fields out"},
		{"no fields", "      fields: [a, b, c, d, e]\n", "", 22, "header: false needs fields"},
		{"fields without a column", "fields: [a, b, c, d, e]", "fields: [a, b, d, e]", 23, `fields: "c", the column of store_id, is not among them`},
		{"fields without a column that is needed", ", occurred_at: e", "", 23, `fields: "occurred_at", the column of occurred_at, is not among them`},
		{"ignore without use", "quote: false", "ignore: [b]", 25, "ignore has no use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(profiled, test.old, test.new, 1)
			if text == profiled {
				t.Fatalf("%q is not in the rulebook", test.old)
			}
			_, err := rules.Parse("rules.yaml", []byte(text))
			var all rules.Errors
			if !errors.As(err, &all) {
				t.Fatalf("no errors: %v", err)
			}
			for _, one := range all {
				if one.Line == test.line && strings.Contains(one.Message, test.says) {
					return
				}
			}
			t.Errorf("want line %d: %s, got\n%v", test.line, test.says, err)
		})
	}
}

func TestDigestSeesProfiles(t *testing.T) {
	seen := map[string]string{mustParse(t, profiled).Digest: "nothing"}
	for _, change := range [][2]string{
		{"{id: A, profile: till}", "{id: A}"}, {"Beleg", "Bon"}, {"[Notiz]", "[Notizen]"}, {`delimiter: ";"`, `delimiter: ","`}, {"windows-1252", "iso-8859-1"}, {"trim: true", "trim: false"}, {`["NULL"]`, `["null"]`},
		{"S: issue", "T: issue"}, {"R: redeem}", "R: redeem_reversal}"}, {`decimal: ",", group: ".", `, `decimal: ",", `}, {"scale: 10,", "scale: 100,"}, {"sign: absolute", "sign: negative_is_reversal"}, {"scale: 100}", "scale: 10}"},
		{"Tag", "Datum"}, {"Zeit", "Uhrzeit"}, {"hh:mm[:ss]", "hh:mm:ss"}, {"hh:mm[:ss]\"", "hh:mm[:ss]\", zone: UTC"}, {"dates: DD.MM.YYYY", "dates: YYYYMMDD"}, {"issuer_id: HUB, ", ""}, {"reason: purchase", "reason: tier"},
		{"quote: false", "quote: true"}, {"fields: [a, b, c, d, e]", "fields: [b, a, c, d, e]"}, {"epoch: seconds", "epoch: milliseconds"}, {"kind: issue}", "kind: redeem}"}, {"{id: D}", "{id: D, profile: {}}"},
	} {
		text := strings.Replace(profiled, change[0], change[1], 1)
		got := mustParse(t, text).Digest
		if other, taken := seen[got]; taken {
			t.Errorf("%q has the digest of %q", change[1], other)
		}
		seen[got] = change[1]
	}
	same := strings.ReplaceAll(profiled, "till", "counter")
	same = strings.Replace(same, "profiles:\n", "profiles:\n  nobody's: {trim: true}\n", 1)
	same = strings.Replace(same, "trim: true\n    empty", "empty", 1)
	same = strings.Replace(same, "kinds: {S: issue, R: redeem}", "kinds: {R: redeem, S: issue}\n    trim: true\n    header: true\n    quote: true", 1)
	if got := mustParse(t, same).Digest; got != mustParse(t, profiled).Digest {
		t.Error("the same in another spelling has another digest")
	}
}

func TestDigestWithoutProfilesIsAsBefore(t *testing.T) {
	text := strings.Replace(right, "fees:", "profiles: {x: {trim: true}}\nfees:", 1)
	if mustParse(t, text).Digest != mustParse(t, right).Digest {
		t.Error("a profile that nobody uses changes the digest")
	}
}
