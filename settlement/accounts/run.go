package accounts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
)

// ErrUnknownParty says that a run names a party that the register does not have.
var ErrUnknownParty = errors.New("the register lacks parties that are still on record")

// A Run is an open run. It is safe for concurrent use.
type Run struct {
	r       io.ReaderAt
	named   []namedParty
	parties []settlement.Party // by number-1; NoParty if the register lacks it
	blocks  []blockInfo
	dues    []dueBlocks
	facts   Facts
}

type blockInfo struct {
	offset int64
	blockFacts
	first string
}

// A dueBlocks is the blocks with accounts of one due date, as the index has it.
type dueBlocks struct {
	date settlement.Date
	list string
}

// tailBytes is how much Open reads first: of most runs this is the whole index.
const tailBytes = 64 << 10

// Open opens a run of a number of bytes under a register. It reads index and footer only. Errors:
// r's; ErrUnknownParty, with the id, if an account of the run names a party that the register
// lacks, also if a newer run has another version of that account; bytes that are no run.
func Open(r io.ReaderAt, size int64, parties settlement.Parties) (*Run, error) {
	run, err := open(r, size)
	if err != nil {
		return nil, err
	}
	run.parties = make([]settlement.Party, len(run.named))
	for i, party := range run.named {
		run.parties[i] = parties.Find(party.id)
		if run.parties[i] == settlement.NoParty && party.required {
			return nil, fmt.Errorf("%w: %q", ErrUnknownParty, party.id)
		}
	}
	return run, nil
}

// NamedParties returns the parties that the accounts of a run name.
func NamedParties(r io.ReaderAt, size int64) (settlement.Parties, error) {
	run, err := open(r, size)
	if err != nil {
		return settlement.Parties{}, err
	}
	var ids []string
	for _, party := range run.named {
		if party.required {
			ids = append(ids, party.id)
		}
	}
	return settlement.NewParties(ids), nil
}

// Facts returns what [Writer.Close] did. They are those of the bytes that were opened, so to
// compare them with what is on record proves index, footer, and with them every block.
func (r *Run) Facts() Facts { return r.facts }

// OpenPoints returns the sum of the open points of the run's accounts by issuer; an issuer with
// none is left out.
func (r *Run) OpenPoints() map[settlement.Party]int64 {
	points := make(map[settlement.Party]int64)
	for i, party := range r.named {
		if party.open != 0 {
			points[r.parties[i]] = party.open
		}
	}
	return points
}

func open(r io.ReaderAt, size int64) (*Run, error) {
	if size < footerBytes {
		return nil, corrupt("it has %d bytes, its footer alone would have %d", size, footerBytes)
	}
	end := make([]byte, min(size, tailBytes))
	if err := readFull(r, end, size-int64(len(end))); err != nil {
		return nil, fmt.Errorf("read the footer of a run of accounts: %w", err)
	}
	footer := end[len(end)-footerBytes:]
	offset, length := binary.LittleEndian.Uint64(footer), binary.LittleEndian.Uint64(footer[8:])
	if string(footer[24:]) != magic {
		return nil, corrupt("its last bytes are %q, not %q", footer[24:], magic)
	}
	if offset > uint64(size) || length > uint64(size) || offset+length+footerBytes != uint64(size) {
		return nil, corrupt("its footer says that %d bytes of index follow %d of blocks, but it has %d bytes", length, offset, size)
	}
	if whole := length + footerBytes; whole > uint64(len(end)) {
		rest := make([]byte, whole)
		at := len(rest) - len(end)
		copy(rest[at:], end)
		if err := readFull(r, rest[:at], int64(offset)); err != nil {
			return nil, fmt.Errorf("read the index of a run of accounts: %w", err)
		}
		end = rest
	} else {
		end = end[uint64(len(end))-whole:]
	}
	hashed := len(end) - 16
	if xxh3.Hash(end[:hashed]) != binary.LittleEndian.Uint64(end[hashed:]) {
		return nil, corrupt("its index is not what was written: the digest differs")
	}
	run := &Run{r: r}
	run.facts.Bytes, run.facts.IndexSHA256 = size, indexDigest(end)
	scan := scanner{data: end[:length]}
	run.scanIndex(&scan, int64(offset))
	if scan.bad || scan.at != len(scan.data) {
		return nil, corrupt("its index is of no form that this program knows, at byte %d", scan.at)
	}
	run.facts.Blocks = int64(len(run.blocks))
	return run, nil
}

// readFull fills the buffer from an offset.
func readFull(r io.ReaderAt, buffer []byte, offset int64) error {
	if len(buffer) == 0 {
		return nil
	}
	n, err := r.ReadAt(buffer, offset)
	if n == len(buffer) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(buffer), offset, err)
}

func (r *Run) scanIndex(scan *scanner, offset int64) {
	r.facts.Accounts, r.facts.Removed, r.facts.Lots = scan.integer(), scan.integer(), scan.integer()
	r.named = make([]namedParty, scan.count(4))
	for i := range r.named {
		r.named[i].id = scan.text()
		required := scan.uvarint()
		r.named[i].required = required == 1
		r.named[i].open = unzigzag(scan.uvarint())
		scan.bad = scan.bad || required > 1 || r.named[i].id == ""
	}
	r.blocks = make([]blockInfo, scan.count(13))
	entries, at := int64(0), int64(0)
	for i := range r.blocks {
		if scan.bad {
			return
		}
		r.scanBlock(scan, i, at)
		at += int64(r.blocks[i].stored)
		entries += int64(r.blocks[i].entries)
	}
	r.dues = make([]dueBlocks, scan.count(3))
	for i := range r.dues {
		r.dues[i] = dueBlocks{scan.date(), scan.text()}
		scan.bad = scan.bad || i > 0 && r.dues[i-1].date >= r.dues[i].date
	}
	scan.bad = scan.bad || at != offset || entries != r.facts.Accounts+r.facts.Removed
}

func (r *Run) scanBlock(scan *scanner, i int, offset int64) {
	info := &r.blocks[i]
	stored := scan.integer()
	info.offset, info.stored = offset, int(stored)
	saved := scan.integer()
	info.digest = scan.fixed()
	info.entries = int(scan.integer())
	info.due = settlement.Never
	if due := scan.uvarint(); due > 0 {
		value := unzigzag(due - 1)
		info.due = settlement.Date(value)
		scan.bad = scan.bad || value != int64(info.due)
	}
	info.first = scan.text()
	if stored < 1 || stored > maxBlockBytes || saved > maxBlockBytes || stored+saved > maxRatio*stored || stored+saved > maxBlockBytes ||
		info.entries < 1 || int64(info.entries) > (stored+saved)/entryBytes || i > 0 && r.blocks[i-1].first >= info.first {
		scan.bad = true
	}
	info.raw = int(stored + saved)
}

// entryBytes is the least that an entry takes.
const entryBytes = 4

// A scanner reads an index or a dictionary. After a failure it is bad and returns zeros.
type scanner struct {
	data []byte
	at   int
	bad  bool
}

func (s *scanner) uvarint() uint64 {
	if s.at < len(s.data) && s.data[s.at] < 0x80 {
		s.at++
		return uint64(s.data[s.at-1])
	}
	value, length := binary.Uvarint(s.data[s.at:])
	if length <= 0 {
		s.bad, s.at = true, len(s.data)
		return 0
	}
	s.at += length
	return value
}

func (s *scanner) integer() int64 {
	value := s.uvarint()
	if value > math.MaxInt64/2 {
		s.bad, value = true, 0
	}
	return int64(value)
}

func (s *scanner) date() settlement.Date {
	value := unzigzag(s.uvarint())
	if value != int64(int32(value)) {
		s.bad = true
	}
	return settlement.Date(value)
}

func (s *scanner) fixed() uint64 {
	if len(s.data)-s.at < 8 {
		s.bad, s.at = true, len(s.data)
		return 0
	}
	s.at += 8
	return binary.LittleEndian.Uint64(s.data[s.at-8:])
}

// count returns a number of items that take at least size bytes each.
func (s *scanner) count(size int) int {
	n := s.uvarint()
	if n > uint64((len(s.data)-s.at)/size) {
		s.bad, s.at = true, len(s.data)
		return 0
	}
	return int(n)
}

// span passes over a text and returns where it is.
func (s *scanner) span() textSpan {
	n := s.uvarint()
	if n > uint64(len(s.data)-s.at) {
		s.bad, s.at = true, len(s.data)
		return textSpan{}
	}
	s.at += int(n)
	return textSpan{uint32(s.at - int(n)), uint32(s.at)}
}

func (s *scanner) text() string {
	n := s.uvarint()
	if n > uint64(len(s.data)-s.at) {
		s.bad, s.at = true, len(s.data)
		return ""
	}
	s.at += int(n)
	return string(s.data[s.at-int(n) : s.at])
}
