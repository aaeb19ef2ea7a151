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
		encoder, err := t.newEncoder()
		if err != nil {
			return nil, err
		}
		body, err := encoder.finish()
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

// An encoder makes rows of type R a Parquet file, the same bytes for the same rows, however they come in parts.
type encoder[R any] struct {
	table  *table[R]
	body   bytes.Buffer
	writer *writer.ParquetWriter
	rows   int64
}

func (t *table[R]) newEncoder() (*encoder[R], error) {
	layout, err := t.layout()
	if err != nil {
		return nil, err
	}
	e := &encoder[R]{table: t}
	// One marshalling goroutine: with more, pages end where the goroutines happened to share out the rows.
	e.writer, err = writer.NewParquetWriterFromWriter(&e.body, nil, 1)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", t.file, err)
	}
	e.writer.CompressionType = parquet.CompressionCodec_ZSTD
	e.writer.PageSize = pageBytes
	e.writer.SchemaHandler = layout
	e.writer.MarshalFunc = new(marshaller).marshal
	// The writer renames the elements of its footer at the end; give it its own.
	elements := make([]parquet.SchemaElement, len(layout.SchemaElements))
	for i, element := range layout.SchemaElements {
		elements[i] = *element
		e.writer.Footer.Schema = append(e.writer.Footer.Schema, &elements[i])
	}
	return e, nil
}

// add takes the next rows, which may be changed afterwards, but not what they point to.
func (e *encoder[R]) add(rows []R) error {
	for i := range rows {
		e.rows++
		if err := e.writer.Write(rows[i]); err != nil {
			return fmt.Errorf("encoding row %d of %s: %w", e.rows, e.table.file, err)
		}
	}
	return nil
}

// finish returns the file.
func (e *encoder[R]) finish() ([]byte, error) {
	if err := e.writer.Flush(true); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", e.table.file, err)
	}
	// The library's page indexes are wrong for columns with dictionaries (they count the dictionary
	// as a page) and for pages of nulls; a reader that prunes by them would lose rows. The files are
	// small, so they go without.
	e.writer.ColumnIndexes, e.writer.OffsetIndexes = nil, nil
	if err := e.writer.WriteStop(); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", e.table.file, err)
	}
	return e.body.Bytes(), nil
}
