package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alliance/settlement/batch"
)

const openingHeader = "member_id,issuer_id,lot_id,issued_at,expires_on,points\n"

func (w *world) lots(content string) string {
	w.write("lots.csv", content)
	return filepath.Join(w.root, "lots.csv")
}

func TestOpenPutsLotsOnRecordAndTheFirstDateStartsFromThem(t *testing.T) {
	w := newWorld(t)
	// Columns in another order, with a byte order mark and CRLF. l2 expires by the rulebook, a
	// month after 20 December; l3 is good for the first date only.
	lots := w.lots("\uFEFFlot_id,member_id,issuer_id,issued_at,points,expires_on\r\n" +
		"l1,m1,A,2025-12-15T10:00:00Z,100,2026-12-31\r\n" +
		"l2,m1,C,2025-12-20T10:00:00+01:00,50,\r\n" +
		"l3,m2,HUB,2025-12-20T10:00:00Z,70,2026-01-05\r\n")
	var report batch.OpeningReport
	w.json(&report, "open", "--lots", lots, "--operator", "olga")
	if report.Lots != 3 || report.Members != 2 || len(report.Points) != 3 || report.Points[0] != (batch.OpeningPoints{Issuer: "A", Lots: 1, Points: 100}) || report.Head.Sequence != 1 {
		t.Fatalf("%+v", report)
	}
	contains(t, w.run(exitDone, "status"), "settled: 0 dates", "opening lots: record 1")

	// fifo: 100 of l1, then 20 of l2. 120 of the 220 points are redeemed, 70 expire.
	w.deliver("B", "2026-01-05", "b.csv", "b1,m1,redeem,120,2026-01-05T10:00:00Z,,,,", "b2,m1,redeem_reversal,20,2026-01-05T10:00:00Z,,b1,,")
	w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue_reversal,5,2026-01-05T12:00:00Z,,l1,,")
	w.settleTo("2026-01-05")
	text := w.run(exitDone, "show", "--alliance", "--date", "2026-01-05")
	//                                     opening issued issue_reversed own elsewhere restored expired closing
	contains(t, text, "points:", "A ", "100      0       0               0             100                 0         0        0",
		"C ", "50       0       0               0             20                  20        0        50",
		"HUB ", "70       0       0               0             0                   0         70       0")
	contains(t, text, "a1", "unknown_original", "deferred") // no reversal finds an opening lot
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1"),
		"l1 of A, 2025-12-15 (opening lot)", "l2 of C, 2025-12-20 (opening lot)", "2026-01-20", "from lots.csv, row 1\n")

	contains(t, w.run(exitRefused, "open", "--lots", lots), "lots are opened before the first date, but 2026-01-05 is settled already")
}

func TestOpenOnlyOnce(t *testing.T) {
	w := newWorld(t)
	lots := w.lots(openingHeader + "m1,A,l1,2025-12-15T10:00:00Z,,100\n")
	t.Setenv("SETTLE_LOTS", lots)
	contains(t, w.run(exitDone, "open"), "opened 1 lot of 1 member", "A  100 points in 1 lot", "log: record 1, SHA-256 ")
	contains(t, w.run(exitRefused, "open"), "lots were opened already, by record 1 of the log")
	// What is fixed with the opening binds the first run.
	w.deliver("B", "2026-01-05", "b.csv")
	w.write("rules.yaml", strings.Replace(rulebook, "time_zone: UTC", "time_zone: Asia/Tokyo", 1))
	contains(t, w.run(exitUsage, "run", "--date", "2026-01-05"), "alliance.time_zone is", "but the ledger was opened with")
}

func TestOpenRefusesAnUntrackedLedger(t *testing.T) {
	w := newWorld(t)
	w.write("rules.yaml", strings.Replace(rulebook, "ledger: {attribution: fifo, expiry: {months: 1}, reversal_days: 30}", "ledger: {lots: untracked, attribution: stated}", 1))
	contains(t, w.run(exitRefused, "open", "--lots", w.lots(openingHeader)), "lots: untracked", "keeps no lots")
}

func TestOpenNamesEveryFault(t *testing.T) {
	const good = "m1,A,l1,2025-12-15T10:00:00Z,,100\n"
	for name, one := range map[string]struct {
		content string
		parts   []string
	}{
		"no header":       {"", []string{"lots.csv, header: is missing: the file is empty"}},
		"no row":          {openingHeader, []string{"lots.csv, header: is followed by no row"}},
		"unknown column":  {strings.Replace(openingHeader, "points", "point", 1) + good, []string{`header: column "point" is not known`, `column "points" is missing`}},
		"column twice":    {strings.Replace(openingHeader, "points", "lot_id", 1) + good, []string{`column "lot_id" is there twice`, `column "points" is missing`}},
		"fields":          {openingHeader + good + "m1,A\n", []string{"row 2 (line 3): has 2 fields, but the header has 6"}},
		"quotes":          {openingHeader + good + "m1,A,\"l2,x\n", []string{"row 2 (line 3): is no CSV"}},
		"empty value":     {openingHeader + "m1,A,,2025-12-15T10:00:00Z,,100\n", []string{"row 1 (line 2): lot_id has no value"}},
		"member":          {openingHeader + "m\u00011,A,l1,2025-12-15T10:00:00Z,,100\n", []string{"row 1 (line 2): member_id must be 1 to 128 bytes"}},
		"issuer":          {openingHeader + "m1,X,l1,2025-12-15T10:00:00Z,,100\n", []string{`issuer_id "X" is neither a merchant of the rulebook nor the alliance`}},
		"instant":         {openingHeader + "m1,A,l1,2025-12-15,,100\n", []string{`issued_at "2025-12-15" must be an instant such as`}},
		"expiry":          {openingHeader + "m1,A,l1,2025-12-15T10:00:00Z,31.12.2026,100\n", []string{`expires_on "31.12.2026" must be a date`}},
		"expired at once": {openingHeader + "m1,A,l1,2025-12-15T10:00:00Z,2025-12-14,100\n", []string{`expires_on "2025-12-14" lies before 2025-12-15`}},
		"points":          {openingHeader + "m1,A,l1,2025-12-15T10:00:00Z,,1.5\n", []string{`points "1.5" must be a whole number from 1`}},
		"too many points": {openingHeader + "m1,A,l1,2025-12-15T10:00:00Z,,1000000000001\n", []string{`points "1000000000001" must be`}},
		"lot twice":       {openingHeader + good + "m2,A,l1,2025-12-15T20:00:00Z,,7\n", []string{`row 2 (line 3): lot_id "l1" is the lot of row 1 already`}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := w.run(exitRefused, "open", "--lots", w.lots(one.content))
			contains(t, text, append([]string{"lots.csv is not put on record; correct it and run again"}, one.parts...)...)
			if strings.Contains(text, "m\u00011") {
				t.Error("the member is shown")
			}
			if _, err := os.Stat(filepath.Join(w.root, "ledger")); err == nil {
				t.Error("something was written")
			}
		})
	}
}

func TestOpenCountsFaultsBeyondTwenty(t *testing.T) {
	w := newWorld(t)
	var rows strings.Builder
	for i := range 25 {
		fmt.Fprintf(&rows, "m1,A,l%d,never,,1\n", i)
	}
	contains(t, w.run(exitRefused, "open", "--lots", w.lots(openingHeader+rows.String())), "row 20 (line 21)", "and 5 more faults")
}

func TestOpenAddsPointsUp(t *testing.T) {
	w := newWorld(t)
	var rows strings.Builder
	rows.WriteString(openingHeader)
	for i := range 1000 {
		fmt.Fprintf(&rows, "m%d,A,l%d,2025-12-15T10:00:00Z,,1000000000000\n", i, i)
	}
	var report batch.OpeningReport
	w.json(&report, "open", "--lots", w.lots(rows.String()))
	if report.Points[0].Points != 1_000_000_000_000_000 {
		t.Errorf("%+v", report)
	}
}

func TestOpenSaysHowItGetsOn(t *testing.T) {
	w := newWorld(t)
	lots := w.lots(openingHeader + "m1,A,l1,2025-12-15T10:00:00Z,,100\n")
	text := w.run(exitDone, "open", "--lots", lots, "--log-format", "json", "--memory", "2GiB", "--spill-directory", w.root)
	contains(t, text, "opened 1 lot of 1 member", `"stage":"read","done":34,`, `"stage":"deduplicate"`, `"stage":"state","done":1,`, `"stage":"commit"`)
	if strings.Contains(text, `"date"`) {
		t.Errorf("there is a date in:\n%s", text)
	}
}

func TestOpenChecksItsFlags(t *testing.T) {
	w := newWorld(t)
	lots := w.lots(openingHeader)
	for flag, one := range map[string][2]string{
		"--memory":          {"10MiB", "10 MiB of memory, by --memory or GOMEMLIMIT, are less than the 64 MiB"},
		"--spill-directory": {filepath.Join(w.root, "none"), "is no directory"},
		"--log-format":      {"xml", "--log-format is text or json"},
	} {
		contains(t, w.run(exitUsage, "open", "--lots", lots, flag, one[0]), one[1])
	}
}

func TestOpenNeedsAFile(t *testing.T) {
	w := newWorld(t)
	contains(t, w.run(exitUsage, "open"), "--lots is needed (or SETTLE_LOTS in the environment)")
	contains(t, w.run(exitUsage, "open", "--lots", filepath.Join(w.root, "none.csv")), "--lots: open ", "none.csv")
}
