package intake

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"alliance/settlement"
)

const (
	parquetMagic          = "PAR1"
	parquetEncryptedMagic = "PARE"
	// parquetTail is the footer's length and the mark behind it.
	parquetTail_bytes = 8
)

// parquetFile is a Parquet file whose footer was read and holds water.
type parquetFile struct {
	source io.ReaderAt
	size   int64
	// footerAt is where the footer begins: no page lies behind it.
	footerAt int64
	rows     int64
	// fields are the columns at the top of the schema, in its order; leaves counts the columns
	// with values below them.
	fields []parquetField
	leaves int
	// columns are those that are read, in the order of the schema.
	columns []parquetColumn
	groups  []parquetGroup
	limits  *limits
}

// A parquetColumn is a column that is read.
type parquetColumn struct {
	column settlement.Column
	field  *parquetField
	form   parquetForm
}

// A parquetGroup is a row group: where each of the columns that are read lies.
type parquetGroup struct {
	rows   int64
	chunks []parquetChunk
}

// A parquetChunk is the part of a column that lies in one row group.
type parquetChunk struct {
	found                  bool
	physical               int64
	codec                  int64
	values, start, size    int64
	dataPage, dictionary   int64
	elsewhere, isEncrypted bool
}

// openParquet reads and checks the footer. Nothing else of the file is looked at before it is
// known where everything lies, how much it is, and that none of it lies twice.
func openParquet(source io.ReaderAt, size int64, rows *rowReader) (*parquetFile, error) {
	file := &parquetFile{source: source, size: size, limits: rows.limits}
	footer, err := file.footer()
	if err != nil {
		return nil, err
	}
	if err := file.readSchema(footer); err != nil {
		return nil, err
	}
	if err := file.pickColumns(rows); err != nil {
		return nil, err
	}
	return file, file.readGroups(footer)
}

// footer returns the bytes of the footer.
func (f *parquetFile) footer() ([]byte, error) {
	const shortest = int64(len(parquetMagic) + parquetTail_bytes)
	if f.size < shortest {
		return nil, unreadable("the file has %d bytes, too few for a Parquet file; deliver it again", f.size)
	}
	head, err := readAt(f.source, 0, int64(len(parquetMagic)))
	if err != nil {
		return nil, err
	}
	tail, err := readAt(f.source, f.size-parquetTail_bytes, parquetTail_bytes)
	if err != nil {
		return nil, err
	}
	switch mark := string(tail[4:]); {
	case mark == parquetEncryptedMagic:
		return nil, unreadable("the file is encrypted; deliver it without encryption")
	case string(head) != parquetMagic || mark != parquetMagic:
		return nil, unreadable("the file does not begin and end like a Parquet file; it is truncated, broken or of another format")
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	switch {
	case length > f.size-shortest:
		return nil, unreadable("the footer is said to have %d bytes, more than the file of %d bytes holds; the file is broken, deliver it again", length, f.size)
	case length > f.limits.footerBytes:
		return nil, unreadable("the footer has %d bytes, more than the limit of %d; write fewer row groups or columns, or deliver the file in parts",
			length, f.limits.footerBytes)
	}
	f.footerAt = f.size - parquetTail_bytes - length
	return readAt(f.source, f.footerAt, length)
}

func footerFault(err error) error {
	return unreadable("the footer cannot be read, %v; the file is truncated or broken, deliver it again", err)
}

// readGroups reads where the columns lie. It comes after the schema, which says which are read.
func (f *parquetFile) readGroups(footer []byte) error {
	wanted := make([]int, f.leaves)
	for i := range f.columns {
		wanted[f.columns[i].field.leaf] = i + 1
	}
	t := &thriftReader{data: footer}
	var fault error
	encrypted := false
	t.structure(thriftStruct, func(id int, wire byte) bool {
		switch id {
		case 3:
			f.rows = t.integer(wire)
		case 4:
			t.list(wire, func(wire byte) {
				if len(f.groups) == f.limits.rowGroups {
					fault = unreadable("the file has more row groups than the limit of %d; write larger ones", f.limits.rowGroups)
					t.fail(errThrift)
					return
				}
				group, leaves := readGroup(t, wire, wanted, len(f.columns))
				if t.err == nil && leaves != f.leaves {
					fault = unreadable("row group %d has %d columns, the schema %d; the file is broken, deliver it again", len(f.groups)+1, leaves, f.leaves)
					t.fail(errThrift)
				}
				f.groups = append(f.groups, group)
			})
		case 8:
			encrypted = true
			return false
		default:
			return false
		}
		return true
	}, 1, 2, 3, 4)
	if t.at < len(footer) && !encrypted {
		t.fail(errThrift)
	}
	switch {
	case fault != nil:
		return fault
	case t.err != nil:
		return footerFault(t.err)
	case encrypted:
		return unreadable("the file is encrypted; deliver it without encryption")
	}
	return f.checkGroups()
}

func readGroup(t *thriftReader, wire byte, wanted []int, columns int) (group parquetGroup, leaves int) {
	group.chunks = make([]parquetChunk, columns)
	t.structure(wire, func(id int, wire byte) bool {
		switch id {
		case 1:
			t.list(wire, func(wire byte) {
				leaves++
				if leaves > len(wanted) || wanted[leaves-1] == 0 {
					t.skipElement(wire)
					return
				}
				readChunk(t, wire, &group.chunks[wanted[leaves-1]-1])
			})
		case 3:
			group.rows = t.integer(wire)
		default:
			return false
		}
		return true
	}, 1, 3)
	return group, leaves
}

func readChunk(t *thriftReader, wire byte, chunk *parquetChunk) {
	t.structure(wire, func(id int, wire byte) bool {
		switch id {
		case 1:
			chunk.elsewhere = len(t.binary(wire)) > 0
		case 3:
			chunk.found = true
			t.structure(wire, func(id int, wire byte) bool {
				switch id {
				case 1:
					chunk.physical = t.integer(wire)
				case 4:
					chunk.codec = t.integer(wire)
				case 5:
					chunk.values = t.integer(wire)
				case 7:
					chunk.size = t.integer(wire)
				case 9:
					chunk.dataPage = t.integer(wire)
				case 11:
					chunk.dictionary = t.integer(wire)
				default:
					return false
				}
				return true
			}, 1, 4, 5, 7, 9)
		case 8:
			chunk.isEncrypted = true
			return false
		default:
			return false
		}
		return true
	})
	chunk.start = chunk.dataPage
	if chunk.dictionary > 0 && chunk.dictionary < chunk.dataPage {
		chunk.start = chunk.dictionary
	}
}

// checkGroups holds what the footer says against itself and against the size of the file.
func (f *parquetFile) checkGroups() error {
	type span struct{ start, end int64 }
	var spans []span
	rows := int64(0)
	for g := range f.groups {
		group := &f.groups[g]
		if group.rows < 0 || group.rows > math.MaxInt64-rows {
			return unreadable("row group %d is said to have %d rows; the file is broken, deliver it again", g+1, group.rows)
		}
		rows += group.rows
		for i := range group.chunks {
			chunk := &group.chunks[i]
			if err := f.checkChunk(chunk, &f.columns[i], group.rows); err != nil {
				return unreadable("row group %d, column %s: %v", g+1, f.columns[i].column, err)
			}
			if group.rows > 0 && chunk.size > 0 {
				spans = append(spans, span{chunk.start, chunk.start + chunk.size})
			}
		}
	}
	if rows != f.rows {
		return unreadable("the footer says %d rows, its row groups %d; the file is broken, deliver it again", f.rows, rows)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(spans); i++ {
		if spans[i].start < spans[i-1].end {
			return unreadable("two columns lie on top of each other at byte %d; the file is broken, deliver it again", spans[i].start)
		}
	}
	return nil
}

func (f *parquetFile) checkChunk(chunk *parquetChunk, column *parquetColumn, rows int64) error {
	switch {
	case chunk.elsewhere:
		return fmt.Errorf("its values lie in another file; deliver one file that holds everything")
	case chunk.isEncrypted:
		return fmt.Errorf("it is encrypted; deliver it without encryption")
	case !chunk.found || chunk.physical != column.field.physical:
		return fmt.Errorf("it is described otherwise than in the schema; the file is broken, deliver it again")
	case chunk.values != rows:
		return fmt.Errorf("%d values for %d rows; the file is broken, deliver it again", chunk.values, rows)
	case rows == 0:
		return nil // nothing of it is read, and pyarrow says that its pages lie at 0
	case chunk.start < int64(len(parquetMagic)) || chunk.size < 0 || chunk.start > f.footerAt || chunk.size > f.footerAt-chunk.start:
		return fmt.Errorf("it is said to lie at bytes %d+%d, which are not in the file; the file is truncated or broken, deliver it again", chunk.start, chunk.size)
	case codecName(chunk.codec) == "":
		return fmt.Errorf("it is compressed by codec number %d, which is not known; use ZSTD, SNAPPY or GZIP", chunk.codec)
	case !codecReadable(chunk.codec):
		return fmt.Errorf("it is compressed by %s, which is not read; use ZSTD, SNAPPY or GZIP", codecName(chunk.codec))
	}
	return nil
}

// A spoolError is a failure to read what was put aside of an object: of the world, not of the
// content.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return e.err.Error() }
func (e *spoolError) Unwrap() error { return e.err }

// readAt reads bytes that are known to be there.
func readAt(source io.ReaderAt, at, length int64) ([]byte, error) {
	buffer := make([]byte, length)
	return buffer, readInto(source, at, buffer)
}

func readInto(source io.ReaderAt, at int64, buffer []byte) error {
	if n, err := source.ReadAt(buffer, at); n < len(buffer) {
		return &spoolError{fmt.Errorf("read %d bytes at %d: %w", len(buffer), at, err)}
	}
	return nil
}
