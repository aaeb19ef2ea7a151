package identifiers

import (
	"encoding/binary"
	"math/bits"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// lowerBits is how many bits of a value are written as they are. The chance that an id which is
// not there is found nevertheless is 2^-lowerBits at most.
const lowerBits = 16

// prefix is what of an id a filter looks at.
func prefix(id *settlement.Digest) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// shiftOf returns by how many bits a difference of prefixes is shifted, so that the largest one
// of a block of n entries becomes less than n × 2^(lowerBits+1), but no more than need be.
func shiftOf(largest uint64, n int) int {
	shift := 0
	for largest>>shift >= uint64(n)<<(lowerBits+1) {
		shift++
	}
	return shift
}

// appendFilter appends the filter of a block of ids. values is memory to work in.
func appendFilter(filter []byte, values []uint32, ids []byte) ([]byte, []uint32) {
	n := len(ids) / idBytes
	first := binary.BigEndian.Uint64(ids)
	shift := shiftOf(binary.BigEndian.Uint64(ids[len(ids)-idBytes:])-first, n)
	values = sections.Resize(values, n)
	filter = append(filter, byte(shift))
	for i := range values {
		values[i] = uint32((binary.BigEndian.Uint64(ids[i*idBytes:]) - first) >> shift)
		filter = binary.LittleEndian.AppendUint16(filter, uint16(values[i]))
	}
	start, length := len(filter), int(values[len(values)-1]>>lowerBits)+len(values)
	filter = append(filter, make([]byte, (length+7)/8)...)
	unary := filter[start:]
	for i, value := range values {
		at := int(value>>lowerBits) + i
		unary[at/8] |= 1 << (at % 8)
	}
	return filter, values
}

// A filter is a block's filter, decoded.
type filter struct {
	first  uint64
	shift  int
	values []uint32
	unary  []byte
}

// decode decodes the filter of a block of n entries.
func (f *filter) decode(encoded []byte, n int, first *settlement.Digest) error {
	if len(encoded) < 1+2*n+(n+7)/8 || encoded[0] > 63 {
		return sections.Damaged("a filter of %d bytes for %d ids", len(encoded), n)
	}
	f.first, f.shift = prefix(first), int(encoded[0])
	lower, upper := encoded[1:1+2*n], encoded[1+2*n:]
	// A few more bytes, so that words can be read up to the end.
	f.unary = append(append(f.unary[:0], upper...), 0, 0, 0, 0, 0, 0, 0, 0)
	f.values = sections.Resize(f.values, n)
	i := 0
	for at := 0; at < len(upper); at += 8 {
		for word := binary.LittleEndian.Uint64(f.unary[at:]); word != 0; word &= word - 1 {
			high := 8*at + bits.TrailingZeros64(word) - i
			if i == n {
				return sections.Damaged("a filter of more than its %d ids", n)
			}
			f.values[i] = uint32(high)<<lowerBits | uint32(binary.LittleEndian.Uint16(lower[2*i:]))
			i++
		}
	}
	if i != n {
		return sections.Damaged("a filter of %d instead of %d ids", i, n)
	}
	return nil
}

// mayHold goes through ids, which ascend and are none of an earlier block, and reports whether one of
// them may be in the block.
func (f *filter) mayHold(ids []settlement.Digest) bool {
	at := 0
	for i := range ids {
		from := prefix(&ids[i])
		if from < f.first {
			continue
		}
		value := (from - f.first) >> f.shift
		for at < len(f.values) && uint64(f.values[at]) < value {
			at++
		}
		if at == len(f.values) {
			return false
		}
		if uint64(f.values[at]) == value {
			return true
		}
	}
	return false
}
