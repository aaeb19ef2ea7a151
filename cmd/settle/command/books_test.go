package command

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// ask runs a subcommand that needs no rulebook on the world and returns everything that it printed.
func (w *world) ask(code int, arguments ...string) string {
	w.t.Helper()
	arguments = append(arguments, "--root", w.root)
	got, stdout, stderr := settle(arguments...)
	if got != code {
		w.t.Fatalf("settle %s: exit code %d, want %d\n%s%s", strings.Join(arguments, " "), got, code, stdout, stderr)
	}
	return stdout + stderr
}

// askJSON runs a subcommand with --json and reads what it printed.
func (w *world) askJSON(into any, arguments ...string) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.ask(exitDone, append(arguments, "--json")...)), into); err != nil {
		w.t.Fatal(err)
	}
}

// TestAnEmptyLedgerIsNotSound has commands that promise something meet a ledger in which nothing is: most
// likely its path is mistyped.
func TestAnEmptyLedgerIsNotSound(t *testing.T) {
	w := newWorld(t)
	contains(t, w.ask(exitRefused, "verify"), "nothing is on record", "nothing to verify")
	contains(t, w.ask(exitRefused, "verify", "--json"), "nothing is on record")
	contains(t, w.ask(exitRefused, "forget", "--member", "m1", "--reason", "request 7"), "nothing is on record", "nobody was forgotten")
	contains(t, w.ask(exitRefused, "repair"), "nothing is on record", "nothing to repair", "is it the right one?")
	if _, err := os.Stat(filepath.Join(w.root, "statements")); !os.IsNotExist(err) {
		t.Errorf("repair made statements of nothing: %v", err)
	}
	nowhere := filepath.Join(w.root, "nowhere")
	for _, command := range []string{"log", "verify", "gc", "repair"} {
		code, _, stderr := settle(command, "--root", nowhere)
		if code != exitUsage || strings.Contains(stderr, "cannot be created") {
			t.Errorf("%s on a root that is not there: exit code %d, %s", command, code, stderr)
		}
		contains(t, stderr, "does not exist", "correct the path")
	}
	w.firstNight()
	w.settleTo("2026-01-05")
	if err := os.Rename(filepath.Join(w.root, "ledger"), filepath.Join(w.root, "moved")); err != nil {
		t.Fatal(err)
	}
	contains(t, w.ask(exitFailed, "verify"), "the statements are not of this log", "published up to record 1, and the log ends at 0")
	if err := os.Mkdir(filepath.Join(w.root, "ledger"), 0o755); err != nil {
		t.Fatal(err)
	}
	contains(t, w.run(exitRefused, "run", "--date", "2026-01-05"), "the statements are not of this log", "Restore the whole log", "remove alliance/_projected.json")
	if found, err := os.ReadDir(filepath.Join(w.root, "ledger")); err != nil || len(found) > 0 {
		t.Errorf("the run wrote to the ledger: %v, %v", found, err)
	}
	contains(t, w.ask(exitUsage, "forget", "--member", "m1", "--reason", "\t "), "--reason")
}

// TestRepairGoesOn has a folder in the place of a published file: all else is mended, also what merchants are told.
func TestRepairGoesOn(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	obstacle := filepath.Join(w.root, "statements", "merchant=A", "date=2026-01-05", "summary.parquet")
	if err := errors.Join(os.Remove(obstacle), os.Mkdir(obstacle, 0o755)); err != nil {
		t.Fatal(err)
	}
	w.write("statements/merchant=C/date=2026-01-05/summary.parquet", "edited")
	w.write("inbox/ack/merchant=A/date=2026-01-05/ack.json", "edited")
	contains(t, w.ask(exitFailed, "repair"), "the acknowledgements are what is on record", "log: record 1",
		"settle: project the statements: not everything could be made what is on record, all else is; what could not be written (1):",
		"merchant=A/date=2026-01-05/summary.parquet", "remove it and run settle repair")
	contains(t, w.ask(exitFailed, "verify"), "merchant=A/date=2026-01-05/summary.parquet is missing", ": 1 fault\n")
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	contains(t, w.ask(exitDone, "repair"), "the statements are what is on record", "the acknowledgements are what is on record")
	contains(t, w.ask(exitDone, "verify"), ": sound")
}

func TestClose(t *testing.T) {
	w := newWorld(t)
	contains(t, w.ask(exitRefused, "close", "--through", "2026-01-05"), "no date is settled yet")
	w.firstNight()
	w.settleTo("2026-01-06")
	contains(t, w.ask(exitRefused, "close", "--through", "2026-01-07"), "the last settled date is 2026-01-06")
	contains(t, w.ask(exitRefused, "close", "--through", "2026-01-01"), "the first settled date is 2026-01-05")
	contains(t, w.ask(exitDone, "close", "--through", "2026-01-05", "--approved-by", "J. Doe", "--reason", "as agreed", "--operator", "olga"),
		"closed through 2026-01-05: 1 date final", "payments to execute: 3, in all 3.40 EUR",
		"date", "amount", "A", "HUB", "1.50 EUR", "ST-A-20260105-1", "log: record 3, SHA-256 ")
	// Whoever did not see the answer asks again, and must not miss a payment.
	contains(t, w.ask(exitDone, "close", "--through", "2026-01-05"), "closed through 2026-01-05 already, by record 3; nothing was done",
		"payments that are final since then: 3, in all 3.40 EUR", "date", "amount", "A", "HUB", "1.50 EUR", "ST-A-20260105-1", "log: record 3")
	contains(t, w.run(exitDone, "status"), "closed through: 2026-01-05")
	var report struct {
		Through  string   `json:"through"`
		Dates    []string `json:"dates"`
		Payments []any    `json:"payments"`
		Currency string   `json:"currency"`
		Sum      string   `json:"sum"`
		Already  bool     `json:"already"`
		Before   []any    `json:"payments_final_before"`
	}
	w.askJSON(&report, "close", "--through", "2026-01-05")
	if !report.Already || len(report.Dates)+len(report.Payments) != 0 || len(report.Before) != 3 || report.Sum != "3.40" {
		t.Errorf("%+v", report)
	}
	report.Before = nil
	w.askJSON(&report, "close", "--through", "2026-01-06")
	if report.Through != "2026-01-06" || len(report.Dates) != 1 || len(report.Payments) != 0 || report.Currency != "EUR" || report.Sum != "0.00" {
		t.Errorf("%+v", report)
	}
	contains(t, w.ask(exitDone, "close", "--through", "2026-01-05"), "closed through 2026-01-05 already, by record 3; nothing was done")
	contains(t, w.ask(exitDone, "log"), "record 3", "close by olga", "as agreed", "J. Doe", "2026-01-05", "sha256")
	w.ask(exitDone, "verify")
	contains(t, w.ask(exitUsage, "close"), "--through is needed")
	contains(t, w.ask(exitUsage, "close", "--through", "yesterday"), "--through")
}

func TestLog(t *testing.T) {
	w := newWorld(t)
	contains(t, w.ask(exitDone, "log"), "log: empty")
	w.firstNight()
	w.settleTo("2026-01-06")
	contains(t, w.ask(exitDone, "log"),
		"record 1", "publish by olga", "2026-01-05   3 statements; inputs: 3 consumed; rows: 6 accepted, 1 deferred, 1 rejected", "rulebook", "program", "attempt", "sha256",
		"record 2", "2 missing", "log: record 2")
	var entries []logEntry
	w.askJSON(&entries, "log", "--last", "1")
	if len(entries) != 1 || entries[0].Record != 2 || entries[0].Dates[0].Inputs["missing"] != 2 || entries[0].Dates[0].New != 3 {
		t.Errorf("%+v", entries)
	}
	contains(t, w.ask(exitUsage, "log", "--last", "-1"), "not negative")
	w.write("rules.yaml", strings.ReplaceAll(rulebook, `"1.00", per_points: 150`, `"1.50", per_points: 150`))
	w.run(exitDone, "run", "--date", "2026-01-05", "--restate", "--reason", "another price", "--operator", "olga")
	contains(t, w.ask(exitDone, "log", "--last", "1"), "record 3", "restated by olga", "another price", "2026-01-05   ", "up to version 2")
	w.askJSON(&entries, "log")
	if entries[1].Restated || !entries[2].Restated || entries[2].Kind != "publish" {
		t.Errorf("%+v", entries)
	}
}

func TestVerifyAndRepair(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-06")
	contains(t, w.ask(exitDone, "verify"), "verified 2 dates", "sound", "log: record 2")
	contains(t, w.ask(exitDone, "verify", "--deep", "--rules", w.rules), "computed again with the same bytes: 2 dates")
	contains(t, w.ask(exitUsage, "verify", "--deep"), "--deep needs --rules")
	contains(t, w.ask(exitRefused, "verify", "--date", "2026-02-01"), "not settled")

	damaged := "statements/merchant=B/date=2026-01-05/detail.parquet"
	w.write(damaged, "something else")
	missing := filepath.Join(w.root, "statements/alliance/date=2026-01-06/lines.parquet")
	if err := os.Remove(missing); err != nil {
		t.Fatal(err)
	}
	w.write("statements/merchant=B/date=2026-01-05/detail-00002.parquet", "slipped in")
	said := w.ask(exitFailed, "verify")
	contains(t, said, "alliance/date=2026-01-06/lines.parquet is missing", "2 dates", "3 faults", "settle: the ledger or the statements are not sound: 3 faults")
	contains(t, said, "detail-00002.parquet is not on record")
	contains(t, said, "merchant=B/date=2026-01-05/detail.parquet has SHA-256")
	contains(t, w.ask(exitFailed, "verify", "--date", "2026-01-06"), "1 fault")
	contains(t, w.ask(exitDone, "repair"), "the statements are what is on record")
	if err := os.Remove(filepath.Join(w.root, "statements/merchant=B/date=2026-01-05/detail-00002.parquet")); err != nil {
		t.Fatal(err)
	}
	w.ask(exitDone, "verify")

	if err := os.Remove(filepath.Join(w.root, "inbox/merchant=B/date=2026-01-05/b.csv")); err != nil {
		t.Fatal(err)
	}
	var report struct {
		Faults []struct{ Where, Date, Message string }
	}
	code, stdout, _ := settle("verify", "--root", w.root, "--deep", "--rules", w.rules, "--json")
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != exitFailed || len(report.Faults) != 1 || report.Faults[0].Where != "inbox" {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
	const cut = "ledger/log/00000000000000000002.json"
	if err := os.Truncate(filepath.Join(w.root, cut), 100); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify", "log"} {
		said = w.ask(exitFailed, command)
		contains(t, said, "damaged: log/00000000000000000002.json: unexpected end of JSON input", "restore this object from a copy of the ledger", "never written again")
		if strings.Contains(said, "empty") {
			t.Errorf("%s calls a damaged log empty: %s", command, said)
		}
	}
	code, stdout, _ = settle("verify", "--root", w.root, "--json")
	if code != exitFailed || strings.Contains(stdout, `"head"`) {
		t.Errorf("verify of a damaged log: exit code %d, %s", code, stdout)
	}
	w.write("ledger/log/00000000000000000001.json", "{}\n")
	contains(t, w.ask(exitFailed, "verify"), "log: ", "damaged", "log/00000000000000000001.json")
}

// TestVerifyMeetsWhatIsNoFile has a link, and a folder, in the places of published files: both are named
// with everything else that is wrong.
func TestVerifyMeetsWhatIsNoFile(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	folder := filepath.Join(w.root, "statements/merchant=B/date=2026-01-05")
	for _, name := range []string{"detail.parquet", "summary.parquet", "inputs.parquet"} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(folder, "detail.parquet")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "summary.parquet"), 0o755); err != nil {
		t.Fatal(err)
	}
	said := w.ask(exitFailed, "verify")
	contains(t, said, "date=2026-01-05/detail.parquet", "not a regular file", "remove it and run settle repair", "3 faults")
	contains(t, said, "inputs.parquet is missing")
	contains(t, said, "summary.parquet is missing")
}

func TestRepairOfAcknowledgements(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-06")
	const folder = "inbox/ack/merchant=B/date=2026-01-05/"
	was := make(map[string]string)
	for _, name := range []string{"ack.json", "rejected.csv"} {
		content, err := os.ReadFile(filepath.Join(w.root, folder+name))
		if err != nil {
			t.Fatal(err)
		}
		was[folder+name] = string(content)
	}
	w.write(folder+"rejected.csv", "something else")
	if err := os.Remove(filepath.Join(w.root, folder+"ack.json")); err != nil {
		t.Fatal(err)
	}
	found := w.ask(exitFailed, "verify")
	contains(t, found, "acknowledgements: 2026-01-05: merchant=B/date=2026-01-05/rejected.csv has SHA-256", folder[len("inbox/ack/"):]+"ack.json is missing", "2 faults")
	said := []string{"the statements are what is on record", "the acknowledgements are what is on record", "log: record 2"}
	contains(t, w.ask(exitDone, "repair"), said...)
	for name, want := range was {
		if content, err := os.ReadFile(filepath.Join(w.root, name)); err != nil || string(content) != want {
			t.Errorf("%s: %q, %v; want %q", name, content, err, want)
		}
	}
	w.ask(exitDone, "verify")
	elsewhere := filepath.Join(w.root, "elsewhere")
	ledger, statements := filepath.Join(w.root, "ledger"), filepath.Join(w.root, "statements")
	code, stdout, stderr := settle("repair", "--ledger", ledger, "--statements", statements, "--acks", elsewhere)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	contains(t, stdout, said...)
	if content, err := os.ReadFile(filepath.Join(elsewhere, "merchant=B/date=2026-01-05/ack.json")); err != nil || string(content) != was[folder+"ack.json"] {
		t.Errorf("%q, %v", content, err)
	}
	code, stdout, _ = settle("repair", "--ledger", ledger, "--statements", statements)
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	const notLookedAt = "the acknowledgements were not looked at: --acks or --inbox says where they lie"
	contains(t, stdout, said[0], notLookedAt)
	code, stdout, _ = settle("verify", "--ledger", ledger, "--statements", statements)
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	contains(t, stdout, "sound", notLookedAt)
	code, _, stderr = settle("repair", "--ledger", ledger, "--statements", statements, "--inbox", filepath.Join(w.root, "nowhere"))
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	contains(t, stderr, "--inbox", "nowhere")
}

func TestForget(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	contains(t, w.ask(exitUsage, "forget", "--member", "m1"), "--reason is needed")
	said := w.ask(exitDone, "forget", "--member", "m1", "--reason", "request 7", "--operator", "olga")
	contains(t, said, "the member is forgotten-2-", "not touched: the merchants' files in the inbox", "log: record 2")
	contains(t, w.ask(exitDone, "forget", "--member", "m1", "--reason", "request 7"), "was forgotten already, by record 2, and is forgotten-2-", "nothing on record holds it", "log: record 2")
	contains(t, w.ask(exitDone, "forget", "--member", "nobody", "--reason", "request 8"), "nothing on record holds this member; nothing was done", "log: record 2")
	contains(t, w.ask(exitDone, "log"), "forget by olga", "request 7", "forgotten-2-")
	w.ask(exitDone, "verify", "--deep", "--rules", w.rules)
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1"), "b1", "a1", "c1")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1", "--show-member"), "  member forgotten-2-")
	contains(t, w.run(exitDone, "explain", "--merchant", "B", "--transaction", "b1", "--show-member", "--json"), `"member_id": "forgotten-2-`)
	w.settleTo("2026-01-06")
	w.ask(exitDone, "verify", "--deep", "--rules", w.rules)
}

func TestGC(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	contains(t, w.ask(exitDone, "gc"), "nothing to remove")
	bucket, err := storage.OpenDirectory(filepath.Join(w.root, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := books.Open(context.Background(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	attempt, err := ledger.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attempt.Create(t.Context(), "state/x", strings.NewReader("12345")); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(w.root, "ledger/runs", attempt.ID(), "state/.settle-temporary-X")
	if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, w.ask(exitDone, "gc"), "nothing to remove") // it may still win
	w.settleTo("2026-01-06")
	contains(t, w.ask(exitDone, "gc", "--dry-run"), "attempt "+attempt.ID()+": 2 objects", "would be removed")
	var report cleaned
	w.askJSON(&report, "gc")
	if len(report.Attempts) != 1 || report.Attempts[0].Objects != 2 || report.Temporary != 1 {
		t.Errorf("%+v", report)
	}
	if _, err := os.Lstat(filepath.Dir(filepath.Dir(left))); !os.IsNotExist(err) {
		t.Errorf("the attempt's folder: %v", err)
	}
	contains(t, w.ask(exitDone, "gc"), "nothing to remove")
	w.ask(exitDone, "verify")
}
