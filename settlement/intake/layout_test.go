package intake

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/layout"
)

// ours is a layout with names of its own.
func ours(change func(l *layout.Layout)) *layout.Layout {
	l := &layout.Layout{Delimiter: ';', Encoding: "windows-1252", Kinds: map[string]settlement.Kind{"+": settlement.Issue}}
	l.Names[settlement.TransactionID], l.Names[settlement.PointsColumn] = "Beleg", "Punkte für"
	change(l)
	return l
}

func readLayout(t testing.TB, name, text string, l *layout.Layout) ([]settlement.Record, FileFacts) {
	t.Helper()
	key := "merchant=A/date=2026-03-10/" + name
	inbox := inboxOf(t, map[string]string{key: text})
	objects, err := inbox.List(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	object := Object{Name: name, Format: FormatOf(name), Layout: l, Object: objects[0]}
	var records []settlement.Record
	facts, err := Read(context.Background(), inbox, &object, func(record *settlement.Record) error {
		kept := *record
		if record.Written != nil {
			kept.Written = new(*record.Written) // which is used again
		}
		records = append(records, kept)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, facts
}

const ourHeader = "Beleg;member_id;kind;Punkte f\xfcr;occurred_at\n"

func TestLayoutsOfFiles(t *testing.T) {
	same := func(*layout.Layout) {}
	for _, test := range []struct {
		name, file, text string
		change           func(l *layout.Layout)
		want             string // rows, or code and column
		says             string // of the message or the fault
	}{
		{"good", "a.csv", ourHeader + "1;m\xfc;+;5;x\n", same, "1 mü issue 5 x|", ""},
		{"quoted", "a.csv", ourHeader + "\"1;\"\"2\";m;+;5;\"x\ny\"\r\n", same, "1;\"2 m issue 5 x\ny|", ""},
		{"commas are text", "a.csv", ourHeader + "1,2;m;+;5;x\n", same, "1,2 m issue 5 x|", ""},
		{"not quoted", "a.csv", ourHeader + "\"1;m;+;5;x\"\n2;m;+;5;x\n", func(l *layout.Layout) { l.Unquoted = true }, "\"1 m issue 5 x\"|2 m issue 5 x|", ""},
		{"number of fields", "a.csv", ourHeader + "1;m;+;5\n", same, "!|", "4 fields, but the header has 5"},
		{"word", "a.csv", ourHeader + "1;m;issue;5;x\n", same, "1 m  5 x|", "has to be one of + (issue)"},
		{"missing column", "a.csv", "Beleg;member_id;kind;points;occurred_at\n", same, "missing_column Punkte für", "(read as windows-1252, the encoding of the merchant's profile)"},
		{"missing time of day", "a.csv", "Beleg;member_id;kind;Punkte f\xfcr;Tag\n", func(l *layout.Layout) { l.TimeName, l.Names[settlement.OccurredAt] = "Zeit", "Tag" }, "missing_column Zeit", "no column Zeit"},
		{"not missing", "a.csv", "Beleg;member_id;Punkte f\xfcr;occurred_at\n1;m;5;x\n", func(l *layout.Layout) { l.Kinds = nil; l.Constants[settlement.KindColumn] = "redeem" }, "1 m redeem 5 x|", ""},
		{"header twice", "a.csv", "Beleg; Beleg\n", func(l *layout.Layout) { l.Trim = true }, "unreadable_file ", "twice"},
		{"header twice, trimmed", "a.csv", " Beleg ;member_id; kind;Punkte f\xfcr;occurred_at\n 1 ;m;+ ;5;x\n", func(l *layout.Layout) { l.Trim = true }, "1 m issue 5 x|", ""},
		{"wrong encoding of a header", "a.csv", ourHeader + "1;m;+;5;x\n", func(l *layout.Layout) { l.Encoding = "gb18030" }, "missing_column Punkte für", "read as gb18030"},
		{"bytes that are no header", "a.csv", "Beleg;\xff\n", func(l *layout.Layout) { l.Encoding = "gb18030" }, "unreadable_file ", "the header line is not valid gb18030, the encoding of the merchant's profile"},
		{"bytes that are no UTF-8", "a.csv", "Beleg;\xff\n", func(l *layout.Layout) { l.Encoding = "utf-8" }, "unreadable_file ", "read as utf-8"},
		{"bytes that are no row", "a.csv", "id;member_id;kind;points;occurred_at\n1;\x81\xff;+;5;x\n2;m;+;5;x\n", func(l *layout.Layout) { l.Encoding, l.Names = "gb18030", [settlement.Columns]string{"id"} }, "!|2 m issue 5 x|", "not valid gb18030"},
		{"no header", "a.csv", "7;1;m;+;5;x\n\n8;2;m;+;5\n", func(l *layout.Layout) {
			l.Fields = []string{"till", "Beleg", "member_id", "kind", "Punkte für", "occurred_at"}
		}, "1 m issue 5 x|!|", "5 fields, but the merchant's profile has 6"},
		{"no header, no rows", "a.csv", "", func(l *layout.Layout) {
			l.Fields = []string{"Beleg", "member_id", "kind", "Punkte für", "occurred_at"}
		}, "", ""},
		{"JSON", "a.jsonl", "{\"Beleg\":17,\"Punkte f\xfcr\":5,\"member_id\":\"m\",\"kind\":\"+\",\"occurred_at\":\"x\"}\n", same, "17 m issue 5 x|", ""},
		{"JSON, other types", "a.jsonl", `{"Beleg":true,"member_id":5,"kind":1,"occurred_at":1}` + "\n", same, "true! 5!   1!|", "has to be one of"},
		{"JSON, a name twice", "a.jsonl", `{"Beleg":"1","Beleg ":"2"}` + "\n", func(l *layout.Layout) { l.Trim = true }, "!|", "is there twice"},
		{"JSON, bytes", "a.jsonl", "{\"Beleg\":\"\x81\xff\"}\n", func(l *layout.Layout) { l.Encoding = "gb18030" }, "!|", "not valid gb18030"},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, facts := readLayout(t, test.file, test.text, ours(test.change))
			got, said := "", facts.Message
			for i := range records {
				record := &records[i]
				if record.Fault != "" {
					got, said = got+"!|", record.Fault
					continue
				}
				var values []string
				for column := settlement.TransactionID; column <= settlement.OccurredAt; column++ {
					value := record.Text(column)
					if record.Mistyped&(1<<column) != 0 && column != settlement.KindColumn {
						value += "!"
					}
					values = append(values, value)
					said += record.Written.Faults[column]
				}
				got += strings.Join(values, " ") + "|"
			}
			if facts.Code != settlement.NoCode {
				got = fmt.Sprintf("%s %s", facts.Code, facts.Column)
			}
			if got != test.want || !strings.Contains(said, test.says) {
				t.Errorf("%q says %q, want %q saying %q", got, said, test.want, test.says)
			}
		})
	}
}

func TestUnknownColumnsOfLayouts(t *testing.T) {
	l := ours(func(l *layout.Layout) {
		l.Encoding, l.Ignored = "", []string{"till"}
		l.Constants[settlement.Reason] = "purchase"
	})
	_, facts := readLayout(t, "a.csv", "till;points;Beleg;member_id;kind;Punkte für;occurred_at;reason;x\n", l)
	if got := strings.Join(facts.UnknownColumns, " "); got != "points reason x" {
		t.Error(got)
	}
	_, facts = readLayout(t, "a.jsonl", `{"till":1,"points":1,"Beleg":"1","x":{}}`+"\n", l)
	if got := strings.Join(facts.UnknownColumns, " "); got != "points x" {
		t.Error(got)
	}
	l.Fields = []string{"Beleg", "member_id", "kind", "Punkte für", "occurred_at", "other"}
	if _, facts = readLayout(t, "a.csv", "1;m;+;5;x;y\n", l); facts.UnknownColumns != nil || facts.IssuedPoints != 5 {
		t.Errorf("%+v", facts)
	}
}

// TestReadBackInLayout gives rows back as they were written.
func TestReadBackInLayout(t *testing.T) {
	l := ours(func(*layout.Layout) {})
	const key = "merchant=A/date=2026-03-10/a.csv"
	inbox := inboxOf(t, map[string]string{key: ourHeader + "1;m\xfc;?;5;x\n2;m\n"})
	objects, err := inbox.List(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	_, err = ReadBack(context.Background(), inbox, &Object{Name: "a.csv", Format: FormatOf("a.csv"), Layout: l, Object: objects[0]}, []int64{1, 2}, func(row Delivered) error {
		rows = append(rows, fmt.Sprint(row.Columns, row.Values, row.Raw))
		return nil
	})
	if got := strings.Join(rows, "|"); err != nil || got != "[Beleg member_id kind Punkte für occurred_at] [1 mü ? 5 x]|[] []2;m" {
		t.Error(got, err)
	}
}
