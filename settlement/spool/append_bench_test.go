package spool

import "testing"

// BenchmarkAppend appends rows of a usual length to many partitions by turns without order, as readers do.
func BenchmarkAppend(b *testing.B) {
	const partitions = 256
	record := make([]byte, 72)
	b.SetBytes(1_000_000 * int64(len(record)))
	b.ReportAllocs()
	pool := NewPool(b.TempDir(), 1<<40)
	for b.Loop() {
		spool := pool.NewSpool(partitions)
		writer := spool.NewWriter()
		state := uint64(1)
		for range 1_000_000 {
			state = state*6364136223846793005 + 1442695040888963407
			record[0] = byte(state >> 40)
			if err := writer.Append(int(state>>33)%partitions, record); err != nil {
				b.Fatal(err)
			}
		}
		if err := writer.Flush(); err != nil {
			b.Fatal(err)
		}
		for partition := range partitions {
			spool.Release(partition)
		}
	}
}
