package batch

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
	"strings"

	"alliance/settlement"
)

// A detailSorter sorts the allocations of one partition after the other: by line, and within each by when they occurred,
// transaction and number. Of an allocation it keeps no more than where it is.
type detailSorter struct {
	content []byte
	// lines are those with allocations, in order; places says where in content allocations begin, those of lines[i] from
	// starts[i] to starts[i+1], in order of content.
	lines  []int32
	starts []int
	places []int
	// keys are those of one line: when an allocation occurred, since the first, and its place among the line's.
	keys []uint64
	// next is, by line, first how many allocations it has, then where the next one goes; 0 between partitions.
	next []int

	// named are those of the same time.
	named []namedKey

	buckets bucketSorter
	namer   settlement.AllocationNamer
	texts   textArena
	// touched is never read: without it the compiler would leave out the loads by which memory is touched ahead of its use.
	touched int
}

// read finds out which allocations of the content belong to which line, of so many.
func (s *detailSorter) read(lines int, lineOf func(reference uint64) int32) {
	if len(s.next) < lines {
		s.next = make([]int, lines)
	}
	s.lines, s.starts = s.lines[:0], append(s.starts[:0], 0)
	count := 0
	s.each(func(reference uint64, _ int) {
		line := lineOf(reference)
		if s.next[line] == 0 {
			s.lines = append(s.lines, line)
		}
		s.next[line]++
		count++
	})
	slices.Sort(s.lines)
	end := 0
	for _, line := range s.lines {
		s.next[line], end = end, end+s.next[line]
		s.starts = append(s.starts, end)
	}
	s.places = slices.Grow(s.places[:0], count)[:count]
	s.each(func(reference uint64, at int) {
		next := &s.next[lineOf(reference)]
		s.places[*next] = at
		*next++
	})
	for _, line := range s.lines {
		s.next[line] = 0
	}
}

// each visits all allocations of the content, with the reference to the line and where the allocation begins.
func (s *detailSorter) each(visit func(reference uint64, at int)) {
	for at := 0; at < len(s.content); {
		reference, n := binary.Uvarint(s.content[at:])
		at += n
		visit(reference, at)
		at += s.length(at)
	}
}

func (s *detailSorter) length(at int) int {
	return lengthBytes + int(binary.LittleEndian.Uint16(s.content[at:]))
}

// allocation returns the bytes of the allocation that begins at a place.
func (s *detailSorter) allocation(at int) []byte { return s.content[at : at+s.length(at)] }

// sort returns where the allocations of the i-th line begin, in their order.
func (s *detailSorter) sort(codec allocationCodec, i int) iter.Seq[int] {
	places := s.places[s.starts[i]:s.starts[i+1]]
	placeBits := bits.Len(uint(len(places) - 1))
	keyBits, fit := s.readTimes(codec, places, placeBits)
	if !fit {
		slices.SortFunc(places, func(a, b int) int {
			x, y := byteReader{s.content, a + lengthBytes}, byteReader{s.content, b + lengthBytes}
			return cmp.Or(cmp.Compare(codec.occurredAt(&x), codec.occurredAt(&y)), s.compareAtOnce(a, b))
		})
		return slices.Values(places)
	}
	placeOf := func(key uint64) int { return places[key&(1<<placeBits-1)] }
	sorted := s.buckets.sort(s.keys, keyBits)
	touched := 0
	for start := 0; start < len(sorted); {
		end := start + 1
		for end < len(sorted) && sorted[end]>>placeBits == sorted[start]>>placeBits {
			end++
		}
		if end > start+1 {
			if end > touched {
				touched = min(max(end, start+touchedAtOnce), len(sorted))
				for _, key := range sorted[start:touched] {
					s.touched += int(s.content[placeOf(key)])
				}
			}
			s.sortAtOnce(sorted[start:end], placeOf)
		}
		start = end
	}
	return func(yield func(int) bool) {
		var soon [touchedAtOnce]int
		for keys := range slices.Chunk(sorted, len(soon)) {
			for i, key := range keys {
				soon[i] = placeOf(key)
			}
			// They lie anywhere in the content. Touching some first lets the processor fetch many at a time.
			for _, at := range soon[:len(keys)] {
				s.touched += int(s.content[at]) + int(s.content[min(at+cacheLineBytes, len(s.content)-1)])
			}
			for _, at := range soon[:len(keys)] {
				if !yield(at) {
					return
				}
			}
		}
	}
}

// sortAtOnce sorts keys of allocations of one line that occurred at the same time. What decides is read once, as it lies anywhere.
func (s *detailSorter) sortAtOnce(keys []uint64, placeOf func(key uint64) int) {
	s.texts.reset()
	s.named = s.named[:0]
	for _, key := range keys {
		from := byteReader{s.content, placeOf(key) + lengthBytes}
		from.unsigned() // when it occurred
		s.named = append(s.named, namedKey{from.packed(&s.texts), from.unsigned(), key})
	}
	slices.SortFunc(s.named, func(a, b namedKey) int {
		if order := strings.Compare(a.transaction, b.transaction); order != 0 {
			return order
		}
		return cmp.Compare(a.number, b.number)
	})
	for i := range s.named {
		keys[i] = s.named[i].key
	}
}

// A namedKey is the key of an allocation and what the allocation is named by.
type namedKey struct {
	transaction string
	number, key uint64
}

// compareAtOnce compares allocations of one line that occurred at the same time. All of a line have the same redeemer.
func (s *detailSorter) compareAtOnce(a, b int) int {
	x, y := byteReader{s.content, a + lengthBytes}, byteReader{s.content, b + lengthBytes}
	x.unsigned()
	y.unsigned()
	s.texts.reset()
	if order := strings.Compare(x.packed(&s.texts), y.packed(&s.texts)); order != 0 {
		return order
	}
	return cmp.Compare(x.unsigned(), y.unsigned()) // their numbers
}

// readTimes makes keys of when the allocations of a line occurred, so that these are sorted as numbers, which is several
// times as fast as by comparing. It returns of how many bits the keys are, and whether it could: the numbers have to have room
// for a billion allocations of a month.
func (s *detailSorter) readTimes(codec allocationCodec, places []int, placeBits int) (keyBits int, fit bool) {
	s.keys = slices.Grow(s.keys[:0], len(places))
	first, last := settlement.Instant(1<<63-1), settlement.Instant(-1<<63)
	for _, at := range places {
		occurredAt := codec.occurredAt(&byteReader{s.content, at + lengthBytes})
		first, last = min(first, occurredAt), max(last, occurredAt)
		s.keys = append(s.keys, uint64(occurredAt))
	}
	if keyBits = bits.Len64(uint64(last)-uint64(first)) + placeBits; keyBits > 64 {
		return keyBits, false
	}
	for i, occurredAt := range s.keys {
		s.keys[i] = (occurredAt-uint64(first))<<placeBits | uint64(i)
	}
	return keyBits, true
}
