package batch

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"alliance/settlement"
)

// A digestSorter sorts what begins with digests, of one partition, by keys: words that are smaller than what is sorted. It
// keeps its memory between partitions.
type digestSorter struct {
	partitions uint64
	// A key is the beginning of what follows of a digest the part that gives the partition, and in its lowest placeBits the
	// place of the digest.
	placeBits int
	keys      []uint64
	buckets   bucketSorter
}

// reset begins with a partition of so many, of whose digests all places are less than places.
func (s *digestSorter) reset(partitions, places int) {
	s.partitions, s.placeBits, s.keys = uint64(partitions), bits.Len(uint(places)), s.keys[:0]
}

// add adds a digest that lies at a place.
func (s *digestSorter) add(id []byte, place int) {
	_, fraction := bits.Mul64(binary.BigEndian.Uint64(id), s.partitions)
	s.keys = append(s.keys, fraction>>s.placeBits<<s.placeBits|uint64(place))
}

// placeOf returns the place of the digest of a key.
func (s *digestSorter) placeOf(key uint64) int { return int(key & (1<<s.placeBits - 1)) }

// alike reports whether only the digests themselves say which of two comes first.
func (s *digestSorter) alike(a, b uint64) bool { return a>>s.placeBits == b>>s.placeBits }

// sort returns the keys in order.
func (s *digestSorter) sort() []uint64 { return s.buckets.sort(s.keys, 64) }

// inOrder moves the last of items, which are in order but for it, to its place. It is for those whose keys are alike,
// which are few.
func inOrder[T any](items []T, compare func(a, b T) int) {
	for at := len(items) - 1; at > 0 && compare(items[at-1], items[at]) > 0; at-- {
		items[at-1], items[at] = items[at], items[at-1]
	}
}

func compareDigests(a, b settlement.Digest) int { return bytes.Compare(a[:], b[:]) }
