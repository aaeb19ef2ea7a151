package intake

import (
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
)

// TestDataInPlaceOfNamesIsNotTold gives files whose names are a member's data.
func TestDataInPlaceOfNamesIsNotTold(t *testing.T) {
	const secret = "anna.karenina@example.org"
	header := strings.TrimSuffix(goodHeader, "\n")
	for _, test := range []struct {
		name, file, text string
		code             settlement.Code
		says             string
	}{
		{"no header", "a.csv", "T1," + secret + ",issue,300,2026-03-10T08:05:00Z\n", settlement.MissingColumn,
			"the header has no column transaction_id, member_id, kind, points, occurred_at; it has 5 columns; the file's first line must be the header"},
		{"no header, a value twice", "a.csv", "T1," + secret + ",issue," + secret + ",x\n", settlement.UnreadableFile, "a column twice: columns 2 and 4"},
		{"an unknown column", "a.csv", header + "," + secret + "\n", settlement.NoCode, "[column 6]"},
		{"an unknown column of digits", "a.csv", "0420007,zeta," + header + "\n", settlement.NoCode, "[column 1 zeta]"},
		{"an unknown JSON name", "a.jsonl", `{"kind":"issue","` + secret + `":1}` + "\n" + `{"` + secret + `":1,"x":2}`, settlement.NoCode, "[column 2 column 1 x]"},
		{"a JSON name twice", "a.jsonl", `{"` + secret + `":1,"` + secret + `":1}`, settlement.NoCode, "JSON: a name is there twice"},
		{"a nested JSON name twice", "a.jsonl", `{"a":{"` + secret + `":1,"` + secret + `":1}}`, settlement.NoCode, "JSON: a name inside a value is there twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, facts := readText(t, test.file, test.text, &standard)
			told := fmt.Sprint(facts.Column, " ", facts.Value, " ", facts.Message, " ", facts.UnknownColumns)
			for i := range records {
				told += " " + records[i].Fault
			}
			if facts.Code != test.code || !strings.Contains(told, test.says) || strings.Contains(told, secret) || strings.Contains(told, "0420007") {
				t.Errorf("%s: %s", facts.Code, told)
			}
		})
	}
}

func TestColumnName(t *testing.T) {
	for name, want := range map[string]string{
		"zeta": "zeta", "Branch no.": "Branch no.", "x-1_y": "x-1_y", "支店": "支店", "é": "é",
		"": "column 7", "4711": "column 7", "a@b": "column 7", "_x": "column 7", "a,b": "column 7", "a\nb": "column 7", "\xff": "column 7",
		strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 65): "column 7",
	} {
		if got := columnName(name, 7); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}
