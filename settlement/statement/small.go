package statement

import (
	"encoding/binary"
	"reflect"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/schema"
)

// Most tables have few rows. The library takes some hundred microseconds and two thousand allocations for one of
// these, which of many merchants is most of a night; this encoder writes the very same bytes of a table that fits
// one page a column, and tests compare them with the library's.

// A smallLayout is what does not change from file to file of a table.
type smallLayout struct {
	columns []smallColumn
	// schema is the list of the footer's schema, encoded, with its head.
	schema []byte
}

// A smallColumn is a field of the table's rows.
type smallColumn struct {
	name       string
	kind       reflect.Kind
	physical   parquet.Type
	nullable   bool
	dictionary bool
}

// newSmallLayout takes the columns from the library's layout, and their description from an empty table of
// the library, so that there is one schema only.
func newSmallLayout(row reflect.Type, handler *schema.SchemaHandler, empty []byte) (*smallLayout, error) {
	layout := &smallLayout{columns: make([]smallColumn, row.NumField())}
	var err error
	if layout.schema, err = schemaOf(empty); err != nil {
		return nil, err
	}
	for i, element := range handler.SchemaElements {
		if i == 0 {
			continue // the root
		}
		kind := row.Field(i - 1).Type
		column := smallColumn{name: handler.Infos[i].ExName, physical: *element.Type, nullable: kind.Kind() == reflect.Pointer,
			dictionary: handler.Infos[i].Encoding == parquet.Encoding_RLE_DICTIONARY}
		if column.nullable {
			kind = kind.Elem()
		}
		column.kind = kind.Kind()
		layout.columns[i-1] = column
	}
	return layout, nil
}

// A smallEncoder is the memory of encoding a small table.
type smallEncoder struct {
	body, chunks []byte
	raw, packed  []byte
	values       []reflect.Value
	present      []bool
	places       map[string]int32
	names        []string
	indices      []int32
	// totalBytes are those of all columns before compression, with the heads of their pages.
	totalBytes int64
}

var smallEncoders = sync.Pool{New: func() any { return &smallEncoder{places: make(map[string]int32)} }}

// smallZstd compresses as the library does.
var smallZstd = sync.OnceValue(func() *zstd.Encoder {
	encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
	if err != nil {
		panic("statement: making a Zstandard encoder: " + err.Error())
	}
	return encoder
})

// encode returns the rows, a slice of structs, as a Parquet file; false if they may need more than a page a column.
func (l *smallLayout) encode(rows reflect.Value) (body []byte, ok bool) {
	if !fitsPage(rows) {
		return nil, false
	}
	e := smallEncoders.Get().(*smallEncoder)
	defer smallEncoders.Put(e)
	e.body, e.chunks, e.totalBytes = append(e.body[:0], "PAR1"...), e.chunks[:0], 0
	for i := range l.columns {
		e.column(&l.columns[i], rows, i)
	}
	e.footer(l, int64(rows.Len()))
	return append(make([]byte, 0, len(e.body)), e.body...), true
}

// fitsPage reports whether the library would not begin a second page: it estimates what is to come from
// the sizes of rows that it saw.
func fitsPage(rows reflect.Value) bool {
	largest := 0
	for i := range rows.Len() {
		row, size := rows.Index(i), 0
		for field := range row.NumField() {
			value := row.Field(field)
			if value.Kind() == reflect.Pointer && !value.IsNil() {
				value = value.Elem()
			}
			if value.Kind() == reflect.String {
				size += value.Len()
			} else {
				size += 8
			}
		}
		largest = max(largest, size)
	}
	return rows.Len()*(largest+2) < pageBytes
}

// column writes the pages of a column and its part of the footer.
func (e *smallEncoder) column(column *smallColumn, rows reflect.Value, field int) {
	e.values, e.present = e.values[:0], e.present[:0]
	for i := range rows.Len() {
		value := rows.Index(i).Field(field)
		if column.nullable {
			e.present = append(e.present, !value.IsNil())
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		e.values = append(e.values, value)
	}
	at := chunkPlace{start: int64(len(e.body)), dictionary: -1}
	if column.dictionary {
		at.dictionary = at.start
		e.raw = e.index(e.raw[:0])
		at.uncompressed += e.page(parquet.PageType_DICTIONARY_PAGE, len(e.names), parquet.Encoding_PLAIN)
	}
	at.data = int64(len(e.body))
	encoding := parquet.Encoding_PLAIN
	e.raw = e.raw[:0]
	if column.nullable {
		e.raw = appendLevels(e.raw, e.present)
	}
	if column.dictionary {
		encoding = parquet.Encoding_PLAIN_DICTIONARY
		e.raw = appendRuns(append(e.raw, indexBits), e.indices)
	} else {
		e.raw = appendPlain(e.raw, column.kind, e.values)
	}
	at.uncompressed += e.page(parquet.PageType_DATA_PAGE, rows.Len(), encoding)
	at.compressed = int64(len(e.body)) - at.start
	e.totalBytes += at.uncompressed
	e.chunks = column.appendChunk(e.chunks, &at, int64(rows.Len()))
}

// index finds the distinct texts of a column in order of appearance, and returns their page.
func (e *smallEncoder) index(page []byte) []byte {
	clear(e.places)
	e.names, e.indices = e.names[:0], e.indices[:0]
	for _, value := range e.values {
		text := value.String()
		place, known := e.places[text]
		if !known {
			place = int32(len(e.names))
			e.places[text] = place
			e.names = append(e.names, text)
			page = appendText(page, text)
		}
		e.indices = append(e.indices, place)
	}
	return page
}

// page compresses what is in raw and writes it after its head. It returns the size without compression.
func (e *smallEncoder) page(kind parquet.PageType, values int, encoding parquet.Encoding) int64 {
	e.packed = smallZstd().EncodeAll(e.raw, e.packed[:0])
	start := len(e.body)
	e.body = appendPageHead(e.body, kind, len(e.raw), len(e.packed), values, encoding)
	head := len(e.body) - start
	e.body = append(e.body, e.packed...)
	return int64(head + len(e.raw))
}

func appendPlain(page []byte, kind reflect.Kind, values []reflect.Value) []byte {
	switch kind {
	case reflect.String:
		for _, value := range values {
			page = appendText(page, value.String())
		}
	case reflect.Int32:
		for _, value := range values {
			page = binary.LittleEndian.AppendUint32(page, uint32(value.Int()))
		}
	case reflect.Int64:
		for _, value := range values {
			page = binary.LittleEndian.AppendUint64(page, uint64(value.Int()))
		}
	case reflect.Bool:
		start := len(page)
		page = append(page, make([]byte, (len(values)+7)/8)...)
		for i, value := range values {
			if value.Bool() {
				page[start+i/8] |= 1 << (i % 8)
			}
		}
	default:
		panic("statement: a table has a column of kind " + kind.String())
	}
	return page
}

func appendText(page []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint32(page, uint32(len(text))), text...)
}

// indexBits is the width of indices into a dictionary, which the library does not adapt.
const indexBits = 32

// appendRuns appends indices as runs: a count, doubled, and a value.
func appendRuns(page []byte, indices []int32) []byte {
	for i := 0; i < len(indices); {
		end := i + 1
		for end < len(indices) && indices[end] == indices[i] {
			end++
		}
		page = binary.AppendUvarint(page, uint64(end-i)<<1)
		page = binary.LittleEndian.AppendUint32(page, uint32(indices[i]))
		i = end
	}
	return page
}

// appendLevels appends, after their size, runs that say which rows have a value.
func appendLevels(page []byte, present []bool) []byte {
	start := len(page)
	page = append(page, 0, 0, 0, 0)
	for i := 0; i < len(present); {
		end := i + 1
		for end < len(present) && present[end] == present[i] {
			end++
		}
		page = binary.AppendUvarint(page, uint64(end-i)<<1)
		page = append(page, byte(oneIf(present[i])))
		i = end
	}
	binary.LittleEndian.PutUint32(page[start:], uint32(len(page)-start-4))
	return page
}
