package spool

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestPrefetchChangesNothing asks for parts that are in memory, on the disk, beyond the end, released, and of a pool
// that was closed.
func TestPrefetchChangesNothing(t *testing.T) {
	for name, budget := range map[string]int64{"in memory": 1 << 30, "on the disk": 0, "half of it on the disk": 1 << 20} {
		pool := NewPool(t.TempDir(), budget)
		spool, blob, content := pool.NewSpool(2), pool.NewBlob(), randomBytes(2<<20)
		writer := spool.NewWriter()
		for at := 0; at < len(content); at += 1000 {
			if err := writer.Append(at/1000%2, content[at:min(at+1000, len(content))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := writer.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := blob.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := blob.Close(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			blob.Prefetch(rand.Int64N(blob.Size()+PieceBytes)-100, rand.Int64N(blob.Size()))
		}
		found := make([]byte, len(content))
		if _, err := blob.ReadAt(found, 0); err != nil || !bytes.Equal(found, content) {
			t.Errorf("%s: the blob came back as something else, %v", name, err)
		}
		var hurry sync.WaitGroup
		for range 4 {
			hurry.Go(func() {
				for range 100 {
					spool.Prefetch(0)
				}
			})
		}
		first, err := spool.Load(0, nil)
		if err != nil || !bytes.Equal(first[:1000], content[:1000]) {
			t.Errorf("%s: the partition came back as something else, %v", name, err)
		}
		spool.Release(0)
		hurry.Wait()
		spool.Prefetch(0)
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
		spool.Prefetch(1)
	}
}

func TestStretchesThatAdjoinAreAskedForTogether(t *testing.T) {
	got := together([]stretch{{30, 5}, {0, 10}, {10, 7}, {40, 1}, {17, 3}})
	if want := []stretch{{0, 20}, {30, 5}, {40, 1}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestEveryTurnIsAskedForOnce goes through turns of equal size, up to such as nothing can be asked for ahead of.
func TestEveryTurnIsAskedForOnce(t *testing.T) {
	for _, bytes := range []int64{0, 1000, 7 << 20, 20 << 20, 1 << 40} {
		for _, count := range []int{1, 2, turnsAhead, turnsAhead + 1, 1024} {
			asked := make([]int, count)
			for turn := range count {
				first, last := turnsAfter(turn, count, bytes)
				for soon := first; soon <= last; soon++ {
					if asked[soon]++; soon <= turn || int64(soon-turn) > max(1, aheadBytes/max(1, bytes)) {
						t.Errorf("%d turns of %d bytes: %d is asked for on %d", count, bytes, soon, turn)
					}
				}
			}
			for turn, times := range asked[1:] {
				if times != 1 {
					t.Errorf("%d turns of %d bytes: %d is asked for %d times", count, bytes, turn+1, times)
				}
			}
		}
	}
}
