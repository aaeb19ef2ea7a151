package identifiers

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"

	"alliance/settlement"
	"alliance/settlement/sections"

	"github.com/zeebo/xxh3"
)

const (
	// blockEntries is how many entries a full block has.
	blockEntries = 1024
	// magic says that a file is a run of taken ids.
	magic = "TAKENID1"
)

// Facts are what is known of a run without reading its blocks. Equal facts are equal runs.
type Facts struct {
	// IDs is the number of entries.
	IDs int64
	// Bytes is the length of the run, Blocks the number of its blocks.
	Bytes, Blocks int64
	// IndexSHA256 is the SHA-256, in hex, of index and footer. As the index has the digest of
	// every block and filter, it stands for the run.
	IndexSHA256 string
}

// Compare orders entries by id, business date, settlement date, content: the order of a run.
func Compare(a, b *settlement.TakenID) int {
	switch {
	case a.ID != b.ID:
		return bytes.Compare(a.ID[:], b.ID[:])
	case a.BusinessDate != b.BusinessDate:
		return cmp.Compare(a.BusinessDate, b.BusinessDate)
	case a.SettledOn != b.SettledOn:
		return cmp.Compare(a.SettledOn, b.SettledOn)
	default:
		return bytes.Compare(a.Content[:], b.Content[:])
	}
}

// A Writer writes a run. After an error it is of no use. It puts the filters aside until it is closed: less
// than 19 bits for an id.
type Writer struct {
	w      io.Writer
	err    error
	closed bool
	facts  Facts

	block columns
	last  settlement.TakenID

	values []uint32
	index  []byte // the entries of the blocks
	// aside holds the filters, of so many bytes together; filter is one of them.
	aside        io.ReadWriter
	filtersBytes int64
	filter       []byte
}

// NewWriter returns a Writer of a run that starts at the beginning of w. The filters, which come after all ids, are
// written to aside and, when the Writer is closed, read from there: a [bytes.Buffer], or what does not need the memory.
func NewWriter(w io.Writer, aside io.ReadWriter) *Writer {
	return &Writer{w: w, aside: aside, block: newColumns()}
}

// Add writes an entry. Entries must ascend (see [Compare]), else Add panics. Errors are those of w and aside.
func (w *Writer) Add(taken *settlement.TakenID) error {
	if w.closed {
		panic("identifiers: a run that is closed was written to")
	}
	if w.facts.IDs > 0 && prefix(&w.last.ID) >= prefix(&taken.ID) && Compare(&w.last, taken) >= 0 {
		panic(fmt.Sprintf("identifiers: %+v was added after %+v", *taken, w.last))
	}
	if w.err != nil {
		return w.err
	}
	w.facts.IDs++
	w.last = *taken
	w.block.add(taken)
	if w.block.count == blockEntries {
		w.err = w.flush()
	}
	return w.err
}

func (w *Writer) flush() error {
	if w.block.count == 0 {
		return nil
	}
	w.filter, w.values = appendFilter(w.filter[:0], w.values, w.block.ids())
	w.index = binary.AppendUvarint(w.index, uint64(w.block.count))
	w.index = append(w.index, w.block.ids()[:idBytes]...)
	block := w.block.encode()
	if _, err := w.w.Write(block); err != nil {
		return fmt.Errorf("write a block of taken ids: %w", err)
	}
	if _, err := w.aside.Write(w.filter); err != nil {
		return fmt.Errorf("put a filter of taken ids aside: %w", err)
	}
	w.filtersBytes += int64(len(w.filter))
	w.index = binary.AppendUvarint(w.index, uint64(len(block)))
	w.index = binary.LittleEndian.AppendUint64(w.index, xxh3.Hash(block))
	w.index = binary.AppendUvarint(w.index, uint64(len(w.filter)))
	w.index = binary.LittleEndian.AppendUint64(w.index, xxh3.Hash(w.filter))
	w.facts.Blocks++
	w.facts.Bytes += int64(len(block))
	w.block.reset()
	return nil
}

// Close writes what is left, filters, index and footer. The underlying writer stays open. Same entries
// give the same bytes.
func (w *Writer) Close() (Facts, error) {
	if w.closed {
		panic("identifiers: a run was closed twice")
	}
	w.closed = true
	if w.err != nil {
		return Facts{}, w.err
	}
	if err := w.flush(); err != nil {
		return Facts{}, err
	}
	index := binary.AppendUvarint(nil, uint64(w.facts.IDs))
	index = binary.AppendUvarint(index, uint64(w.facts.Blocks))
	index = append(index, w.index...)
	end := sections.AppendFooter(index, w.facts.Bytes+w.filtersBytes, magic)
	copied, err := io.Copy(w.w, w.aside)
	if err == nil && copied != w.filtersBytes {
		err = fmt.Errorf("%d of %d bytes came back from where they were put aside", copied, w.filtersBytes)
	}
	if err != nil {
		return Facts{}, fmt.Errorf("write the filters of a run of taken ids: %w", err)
	}
	if _, err := w.w.Write(end); err != nil {
		return Facts{}, fmt.Errorf("write the index of a run of taken ids: %w", err)
	}
	w.facts.Bytes += w.filtersBytes + int64(len(end))
	w.facts.IndexSHA256 = sections.IndexSHA256(end)
	return w.facts, nil
}
