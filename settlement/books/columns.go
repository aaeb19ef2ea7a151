package books

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// State is written and read column by column: slices of Go values become Arrow arrays as they
// are. No column has nulls.

// A column is a named Arrow array under construction.
type column struct {
	name string
	data arrow.ArrayData
}

var (
	dictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	digestType     = &arrow.FixedSizeBinaryType{ByteWidth: 16}
	instantType    = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

func plain(kind arrow.DataType, length int, buffers ...[]byte) *array.Data {
	all := []*memory.Buffer{nil}
	for _, buffer := range buffers {
		all = append(all, memory.NewBufferBytes(buffer))
	}
	return array.NewData(kind, length, all, nil, 0, 0)
}

func integers(name string, values []int64) column {
	return column{name, plain(arrow.PrimitiveTypes.Int64, len(values), arrow.Int64Traits.CastToBytes(values))}
}

func instants(name string, values []int64) column {
	return column{name, plain(instantType, len(values), arrow.Int64Traits.CastToBytes(values))}
}

func dates(name string, values []int32) column {
	return column{name, plain(arrow.FixedWidthTypes.Date32, len(values), arrow.Int32Traits.CastToBytes(values))}
}

func small(name string, values []uint8) column {
	return column{name, plain(arrow.PrimitiveTypes.Uint8, len(values), values)}
}

func digests(name string, values []byte) column {
	return column{name, plain(digestType, len(values)/digestType.ByteWidth, values)}
}

// texts is a column of strings under construction.
type texts struct {
	offsets []int32
	bytes   []byte
}

func (t *texts) add(text string) {
	if len(t.offsets) == 0 {
		t.offsets = append(t.offsets, 0)
	}
	if len(t.bytes)+len(text) > math.MaxInt32 {
		panic("books: a batch of state has more than 2 GiB of text")
	}
	t.bytes = append(t.bytes, text...)
	t.offsets = append(t.offsets, int32(len(t.bytes)))
}

func (t *texts) column(name string) column {
	length := max(0, len(t.offsets)-1)
	return column{name, plain(arrow.BinaryTypes.String, length, arrow.Int32Traits.CastToBytes(t.offsets), t.bytes)}
}

// A dictionary is a list of strings that other columns refer to by place.
type dictionary struct {
	data arrow.ArrayData
}

func newDictionary(values []string) dictionary {
	var all texts
	for _, value := range values {
		all.add(value)
	}
	return dictionary{all.column("").data}
}

func (d dictionary) column(name string, places []int32) column {
	data := array.NewDataWithDictionary(dictionaryType, len(places),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(places))}, 0, 0, d.data.(*array.Data))
	return column{name, data}
}

func structOf(length int, columns []column) arrow.ArrayData {
	fields := make([]arrow.Field, len(columns))
	children := make([]arrow.ArrayData, len(columns))
	for i, column := range columns {
		fields[i] = arrow.Field{Name: column.name, Type: column.data.DataType()}
		children[i] = column.data
	}
	return array.NewData(arrow.StructOf(fields...), length, []*memory.Buffer{nil}, children, 0, 0)
}

// listOf is a column of lists of structs; ends[i] is where list i ends.
func listOf(name string, ends []int32, length int, columns []column) column {
	child := structOf(length, columns)
	offsets := append([]int32{0}, ends...)
	kind := arrow.ListOfField(arrow.Field{Name: "item", Type: child.DataType()})
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	return column{name, array.NewData(kind, len(ends), buffers, []arrow.ArrayData{child}, 0, 0)}
}

// newRecord makes a batch of a table; table is its name with the version of its layout.
func newRecord(table string, length int, columns []column) arrow.Record {
	fields := make([]arrow.Field, len(columns))
	arrays := make([]arrow.Array, len(columns))
	for i, column := range columns {
		fields[i] = arrow.Field{Name: column.name, Type: column.data.DataType()}
		arrays[i] = array.MakeFromData(column.data)
	}
	metadata := arrow.NewMetadata([]string{"checksum", "settle"}, []string{checksumMark + noChecksum, table})
	return array.NewRecord(arrow.NewSchema(fields, &metadata), arrays, int64(length))
}

// checksumMark is in a file's schema, which Arrow writes at its start and again at its end, with
// the CRC-32C of the file in 8 hex digits after it; they count as "00000000" themselves. Arrow
// must not see altered bytes: some make it ask for so much memory that the process dies.
const checksumMark = "settle state file, CRC-32C "

const noChecksum = "00000000"

// checksum returns where the digits are, and what they must be.
func checksum(content []byte) (places [2]int, digits string, err error) {
	first, last := bytes.Index(content, []byte(checksumMark)), bytes.LastIndex(content, []byte(checksumMark))
	if first < 0 || first == last || last+len(checksumMark)+len(noChecksum) > len(content) {
		return places, "", errors.New("the bytes are no intact state file: there is no checksum at both ends")
	}
	places = [2]int{first + len(checksumMark), last + len(checksumMark)}
	table := crc32.MakeTable(crc32.Castagnoli)
	sum, from := uint32(0), 0
	for _, place := range places {
		sum = crc32.Update(sum, table, content[from:place])
		sum = crc32.Update(sum, table, []byte(noChecksum))
		from = place + len(noChecksum)
	}
	return places, fmt.Sprintf("%08x", crc32.Update(sum, table, content[from:])), nil
}

// verifyChecksum returns an error if the content is not what writeRecords wrote.
func verifyChecksum(content []byte) error {
	places, digits, err := checksum(content)
	if err != nil {
		return err
	}
	for _, place := range places {
		if found := content[place : place+len(digits)]; string(found) != digits {
			return fmt.Errorf("the bytes are no intact state file: checksum %q instead of %s", found, digits)
		}
	}
	return nil
}

// writeRecords writes records of one schema as an Arrow IPC file; next returns nil at the end.
// An empty one gives the schema. The file is held in memory until it is complete.
func writeRecords(w io.Writer, empty arrow.Record, next func() arrow.Record) error {
	var file bytes.Buffer
	writer, err := ipc.NewFileWriter(&countingWriter{w: &file}, ipc.WithSchema(empty.Schema()), ipc.WithLZ4(), ipc.WithAllocator(memory.NewGoAllocator()))
	if err != nil {
		return err
	}
	for record := next(); record != nil; record = next() {
		if err := writer.Write(record); err != nil {
			return errors.Join(err, writer.Close())
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	content := file.Bytes()
	places, digits, err := checksum(content)
	if err != nil {
		return err
	}
	for _, place := range places {
		copy(content[place:], digits)
	}
	_, err = w.Write(content)
	return err
}

// A countingWriter lets Arrow ask where it is, which is all that it seeks for.
type countingWriter struct {
	w  io.Writer
	at int64
}

func (c *countingWriter) Write(bytes []byte) (int, error) {
	n, err := c.w.Write(bytes)
	c.at += int64(n)
	return n, err
}

func (c *countingWriter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("state is written from start to end")
	}
	return c.at, nil
}

// readRecords calls visit for every record of an Arrow IPC file of the schema of empty. What
// visit takes out of a record may be kept. No panic of the reader, on bytes that are no such
// file, leaves it.
func readRecords(r io.Reader, empty arrow.Record, visit func(arrow.Record) error) (err error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := verifyChecksum(content); err != nil {
		return err
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the bytes are no intact state file: %v", cause)
		}
	}()
	reader, err := ipc.NewFileReader(bytes.NewReader(content), ipc.WithAllocator(memory.NewGoAllocator()))
	if err != nil {
		return err
	}
	defer reader.Close()
	if !reader.Schema().Equal(empty.Schema()) || tableOf(reader.Schema()) != tableOf(empty.Schema()) {
		return fmt.Errorf("the file's columns are not those of this program: it has %s", reader.Schema())
	}
	for i := range reader.NumRecords() {
		record, err := reader.RecordAt(i)
		if err != nil {
			return err
		}
		if err := visit(record); err != nil {
			return err
		}
	}
	return nil
}

// tableOf returns the name and layout version of the table that a schema is of.
func tableOf(schema *arrow.Schema) string {
	metadata := schema.Metadata()
	if at := metadata.FindKey("settle"); at >= 0 {
		return metadata.Values()[at]
	}
	return ""
}

// A fieldReader takes the fields of a struct or the columns of a record, one after the other,
// in the order of the schema.
type fieldReader struct {
	fields []arrow.Array
	next   int
}

func ofRecord(record arrow.Record) *fieldReader { return &fieldReader{fields: record.Columns()} }

func (r *fieldReader) take() arrow.Array {
	r.next++
	return r.fields[r.next-1]
}

func (r *fieldReader) integers() []int64 { return r.take().(*array.Int64).Int64Values() }

func (r *fieldReader) instants() []arrow.Timestamp {
	return r.take().(*array.Timestamp).TimestampValues()
}

func (r *fieldReader) dates() []arrow.Date32 { return r.take().(*array.Date32).Date32Values() }

func (r *fieldReader) small() []uint8 { return r.take().(*array.Uint8).Uint8Values() }

func (r *fieldReader) texts() *array.String { return r.take().(*array.String) }

func (r *fieldReader) digests() *array.FixedSizeBinary { return r.take().(*array.FixedSizeBinary) }

// places returns a column's places in its dictionary, and the dictionary's values.
func (r *fieldReader) places() (places []int32, values []string) {
	column := r.take().(*array.Dictionary)
	dictionary := column.Dictionary().(*array.String)
	for i := range dictionary.Len() {
		values = append(values, dictionary.Value(i))
	}
	return column.Indices().(*array.Int32).Int32Values(), values
}

// list returns where each list begins and ends, and the fields of its structs and their number.
func (r *fieldReader) list() (offsets []int32, fields *fieldReader, length int) {
	column := r.take().(*array.List)
	items := column.ListValues().(*array.Struct)
	offsets = column.Offsets()
	if column.Len() == 0 {
		return []int32{0}, structFields(items), items.Len()
	}
	for i := range column.Len() {
		if offsets[0] != 0 || offsets[i] > offsets[i+1] || int(offsets[i+1]) > items.Len() {
			panic("a list reaches beyond its items")
		}
	}
	return offsets, structFields(items), items.Len()
}

func structFields(items *array.Struct) *fieldReader {
	reader := &fieldReader{}
	for i := range items.NumField() {
		reader.fields = append(reader.fields, items.Field(i))
	}
	return reader
}
