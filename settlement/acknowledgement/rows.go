package acknowledgement

import (
	"encoding/binary"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/intake"
)

// A fileRows holds rejected rows of one file as its merchant wrote them. All of them are in memory until it is known which
// columns they have, so each is a few words, and its texts are bytes among those of others.
type fileRows struct {
	// names are the different lists of columns that rows have, in order of first appearance; places finds them by all their names.
	names  [][]string
	places map[string]int32
	// chunks hold the texts, each of which begins with its length.
	chunks [][]byte
	rows   []fileRow
	// why are the exceptions of the rows.
	why []*settlement.Exception
}

// A fileRow says where a row is: its columns among the names, its values and its raw text in a chunk.
type fileRow struct {
	names, chunk, at int32
	cut              bool
}

// chunkBytes is how much memory for texts is taken at a time.
const chunkBytes = 1 << 18

// add copies a row.
func (f *fileRows) add(row *intake.Delivered) {
	size := binary.MaxVarintLen32 + len(row.Raw)
	for i := range row.Columns {
		size += binary.MaxVarintLen32 + len(row.Values[i])
	}
	if last := len(f.chunks) - 1; last < 0 || cap(f.chunks[last])-len(f.chunks[last]) < size {
		f.chunks = append(f.chunks, make([]byte, 0, max(chunkBytes, size)))
	}
	last := len(f.chunks) - 1
	chunk := f.chunks[last]
	f.rows = append(f.rows, fileRow{names: f.place(row.Columns), chunk: int32(last), at: int32(len(chunk)), cut: row.Cut})
	for i := range row.Columns {
		chunk = appendText(chunk, row.Values[i])
	}
	f.chunks[last] = appendText(chunk, row.Raw)
}

func appendText(chunk []byte, text string) []byte {
	return append(binary.AppendUvarint(chunk, uint64(len(text))), text...)
}

// place returns the place of a list of columns. Most rows have those of the row before.
func (f *fileRows) place(names []string) int32 {
	if len(f.rows) > 0 {
		if before := f.rows[len(f.rows)-1].names; slices.Equal(f.names[before], names) {
			return before
		}
	}
	var key strings.Builder
	for _, name := range names {
		key.Write(binary.AppendUvarint(nil, uint64(len(name))))
		key.WriteString(name)
	}
	place, known := f.places[key.String()]
	if !known {
		if f.places == nil {
			f.places = make(map[string]int32)
		}
		place = int32(len(f.names))
		f.places[key.String()] = place
		f.names = append(f.names, names)
	}
	return place
}

// values returns a row's values, in memory that is used again, and its raw text.
func (f *fileRows) values(row fileRow, buffer []string) (values []string, raw string) {
	chunk := f.chunks[row.chunk][row.at:]
	values = buffer[:0]
	for range f.names[row.names] {
		var value string
		value, chunk = cutText(chunk)
		values = append(values, value)
	}
	raw, _ = cutText(chunk)
	return values, raw
}

func cutText(chunk []byte) (text string, rest []byte) {
	length, width := binary.Uvarint(chunk)
	end := width + int(length)
	return string(chunk[width:end]), chunk[end:]
}

// size is about how many bytes the rows take in a file, rather too many than too few.
func (f *fileRows) size() (size int) {
	for _, chunk := range f.chunks {
		size += len(chunk) // a delimiter takes as much as the length of most texts
	}
	for _, why := range f.why {
		size += len(why.File) + rowDigits + len(why.Code.String()) + len(why.Column) + len(why.Message) + 2*len(ownColumns)
	}
	return size
}

// rowDigits is more than the digits that the numbers of most rows have.
const rowDigits = 8
