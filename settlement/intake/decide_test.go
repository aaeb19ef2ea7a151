package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"

	"github.com/shopspring/decimal"
)

const goodFile = goodHeader + "1,m,issue,5,x\n2,m,redeem,3,x\n"

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// consumed is an input that a settled date consumed whole.
func consumed(key, text string) settlement.Input {
	return settlement.Input{Merchant: partyA, Key: key, Version: "old", Bytes: int64(len(text)), SHA256: digestOf(text),
		State: settlement.Consumed, Rows: 2, Accepted: 2}
}

// judge runs what a driver runs for every object, and shows the verdicts by key.
func judge(t *testing.T, inbox storage.Bucket, history *History, rejects Rejects) map[string]string {
	t.Helper()
	listing := discoverAfter(t, inbox, history)
	verdicts := map[string]string{}
	for i := range listing.Objects {
		object := &listing.Objects[i]
		action := listing.Action(history, object)
		if action == Skip {
			verdicts[object.Key] = "skipped"
			continue
		}
		sink := func(*settlement.Record) error { return nil }
		if action == HashOnly {
			sink = nil
		}
		facts, err := Read(context.Background(), inbox, object, sink)
		if err != nil {
			t.Fatal(err)
		}
		verdict := listing.Decide(history, object, &facts, rejects)
		verdicts[object.Key] = showVerdict(verdict)
		if input := verdict.Input(object, &facts); input.SHA256 == "" || input.Key != object.Key || input.Code != verdict.Code {
			t.Errorf("input %+v", input)
		}
	}
	for _, control := range listing.Controls {
		verdicts[control.Key] = showVerdict(listing.DecideControl(control))
	}
	return verdicts
}

func showVerdict(verdict Verdict) string {
	if verdict.Unchanged {
		return "unchanged"
	}
	text := verdict.State.String()
	for _, exception := range verdict.Exceptions {
		text += fmt.Sprintf(" %s/%s", exception.Code, exception.State)
		if exception.Column != "" {
			text += "(" + exception.Column + ")"
		}
		if exception.Row != 0 || exception.Message == "" || exception.File == "" {
			text += " malformed exception"
		}
	}
	return text
}

func TestVerdicts(t *testing.T) {
	const today, first = "merchant=A/date=2026-03-10/", "merchant=A/date=2026-03-07/"
	const key = today + "a.csv"
	withControl := func(control string) map[string]string {
		return map[string]string{key: goodFile, today + "_control.json": control}
	}
	cases := []struct {
		name    string
		files   map[string]string
		history []settlement.Input
		settled settlement.Date
		bad     int64
		want    string
	}{
		{name: "good", want: "consumed"},
		{name: "good JSON lines", files: map[string]string{today + "a.jsonl": "{}\n"}, want: "consumed"},
		{name: "no rows", files: map[string]string{key: goodHeader}, want: "consumed"},
		{name: "unknown column", files: map[string]string{key: "x," + strings.Replace(goodFile, "\n", ",y\n", 1)}, want: "consumed unknown_column/noticed(x)"},
		{name: "unknown format", files: map[string]string{today + "a.txt": goodFile}, want: "held unknown_format/held"},
		{name: "capitals", files: map[string]string{today + "a.CSV": goodFile}, want: "held unknown_format/held"},
		{name: "broken Parquet", files: map[string]string{today + "a.parquet": "PAR1"}, want: "held unreadable_file/held"},
		{name: "packed Parquet", files: map[string]string{today + "a.parquet.gz": "PAR1"}, want: "held unknown_format/held"},
		{name: "last night", files: map[string]string{first + "a.txt": ""}, want: "held unknown_format/held hold_expired/held"},
		{name: "replaced", history: []settlement.Input{consumed(key, "other")}, want: "held replaced_file/held"},
		{name: "replaced, last night", files: map[string]string{first + "a.csv": goodFile}, history: []settlement.Input{consumed(first+"a.csv", "other")},
			want: "held replaced_file/held hold_expired/held"},
		{name: "replaced comes before duplicate", history: []settlement.Input{consumed(key, "other"), consumed(first+"b.csv", goodFile)}, want: "held replaced_file/held"},
		{name: "touched", history: []settlement.Input{consumed(key, goodFile)}, want: "unchanged"},
		{name: "duplicate", history: []settlement.Input{consumed(first+"b.csv", goodFile)}, want: "duplicate duplicate_file/noticed"},
		{name: "duplicate of the first date that counts", history: []settlement.Input{consumed(first+"b.csv", goodFile)}, settled: day - 3, want: "duplicate duplicate_file/noticed"},
		{name: "repeats an object of long ago", history: []settlement.Input{consumed(first+"b.csv", goodFile)}, settled: day - 4, want: "consumed"},
		{name: "repeats an object that had rejects", history: []settlement.Input{with(consumed(first+"b.csv", goodFile), func(i *settlement.Input) { i.Rejected = 1 })}, want: "consumed"},
		{name: "repeats an object that had deferred rows", history: []settlement.Input{with(consumed(first+"b.csv", goodFile), func(i *settlement.Input) { i.Deferred = 1 })}, want: "consumed"},
		{name: "repeats an object without rows", history: []settlement.Input{with(consumed(first+"b.csv", goodFile), func(i *settlement.Input) { i.Rows = 0 })}, want: "consumed"},
		{name: "repeats an object of another merchant", history: []settlement.Input{with(consumed(first+"b.csv", goodFile), func(i *settlement.Input) { i.Merchant = partyB })}, want: "consumed"},
		{name: "repeats a held object", history: []settlement.Input{with(consumed(key, goodFile), func(i *settlement.Input) { i.State = settlement.Held })}, want: "consumed"},
		{name: "a duplicate touched", history: []settlement.Input{with(consumed(key, goodFile), func(i *settlement.Input) { i.State = settlement.DuplicateState })}, want: "unchanged"},
		{name: "a duplicate's key with other content", history: []settlement.Input{with(consumed(key, "other"), func(i *settlement.Input) { i.State = settlement.DuplicateState })}, want: "consumed"},
		{name: "duplicate comes before control", files: withControl("broken"), history: []settlement.Input{consumed(first+"b.csv", goodFile)}, want: "duplicate duplicate_file/noticed"},
		{name: "bad control", files: withControl(`{"files":[`), want: "held bad_control/held"},
		{name: "not in control", files: withControl(`{"files":[]}`), want: "held not_in_control/held"},
		{name: "no control where none is required", want: "consumed"},
		{name: "named", files: withControl(`{"files":[{"name":"a.csv"}]}`), want: "consumed"},
		{name: "agrees", files: withControl(`{"files":[{"name":"a.csv","sha256":"` + strings.ToUpper(digestOf(goodFile)) + `","rows":2,"issued_points":5,"redeemed_points":3}]}`), want: "consumed"},
		{name: "other hash", files: withControl(`{"files":[{"name":"a.csv","sha256":"` + digestOf("x") + `"}]}`), want: "held control_mismatch/held(sha256)"},
		{name: "other rows", files: withControl(`{"files":[{"name":"a.csv","rows":3}]}`), want: "held control_mismatch/held(rows)"},
		{name: "other issued points", files: withControl(`{"files":[{"name":"a.csv","issued_points":0}]}`), want: "held control_mismatch/held(issued_points)"},
		{name: "other redeemed points", files: withControl(`{"files":[{"name":"a.csv","rows":2,"redeemed_points":5}]}`), want: "held control_mismatch/held(redeemed_points)"},
		{name: "unreadable", files: map[string]string{key: "kind,kind\n"}, want: "held unreadable_file/held"},
		{name: "missing column", files: map[string]string{key: "kind\n"}, want: "held missing_column/held(transaction_id)"},
		{name: "unreadable comes before mismatch", files: map[string]string{key: "", today + "_control.json": `{"files":[{"name":"a.csv","rows":3}]}`}, want: "held unreadable_file/held"},
		{name: "too many rejects", bad: 2, want: "held too_many_rejects/held"},
		{name: "as many rejects as are borne", bad: 1, want: "consumed"},
		{name: "mismatch comes before rejects", files: withControl(`{"files":[{"name":"a.csv","rows":3}]}`), bad: 2, want: "held control_mismatch/held(rows)"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if test.files == nil {
				test.files = map[string]string{key: goodFile}
			}
			if test.settled == 0 {
				test.settled = day - 1
			}
			history := NewHistory()
			for _, input := range test.history {
				history.Add(test.settled, input)
			}
			got := judge(t, inboxOf(t, test.files), history, Rejects{Bad: test.bad, MaxShare: decimal.RequireFromString("0.5"), MaxRows: 1})
			for file, verdict := range got {
				if strings.HasSuffix(file, controlName) {
					continue
				}
				if verdict != test.want {
					t.Errorf("%s: got %q, want %q", file, verdict, test.want)
				}
			}
		})
	}
}

func with(input settlement.Input, change func(*settlement.Input)) settlement.Input {
	change(&input)
	return input
}

func TestSkipWhatIsOnRecord(t *testing.T) {
	inbox := inboxOf(t, map[string]string{"merchant=A/date=2026-03-10/a.csv": goodFile})
	object := &discover(t, inbox).Objects[0]
	for _, state := range []settlement.State{settlement.Consumed, settlement.DuplicateState, settlement.Held} {
		history := NewHistory()
		history.Add(day-1, settlement.Input{Merchant: partyA, Key: object.Key, Version: object.Version, Bytes: object.Size, SHA256: "?", State: state})
		want := "skipped"
		if state == settlement.Held {
			want = "consumed"
		}
		if got := judge(t, inbox, history, noRejects())[object.Key]; got != want {
			t.Errorf("%s: %s", state, got)
		}
	}
}

func TestControlRequired(t *testing.T) {
	const folder = "merchant=B/date=2026-03-10/"
	got := judge(t, inboxOf(t, map[string]string{folder + "a.csv": goodFile}), NewHistory(), noRejects())
	if got[folder+"a.csv"] != "held not_in_control/held" {
		t.Error(got)
	}
	got = judge(t, inboxOf(t, map[string]string{folder + "a.csv": goodFile, folder + "_control.json": `{"files":[{"name":"a.csv"}]}`}), NewHistory(), noRejects())
	if got[folder+"a.csv"] != "consumed" || got[folder+"_control.json"] != "consumed" {
		t.Error(got)
	}
}

func TestControlVerdict(t *testing.T) {
	for folder, want := range map[string]string{
		"merchant=A/date=2026-03-10/": "held bad_control/held", "merchant=A/date=2026-03-07/": "held bad_control/held hold_expired/held"} {
		got := judge(t, inboxOf(t, map[string]string{folder + "_control.json": `{}`}), NewHistory(), noRejects())
		if got[folder+"_control.json"] != want {
			t.Error(got)
		}
	}
}

func TestParseControl(t *testing.T) {
	good := []string{
		`{"files":[]}`, " {\n \"files\" : [ ] }\r\n", `{"files":[{"name":"a.csv","rows":null,"sha256":null}]}`,
		`{"files":[{"rows":0,"issued_points":9223372036854775807,"redeemed_points":0,"name":"_"},{"name":"b.csv"}]}`,
	}
	good[3] = strings.Replace(good[3], `"_"`, `"a.csv"`, 1)
	for _, text := range good {
		if files, fault := parseControl([]byte(text), &standard); fault != "" || files == nil {
			t.Errorf("%s: %s", text, fault)
		}
	}
	bad := map[string]string{
		``: "an object", `[]`: "an object", `{}`: `no list "files"`, `{"files":null}`: "a list", `{"files":[1]}`: "an object",
		`{"files":[{}]}`: `no "name"`, `{"files":[{"name":null}]}`: "not a string", `{"files":[{"name":1}]}`: "not a string", `{"files":[{"name":""}]}`: `no "name"`,
		`{"files":[{"name":"a/b.csv"}]}`: "cannot be the name", `{"files":[{"name":"_a.csv"}]}`: "cannot be the name", `{"files":[{"name":".."}]}`: "cannot be the name",
		`{"files":[{"name":"a"},{"name":"a"}]}`: "twice", `{"files":[{"name":"a","name":"b"}]}`: "twice", `{"files":[],"files":[]}`: "twice",
		`{"files":[{"name":"a","row":1}]}`: `unknown key "row"`, `{"version":1,"files":[]}`: `unknown key "version"`,
		`{"files":[{"name":"a","rows":-1}]}`: "whole number", `{"files":[{"name":"a","rows":-0}]}`: "whole number", `{"files":[{"name":"a","rows":1.0}]}`: "whole number",
		`{"files":[{"name":"a","rows":"1"}]}`: "whole number", `{"files":[{"name":"a","rows":9223372036854775808}]}`: "whole number", `{"files":[{"name":"a","rows":true}]}`: "whole number",
		`{"files":[{"name":"a","sha256":"12"}]}`: "64 hexadecimal", `{"files":[{"name":"a","sha256":"` + strings.Repeat("g", 64) + `"}]}`: "64 hexadecimal",
		`{"files":[]} x`: "follows the end", `{"files":[{"name":"\ud800"}]}`: "surrogate", "{\"files\":[{\"name\":\"\xff\"}]}": "UTF-8", byteOrderMark + `{"files":[]}`: "an object",
	}
	for text, want := range bad {
		if _, fault := parseControl([]byte(text), &standard); !strings.Contains(fault, want) {
			t.Errorf("%s: got %q, want %q", text, fault, want)
		}
	}
	long := inboxOf(t, map[string]string{"merchant=A/date=2026-03-10/_control.json": strings.Repeat(" ", 1<<20) + `{"files":[]}`})
	if control := discover(t, long).Controls[0]; !strings.Contains(control.Fault, "limit of 1048576") {
		t.Error(control.Fault)
	}
}

func TestMissing(t *testing.T) {
	const a, b, c = "merchant=A/date=2026-03-10/", "merchant=B/date=2026-03-10/", "merchant=C/date=2026-03-10/"
	cases := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing at all", nil, "A B"},
		{"another date", map[string]string{"merchant=A/date=2026-03-09/a.csv": "", "merchant=B/date=2026-03-11/a.csv": ""}, "A B"},
		{"a file of any kind", map[string]string{a + "a.txt": "", b + "a.csv": ""}, "B"},
		{"not data", map[string]string{a + "_a.csv": "", a + ".csv": "", a + "x/a.csv": ""}, "A B"},
		{"no activity", map[string]string{a + "_control.json": `{"files":[]}`, b + "_control.json": `{"files":[]}`}, ""},
		{"control names what is there", map[string]string{a + "a.csv": "", b + "b.csv": "", b + "_control.json": `{"files":[{"name":"b.csv"}]}`}, ""},
		{"control names what is not there", map[string]string{a + "a.csv": "", a + "_control.json": `{"files":[{"name":"x.csv"},{"name":"a.csv"},{"name":"y.csv"}]}`, b + "_control.json": `{"files":[]}`}, "A[x.csv y.csv]"},
		{"bad control and nothing else", map[string]string{a + "_control.json": "", b + "_control.json": ""}, "A B"},
		{"bad control", map[string]string{a + "_control.json": "", a + "a.csv": "", b + "_control.json": "", b + "b.csv": ""}, ""},
		{"not expected", map[string]string{a + "a.csv": "", b + "_control.json": `{"files":[]}`, c + "_control.json": `{"files":[{"name":"x.csv"}]}`}, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, missing := range discover(t, inboxOf(t, test.files)).Missing(parties) {
				text := parties.ID(missing.Merchant)
				if len(missing.Files) > 0 {
					text += fmt.Sprint(missing.Files)
				}
				if missing.Reason == "" {
					t.Error("no reason")
				}
				got = append(got, text)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestDiscover(t *testing.T) {
	inbox := inboxOf(t, map[string]string{
		"merchant=A/date=2026-03-10/b.csv": "", "merchant=A/date=2026-03-10/a.csv": "", "merchant=A/date=2026-03-10/_x.csv": "", "merchant=A/date=2026-03-10/.x.csv": "",
		"merchant=A/date=2026-03-07/a.csv": "", "merchant=A/date=2026-03-06/a.csv": "", "merchant=A/date=2026-03-11/a.csv": "",
		"merchant=A/date=2026-3-1/a.csv": "", "merchant=A/date=2026-02-29/a.csv": "", "merchant=A/notes/a.csv": "", "merchant=A/loose.csv": "",
		"merchant=A/date=2026-03-10/sub/a.csv": "", "merchant=A/date=2026-03-10/sub/b.csv": "", "merchant=A/date=2026-03-10/_tmp/b.csv": "",
		"merchant=B/date=2026-03-08/_control.json": `{"files":[]}`, "merchant=B/date=2026-03-05/_control.json": `{"files":[]}`, "merchant=B/date=2026-03-08/b.jsonl.zst": "",
		"merchant=Z/date=2026-03-10/a.csv": "", "merchant=HUB/date=2026-03-10/a.csv": "", "merchant=a/date=2026-03-10/a.csv": "",
		"alliance/adjustments/date=2026-03-10/a.csv": "", "ack/merchant=A/date=2026-03-10/ack.json": "", "readme.txt": "",
		"alliance/b.csv": "", "alliance/adjustments/a.csv": "", "alliance/_b.csv": "", ".hidden": "",
		"alliance/date=2026-03-10/a.csv": "", "alliance/Adjustments/date=2026-03-10/a.csv": "", "alliance/Adjustments/date=2026-03-11/b.csv": "", "alliance/_old/a.csv": "",
		"adjustments/date=2026-03-10/a.csv": "", "Merchant=A/date=2026-03-10/a.csv": "", "A/date=2026-03-10/a.csv": "", "A/b.csv": "", ".git/a": "", "_old/a.csv": "",
		"merchant=A/_loose.csv": "", "merchant=Z/loose.csv": "",
	})
	want := []string{
		"A 2026-03-07 a.csv", "A 2026-03-10 a.csv", "A 2026-03-10 b.csv", "B 2026-03-08 b.jsonl.zst", "control B 2026-03-08",
		"unknown_folder - A/ A", "unknown_folder - Merchant=A/ Merchant=A", "unknown_folder - adjustments/ adjustments",
		"unknown_folder - alliance/Adjustments/ Adjustments", "unknown_folder - alliance/adjustments/a.csv a.csv",
		"unknown_folder - alliance/b.csv b.csv", "unknown_folder - alliance/date=2026-03-10/ date=2026-03-10",
		"unknown_merchant - merchant=HUB/ merchant=HUB", "unknown_merchant - merchant=Z/ merchant=Z", "unknown_merchant - merchant=a/ merchant=a",
		"unknown_folder - readme.txt readme.txt",
		"unknown_folder A merchant=A/date=2026-02-29/ date=2026-02-29", "unknown_folder A merchant=A/date=2026-03-10/sub/ sub",
		"unknown_folder A merchant=A/date=2026-3-1/ date=2026-3-1", "unknown_folder A merchant=A/loose.csv loose.csv", "unknown_folder A merchant=A/notes/ notes",
	}
	if got := showListing(discover(t, inbox)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range 20 {
		if got := showListing(discover(t, &shuffled{inbox})); !slices.Equal(got, want) {
			t.Errorf("another order of the store: got\n%s", strings.Join(got, "\n"))
		}
	}
	all, err := ListAll(context.Background(), inbox, parties, register())
	if err != nil || len(all) != 6 {
		t.Errorf("%d objects, %v", len(all), err)
	}
}

// TestListAll lists each merchant at once, and finds what a look into each of its folders finds.
func TestListAll(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{
		"merchant=A/date=2026-03-10/b.csv", "merchant=A/date=2026-03-10/\xff.csv", "merchant=A/date=2026-03-10/\xfe.csv", "merchant=A/date=2026-03-10/\ufffd.csv",
		"merchant=A/date=2020-01-01/a.csv", "merchant=A/date=2026-03-11", "merchant=A/date=2026-03-10-/a.csv", "merchant=A/date=2026-03-10/sub/a.csv",
		"merchant=A/date=2026-03-10/_control.json", "merchant=A/date=2026-3-1/a.csv", "merchant=A/a.csv", "merchant=A/date=2026-03-10/.a.csv",
		"merchant=B/date=2026-03-09/b.jsonl", "merchant=B/date=2030-03-08/b.parquet", "merchant=Z/date=2026-03-10/a.csv",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	inbox, err := storage.OpenDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ListAll(t.Context(), inbox, parties, register())
	if err != nil {
		t.Fatal(err)
	}
	wide, err := Discover(t.Context(), inbox, parties, register(), Window{Date: wideEnd, AcceptLateDays: int(wideEnd)}, NewHistory())
	if err != nil {
		t.Fatal(err)
	}
	for i := range wide.Objects {
		wide.Objects[i].Layout = nil
	}
	if len(all) != 7 || !reflect.DeepEqual(all, wide.Objects) {
		t.Errorf("one listing has %v, that of every folder %v", all, wide.Objects)
	}
	again, err := ListAll(t.Context(), &shuffled{inbox}, parties, register())
	if err != nil || !reflect.DeepEqual(again, all) {
		t.Errorf("another order of the store: %v, %v; want %v", again, err, all)
	}
}

// wideEnd is after every date of a delivery.
const wideEnd = settlement.Date(1_000_000)

func showListing(listing *Listing) []string {
	var lines []string
	for _, object := range listing.Objects {
		lines = append(lines, parties.ID(object.Merchant)+" "+object.Date.String()+" "+object.Name)
	}
	for _, control := range listing.Controls {
		lines = append(lines, "control "+parties.ID(control.Merchant)+" "+control.Date.String())
	}
	for _, exception := range listing.Exceptions {
		merchant := parties.ID(exception.Merchant)
		if merchant == "" {
			merchant = "-"
		}
		lines = append(lines, exception.Code.String()+" "+merchant+" "+exception.File+" "+exception.Value)
	}
	return lines
}

// shuffled is a store that lists in any order.
type shuffled struct{ storage.Bucket }

func (s *shuffled) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	objects, err := s.Bucket.List(ctx, prefix)
	rand.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	return objects, err
}

func (s *shuffled) Folders(ctx context.Context, prefix string) ([]string, error) {
	names, err := s.Bucket.Folders(ctx, prefix)
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names, err
}

func TestTooMany(t *testing.T) {
	share := decimal.RequireFromString("0.05")
	for _, test := range []struct {
		bad, rows int64
		want      bool
	}{{11, 100, true}, {10, 100, false}, {11, 220, false}, {12, 220, true}, {11, 11, true}, {0, 0, false}} {
		if got := (Rejects{test.bad, share, 10}).TooMany(test.rows); got != test.want {
			t.Errorf("%d of %d: %v", test.bad, test.rows, got)
		}
	}
}
