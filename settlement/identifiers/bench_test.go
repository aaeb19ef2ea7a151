package identifiers

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"alliance/settlement"
)

const benchmarkSize = 1_000_000

func benchmarkEntries() []settlement.TakenID {
	return entries(rand.New(rand.NewPCG(1, 1)), benchmarkSize, 64)
}

// measure starts to measure, and returns what reports ids for each second of processor time: the
// machine may do other things.
func measure(b *testing.B) func() {
	start := processorTime(b)
	return func() {
		b.ReportMetric(float64(benchmarkSize)*float64(b.N)/(processorTime(b)-start).Seconds()/1e6, "Mids/cpu-s")
		b.ReportMetric(0, "ns/op")
	}
}

func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkWrite(b *testing.B) {
	taken := benchmarkEntries()
	b.ReportAllocs()
	done := measure(b)
	for b.Loop() {
		writer := NewWriter(io.Discard, new(bytes.Buffer))
		for i := range taken {
			if err := writer.Add(&taken[i]); err != nil {
				b.Fatal(err)
			}
		}
		facts, err := writer.Close()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(facts.Bytes)/float64(len(taken)), "bytes/id")
	}
	done()
}

// BenchmarkLookupNew looks up as many new ids as the run has.
func BenchmarkLookupNew(b *testing.B) {
	content, _ := write(b, benchmarkEntries())
	run := openRun(b, content)
	random := rand.New(rand.NewPCG(2, 2))
	ids := make([]settlement.Digest, benchmarkSize)
	for i := range ids {
		ids[i] = digest(random)
	}
	slices.SortFunc(ids, func(a, b settlement.Digest) int { return bytes.Compare(a[:], b[:]) })
	b.ReportAllocs()
	done := measure(b)
	for b.Loop() {
		if err := run.Lookup(ids, func(settlement.TakenID) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	done()
}

func BenchmarkAll(b *testing.B) {
	content, _ := write(b, benchmarkEntries())
	run := openRun(b, content)
	b.ReportAllocs()
	done := measure(b)
	for b.Loop() {
		if err := run.All(func(settlement.TakenID) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	done()
}
