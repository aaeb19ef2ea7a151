package batch

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// spoolClaimants returns a run that has read so many rows, of which it knows what decides about their ids. A rejected
// share of them, in 1000, did not take theirs.
func spoolClaimants(t testing.TB, pool *spool.Pool, rows, partitions, rejected int) *run {
	t.Helper()
	const files = 200
	r := &run{Computation: Computation{Rulebook: new(rules.Rulebook), Date: 20_000, Workers: 2, Partitions: partitions, Pool: pool},
		files: &nightFiles{keys: make([]string, files), merchants: make([]settlement.Party, files), discarded: make([]bool, files), place: make(map[string]int32)}}
	r.codec = rowCodec{r.files, r.Date}
	r.rows, r.claimants = pool.NewSpool(partitions), pool.NewSpool(partitions)
	random := rand.New(rand.NewPCG(5, 6))
	writer := r.claimants.NewWriter()
	var buffer []byte
	for i := range rows {
		claimant := clearing.Claimant{BusinessDate: r.Date - settlement.Date(max(0, random.IntN(20)-17)), File: int32(i % files), Row: int64(i / files)}
		for _, digest := range []*settlement.Digest{&claimant.ID, &claimant.Content} {
			for at := range digest {
				digest[at] = byte(random.Uint32())
			}
		}
		if random.IntN(1000) < rejected {
			r.refusals.add(rowName{claimant.File, claimant.Row})
		}
		buffer = r.codec.appendClaimant(buffer[:0], &claimant.ID, &claimant.Content, claimant.BusinessDate, rowName{claimant.File, claimant.Row})
		if err := writer.Append(partitionOfID(claimant.ID, partitions), buffer); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Flush(); err != nil {
		t.Fatal(err)
	}
	return r
}

// BenchmarkIDs gathers the ids of spilled rows and puts them on record in a directory.
func BenchmarkIDs(b *testing.B) {
	for _, c := range []struct {
		name     string
		budget   int64
		rejected int
	}{{"in memory", 1 << 40, 0}, {"spilled", 0, 0}, {"spilled with rejected rows", 0, 1}} {
		b.Run(c.name, func(b *testing.B) {
			const rows = 2_000_000
			var processor time.Duration
			var written int64
			for range b.N {
				bucket, err := storage.OpenDirectory(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				ledger, err := books.Open(b.Context(), bucket)
				if err != nil {
					b.Fatal(err)
				}
				pool := spool.NewPool(b.TempDir(), c.budget)
				r := spoolClaimants(b, pool, rows, 64, c.rejected)
				p := &stateStore{attempt: &attempt{ledger: ledger}}
				before := used(b)
				if err := r.gatherIDs(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := p.storeRun(b.Context(), &r.settledIDs[0]); err != nil {
					b.Fatal(err)
				}
				after := used(b)
				processor += time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
				written += (after.Oublock - before.Oublock) * 512
				if err := pool.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processor.Nanoseconds())/float64(rows*b.N), "cpu-ns/id")
			b.ReportMetric(float64(written)/float64(rows*b.N), "written-bytes/id")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func used(b *testing.B) (usage syscall.Rusage) {
	b.Helper()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage
}
