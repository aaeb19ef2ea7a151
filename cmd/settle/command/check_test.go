package command

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckPrintsSomeRowsOfEachCode(t *testing.T) {
	w := newWorld(t)
	rows := "transaction_id,member_id,kind,points,occurred_at\n"
	for i := range 500 {
		points := "10"
		if i < 25 {
			points = "ten"
		}
		rows += fmt.Sprintf("t%d,m,issue,%s,2026-06-01T09:00:00Z\n", i, points)
	}
	w.write("a.csv", rows)
	file := filepath.Join(w.root, "a.csv")
	check := func(want int, more ...string) string {
		t.Helper()
		code, stdout, stderr := settle(append([]string{"check", "--rules", w.rules, "--merchant", "A", file}, more...)...)
		if code != want {
			t.Fatalf("exit code %d, want %d\n%s%s", code, want, stdout, stderr)
		}
		return stdout
	}
	if got := check(3); strings.Count(got, `points "ten"`) != 20 || !strings.Contains(got, "and 5 rows more; --all prints them") || !strings.Contains(got, "475 good, 0 dated ahead, 25 rejected") {
		t.Errorf("printed\n%s", got)
	}
	if got := check(3, "--all"); strings.Count(got, `points "ten"`) != 25 {
		t.Errorf("--all printed\n%s", got)
	}
	var report struct {
		Date    string           `json:"settlement_date"`
		Good    bool             `json:"is_good"`
		Rows    []map[string]any `json:"rows"`
		LeftOut map[string]int64 `json:"rows_left_out"`
	}
	if err := json.Unmarshal([]byte(check(3, "--json")), &report); err != nil || report.Good || report.Date != "2026-06-01" || len(report.Rows) != 20 || report.LeftOut["invalid_value"] != 5 {
		t.Errorf("--json: %+v, %v", report, err)
	}
	w.write("a.csv", strings.ReplaceAll(rows, "ten", "10"))
	if got := check(0); !strings.Contains(got, "nothing would be held or rejected") {
		t.Errorf("printed\n%s", got)
	}
	for want, arguments := range map[string][]string{
		"takes files":       {"check", "--rules", w.rules, "--merchant", "A"},
		"--merchant":        {"check", "--rules", w.rules, file},
		"no merchant \"X\"": {"check", "--rules", w.rules, "--merchant", "X", file},
		"no such file":      {"check", "--rules", w.rules, "--merchant", "A", file + "x"},
	} {
		if code, _, stderr := settle(arguments...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", arguments, code, stderr)
		}
	}
}

func TestGenerateWritesAnAllianceThatSettles(t *testing.T) {
	out := filepath.Join(t.TempDir(), "trial")
	code, stdout, stderr := settle("generate", "--out", out, "--rows", "50", "--members", "20", "--merchants", "2", "--nights", "1", "--formats", "csv,jsonl.gz")
	if code != 0 || !strings.Contains(stdout, "50 rows of 2 merchants in 2 files") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := settle("run", "--root", out, "--rules", filepath.Join(out, "rulebook.yaml"), "--date", "2026-06-01"); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for want, arguments := range map[string][]string{
		"not empty":       {"generate", "--out", out},
		"--out is needed": {"generate"},
		"--bad-share":     {"generate", "--out", out + "2", "--bad-share", "2"},
		"format \"xls\"":  {"generate", "--out", out + "2", "--formats", "xls"},
		"profile \"x\"":   {"generate", "--out", out + "2", "--profiles", "x"},
		"0 merchants":     {"generate", "--out", out + "2", "--merchants", "0"},
		"--from":          {"generate", "--out", out + "2", "--from", "yesterday"},

		"--merchant-share":               {"generate", "--out", out + "2", "--merchant-share", "95"},
		"--active-share":                 {"generate", "--out", out + "2", "--active-share", "-1"},
		"--files-per-merchant 0":         {"generate", "--out", out + "2", "--files-per-merchant", "0"},
		"1000 files per merchant":        {"generate", "--out", out + "2", "--files-per-merchant", "1000"},
		"9 rows of one member":           {"generate", "--out", out + "2", "--rows", "8", "--member-rows", "9"},
		"9 lots that expire":             {"generate", "--out", out + "2", "--lots", "8", "--expiring-lots", "9"},
		"one has a share":                {"generate", "--out", out + "2", "--even-merchants", "--merchant-share", "0.5"},
		"1000 millionths of 999 members": {"generate", "--out", out + "2", "--members", "999", "--active-share", "0.001"},
		"give a number from 1 to 99999":  {"generate", "--out", out + "2", "--merchants", "100000"},
	} {
		if code, _, stderr := settle(arguments...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%v: exit code %d, %s", arguments, code, stderr)
		}
	}
}

func TestGenerateWritesNightsOfUnusualShape(t *testing.T) {
	for name, shape := range map[string][]string{
		"skewed":    {"--merchant-share", "0.95", "--member-rows", "100"},
		"scattered": {"--plain", "--lots", "200", "--active-share", "0.1", "--expiring-lots", "50"},
		"many":      {"--merchants", "600", "--even-merchants", "--files-per-merchant", "2"},
	} {
		out := filepath.Join(t.TempDir(), name)
		arguments := append([]string{"generate", "--out", out, "--nights", "1", "--rows", "200", "--members", "50", "--json"}, shape...)
		code, stdout, stderr := settle(arguments...)
		if code != 0 || !strings.Contains(stdout, `"rows": 200`) {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
		files := map[string]string{"skewed": `"files": 5`, "scattered": `"lots": 200`, "many": `"files": 1200`}[name]
		if !strings.Contains(stdout, files) {
			t.Errorf("%s: no %s in\n%s", name, files, stdout)
		}
		if code, stdout, stderr := settle("run", "--root", out, "--rules", filepath.Join(out, "rulebook.yaml"), "--date", "2026-06-01"); code != 0 {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
}
