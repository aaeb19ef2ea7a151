package batch_test

import (
	"strings"
	"testing"
)

// runNights settles one night after the other, each with the files of one merchant's rows.
func runNights(c *config, first string, nights ...[]*file) []*nightResult {
	h := &history{config: c, first: mustDay(first)}
	for _, files := range nights {
		h.nights = append(h.nights, night{files: files})
	}
	return modelResults(h)
}

// A claim waits, finds points that arrive late, and what is left is given up in the end.
func TestModelTriesClaimsAgain(t *testing.T) {
	for _, unfunded := range []string{"suspense", "alliance"} {
		c := plainConfig()
		c.unfunded = unfunded
		results := runNights(c, "2026-06-10",
			[]*file{aFile("B", "2026-06-10", "f", aRow("redeem", "r", "m", 100, "2026-06-10"))},
			[]*file{aFile("A", "2026-06-10", "f", aRow("issue", "i", "m", 30, "2026-06-09"))},
			nil,
			[]*file{aFile("B", "2026-06-13", "f", aRow("redeem_reversal", "x", "m", 80, "2026-06-13", "original_transaction_id", "r"))})
		expectTable(t, results[0], "exceptions", "B|merchant=B/date=2026-06-10/f.jsonl|1|r|uncovered|deferred||100")
		expectTable(t, results[1], "detail", "A|B|redemption|2026-06-10|base|1|100|2026-06-10T04:00:00.000000Z|r|0|A|2026-06-09|i|30|0.30")
		expectTable(t, results[2], "exceptions", "B|merchant=B/date=2026-06-10/f.jsonl|1|r|unfunded|rejected||70")
		if unfunded == "suspense" {
			expectTable(t, results[2], "lines")
			expectTable(t, results[3], "lines", "A|B|redemption_reversal|2026-06-13|false|base|1|100|0|-10|-0.10")
		} else {
			expectTable(t, results[2], "lines", "HUB|B|redemption|2026-06-10|true|base|1|100|1|70|0.70")
			expectTable(t, results[3], "detail",
				"A|B|redemption_reversal|2026-06-13|base|1|100|2026-06-13T04:00:00.000000Z|x|1|A|2026-06-09|i|-10|-0.10",
				"HUB|B|redemption_reversal|2026-06-13|base|1|100|2026-06-13T04:00:00.000000Z|x|0||||-70|-0.70")
		}
		expectTable(t, results[3], "points", "A|0|0|0|0|0|10|0|10")
	}
}

// Expired points are claimed by a row that arrives late, but not by one of a later business date.
func TestModelLetsLateRowsClaimExpiredPoints(t *testing.T) {
	c := plainConfig()
	c.lateDays, c.waitDays = 2, 0
	results := runNights(c, "2026-06-10",
		[]*file{aFile("A", "2026-06-10", "f", aRow("issue", "i", "m", 50, "2026-06-10", "expires_on", "2026-06-10"))},
		[]*file{aFile("B", "2026-06-11", "f", aRow("redeem", "late", "m", 20, "2026-06-10"), aRow("redeem", "after", "m", 5, "2026-06-11"))},
		nil,
		[]*file{aFile("B", "2026-06-13", "f", aRow("redeem", "x", "m", 5, "2026-06-11"))})
	expectTable(t, results[0], "points", "A|0|50|0|0|0|0|50|0")
	expectTable(t, results[1], "points", "A|0|0|0|0|20|0|-20|0")
	expectTable(t, results[1], "exceptions", "B|merchant=B/date=2026-06-11/f.jsonl|2|after|unfunded|rejected||5")
	expectTable(t, results[3], "exceptions", "B|merchant=B/date=2026-06-13/f.jsonl|1|x|unfunded|rejected||5")
}

// What an issue reversal asks for in vain is taken when it returns.
func TestModelClawsBack(t *testing.T) {
	c := plainConfig()
	reverse := func(kind, id string, points int64, date, of string) rawRow {
		return aRow(kind, id, "m", points, date, "original_transaction_id", of)
	}
	results := runNights(c, "2026-06-10",
		[]*file{aFile("A", "2026-06-10", "f", aRow("issue", "i", "m", 100, "2026-06-10"), aRow("redeem", "own", "m", 10, "2026-06-10")),
			aFile("B", "2026-06-10", "f", aRow("redeem", "r", "m", 60, "2026-06-10"))},
		[]*file{aFile("A", "2026-06-11", "f", reverse("issue_reversal", "v", 70, "2026-06-11", "i"))},
		[]*file{aFile("B", "2026-06-12", "f", reverse("redeem_reversal", "w", 50, "2026-06-12", "r"))},
		[]*file{aFile("A", "2026-06-13", "f", reverse("issue_reversal", "v2", 31, "2026-06-13", "i"), reverse("issue_reversal", "v3", 10, "2026-06-13", "own"))})
	expectTable(t, results[1], "exceptions", "A|merchant=A/date=2026-06-11/f.jsonl|1|v|clawback_shortfall|noticed||40")
	expectTable(t, results[1], "points", "A|30|0|30|0|0|0|0|0")
	expectTable(t, results[2], "points", "A|0|0|40|0|0|50|0|10")
	expectTable(t, results[3], "exceptions",
		"A|merchant=A/date=2026-06-13/f.jsonl|1|v2|reversal_exceeds_original|rejected||",
		"A|merchant=A/date=2026-06-13/f.jsonl|2|v3|original_mismatch|rejected||")
	expectTable(t, results[0], "own", "A|redemption|2026-06-10|2026-06-10T04:00:00.000000Z|own|0|A|2026-06-10|i|10")
}

// A reversal waits for its original; without one it is rejected once, on its last night.
func TestModelDefersReversals(t *testing.T) {
	c := plainConfig()
	results := runNights(c, "2026-06-10",
		[]*file{aFile("A", "2026-06-10", "f",
			aRow("issue_reversal", "found", "m", 5, "2026-06-10", "original_transaction_id", "i"),
			aRow("issue_reversal", "lost", "m", 5, "2026-06-10", "original_transaction_id", "nothing"))},
		[]*file{aFile("A", "2026-06-11", "f", aRow("issue", "i", "m", 9, "2026-06-09"))}, nil,
		[]*file{aFile("A", "2026-06-13", "f", aRow("issue", "lost", "m", 5, "2026-06-13"))})
	expectTable(t, results[0], "summary",
		"A|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0|0|2|0|false",
		"B|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0|0|0|0|false",
		"C|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0.00|0|0|0|0|false")
	expectTable(t, results[1], "points", "A|0|9|5|0|0|0|0|4")
	expectTable(t, results[2], "exceptions", "A|merchant=A/date=2026-06-10/f.jsonl|2|lost|unknown_original|rejected||")
	expectTable(t, results[3], "exceptions")
}

// Rows of tomorrow wait for tomorrow, and hold their id meanwhile.
func TestModelDefersTheFuture(t *testing.T) {
	c := plainConfig()
	c.duplicateDays = 0
	again := aRow("issue", "i", "m", 7, "2026-06-11")
	results := runNights(c, "2026-06-10",
		[]*file{aFile("A", "2026-06-10", "f", again, again, aRow("issue", "j", "m", 7, "2026-06-13"))},
		[]*file{aFile("A", "2026-06-11", "f", again, aRow("issue", "i", "m", 8, "2026-06-11"))})
	expectTable(t, results[0], "exceptions",
		"A|merchant=A/date=2026-06-10/f.jsonl|1|i|future|deferred||",
		"A|merchant=A/date=2026-06-10/f.jsonl|2|i|duplicate|rejected||",
		"A|merchant=A/date=2026-06-10/f.jsonl|3|j|future|rejected||")
	expectTable(t, results[1], "exceptions",
		"A|merchant=A/date=2026-06-11/f.jsonl|1|i|duplicate|rejected||",
		"A|merchant=A/date=2026-06-11/f.jsonl|2|i|conflict|rejected||")
	expectTable(t, results[1], "points", "A|0|7|0|0|0|0|0|7")
}

// Files keep one state; the last night of a held one is told.
func TestModelJudgesFiles(t *testing.T) {
	c := plainConfig()
	c.lateDays = 1
	first := aFile("A", "2026-06-10", "f", aRow("issue", "i", "m", 7, "2026-06-10"))
	changed := aFile("A", "2026-06-10", "f", aRow("issue", "k", "m", 7, "2026-06-10"))
	copied := aFile("A", "2026-06-11", "g", aRow("issue", "i", "m", 7, "2026-06-10"))
	results := runNights(c, "2026-06-10",
		[]*file{first, {folder: "A", date: "date=2026-06-10", name: "x.txt"}, {folder: "Z", date: "date=2026-06-10", name: "f.csv"}, {folder: "B", date: "date=2026-06-31", name: "f.csv"}},
		[]*file{changed, copied}, nil)
	expectTable(t, results[0], "exceptions",
		"A|merchant=A/date=2026-06-10/x.txt|||unknown_format|held||",
		"B|merchant=B/date=2026-06-31/|||unknown_folder|noticed||",
		"|merchant=Z/|||unknown_merchant|noticed||")
	expectTable(t, results[1], "inputs",
		"A|merchant=A/date=2026-06-10/f.jsonl|held|replaced_file|0|0|0|0|0|0",
		"A|merchant=A/date=2026-06-10/x.txt|held|unknown_format|0|0|0|0|0|0",
		"A|merchant=A/date=2026-06-11/g.jsonl|duplicate|duplicate_file|0|0|0|0|0|0",
		"B||missing||0|0|0|0|0|0", "C||missing||0|0|0|0|0|0")
	if n := strings.Count(strings.Join(results[1].tables["exceptions"], "\n"), "hold_expired"); n != 2 {
		t.Errorf("%d holds expired, not 2", n)
	}
	expectTable(t, results[2], "inputs", "A||missing||0|0|0|0|0|0", "B||missing||0|0|0|0|0|0", "C||missing||0|0|0|0|0|0")
}
