package batch

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"alliance/settlement"
)

// TestDetailIsSorted sorts allocations of one line: of a day, many of the same moment, and of times so far apart that
// they cannot be sorted as numbers.
func TestDetailIsSorted(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	date, err := settlement.ParseDate("2026-06-01")
	if err != nil {
		t.Fatal(err)
	}
	midnight := settlement.Instant(int64(date) * 86_400_000_000)
	for name, test := range map[string]struct {
		moment   func() settlement.Instant
		asNumber bool
	}{
		"of a day":      {func() settlement.Instant { return midnight + settlement.Instant(random.Int64N(86_400)*1_000_000) }, true},
		"of one second": {func() settlement.Instant { return midnight + settlement.Instant(random.Int64N(4)) }, true},
		"of one moment": {func() settlement.Instant { return midnight }, true},
		"of all times":  {func() settlement.Instant { return settlement.Instant(random.Int64N(1<<61) - 1<<60) }, false},
		"of far extremes": {func() settlement.Instant {
			return []settlement.Instant{-1 << 60, 1 << 60}[random.IntN(2)]
		}, false},
	} {
		codec, sorter := allocationCodec{date}, detailSorter{}
		var wanted []settlement.Allocation
		var entries []detailEntry
		for range 1000 {
			one := settlement.Allocation{Redeemer: 1, Issuer: 2, OccurredAt: test.moment(), TransactionID: fmt.Sprint("t", random.IntN(500)), Number: int32(len(wanted)), Points: 1}
			wanted = append(wanted, one)
			record := codec.append(nil, 0, &one)[1:] // without the reference to its line
			entries = append(entries, detailEntry{0, int32(len(record)), one.OccurredAt, int64(len(sorter.content))})
			sorter.content = append(sorter.content, record...)
		}
		if got := sorter.sortByTime(slices.Clone(entries)); got != test.asNumber {
			t.Errorf("%s: sorted as numbers is %v", name, got)
		}
		sorter.sort(codec, entries)
		slices.SortFunc(wanted, func(a, b settlement.Allocation) int {
			return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.TransactionID, b.TransactionID), cmp.Compare(a.Number, b.Number))
		})
		for i := range wanted {
			var got settlement.Allocation
			if _, ok := codec.read(sorter.content[entries[i].at:], &got); !ok || got.OccurredAt != wanted[i].OccurredAt || got.TransactionID != wanted[i].TransactionID || got.Number != wanted[i].Number {
				t.Errorf("%s: in place %d is %s, number %d, want %s, number %d", name, i, got.TransactionID, got.Number, wanted[i].TransactionID, wanted[i].Number)
				break
			}
		}
	}
}

func BenchmarkSortDetail(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	entries := make([]detailEntry, 1000)
	for i := range entries {
		entries[i] = detailEntry{occurredAt: settlement.Instant(random.Int64N(86_400_000_000)), at: int64(i)}
	}
	var sorter detailSorter
	some := make([]detailEntry, len(entries))
	for b.Loop() {
		copy(some, entries)
		sorter.sort(allocationCodec{}, some)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(entries)), "ns/allocation")
}
