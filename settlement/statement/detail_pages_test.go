package statement

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"alliance/settlement"
)

// halfNullNight has as many allocations from A to B as from B to A: in the detail of either, half the
// rows of a group have a transaction and no lot, and the other half a lot and no transaction.
func halfNullNight(rows int) *settlement.Night {
	night := largeNight(rows)
	there := night.Lines[0]
	back := there
	back.Issuer, back.Redeemer = there.Redeemer, there.Issuer
	of := inMemory(night).Of[0]
	other := make([]settlement.Allocation, len(of))
	for i := range of {
		of[i].TransactionID += fmt.Sprintf("%*s", i%7, "")
		other[i] = of[i]
		other[i].Issuer, other[i].Redeemer = of[i].Redeemer, of[i].Issuer
	}
	night.Lines = []settlement.Line{there, back}
	night.Detail = &settlement.MemoryDetail{Of: [][]settlement.Allocation{of, other}}
	for i := range night.Statements[:2] {
		night.Statements[i].Receivable, night.Statements[i].Payable = there.Value, there.Value
	}
	return night
}

// The library's encoder of lengths does not start anew for a page without any value, and then reads
// past the end of its buffer: the night failed, if that buffer happened to be a small one.
func TestNoPageOfNullsComesAfterOneOfValues(t *testing.T) {
	views, err := views(halfNullNight(40_000))
	if err != nil {
		t.Fatal(err)
	}
	view := views[0]
	body, _, err := view.encodeDetail(view.spans(), nil)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	group := reader.RowGroup(0)
	for column := range group.NumColumns() {
		pages, err := group.GetColumnPageReader(column)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for pages.Next() {
			if _, dictionary := pages.Page().(*file.DictionaryPage); !dictionary {
				count++
			}
		}
		if nullable := reader.MetaData().Schema.Column(column).MaxDefinitionLevel() > 0; pages.Err() != nil || nullable && count != 1 {
			t.Errorf("column %d has %d pages of data: %v", column, count, pages.Err())
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 3 {
				again, _, err := view.encodeDetail(view.spans(), nil)
				if err != nil || !bytes.Equal(again, body) {
					t.Errorf("encoded again it is %d bytes, not %d: %v", len(again), len(body), err)
				}
			}
		})
	}
	all.Wait()
}

// 100,000 merchants of long names make a dictionary larger than the library keeps to when it builds one itself.
func TestDictionariesOfManyNames(t *testing.T) {
	names, indices := make([]string, 100_000), make([]int32, 100_000)
	for i := range names {
		names[i], indices[i] = fmt.Sprintf("%064d", i), int32(i)
	}
	var body bytes.Buffer
	node, err := schema.NewGroupNode("t", required, schema.FieldList{detailColumn("counterparty_id", required, plainText, parquet.Types.ByteArray)}, -1)
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(&body, node, file.WithWriterProps(detailProperties))
	g := groupWriter{group: w.AppendRowGroup()}
	if g.dictionary(names, indices, nil); g.err != nil {
		t.Fatal(g.err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := readFrame(body.Bytes(), "counterparty_id")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 50_000, 99_999} {
		if got := read.columns[0].texts[i]; got != names[i] {
			t.Errorf("row %d is %q, not %q", i, got, names[i])
		}
	}
}
