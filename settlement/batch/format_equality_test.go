package batch_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/statement"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"
	"github.com/xitongsys/parquet-go-source/writerfile"
	"github.com/xitongsys/parquet-go/writer"
)

// A formatRow is a row that every format can hold.
type formatRow struct {
	ID           string  `parquet:"name=transaction_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	Member       string  `parquet:"name=member_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Kind         string  `parquet:"name=kind, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	Points       int64   `parquet:"name=points, type=INT64, encoding=DELTA_BINARY_PACKED"`
	OccurredAt   *int64  `parquet:"name=occurred_at, type=INT64, logicaltype=TIMESTAMP, logicaltype.isadjustedtoutc=true, logicaltype.unit=MICROS"`
	Original     *string `parquet:"name=original_transaction_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	OriginalDate *int32  `parquet:"name=original_date, type=INT32, convertedtype=DATE"`
	ExpiresOn    *int32  `parquet:"name=expires_on, type=INT32, convertedtype=DATE"`
	Amount       *int64  `parquet:"name=amount, type=INT64, convertedtype=DECIMAL, scale=2, precision=18"`
	Reason       *string `parquet:"name=reason, type=BYTE_ARRAY, convertedtype=UTF8, encoding=DELTA_LENGTH_BYTE_ARRAY"`
	Till         int32   `parquet:"name=till, type=INT32"`
}

// formatColumns are the columns of a formatRow, and their Arrow types.
var formatColumns = []arrow.Field{
	{Name: "transaction_id", Type: arrow.BinaryTypes.String}, {Name: "member_id", Type: arrow.BinaryTypes.LargeString}, {Name: "kind", Type: arrow.BinaryTypes.String},
	{Name: "points", Type: arrow.PrimitiveTypes.Int64}, {Name: "occurred_at", Type: &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Berlin"}, Nullable: true},
	{Name: "original_transaction_id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "original_date", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "expires_on", Type: arrow.FixedWidthTypes.Date32, Nullable: true}, {Name: "amount", Type: &arrow.Decimal128Type{Precision: 12, Scale: 2}, Nullable: true},
	{Name: "reason", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "till", Type: arrow.PrimitiveTypes.Int32},
}

// values returns the row as text, by column; what is absent is not there.
func (r *formatRow) values() map[string]string {
	values := map[string]string{"transaction_id": r.ID, "member_id": r.Member, "kind": r.Kind, "points": fmt.Sprint(r.Points), "till": fmt.Sprint(r.Till)}
	if r.OccurredAt != nil {
		values["occurred_at"] = settlement.Instant(*r.OccurredAt).String()
	}
	for column, text := range map[string]*string{"original_transaction_id": r.Original, "reason": r.Reason} {
		if text != nil {
			values[column] = *text
		}
	}
	for column, days := range map[string]*int32{"original_date": r.OriginalDate, "expires_on": r.ExpiresOn} {
		if days != nil {
			values[column] = settlement.Date(*days).String()
		}
	}
	if r.Amount != nil {
		values["amount"] = fmt.Sprintf("%d.%02d", *r.Amount/100, *r.Amount%100)
	}
	return values
}

func formatAsCSV(t testing.TB, rows []formatRow) string {
	var text bytes.Buffer
	lines := csv.NewWriter(&text)
	line := make([]string, len(formatColumns))
	for i, column := range formatColumns {
		line[i] = column.Name
	}
	for i := range len(rows) + 1 {
		if i > 0 {
			values := rows[i-1].values()
			for j, column := range formatColumns {
				line[j] = values[column.Name]
			}
		}
		if err := lines.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	lines.Flush()
	return text.String()
}

func formatAsJSONLines(t testing.TB, rows []formatRow) string {
	var text bytes.Buffer
	for i := range rows {
		fields := map[string]any{}
		for column, value := range rows[i].values() {
			fields[column] = value
		}
		fields["points"] = rows[i].Points
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(line, '\n'))
	}
	return text.String()
}

func formatAsArrow(t testing.TB, rows []formatRow) string {
	return arrowFile(t, formatColumns, rows, nil)
}

// arrowFile writes rows with Arrow. columns may have other names for those of rename.
func arrowFile(t testing.TB, columns []arrow.Field, rows []formatRow, rename map[string]string) string {
	var text strings.Builder
	for i := range rows {
		fields := map[string]any{}
		for column, value := range rows[i].values() {
			fields[column] = value
		}
		fields["points"], fields["till"] = rows[i].Points, rows[i].Till
		for name, other := range rename {
			fields[other] = fields[name]
			delete(fields, name)
		}
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("," + string(line))
	}
	schema := arrow.NewSchema(columns, nil)
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader("["+strings.TrimPrefix(text.String(), ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	properties := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithVersion(parquet.V2_LATEST))
	file, err := pqarrow.NewFileWriter(schema, &content, properties, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for from := int64(0); from < record.NumRows(); from += 100 {
		if err := file.Write(record.NewSlice(from, min(from+100, record.NumRows()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

func formatAsXitongsys(t testing.TB, rows []formatRow) string {
	var content bytes.Buffer
	file, err := writer.NewParquetWriter(writerfile.NewWriterFile(&content), new(formatRow), 1)
	if err != nil {
		t.Fatal(err)
	}
	file.PageSize = 1000
	for i := range rows {
		if err := file.Write(rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.WriteStop(); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

func zstandard(t testing.TB, content string) string {
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(packer.EncodeAll([]byte(content), nil))
}

// formatRows makes the rows of one merchant for one night: good ones, and ones of every fault that
// a typed column can have.
func formatRows(random *rand.Rand, merchant string, date settlement.Date) []formatRow {
	noon_us := int64(date)*86_400_000_000 + 12*3_600_000_000
	var rows []formatRow
	for i := range 250 {
		at_us := noon_us + int64(i)*1_234_567
		row := formatRow{ID: fmt.Sprintf("%s-%s-%d", merchant, date, i), Member: fmt.Sprintf("m%d", random.IntN(20)), Kind: "issue", Points: 1 + random.Int64N(500), OccurredAt: &at_us, Till: 3}
		days := func(days settlement.Date) *int32 { return new(int32(days)) }
		switch random.IntN(12) {
		case 0, 1, 2:
			row.Kind = "redeem"
			row.ExpiresOn = days(date - 30) // which a redeem does not take
		case 3:
			row.Kind, row.Original = "redeem_reversal", new(fmt.Sprintf("%s-%s-%d", merchant, date, random.IntN(250)))
			row.OriginalDate = days(date)
		case 4:
			row.Kind, row.Original = "issue_reversal", new(fmt.Sprintf("%s-%s-%d", merchant, date-1, random.IntN(250)))
		case 5:
			row.ExpiresOn = days(date + settlement.Date(random.IntN(20)) - 2)
		}
		if i%5 == 0 {
			row.Amount, row.Reason = new(random.Int64N(100_000)), new("purchase")
		}
		switch i {
		case 20:
			row.Points = 0
		case 40:
			row.Points = -7
		case 60:
			row.Points = settlement.MaxPoints + 1
		case 80:
			row.OccurredAt = nil
		case 100:
			row.OccurredAt = new(noon_us - 30*86_400_000_000) // too late
		case 120:
			row.OccurredAt = new(noon_us + 86_400_000_000) // for tomorrow
		case 140:
			row.OccurredAt = new(int64(-1)) // before 1970
		case 160, 180:
			row = rows[i-60] // again
		case 200:
			row = rows[i-10]
			row.Points++ // again, but not the same
		case 220:
			row.Reason = new("Not A Reason")
		}
		rows = append(rows, row)
	}
	return rows
}

// formatEnding matches the name of a file in a message.
var formatEnding = regexp.MustCompile(`/rows\.[a-z.]*[a-z]`)

// publishedTables returns every table in a bucket of statements as text, but for what says how an
// input was written, and the columns hidden.
func publishedTables(t testing.TB, s stores, alsoHidden ...string) map[string]string {
	tables := map[string]string{}
	for key, content := range contentsOf(t, s.statements) {
		if path.Ext(key) != ".parquet" {
			continue
		}
		var text bytes.Buffer
		if err := statement.Dump(&text, []byte(content), nil); err != nil {
			t.Fatal(key, err)
		}
		rows, err := csv.NewReader(&text).ReadAll()
		if err != nil {
			t.Fatal(key, err)
		}
		hidden := append([]string{"file", "key", "bytes", "sha256", "computation_id"}, alsoHidden...)
		if path.Base(key) == "inputs.parquet" {
			hidden = append(hidden, "version")
		}
		var table strings.Builder
		for _, row := range rows {
			for i, value := range row {
				if slices.Contains(hidden, rows[0][i]) {
					value = ""
				}
				fmt.Fprintf(&table, "%s|", formatEnding.ReplaceAllString(value, "/rows"))
			}
			table.WriteString("\n")
		}
		tables[key] = table.String()
	}
	return tables
}

// TestEveryFormatSettlesTheSame settles two nights of the same rows in each format, and of a
// third one whose files repeat the second's rows in another format.
func TestEveryFormatSettlesTheSame(t *testing.T) {
	formats := []struct {
		ending string
		write  func(testing.TB, []formatRow) string
	}{
		{".csv", formatAsCSV},
		{".jsonl", formatAsJSONLines},
		{".csv.gz", func(t testing.TB, rows []formatRow) string { return zipped(formatAsCSV(t, rows)) }},
		{".jsonl.zst", func(t testing.TB, rows []formatRow) string { return zstandard(t, formatAsJSONLines(t, rows)) }},
		{".parquet", formatAsArrow},
		{".parquet", formatAsXitongsys},
	}
	var want map[string]string
	for i := range formats {
		s := memoryStores()
		job := s.job(mustRulebook(t, laneRulebook), laneStart+2)
		job.CatchUp = true
		random := rand.New(rand.NewPCG(1, 2))
		for _, merchant := range []string{"Bakery", "Cinema"} {
			for night := range settlement.Date(2) {
				rows := formatRows(random, merchant, laneStart+night)
				folder := fmt.Sprintf("merchant=%s/date=%s/rows", merchant, laneStart+night)
				files := map[string]string{folder + formats[i].ending: formats[i].write(t, rows)}
				if night == 1 {
					again := formats[(i+1)%len(formats)]
					folder = fmt.Sprintf("merchant=%s/date=%s/rows", merchant, laneStart+2)
					files[folder+again.ending] = again.write(t, rows)
				}
				fill(t, s.inbox, files)
			}
		}
		mustRun(t, job)
		got := publishedTables(t, s)
		if i == 0 {
			want = got
			all := strings.Join(slices.Collect(maps.Values(got)), "")
			for _, code := range []string{"invalid_value", "missing_field", "too_late", "|future|", "|duplicate|", "|conflict|", "unknown_original", "|redemption|", "unknown_column"} {
				if !strings.Contains(all, code) {
					t.Errorf("no row shows %s", code)
				}
			}
			continue
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d tables, want %d", formats[i].ending, len(got), len(want))
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if got[key] != want[key] {
				gotRows, wantRows := strings.Split(got[key], "\n"), strings.Split(want[key], "\n")
				for row := range min(len(gotRows), len(wantRows)) {
					if gotRows[row] != wantRows[row] {
						t.Fatalf("format %d (%s): row %d of %s is\n%s, as CSV it is\n%s", i, formats[i].ending, row, key, gotRows[row], wantRows[row])
					}
				}
				t.Fatalf("format %d (%s): %s has %d rows, as CSV %d", i, formats[i].ending, key, len(gotRows), len(wantRows))
			}
		}
	}
}
