package batch

import (
	"math/bits"
	"slices"
)

// A bucketSorter sorts numbers that are spread about evenly, as digests are and the times of a day's rows: they are put into buckets, and
// what is left to sort in a bucket is next to nothing. It keeps its memory.
type bucketSorter struct {
	sorted []uint64
	ends   []int32
}

const (
	// numbersPerBucketBits says how many numbers a bucket gets: the counts of the buckets should stay in the processor's
	// cache.
	numbersPerBucketBits = 2
	// mostInserted is the size up to which a bucket is sorted by insertion.
	mostInserted = 32
)

// sort returns numbers of up to so many bits in order, in memory that lasts until the next ones.
func (s *bucketSorter) sort(numbers []uint64, size int) []uint64 {
	width := min(max(bits.Len(uint(len(numbers)))-numbersPerBucketBits, 0), size)
	shift := size - width
	s.ends = slices.Grow(s.ends[:0], 1<<width)[:1<<width]
	clear(s.ends)
	for _, number := range numbers {
		s.ends[number>>shift]++
	}
	end := int32(0)
	for bucket, count := range s.ends {
		s.ends[bucket] = end
		end += count
	}
	s.sorted = slices.Grow(s.sorted[:0], len(numbers))[:len(numbers)]
	for _, number := range numbers {
		bucket := &s.ends[number>>shift]
		s.sorted[*bucket] = number
		*bucket++
	}
	start := int32(0)
	for _, end := range s.ends {
		sortBucket(s.sorted[start:end])
		start = end
	}
	return s.sorted
}

func sortBucket(numbers []uint64) {
	if len(numbers) > mostInserted {
		slices.Sort(numbers)
		return
	}
	for i := 1; i < len(numbers); i++ {
		number, to := numbers[i], i
		for ; to > 0 && numbers[to-1] > number; to-- {
			numbers[to] = numbers[to-1]
		}
		numbers[to] = number
	}
}
