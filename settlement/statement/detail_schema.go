package statement

import (
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"alliance/settlement"
)

// detailLayout is the schema of detail.parquet, in the order of publication.
var detailLayout = schema.MustGroup(schema.NewGroupNode("detail", parquet.Repetitions.Required, schema.FieldList{
	detailColumn("statement_no", required, plainText, parquet.Types.ByteArray),
	detailColumn("line_no", optional, schema.NoLogicalType{}, parquet.Types.Int32),
	detailColumn("allocation_id", required, plainText, parquet.Types.ByteArray),
	detailColumn("role", required, plainText, parquet.Types.ByteArray),
	detailColumn("counterparty_id", required, plainText, parquet.Types.ByteArray),
	detailColumn("activity", required, plainText, parquet.Types.ByteArray),
	detailColumn("business_date", required, schema.DateLogicalType{}, parquet.Types.Int32),
	detailColumn("occurred_at", required, schema.NewTimestampLogicalType(true, schema.TimeUnitMicros), parquet.Types.Int64),
	detailColumn("late", required, schema.NoLogicalType{}, parquet.Types.Boolean),
	detailColumn("transaction_id", optional, plainText, parquet.Types.ByteArray),
	detailColumn("lot_merchant_id", optional, plainText, parquet.Types.ByteArray),
	detailColumn("lot_id", optional, plainText, parquet.Types.ByteArray),
	detailColumn("lot_issued_on", optional, schema.DateLogicalType{}, parquet.Types.Int32),
	detailColumn("points", required, schema.NoLogicalType{}, parquet.Types.Int64),
	detailColumn("price", optional, schema.NewDecimalLogicalType(18, settlement.PriceDecimals), parquet.Types.Int64),
	detailColumn("per_points", optional, schema.NoLogicalType{}, parquet.Types.Int64),
	detailColumn("amount", required, schema.NewDecimalLogicalType(18, settlement.MoneyDecimals), parquet.Types.Int64),
}, -1))

var (
	plainText = schema.StringLogicalType{}
	required  = parquet.Repetitions.Required
	optional  = parquet.Repetitions.Optional
)

func detailColumn(name string, repetition parquet.Repetition, logical schema.LogicalType, physical parquet.Type) schema.Node {
	return schema.MustPrimitive(schema.NewPrimitiveNodeLogical(name, repetition, logical, physical, -1, -1))
}

// detailProperties: dictionaries for the columns of few values, whose indices are written as they
// are and not counted by the library, so that they carry no statistics; nor do ids, whose
// smallest and greatest help nobody. What is written at once is not cut, see
// [groupWriter.texts].
var detailProperties = func() *parquet.WriterProperties {
	options := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithDictionaryDefault(false),
		parquet.WithBatchSize(detailGroupRows),
		parquet.WithDataPageSize(512 << 10),
		parquet.WithMaxRowGroupLength(detailGroupRows),
		parquet.WithRootName("detail"),
	}
	for _, name := range []string{"statement_no", "role", "counterparty_id", "activity", "lot_merchant_id"} {
		options = append(options, parquet.WithDictionaryFor(name, true), parquet.WithStatsFor(name, false))
	}
	for _, name := range []string{"allocation_id", "transaction_id", "lot_id"} {
		options = append(options, parquet.WithStatsFor(name, false), parquet.WithEncodingFor(name, parquet.Encodings.DeltaLengthByteArray))
	}
	for _, name := range []string{"occurred_at", "points", "amount"} {
		options = append(options, parquet.WithEncodingFor(name, parquet.Encodings.DeltaBinaryPacked))
	}
	return parquet.NewWriterProperties(options...)
}()
