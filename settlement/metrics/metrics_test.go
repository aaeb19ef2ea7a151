package metrics

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// full is a run of which there is everything to tell.
func full() *Run {
	night := settlement.NewDate(2026, 6, 3)
	oldest := night - 2
	return &Run{
		Alliance: "HUB", Version: "v1.2.3", Program: "settle/1",
		Started: time.Unix(1780600000, 500e6), Ended: time.Unix(1780600090, 0), Waited: 90 * time.Second / 2,
		Stages:  map[batch.Stage]time.Duration{"read": 1500 * time.Millisecond},
		Missing: 1,
		Report: batch.Report{Dates: []batch.DateReport{
			{Date: night - 1, Already: true},
			{Date: night - 1, Totals: batch.Totals{Files: 2, RowsAccepted: 10, Codes: map[string]int64{"malformed": 1}, Currency: "CNY",
				Value: "0.10", Fees: "0.00", Tax: "0.00", Due: "0.00"}, OpenClaims: &batch.ClaimStatus{Count: 9}},
			{Date: night, Totals: batch.Totals{Files: 3, FilesHeld: 1, RowsAccepted: 20, RowsDeferred: 2, RowsRejected: 3, Statements: 5, Lines: 4, PointsAcross: 700,
				Codes: map[string]int64{"malformed": 2, "duplicate": 1}, Currency: "CNY", Value: "0.20", Fees: "-1.05", Tax: "0.06", Due: "12345678.90"},
				OpenClaims: &batch.ClaimStatus{Count: 2, Points: 55, Oldest: &oldest}},
		}, Ledger: &batch.LedgerReport{Last: night, SettledAt: time.Unix(1780600089, 0), NextCutOff: settlement.Instant(1780588800_000000), Merchants: []batch.MerchantReport{
			{Merchant: "A", OldestHeld: settlement.NoDate, Accepted: 20, Deferred: 2},
			{Merchant: "B", MissingNights: 4, MissingLast: true, Held: 2, OldestHeld: night - 1, Rejected: 3},
			{Merchant: "C", MissingNights: 2, Held: 1, OldestHeld: night - 5},
		}}},
	}
}

func familiesOf(t *testing.T, run *Run) []*dto.MetricFamily {
	t.Helper()
	families, err := run.Families()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// samples returns what a text of metrics says, by metric with its labels.
func samples(text string) map[string]string {
	found := make(map[string]string)
	for _, line := range strings.Split(text, "\n") {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			found[line[:at]] = line[at+1:]
		}
	}
	return found
}

func textOf(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var text bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

func TestFamilies(t *testing.T) {
	found := samples(textOf(t, familiesOf(t, full())))
	for metric, value := range map[string]string{
		`settle_build_info{computes_as="settle/1",version="v1.2.3"}`: "1",
		`settle_run_exit_code`:                                        "0",
		`settle_run_started_timestamp_seconds`:                        "1.7806000005e+09",
		`settle_run_ended_timestamp_seconds`:                          "1.78060009e+09",
		`settle_run_wait_seconds`:                                     "45",
		`settle_run_stage_seconds{stage="read"}`:                      "1.5",
		`settle_run_stage_seconds{stage="project"}`:                   "0",
		`settle_run_dates`:                                            "2",
		`settle_run_missing_merchants`:                                "1",
		`settle_settled_dates`:                                        "2",
		`settle_settled_files`:                                        "5",
		`settle_settled_files_held`:                                   "1",
		`settle_settled_rows{state="accepted"}`:                       "30",
		`settle_settled_rows{state="deferred"}`:                       "2",
		`settle_settled_rows{state="rejected"}`:                       "3",
		`settle_settled_exceptions{code="malformed"}`:                 "3",
		`settle_settled_exceptions{code="duplicate"}`:                 "1",
		`settle_settled_exceptions{code="unknown_folder"}`:            "0",
		`settle_settled_statements`:                                   "5",
		`settle_settled_lines`:                                        "4",
		`settle_settled_points`:                                       "700",
		`settle_settled_value_minor_units{currency="CNY"}`:            "30",
		`settle_settled_fees_minor_units{currency="CNY"}`:             "-105",
		`settle_settled_tax_minor_units{currency="CNY"}`:              "6",
		`settle_settled_due_minor_units{currency="CNY"}`:              "1.23456789e+09",
		`settle_currency_minor_digits{currency="CNY"}`:                "2",
		`settle_open_claims`:                                          "2",
		`settle_open_claim_points`:                                    "55",
		`settle_open_claim_oldest_timestamp_seconds`:                  "1.780272e+09",
		`settle_last_settled_date_timestamp_seconds`:                  "1.7804448e+09",
		`settle_last_settled_timestamp_seconds`:                       "1.780600089e+09",
		`settle_next_cutoff_timestamp_seconds`:                        "1.7805888e+09",
		`settle_missing_merchants`:                                    "1",
		`settle_merchant_missing_nights{merchant="A"}`:                "0",
		`settle_merchant_missing_nights{merchant="B"}`:                "4",
		`settle_held_files`:                                           "3",
		`settle_held_oldest_timestamp_seconds`:                        "1.7800128e+09",
		`settle_merchant_held_files{merchant="B"}`:                    "2",
		`settle_merchant_held_oldest_timestamp_seconds{merchant="A"}`: "0",
		`settle_merchant_held_oldest_timestamp_seconds{merchant="B"}`: "1.7803584e+09",
		`settle_merchant_rows{merchant="A",state="accepted"}`:         "20",
		`settle_merchant_rows{merchant="B",state="rejected"}`:         "3",
	} {
		if found[metric] != value {
			t.Errorf("%s is %q, not %q", metric, found[metric], value)
		}
	}
}

// A run that settled nothing says nothing of what was settled.
func TestWhatARunDoesNotKnowIsNotTold(t *testing.T) {
	for why, c := range map[string]struct {
		change    func(*Run)
		not, told string
	}{
		"nothing was settled":   {func(r *Run) { r.Report.Dates = r.Report.Dates[:1] }, "settle_settled_|settle_open_", "settle_run_|settle_last_"},
		"it was refused":        {func(r *Run) { r.Report, r.ExitCode = batch.Report{}, 3 }, "settle_settled_|settle_open_|settle_last_|settle_merchant_", "settle_run_"},
		"a dry run":             {func(r *Run) { r.Report.DryRun = true }, "settle_settled_|settle_open_", "settle_run_|settle_last_"},
		"a restatement":         {func(r *Run) { r.Report.Restated = true }, "settle_settled_", "settle_run_|settle_last_|settle_open_"},
		"one that changed none": {func(r *Run) { r.Report.Restated, r.Report.Same = true, true }, "settle_settled_|settle_open_", "settle_run_|settle_last_"},
	} {
		run := full()
		c.change(run)
		text := textOf(t, familiesOf(t, run))
		if found := regexp.MustCompile(`(?m)^(` + c.not + `).*`).FindString(text); found != "" {
			t.Errorf("%s: %s", why, found)
		}
		for _, prefix := range strings.Split(c.told, "|") {
			if !strings.Contains(text, "\n"+prefix) {
				t.Errorf("%s: nothing of %s", why, prefix)
			}
		}
	}
}

func TestMinorUnits(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  float64
	}{
		{[]string{"0.10", "0.20"}, 30},
		{[]string{"89.28", "-0.01"}, 8927},
		{[]string{"1200", "34"}, 1234}, // a currency without a minor unit
		{[]string{"1.005", "0.001"}, 1006},
		{[]string{"-0.01"}, -1},
		{[]string{"90071992547409.91", "0.00"}, 9007199254740991},
		{[]string{"90071992547409.93"}, 9007199254740992}, // beyond 2^53: the nearest there is, to even
		{[]string{"99999999999999.9999"}, 1e18},
	} {
		var sum amount
		for _, part := range c.parts {
			if err := sum.add(part); err != nil {
				t.Fatal(err)
			}
		}
		if got := sum.minorUnits(); got != c.want {
			t.Errorf("%v are %f minor units, not %f", c.parts, got, c.want)
		}
	}
	run := full()
	run.Report.Dates[2].Totals.Tax = "six"
	if _, err := run.Families(); err == nil || !strings.Contains(err.Error(), `2026-06-03: "six" is no amount`) {
		t.Error(err)
	}
}

var names = regexp.MustCompile(`settle_[a-z_]+`)

// The documentation has every metric, and the alerts have no other ones.
func TestEveryMetricIsDocumented(t *testing.T) {
	told := make(map[string]bool)
	for _, family := range familiesOf(t, full()) {
		told[family.GetName()] = true
	}
	documented, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	in := names.FindAllString(string(documented), -1)
	for name := range told {
		if !slices.Contains(in, name) {
			t.Errorf("doc.go lacks %s", name)
		}
	}
	alerts, err := os.ReadFile("../../scripts/kubernetes/alerts/settle.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(in, names.FindAllString(string(alerts), -1)...) {
		if !told[name] {
			t.Errorf("there is no metric %s", name)
		}
	}
}

func readSamples(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return samples(string(text))
}

func TestFilesKeepWhatALaterRunDoesNotKnow(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "settle.prom")
	write := func(alliance string, run *Run) error { return WriteFile(path, alliance, familiesOf(t, run)) }
	if err := write("HUB", full()); err != nil {
		t.Fatal(err)
	}
	before := readSamples(t, path)
	if before[`settle_settled_rows{alliance="HUB",state="accepted"}`] != "30" || before[`settle_run_stage_seconds{alliance="HUB",stage="read"}`] != "1.5" {
		t.Fatal(before)
	}
	refused := &Run{ExitCode: 3}
	if err := write("HUB", refused); err != nil {
		t.Fatal(err)
	}
	after := readSamples(t, path)
	if after[`settle_run_exit_code{alliance="HUB"}`] != "3" || after[`settle_run_stage_seconds{alliance="HUB",stage="read"}`] != "0" {
		t.Error(after)
	}
	for metric, value := range before {
		if isLasting(metric) && !strings.HasPrefix(metric, "settle_build_info") && after[metric] != value {
			t.Errorf("%s was %s and is %q", metric, value, after[metric])
		}
	}
	// A run that does not know whose it is keeps what is there, and the next one that does clears up.
	if err := write("", &Run{ExitCode: 2}); err != nil {
		t.Fatal(err)
	}
	after = readSamples(t, path)
	if after["settle_run_exit_code"] != "2" || after[`settle_last_settled_date_timestamp_seconds{alliance="HUB"}`] == "" {
		t.Error(after)
	}
	if err := write("HUB", refused); err != nil {
		t.Fatal(err)
	}
	if after = readSamples(t, path); after["settle_run_exit_code"] != "" || after[`settle_open_claims{alliance="HUB"}`] != "2" {
		t.Error(after)
	}
	if err := write("OTHER", refused); err != nil {
		t.Fatal(err)
	}
	for metric := range readSamples(t, path) {
		if !strings.Contains(metric, `alliance="OTHER"`) {
			t.Errorf("the file of another alliance keeps %s", metric)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Error(info.Mode(), err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}

func TestFilesThatCannotBe(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "settle.prom")
	if err := os.WriteFile(path, []byte("settle_open_claims{ 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, "HUB", familiesOf(t, full())); err == nil || !strings.Contains(err.Error(), "what earlier runs told is lost") {
		t.Error(err)
	}
	if readSamples(t, path)[`settle_open_claims{alliance="HUB"}`] != "2" {
		t.Error("the file that could not be read was not replaced")
	}
	for _, bad := range []string{filepath.Join(folder, "none", "settle.prom"), folder} {
		if err := WriteFile(bad, "HUB", familiesOf(t, full())); err == nil || !strings.Contains(err.Error(), "write metrics") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}

// Whoever reads the file while it is replaced finds a whole one.
func TestFilesAreReplacedInOneStep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settle.prom")
	families := familiesOf(t, full())
	if err := WriteFile(path, "HUB", families); err != nil {
		t.Fatal(err)
	}
	whole := len(readSamples(t, path))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			if err := WriteFile(path, "HUB", families); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		if found := len(readSamples(t, path)); found != whole {
			t.Fatalf("%d metrics instead of %d", found, whole)
		}
	}
}

func TestPush(t *testing.T) {
	var method, path, user, password string
	var body []byte
	answer := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		method, path = in.Method, in.URL.EscapedPath()
		user, password, _ = in.BasicAuth()
		body, _ = io.ReadAll(in.Body)
		out.WriteHeader(answer)
	}))
	defer server.Close()
	families := familiesOf(t, full())
	ctx := context.Background()
	if err := Push(ctx, server.URL+"/", "HUB", families); err != nil {
		t.Fatal(err)
	}
	// POST leaves the group's other families alone.
	if method != http.MethodPost || path != "/metrics/job/settle/alliance/HUB" || user != "" || !bytes.Contains(body, []byte("settle_run_exit_code")) {
		t.Errorf("%s %s %q\n%s", method, path, user, body)
	}
	withPassword := strings.Replace(server.URL, "http://", "http://ann:secret@", 1)
	if err := Push(ctx, withPassword, "HUB", families); err != nil || user != "ann" || password != "secret" {
		t.Error(err, user, password)
	}
	answer = http.StatusInternalServerError
	stopped, stop := context.WithCancel(ctx)
	stop()
	for why, err := range map[string]error{
		"the gateway fails":     Push(ctx, withPassword, "HUB", families),
		"it is not there":       Push(ctx, "http://ann:secret@127.0.0.1:1", "HUB", families),
		"there is no time":      Push(stopped, withPassword, "HUB", families),
		"no address":            Push(ctx, "ann:secret@gateway", "HUB", families),
		"no address to parse":   Push(ctx, "http://ann:secret@gate%way", "HUB", families),
		"another kind of store": Push(ctx, "s3://ann:secret@gateway", "HUB", families),
	} {
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", why, err)
		}
	}
}
