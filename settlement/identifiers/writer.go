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

	block []settlement.TakenID
	last  settlement.TakenID

	pairs   map[datePair]int
	encoded []byte
	values  []uint32
	index   []byte // the entries of the blocks
	// aside holds the filters, of so many bytes together; filter is one of them.
	aside        io.ReadWriter
	filtersBytes int64
	filter       []byte
}

type datePair struct{ business, settled settlement.Date }

// NewWriter returns a Writer of a run that starts at the beginning of w. The filters, which come after all ids, are
// written to aside and, when the Writer is closed, read from there: a [bytes.Buffer], or what does not need the memory.
func NewWriter(w io.Writer, aside io.ReadWriter) *Writer {
	return &Writer{w: w, aside: aside, block: make([]settlement.TakenID, 0, blockEntries), pairs: make(map[datePair]int)}
}

// Add writes an entry. Entries must ascend (see [Compare]), else Add panics. Errors are those of w and aside.
func (w *Writer) Add(taken *settlement.TakenID) error {
	if w.closed {
		panic("identifiers: a run that is closed was written to")
	}
	if w.facts.IDs > 0 && Compare(&w.last, taken) >= 0 {
		panic(fmt.Sprintf("identifiers: %+v was added after %+v", *taken, w.last))
	}
	if w.err != nil {
		return w.err
	}
	w.facts.IDs++
	w.last = *taken
	w.block = append(w.block, *taken)
	if len(w.block) == blockEntries {
		w.err = w.flush()
	}
	return w.err
}

func (w *Writer) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	block := w.encode()
	if _, err := w.w.Write(block); err != nil {
		return fmt.Errorf("write a block of taken ids: %w", err)
	}
	w.filter, w.values = appendFilter(w.filter[:0], w.values, w.block)
	if _, err := w.aside.Write(w.filter); err != nil {
		return fmt.Errorf("put a filter of taken ids aside: %w", err)
	}
	w.filtersBytes += int64(len(w.filter))
	w.index = binary.AppendUvarint(w.index, uint64(len(w.block)))
	w.index = append(w.index, w.block[0].ID[:]...)
	w.index = binary.AppendUvarint(w.index, uint64(len(block)))
	w.index = binary.LittleEndian.AppendUint64(w.index, xxh3.Hash(block))
	w.index = binary.AppendUvarint(w.index, uint64(len(w.filter)))
	w.index = binary.LittleEndian.AppendUint64(w.index, xxh3.Hash(w.filter))
	w.facts.Blocks++
	w.facts.Bytes += int64(len(block))
	w.block = w.block[:0]
	return nil
}

// encode encodes the block.
func (w *Writer) encode() []byte {
	clear(w.pairs)
	pairs := []byte(nil)
	for i := range w.block {
		pair := datePair{w.block[i].BusinessDate, w.block[i].SettledOn}
		if _, known := w.pairs[pair]; !known {
			w.pairs[pair] = len(w.pairs)
			pairs = binary.AppendUvarint(pairs, sections.Zigzag(int64(pair.business)))
			pairs = binary.AppendUvarint(pairs, sections.Zigzag(int64(pair.settled)))
		}
	}
	block := binary.AppendUvarint(w.encoded[:0], uint64(len(w.pairs)))
	block = append(block, pairs...)
	for i := range w.block {
		block = append(block, w.block[i].ID[:]...)
	}
	for i := range w.block {
		block = append(block, w.block[i].Content[:]...)
	}
	for i := range w.block {
		place := w.pairs[datePair{w.block[i].BusinessDate, w.block[i].SettledOn}]
		block = append(block, byte(place))
		if placeBytes(len(w.pairs)) == 2 {
			block = append(block, byte(place>>8))
		}
	}
	w.encoded = block
	return block
}

// placeBytes is how many bytes a place in a list of pairs takes.
func placeBytes(pairs int) int {
	if pairs > 1<<8 {
		return 2
	}
	return 1
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
