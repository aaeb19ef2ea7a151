package batch

import (
	"fmt"
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
	// sorters are the workers' memory; what is larger than mostSorted_bytes is not sorted in one.
	sorters          []detailSorter
	mostSorted_bytes int64
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
		blobs: make([]*spool.Blob, r.Partitions), sorters: make([]detailSorter, r.Workers), mostSorted_bytes: sortedTogether(r.Pool.Budget()),
	}
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

// Soon has the system read the beginning of what is on the disk.
func (s *spooledAllocations) Soon() {
	stretch, _ := s.detail.stretch(s.place)
	if stretch.count > 0 {
		stretch.blob.Prefetch(stretch.offset, min(aheadBytes, stretch.bytes))
	}
}

// Each reads the allocations, prices them from the first one on and visits those asked for. It panics if all of them do not
// add up to the line.
func (s *spooledAllocations) Each(skip, count int64, visit func([]settlement.Allocation) error) error {
	stretch, line := s.detail.stretch(s.place)
	var pricer clearing.LinePricer
	if line != nil {
		pricer = clearing.NewLinePricer(s.detail.night.Rulebook.Money, line)
	}
	reader := detailReaders.Get().(*detailReader)
	defer detailReaders.Put(reader)
	reader.begin(stretch, line != nil)
	common := s.detail.common(s.place)
	read := int64(0)
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
		if read += int64(len(allocations)); line != nil && read == stretch.count {
			pricer.Finish()
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
	named            bool
	allocations      []settlement.Allocation
	texts            textArena
}

func (r *detailReader) begin(stretch *stretch, named bool) {
	r.stretch, r.named, r.offset, r.expected, r.rest = stretch, named, 0, 0, nil
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
	r.texts.reset()
	for len(r.allocations) < cap(r.allocations) {
		allocation := *common
		rest, ok := codec.read(r.rest, r.named, &allocation, &r.texts)
		if ok {
			r.rest = rest
			r.allocations = append(r.allocations, allocation)
			continue
		}
		if len(r.allocations) > 0 {
			break // their texts may be in the content
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
