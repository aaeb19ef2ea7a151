package statement

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"alliance/settlement"
)

func shown(t *testing.T, p published, folder string) string {
	t.Helper()
	var text bytes.Buffer
	if err := Show(&text, p.open(folder)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestShow(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	for _, merchant := range []string{"A", "B", "C"} {
		golden(t, "show_"+merchant+".txt", shown(t, p, "merchant="+merchant+"/date=2026-06-16"))
	}
}

// A night in the middle of a month, without lots, with more exceptions than are shown.
func TestShowARunningCycle(t *testing.T) {
	night := smallNight()
	night.Tracked, night.Cycle = false, settlement.Monthly.CycleOf(night.Date)
	night.Positions, night.Fees, night.Payments, night.Exceptions = nil, nil, nil, nil
	for i := range night.Statements {
		night.Statements[i].Position = settlement.Position{}
		night.Statements[i].CycleReceivable = money("1234567.5")
		night.Statements[i].Complete = true
	}
	for row := range int64(2_025) {
		night.Exceptions = append(night.Exceptions, settlement.Exception{
			Merchant: B, File: "merchant=B/date=2026-06-16/b.csv", Row: row + 1, TransactionID: "b-" + strconv.FormatInt(row, 10),
			Code: settlement.InvalidValue, State: settlement.Rejected, Column: "points", Value: "\x1b[2J", Message: "\x1b[2J is no whole number",
		})
	}
	golden(t, "show_running.txt", shown(t, publish(t, night, Options{DetailRowsPerFile: 3}), "merchant=B/date=2026-06-16"))
}

func TestDueInWords(t *testing.T) {
	for _, test := range []struct{ due, held, carried, want string }{
		{"404.0600", "21.2700", "0.0000", "To be paid to B: 404.06 CNY, provisional until 2026-06-30 is closed. 21.27 CNY is held back."},
		{"-787.0900", "0.0000", "0.0000", "To be paid by B: 787.09 CNY, provisional until 2026-06-30 is closed."},
		{"0.0000", "0.0000", "313.6000", "Nothing is to be paid. 313.60 CNY is carried to the next cycle to the merchant's credit."},
		{"0.0000", "0.0000", "-13.6050", "Nothing is to be paid. 13.605 CNY is carried to the next cycle to the merchant's debit."},
	} {
		head := map[string]string{"merchant_id": "B", "currency": "CNY", "settlement_date": "2026-06-30", "due": test.due, "held": test.held, "carried_out": test.carried}
		if got := dueInWords(head); got != test.want {
			t.Errorf("due %s is\n%s\ninstead of\n%s", test.due, got, test.want)
		}
	}
}

func TestShowJSON(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	var text bytes.Buffer
	if err := ShowJSON(&text, p.open("merchant=A/date=2026-06-16")); err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Summary    map[string]any
		Statement  []map[string]any
		Exceptions []map[string]any
		Inputs     []map[string]any
		Files      []ManifestEntry
	}
	if err := json.Unmarshal(text.Bytes(), &parsed); err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	if len(parsed.Statement) != 5 || len(parsed.Exceptions) != 2 || len(parsed.Inputs) != 1 || len(parsed.Files) != 5 {
		t.Errorf("it is\n%s", text.String())
	}
	if parsed.Summary["due"] != "8.3400" || parsed.Summary["points_closing"] != 1328.0 || parsed.Summary["cycle_closed"] != true {
		t.Errorf("the summary is %v", parsed.Summary)
	}
	if price, found := parsed.Statement[2]["price"]; !found || price != nil || parsed.Statement[2]["business_date"] != "2026-06-16" {
		t.Errorf("the adjustment is %v", parsed.Statement[2])
	}
	if !strings.HasPrefix(text.String(), "{\n  \"summary\": {\n    \"statement_no\": \"ST-A-20260616-2\",\n    \"version\": 2,\n") {
		t.Errorf("members are not in the order of the columns:\n%s", text.String())
	}
}

func TestShowNoticesAFolderThatChanges(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	folder := "merchant=A/date=2026-06-16"
	other := publish(t, largeNight(5), Options{})
	p.files[folder+"/statement.parquet"] = other.files[folder+"/statement.parquet"]
	var text bytes.Buffer
	err := Show(&text, p.open(folder))
	if !errors.Is(err, ErrChanging) || text.Len() > 0 {
		t.Errorf("error %v after\n%s", err, text.String())
	}
	if err := Show(&text, p.open("alliance/date=2026-06-16")); err == nil || !strings.Contains(err.Error(), "not a merchant's statement") {
		t.Errorf("the alliance's folder gives %v", err)
	}
	if err := ShowJSON(&text, p.open("merchant=Z/date=2026-06-16")); err == nil || !strings.Contains(err.Error(), ManifestFile) {
		t.Errorf("a folder that is not there gives %v", err)
	}
}

func TestDump(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	const path = "merchant=A/date=2026-06-16/detail.parquet"
	want := "amount,line_no,occurred_at\n-1.9000,1,2026-06-16T01:30:00.123456Z\n"
	if got := p.dump(t, path, "amount", "line_no", "occurred_at"); !strings.HasPrefix(got, want) {
		t.Errorf("three columns are\n%s", got)
	}
	if got := p.dump(t, path, "lot_id"); got != "lot_id\na-lot-1\na-lot-1\na-lot-2\na-lot-2\n\"\"\n\"\"\na-lot-3\na-lot-4\n" {
		t.Errorf("one column with nulls is\n%s", got)
	}
	err := Dump(&bytes.Buffer{}, p.files[path], []string{"amount", "member_id"})
	if err == nil || !strings.Contains(err.Error(), `no column "member_id"; it has statement_no, line_no`) {
		t.Errorf("a column that is not there gives %v", err)
	}
}
