package batch

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"alliance/settlement"
)

func compareDigests(a, b settlement.Digest) int { return bytes.Compare(a[:], b[:]) }

// sortByDigest sorts the items of one partition by id into scratch, which it returns first, with the
// list that may be scratch next time. Digests are spread evenly over the partition, so they are put into
// as many buckets as there are items; what is left to sort in a bucket is next to nothing.
func sortByDigest[T any](items, scratch []T, partitions int, compare func(a, b T) int, idOf func(*T) *settlement.Digest) (sorted, other []T) {
	width := bits.Len(uint(len(items)))
	ends := make([]int32, 1<<width)
	bucketOf := func(item *T) uint64 {
		// What follows the part of the digest that gives the partition.
		_, fraction := bits.Mul64(binary.BigEndian.Uint64(idOf(item)[:8]), uint64(partitions))
		return fraction >> (64 - width)
	}
	for i := range items {
		ends[bucketOf(&items[i])]++
	}
	end := int32(0)
	for bucket, count := range ends {
		ends[bucket] = end
		end += count
	}
	sorted = slices.Grow(scratch[:0], len(items))[:len(items)]
	for i := range items {
		bucket := bucketOf(&items[i])
		sorted[ends[bucket]] = items[i]
		ends[bucket]++
	}
	start := int32(0)
	for _, end := range ends {
		if end-start > 1 {
			slices.SortFunc(sorted[start:end], compare)
		}
		start = end
	}
	return sorted, items
}
