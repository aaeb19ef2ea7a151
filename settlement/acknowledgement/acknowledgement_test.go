package acknowledgement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

var (
	day     = settlement.NewDate(2026, 3, 10)
	parties = settlement.NewParties([]string{"A", "B", "C", "HUB"})
)

const (
	partyA settlement.Party = iota
	partyB
	partyC
	hub
)

// A delivered file of a test, and the exceptions of its rows.
type file struct {
	name, content string
	rejected      []settlement.Exception
}

// deliver puts files of A into an inbox and returns what a night says about them.
func deliver(t testing.TB, files ...file) (storage.Bucket, *settlement.Night) {
	t.Helper()
	inbox := storage.NewMemory()
	night := &settlement.Night{Date: day, Parties: parties, Alliance: hub, Statements: []settlement.Statement{{Merchant: partyA, Version: 1}}}
	for _, f := range files {
		key := "merchant=A/date=2026-03-10/" + f.name
		if err := inbox.Create(t.Context(), key, strings.NewReader(f.content)); err != nil {
			t.Fatal(err)
		}
		objects, err := inbox.List(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := intake.Read(t.Context(), inbox, &intake.Object{Name: f.name, Format: intake.FormatOf(f.name), Object: objects[0]}, func(*settlement.Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		night.Inputs = append(night.Inputs, settlement.Input{Merchant: partyA, Key: key, Version: objects[0].Version, Bytes: objects[0].Size,
			SHA256: facts.SHA256, Rows: facts.Rows, State: settlement.Consumed, Rejected: int64(len(f.rejected))})
		for _, exception := range f.rejected {
			exception.Merchant, exception.File, exception.State = partyA, key, settlement.Rejected
			night.Exceptions = append(night.Exceptions, exception)
		}
	}
	return inbox, night
}

func encode(t *testing.T, night *settlement.Night, source Source) (Acknowledgement, string) {
	t.Helper()
	encoded, err := Encode(t.Context(), night, partyA, 1, source)
	if err != nil {
		t.Fatal(err)
	}
	var ack Acknowledgement
	if err := json.Unmarshal(encoded.Acknowledgement, &ack); err != nil {
		t.Fatal(err)
	}
	return ack, string(encoded.Rejected)
}

func invalid(row int64) settlement.Exception {
	return settlement.Exception{Row: row, Code: settlement.InvalidValue, Column: "points", Message: "wrong"}
}

func TestRejectedRowsAreGivenBack(t *testing.T) {
	inbox, night := deliver(t,
		file{"a.csv", "till,transaction_id,member_id,kind,points,occurred_at,amount,row\n" +
			"7,t1,m,issue,0,x,-12.34,1\n" + "7,t2,m,issue,1,x,1,2\n" + "=1+1,-t3,@m,'issue,'=0,x,+5,3\n" + "t4,\"\n",
			[]settlement.Exception{invalid(1), invalid(3), {Row: 4, Code: settlement.Malformed, Message: "not closed"}}},
		file{"b.jsonl", `{"transaction_id":"t5","note":"said \"no\"","till":8,"points":null}` + "\n",
			[]settlement.Exception{{Row: 1, Code: settlement.MissingField, Message: "no value"}, {Row: 1, Code: settlement.Unfunded}}},
	)
	ack, rejected := encode(t, night, Source{Inbox: inbox})
	const want = `transaction_id,member_id,kind,points,occurred_at,amount,till,note,file,row,code,column,message,raw
t1,m,issue,0,x,-12.34,7,,merchant=A/date=2026-03-10/a.csv,1,invalid_value,points,wrong,
'-t3,'@m,'issue,''=0,x,+5,'=1+1,,merchant=A/date=2026-03-10/a.csv,3,invalid_value,points,wrong,
,,,,,,,,merchant=A/date=2026-03-10/a.csv,4,malformed,,not closed,"t4,"""
t5,,,,,,8,"said ""no""",merchant=A/date=2026-03-10/b.jsonl,1,missing_field,,no value,
`
	if rejected != want {
		t.Errorf("rejected.csv is\n%s, want\n%s", rejected, want)
	}
	if ack.RejectedFile == nil || ack.RejectedFile.Rows != 4 || len(ack.Files) != 2 || ack.StatementNo != "ST-A-20260310-1" {
		t.Errorf("ack.json is %+v", ack)
	}
}

func TestRejectedFileCanBeRejectedItself(t *testing.T) {
	inbox, night := deliver(t, file{"mended.csv", "transaction_id,member_id,kind,points,occurred_at,file,row,code,column,message,raw\nt1,m,issue,0,x,a.csv,9,invalid_value,points,wrong,\n",
		[]settlement.Exception{invalid(1)}})
	_, rejected := encode(t, night, Source{Inbox: inbox})
	const want = "transaction_id,member_id,kind,points,occurred_at,file,row,code,column,message,raw\nt1,m,issue,0,x,merchant=A/date=2026-03-10/mended.csv,1,invalid_value,points,wrong,\n"
	if rejected != want {
		t.Errorf("rejected.csv is\n%s, want\n%s", rejected, want)
	}
}

func TestColumnsBeyondTheLimitAreCounted(t *testing.T) {
	names := make([]string, 0, 130)
	for i := range 125 {
		names = append(names, fmt.Sprintf(`"n%d":1`, i))
	}
	inbox, night := deliver(t, file{"a.jsonl", "{" + strings.Join(names, ",") + "}\n", []settlement.Exception{invalid(1)}})
	ack, rejected := encode(t, night, Source{Inbox: inbox})
	header, _, _ := strings.Cut(rejected, "\n")
	if columns := strings.Count(header, ",") + 1; columns != maxOtherColumns+len(ownColumns) || ack.RejectedFile.ColumnsLeftOut != 25 {
		t.Errorf("%d columns, %d left out", columns, ack.RejectedFile.ColumnsLeftOut)
	}
}

func TestRowsOfEarlierFiles(t *testing.T) {
	const content = "transaction_id,member_id,kind,points,occurred_at\nr1,m,redeem_reversal,5,x\n"
	for name, test := range map[string]struct {
		change func(storage.Bucket, string) error
		fault  string
	}{
		"there": {func(storage.Bucket, string) error { return nil }, ""},
		"delivered again": {func(b storage.Bucket, key string) error {
			return b.Replace(t.Context(), key, strings.NewReader(content))
		}, ""},
		"gone":    {func(b storage.Bucket, key string) error { return b.Delete(t.Context(), key) }, faultGone},
		"changed": {func(b storage.Bucket, key string) error { return b.Replace(t.Context(), key, strings.NewReader("x")) }, faultChanged},
		"changed unseen": {func(b storage.Bucket, key string) error {
			return b.Replace(t.Context(), key, strings.NewReader(strings.Replace(content, "r1", "r2", 1)))
		}, faultChanged},
	} {
		t.Run(name, func(t *testing.T) {
			inbox, night := deliver(t, file{"a.csv", content, []settlement.Exception{{Row: 1, Code: settlement.UnknownOriginal, Message: "gave up"}}})
			earlier := night.Inputs[0]
			night.Inputs = nil
			if err := test.change(inbox, earlier.Key); err != nil {
				t.Fatal(err)
			}
			ack, rejected := encode(t, night, Source{Inbox: inbox, Consumed: func(key string) (settlement.Date, settlement.Input, bool) {
				return day - 3, earlier, key == earlier.Key
			}})
			if len(ack.EarlierFiles) != 1 || ack.EarlierFiles[0].Rejected != 1 || ack.EarlierFiles[0].SettlementDate != day-3 {
				t.Errorf("earlier files: %+v", ack.EarlierFiles)
			}
			switch {
			case test.fault == "" && (len(ack.NotAvailable) > 0 || !strings.Contains(rejected, "\nr1,m,redeem_reversal,5,x,")):
				t.Errorf("not available %+v, rejected.csv\n%s", ack.NotAvailable, rejected)
			case test.fault != "" && (rejected != "" || len(ack.NotAvailable) != 1 || ack.NotAvailable[0].Message != test.fault):
				t.Errorf("not available %+v, rejected.csv\n%s", ack.NotAvailable, rejected)
			}
		})
	}
}

func TestWhoGetsAnAcknowledgement(t *testing.T) {
	night := &settlement.Night{Date: day, Parties: parties, Alliance: hub,
		Inputs: []settlement.Input{{Merchant: partyA, Key: "k", State: settlement.Held, Code: settlement.UnknownFormat},
			{Merchant: partyC, State: settlement.Missing, Reason: "no file"}, {Merchant: hub, Key: "x", State: settlement.Consumed}},
		Exceptions: []settlement.Exception{{Merchant: settlement.NoParty, Code: settlement.UnknownMerchant},
			{Merchant: partyA, File: "k", Code: settlement.HoldExpired, State: settlement.Held, Message: "the last night"},
			{Merchant: partyA, File: "k", Code: settlement.UnknownFormat, State: settlement.Held, Message: "rename it"},
			{Merchant: partyB, Row: 1, Code: settlement.Unfunded, State: settlement.Rejected}}}
	if got := Merchants(night); !slices.Equal(got, []settlement.Party{partyA, partyC}) {
		t.Errorf("merchants: %v", got)
	}
	ack, _ := encode(t, night, Source{})
	if f := ack.Files[0]; f.Code != "unknown_format" || f.Message != "rename it" || len(f.Notices) != 1 || f.Notices[0].Code != "hold_expired" {
		t.Errorf("held file: %+v", f)
	}
	missing, err := Encode(t.Context(), night, partyC, 1, Source{})
	if err != nil || !strings.Contains(string(missing.Acknowledgement), "\"state\": \"missing\",\n      \"message\": \"no file\"") {
		t.Errorf("missing merchant: %s, %v", missing.Acknowledgement, err)
	}
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "-1": "-1", "+1.50": "+1.50", "-1.": "'-1.", "-": "'-", "=1": "'=1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx",
		"'": "'", "'a": "'a", "'=1": "''=1", "''=1": "'''=1", "1e3": "1e3", "-1e3": "'-1e3", "-1.2.3": "'-1.2.3", "-é": "'-é",
	} {
		if got := harmless(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
