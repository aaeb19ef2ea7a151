package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestShowPrintsAStatement(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	contains(t, w.run(exitDone, "show", "--merchant", "B", "--date", "2026-01-05"),
		"Statement ST-B-20260105-1", "redeemer", "A", "225", "1.50", "redeemer", "C", "30", "0.20", "Receivable", "1.70")
	t.Setenv("SETTLE_MERCHANT", "C")
	t.Setenv("SETTLE_DATE", "2026-01-05")
	contains(t, w.run(exitDone, "show"), "Statement ST-C-20260105-1", "issuer", "B", "30", "-0.20")
	var shown struct {
		Summary   map[string]any
		Statement []map[string]any
	}
	if err := json.Unmarshal([]byte(w.run(exitDone, "show", "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Summary["merchant_id"] != "C" || len(shown.Statement) != 1 || shown.Statement[0]["value"] != "-0.2000" {
		t.Errorf("%+v", shown)
	}
}

func TestShowPrintsTheAlliancesTables(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	contains(t, w.run(exitDone, "show", "--alliance", "--date", "2026-01-05"),
		"Alliance's tables of 2026-01-05, version 1", "lines: 2 rows", "A", "B", "1.5000", "C", "B", "0.2000", "positions: 4 rows", "payments: 3 rows", "exceptions: 3 rows")
	var shown struct {
		Date  string
		Lines []map[string]string
		Fees  []map[string]string
	}
	if err := json.Unmarshal([]byte(w.run(exitDone, "show", "--alliance", "--date", "2026-01-05", "--json")), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Date != "2026-01-05" || len(shown.Lines) != 2 || shown.Lines[0]["points"] != "225" || shown.Fees == nil || len(shown.Fees) != 0 {
		t.Errorf("%+v", shown)
	}
}

func TestShowRefusesWhatIsNotThereOrTorn(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	for _, one := range []struct {
		arguments []string
		message   string
	}{
		{[]string{"--merchant", "B"}, "--date is needed"},
		{[]string{"--date", "2026-01-05"}, "--merchant is needed"},
		{[]string{"--date", "5.1.2026", "--merchant", "B"}, `--date: "5.1.2026"`},
		{[]string{"--date", "2026-01-05", "--merchant", "../A"}, "is no merchant id"},
		{[]string{"--date", "2026-01-05", "--merchant", "B", "--alliance"}, "exclude each other"},
		{[]string{"--date", "2026-01-06", "--merchant", "B"}, "merchant=B/date=2026-01-06 is not published"},
		{[]string{"--date", "2026-01-06", "--alliance"}, "alliance/date=2026-01-06 is not published"},
	} {
		contains(t, w.run(exitUsage, append([]string{"show"}, one.arguments...)...), one.message)
	}
	folder := filepath.Join(w.root, "statements", "merchant=B", "date=2026-01-05")
	summary := filepath.Join(folder, "summary.parquet")
	content, err := os.ReadFile(summary)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, summary, append(content, 0))
	contains(t, w.run(exitFailed, "show", "--merchant", "B", "--date", "2026-01-05"), "summary.parquet has SHA-256 ", "_statement.json says ", "in the middle of a change or damaged", "settle repair mends it")
	replace(t, summary, content)
	if err := os.Remove(filepath.Join(folder, "detail.parquet")); err != nil {
		t.Fatal(err)
	}
	contains(t, w.run(exitFailed, "show", "--merchant", "B", "--date", "2026-01-05"), "_statement.json names detail.parquet, which is not there")
	// A run of the date that is settled does not look at what is published; what the message names does.
	w.run(exitDone, "run", "--date", "2026-01-05")
	w.run(exitFailed, "show", "--merchant", "B", "--date", "2026-01-05")
	w.ask(exitDone, "repair")
	w.run(exitDone, "show", "--merchant", "B", "--date", "2026-01-05")
}

func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
