package spool

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/s2"
)

// A compression remembers whether it pays to compress the pieces of a spool or blob. It is safe for concurrent use.
type compression struct {
	pieces atomic.Uint32
	// pays says that compression saved two fifths at least when it was tried last.
	pays atomic.Bool
}

// tryEvery is of how many pieces one is compressed on trial while compression does not pay.
const tryEvery = 16

// pack returns a piece compressed, in the memory of packed, or as it is if that saves less than two fifths: digests,
// of which some spools are full, have nothing in common, and rows with packed ids save a third, in more time than that is worth.
func (c *compression) pack(content []byte, packed *scratch) []byte {
	if trial := c.pieces.Add(1)%tryEvery == 1; !trial && !c.pays.Load() {
		return content
	}
	bound := s2.MaxEncodedLen(len(content))
	if bound < 0 {
		return content // beyond 4 GiB
	}
	short := s2.Encode(packed.room(bound), content)
	pays := len(short) <= len(content)-len(content)*2/5
	if c.pays.Load() != pays {
		c.pays.Store(pays)
	}
	if !pays {
		return content
	}
	return short
}

// expand leaves what was compressed in the whole of buffer.
func expand(short, buffer []byte) error {
	// The capacity is bounded, as what comes after buffer is somebody else's.
	content, err := s2.Decode(buffer[:len(buffer):len(buffer)], short)
	if err == nil && len(content) != len(buffer) {
		err = fmt.Errorf("it has %d bytes instead of %d", len(content), len(buffer))
	}
	return err
}

// A scratch is memory for what is in the file, for a moment.
type scratch struct{ memory []byte }

// room returns so many bytes of any content.
func (s *scratch) room(length int) []byte {
	if cap(s.memory) < length {
		s.memory = make([]byte, length)
	}
	return s.memory[:length]
}

// A scratchPool has scratches of up to a size.
type scratchPool struct {
	size int
	pool sync.Pool
}

// packedBuffers are for one piece, extentBuffers for all of an extent.
var (
	packedBuffers = scratchPool{size: s2.MaxEncodedLen(PieceBytes)}
	extentBuffers = scratchPool{size: extentBytes}
)

func (p *scratchPool) take() *scratch {
	if found, _ := p.pool.Get().(*scratch); found != nil {
		return found
	}
	return &scratch{make([]byte, p.size)}
}

// giveBack takes a scratch that did not have to grow for one huge record.
func (p *scratchPool) giveBack(s *scratch) {
	if cap(s.memory) == p.size {
		p.pool.Put(s)
	}
}
