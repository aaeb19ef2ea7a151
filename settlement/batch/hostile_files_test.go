package batch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// millRows are good rows of every kind, by members that no other merchant knows.
func millRows() []formatRow {
	noon_us := int64(laneStart-1)*86_400_000_000 + 12*3_600_000_000
	row := func(id, member, kind string, points int64) formatRow {
		noon_us += 60_000_000
		return formatRow{ID: id, Member: "mill-only-" + member, Kind: kind, Points: points, OccurredAt: new(noon_us), Till: 7}
	}
	rows := []formatRow{
		row("mill-1", "xavier", "issue", 500), row("mill-2", "yvonne", "issue", 1200), row("mill-3", "xavier", "redeem", 230),
		row("mill-4", "yvonne", "redeem", 1300), row("mill-5", "xavier", "redeem_reversal", 30), row("mill-6", "yvonne", "issue_reversal", 7),
	}
	rows[0].ExpiresOn, rows[0].Amount, rows[1].Reason = new(int32(laneStart+90)), new(int64(1234)), new("campaign")
	rows[4].Original, rows[4].OriginalDate = new("mill-3"), new(int32(laneStart-1))
	rows[5].Original = new("mill-2")
	return rows
}

// mintRows and moleRows are good rows in the layouts of the Mint and of the Mole.
const (
	mintRows = "流水号;会员号;类型;积分;金额;原流水号;日期;时间;备注\n" +
		"mint-1;mint-only-徐;S;\"5,000\";\"1,012.34\";-;2026-7-2;10:00:00;好\n" +
		"mint-2;mint-only-徐;R;2300;NULL;;2026-7-2;11:00;\n" +
		" mint-3 ;mint-only-徐;R;-300;;mint-2;2026-7-2;12:00;\"\"\n" +
		"mint-4;mint-only-徐;S;-70;;mint-1;2026-07-02;12:00:01;\n"
	moleRows = "mole-1,mole-only-zoë,500.0,1782986400000,店\nmole-2,mole-only-zoë,-120,1782986460000,\n"
)

// A seed is a small good file that others are made from.
type seed struct{ merchant, format, name, content string }

// millSeeds returns a small good file of each format and way to write it.
func millSeeds(t testing.TB) []seed {
	rows := millRows()
	text, lines := formatAsCSV(t, rows), formatAsJSONLines(t, rows)
	seeds := []seed{
		{"Mill", "csv", "a.csv", text}, {"Mill", "jsonl", "a.jsonl", lines},
		{"Mill", "csv.gz", "a.csv.gz", zipped(text)}, {"Mill", "jsonl.gz", "a.jsonl.gz", zipped(lines)},
		{"Mill", "csv.zst", "a.csv.zst", zstandard(t, text)}, {"Mill", "jsonl.zst", "a.jsonl.zst", zstandard(t, lines)},
		{"Mill", "parquet delta", "a.parquet", formatAsXitongsys(t, rows)},
		{"Mint", "csv gb18030", "a.csv", encoded(t, mintRows, simplifiedchinese.GB18030)},
		{"Mint", "csv.gz gb18030", "a.csv.gz", zipped(encoded(t, mintRows, simplifiedchinese.GB18030))},
		{"Mole", "csv utf-16", "a.csv", encoded(t, moleRows, unicode.UTF16(unicode.BigEndian, unicode.UseBOM))},
	}
	for _, codec := range []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Zstd, compress.Codecs.Brotli} {
		seeds = append(seeds, seed{"Mill", "parquet " + strings.ToLower(codec.String()), "a.parquet", millParquet(t, formatColumns, lines, parquet.WithCompression(codec))})
	}
	return append(seeds, seed{"Mill", "parquet v2", "a.parquet", millParquet(t, formatColumns, lines, parquet.WithDataPageVersion(parquet.DataPageV2),
		parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Snappy))})
}

// millParquet writes rows, given as JSON lines, by Arrow.
func millParquet(t testing.TB, columns []arrow.Field, lines string, options ...parquet.WriterProperty) string {
	t.Helper()
	schema := arrow.NewSchema(columns, nil)
	rows := "[" + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", ",") + "]"
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	file, err := pqarrow.NewFileWriter(schema, &content, parquet.NewWriterProperties(append(options, parquet.WithStats(false))...), pqarrow.NewArrowWriterProperties())
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

// controlOf returns a control file that says all it can about a file.
func controlOf(name, content string, rows []formatRow) string {
	issued, redeemed := int64(0), int64(0)
	for i := range rows {
		switch rows[i].Kind {
		case settlement.Issue.String():
			issued += rows[i].Points
		case settlement.Redeem.String():
			redeemed += rows[i].Points
		}
	}
	return fmt.Sprintf("{\"files\":[{\"name\":%q,\"sha256\":%q,\"rows\":%d,\"issued_points\":%d,\"redeemed_points\":%d}]}\n",
		name, fmt.Sprintf("%x", sha256.Sum256([]byte(content))), len(rows), issued, redeemed)
}

// mutated gives every mutation of every small file: each bit or byte flipped, cut at each length,
// spliced at random; and the same of a file whose control file knows what it should be, and of
// that control file.
func mutated(t testing.TB) iter.Seq[hostileFile] {
	seeds := millSeeds(t)
	rows := millRows()
	return func(yield func(hostileFile) bool) {
		for i, seed := range seeds {
			file := hostileFile{merchant: seed.merchant, format: seed.format, name: seed.name}
			bits := 8
			if strings.HasPrefix(seed.format, "parquet") {
				bits = 1
			}
			if !flips(file, seed.content, bits, yield) || !cuts(file, seed.content, yield) || !splices(file, seed.content, uint64(i), yield) {
				return
			}
			if seed.format != "csv" && seed.format != "parquet snappy" {
				continue
			}
			file.format += " + control"
			file.control, file.mustHold = controlOf(seed.name, seed.content, rows), true
			if !flips(file, seed.content, 1, yield) || !cuts(file, seed.content, yield) {
				return
			}
		}
		good := hostileFile{format: "_control.json", name: seeds[0].name, content: seeds[0].content}
		inControl := func(file hostileFile) bool {
			if file.content == "" {
				return true // no control file at all
			}
			file.control, file.content = file.content, good.content
			return yield(file)
		}
		control := controlOf(good.name, good.content, rows)
		_ = flips(good, control, 8, inControl) && cuts(good, control, inControl) && splices(good, control, 99, inControl)
	}
}

// flips gives the content with one bit flipped: so many bits of each byte.
func flips(file hostileFile, content string, bits int, yield func(hostileFile) bool) bool {
	file.mutation = "bit flipped"
	for at := range len(content) {
		for bit := range bits {
			if bits == 1 {
				bit = at*5%8 + at/8%2 // another one each time
			}
			flipped := []byte(content)
			flipped[at] ^= 1 << (bit % 8)
			file.what, file.content = fmt.Sprintf("bit %d of byte %d", bit%8, at), string(flipped)
			if !yield(file) {
				return false
			}
		}
	}
	return true
}

func cuts(file hostileFile, content string, yield func(hostileFile) bool) bool {
	file.mutation = "cut"
	for length := range len(content) {
		file.what, file.content = fmt.Sprintf("to %d of %d bytes", length, len(content)), content[:length]
		if !yield(file) {
			return false
		}
	}
	return true
}

const splicesPerFile = 400

// splices gives the content after some edits at random.
func splices(file hostileFile, content string, stream uint64, yield func(hostileFile) bool) bool {
	file.mutation, file.mustHold = "spliced", false
	random := rand.New(rand.NewPCG(73, stream))
	for number := range splicesPerFile {
		spliced := []byte(content)
		for range 1 + random.IntN(4) {
			spliced = splice(random, spliced)
		}
		file.what, file.content = fmt.Sprintf("splice %d", number), string(spliced)
		if !yield(file) {
			return false
		}
	}
	return true
}

// splice removes, repeats, overwrites or moves a part of a text.
func splice(random *rand.Rand, text []byte) []byte {
	from := random.IntN(len(text) + 1)
	to := min(len(text), from+1+random.IntN(40))
	part, rest := bytes.Clone(text[from:to]), bytes.Clone(text[to:])
	head := bytes.Clone(text[:from])
	switch random.IntN(6) {
	case 0:
		return append(head, rest...)
	case 1:
		return append(append(head, bytes.Repeat(part, 1+random.IntN(50))...), rest...)
	case 2:
		return append(append(head, bytes.Repeat([]byte{[]byte{0, 0xff, 0x80, '"', '\n', '9'}[random.IntN(6)]}, len(part))...), rest...)
	case 3:
		for i := range part {
			part[i] = byte(random.Uint32())
		}
		return append(append(head, part...), rest...)
	case 4:
		at := random.IntN(len(rest) + 1)
		return append(append(append(head, rest[:at]...), part...), rest[at:]...)
	default:
		return append(append(append(head, part...), []byte(fmt.Sprint(random.Int64()))...), rest...)
	}
}

// oddities are texts that somebody did not think of.
var oddities = map[string]string{
	"NUL": "a\x00b", "right to left": "a\u202eb\u2066c", "zero width": "a\u200bb", "not NFC": "e\u0301", "combining": strings.Repeat("\u0301", 40), "not UTF-8": "a\xffb", "overlong": "\xc0\xaf",
	"surrogate as UTF-8": "\xed\xa0\x80", "beyond Unicode": "\xf4\x90\x80\x80", "byte order mark": "\ufeffa", "noncharacter": "\uffff", "C1": "a\u0085b", "DEL": "a\x7f", "line separator": "a\u2028b",
	"formula": "=1+1", "formula with a pipe": "=cmd|' /C calc'!A0", "formula with @": "@SUM(1)", "formula with -": "-2+3", "tab": "\tx", "carriage return": "x\ry", "newline": "x\ny", "quotes": `"'"`, "comma": ",,",
	"path": "../../../etc/passwd", "URL": "%2e%2e%2f", "markup": "<script>alert(1)</script>", "SQL": "'; DROP TABLE lots;--", "format": "%s%n%d", "shell": "$(reboot)`", "128 bytes": strings.Repeat("x", 128),
	"129 bytes": strings.Repeat("x", 129), "a mebibyte less a little": strings.Repeat("x", 1<<20-1000), "a mebibyte": strings.Repeat("é", 1<<19), "null": "null", "true": "true", "NaN": "NaN", "infinity": "1e400",
	"2^63": "9223372036854775808", "-2^63": "-9223372036854775808", "10^13": "10000000000000", "full width": "１２", "Arabic digits": "١٢", "hexadecimal": "0x1F", "leading zero": "007", "plus": "+5", "exponent": "1e3",
	"fraction": "5.0", "blank": " ", "no-break space": "\u00a0", "another merchant": "Bakery", "a leap second": "2026-07-02T23:59:60Z", "year 0": "0000-00-00", "30 February": "2026-02-30", "the last date": "9999-12-31",
	"half a surrogate pair": jsonValue + `"\ud83d"`, "the other half": jsonValue + `"\ude00a"`, "two first halves": jsonValue + `"\ud800\ud800"`, "escaped NUL": jsonValue + `"\u0000"`, "bad escape": jsonValue + `"\x"`,
	"number": jsonValue + "5.0", "exponent of a number": jsonValue + "5e0", "huge number": jsonValue + "1e999999999", "long number": jsonValue + strings.Repeat("9", 100_000), "minus zero": jsonValue + "-0",
	"boolean": jsonValue + "true", "list": jsonValue + "[]", "object": jsonValue + `{"a":1,"a":2}`, "deep list": jsonValue + strings.Repeat("[", 400_000), "deep and closed": jsonValue + strings.Repeat("[", 101) + strings.Repeat("]", 101),
	"deep objects": jsonValue + strings.Repeat(`{"a":`, 100_000), "nothing": jsonValue, "a second row": jsonValue + "null}\n{",
	"no offset": "2026-07-02T10:00:00", "a long fraction": "2026-07-02T10:00:00." + strings.Repeat("9", 5000) + "Z", "offset of a day": "2026-07-02T10:00:00+24:00", "year 10000": "+10000-01-01T00:00:00Z",
}

// odd gives files with a good row, and one that has an odd text in one column.
func odd(t testing.TB) iter.Seq[hostileFile] {
	texts := make([]arrow.Field, settlement.Columns)
	for column := range settlement.Columns {
		texts[column] = arrow.Field{Name: column.String(), Type: arrow.BinaryTypes.String, Nullable: true}
	}
	texts[settlement.PointsColumn].Type = arrow.PrimitiveTypes.Int64
	return func(yield func(hostileFile) bool) {
		for _, what := range slices.Sorted(maps.Keys(oddities)) {
			for column := range settlement.Columns {
				file := hostileFile{mutation: "odd text", what: fmt.Sprintf("%s in %s", what, column)}
				for _, format := range []string{"csv", "jsonl", "parquet"} {
					if format == "parquet" && column == settlement.PointsColumn {
						continue
					}
					file.format, file.name, file.content = format, "a."+format, oddContent(t, format, texts, column.String(), oddities[what])
					if !yield(file) {
						return
					}
				}
			}
		}
	}
}

func oddContent(t testing.TB, format string, columns []arrow.Field, column, text string) string {
	rows := []map[string]string{millRows()[0].values(), millRows()[1].values()}
	rows[1][column] = text
	var content strings.Builder
	switch format {
	case "csv":
		for i, column := range columns {
			content.WriteString(strings.Repeat(",", min(i, 1)) + column.Name)
		}
		for _, row := range rows {
			content.WriteString("\n")
			for i, column := range columns {
				content.WriteString(strings.Repeat(",", min(i, 1)) + `"` + strings.ReplaceAll(row[column.Name], `"`, `""`) + `"`)
			}
		}
	case "jsonl":
		for _, row := range rows {
			separator := "{"
			for _, name := range slices.Sorted(maps.Keys(row)) {
				content.WriteString(separator + `"` + name + `":` + rawJSON(row[name]))
				separator = ","
			}
			content.WriteString("}\n")
		}
	default:
		return textParquet(t, columns, rows)
	}
	return content.String()
}

// rawJSON writes a string with its bytes as they are if they are not UTF-8, and a text that
// begins with jsonValue as the value that follows.
func rawJSON(text string) string {
	if value, ok := strings.CutPrefix(text, jsonValue); ok {
		return value
	}
	if !utf8.ValidString(text) {
		return `"` + text + `"`
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

const jsonValue = "JSON:"

// textParquet writes rows with columns of text, which need not be UTF-8, and 7 points each.
func textParquet(t testing.TB, columns []arrow.Field, rows []map[string]string) string {
	t.Helper()
	schema := arrow.NewSchema(columns, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, column := range columns {
		for _, row := range rows {
			value, given := row[column.Name]
			switch values := builder.Field(i).(type) {
			case *array.StringBuilder:
				values.AppendValues([]string{value}, []bool{given})
			case *array.Int64Builder:
				values.Append(7)
			}
		}
	}
	var content bytes.Buffer
	file, err := pqarrow.NewFileWriter(schema, &content, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties())
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write(builder.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

// noise gives random bytes under every ending, some behind what such files begin with, and
// under names that are no format's.
func noise() iter.Seq[hostileFile] {
	beginnings := map[string]string{"parquet": "PAR1", "csv": "transaction_id,member_id,kind,points,occurred_at\n", "jsonl": `{"transaction_id":`, "gz": "\x1f\x8b\x08\x00", "zst": "\x28\xb5\x2f\xfd"}
	return func(yield func(hostileFile) bool) {
		random := rand.New(rand.NewPCG(2026, 7))
		for number := range 150 {
			for _, ending := range []string{"csv", "jsonl", "parquet", "csv.gz", "csv.zst", "jsonl.gz", "jsonl.zst", "CSV", "xlsx", "parquet.gz", "csv.bz2", "csv~"} {
				content := make([]byte, random.IntN(1<<random.IntN(13)))
				for i := range content {
					content[i] = byte(random.Uint32())
				}
				text := string(content)
				if number%3 == 0 {
					text = beginnings[ending[strings.LastIndexByte(ending, '.')+1:]] + text
				}
				if number%3 == 0 && ending == "parquet" {
					text += string([]byte{byte(len(text) - 4), byte((len(text) - 4) >> 8), 0, 0}) + "PAR1"
				}
				if !yield(hostileFile{format: ending, mutation: "random", what: fmt.Sprint("random ", number), name: "a." + ending, content: text}) {
					return
				}
			}
		}
	}
}

// names gives a good file under names that are data but strange.
func names(t testing.TB) iter.Seq[hostileFile] {
	good := formatAsCSV(t, millRows())
	return func(yield func(hostileFile) bool) {
		for _, name := range []string{"=1+1.csv", "-rf.csv", "a b.csv", "a,b\".csv", "ü.csv", "u\u0308.csv", "\u202evsc.exe.csv", "%2e%2e%2f.csv", "date=2026-07-03.csv", "merchant=Bakery.csv", "con.csv",
			strings.Repeat("x", 200) + ".csv", "a.csv.csv", "a..csv", "'; DROP TABLE.csv", "<b>.csv", "$HOME.csv", "~.csv", "\\..\\a.csv", "a\u2028.csv"} {
			if !yield(hostileFile{format: "csv", mutation: "odd name", what: name, name: name, content: good}) {
				return
			}
		}
	}
}
