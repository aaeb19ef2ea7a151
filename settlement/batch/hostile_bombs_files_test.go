//go:build unix

package batch_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A bomb is a file that is made to cost more than it looks.
type bomb struct {
	name  string
	write func(w io.Writer) error
	// code is what it must be held with, "" if it is to be taken.
	code string
	// large ones take a second or more, or a lot of disk, and are left out of make test.
	large bool
}

const bombHeader = "transaction_id,member_id,kind,points,occurred_at\n"

// repeated writes a text, and another one so many times.
func repeated(first, text string, count int) func(io.Writer) error {
	return func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		buffered.WriteString(first)
		piece := text
		for len(piece) < 1<<14 && count%2 == 0 && count > 1 {
			piece, count = piece+piece, count/2
		}
		for range count {
			if _, err := buffered.WriteString(piece); err != nil {
				return err
			}
		}
		return buffered.Flush()
	}
}

func inGzip(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		packer := gzip.NewWriter(w)
		if err := write(packer); err != nil {
			return err
		}
		return packer.Close()
	}
}

func inZstandard(write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		packer, err := zstd.NewWriter(w)
		if err != nil {
			return err
		}
		if err := write(packer); err != nil {
			return err
		}
		return packer.Close()
	}
}

// numbered writes rows whose number is part of them.
func numbered(first string, count int, format string) func(io.Writer) error {
	return func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		buffered.WriteString(first)
		for number := range count {
			if _, err := fmt.Fprintf(buffered, format, number); err != nil {
				return err
			}
		}
		return buffered.Flush()
	}
}

// sameRows writes a Parquet file that has one row again and again.
func sameRows(count int, padding int, codec compress.Compression) func(io.Writer) error {
	return func(w io.Writer) error {
		columns := []arrow.Field{
			{Name: "transaction_id", Type: arrow.BinaryTypes.String}, {Name: "member_id", Type: arrow.BinaryTypes.String}, {Name: "kind", Type: arrow.BinaryTypes.String},
			{Name: "points", Type: arrow.PrimitiveTypes.Int64}, {Name: "occurred_at", Type: arrow.BinaryTypes.String},
		}
		schema := arrow.NewSchema(columns, nil)
		builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		perGroup := min(1<<16, 1<<28/(padding+50))
		for range min(count, perGroup) {
			for i, value := range []string{"mill" + strings.Repeat("x", padding), "mill-only-zoe", "issue", "", hostileDateText + "T10:00:00Z"} {
				if i == 3 {
					builder.Field(i).(*array.Int64Builder).Append(1)
				} else {
					builder.Field(i).(*array.StringBuilder).Append(value)
				}
			}
		}
		record := builder.NewRecord()
		file, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithStats(false)), pqarrow.NewArrowWriterProperties())
		if err != nil {
			return err
		}
		for written := 0; written < count; written += perGroup {
			if err := file.Write(record); err != nil {
				return err
			}
		}
		return file.Close()
	}
}

// manyColumns writes a Parquet file of the columns that must be there and so many more.
func manyColumns(count int) func(io.Writer) error {
	return func(w io.Writer) error {
		columns := make([]arrow.Field, count)
		for i := range columns {
			columns[i] = arrow.Field{Name: fmt.Sprintf("column %d", i), Type: arrow.PrimitiveTypes.Int32, Nullable: true}
		}
		schema := arrow.NewSchema(columns, nil)
		file, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties())
		if err != nil {
			return err
		}
		return file.Close()
	}
}

var (
	bombRow     = `mill-%d,mill-only-zoe,issue,1,` + hostileDateText + "T10:00:00Z\n"
	bombJSONRow = `{"transaction_id":"mill","member_id":"mill-only-zoe","kind":"issue","points":1,"occurred_at":"` + hostileDateText + `T10:00:00Z"`
	mebibyte    = strings.Repeat("x", 1<<20-200)
)

var bombs = map[string]bomb{
	"gzip of a gibibyte of zeros":           {"a.csv.gz", inGzip(repeated("", strings.Repeat("\x00", 1<<20), 1<<10)), "unreadable_file", true},
	"gzip of a gibibyte of line ends":       {"a.csv.gz", inGzip(repeated(bombHeader, strings.Repeat("\n", 1<<20), 1<<10)), "unreadable_file", true},
	"gzip of 2^29 bad rows":                 {"a.csv.gz", inGzip(repeated(bombHeader, "x\n", 1<<29)), "unreadable_file", false},
	"gzip of 2^29 bad JSON rows":            {"a.jsonl.gz", inGzip(repeated("", "x\n", 1<<29)), "unreadable_file", true},
	"gzip in gzip":                          {"a.csv.gz", inGzip(inGzip(repeated("", strings.Repeat("\x00", 1<<20), 1<<10))), "unreadable_file", true},
	"gzip of 10^5 members":                  {"a.csv.gz", func(w io.Writer) error { return repeated("", zipped(""), 100_000)(w) }, "unreadable_file", false},
	"zstd of a gibibyte of zeros":           {"a.jsonl.zst", inZstandard(repeated("", strings.Repeat("\x00", 1<<20), 1<<10)), "unreadable_file", false},
	"zstd of 2^29 bad rows":                 {"a.csv.zst", inZstandard(repeated(bombHeader, "x\n", 1<<29)), "unreadable_file", false},
	"zstd of a window of a gibibyte":        {"a.csv.zst", repeated("\x28\xb5\x2f\xfd\x00\xa0", "\x01\x00\x00", 1), "unreadable_file", false},
	"zstd of a frame of exabytes":           {"a.csv.zst", repeated("\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x0f", "\x02\x00\x10x", 1000), "unreadable_file", false},
	"CSV of one line":                       {"a.csv", repeated("", strings.Repeat("x", 1<<20), 64), "unreadable_file", false},
	"CSV of one field in quotes":            {"a.csv", repeated(bombHeader+`"`, strings.Repeat("x\n", 1<<19), 64), "", true},
	"CSV header of 10^6 columns":            {"a.csv", repeated("", "x,", 1_000_000), "unreadable_file", false},
	"CSV row of 10^6 fields":                {"a.csv", repeated(bombHeader, ",", 1_000_000), "", false},
	"CSV of 10^6 bad rows":                  {"a.csv", repeated(bombHeader, "x\n", 1_000_000), "unreadable_file", false},
	"CSV of 200000 bad rows":                {"a.csv", repeated(bombHeader, "x\n", 200_000), "too_many_rejects", true},
	"CSV of 32 * 2^20 bad rows":             {"a.csv", repeated(bombHeader, "x\n", 1<<25), "unreadable_file", false},
	"CSV of 64 ids of a mebibyte":           {"a.csv", repeated(bombHeader, mebibyte+",m,issue,1,"+hostileDateText+"T10:00:00Z\n", 64), "too_many_rejects", false},
	"CSV of quotes":                         {"a.csv", repeated(bombHeader, `"""`, 10<<20), "unreadable_file", false},
	"CSV of 300000 late rows":               {"a.csv", numbered(bombHeader, 300_000, "mill-%d,mill-only-zoe,issue,1,1999-01-01T10:00:00Z\n"), "unreadable_file", true},
	"CSV of 64 rows with a mebibyte more":   {"a.csv", numbered("more,"+bombHeader, 64, mebibyte+","+bombRow), "", true},
	"CSV of 200000 late rows":               {"a.csv", numbered(bombHeader, 200_000, "mill-%d,mill-only-zoe,issue,1,1999-01-01T10:00:00Z\n"), "", true},
	"CSV of 100000 rows of one id":          {"a.csv", repeated(bombHeader, fmt.Sprintf(bombRow, 1), 100_000), "", true},
	"CSV of 200000 rows of one id":          {"a.csv", repeated(bombHeader, fmt.Sprintf(bombRow, 1), 200_000), "unreadable_file", true},
	"CSV of 200000 rows of one member":      {"a.csv", numbered(bombHeader, 200_000, bombRow), "", true},
	"CSV of 50000 redemptions of one point": {"a.csv", numbered(bombHeader+fmt.Sprintf(bombRow, -1), 50_000, strings.Replace(bombRow, "issue", "redeem", 1)), "", true},
	"JSON of 10^6 open lists":               {"a.jsonl", repeated(bombJSONRow+`,"x":`, "[", 1_000_000), "unreadable_file", false},
	"JSON of 10^5 open objects":             {"a.jsonl", repeated(bombJSONRow+`,"x":`, `{"x":`, 100_000), "unreadable_file", false},
	"JSON of 64 MiB of open lists":          {"a.jsonl", repeated(bombJSONRow+`,"x":`, "[", 64<<20), "unreadable_file", true},
	"JSON row of 10^5 names":                {"a.jsonl", func(w io.Writer) error { return numbered(bombJSONRow, 60_000, `,"x%d":0`)(w) }, "unreadable_file", false},
	"JSON of 10^5 names in 10^5 rows":       {"a.jsonl", numbered("", 100_000, `{"transaction_id":"x","name %d":0}`+"\n"), "too_many_rejects", false},
	"JSON of one line":                      {"a.jsonl", repeated(`{"transaction_id":"`, strings.Repeat("x", 1<<20), 64), "unreadable_file", true},
	"JSON of numbers of a mebibyte":         {"a.jsonl", repeated("", bombJSONRow+`,"amount":`+strings.Repeat("9", 1<<20-300)+"}\n", 64), "too_many_rejects", true},
	"Parquet of 10^7 rows of one id":        {"a.parquet", sameRows(10_000_000, 0, compress.Codecs.Zstd), "unreadable_file", true},
	"Parquet of 2^18 rows of one id":        {"a.parquet", sameRows(1<<18, 0, compress.Codecs.Zstd), "unreadable_file", false},
	"Parquet of 2^17 rows of one id":        {"a.parquet", sameRows(1<<17, 0, compress.Codecs.Zstd), "unreadable_file", true},
	"Parquet of 2^16 rows of one id":        {"a.parquet", sameRows(1<<16, 0, compress.Codecs.Zstd), "", true},
	"Parquet of rows of 100 KiB of x":       {"a.parquet", sameRows(65_536, 100<<10, compress.Codecs.Zstd), "unreadable_file", true},
	"Parquet of 10^5 columns":               {"a.parquet", manyColumns(100_000), "unreadable_file", false},
	"Parquet of a footer of gigabytes":      {"a.parquet", repeated("PAR1", "\xff\xff\xff\x7fPAR1", 1), "unreadable_file", false},
	"Parquet of 64 MiB of nothing":          {"a.parquet", repeated("PAR1", strings.Repeat("\x00", 1<<20), 64), "unreadable_file", true},
	"Parquet of 64 MiB of footer":           {"a.parquet", func(w io.Writer) error { _, err := w.Write(footerOf(60 << 20)); return err }, "unreadable_file", true},
}

// footerOf returns a Parquet file that is all footer: a list of lists of lists.
func footerOf(size int) []byte {
	file := append([]byte("PAR1"), bytes.Repeat([]byte{0x19}, size)...)
	return append(file, byte(size), byte(size>>8), byte(size>>16), byte(size>>24), 'P', 'A', 'R', '1')
}
