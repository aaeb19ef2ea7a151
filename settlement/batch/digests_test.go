package batch

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"alliance/settlement"
)

func TestSortByDigest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var sorter digestSorter
	for _, partitions := range []int{1, 3, 16, 1024} {
		for _, count := range []int{0, 1, 2, 1000} {
			var items []settlement.Digest
			for len(items) < count {
				var id settlement.Digest
				binary.BigEndian.PutUint64(id[:], random.Uint64())
				id[15] = byte(random.Uint32())
				if partitionOfID(id, partitions) == partitions/2 {
					items = append(items, id)
				}
				if len(items) > 0 && random.IntN(5) == 0 && len(items) < count {
					items = append(items, items[0])
				}
			}
			want := slices.SortedFunc(slices.Values(items), compareDigests)
			sorter.reset(partitions, len(items))
			for i := range items {
				sorter.add(items[i][:], i)
			}
			var sorted []settlement.Digest
			for _, key := range sorter.sort() {
				sorted = append(sorted, items[sorter.placeOf(key)])
				inOrder(sorted, compareDigests)
			}
			if !slices.Equal(sorted, want) {
				t.Errorf("%d of %d partitions: not sorted", count, partitions)
			}
		}
	}
}
