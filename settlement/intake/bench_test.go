package intake

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
)

func manyRows(format string, rows int) string {
	var text strings.Builder
	if format == "csv" {
		text.WriteString("transaction_id,member_id,kind,points,occurred_at,issuer_id,amount,currency,reason,store_id\n")
	}
	for i := range rows {
		if format == "csv" {
			fmt.Fprintf(&text, "T-%09d,M%07d,issue,%d,2026-03-10T%02d:%02d:%02d+08:00,A,%d.50,CNY,purchase,S%03d\n",
				i, i*7919%1000000, i%5000+1, i%24, i%60, i%59, i%300, i%200)
		} else {
			fmt.Fprintf(&text, `{"transaction_id":"T-%09d","member_id":"M%07d","kind":"issue","points":%d,"occurred_at":"2026-03-10T%02d:%02d:%02d+08:00","issuer_id":"A","amount":"%d.50","currency":"CNY","reason":"purchase","store_id":"S%03d"}`+"\n",
				i, i*7919%1000000, i%5000+1, i%24, i%60, i%59, i%300, i%200)
		}
	}
	return text.String()
}

const benchmarkRows = 200_000

func benchmarkRead(b *testing.B, name, text string) {
	key := "merchant=A/date=2026-03-10/" + name
	inbox := inboxOf(b, map[string]string{key: text})
	objects, err := inbox.List(context.Background(), key)
	if err != nil {
		b.Fatal(err)
	}
	object := Object{Merchant: partyA, Date: day, Name: name, Format: FormatOf(name), Object: objects[0]}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		length := 0
		facts, err := Read(context.Background(), inbox, &object, func(record *settlement.Record) error {
			length += len(record.Values[settlement.MemberID])
			return nil
		})
		if err != nil || facts.Rows != benchmarkRows || facts.Code != settlement.NoCode {
			b.Fatal(facts, err)
		}
	}
	b.ReportMetric(float64(benchmarkRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkCSV(b *testing.B) { benchmarkRead(b, "a.csv", manyRows("csv", benchmarkRows)) }
func BenchmarkCSVGzip(b *testing.B) {
	benchmarkRead(b, "a.csv.gz", gzipped(b, manyRows("csv", benchmarkRows)))
}
func BenchmarkCSVZstandard(b *testing.B) {
	benchmarkRead(b, "a.csv.zst", zstandard(b, manyRows("csv", benchmarkRows)))
}
func BenchmarkCSVQuoted(b *testing.B) {
	text := strings.ReplaceAll(manyRows("csv", benchmarkRows), ",purchase,", ",\"purchase\",")
	benchmarkRead(b, "a.csv", text)
}
func BenchmarkJSONLines(b *testing.B) { benchmarkRead(b, "a.jsonl", manyRows("jsonl", benchmarkRows)) }
func BenchmarkJSONLinesZstandard(b *testing.B) {
	benchmarkRead(b, "a.jsonl.zst", zstandard(b, manyRows("jsonl", benchmarkRows)))
}

// BenchmarkEncodingCSV is what the standard library takes for the bare records.
func BenchmarkEncodingCSV(b *testing.B) {
	text := []byte(manyRows("csv", benchmarkRows))
	for range b.N {
		reader := csv.NewReader(bytes.NewReader(text))
		reader.ReuseRecord = true
		for {
			if _, err := reader.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(benchmarkRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// parquetRows are the rows of manyRows in a Parquet file as most writers make it.
func parquetRows(b *testing.B, options ...any) string {
	fields := []arrow.Field{{Name: "transaction_id", Type: text}, {Name: "member_id", Type: text}, {Name: "kind", Type: text}, {Name: "points", Type: arrow.PrimitiveTypes.Int64},
		{Name: "occurred_at", Type: utc}, {Name: "issuer_id", Type: text, Nullable: true}, {Name: "amount", Type: &arrow.Decimal128Type{Precision: 18, Scale: 2}, Nullable: true},
		{Name: "currency", Type: text, Nullable: true}, {Name: "reason", Type: text, Nullable: true}, {Name: "store_id", Type: text, Nullable: true}}
	rows := strings.TrimSuffix(manyRows("jsonl", benchmarkRows), "\n")
	return arrowFile(b, fields, "["+strings.ReplaceAll(rows, "\n", ",")+"]", options...)
}

func BenchmarkParquetSnappy(b *testing.B) {
	benchmarkRead(b, "a.parquet", parquetRows(b, parquet.WithCompression(compress.Codecs.Snappy)))
}
func BenchmarkParquetZstandard(b *testing.B) {
	benchmarkRead(b, "a.parquet", parquetRows(b, parquet.WithCompression(compress.Codecs.Zstd)))
}
func BenchmarkParquetPlain(b *testing.B) {
	benchmarkRead(b, "a.parquet", parquetRows(b, parquet.WithDictionaryDefault(false)))
}
