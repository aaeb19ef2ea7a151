package intake

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

var (
	utc    = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	text   = arrow.BinaryTypes.String
	dateIs = arrow.FixedWidthTypes.Date32
)

// fiveColumns are the columns that every row must have.
func fiveColumns() []arrow.Field {
	return []arrow.Field{
		{Name: "transaction_id", Type: text}, {Name: "member_id", Type: text}, {Name: "kind", Type: text, Nullable: true},
		{Name: "points", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "occurred_at", Type: utc, Nullable: true},
	}
}

// withColumn returns the five columns with one replaced or added.
func withColumn(field arrow.Field) []arrow.Field {
	fields := fiveColumns()
	for i := range fields {
		if fields[i].Name == field.Name {
			fields[i] = field
			return fields
		}
	}
	return append(fields, field)
}

// arrowFile writes a file by Arrow, of rows in JSON.
func arrowFile(t testing.TB, fields []arrow.Field, rows string, options ...any) string {
	t.Helper()
	fileSchema := arrow.NewSchema(fields, nil)
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, fileSchema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	var writerOptions []parquet.WriterProperty
	var arrowOptions []pqarrow.WriterOption
	groupRows := int64(1 << 20)
	for _, option := range options {
		switch option := option.(type) {
		case parquet.WriterProperty:
			writerOptions = append(writerOptions, option)
		case pqarrow.WriterOption:
			arrowOptions = append(arrowOptions, option)
		case int:
			groupRows = int64(option)
		}
	}
	var content bytes.Buffer
	writer, err := pqarrow.NewFileWriter(fileSchema, &content, parquet.NewWriterProperties(writerOptions...), pqarrow.NewArrowWriterProperties(arrowOptions...))
	if err != nil {
		t.Fatal(err)
	}
	for from := int64(0); from < record.NumRows(); from += groupRows {
		if err := writer.Write(record.NewSlice(from, min(from+groupRows, record.NumRows()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

// A leaf is a column of a file that is written without Arrow's types: the node of the schema,
// and its values.
type leaf struct {
	node   schema.Node
	values any
	levels []int16
	// repeats are the repetition levels.
	repeats []int16
}

func mustNode(t testing.TB, name string, repetition parquet.Repetition, logical schema.LogicalType, physical parquet.Type, length int) schema.Node {
	t.Helper()
	node, err := schema.NewPrimitiveNodeLogical(name, repetition, logical, physical, length, -1)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// leafFile writes one row group column by column.
func leafFile(t testing.TB, leaves []leaf, options ...parquet.WriterProperty) string {
	t.Helper()
	fields := make(schema.FieldList, len(leaves))
	for i := range leaves {
		fields[i] = leaves[i].node
	}
	root, err := schema.NewGroupNode("rows", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	writer := file.NewParquetWriter(&content, root, file.WithWriterProps(parquet.NewWriterProperties(options...)))
	group := writer.AppendRowGroup()
	for i := range leaves {
		column, err := group.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		if err := writeLeaf(column, &leaves[i]); err != nil {
			t.Fatal(err)
		}
		if err := column.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := group.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return content.String()
}

func writeLeaf(column file.ColumnChunkWriter, l *leaf) (err error) {
	switch column := column.(type) {
	case *file.Int32ColumnChunkWriter:
		_, err = column.WriteBatch(l.values.([]int32), l.levels, l.repeats)
	case *file.Int64ColumnChunkWriter:
		_, err = column.WriteBatch(l.values.([]int64), l.levels, l.repeats)
	case *file.ByteArrayColumnChunkWriter:
		var values []parquet.ByteArray
		for _, value := range l.values.([]string) {
			values = append(values, parquet.ByteArray(value))
		}
		_, err = column.WriteBatch(values, l.levels, l.repeats)
	case *file.FixedLenByteArrayColumnChunkWriter:
		var values []parquet.FixedLenByteArray
		for _, value := range l.values.([]string) {
			values = append(values, parquet.FixedLenByteArray(value))
		}
		_, err = column.WriteBatch(values, l.levels, l.repeats)
	case *file.Float64ColumnChunkWriter:
		_, err = column.WriteBatch(l.values.([]float64), l.levels, l.repeats)
	default:
		err = fmt.Errorf("no values for %T", column)
	}
	return err
}

// twoRows are the five columns of two good rows, but for one that is replaced or added.
func twoRows(t testing.TB, other leaf) []leaf {
	required := parquet.Repetitions.Required
	stringNode := func(name string) schema.Node {
		return mustNode(t, name, required, schema.StringLogicalType{}, parquet.Types.ByteArray, -1)
	}
	leaves := []leaf{
		{node: stringNode("transaction_id"), values: []string{"t1", "t2"}}, {node: stringNode("member_id"), values: []string{"m1", "m2"}},
		{node: stringNode("kind"), values: []string{"issue", "redeem"}},
		{node: mustNode(t, "points", required, schema.NoLogicalType{}, parquet.Types.Int64, -1), values: []int64{7, 8}},
		{node: stringNode("occurred_at"), values: []string{"2026-03-10T10:00:00Z", "2026-03-10T11:00:00Z"}},
	}
	if other.node == nil {
		return leaves
	}
	for i := range leaves {
		if leaves[i].node.Name() == other.node.Name() {
			leaves[i] = other
			return leaves
		}
	}
	return append(leaves, other)
}

// showRows writes rows as CSV without a header would, only the columns that are not empty; then
// what the facts say.
func showRows(records []settlement.Record, facts FileFacts) string {
	var out strings.Builder
	for i := range records {
		record := &records[i]
		fmt.Fprintf(&out, "%d:", record.Row)
		if record.Fault != "" {
			out.WriteString(" !" + record.Fault)
		}
		for column := range settlement.Columns {
			if record.Has(column) {
				fmt.Fprintf(&out, " %s", record.Text(column))
			}
		}
		out.WriteString("\n")
	}
	if facts.Code != settlement.NoCode {
		fmt.Fprintf(&out, "%s %s %s: %s\n", facts.Code, facts.Column, facts.Value, facts.Message)
	} else {
		fmt.Fprintf(&out, "%d rows, %d issued, %d redeemed, unknown %v\n", facts.Rows, facts.IssuedPoints, facts.RedeemedPoints, facts.UnknownColumns)
	}
	return out.String()
}

func readParquetFile(t testing.TB, content string) string {
	t.Helper()
	records, facts := readText(t, "a.parquet", content, &standard)
	return showRows(records, facts)
}
