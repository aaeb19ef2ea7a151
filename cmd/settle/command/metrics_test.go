package command

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"alliance/settlement/batch"
)

// A gateway counts what is pushed to it.
type gateway struct {
	*httptest.Server
	mutex  sync.Mutex
	pushes []string
	status int
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{status: http.StatusOK}
	g.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		g.mutex.Lock()
		defer g.mutex.Unlock()
		g.pushes = append(g.pushes, in.Method+" "+in.URL.Path)
		out.WriteHeader(g.status)
	}))
	t.Cleanup(g.Close)
	return g
}

// metrics reads the world's file of metrics.
func (w *world) metrics() map[string]string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "settle.prom"))
	if err != nil {
		w.t.Fatal(err)
	}
	found := make(map[string]string)
	for _, line := range strings.Split(string(text), "\n") {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			found[strings.Replace(strings.Replace(line[:at], `alliance="HUB",`, "", 1), `{alliance="HUB"}`, "", 1)] = line[at+1:]
		}
	}
	return found
}

func (w *world) expect(metrics map[string]string) {
	w.t.Helper()
	found := w.metrics()
	for metric, value := range metrics {
		if found[metric] != value {
			w.t.Errorf("%s is %q, not %q", metric, found[metric], value)
		}
	}
}

func (w *world) message() string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "message"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// watched returns the arguments that have a run watched.
func (w *world) watched(gateway *gateway, arguments ...string) []string {
	arguments = append(arguments, "--metrics-file", filepath.Join(w.root, "settle.prom"), "--termination-message", filepath.Join(w.root, "message"))
	if gateway != nil {
		arguments = append(arguments, "--pushgateway", gateway.URL)
	}
	return arguments
}

func seconds(t *testing.T, date string) string {
	t.Helper()
	return fmt.Sprint(float64(instant(t, date+"T00:00:00Z").Unix()))
}

// A night is settled, the next one refused, then settled without those that are missing.
func TestARunIsWatched(t *testing.T) {
	w := newWorld(t)
	gateway := newGateway(t)
	w.firstNight()
	w.write("inbox/merchant=A/date=2026-01-05/_control.json", `{"files":[{"name":"a.csv"},{"name":"x.csv"}]}`)
	w.write("inbox/merchant=A/date=2026-01-05/x.csv", "transaction_id,member_id\n")
	code, report, stderr := w.runAt("2026-01-06T03:00:00Z", w.watched(gateway, "--date", "last")...)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	totals := report.Dates[0].Totals
	w.expect(map[string]string{
		"settle_run_exit_code":                                        "0",
		"settle_run_dates":                                            "1",
		"settle_run_missing_merchants":                                "0",
		`settle_settled_rows{state="accepted"}`:                       fmt.Sprint(totals.RowsAccepted),
		`settle_settled_rows{state="deferred"}`:                       "1",
		`settle_settled_rows{state="rejected"}`:                       "1",
		`settle_settled_exceptions{code="invalid_value"}`:             "1",
		`settle_settled_exceptions{code="unknown_original"}`:          "1",
		`settle_settled_exceptions{code="uncovered"}`:                 "1",
		`settle_settled_exceptions{code="missing_column"}`:            "1",
		`settle_settled_value_minor_units{currency="EUR"}`:            "170", // 1.50 and 0.20
		`settle_settled_due_minor_units{currency="EUR"}`:              strings.Replace(totals.Due, ".", "", 1),
		"settle_settled_points":                                       "255",
		"settle_open_claims":                                          "1",
		"settle_open_claim_points":                                    "40",
		"settle_open_claim_oldest_timestamp_seconds":                  seconds(t, "2026-01-05"),
		"settle_last_settled_date_timestamp_seconds":                  seconds(t, "2026-01-05"),
		"settle_next_cutoff_timestamp_seconds":                        seconds(t, "2026-01-07"),
		"settle_held_files":                                           "1",
		`settle_merchant_held_oldest_timestamp_seconds{merchant="A"}`: seconds(t, "2026-01-05"),
		`settle_merchant_rows{merchant="B",state="rejected"}`:         "1",
		`settle_merchant_missing_nights{merchant="A"}`:                "0",
	})
	contains(t, w.message(), "2026-01-05 settled: 3 statements, 2 lines", "value     1.70 EUR", "log: record 1, SHA-256 ")

	w.write("rules.yaml", strings.Replace(rulebook, "name: Birch,", "name: Birch, required: true,", 1))
	code, _, stderr = w.runAt("2026-01-07T03:00:00Z", w.watched(gateway, "--date", "last")...)
	if code != exitRefused {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	w.expect(map[string]string{
		"settle_run_exit_code":                         "3",
		"settle_run_dates":                             "0",
		"settle_run_missing_merchants":                 "2",
		`settle_settled_rows{state="rejected"}`:        "1", // of the night before
		"settle_open_claims":                           "1",
		"settle_last_settled_date_timestamp_seconds":   seconds(t, "2026-01-05"),
		`settle_merchant_missing_nights{merchant="B"}`: "0",
		`settle_run_stage_seconds{stage="statements"}`: "0",
	})
	contains(t, stderr, "level=ERROR", "run ended", "exit_code=3", "refused: B may not be missing")
	contains(t, w.message(), "exit code 3: 2026-01-06: refused: B may not be missing on 2026-01-06; missing: A (no file")

	for _, now := range []string{"2026-01-07T03:10:00Z", "2026-01-08T03:00:00Z"} {
		if code, _, stderr := w.runAt(now, w.watched(gateway, "--date", "last", "--allow-missing")...); code != exitDone {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
	}
	w.expect(map[string]string{
		"settle_run_exit_code":                               "0",
		"settle_run_missing_merchants":                       "2",
		"settle_missing_merchants":                           "2",
		`settle_settled_rows{state="rejected"}`:              "0", // of the rows read tonight
		`settle_settled_exceptions{code="unknown_original"}`: "1", // the reversal that waited for its original
		`settle_settled_exceptions{code="unfunded"}`:         "1",
		`settle_settled_rows{state="deferred"}`:              "0",
		"settle_open_claims":                                 "0",
		"settle_open_claim_oldest_timestamp_seconds":         "0",
		`settle_merchant_missing_nights{merchant="B"}`:       "2",
		`settle_merchant_missing_nights{merchant="C"}`:       "0", // delivers when it has something
	})
	if got := fmt.Sprint(gateway.pushes); got != "[POST /metrics/job/settle/alliance/HUB POST /metrics/job/settle/alliance/HUB POST /metrics/job/settle/alliance/HUB POST /metrics/job/settle/alliance/HUB]" {
		t.Error(got)
	}
}

// Nights on which nothing is expected of a merchant are neither missing nor delivered.
func TestMissingNightsInARow(t *testing.T) {
	w := newWorld(t)
	w.write("rules.yaml", strings.Replace(rulebook, "name: Alder,", "name: Alder, delivers: [mon, tue, fri],", 1)) // 2026-01-05 is a Monday
	w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue,100,2026-01-05T08:00:00Z,,,,")
	w.deliver("B", "2026-01-07", "b.csv", "b1,m1,issue,100,2026-01-07T08:00:00Z,,,,")
	for _, c := range []struct{ now, a, b string }{
		{"2026-01-06T01:00:00Z", "0", "1"},
		{"2026-01-07T01:00:00Z", "1", "2"},
		{"2026-01-08T01:00:00Z", "1", "0"}, // Wednesday
		{"2026-01-09T01:00:00Z", "1", "1"},
		{"2026-01-10T01:00:00Z", "2", "2"}, // Friday
		{"2026-01-12T01:00:00Z", "2", "4"}, // Sunday
	} {
		if code, _, stderr := w.runAt(c.now, w.watched(nil, "--date", "last", "--catch-up")...); code != exitDone {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		if found := w.metrics(); found[`settle_merchant_missing_nights{merchant="A"}`] != c.a || found[`settle_merchant_missing_nights{merchant="B"}`] != c.b {
			t.Errorf("%s: A %s, not %s; B %s, not %s", c.now, found[`settle_merchant_missing_nights{merchant="A"}`], c.a,
				found[`settle_merchant_missing_nights{merchant="B"}`], c.b)
		}
	}
}

// What fails in telling changes nothing about the run.
func TestTellingFails(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	gateway := newGateway(t)
	gateway.status = http.StatusInternalServerError
	nowhere := filepath.Join(w.root, "nowhere", "x")
	code, report, stderr := w.runAt("2026-01-06T03:00:00Z", "--date", "last", "--metrics-file", nowhere, "--termination-message", nowhere,
		"--pushgateway", strings.Replace(gateway.URL, "//", "//ann:secret@", 1))
	if code != exitDone || datesOf(report) != "2026-01-05" {
		t.Errorf("exit code %d, %s", code, datesOf(report))
	}
	contains(t, stderr, "level=WARN", "the termination message could not be written", nowhere, "level=WARN", "metrics could not be told", filepath.Dir(nowhere), "unexpected status code 500")
	if strings.Contains(stderr, "secret") {
		t.Error(stderr)
	}
	code, _, stderr = w.runAt("2026-01-06T03:00:00Z", "--date", "last", "--pushgateway", "gateway:9091")
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	contains(t, stderr, "level=WARN", "not of the form http://host:9091")
}

// Also a run that does not get as far as the rulebook is told of, if the ledger says whose it is.
func TestARunWithAWrongRulebookIsWatched(t *testing.T) {
	w := newWorld(t)
	gateway := newGateway(t)
	w.write("rules.yaml", "alliance: 5")
	code, _, stderr := w.runAt("2026-01-06T03:00:00Z", w.watched(gateway, "--date", "last")...)
	if code != exitUsage || len(gateway.pushes) > 0 {
		t.Errorf("exit code %d, %v", code, gateway.pushes)
	}
	contains(t, stderr, "nothing was pushed: neither rulebook nor ledger say which alliance it is about")
	contains(t, w.message(), "exit code 2: ", "rules.yaml")
	w.expect(map[string]string{"settle_run_exit_code": "2"})
	w.write("rules.yaml", rulebook)
	w.firstNight()
	w.run(exitDone, "run", "--date", "2026-01-05")
	w.write("rules.yaml", "alliance: 5")
	if code, _, stderr := w.runAt("2026-01-07T03:00:00Z", w.watched(gateway, "--date", "last")...); code != exitUsage || len(gateway.pushes) != 1 {
		t.Errorf("exit code %d, %v\n%s", code, gateway.pushes, stderr)
	}
	if code, _, _ := w.runAt("2026-01-07T03:00:00Z", w.watched(gateway, "--date", "soon")...); code != exitUsage || len(gateway.pushes) != 2 {
		t.Errorf("exit code %d, %v", code, gateway.pushes)
	}
	contains(t, w.message(), `exit code 2: --date: "soon" is not a date`)
}

func TestADryRunTellsPrometheusNothing(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	gateway := newGateway(t)
	if code, _, stderr := w.runAt("2026-01-06T03:00:00Z", w.watched(gateway, "--date", "last", "--dry-run")...); code != exitDone || len(gateway.pushes) > 0 {
		t.Errorf("exit code %d, %v\n%s", code, gateway.pushes, stderr)
	}
	if _, err := os.Stat(filepath.Join(w.root, "settle.prom")); !os.IsNotExist(err) {
		t.Error(err)
	}
	contains(t, w.message(), "2026-01-05 would be settled", "dry run: nothing was written")
}

// A run that a signal stops, or that breaks down, is told of all the same.
func TestARunThatIsStoppedIsWatched(t *testing.T) {
	w := newWaitingWorld(t)
	gateway := newGateway(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	slow := &slowClock{t: t, at: instant(t, "2026-01-06T04:00:00Z"), during: map[int]func(){3: func() { cancel(&interruption{syscall.SIGTERM}) }}}
	arguments := w.watched(gateway, "--date", "last", "--wait-for-merchants", "2h")
	if code, _, stderr := w.runBy(ctx, slow.clock(), arguments...); code != exitFailed || len(gateway.pushes) != 1 {
		t.Errorf("exit code %d, %v\n%s", code, gateway.pushes, stderr)
	}
	w.expect(map[string]string{"settle_run_exit_code": "1", "settle_run_wait_seconds": "180"})
	contains(t, w.message(), "exit code 1: stopped by a signal (terminated); nothing of what was under way is on record")

	breaks := clock{slow.clock().now, func(context.Context, time.Duration) { panic("the clock has stopped") }}
	slow.at = instant(t, "2026-01-06T04:00:00Z")
	if code, _, stderr := w.runBy(context.Background(), breaks, arguments...); code != exitFailed || len(gateway.pushes) != 2 {
		t.Errorf("exit code %d, %v\n%s", code, gateway.pushes, stderr)
	}
	contains(t, w.message(), "exit code 1: internal error: the clock has stopped", "goroutine")
}

// Every line of a log has the run, the date and, once there is one, the attempt that is on record.
func TestLogsSayWhoseTheyAre(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	code, report, stderr := w.runAt("2026-01-06T03:00:00Z", "--date", "last", "--log-format", "json")
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var log []struct {
		Attempt string `json:"attempt"`
	}
	_, text, _ := settle("log", "--json", "--root", w.root)
	if err := json.Unmarshal([]byte(text), &log); err != nil || len(log) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	runs, stages := make(map[string]bool), make(map[batch.Stage]string)
	for _, line := range strings.Split(strings.TrimSpace(stderr), "\n") {
		var said struct {
			Message string      `json:"msg"`
			Run     string      `json:"run"`
			Date    string      `json:"date"`
			Last    string      `json:"last"`
			Attempt string      `json:"attempt"`
			Stage   batch.Stage `json:"stage"`
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		runs[said.Run] = true
		if said.Date+said.Last != "2026-01-05" {
			t.Errorf("no date: %s", line)
		}
		if said.Stage != "" {
			stages[said.Stage] = said.Attempt
		}
	}
	if len(runs) != 1 || runs[""] || len(stages) != len(batch.Stages()) {
		t.Errorf("%v, %v", runs, stages)
	}
	if stages["read"] != "" || stages["commit"] != log[0].Attempt || stages["statements"] != log[0].Attempt {
		t.Errorf("attempt %s: %v", log[0].Attempt, stages)
	}
	if len(report.Dates[0].Stages) != len(stages) {
		t.Errorf("the report has the stages %v", report.Dates[0].Stages)
	}
	if code, _, stderr := w.runAt("2026-01-06T03:00:00Z", "--date", "last", "--log-format", "xml"); code != exitUsage || !strings.Contains(stderr, "--log-format is text or json") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

func TestShortened(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("é", 2048), strings.Repeat("é", 2049), "x" + strings.Repeat("é", 3000), strings.Repeat("€", 3000), strings.Repeat("a\xff", 3000)} {
		short := shortened(text, mostMessage)
		if len(short) > mostMessage || !utf8.ValidString(short) || len(text) <= mostMessage && utf8.ValidString(text) && short != text {
			t.Errorf("%d bytes become %d", len(text), len(short))
		}
		if len(text) > mostMessage && (!strings.HasSuffix(short, "…\n") || len(short) < mostMessage-8) {
			t.Errorf("%d bytes become %d, %q", len(text), len(short), short[len(short)-8:])
		}
	}
	if short := shortened(strings.Repeat("x", 5000), mostMessage); len(short) != mostMessage {
		t.Error(len(short))
	}
}
