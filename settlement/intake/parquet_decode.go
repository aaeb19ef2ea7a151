package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	errTooFew   = errors.New("a page has fewer values than it says")
	errTooMany  = errors.New("a page has more values than it says")
	errEncoding = errors.New("the values of a page do not follow their encoding")
)

// A hybridDecoder reads numbers of few bits in runs: of one number again and again, or of
// packed numbers. Definition levels and indexes into a dictionary are written so.
type hybridDecoder struct {
	data  []byte
	width uint
	// run is how many numbers the run at hand still has: of value, or packed from the given bit.
	run    int
	value  uint32
	packed []byte
	bit    int
}

func newHybrid(data []byte, width uint) hybridDecoder { return hybridDecoder{data: data, width: width} }

// read fills out.
func (h *hybridDecoder) read(out []uint32) error {
	if h.width == 0 {
		clear(out) // there is but one number, which needs no bits
		return nil
	}
	for len(out) > 0 {
		if h.run == 0 {
			if err := h.nextRun(); err != nil {
				return err
			}
			continue
		}
		count := min(h.run, len(out))
		if h.packed != nil {
			for i := range out[:count] {
				out[i] = uint32(bitsAt(h.packed, h.bit, h.width))
				h.bit += int(h.width)
			}
		} else {
			for i := range out[:count] {
				out[i] = h.value
			}
		}
		h.run -= count
		out = out[count:]
	}
	return nil
}

func (h *hybridDecoder) nextRun() error {
	head, size := binary.Uvarint(h.data)
	if size <= 0 {
		return errTooFew
	}
	h.data = h.data[size:]
	count := head >> 1
	if head&1 == 1 { // groups of eight packed numbers
		groups := int(min(count, uint64(len(h.data)))) // each has a byte at least
		length := min(groups*int(h.width), len(h.data))
		h.packed, h.bit = h.data[:length:length], 0
		h.run = min(groups*8, length*8/int(h.width)) // the last group may be cut short
		h.data = h.data[length:]
		return nil
	}
	length := int(h.width+7) / 8
	if length > len(h.data) {
		return errTooFew
	}
	var value [8]byte
	copy(value[:], h.data[:length])
	h.value = binary.LittleEndian.Uint32(value[:])
	if uint64(h.value)>>h.width != 0 {
		return errEncoding
	}
	h.packed, h.data = nil, h.data[length:]
	h.run = int(min(count, 1<<31))
	return nil
}

// bitsAt returns the number of up to 64 bits that begins at a bit, the lowest bits first.
func bitsAt(data []byte, bit int, width uint) uint64 {
	at, shift := bit>>3, uint(bit&7)
	var word, high uint64
	if at+9 <= len(data) {
		word, high = binary.LittleEndian.Uint64(data[at:]), uint64(data[at+8])
	} else {
		var room [9]byte
		copy(room[:], data[min(at, len(data)):])
		word, high = binary.LittleEndian.Uint64(room[:]), uint64(room[8])
	}
	word = word>>shift | high<<(64-shift)
	return word << (64 - width) >> (64 - width)
}

// A deltaDecoder reads integers as differences, in blocks of packed numbers of few bits.
type deltaDecoder struct {
	data []byte
	// left is how many numbers are still to come, first whether the one of the header is.
	left  int64
	first bool
	last  int64
	// A block has so many small ones of so many numbers.
	miniBlocks, perMini int64
	minDelta            int64
	// widths are the bits of the numbers of the small blocks that are still to come in this block.
	widths []byte
	packed []byte
	bit    int
	width  uint
	inMini int64
}

// maxDeltaBlock is far beyond the blocks of any writer, which have 128 or 256 numbers.
const maxDeltaBlock = 1 << 20

func newDelta(data []byte) (deltaDecoder, error) {
	d := deltaDecoder{data: data, first: true}
	blockSize, ok1 := d.uvarint()
	miniBlocks, ok2 := d.uvarint()
	count, ok3 := d.uvarint()
	first, ok4 := d.uvarint()
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return d, errTooFew
	}
	if blockSize > maxDeltaBlock {
		return d, fmt.Errorf("a block of %d numbers is more than the limit of %d", blockSize, maxDeltaBlock)
	}
	if miniBlocks == 0 || blockSize%miniBlocks != 0 || blockSize/miniBlocks%8 != 0 || blockSize == 0 || count > 1<<31 {
		return d, errEncoding
	}
	d.left, d.last = int64(count), unzigzag(first)
	d.miniBlocks, d.perMini = int64(miniBlocks), int64(blockSize/miniBlocks)
	return d, nil
}

func unzigzag(value uint64) int64 { return int64(value>>1) ^ -int64(value&1) }

func (d *deltaDecoder) uvarint() (uint64, bool) {
	value, size := binary.Uvarint(d.data)
	if size <= 0 {
		return 0, false
	}
	d.data = d.data[size:]
	return value, true
}

// next returns the next number.
func (d *deltaDecoder) next() (int64, error) {
	if d.left == 0 {
		return 0, errTooFew
	}
	d.left--
	if d.first {
		d.first = false
		return d.last, nil
	}
	if d.inMini == 0 {
		if err := d.nextMini(d.left + 1); err != nil {
			return 0, err
		}
	}
	d.inMini--
	d.last += d.minDelta
	if d.width > 0 {
		d.last += int64(bitsAt(d.packed, d.bit, d.width))
		d.bit += int(d.width)
	}
	return d.last, nil
}

// nextMini begins the next small block, which holds numbers of those due.
func (d *deltaDecoder) nextMini(due int64) error {
	if len(d.widths) == 0 {
		minDelta, ok := d.uvarint()
		if !ok || int64(len(d.data)) < d.miniBlocks {
			return errTooFew
		}
		d.minDelta = unzigzag(minDelta)
		d.widths, d.data = d.data[:d.miniBlocks], d.data[d.miniBlocks:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	if d.width > 64 {
		return errEncoding
	}
	length := d.perMini / 8 * int64(d.width)
	if length > int64(len(d.data)) { // the last one may be cut short
		length = int64(len(d.data))
		if min(due, d.perMini)*int64(d.width) > length*8 {
			return errTooFew
		}
	}
	d.packed, d.data = d.data[:length], d.data[length:]
	d.bit, d.inMini = 0, d.perMini
	return nil
}

// rest returns what follows the numbers. The decoder itself does not move.
func (d deltaDecoder) rest() ([]byte, error) {
	if d.first && d.left > 0 {
		d.first = false
		d.left--
	}
	for d.left > 0 {
		if err := d.nextMini(d.left); err != nil {
			return nil, err
		}
		d.left -= min(d.left, d.perMini)
	}
	return d.data, nil
}

// indexWidth is the width of indexes as written before them.
func indexWidth(values []byte) (uint, []byte, error) {
	if len(values) == 0 {
		return 0, nil, nil
	}
	if values[0] > 32 {
		return 0, nil, errEncoding
	}
	return uint(values[0]), values[1:], nil
}
