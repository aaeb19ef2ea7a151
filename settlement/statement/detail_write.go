package statement

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"

	"alliance/settlement"
)

var activityNames = []string{
	settlement.AdjustmentActivity.String(), settlement.RedemptionActivity.String(), settlement.RedemptionReversalActivity.String(),
}

// write encodes what was gathered as one row group.
func (b *batch) write(w *file.Writer) error {
	g := groupWriter{group: w.AppendRowGroup()}
	parties := b.view.night.Parties
	g.dictionary([]string{b.view.no()}, b.statementNo, nil)
	g.int32s(b.lineNo, b.lineLevels)
	g.texts(b.allocationID, nil)
	g.dictionary(roleNames[:], b.role, nil)
	g.dictionary(b.counterparty.names(parties), b.counterparty.indices, nil)
	g.dictionary(activityNames, b.activity, nil)
	g.int32s(b.businessDate, nil)
	g.int64s(b.occurredAt, nil)
	g.flags(b.late)
	g.texts(b.transactionID, b.transactionLevels)
	g.dictionary(b.lotMerchant.names(parties), b.lotMerchant.indices, b.lotLevels)
	g.texts(b.lotID, b.lotLevels)
	g.int32s(b.lotIssuedOn, b.lotLevels)
	g.int64s(b.points, nil)
	g.int64s(b.price, b.lineLevels)
	g.int64s(b.perPoints, b.lineLevels)
	g.int64s(b.amount, nil)
	if g.err != nil {
		return g.err
	}
	if err := g.group.Close(); err != nil {
		return fmt.Errorf("closing a row group: %w", err)
	}
	if rows, err := g.group.NumRows(); err != nil || rows != b.rows {
		return fmt.Errorf("a row group of %d rows became one of %d: %w", b.rows, rows, err)
	}
	return nil
}

// A groupWriter writes the columns of a row group one after the other, up to the first error.
type groupWriter struct {
	group file.SerialRowGroupWriter
	err   error
}

// next returns the next column's writer as the type it has by the schema.
func next[W file.ColumnChunkWriter](g *groupWriter) (typed W, ok bool) {
	if g.err != nil {
		return typed, false
	}
	column, err := g.group.NextColumn()
	if err != nil {
		g.err = err
		return typed, false
	}
	typed, ok = column.(W)
	if !ok {
		g.err = fmt.Errorf("column %s is of type %s", column.Descr().Name(), column.Type())
	}
	return typed, ok
}

// done keeps the error of a column and checks that all its values went in.
func (g *groupWriter) done(column file.ColumnChunkWriter, written int64, want int, err error) {
	if err == nil && written != int64(want) {
		err = fmt.Errorf("%d of %d values were written", written, want)
	}
	if err != nil {
		g.err = fmt.Errorf("column %s: %w", column.Descr().Name(), err)
	}
}

func (g *groupWriter) int32s(values []int32, levels []int16) {
	if column, ok := next[*file.Int32ColumnChunkWriter](g); ok {
		written, err := column.WriteBatch(values, levels, nil)
		g.done(column, written, len(values), err)
	}
}

func (g *groupWriter) int64s(values []int64, levels []int16) {
	if column, ok := next[*file.Int64ColumnChunkWriter](g); ok {
		written, err := column.WriteBatch(values, levels, nil)
		g.done(column, written, len(values), err)
	}
}

func (g *groupWriter) flags(values []bool) {
	if column, ok := next[*file.BooleanColumnChunkWriter](g); ok {
		written, err := column.WriteBatch(values, nil, nil)
		g.done(column, written, len(values), err)
	}
}

// texts writes texts in pieces, each of which may end a page, but those with nulls at once: where a page without
// any value comes after one with values, the library's encoder of lengths reads past the end of a buffer.
func (g *groupWriter) texts(values []parquet.ByteArray, levels []int16) {
	column, ok := next[*file.ByteArrayColumnChunkWriter](g)
	if !ok {
		return
	}
	if levels != nil {
		written, err := column.WriteBatch(values, levels, nil)
		g.done(column, written, len(values), err)
		return
	}
	for piece := range slices.Chunk(values, textsPerPiece) {
		written, err := column.WriteBatch(piece, nil, nil)
		if g.done(column, written, len(piece), err); g.err != nil {
			return
		}
	}
}

const textsPerPiece = 16 << 10

// dictionary writes a column as indices into names. Where there are levels, the indices of
// nulls have a place but no meaning.
func (g *groupWriter) dictionary(names []string, indices []int32, levels []int16) {
	column, ok := next[*file.ByteArrayColumnChunkWriter](g)
	if !ok {
		return
	}
	if len(names) > 0 {
		encoder, ok := column.CurrentEncoder().(interface{ PutDictionary(arrow.Array) error })
		if !ok {
			g.err = fmt.Errorf("column %s is not encoded by dictionary", column.Descr().Name())
			return
		}
		if err := encoder.PutDictionary(stringArray(names)); err != nil {
			g.err = fmt.Errorf("column %s: %w", column.Descr().Name(), err)
			return
		}
	}
	if err := column.WriteDictIndices(indexArray(indices, levels), levels, nil); err != nil {
		g.err = fmt.Errorf("column %s: %w", column.Descr().Name(), err)
	}
}

func stringArray(names []string) arrow.Array {
	builder := array.NewStringBuilder(memory.DefaultAllocator)
	defer builder.Release()
	builder.AppendValues(names, nil)
	return builder.NewArray()
}

// indexArray wraps indices as they are; a level of 0 makes an index null.
func indexArray(indices []int32, levels []int16) arrow.Array {
	var valid *memory.Buffer
	nulls := 0
	if levels != nil {
		bitmap := make([]byte, bitutil.BytesForBits(int64(len(levels))))
		for i, level := range levels {
			if level == 0 {
				nulls++
			} else {
				bitutil.SetBit(bitmap, i)
			}
		}
		valid = memory.NewBufferBytes(bitmap)
	}
	values := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(indices))
	return array.NewInt32Data(array.NewData(arrow.PrimitiveTypes.Int32, len(indices), []*memory.Buffer{valid, values}, nil, nulls, 0))
}
