package intake

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"alliance/settlement"
)

// show writes records so that a test can be read: values by ",", rows by " | ".
func show(records []settlement.Record) string {
	var rows []string
	for _, record := range records {
		if record.Fault != "" {
			rows = append(rows, fmt.Sprintf("%d!%s", record.Row, record.Fault))
			continue
		}
		rows = append(rows, fmt.Sprintf("%d:%s", record.Row, strings.Join(record.Values[:5], ",")))
	}
	return strings.Join(rows, " | ")
}

func TestCSVRows(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"plain", goodHeader + "a,b,c,d,e\nf,g,h,i,j\n", "1:a,b,c,d,e | 2:f,g,h,i,j"},
		{"no line end at the end", goodHeader + "a,b,c,d,e", "1:a,b,c,d,e"},
		{"CRLF", strings.ReplaceAll(goodHeader+"a,b,c,d,e\nf,g,h,i,j\n", "\n", "\r\n"), "1:a,b,c,d,e | 2:f,g,h,i,j"},
		{"CRLF cut at the end", goodHeader + "a,b,c,d,e\r", "1:a,b,c,d,e"},
		{"quoted CRLF cut at the end", goodHeader + "a,b,c,d,\"e\"\r", "1:a,b,c,d,e"},
		{"byte order mark", byteOrderMark + goodHeader + "a,b,c,d,e\n", "1:a,b,c,d,e"},
		{"columns in any order", "points,kind,member_id,transaction_id,occurred_at\n1,issue,m,t,now\n", "1:t,m,issue,1,now"},
		{"quotes", goodHeader + "\"a\",\"b,\"\"x\"\"\",\"c\nc\",\"\",e\nf,g,h,i,\"j\"\n", "1:a,b,\"x\",c\nc,,e | 2:f,g,h,i,j"},
		{"line breaks in quotes stay as they are", goodHeader + "\"a\r\nb\n\rc\",b,c,d,e\n", "1:a\r\nb\n\rc,b,c,d,e"},
		{"blank lines are not counted", "\n \t\n" + goodHeader + "\n  \r\na,b,c,d,e\n\t\n\r\nf,g,h,i,j\n \n", "1:a,b,c,d,e | 2:f,g,h,i,j"},
		{"a blank line in quotes is text", goodHeader + "\"a\n\nb\",b,c,d,e\n", "1:a\n\nb,b,c,d,e"},
		{"blanks are kept", goodHeader + " a ,b,c,d,e \n", "1: a ,b,c,d,e "},
		{"empty values", goodHeader + ",,,,\n", "1:,,,,"},
		{"too few fields", goodHeader + "a,b\nf,g,h,i,j\n", "1!2 fields, but the header has 5 | 2:f,g,h,i,j"},
		{"too many fields", goodHeader + "a,b,c,d,e,\nf,g,h,i,j\n", "1!6 fields, but the header has 5 | 2:f,g,h,i,j"},
		{"stray quote", goodHeader + "a,b\"b,c,d,e\nf,g,h,i,j\n", "1!" + faultStray + " | 2:f,g,h,i,j"},
		{"blank before a quote", goodHeader + "a, \"b\",c,d,e\nf,g,h,i,j\n", "1!" + faultStray + " | 2:f,g,h,i,j"},
		{"text after a quote", goodHeader + "a,\"b\"b,c,d,e\nf,g,h,i,j\n", "1!" + faultAfter + " | 2:f,g,h,i,j"},
		{"a stray quote ends with its line", goodHeader + "a,b\"b,\"c\nd\",e\nf,g,h,i,j\n", "1!" + faultStray + " | 2!" + faultStray + " | 3:f,g,h,i,j"},
		{"carriage return in a field", goodHeader + "a,b\rb,c,d,e\nf,g,h,i,j\n", "1!" + faultReturn + " | 2:f,g,h,i,j"},
		{"carriage return after quotes", goodHeader + "\"a\",\"b\"\rb,c,d,e\nf,g,h,i,j\n", "1!" + faultReturn + " | 2:f,g,h,i,j"},
		{"not UTF-8", goodHeader + "a,b,c,d,\xff\nf,g,h,i,j\n", "1!" + faultUTF8 + " | 2:f,g,h,i,j"},
		{"not UTF-8 in quotes", goodHeader + "a,b,c,d,\"\xc3\"\nf,g,h,i,j\n", "1!" + faultUTF8 + " | 2:f,g,h,i,j"},
		{"unclosed quote", goodHeader + "a,b,c,d,e\nf,\"g,h,i,j\nk,l,m,n,o\n", "1:a,b,c,d,e | 2!" + faultUnclosed},
		{"unclosed quote at the very end", goodHeader + "a,b,c,d,\"", "1!" + faultUnclosed},
		{"unclosed after doubled quotes", goodHeader + "a,b,c,d,\"e\"\"\n", "1!" + faultUnclosed},
		{"no rows", goodHeader, ""},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			for _, chunk := range []int{1, 2, 3, 7, 64, 1 << 16} {
				records, facts := readText(t, "a.csv", test.text, small(chunk))
				if got := show(records); got != test.want || facts.Code != settlement.NoCode {
					t.Fatalf("chunks of %d bytes\n got %q %s %s\nwant %q", chunk, got, facts.Code, facts.Message, test.want)
				}
				if facts.Rows != int64(len(records)) {
					t.Errorf("%d rows counted, %d read", facts.Rows, len(records))
				}
			}
		})
	}
}

func TestCSVFaults(t *testing.T) {
	wide := strings.Repeat("x,", 1000) + "x\n"
	cases := []struct {
		name, text string
		code       settlement.Code
		message    string
	}{
		{"empty file", "", settlement.UnreadableFile, "no header line"},
		{"blank lines only", "\n \n", settlement.UnreadableFile, "no header line"},
		{"header name twice", "kind,a,kind\n", settlement.UnreadableFile, `the header names column "kind" twice: columns 1 and 3`},
		{"unknown header name twice", "kind,a,a\n", settlement.UnreadableFile, `the header names a column twice: columns 2 and 3`},
		{"empty header name", "kind,,a\n", settlement.UnreadableFile, "column 2 of the header has no name"},
		{"header with a stray quote", "ki\"nd,a\n", settlement.UnreadableFile, "header line is malformed"},
		{"header with an unclosed quote", "\"kind,a\n", settlement.UnreadableFile, "header line is malformed"},
		{"UTF-16", "\xff\xfek\x00i\x00", settlement.UnreadableFile, "not valid UTF-8; write it in UTF-8, or have the encoding put into the merchant's profile"},
		{"too many columns", wide, settlement.UnreadableFile, "1001 columns, more than the limit of 1000"},
		{"long header", strings.Repeat("x", 1<<20+1) + "\n", settlement.UnreadableFile, "the header is longer than the limit of 1048576 bytes"},
		{"long row", goodHeader + "a,b,c,d,e\n" + strings.Repeat("x", 1<<20+1), settlement.UnreadableFile, "row 2 is longer than the limit of 1048576 bytes"},
		{"long quoted row", goodHeader + "a,b,c,d,\"" + strings.Repeat("x\n", 1<<19) + "\"\n", settlement.UnreadableFile, "row 1 is longer than"},
		{"long malformed row", goodHeader + "a\"," + strings.Repeat("x", 1<<20) + "\n", settlement.UnreadableFile, "row 1 is longer than"},
		{"missing columns", "transaction_id,member,kind,occurred_at\n1,2,3,4\n", settlement.MissingColumn, "no column member_id, points; it has 4 columns; the file's first line must be the header"},
		{"other separator", "transaction_id;member_id\n", settlement.MissingColumn, "it has 1 column (commas separate columns)"},
		{"a fault of reading comes before a missing column", "kind\n" + strings.Repeat("x", 1<<20+1), settlement.UnreadableFile, "row 1 is longer than"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			_, facts := readText(t, "a.csv", test.text, &standard)
			if facts.Code != test.code || !strings.Contains(facts.Message, test.message) {
				t.Errorf("got %s %q, want %s %q", facts.Code, facts.Message, test.code, test.message)
			}
			if facts.SHA256 == "" {
				t.Error("no digest")
			}
		})
	}
}

func TestCSVLongestRow(t *testing.T) {
	limits := standard
	limits.recordBytes = 100
	for chunk := 1; chunk < 130; chunk++ {
		limits.chunkBytes = chunk
		for _, end := range []string{"\n", "\r\n", ""} {
			for _, quote := range []string{"", "\""} {
				row := "a,b,c,d," + quote + strings.Repeat("x", 100-8-2*len(quote)) + quote
				if records, facts := readText(t, "a.csv", goodHeader+row+end, &limits); facts.Code != settlement.NoCode || len(records) != 1 {
					t.Fatalf("chunk %d, end %q, quote %q: a row of the limit's length is refused: %s", chunk, end, quote, facts.Message)
				}
				row = strings.Replace(row, "x", "xx", 1)
				if _, facts := readText(t, "a.csv", goodHeader+row+end, &limits); facts.Code != settlement.UnreadableFile {
					t.Fatalf("chunk %d, end %q, quote %q: a row over the limit is taken", chunk, end, quote)
				}
			}
		}
		records, facts := readText(t, "a.csv", goodHeader+"a,\"b"+strings.Repeat("\n,x\"\"", 300), &limits)
		if facts.Code != settlement.NoCode || show(records) != "1!"+faultUnclosed {
			t.Fatalf("chunk %d: an unclosed quote over the limit: %s %s", chunk, show(records), facts.Message)
		}
	}
}

func TestTotals(t *testing.T) {
	_, facts := readText(t, "a.csv", goodHeader+
		"1,m,issue,5,x\n2,,issue,7,\n3,m,redeem,3,x\n4,m,redeem_reversal,100,x\n5,m,issue,05,x\n6,m,issue,1000000000001,x\n7,m,issue,-5,x\n8,m,other,5,x\n9\n10,m,issue,9999999999999,x\n", &standard)
	if facts.Rows != 10 || facts.IssuedPoints != 12 || facts.RedeemedPoints != 3 {
		t.Errorf("got %+v", facts)
	}
}

func TestTotalsBeyondRange(t *testing.T) {
	rows := rowReader{facts: &FileFacts{RedeemedPoints: math.MaxInt64 - 5}, sink: func(*settlement.Record) error { return nil }}
	rows.record.Values[settlement.KindColumn] = "redeem"
	rows.record.Values[settlement.PointsColumn] = "5"
	if err := rows.emit(); err != nil || rows.facts.RedeemedPoints != math.MaxInt64 {
		t.Errorf("%v, %d points", err, rows.facts.RedeemedPoints)
	}
	if fault, ok := rows.emit().(*fileFault); !ok || fault.code != settlement.UnreadableFile || !strings.Contains(fault.message, "row 2 brings the file's redeem points to more than") {
		t.Errorf("%v", fault)
	}
}

func TestUnknownColumns(t *testing.T) {
	_, facts := readText(t, "a.csv", "zeta,"+strings.TrimSuffix(goodHeader, "\n")+",alpha\n", &standard)
	if got := strings.Join(facts.UnknownColumns, ","); got != "zeta,alpha" {
		t.Errorf("CSV: %s", got)
	}
	_, facts = readText(t, "a.jsonl", `{"kind":"x","zeta":1}`+"\n"+`{"alpha":[{}],"zeta":null}`+"\n", &standard)
	if got := strings.Join(facts.UnknownColumns, ","); got != "zeta,alpha" {
		t.Errorf("JSON lines: %s", got)
	}
}
