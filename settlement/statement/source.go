package statement

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// A source is a Parquet file in memory whose footer has been read. The library's own way to a
// column copies it and lays out two buffers of 16 KiB, which would be most of the cost of a small
// file; a source uses one of them for all columns, one after the other.
type source struct {
	body   []byte
	footer *metadata.FileMetaData
	pages  file.PageReader
}

func openSource(body []byte) (*source, error) {
	reader, err := file.NewParquetReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return &source{body: body, footer: reader.MetaData()}, reader.Close()
}

// open returns a reader of a column in one row group. It ends the one before.
func (s *source) open(rowGroup *metadata.RowGroupMetaData, described *schema.Column, place int) (file.ColumnChunkReader, error) {
	chunk, err := rowGroup.ColumnChunk(place)
	if err != nil {
		return nil, err
	}
	start, size := chunk.DataPageOffset(), chunk.TotalCompressedSize()
	if chunk.HasDictionaryPage() && chunk.DictionaryPageOffset() > 0 {
		start = min(start, chunk.DictionaryPageOffset())
	}
	if start < 0 || size < 0 || start > int64(len(s.body)) || size > int64(len(s.body))-start {
		return nil, fmt.Errorf("its pages would be at %d, %d bytes long, in a file of %d", start, size, len(s.body))
	}
	content := &window{s.body[start : start+size]}
	if s.pages == nil {
		s.pages, err = file.NewPageReader(content, chunk.NumValues(), chunk.Compression(), memory.DefaultAllocator, nil)
	} else {
		s.pages.Reset(content, chunk.NumValues(), chunk.Compression(), nil)
		err = s.pages.Err()
	}
	if err != nil {
		return nil, err
	}
	return file.NewColumnReader(described, s.pages, memory.DefaultAllocator, &scratch), nil
}

// scratch is asked for by the library's readers, which use it to skip rows.
var scratch = sync.Pool{New: func() any { return memory.NewResizableBuffer(memory.DefaultAllocator) }}

// A window is the part of a file that holds one column, read from its start to its end.
type window struct{ rest []byte }

// Peek returns the next bytes without taking them, fewer at the end.
func (w *window) Peek(n int) ([]byte, error) {
	if n > len(w.rest) {
		return w.rest, io.EOF
	}
	return w.rest[:n], nil
}

// Discard takes the next bytes.
func (w *window) Discard(n int) (int, error) {
	if n > len(w.rest) {
		n = len(w.rest)
		w.rest = nil
		return n, io.EOF
	}
	w.rest = w.rest[n:]
	return n, nil
}

// Read takes the next bytes.
func (w *window) Read(target []byte) (int, error) {
	if len(w.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(target, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}
