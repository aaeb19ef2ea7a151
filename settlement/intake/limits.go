package intake

import "fmt"

// limits bound what one file may cost. Every one of them is named in the message of the
// exception that it causes.
type limits struct {
	// recordBytes is the length of one record: a CSV record with its line breaks in quotes, or
	// one JSON line, without the line end.
	recordBytes int
	// columns is the number of columns of a CSV header, or of names in one JSON object.
	columns int
	// depth is how deep JSON values may nest.
	depth int
	// fileBytes bounds an object as stored, and as expanded.
	fileBytes int64
	// expansion is how many times its stored size an object may expand to, once it is beyond
	// expansionFree bytes.
	expansion     int64
	expansionFree int64
	// windowBytes bounds what a zstd file refers back to, which is kept in memory.
	windowBytes uint64
	// controlBytes bounds a control file.
	controlBytes int64
	// chunkBytes is how much is read at a time.
	chunkBytes int
	// footerBytes bounds the footer of a Parquet file, rowGroups how many row groups it lists,
	// schemaFields the fields of its schema at any depth.
	footerBytes  int64
	rowGroups    int
	schemaFields int
	// pageHeaderBytes bounds the header of a page of a Parquet file, pageBytes a page as stored
	// and as expanded, heldPageBytes the pages and dictionaries of all columns at one time.
	pageHeaderBytes int64
	pageBytes       int64
	heldPageBytes   int64
	// spoolBytes is up to what size a Parquet file is kept in memory, not in a temporary file.
	spoolBytes int64
}

// standard is what every merchant's file is read with. Tables of rows compress to a tenth,
// perhaps a fiftieth; 250 times is beyond what gzip or zstd make of honest rows, and far below
// what a bomb needs.
var standard = limits{
	recordBytes:   1 << 20,
	columns:       1000,
	depth:         100,
	fileBytes:     64 << 30,
	expansion:     250,
	expansionFree: 16 << 20,
	windowBytes:   128 << 20, // what the zstd command takes without being asked
	controlBytes:  1 << 20,
	chunkBytes:    256 << 10,

	footerBytes:     64 << 20,
	rowGroups:       32767,
	schemaFields:    10000,
	pageHeaderBytes: 4 << 20,
	pageBytes:       128 << 20,
	heldPageBytes:   256 << 20,
	spoolBytes:      4 << 20,
}

// expandedBytes returns how many bytes an object of this stored size may expand to.
func (l *limits) expandedBytes(stored int64) int64 {
	if stored > (l.fileBytes-l.expansionFree)/l.expansion {
		return l.fileBytes
	}
	return l.expansionFree + stored*l.expansion
}

func (l *limits) expansionFault(stored int64) *fileFault {
	allowed := l.expandedBytes(stored)
	if allowed == l.fileBytes {
		return unreadable("the file expands to more than the limit of %d bytes; deliver it in parts", l.fileBytes)
	}
	return unreadable("the file of %d bytes expands to more than %d bytes (limit: %d bytes and %d times the file's size); "+
		"deliver it less compressed or in parts", stored, allowed, l.expansionFree, l.expansion)
}

func (l *limits) recordFault(row int64) *fileFault {
	where := fmt.Sprintf("row %d", row)
	if row == 0 {
		where = "the header"
	}
	return unreadable("%s is longer than the limit of %d bytes", where, l.recordBytes)
}
