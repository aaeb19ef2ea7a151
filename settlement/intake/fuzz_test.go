package intake

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"alliance/settlement"
)

// plainRecords is the CSV rules once more, slowly: one character at a time over the whole text.
// A record with a fault is nil.
func plainRecords(text string) (records [][]string) {
	var record []string
	var field strings.Builder
	start := 0
	faulty := false
	finish := func(line string) {
		record = append(record, field.String())
		field.Reset()
		switch {
		case strings.Trim(strings.TrimSuffix(line, "\r"), " \t") == "" && !faulty:
		case faulty || !utf8.ValidString(line):
			records = append(records, nil)
		default:
			records = append(records, record)
		}
		record, faulty = nil, false
	}
	const (
		begin = iota
		bare
		inside
		closed
	)
	state := begin
	for i := 0; i < len(text); i++ {
		c := text[i]
		atEnd := c == '\n' || c == '\r' && (i+1 == len(text) || text[i+1] == '\n')
		switch {
		case faulty:
			if c == '\n' {
				finish(text[start:i])
				start, state = i+1, begin
			}
		case state == inside && c == '"':
			state = closed
		case state == inside:
			field.WriteByte(c)
		case state == closed && c == '"':
			field.WriteByte(c)
			state = inside
		case atEnd:
			end := i
			if c == '\r' && i+1 < len(text) {
				i++
			}
			finish(text[start:end])
			start, state = i+1, begin
		case c == ',':
			record = append(record, field.String())
			field.Reset()
			state = begin
		case state == begin && c == '"':
			state = inside
		case c == '"' || c == '\r' || state == closed:
			faulty = true
		default:
			field.WriteByte(c)
			state = bare
		}
	}
	if state == inside {
		faulty = true
	}
	if start < len(text) {
		finish(text[start:])
	}
	return records
}

// scanRecords reads a text with the scanner, in chunks of some size.
func scanRecords(t *testing.T, text string, limits *limits) (records [][]string) {
	scanner := csvScanner{source: newChunks(strings.NewReader(text), limits), limits: limits, delimiter: ',', keep: 1 << 20}
	for {
		switch err := scanner.next(); {
		case err == io.EOF:
			return records
		case err != nil:
			t.Fatal(err)
		case scanner.fault != "":
			records = append(records, nil)
		default:
			records = append(records, append([]string{}, scanner.fields...))
		}
	}
}

func csvSeeds(f *testing.F) {
	for _, text := range []string{
		"", "a", "a,b\nc,d\n", "a,b\r\nc,d\r\n", "\"a\",\"b\"\"c\"\n\"x\ny\",z", "a\"b,c\nd,e", "\"a\"b\n\"c", "\n \n\t\r\n,\n", "a\rb\n\"c\"\rd\n\"e\"\r", "\xff,\"\xfe\"\na",
		"\"\"\"\"\n\"\"\n", "a,\"b\n\nc\"\r\n\r\n\"", "é,\"ü\"\n", ",\"\",\"\"\"\n",
	} {
		f.Add(text, uint16(len(text)))
	}
}

// FuzzCSVScanner compares the scanner, in chunks that cut the text anywhere, with the plain rules,
// and on text that encoding/csv takes with that.
func FuzzCSVScanner(f *testing.F) {
	csvSeeds(f)
	f.Fuzz(func(t *testing.T, text string, chunk uint16) {
		want := plainRecords(text)
		for _, chunkBytes := range []int{int(chunk)%64 + 1, 1 << 12} {
			if got := scanRecords(t, text, small(chunkBytes)); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Fatalf("chunks of %d bytes of %q\n got %q\nwant %q", chunkBytes, text, got, want)
			}
		}
		reader := csv.NewReader(strings.NewReader(text))
		reader.FieldsPerRecord = -1
		standard, err := reader.ReadAll()
		carriage := strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r")
		blanks := false
		for line := range strings.SplitSeq(text, "\n") {
			blanks = blanks || strings.TrimSuffix(line, "\r") != "" && blank(strings.TrimSuffix(line, "\r"))
		}
		if err != nil || carriage || blanks || !utf8.ValidString(text) {
			return
		}
		for _, record := range want {
			for i := range record {
				record[i] = strings.ReplaceAll(record[i], "\r\n", "\n") // as encoding/csv does
			}
		}
		if fmt.Sprintf("%q", want) != fmt.Sprintf("%q", standard) {
			t.Fatalf("%q\n     got %q\nstandard %q", text, want, standard)
		}
	})
}

// FuzzCSVLimit shows that a small limit never depends on where chunks end, nor hangs.
func FuzzCSVLimit(f *testing.F) {
	csvSeeds(f)
	f.Fuzz(func(t *testing.T, text string, chunk uint16) {
		limits := standard
		limits.recordBytes = 8
		want := ""
		for i, chunkBytes := range []int{1 << 12, int(chunk)%64 + 1, 1} {
			limits.chunkBytes = chunkBytes
			records, facts := readText(t, "a.csv", goodHeader[:8]+"\n"+text, &limits)
			got := show(records) + facts.Code.String() + facts.Message
			if i == 0 {
				want = got
			} else if got != want {
				t.Fatalf("chunks of %d bytes of %q\n got %s\nwant %s", chunkBytes, text, got, want)
			}
		}
	})
}

// FuzzJSONLines compares each line with what encoding/json makes of it.
func FuzzJSONLines(f *testing.F) {
	for _, text := range []string{
		`{"kind":"issue","points":5,"x":[1,{"a":null}]}`, `{"kind":"\u00e9\ud83d\ude00\n"}`, `{"kind":"\ud800"}`, `{"kind":1,"kind":2}`, "{}\r\n{}", `{"a":-0.5e+7,"b":true,"c":false}`,
		"\xff", `{"points":01}`, ` { } x`, `{"a":{"b":1,"b":2}}`, "{\"kind\":\"\x01\"}", `{"kind":"a","a":"b"}` + "\n" + `{"a":"b","kind":"a"}`,
	} {
		f.Add(text, uint8(len(text)))
	}
	f.Fuzz(func(t *testing.T, text string, chunk uint8) {
		records, facts := readText(t, "a.jsonl", text, small(int(chunk)+1))
		if facts.Code != settlement.NoCode {
			return
		}
		row := 0
		for line := range strings.SplitSeq(text, "\n") {
			if blank(line) {
				continue
			}
			checkJSONRow(t, line, &records[row])
			row++
		}
		if row != len(records) {
			t.Fatalf("%d rows, %d records", row, len(records))
		}
	})
}

func checkJSONRow(t *testing.T, line string, record *settlement.Record) {
	twice, err := namesTwice(line)
	wellFormed := json.Valid([]byte(line)) && strings.HasPrefix(strings.TrimLeft(line, " \t"), "{")
	if record.Fault == "" {
		if !wellFormed || err != nil || twice || !utf8.ValidString(line) {
			t.Fatalf("%q is taken", line)
		}
	} else if wellFormed && !twice && utf8.ValidString(line) && !strings.Contains(line, `\u`) && !strings.Contains(line, "\r") {
		t.Fatalf("%q is refused: %s", line, record.Fault)
	}
	if record.Fault != "" {
		return
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &values); err != nil {
		t.Fatal(err)
	}
	for column := range settlement.Columns {
		raw := values[column.String()]
		want := string(raw)
		if len(raw) > 0 && raw[0] == '"' || want == "null" {
			want = ""
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
		}
		if record.Values[column] != want {
			t.Fatalf("%q: %s is %q, want %q", line, column, record.Values[column], want)
		}
	}
}

// namesTwice reports whether any object of a text has a name twice.
func namesTwice(text string) (bool, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	type level struct {
		names map[string]bool // nil for a list
		value bool            // a value is due, not a name
	}
	var levels []level
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if delimiter, ok := token.(json.Delim); ok && (delimiter == '}' || delimiter == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if depth := len(levels) - 1; depth >= 0 && levels[depth].names != nil {
			of := &levels[depth]
			if name, ok := token.(string); ok && !of.value {
				if of.names[name] {
					return true, nil
				}
				of.names[name] = true
			}
			of.value = !of.value
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{names: map[string]bool{}})
		case json.Delim('['):
			levels = append(levels, level{})
		}
	}
}

// FuzzPacked shows that no bytes in a packed file do more than make it unreadable.
func FuzzPacked(f *testing.F) {
	f.Add([]byte(gzipped(f, goodFile)), true)
	f.Add([]byte(zstandard(f, goodFile)), false)
	f.Fuzz(func(t *testing.T, packed []byte, isGzip bool) {
		name := map[bool]string{true: "a.csv.gz", false: "a.csv.zst"}[isGzip]
		records, facts := readText(t, name, string(packed), &standard)
		if facts.Code == settlement.NoCode && facts.Rows != int64(len(records)) {
			t.Errorf("%d rows counted, %d read", facts.Rows, len(records))
		}
	})
}

// FuzzControl shows that what is taken for a control file is JSON, and says what it says.
func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"files":[{"name":"a.csv","sha256":"` + digestOf("") + `","rows":12,"issued_points":900,"redeemed_points":300}]}`))
	f.Add([]byte(`{"files":[{"name":"\u0061","rows":null},{"name":"b"}]}`))
	f.Add([]byte(`{"files":[]}`))
	f.Add([]byte(`{"files":[{"name":"a.csv","rowz":null}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		files, fault := parseControl(text, &standard)
		if fault != "" {
			return
		}
		var want struct {
			Files []struct {
				Name                                 string
				SHA256                               string
				Rows, Issued_Points, Redeemed_Points *int64
			}
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&want); err != nil || len(want.Files) != len(files) {
			t.Fatalf("%q is taken: %v", text, err)
		}
		for i, file := range files {
			is := func(number int64, want *int64) bool {
				return want == nil && number == -1 || want != nil && *want == number
			}
			if said := want.Files[i]; said.Name != file.Name || !strings.EqualFold(said.SHA256, file.SHA256) ||
				!is(file.Rows, said.Rows) || !is(file.IssuedPoints, said.Issued_Points) || !is(file.RedeemedPoints, said.Redeemed_Points) {
				t.Fatalf("%q: %+v", text, file)
			}
		}
	})
}

// FuzzAdjustments shows that whatever is taken for an adjustment is one.
func FuzzAdjustments(f *testing.F) {
	f.Add("adjustment_id,payer_id,payee_id,amount,reason,reference\na,A,B,1.50,x,y\n")
	f.Add("adjustment_id,payer_id,payee_id,amount\n\"a\",HUB,B,0.01\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readAdjustments(t, map[string]string{adjustmentFolder + "a.csv": text})
		if err != nil {
			if !strings.Contains(err.Error(), adjustmentFolder+"a.csv") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		seen := map[string]bool{"old": true, "": true}
		for _, adjustment := range got.List {
			if seen[adjustment.ID] || adjustment.Payer == adjustment.Payee || adjustment.Payer < 0 || adjustment.Payee < 0 || !adjustment.Amount.IsPositive() || !yuan.Fits(adjustment.Amount) {
				t.Errorf("%+v", adjustment)
			}
			seen[adjustment.ID] = true
		}
	})
}
