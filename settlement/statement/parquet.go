package statement

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/schema"
	"github.com/xitongsys/parquet-go/writer"
)

// pageBytes is the size of a page before compression. Most tables fit one page.
const pageBytes = 256 << 10

// A table is one published table whose rows are structs of type R.
type table[R any] struct {
	// file is the table's name in its folder.
	file string
	// layout is parsed from R's tags once and only read afterwards, so that many files may be
	// encoded at a time.
	layout func() (*schema.SchemaHandler, error)
	// empty returns the table without rows: most nights have many, all alike.
	empty func() ([]byte, error)
}

func newTable[R any](file string) *table[R] {
	t := &table[R]{file: file, layout: sync.OnceValues(func() (*schema.SchemaHandler, error) {
		handler, err := schema.NewSchemaHandlerFromStruct(new(R))
		if err != nil {
			return nil, fmt.Errorf("the schema of %s: %w", file, err)
		}
		for _, element := range handler.SchemaElements {
			// The library states a length of 0, a field id of 0 and, where there is no decimal, a
			// scale of 0. Readers that believe them see every column under the same field id.
			element.TypeLength, element.FieldID = nil, nil
			if element.ConvertedType == nil || *element.ConvertedType != parquet.ConvertedType_DECIMAL {
				element.Scale, element.Precision = nil, nil
			}
		}
		for _, info := range handler.Infos {
			// No statistics: those of nulls in dictionaries are wrong, and of tables this small no
			// reader skips a part.
			info.OmitStats = true
		}
		return handler, nil
	})}
	t.empty = sync.OnceValues(func() ([]byte, error) {
		body, err := t.encode(nil)
		if err != nil {
			return nil, err
		}
		if read, err := readFrame(body); err != nil || read.rows != 0 {
			return nil, fmt.Errorf("%s without rows does not read back as such: %w", file, err)
		}
		return body, nil
	})
	return t
}

// encode returns the rows as a Parquet file, the same bytes for the same rows.
func (t *table[R]) encode(rows []R) ([]byte, error) {
	layout, err := t.layout()
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	// One marshalling goroutine: with more, pages end where the goroutines happened to share out the rows.
	w, err := writer.NewParquetWriterFromWriter(&body, nil, 1)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.file, err)
	}
	w.CompressionType = parquet.CompressionCodec_ZSTD
	w.PageSize = pageBytes
	w.SchemaHandler = layout
	// The writer renames the elements of its footer at the end; give it its own.
	elements := make([]parquet.SchemaElement, len(layout.SchemaElements))
	for i, element := range layout.SchemaElements {
		elements[i] = *element
		w.Footer.Schema = append(w.Footer.Schema, &elements[i])
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			return nil, fmt.Errorf("encoding row %d of %s: %w", i+1, t.file, err)
		}
	}
	if err := w.Flush(true); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.file, err)
	}
	// The library's page indexes are wrong for columns with dictionaries (they count the dictionary
	// as a page) and for pages of nulls; a reader that prunes by them would lose rows. The files are
	// small, so they go without.
	w.ColumnIndexes, w.OffsetIndexes = nil, nil
	if err := w.WriteStop(); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.file, err)
	}
	return body.Bytes(), nil
}
