package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/batch"

	"go.yaml.in/yaml/v3"
)

const (
	alertsFolder = "../../scripts/kubernetes/alerts"
	// patience is how long a server may take to start, or to scrape what was told.
	patience = 30 * time.Second
)

// prometheusFolder returns where the programs of Prometheus are; "" if tests with them are not wanted.
func prometheusFolder(t *testing.T) string {
	if os.Getenv("SETTLE_ALERTS") != "1" {
		t.Log("not run: needs Prometheus; run make alerts, or scripts/kubernetes/alerts/install and then the tests with SETTLE_ALERTS=1")
		return ""
	}
	if folder := os.Getenv("SETTLE_PROMETHEUS"); folder != "" {
		return folder
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "settle", "prometheus")
}

// promtool runs promtool in the folder of the rules.
func promtool(t *testing.T, programs, folder string, arguments ...string) (succeeded bool, output string) {
	t.Helper()
	command := exec.Command(filepath.Join(programs, "promtool"), arguments...)
	command.Dir = folder
	text, err := command.CombinedOutput()
	if code := exitCode(t, err); code > 1 {
		t.Fatalf("promtool %v: %v\n%s", arguments, err, text)
	}
	return err == nil, string(text)
}

// TestAlertRules has promtool try the rules in the cases beside them. Then it spoils the alerts, so that
// they never or always fire, which the cases of each one must notice.
func TestAlertRules(t *testing.T) {
	programs := prometheusFolder(t)
	if programs == "" {
		return
	}
	if good, output := promtool(t, programs, alertsFolder, "check", "rules", "settle.yaml"); !good {
		t.Fatal(output)
	}
	if good, output := promtool(t, programs, alertsFolder, "test", "rules", "settle.test.yaml"); !good {
		t.Fatal(output)
	}
	text, err := os.ReadFile(filepath.Join(alertsFolder, "settle.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type rule map[string]any
	read := func() (file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}) {
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(alertsFolder)); err != nil {
		t.Fatal(err)
	}
	rules := read().Groups[0].Rules
	if len(rules) < 7 {
		t.Errorf("there are %d alerts", len(rules))
	}
	for _, spoilt := range []string{"vector(0) > 1", `label_replace(vector(1), "alliance", "HUB", "", "")`} {
		file := read()
		for _, rule := range file.Groups[0].Rules {
			rule["expr"] = spoilt
		}
		changed, err := yaml.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "settle.yaml"), changed, 0o644); err != nil {
			t.Fatal(err)
		}
		good, output := promtool(t, programs, folder, "test", "rules", "settle.test.yaml")
		for _, rule := range rules {
			if good || !strings.Contains(output, fmt.Sprintf("alertname: %s,", rule["alert"])) {
				t.Errorf("the cases do not notice that %s is %s:\n%s", rule["alert"], spoilt, output)
			}
		}
		if always := strings.HasPrefix(spoilt, "label_replace"); always && !strings.Contains(output, `}[168h])`) {
			t.Errorf("the good week does not notice that every alert fires:\n%s", output)
		}
	}
}

// A monitor is a Prometheus that scrapes a Pushgateway and a node exporter's textfile collector, and
// loads the alerts.
type monitor struct {
	t                   *testing.T
	programs, folder    string
	prometheus, gateway string // addresses
	textfiles           string // the folder that the exporter reads
}

// start starts a server that is ready once it answers at a path, and stops it with the test.
func (m *monitor) start(ready, program string, arguments ...string) {
	m.t.Helper()
	var log bytes.Buffer
	command := exec.Command(filepath.Join(m.programs, program), arguments...)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		m.t.Fatalf("%v; scripts/kubernetes/alerts/install puts it there", err)
	}
	m.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
		if m.t.Failed() {
			m.t.Logf("%s:\n%s", program, &log)
		}
	})
	m.until(program+" is ready", func() bool {
		answer, err := http.Get(ready)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func (m *monitor) until(what string, done func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("waited %s until %s", patience, what)
		}
	}
}

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func startMonitor(t *testing.T, programs string) *monitor {
	m := &monitor{t: t, programs: programs, folder: t.TempDir()}
	m.textfiles = filepath.Join(m.folder, "textfiles")
	if err := os.Mkdir(m.textfiles, 0o755); err != nil {
		t.Fatal(err)
	}
	prometheus, gateway, exporter := freeAddress(t), freeAddress(t), freeAddress(t)
	m.prometheus, m.gateway = "http://"+prometheus, "http://"+gateway
	rules, err := filepath.Abs(filepath.Join(alertsFolder, "settle.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	configuration := filepath.Join(m.folder, "prometheus.yaml")
	text := fmt.Sprintf(`global: {scrape_interval: 500ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - {job_name: pushgateway, honor_labels: true, static_configs: [{targets: [%q]}]}
  - {job_name: node, static_configs: [{targets: [%q]}]}
`, rules, gateway, exporter)
	if err := os.WriteFile(configuration, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m.start(m.gateway+"/-/ready", "prometheus-pushgateway", "--web.listen-address="+gateway)
	m.start("http://"+exporter+"/metrics", "prometheus-node-exporter", "--web.listen-address="+exporter,
		"--collector.disable-defaults", "--collector.textfile", "--collector.textfile.directory="+m.textfiles)
	m.start(m.prometheus+"/-/ready", "prometheus", "--config.file="+configuration, "--web.listen-address="+prometheus,
		"--storage.tsdb.path="+filepath.Join(m.folder, "series"))
	return m
}

// query returns the samples of an expression, by the values of the labels that are asked for.
func (m *monitor) query(expression string, by ...string) map[string]string {
	m.t.Helper()
	answer, err := http.Get(m.prometheus + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var found struct {
		Status string `json:"status"`
		Data   struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err != nil || found.Status != "success" {
		m.t.Fatalf("%s: %v\n%s", expression, err, text)
	}
	samples := make(map[string]string)
	for _, one := range found.Data.Result {
		var labels []string
		for _, name := range by {
			labels = append(labels, one.Metric[name])
		}
		samples[strings.Join(labels, " ")] = one.Value[1].(string)
	}
	return samples
}

// jobs are how the two ways to tell look in Prometheus.
var jobs = []string{"settle", "node"}

// expect waits until the run that ended last has been scraped both ways, and compares what it told.
func (m *monitor) expect(wanted map[string]map[string]string) {
	m.t.Helper()
	told, err := os.ReadFile(filepath.Join(m.textfiles, "settle.prom"))
	if err != nil {
		m.t.Fatal(err)
	}
	_, ended, found := strings.Cut(string(told), "settle_run_ended_timestamp_seconds{alliance=\"HUB\"} ")
	ended, _, _ = strings.Cut(ended, "\n")
	seconds, err := strconv.ParseFloat(ended, 64)
	if err != nil || !found {
		m.t.Fatalf("%v in\n%s", err, told)
	}
	for _, job := range jobs {
		m.until("the run is scraped of "+job, func() bool {
			scraped, _ := strconv.ParseFloat(m.query(fmt.Sprintf(`settle_run_ended_timestamp_seconds{job=%q,alliance="HUB"}`, job))[""], 64)
			return scraped == seconds
		})
		for metric, values := range wanted {
			name, label, _ := strings.Cut(metric, " by ")
			samples := m.query(fmt.Sprintf(`%s{job=%q,alliance="HUB"}`, name, job), strings.Fields(label)...)
			for of, value := range values {
				if samples[of] != value {
					m.t.Errorf("%s: %s of %q is %q, not %q", job, metric, of, samples[of], value)
				}
			}
		}
	}
}

// told is what the metrics must be by the program's own report and status.
func told(t *testing.T, code int, report *batch.Report, status *batch.Status) map[string]map[string]string {
	t.Helper()
	rows := map[string]string{}
	codes := map[string]int64{}
	var accepted, deferred, rejected, settled, cents int64
	for i := range report.Dates {
		date := &report.Dates[i]
		if date.Already {
			continue
		}
		settled++
		accepted, deferred, rejected = accepted+date.Totals.RowsAccepted, deferred+date.Totals.RowsDeferred, rejected+date.Totals.RowsRejected
		for code, count := range date.Totals.Codes {
			codes[code] += count
		}
		minor, err := strconv.ParseInt(strings.Replace(date.Totals.Value, ".", "", 1), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cents += minor
	}
	one := func(value any) map[string]string { return map[string]string{"": fmt.Sprint(value)} }
	wanted := map[string]map[string]string{
		"settle_run_exit_code":                       one(code),
		"settle_run_dates":                           one(settled),
		"settle_open_claims":                         one(status.OpenClaims.Count),
		"settle_open_claim_points":                   one(status.OpenClaims.Points),
		"settle_held_files":                          one(len(status.Held)),
		"settle_missing_merchants":                   one(len(status.Missing)),
		"settle_last_settled_date_timestamp_seconds": one(unix(status.Settled[len(status.Settled)-1].Date)),
	}
	if status.OpenClaims.Oldest != nil {
		wanted["settle_open_claim_oldest_timestamp_seconds"] = one(unix(*status.OpenClaims.Oldest))
	}
	held := map[string]string{}
	for _, file := range status.Held {
		held[file.Merchant] = fmt.Sprint(unix(file.Until - 35)) // the sample's accept_late_days
	}
	wanted["settle_merchant_held_oldest_timestamp_seconds by merchant"] = held
	if settled > 0 {
		rows["accepted"], rows["deferred"], rows["rejected"] = fmt.Sprint(accepted), fmt.Sprint(deferred), fmt.Sprint(rejected)
		wanted["settle_settled_rows by state"] = rows
		counted := map[string]string{}
		for code, count := range codes {
			counted[code] = fmt.Sprint(count)
		}
		wanted["settle_settled_exceptions by code"] = counted
		wanted["settle_settled_value_minor_units by currency"] = map[string]string{"CNY": fmt.Sprint(cents)}
	}
	return wanted
}

func unix(date settlement.Date) int64 { return int64(date) * 24 * 60 * 60 }

// expectStages compares how long stages took with the report, which has whole milliseconds of each date.
func (m *monitor) expectStages(report *batch.Report) {
	m.t.Helper()
	least := map[string]int64{}
	for i := range report.Dates {
		for _, stage := range report.Dates[i].Stages {
			least[string(stage.Stage)] += stage.Elapsed_ms
		}
	}
	if len(least) != len(batch.Stages()) {
		m.t.Errorf("the report has the stages %v", least)
	}
	for _, job := range jobs {
		for stage, value := range m.query(fmt.Sprintf(`settle_run_stage_seconds{job=%q}`, job), "stage") {
			seconds, err := strconv.ParseFloat(value, 64)
			if took_ms := int64(seconds * 1000); err != nil || took_ms < least[stage] || took_ms > least[stage]+int64(len(report.Dates)) {
				m.t.Errorf("%s: %s took %s seconds, and %d ms by the report", job, stage, value, least[stage])
			}
		}
	}
}

// TestPrometheusSeesTheRuns settles the sample week with the program as a process, and asks a real
// Prometheus, which scrapes a real Pushgateway and a real node exporter, what it knows of it.
func TestPrometheusSeesTheRuns(t *testing.T) {
	programs := prometheusFolder(t)
	if programs == "" {
		return
	}
	m := startMonitor(t, programs)
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "inbox"), os.DirFS("../../fixtures/sample/inbox")); err != nil {
		t.Fatal(err)
	}
	stores := []string{"--root", root, "--rules", "../../rules/sample.yaml"}
	run := func(code int, arguments ...string) *batch.Report {
		t.Helper()
		arguments = append([]string{"run", "--json", "--metrics-file", filepath.Join(m.textfiles, "settle.prom"), "--pushgateway", m.gateway}, arguments...)
		process, _ := program(append(arguments, stores...)...)
		var stdout, stderr bytes.Buffer
		process.Stdout, process.Stderr = &stdout, &stderr
		if got := exitCode(t, process.Run()); got != code || strings.Contains(stderr.String(), "could not be told") {
			t.Fatalf("settle %v: exit code %d\n%s", arguments, got, &stderr)
		}
		report := new(batch.Report)
		if code == 0 {
			if err := json.Unmarshal(stdout.Bytes(), report); err != nil {
				t.Fatal(err)
			}
		}
		return report
	}
	status := func() *batch.Status {
		t.Helper()
		status := new(batch.Status)
		if err := json.Unmarshal([]byte(inProcess(t, append([]string{"status", "--json"}, stores...)...)), status); err != nil {
			t.Fatal(err)
		}
		return status
	}
	m.expect(told(t, 0, run(0, "--date", "last", "--at", "2026-06-03T04:00:00+08:00", "--catch-up"), status()))
	two := run(0, "--date", "last", "--at", "2026-06-05T04:00:00+08:00", "--catch-up")
	m.expect(told(t, 0, two, status()))
	m.expectStages(two)
	// A run that is refused says so, and leaves alone what was settled.
	settled := m.query(`settle_settled_rows{job="settle"}`, "state")
	run(3, "--date", "last", "--at", "2026-06-06T04:00:00+08:00", "--strict")
	m.expect(told(t, 3, new(batch.Report), status()))
	for state, value := range m.query(`settle_settled_rows{job="settle"}`, "state") {
		if settled[state] != value {
			t.Errorf("after a refused run %s rows of state %s are settled, and were %s before", value, state, settled[state])
		}
	}
	m.expect(told(t, 0, run(0, "--date", "last", "--at", "2026-06-08T04:00:00+08:00", "--catch-up"), status()))
	m.expect(told(t, 0, run(0, "--date", "last", "--at", "2026-06-08T04:00:00+08:00", "--catch-up"), status()))
	// The loaded alerts look at these very series: the week lies months back by this machine's clock.
	m.until("the alert fires", func() bool {
		firing := m.query(`ALERTS{alertstate="firing",job="settle"}`, "alertname", "alliance")
		return firing["SettleNightNotSettled HUB"] == "1"
	})
	if pushed := m.query(`push_failure_time_seconds{job="settle"}`, "alliance"); pushed["HUB"] != "0" {
		t.Errorf("the Pushgateway refused a push: %v", pushed)
	}
}
