package batch_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
)

const checkRulebook = `
alliance: {id: HUB, name: Hub, currency: CNY, time_zone: UTC, cycle: daily}
intake: {accept_late_days: 5, max_rejected: {share: "0.5", rows: 2}}
ledger: {attribution: fifo, reversal_days: 30}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants:
  - {id: A, name: Merchant A, may_redeem_from: [A]}
  - {id: B, name: Merchant B, control: required}
`

const checkHeader = "transaction_id,member_id,kind,points,occurred_at,issuer_id\n"

// checkFiles writes files into a new directory and checks those whose names are given, or all.
func checkFiles(t *testing.T, merchant string, date settlement.Date, files map[string]string, names ...string) (batch.CheckReport, error) {
	t.Helper()
	rulebook, err := rules.Parse("rulebook.yaml", []byte(checkRulebook))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for name, content := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	job := batch.CheckJob{Rulebook: rulebook, Merchant: merchant, Date: date, Today: settlement.NewDate(2026, 7, 1)}
	for _, name := range names {
		job.Files = append(job.Files, filepath.Join(directory, name))
	}
	report, err := batch.Check(t.Context(), job)
	for i := range report.Files {
		report.Files[i].File = strings.TrimPrefix(report.Files[i].File, directory+"/")
	}
	for i := range report.Rows {
		row := &report.Rows[i]
		row.File = strings.TrimPrefix(row.File, directory+"/")
		row.Message = strings.ReplaceAll(row.Message, directory+"/", "")
	}
	return report, err
}

func TestCheckFindsWhatARunWould(t *testing.T) {
	report, err := checkFiles(t, "A", settlement.NoDate, map[string]string{
		"one/a.csv": checkHeader + "t1,m,issue,10,2026-06-01T09:00:00Z,\nt2,m,issue,0,2026-06-01T09:00:00Z,\nt3,m,redeem,1,2026-06-02T09:00:00Z,B\nt4,m,issue,1,2026-05-01T09:00:00Z,\n",
		"two/a.csv": checkHeader + "t1,m,issue,10,2026-06-01T09:00:00Z,\nt5,m,issue,10,2026-06-02T09:00:00Z,X\n",
	}, "one/a.csv", "two/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, row := range report.Rows {
		found = append(found, fmt.Sprintf("%s %d %s %s %s %s", row.File, row.Row, row.Code, row.Column, row.Value, row.State))
	}
	want := []string{
		"one/a.csv 2 invalid_value points 0 rejected",
		"one/a.csv 3 not_agreed issuer_id B rejected",
		"one/a.csv 4 too_late occurred_at 2026-05-01T09:00:00Z rejected",
		"two/a.csv 1 duplicate transaction_id t1 rejected",
		"two/a.csv 2 unknown_issuer issuer_id X rejected",
	}
	if strings.Join(found, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s, want\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	if got := report.Rows[3].Message; got != "the same as row 1 of one/a.csv; nothing to do" {
		t.Errorf("message of the duplicate: %s", got)
	}
	if report.Good() || report.Date != settlement.NewDate(2026, 6, 2) || report.Newest == nil || report.Newest.Row != 3 {
		t.Errorf("good %v, date %s, newest row %+v", report.Good(), report.Date, report.Newest)
	}
	if one := report.Files[0]; one.Rows != 4 || one.Good != 1 || one.Rejected != 3 || one.IssuedPoints != 11 || one.RedeemedPoints != 1 {
		t.Errorf("one/a.csv: %+v", one)
	}
}

func TestCheckOfGoodFiles(t *testing.T) {
	report, err := checkFiles(t, "A", settlement.NewDate(2026, 6, 1), map[string]string{
		"a.csv":  checkHeader + "t1,m,issue,10,2026-06-01T09:00:00Z,\nt2,m,issue,10,2026-06-02T09:00:00Z,\n",
		"b.json": "not looked at",
	}, "a.csv")
	if err != nil || !report.Good() || len(report.Rows) != 1 || report.Rows[0].Code != "future" || report.Files[0].Good != 1 || report.Files[0].Deferred != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if report, err = checkFiles(t, "A", settlement.NoDate, map[string]string{"a.jsonl": ""}, "a.jsonl"); err != nil || !report.Good() || report.Date != settlement.NewDate(2026, 7, 1) {
		t.Errorf("a file without rows: %+v, %v", report, err)
	}
}

func TestCheckHoldsFiles(t *testing.T) {
	row := "t%d,m,issue,0,2026-06-01T09:00:00Z,\n"
	bad := checkHeader
	for i := range 5 {
		bad += fmt.Sprintf(row, i)
	}
	for name, test := range map[string]struct {
		merchant, file, content, control string
		want                             string
	}{
		"too many rejects": {"A", "a.csv", bad, "", "too_many_rejects"},
		"unknown format":   {"A", "a.xls", "", "", "unknown_format"},
		"no control":       {"B", "a.csv", checkHeader, "", "not_in_control"},
		"control":          {"B", "a.csv", checkHeader, `{"files":[{"name":"a.csv","rows":1}]}`, "control_mismatch"},
		"bad control":      {"A", "a.csv", checkHeader, `{}`, "bad_control"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{test.file: test.content}
			if test.control != "" {
				files["_control.json"] = test.control
			}
			report, err := checkFiles(t, test.merchant, settlement.NewDate(2026, 6, 1), files, test.file)
			if err != nil || report.Good() {
				t.Fatalf("good: %+v, %v", report, err)
			}
			last := report.Files[len(report.Files)-1]
			if last.State != settlement.Held || last.Findings[0].Code != test.want {
				t.Errorf("found %+v, want %s", last, test.want)
			}
		})
	}
}

func TestCheckOfAControlThatNamesMore(t *testing.T) {
	report, err := checkFiles(t, "B", settlement.NewDate(2026, 6, 1), map[string]string{"a.csv": checkHeader,
		"_control.json": `{"files":[{"name":"a.csv"},{"name":"b.csv"}]}`}, "a.csv", "_control.json")
	if err != nil || len(report.Files) != 2 || len(report.Files[0].Findings) != 1 || !strings.Contains(report.Files[0].Findings[0].Message, "b.csv") {
		t.Errorf("%+v, %v", report.Files, err)
	}
}

func TestCheckRefusesWhatItCannotCheck(t *testing.T) {
	for want, test := range map[string]struct{ merchant, file string }{
		"no merchant":                                     {"X", "a.csv"},
		"the rulebook":                                    {"HUB", "a.csv"},
		"no such file":                                    {"A", "b.csv"},
		"names that begin":                                {"A", "_a.csv"},
		"nowhere/a.csv: there is no such file":            {"A", "nowhere/a.csv"},
		"a.csv/b.csv: there is no such file":              {"A", "a.csv/b.csv"},
		"june: this is a directory: name the files in it": {"A", "june"},
	} {
		_, err := checkFiles(t, test.merchant, settlement.NoDate, map[string]string{"a.csv": checkHeader, "_a.csv": "", "june/a.csv": checkHeader}, test.file)
		var wrong *batch.CheckError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestCheckTakesFilesOfThisMachineAlone(t *testing.T) {
	rulebook, err := rules.Parse("rulebook.yaml", []byte(checkRulebook))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"s3://deliveries/inbox/a.csv": "s3://deliveries/inbox/a.csv: only files of this machine are checked: copy it here first",
		"https://example.com/a.csv":   "https://example.com/a.csv: only files of this machine are checked: copy it here first",
		"":                            "a file has no name",
	} {
		job := batch.CheckJob{Rulebook: rulebook, Merchant: "A", Date: settlement.NoDate, Today: settlement.NewDate(2026, 7, 1), Files: []string{name}}
		var wrong *batch.CheckError
		if _, err := batch.Check(t.Context(), job); !errors.As(err, &wrong) || err.Error() != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestCheckIsNotLedAstrayByAMistypedDate takes the newest row that may have happened for the settlement date.
func TestCheckIsNotLedAstrayByAMistypedDate(t *testing.T) {
	row := func(id, date string) string { return id + ",m,issue,5," + date + "T10:00:00Z,\n" }
	june := row("1", "2026-06-01") + row("2", "2026-06-02")
	for name, test := range map[string]struct {
		rows, date string
		rejected   int
	}{
		"a year mistyped":  {june + row("3", "2062-06-01"), "2026-06-02", 1},
		"today":            {june + row("3", "2026-07-01"), "2026-07-01", 2},
		"tomorrow's night": {june + row("3", "2026-07-02"), "2026-06-02", 1},
		"all in future":    {row("1", "2026-08-01") + row("2", "2026-08-02"), "2026-08-02", 0},
	} {
		report, err := checkFiles(t, "A", settlement.NoDate, map[string]string{"a.csv": checkHeader + test.rows}, "a.csv")
		if err != nil || report.Date.String() != test.date || report.Files[0].Rejected != int64(test.rejected) || report.Newest == nil {
			t.Errorf("%s: checked for %s, %+v, %v", name, report.Date, report.Files, err)
		}
	}
}

// TestCheckSaysWhatToDo reads the messages as a merchant does: each ends with what to do.
func TestCheckSaysWhatToDo(t *testing.T) {
	rulebook, err := rules.Parse("rulebook.yaml", []byte(`
alliance: {id: HUB, currency: CNY, time_zone: UTC}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants:
  - {id: A, joined: 2026-06-01, left: 2026-06-30, may_redeem_from: [A]}
  - {id: B}
`))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{
		"1,m,issue,5,2026-06-02T10:00:00Z,X":          "issuer_id is neither a registered merchant nor the alliance; correct it, or leave it out",
		"1,m,redeem,5,2026-06-02T10:00:00Z,B":         "the merchant may not redeem points of this issuer; leave issuer_id out, or agree with the alliance on it",
		"1,m,issue,5,2026-05-31T10:00:00Z,":           "business date 2026-05-31 is before the merchant joined on 2026-06-01; ask the alliance for an adjustment",
		"1,m,issue,5,2026-07-01T10:00:00Z,":           "business date 2026-07-01 is after 2026-06-30, the last on which the merchant, which left on 2026-06-30, may deliver rows of kind issue; ask the alliance for an adjustment",
		"1,m,issue_reversal,5,2026-06-02T10:00:00Z,":  "original_transaction_id has no value; a row of kind issue_reversal must name the transaction that it reverses",
		"1,m,redeem_reversal,5,2026-06-02T10:00:00Z,": "original_transaction_id has no value; a row of kind redeem_reversal must name the transaction that it reverses",
	}
	for row, want := range wanted {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte(checkHeader+row+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		report, err := batch.Check(t.Context(), batch.CheckJob{Rulebook: rulebook, Merchant: "A", Date: settlement.NewDate(2026, 7, 1), Files: []string{path}})
		if err != nil || len(report.Rows) != 1 || report.Rows[0].Message != want {
			t.Errorf("%s: %+v, %v\nwant %s", row, report.Rows, err, want)
		}
	}
}
