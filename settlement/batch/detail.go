package batch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"
)

// A spooledDetail is a night's detail in the pool: the allocations of each line stand together, in
// their order, without amounts. Whoever reads them prices them again, which is cheaper than keeping
// what they come to.
type spooledDetail struct {
	night *run
	codec allocationCodec
	lines []stretch // by line
	own   []stretch // by party
	blobs []*spool.Blob
	// sorters are the workers' memory.
	sorters []detailSorter
}

// A stretch is where the allocations of a line are.
type stretch struct {
	blob          *spool.Blob
	offset, bytes int64
	count, points int64
}

func newSpooledDetail(r *run) *spooledDetail {
	return &spooledDetail{
		night: r, codec: allocationCodec{r.Date}, lines: make([]stretch, len(r.lines)), own: make([]stretch, r.Rulebook.Parties.Len()),
		blobs: make([]*spool.Blob, r.Partitions), sorters: make([]detailSorter, r.Workers),
	}
}

// A detailSorter sorts the allocations of one partition after the other.
type detailSorter struct {
	content         []byte
	entries, sorted []detailEntry
	// keys and unsorted are those of one line.
	keys     []uint64
	unsorted []detailEntry
	// next is, by line, first how many entries it has, then where the next one goes; 0 between partitions.
	next   []int
	lines  []int32
	groups [][]detailEntry
}

// A detailEntry is an allocation in the content of a partition, with the head of its order.
type detailEntry struct {
	// line is the line's place, or past all lines the place of the party whose own it is.
	line       int32
	length     int32 // of the allocation, from at
	occurredAt settlement.Instant
	at         int64
}

// gather sorts the allocations of a partition into the detail.
func (d *spooledDetail) gather(r *run, worker, partition int) (err error) {
	sorter := &d.sorters[worker]
	if sorter.content, err = r.allocations.Load(partition, sorter.content[:0]); err != nil {
		return err
	}
	r.allocations.Release(partition)
	if next := partition + len(d.sorters); next < r.Partitions {
		r.allocations.Prefetch(next)
	}
	sorter.read(r, d.codec)
	blob := r.Pool.NewBlob()
	d.blobs[partition] = blob
	for _, entries := range sorter.byLine(len(d.lines) + len(d.own)) {
		sorter.sort(d.codec, entries)
		if err := d.write(blob, sorter, entries); err != nil {
			return err
		}
	}
	return blob.Close()
}

func (s *detailSorter) read(r *run, codec allocationCodec) {
	s.entries = s.entries[:0]
	for at := 0; at < len(s.content); {
		reference, n := binary.Uvarint(s.content[at:])
		at += n
		line, own := r.line(reference)
		if line < 0 {
			line = int32(len(r.lines)) + int32(own)
		}
		length := lengthBytes + int(binary.LittleEndian.Uint16(s.content[at:]))
		occurredAt := codec.occurredAt(&byteReader{s.content[at+lengthBytes : at+length]})
		s.entries = append(s.entries, detailEntry{line, int32(length), occurredAt, int64(at)})
		at += length
	}
}

// byLine returns the entries of each line, in order of lines, of which there are so many.
func (s *detailSorter) byLine(lines int) [][]detailEntry {
	if len(s.next) < lines {
		s.next = make([]int, lines)
	}
	s.lines, s.groups = s.lines[:0], s.groups[:0]
	for i := range s.entries {
		line := s.entries[i].line
		if s.next[line] == 0 {
			s.lines = append(s.lines, line)
		}
		s.next[line]++
	}
	slices.Sort(s.lines)
	s.sorted = slices.Grow(s.sorted[:0], len(s.entries))[:len(s.entries)]
	start := 0
	for _, line := range s.lines {
		count := s.next[line]
		s.groups = append(s.groups, s.sorted[start:start+count])
		s.next[line] = start
		start += count
	}
	for i := range s.entries {
		next := &s.next[s.entries[i].line]
		s.sorted[*next] = s.entries[i]
		*next++
	}
	for _, line := range s.lines {
		s.next[line] = 0
	}
	return s.groups
}

// sort sorts the entries of one line.
func (s *detailSorter) sort(codec allocationCodec, entries []detailEntry) {
	compare := func(a, b detailEntry) int {
		if a.occurredAt != b.occurredAt {
			return cmp.Compare(a.occurredAt, b.occurredAt)
		}
		// All of a line have the same redeemer.
		var x, y settlement.Allocation
		codec.read(s.content[a.at:], &x)
		codec.read(s.content[b.at:], &y)
		return cmp.Or(strings.Compare(x.TransactionID, y.TransactionID), cmp.Compare(x.Number, y.Number))
	}
	if !s.sortByTime(entries) {
		slices.SortFunc(entries, compare)
		return
	}
	for start := 0; start < len(entries); {
		end := start + 1
		for end < len(entries) && entries[end].occurredAt == entries[start].occurredAt {
			end++
		}
		if end > start+1 {
			slices.SortFunc(entries[start:end], compare)
		}
		start = end
	}
}

// sortByTime sorts entries by when they occurred alone, as numbers of time and place in one, which is several times as
// fast as by comparing. It reports whether it could: the numbers have to have room for a billion entries of a month.
func (s *detailSorter) sortByTime(entries []detailEntry) bool {
	first, last := entries[0].occurredAt, entries[0].occurredAt
	for i := range entries {
		first, last = min(first, entries[i].occurredAt), max(last, entries[i].occurredAt)
	}
	placeBits := bits.Len(uint(len(entries) - 1))
	if bits.Len64(uint64(last)-uint64(first))+placeBits > 64 {
		return false
	}
	s.keys, s.unsorted = s.keys[:0], append(s.unsorted[:0], entries...)
	for i := range entries {
		s.keys = append(s.keys, (uint64(entries[i].occurredAt)-uint64(first))<<placeBits|uint64(i))
	}
	slices.Sort(s.keys)
	for i, key := range s.keys {
		entries[i] = s.unsorted[key&(1<<placeBits-1)]
	}
	return true
}

// write appends the sorted allocations of one line, and checks that they add up to it.
func (d *spooledDetail) write(blob *spool.Blob, sorter *detailSorter, entries []detailEntry) error {
	to, line := d.stretch(entries[0].line)
	to.blob, to.offset, to.count = blob, blob.Size(), int64(len(entries))
	var pricer clearing.LinePricer
	if line != nil {
		pricer = clearing.NewLinePricer(d.night.Rulebook.Money, line)
	}
	var one [1]settlement.Allocation
	one[0] = d.common(entries[0].line)
	for _, entry := range entries {
		content := sorter.content[entry.at : entry.at+int64(entry.length)]
		d.codec.read(content, &one[0])
		if line != nil {
			if err := pricer.Price(one[:]); err != nil {
				return err
			}
		}
		var err error
		if to.points, err = settlement.AddPoints(to.points, one[0].Points); err != nil {
			return err
		}
		if _, err := blob.Write(content); err != nil {
			return err
		}
	}
	to.bytes = blob.Size() - to.offset
	if line != nil {
		pricer.Finish()
	}
	return nil
}

// stretch returns what is known of a line by its place; line is nil for a party's own allocations.
func (d *spooledDetail) stretch(place int32) (*stretch, *settlement.Line) {
	if int(place) < len(d.lines) {
		return &d.lines[place], &d.night.lines[place]
	}
	return &d.own[int(place)-len(d.lines)], nil
}

// common returns what all allocations of a line have in common.
func (d *spooledDetail) common(place int32) settlement.Allocation {
	if int(place) < len(d.lines) {
		key := &d.night.lines[place].LineKey
		return settlement.Allocation{Activity: key.Activity, Issuer: key.Issuer, Redeemer: key.Redeemer, BusinessDate: key.BusinessDate, Price: key.Price}
	}
	party := settlement.Party(int(place) - len(d.lines))
	return settlement.Allocation{Issuer: party, Redeemer: party}
}

// Lines is the number of lines.
func (d *spooledDetail) Lines() int { return len(d.lines) }

// Line returns the allocations of a line.
func (d *spooledDetail) Line(place int) settlement.Allocations {
	return &spooledAllocations{d, int32(place)}
}

// Own returns the allocations where a party is issuer and redeemer.
func (d *spooledDetail) Own(party settlement.Party) settlement.Allocations {
	return &spooledAllocations{d, int32(len(d.lines)) + int32(party)}
}

// release gives back the room that the detail takes in the pool.
func (d *spooledDetail) release() {
	for _, blob := range d.blobs {
		if blob != nil {
			blob.Release()
		}
	}
}

type spooledAllocations struct {
	detail *spooledDetail
	place  int32
}

func (s *spooledAllocations) Count() int64 {
	stretch, _ := s.detail.stretch(s.place)
	return stretch.count
}

func (s *spooledAllocations) Points() int64 {
	stretch, _ := s.detail.stretch(s.place)
	return stretch.points
}

// Each reads the allocations, prices them from the first one on and visits those asked for.
func (s *spooledAllocations) Each(skip, count int64, visit func([]settlement.Allocation) error) error {
	stretch, line := s.detail.stretch(s.place)
	var pricer clearing.LinePricer
	if line != nil {
		pricer = clearing.NewLinePricer(s.detail.night.Rulebook.Money, line)
	}
	reader := detailReaders.Get().(*detailReader)
	defer detailReaders.Put(reader)
	reader.begin(stretch)
	common := s.detail.common(s.place)
	for count > 0 {
		allocations, err := reader.next(s.detail.codec, &common)
		if err != nil {
			return err
		}
		if line != nil {
			if err := pricer.Price(allocations); err != nil {
				return err
			}
		}
		passed := min(skip, int64(len(allocations)))
		allocations = allocations[passed:]
		skip -= passed
		allocations = allocations[:min(count, int64(len(allocations)))]
		count -= int64(len(allocations))
		if len(allocations) > 0 {
			if err := visit(allocations); err != nil {
				return err
			}
		}
	}
	return nil
}

var detailReaders = sync.Pool{New: func() any {
	return &detailReader{content: make([]byte, 0, 2*spool.PieceBytes+leftBytes), allocations: make([]settlement.Allocation, 0, 512)}
}}

// A detailReader reads a stretch piece by piece.
type detailReader struct {
	stretch *stretch
	// offset is how far the stretch was read, expected how far it was asked for ahead.
	offset, expected int64
	content          []byte
	rest             []byte
	allocations      []settlement.Allocation
}

func (r *detailReader) begin(stretch *stretch) {
	r.stretch, r.offset, r.expected, r.rest = stretch, 0, 0, nil
	r.expect()
}

// aheadBytes is how much of a stretch is asked for ahead.
const aheadBytes = 32 * spool.PieceBytes

// expect asks for what comes next of the stretch, before it is needed.
func (r *detailReader) expect() {
	if r.expected < r.stretch.bytes && r.expected <= r.offset+aheadBytes/2 {
		r.stretch.blob.Prefetch(r.stretch.offset+r.expected, min(aheadBytes, r.stretch.bytes-r.expected))
		r.expected += aheadBytes
	}
}

// next returns more allocations, as many as are read at a time.
func (r *detailReader) next(codec allocationCodec, common *settlement.Allocation) ([]settlement.Allocation, error) {
	r.allocations = r.allocations[:0]
	for len(r.allocations) < cap(r.allocations) {
		allocation := *common
		rest, ok := codec.read(r.rest, &allocation)
		if ok {
			r.rest = rest
			r.allocations = append(r.allocations, allocation)
			continue
		}
		if len(r.allocations) > 0 {
			break // their texts are in the content
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	return r.allocations, nil
}

// leftBytes is room for an allocation that begins in one reading and ends in the next.
const leftBytes = 4 << 10

// fill moves what is left to the front and reads on, up to where a piece of the blob ends, so that none is read twice.
func (r *detailReader) fill() error {
	left := copy(r.content[:cap(r.content)], r.rest)
	more := min(int64(cap(r.content)-left), r.stretch.bytes-r.offset)
	if more <= 0 {
		return fmt.Errorf("the detail of a line ends after %d bytes, within an allocation or before the last one", r.stretch.bytes)
	}
	if end := r.stretch.offset + r.offset + more; r.offset+more < r.stretch.bytes && end%spool.PieceBytes < more {
		more -= end % spool.PieceBytes
	}
	r.content = r.content[:left+int(more)]
	if _, err := r.stretch.blob.ReadAt(r.content[left:], r.stretch.offset+r.offset); err != nil {
		return err
	}
	r.offset += more
	r.rest = r.content
	r.expect()
	return nil
}
