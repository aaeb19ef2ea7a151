package batch

import "math/bits"

// A nameFilter says of nearly every row that is not in a set that it is not, without looking it up there: a set of many rows
// is far from the processor.
type nameFilter struct {
	bits  []uint64
	shift int
}

const (
	// filterBitsPerName is how many bits a name has: of 64 others one is looked up in vain.
	filterBitsPerName = 64
	mostFilterBits    = 1 << 26
)

// newNameFilter returns the filter of a set of so many names.
func newNameFilter(names int) *nameFilter {
	width := bits.Len(uint(min(max(names, 1)*filterBitsPerName, mostFilterBits) - 1))
	return &nameFilter{make([]uint64, (1<<width+63)/64), 64 - width}
}

// place returns the place of a name's bit.
func (f *nameFilter) place(name rowName) uint64 {
	return (uint64(name.row)*0x9e3779b97f4a7c15 + uint64(name.file)*0xc2b2ae3d27d4eb4f) >> f.shift
}

func (f *nameFilter) add(name rowName) {
	place := f.place(name)
	f.bits[place/64] |= 1 << (place % 64)
}

// mayHold reports whether a name may be in the set: of one that is, always true.
func (f *nameFilter) mayHold(name rowName) bool {
	place := f.place(name)
	return f.bits[place/64]>>(place%64)&1 != 0
}
