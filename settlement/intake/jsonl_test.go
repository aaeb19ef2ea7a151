package intake

import (
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
)

func TestJSONLines(t *testing.T) {
	const good = `{"transaction_id":"t","member_id":"m","kind":"issue","points":5,"occurred_at":"now"}`
	cases := []struct{ name, text, want string }{
		{"plain", good + "\n" + good + "\n", "1:t,m,issue,5,now | 2:t,m,issue,5,now"},
		{"no line end at the end", good, "1:t,m,issue,5,now"},
		{"blank lines are not counted", "\n \t\n" + good + "\n\n" + good, "1:t,m,issue,5,now | 2:t,m,issue,5,now"},
		{"blanks between tokens", " { \"kind\" :\t\"x\" , \"points\" : 1 } ", "1:,,x,1,"},
		{"other order", `{"points":1,"kind":"x"}` + "\n" + `{"kind":"y","points":2}` + "\n" + `{"points":3}`, "1:,,x,1, | 2:,,y,2, | 3:,,,3,"},
		{"empty object", "{}", "1:,,,,"},
		{"null is absent", `{"kind":null,"points":1}`, "1:,,,1,"},
		{"numbers as they are", `{"points":1.50e+2}`, "1:,,,1.50e+2,"},
		{"escapes", `{"member_id":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00é"}`, "1:,\"\\/\b\f\n\r\té😀é,,,"},
		{"escaped names", `{"k\u0069nd":"x"}`, "1:,,x,,"},
		{"unknown names", `{"x":{"a":[1,{"b":true}]},"kind":"y"}`, "1:,,y,,"},
		{"CR LF", good + "\r\n" + good + "\n", "1!the line ends in CR LF; JSON lines end in LF alone | 2:t,m,issue,5,now"},
		{"byte order mark", byteOrderMark + good, "1!a byte order mark at the beginning of the file; JSON lines have none"},
		{"name twice", `{"kind":"x","kind":"x"}` + "\n" + good, `1!JSON: the name "kind" is there twice | 2:t,m,issue,5,now`},
		{"name twice through an escape", `{"kind":"x","k\u0069nd":"x"}`, `1!JSON: the name "kind" is there twice`},
		{"name twice with null", `{"kind":null,"kind":"x"}`, `1!JSON: the name "kind" is there twice`},
		{"unknown name twice", `{"a":1,"b":1,"a":1}`, `1!JSON: a name is there twice, again as the line's name number 3`},
		{"nested name twice", `{"a":{"b":1,"b":1}}`, `1!JSON: a name inside a value is there twice`},
		{"not an object", "[1]\n1\nnull\n\"x\"\n", strings.Join([]string{
			"1!JSON: byte 1: an object ({) is due", "2!JSON: byte 1: an object ({) is due", "3!JSON: byte 1: an object ({) is due", "4!JSON: byte 1: an object ({) is due"}, " | ")},
		{"trailing", "{} {}\n{},\n", "1!JSON: byte 4: something follows the end of the object | 2!JSON: byte 3: something follows the end of the object"},
		{"trailing NUL", "{}\x00", "1!JSON: byte 3: something follows the end of the object"},
		{"trailing comma", `{"kind":"x",}`, "1!JSON: byte 13: a name in quotes is due"},
		{"cut short", `{"kind":"x"`, "1!JSON: it ends where a comma or } is due"},
		{"cut in a string", `{"kind":"x`, "1!JSON: a string is not closed"},
		{"cut in an escape", `{"kind":"x\`, "1!JSON: a string is not closed"},
		{"high surrogate", `{"kind":"\ud800"}`, "1!JSON: byte 15: half of a surrogate pair"},
		{"low surrogate", `{"kind":"\udc00"}`, "1!JSON: byte 15: half of a surrogate pair"},
		{"two high surrogates", `{"kind":"\ud800\ud800"}`, "1!JSON: byte 21: half of a surrogate pair"},
		{"surrogate in an unknown name", `{"\ud800":1}`, "1!JSON: byte 8: half of a surrogate pair"},
		{"not UTF-8", "{\"kind\":\"\xff\"}", "1!" + faultUTF8},
		{"control character", "{\"kind\":\"\t\"}", "1!JSON: byte 10: a control character inside a string; write it as an escape"},
		{"bad escape", `{"kind":"\x"}`, "1!JSON: byte 11: an escape that JSON knows is due"},
		{"bad hexadecimal", `{"kind":"\u12g4"}`, "1!JSON: byte 14: a hexadecimal digit is due"},
		{"leading zero", `{"points":01}`, "1!JSON: byte 12: a comma or } is due"},
		{"plus", `{"points":+1}`, "1!JSON: byte 11: a value is due"},
		{"bare point", `{"points":1.}`, "1!JSON: byte 13: a digit is due"},
		{"NaN", `{"points":NaN}`, "1!JSON: byte 11: a value is due"},
		{"two on a line", good + good, fmt.Sprintf("1!JSON: byte %d: something follows the end of the object", len(good)+1)},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			for _, chunk := range []int{1, 5, 1 << 16} {
				records, facts := readText(t, "a.jsonl", test.text, small(chunk))
				if got := show(records); got != test.want || facts.Code != settlement.NoCode {
					t.Fatalf("chunks of %d bytes\n got %q %s %s\nwant %q", chunk, got, facts.Code, facts.Message, test.want)
				}
			}
		})
	}
}

func TestJSONLinesTypes(t *testing.T) {
	for _, test := range []struct {
		text, value string
		mistyped    bool
	}{
		{`"5"`, "5", false}, {`5`, "5", true}, {`true`, "true", true}, {`false`, "false", true}, {`null`, "", false}, {`""`, "", false},
		{`{"a": 1}`, `{"a": 1}`, true}, {`[ 1, "x" ]`, `[ 1, "x" ]`, true}, {`-0.5E-3`, "-0.5E-3", true},
	} {
		for _, column := range []settlement.Column{settlement.MemberID, settlement.PointsColumn, settlement.StoreID} {
			records, _ := readText(t, "a.jsonl", `{"`+column.String()+`":`+test.text+`}`, &standard)
			isNumber := test.text == "5" || test.text[0] == '-'
			mistyped := test.mistyped && !(isNumber && column == settlement.PointsColumn)
			if got := records[0]; got.Fault != "" || got.Values[column] != test.value || (got.Mistyped == 1<<column) != mistyped || !mistyped && got.Mistyped != 0 {
				t.Errorf("%s %s: %+v", column, test.text, got)
			}
		}
	}
}

func TestJSONLinesLimits(t *testing.T) {
	var wide strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&wide, `,"n%d":1`, i)
	}
	cases := []struct{ name, text, message string }{
		{"long line", "{}\n" + strings.Repeat(" ", 1<<20+1) + "\n", "row 2 is longer than the limit of 1048576 bytes"},
		{"many names", "{}\n{" + wide.String()[1:] + "}", "row 2: more names than the limit of 1000"},
		{"deep", `{"a":` + strings.Repeat("[", 200), "row 1: values nested deeper than the limit of 100"},
	}
	for _, test := range cases {
		_, facts := readText(t, "a.jsonl", test.text, &standard)
		if facts.Code != settlement.UnreadableFile || !strings.Contains(facts.Message, test.message) {
			t.Errorf("%s: %s %q", test.name, facts.Code, facts.Message)
		}
	}
	_, facts := readText(t, "a.jsonl", "{"+strings.Replace(wide.String()[1:], `"n1000"`, `"kind"`, 1)+"}", &standard)
	if facts.Code != settlement.UnreadableFile {
		t.Error("1001 names are taken")
	}
	_, facts = readText(t, "a.jsonl", "{"+wide.String()[1:strings.Index(wide.String(), `,"n1000"`)]+"}\n"+`{"late":1}`, &standard)
	if facts.Code != settlement.NoCode || len(facts.UnknownColumns) != 1000 || !facts.MoreUnknownColumns {
		t.Errorf("%s %d %v", facts.Message, len(facts.UnknownColumns), facts.MoreUnknownColumns)
	}
}
