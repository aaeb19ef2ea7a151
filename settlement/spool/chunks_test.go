package spool

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestChunks spills records of all sizes, from two writers, with memory for chunks of every size, and without.
func TestChunks(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const partitions = 3
	for size := 0; size <= mostChunk; size = max(2*size, leastChunk) {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			pool := NewPool(t.TempDir(), int64(size)*chunkShare*partitions)
			if got := pool.chunkBytes(partitions); got != size {
				t.Fatalf("chunks of %d bytes, want %d", got, size)
			}
			spool, blob := pool.NewSpool(partitions), pool.NewBlob()
			var hurry sync.WaitGroup
			var wanted [2][partitions]int // bytes by writer and partition
			for worker := range wanted {
				hurry.Go(func() {
					random, writer := rand.New(rand.NewPCG(seed, uint64(worker))), spool.NewWriter()
					for i := range 4000 {
						length := 1 + random.IntN(3000)
						switch {
						case i%500 == 7:
							length = PieceBytes + random.IntN(3*PieceBytes)
						case i == 1234:
							length = extentBytes + 1 + random.IntN(extentBytes)
						}
						partition := random.IntN(partitions)
						wanted[worker][partition] += length
						// Who wrote it is in each byte; half of the records are compressed well.
						record := bytes.Repeat([]byte{byte(worker)}, length)
						for at := range record[:length*(i%2)] {
							record[at] |= byte(random.Uint32()) &^ 1
						}
						if err := writer.Append(partition, record); err != nil {
							t.Error(err)
						}
					}
					if err := writer.Flush(); err != nil {
						t.Error(err)
					}
				})
			}
			hurry.Wait()
			content := randomBytes(3*mostChunk + 12345)
			if _, err := blob.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := blob.Close(); err != nil {
				t.Fatal(err)
			}
			if pool.stored == 0 {
				t.Fatal("nothing went to the disk")
			}
			for partition := range partitions {
				for range 2 { // as often as one likes
					found, err := spool.Load(partition, nil)
					if err != nil {
						t.Fatal(err)
					}
					var count [2]int
					for _, one := range found {
						count[one&1]++
					}
					if count[0] != wanted[0][partition] || count[1] != wanted[1][partition] {
						t.Errorf("partition %d has %v bytes of each writer, want %d and %d", partition, count, wanted[0][partition], wanted[1][partition])
					}
				}
				spool.Release(partition)
			}
			found := make([]byte, len(content))
			if _, err := blob.ReadAt(found, 0); err != nil || !bytes.Equal(found, content) {
				t.Errorf("the blob came back as something else, %v", err)
			}
			if blob.Release(); pool.held.Load() != 0 {
				t.Errorf("%d bytes are held at the end", pool.held.Load())
			}
			// What is released before it was written gives back its memory, too.
			writer := spool.NewWriter()
			if err := writer.Append(0, content); err != nil {
				t.Fatal(err)
			}
			if err := writer.Flush(); err != nil {
				t.Fatal(err)
			}
			if spool.Release(0); pool.held.Load() != 0 {
				t.Errorf("%d bytes are held of what was released unread", pool.held.Load())
			}
			if err := pool.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
