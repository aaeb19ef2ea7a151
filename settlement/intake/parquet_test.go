package intake

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/xitongsys/parquet-go-source/writerfile"
	xitongsys "github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/writer"
)

const threeRows = `[
{"transaction_id":"t1","member_id":"m","kind":"issue","points":5,"occurred_at":"2026-03-10T10:00:00.123456Z"},
{"transaction_id":"t2","member_id":"m","kind":"redeem","points":7,"occurred_at":"2026-03-10T11:00:00Z"},
{"transaction_id":"t3","member_id":"日本","kind":null,"points":null,"occurred_at":null}]`

const wantThreeRows = `1: t1 m issue 5 2026-03-10T10:00:00.123456Z
2: t2 m redeem 7 2026-03-10T11:00:00Z
3: t3 日本
3 rows, 5 issued, 7 redeemed, unknown []
`

func TestParquetEncodingsAndCodecs(t *testing.T) {
	codecs := map[string]compress.Compression{"none": compress.Codecs.Uncompressed, "snappy": compress.Codecs.Snappy, "gzip": compress.Codecs.Gzip,
		"brotli": compress.Codecs.Brotli, "zstd": compress.Codecs.Zstd}
	for codec, compression := range codecs {
		for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
			for _, dictionary := range []bool{true, false} {
				for _, group := range []int{1, 2, 100} {
					name := fmt.Sprintf("%s, pages of version %d, dictionary %t, %d rows a group", codec, version+1, dictionary, group)
					content := arrowFile(t, fiveColumns(), threeRows, parquet.WithCompression(compression), parquet.WithDataPageVersion(version),
						parquet.WithDictionaryDefault(dictionary), group)
					if got := readParquetFile(t, content); got != wantThreeRows {
						t.Errorf("%s: got\n%s", name, got)
					}
				}
			}
		}
	}
}

func TestParquetDeltaEncodings(t *testing.T) {
	for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		for _, textEncoding := range []parquet.Encoding{parquet.Encodings.DeltaLengthByteArray, parquet.Encodings.DeltaByteArray} {
			var rows, want strings.Builder
			rows.WriteString("[")
			total := 0
			for i := range 5000 {
				points := (i*i*31)%100_000 + 1
				total += points
				if i > 0 {
					rows.WriteString(",")
				}
				fmt.Fprintf(&rows, `{"transaction_id":"t%06d","member_id":"m%d","kind":"issue","points":%d,"occurred_at":"2026-03-10T10:%02d:%02dZ"}`, i*7, i%100, points, i/60%60, i%60)
				fmt.Fprintf(&want, "%d: t%06d m%d issue %d 2026-03-10T10:%02d:%02dZ\n", i+1, i*7, i%100, points, i/60%60, i%60)
			}
			rows.WriteString("]")
			fmt.Fprintf(&want, "5000 rows, %d issued, 0 redeemed, unknown []\n", total)
			options := []any{parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(version), parquet.WithDataPageSize(2000)}
			for _, column := range []string{"transaction_id", "member_id", "kind"} {
				options = append(options, parquet.WithEncodingFor(column, textEncoding))
			}
			for _, column := range []string{"points", "occurred_at"} {
				options = append(options, parquet.WithEncodingFor(column, parquet.Encodings.DeltaBinaryPacked))
			}
			if got := readParquetFile(t, arrowFile(t, fiveColumns(), rows.String(), options...)); got != want.String() {
				t.Errorf("%v, pages of version %d: got\n%.500s", textEncoding, version+1, got)
			}
		}
	}
}

func TestParquetManyPagesAndNulls(t *testing.T) {
	fields := append(fiveColumns(), arrow.Field{Name: "reason", Type: text, Nullable: true}, arrow.Field{Name: "amount", Type: &arrow.Decimal128Type{Precision: 18, Scale: 2}, Nullable: true},
		arrow.Field{Name: "expires_on", Type: dateIs, Nullable: true})
	var rows, want strings.Builder
	for i := range 7000 {
		row := fmt.Sprintf(`{"transaction_id":"t%d","member_id":"m%d","kind":"issue","points":1,"occurred_at":"2026-03-10T10:00:00Z"`, i, i)
		fmt.Fprintf(&want, "%d: t%d m%d issue 1 2026-03-10T10:00:00Z", i+1, i, i)
		if i%3 == 0 {
			row += fmt.Sprintf(`,"expires_on":"20%02d-01-31"`, 30+i%50)
			fmt.Fprintf(&want, " 20%02d-01-31", 30+i%50)
		}
		if i%5 == 0 && i < 3000 {
			row += fmt.Sprintf(`,"amount":"%d.05"`, i-100)
			if i == 0 {
				want.WriteString(" -100.05")
			} else {
				fmt.Fprintf(&want, " %d.05", i-100)
			}
		}
		if i%11 < 4 {
			row += fmt.Sprintf(`,"reason":"r%d"`, i%7)
			fmt.Fprintf(&want, " r%d", i%7)
		}
		rows.WriteString(row + "},")
		want.WriteString("\n")
	}
	want.WriteString("7000 rows, 7000 issued, 0 redeemed, unknown []\n")
	for _, dictionary := range []bool{true, false} {
		content := arrowFile(t, fields, "["+strings.TrimSuffix(rows.String(), ",")+"]", parquet.WithDictionaryDefault(dictionary), parquet.WithDataPageSize(500),
			parquet.WithBatchSize(64), parquet.WithCompression(compress.Codecs.Snappy), 3000)
		got := readParquetFile(t, content)
		if got != want.String() {
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Fatalf("dictionary %t: line %d is\n%s, want\n%s", dictionary, i+1, gotLines[i], wantLines[i])
				}
			}
			t.Fatalf("dictionary %t: %d lines, want %d", dictionary, len(gotLines), len(wantLines))
		}
	}
}

func decimalType(t testing.TB, precision, scale int32) schema.LogicalType {
	t.Helper()
	return schema.NewDecimalLogicalType(precision, scale)
}

// TestParquetTypes shows every type that a column may have, one value of which is given back.
func TestParquetTypes(t *testing.T) {
	required, types := parquet.Repetitions.Required, parquet.Types
	none := schema.NoLogicalType{}
	micros := schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	cases := []struct {
		name     string
		column   string
		logical  schema.LogicalType
		physical parquet.Type
		length   int
		values   any
		want     [2]string
	}{
		{"INT32", "points", none, types.Int32, -1, []int32{7, -8}, [2]string{"7", "-8"}},
		{"INT64", "points", none, types.Int64, -1, []int64{1_000_000_000_000, math.MinInt64}, [2]string{"1000000000000", "-9223372036854775808"}},
		{"INT(16)", "points", schema.NewIntLogicalType(16, true), types.Int32, -1, []int32{7, 8}, [2]string{"7", "8"}},
		{"UINT32", "points", schema.NewIntLogicalType(32, false), types.Int32, -1, []int32{-1, 8}, [2]string{"4294967295", "8"}},
		{"UINT64", "points", schema.NewIntLogicalType(64, false), types.Int64, -1, []int64{-1, 8}, [2]string{"18446744073709551615", "8"}},
		{"DECIMAL in INT32", "points", decimalType(t, 9, 0), types.Int32, -1, []int32{7, 8}, [2]string{"7", "8"}},
		{"DECIMAL in INT64", "points", decimalType(t, 18, 0), types.Int64, -1, []int64{7, 8}, [2]string{"7", "8"}},
		{"DECIMAL in fixed bytes", "points", decimalType(t, 18, 0), types.FixedLenByteArray, 8, []string{"\x00\x00\x00\x00\x00\x00\x01\x00", "\xff\xff\xff\xff\xff\xff\xff\xff"}, [2]string{"256", "-1"}},
		{"DECIMAL in many fixed bytes", "points", decimalType(t, 38, 0), types.FixedLenByteArray, 16, []string{strings.Repeat("\x00", 14) + "\x02\x01", "\x80" + strings.Repeat("\x00", 15)},
			[2]string{"513", "-170141183460469231731687303715884105728"}},
		{"DECIMAL in bytes", "points", decimalType(t, 20, 0), types.ByteArray, -1, []string{"\x07", "\x00\xff"}, [2]string{"7", "255"}},
		{"DECIMAL in no bytes", "points", decimalType(t, 20, 0), types.ByteArray, -1, []string{"", "\x01"}, [2]string{"0x", "1"}},
		{"text", "occurred_at", schema.StringLogicalType{}, types.ByteArray, -1, []string{"noon", "2026"}, [2]string{"noon", "2026"}},
		{"MICROS", "occurred_at", micros, types.Int64, -1, []int64{1, -1}, [2]string{"1970-01-01T00:00:00.000001Z", "1969-12-31T23:59:59.999999Z"}},
		{"MILLIS", "occurred_at", schema.NewTimestampLogicalType(true, schema.TimeUnitMillis), types.Int64, -1, []int64{1500, math.MaxInt64}, [2]string{"1970-01-01T00:00:01.5Z", "9223372036854775807 ms after 1970"}},
		{"NANOS", "occurred_at", schema.NewTimestampLogicalType(true, schema.TimeUnitNanos), types.Int64, -1, []int64{1999, -1}, [2]string{"1970-01-01T00:00:00.000001Z", "1969-12-31T23:59:59.999999Z"}},
		{"plain bytes", "kind", none, types.ByteArray, -1, []string{"issue", "x"}, [2]string{"issue", "x"}},
		{"ENUM", "kind", schema.EnumLogicalType{}, types.ByteArray, -1, []string{"issue", "x"}, [2]string{"issue", "x"}},
		{"DATE", "expires_on", schema.DateLogicalType{}, types.Int32, -1, []int32{0, 2_932_896}, [2]string{"1970-01-01", "9999-12-31"}},
		{"DATE out of range", "original_date", schema.DateLogicalType{}, types.Int32, -1, []int32{-719_528, 2_932_897}, [2]string{"0000-01-01", "2932897 days after 1970-01-01"}},
		{"DATE text", "original_date", schema.StringLogicalType{}, types.ByteArray, -1, []string{"2026-01-01", "x"}, [2]string{"2026-01-01", "x"}},
		{"DECIMAL of scale 2 in INT32", "amount", decimalType(t, 9, 2), types.Int32, -1, []int32{1250, -5}, [2]string{"12.50", "-0.05"}},
		{"DECIMAL of scale 1 in INT64", "amount", decimalType(t, 18, 1), types.Int64, -1, []int64{125, math.MaxInt64}, [2]string{"12.50", "922337203685477580.7"}},
		{"DECIMAL of scale 0 in INT64", "amount", decimalType(t, 18, 0), types.Int64, -1, []int64{125, math.MinInt64}, [2]string{"125.00", "-9223372036854775808"}},
		{"DECIMAL of scale 2 in bytes", "amount", decimalType(t, 38, 2), types.FixedLenByteArray, 16, []string{"\x00" + strings.Repeat("\xff", 15), strings.Repeat("\xff", 16)},
			[2]string{"13292279957849158729038070602803445.75", "-0.01"}},
		{"amount as text", "amount", schema.StringLogicalType{}, types.ByteArray, -1, []string{"1.5", "-2"}, [2]string{"1.5", "-2"}},
	}
	for _, test := range cases {
		for _, dictionary := range []bool{true, false} {
			node := mustNode(t, test.column, required, test.logical, test.physical, test.length)
			content := leafFile(t, twoRows(t, leaf{node: node, values: test.values}), parquet.WithDictionaryDefault(dictionary))
			records, facts := readText(t, "a.parquet", content, &standard)
			if len(records) != 2 || facts.Code != settlement.NoCode {
				t.Fatalf("%s %s: %s", test.column, test.name, showRows(records, facts))
			}
			column, _ := settlement.FindColumn(test.column)
			if got := [2]string{records[0].Text(column), records[1].Text(column)}; got != test.want {
				t.Errorf("%s %s: got %q, want %q", test.column, test.name, got, test.want)
			}
		}
	}
}

func TestParquetWrongTypes(t *testing.T) {
	list := arrow.ListOf(text)
	structure := arrow.StructOf(arrow.Field{Name: "id", Type: text})
	cases := []struct {
		field arrow.Field
		value string
		want  string // what the message says of the type found
		info  []any
	}{
		{arrow.Field{Name: "points", Type: arrow.PrimitiveTypes.Float64}, "1", "DOUBLE", nil},
		{arrow.Field{Name: "points", Type: arrow.PrimitiveTypes.Float32}, "1", "FLOAT", nil},
		{arrow.Field{Name: "points", Type: text}, `"1"`, "BYTE_ARRAY STRING", nil},
		{arrow.Field{Name: "points", Type: arrow.FixedWidthTypes.Boolean}, "true", "BOOLEAN", nil},
		{arrow.Field{Name: "points", Type: &arrow.Decimal128Type{Precision: 10, Scale: 1}}, `"1.0"`, "FIXED_LEN_BYTE_ARRAY(5) DECIMAL(10,1)", nil},
		{arrow.Field{Name: "points", Type: dateIs}, `"2026-01-01"`, "INT32 DATE", nil},
		{arrow.Field{Name: "points", Type: utc}, `"2026-01-01T00:00:00Z"`, "INT64 TIMESTAMP(MICROS, adjusted to UTC)", nil},
		{arrow.Field{Name: "occurred_at", Type: &arrow.TimestampType{Unit: arrow.Microsecond}}, `"2026-01-01T00:00:00"`, "INT64 TIMESTAMP(MICROS, not adjusted to UTC)", nil},
		{arrow.Field{Name: "occurred_at", Type: &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}}, `"2026-01-01T00:00:00Z"`, "INT96", []any{pqarrow.WithDeprecatedInt96Timestamps(true)}},
		{arrow.Field{Name: "occurred_at", Type: dateIs}, `"2026-01-01"`, "INT32 DATE", nil},
		{arrow.Field{Name: "occurred_at", Type: arrow.PrimitiveTypes.Int64}, "1", "INT64 INT(64)", nil},
		{arrow.Field{Name: "transaction_id", Type: arrow.PrimitiveTypes.Int64}, "1", "INT64 INT(64)", nil},
		{arrow.Field{Name: "member_id", Type: &arrow.FixedSizeBinaryType{ByteWidth: 3}}, `"AQID"`, "FIXED_LEN_BYTE_ARRAY(3)", nil},
		{arrow.Field{Name: "kind", Type: list}, `["issue"]`, "LIST", nil},
		{arrow.Field{Name: "store_id", Type: structure}, `{"id":"s"}`, "a group of fields", nil},
		{arrow.Field{Name: "expires_on", Type: utc}, `"2026-01-01T00:00:00Z"`, "INT64 TIMESTAMP(MICROS, adjusted to UTC)", nil},
		{arrow.Field{Name: "amount", Type: arrow.PrimitiveTypes.Float64}, "1.5", "DOUBLE", nil},
		{arrow.Field{Name: "amount", Type: arrow.PrimitiveTypes.Int64}, "1", "INT64 INT(64)", nil},
		{arrow.Field{Name: "amount", Type: &arrow.Decimal128Type{Precision: 18, Scale: 4}}, `"1.0000"`, "FIXED_LEN_BYTE_ARRAY(8) DECIMAL(18,4)", nil},
	}
	for _, test := range cases {
		row := map[string]string{"transaction_id": `"t"`, "member_id": `"m"`, "kind": `"issue"`, "points": "1", "occurred_at": `"2026-03-10T10:00:00Z"`}
		row[test.field.Name] = test.value
		var parts []string
		for name, value := range row {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
		content := arrowFile(t, withColumn(test.field), "[{"+strings.Join(parts, ",")+"}]", test.info...)
		records, facts := readText(t, "a.parquet", content, &standard)
		if len(records) != 0 || facts.Code != settlement.WrongType || facts.Column != test.field.Name || facts.Value != test.want || facts.Rows != 1 ||
			!strings.HasPrefix(facts.Message, fmt.Sprintf("column %s has the type %s, it has to be ", test.field.Name, test.want)) {
			t.Errorf("%s %s: %s", test.field.Name, test.want, showRows(records, facts))
		}
	}
	repeated := mustNode(t, "reason", parquet.Repetitions.Repeated, schema.StringLogicalType{}, parquet.Types.ByteArray, -1)
	content := leafFile(t, twoRows(t, leaf{node: repeated, values: []string{"a", "b"}, levels: []int16{1, 1}, repeats: []int16{0, 0}}))
	if got := readParquetFile(t, content); !strings.Contains(got, "wrong_type reason repeated BYTE_ARRAY STRING") {
		t.Errorf("a repeated column: %s", got)
	}
	// An old writer's INT64 of milliseconds says that it is in UTC.
	node, err := schema.NewPrimitiveNodeConverted("occurred_at", parquet.Repetitions.Required, parquet.Types.Int64, schema.ConvertedTypes.TimestampMillis, -1, -1, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	if got := readParquetFile(t, leafFile(t, twoRows(t, leaf{node: node, values: []int64{0, 1500}}))); !strings.Contains(got, "2: t2 m2 redeem 8 1970-01-01T00:00:01.5Z\n") {
		t.Errorf("a converted type: %s", got)
	}
}

func TestParquetSchemas(t *testing.T) {
	nested := []arrow.Field{{Name: "till", Type: arrow.StructOf(arrow.Field{Name: "points", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64)}, arrow.Field{Name: "kind", Type: text})}}
	nested = append(nested, fiveColumns()...)
	nested = append(nested, arrow.Field{Name: "Points", Type: arrow.PrimitiveTypes.Float64}, arrow.Field{Name: "tags", Type: arrow.MapOf(text, text)},
		arrow.Field{Name: "reason", Type: arrow.Null, Nullable: true}, arrow.Field{Name: "amount", Type: arrow.Null, Nullable: true})
	row := `{"till":{"points":[1,2,3],"kind":"x"},"transaction_id":"t1","member_id":"m","kind":"issue","points":5,"occurred_at":"2026-03-10T10:00:00Z","Points":1.5,"tags":[{"key":"a","value":"b"}],"reason":null,"amount":null}`
	want := "1: t1 m issue 5 2026-03-10T10:00:00Z\n2: t1 m issue 5 2026-03-10T10:00:00Z\n2 rows, 10 issued, 0 redeemed, unknown [till Points tags]\n"
	if got := readParquetFile(t, arrowFile(t, nested, "["+row+","+row+"]", 1)); got != want {
		t.Errorf("nested and unknown columns: got\n%s", got)
	}
	if got := readParquetFile(t, arrowFile(t, fiveColumns(), "[]")); got != "0 rows, 0 issued, 0 redeemed, unknown []\n" {
		t.Errorf("no rows: got\n%s", got)
	}
	missing := []arrow.Field{{Name: "member_id", Type: text}, {Name: "Kind", Type: text}, {Name: "points", Type: arrow.PrimitiveTypes.Float64}, {Name: "transaction_id", Type: text}}
	want = "missing_column kind : the schema has no column kind, occurred_at; it has 4 columns\n"
	if got := readParquetFile(t, arrowFile(t, missing, `[{"member_id":"m","Kind":"issue","points":1,"transaction_id":"t"}]`)); got != want {
		t.Errorf("missing columns: got\n%s", got)
	}
	twice := twoRows(t, leaf{})
	twice = append(twice, twice[0])
	want = "unreadable_file  : the schema names column \"transaction_id\" twice: columns 1 and 6 have the same name\n"
	if got := readParquetFile(t, leafFile(t, twice)); got != want {
		t.Errorf("a name twice: got\n%s", got)
	}
}

func TestParquetTextThatIsNotUTF8(t *testing.T) {
	node := mustNode(t, "member_id", parquet.Repetitions.Required, schema.NoLogicalType{}, parquet.Types.ByteArray, -1)
	for _, dictionary := range []bool{true, false} {
		content := leafFile(t, twoRows(t, leaf{node: node, values: []string{"m\xff", "m2"}}), parquet.WithDictionaryDefault(dictionary))
		want := "1: !not valid UTF-8; write it in UTF-8\n2: t2 m2 redeem 8 2026-03-10T11:00:00Z\n2 rows, 0 issued, 8 redeemed, unknown []\n"
		if got := readParquetFile(t, content); got != want {
			t.Errorf("dictionary %t: got\n%s", dictionary, got)
		}
	}
}

type xitongsysRow struct {
	TransactionID string  `parquet:"name=transaction_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=RLE_DICTIONARY"`
	MemberID      string  `parquet:"name=member_id, type=BYTE_ARRAY, convertedtype=UTF8, encoding=DELTA_BYTE_ARRAY"`
	Kind          string  `parquet:"name=kind, type=BYTE_ARRAY, convertedtype=UTF8, encoding=PLAIN"`
	Points        int64   `parquet:"name=points, type=INT64, encoding=DELTA_BINARY_PACKED"`
	OccurredAt    int64   `parquet:"name=occurred_at, type=INT64, logicaltype=TIMESTAMP, logicaltype.isadjustedtoutc=true, logicaltype.unit=MICROS"`
	ExpiresOn     *int32  `parquet:"name=expires_on, type=INT32, convertedtype=DATE"`
	Amount        *int64  `parquet:"name=amount, type=INT64, convertedtype=DECIMAL, scale=2, precision=18"`
	Reason        *string `parquet:"name=reason, type=BYTE_ARRAY, convertedtype=UTF8, encoding=DELTA_LENGTH_BYTE_ARRAY"`
}

func TestParquetOfXitongsys(t *testing.T) {
	for _, codec := range []xitongsys.CompressionCodec{xitongsys.CompressionCodec_UNCOMPRESSED, xitongsys.CompressionCodec_SNAPPY, xitongsys.CompressionCodec_GZIP,
		xitongsys.CompressionCodec_ZSTD, xitongsys.CompressionCodec_LZ4_RAW} {
		var content bytes.Buffer
		rows, err := writer.NewParquetWriter(writerfile.NewWriterFile(&content), new(xitongsysRow), 1)
		if err != nil {
			t.Fatal(err)
		}
		rows.CompressionType = codec
		rows.PageSize = 2000
		rows.RowGroupSize = 40_000
		var want strings.Builder
		for i := range 3000 {
			row := xitongsysRow{TransactionID: fmt.Sprintf("t%d", i), MemberID: fmt.Sprintf("m%05d", i%700), Kind: "issue", Points: int64(i%1000 + 1), OccurredAt: int64(i) * 1_000_000}
			fmt.Fprintf(&want, "%d: t%d m%05d issue %d 1970-01-01T%02d:%02d:%02dZ", i+1, i, i%700, i%1000+1, i/3600, i/60%60, i%60)
			if i%3 == 0 {
				days := int32(i)
				row.ExpiresOn = &days
				want.WriteString(" " + settlement.Date(i).String())
			}
			if i%4 == 0 {
				amount := int64(i * 10)
				row.Amount = &amount
				fmt.Fprintf(&want, " %d.%d0", i/10, i%10)
			}
			if i%5 == 0 {
				reason := fmt.Sprintf("r%d", i)
				row.Reason = &reason
				want.WriteString(" " + reason)
			}
			want.WriteString("\n")
			if err := rows.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		want.WriteString("3000 rows, 1501500 issued, 0 redeemed, unknown []\n")
		if err := rows.WriteStop(); err != nil {
			t.Fatal(err)
		}
		if got := readParquetFile(t, content.String()); got != want.String() {
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				if gotLines[i] != wantLines[i] {
					t.Fatalf("%v: line %d is\n%s, want\n%s", codec, i+1, gotLines[i], wantLines[i])
				}
			}
		}
	}
}
