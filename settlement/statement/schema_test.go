package statement

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/xitongsys/parquet-go/reader"
	parquetsource "github.com/xitongsys/parquet-go/source"
)

// The columns of every table, in order, each with its type: s text, d date, t instant, m money,
// p price or rate, n a count (64 bits), i a small number (32 bits), b yes or no; ? may be null.
var publishedColumns = map[string]string{
	"merchant summary.parquet": `statement_no:s version:i supersedes:i? merchant_id:s settlement_date:d cycle_start:d cycle_end:d cycle_closed:b currency:s
		receivable:m payable:m cycle_receivable:m cycle_payable:m fees:m tax:m net:m carried_in:m held:m released:m carried_out:m due:m
		points_opening:n? points_issued:n points_issue_reversed:n points_redeemed_own:n points_redeemed_elsewhere:n points_restored:n
		points_expired:n points_closing:n? points_redeemed_here:n rows_accepted:n rows_deferred:n rows_rejected:n is_complete:b
		rulebook_digest:s computation_id:s`,
	"merchant statement.parquet": `statement_no:s version:i line_no:i role:s counterparty_id:s activity:s business_date:d late:b price_id:s
		price:p? per_points:n? currency:s transactions:n points:n value:m`,
	"merchant detail.parquet": `statement_no:s line_no:i? allocation_id:s role:s counterparty_id:s activity:s business_date:d occurred_at:t late:b
		transaction_id:s? lot_merchant_id:s? lot_id:s? lot_issued_on:d? points:n price:p? per_points:n? amount:m`,
	"merchant exceptions.parquet": `file:s row:n? transaction_id:s? code:s state:s column:s? value:s? points:n? message:s`,
	"merchant inputs.parquet": `key:s? version:s? bytes:n? sha256:s? state:s code:s? rows:n accepted:n deferred:n rejected:n
		issued_points:n redeemed_points:n`,
	"alliance lines.parquet": `issuer_id:s redeemer_id:s activity:s business_date:d late:b price_id:s price:p? per_points:n? currency:s
		transactions:n points:n value:m`,
	"alliance positions.parquet": `party_id:s currency:s receivable:m payable:m fees:m tax:m net:m carried_in:m held:m released:m carried_out:m due:m`,
	"alliance fees.parquet":      `merchant_id:s fee_id:s currency:s base:m transactions:n fee:m tax_rate:p tax:m`,
	"alliance payments.parquet":  `payment_id:s payer_id:s payee_id:s currency:s amount:m statement_no:s`,
	"alliance points.parquet": `issuer_id:s opening:n? issued:n issue_reversed:n redeemed_own:n redeemed_elsewhere:n restored:n expired:n
		closing:n?`,
	"alliance exceptions.parquet": `merchant_id:s? file:s row:n? transaction_id:s? code:s state:s column:s? value:s? points:n? message:s`,
	"alliance inputs.parquet": `merchant_id:s? key:s? version:s? bytes:n? sha256:s? state:s code:s? rows:n accepted:n deferred:n rejected:n
		issued_points:n redeemed_points:n`,
}

var typeNames = map[string]string{
	"s": "BYTE_ARRAY String", "d": "INT32 Date", "m": "INT64 Decimal(precision=18, scale=4)", "p": "INT64 Decimal(precision=18, scale=8)",
	"t": "INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false)",
	"n": "INT64 None", "i": "INT32 None", "b": "BOOLEAN None",
}

// tableOf returns the key of a path in publishedColumns.
func tableOf(path string) string {
	owner, _, _ := strings.Cut(path, "/")
	owner, _, _ = strings.Cut(owner, "=")
	return owner + path[strings.LastIndex(path, "/"):]
}

func TestTypesOfAllColumns(t *testing.T) {
	p := publish(t, smallNight(), Options{})
	seen := map[string]bool{}
	for _, path := range p.order {
		if !strings.HasSuffix(path, ".parquet") {
			continue
		}
		table := strings.Replace(tableOf(path), "/", " ", 1)
		seen[table] = true
		var want []string
		for _, column := range strings.Fields(publishedColumns[table]) {
			name, kind, _ := strings.Cut(column, ":")
			repetition := "required"
			if strings.HasSuffix(kind, "?") {
				repetition, kind = "optional", kind[:1]
			}
			want = append(want, fmt.Sprintf("%s: %s %s", name, repetition, typeNames[kind]))
		}
		if got := columnTypes(t, p.files[path]); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s has the columns\n%s\ninstead of\n%s", path, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(seen) != len(publishedColumns) {
		t.Errorf("%d of %d tables were published", len(seen), len(publishedColumns))
	}
}

func columnTypes(t *testing.T, body []byte) []string {
	opened, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for i := range opened.MetaData().Schema.NumColumns() {
		column := opened.MetaData().Schema.Column(i)
		types = append(types, fmt.Sprintf("%s: %s %s %s", column.Name(), column.SchemaNode().RepetitionType(), column.PhysicalType(), column.LogicalType()))
		for group := range opened.NumRowGroups() {
			chunk, err := opened.MetaData().RowGroup(group).ColumnChunk(i)
			if err != nil {
				t.Fatal(err)
			}
			if chunk.Compression() != compress.Codecs.Zstd {
				t.Errorf("column %s is compressed by %s", column.Name(), chunk.Compression())
			}
		}
	}
	return types
}

// Both libraries must read the same from every file, whichever wrote it.
func TestBothLibrariesReadTheSame(t *testing.T) {
	p := publish(t, smallNight(), Options{DetailRowsPerFile: 3})
	large := publish(t, largeNight(20_000), Options{})
	for _, merchant := range []string{"A", "B"} {
		path := "merchant=" + merchant + "/date=2026-06-16/detail.parquet"
		p.order = append(p.order, "large/"+path)
		p.files["large/"+path] = large.files[path]
	}
	for _, path := range p.order {
		if !strings.HasSuffix(path, ".parquet") {
			continue
		}
		read, err := readFrame(p.files[path])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		other, err := reader.NewParquetColumnReader(newMemoryFile(p.files[path]), 1)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if other.GetNumRows() != read.rows {
			t.Fatalf("%s: %d rows by one library, %d by the other", path, read.rows, other.GetNumRows())
		}
		if read.rows > 0 {
			compareColumns(t, path, read, other)
		}
	}
}

func compareColumns(t *testing.T, path string, read *frame, other *reader.ParquetReader) {
	cursors := read.cursors()
	for i := range read.columns {
		column := &read.columns[i]
		values, _, _, err := other.ReadColumnByIndex(int64(i), read.rows)
		if err != nil || int64(len(values)) != read.rows {
			t.Fatalf("%s, column %s: %d of %d values (%v)", path, column.name, len(values), read.rows, err)
		}
		for row, value := range values {
			at := cursors[i].advance()
			if want := raw(column, at); fmt.Sprint(value) != want {
				t.Fatalf("%s, column %s, row %d: %s by one library, %v by the other", path, column.name, row+1, want, value)
			}
		}
	}
}

// raw returns a value as it is stored.
func raw(column *column, at int) string {
	switch {
	case at < 0:
		return "<nil>"
	case column.meaning == meansText:
		return column.texts[at]
	case column.meaning == meansFlag:
		return fmt.Sprint(column.numbers[at] == 1)
	default:
		return fmt.Sprint(column.numbers[at])
	}
}

// A memoryFile is a file in memory as the other library wants to open it.
type memoryFile struct {
	*bytes.Reader
	body []byte
}

func newMemoryFile(body []byte) memoryFile { return memoryFile{bytes.NewReader(body), body} }

func (f memoryFile) Open(string) (parquetsource.ParquetFile, error) {
	return newMemoryFile(f.body), nil
}
func (f memoryFile) Create(string) (parquetsource.ParquetFile, error) {
	return nil, fmt.Errorf("only to be read")
}
func (f memoryFile) Write([]byte) (int, error) { return 0, fmt.Errorf("only to be read") }
func (f memoryFile) Close() error              { return nil }
