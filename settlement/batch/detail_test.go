package batch

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/spool"

	"github.com/shopspring/decimal"
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
		const lines = 5
		codec, sorter := allocationCodec{date}, detailSorter{}
		var wanted [lines][]settlement.Allocation
		for range 2 { // its memory is used again
			sorter.content = sorter.content[:0]
			wanted = [lines][]settlement.Allocation{}
			for number := range 1000 {
				line := max(0, random.IntN(2*lines)-lines) // half are of one line
				one := settlement.Allocation{Redeemer: 1, Issuer: 2, OccurredAt: test.moment(), TransactionID: fmt.Sprint("t", random.IntN(500)), Number: int32(number), Points: 1}
				wanted[line] = append(wanted[line], one)
				sorter.content = codec.append(sorter.content, uint64(line), &one)
			}
			sorter.read(lines, func(reference uint64) int32 { return int32(reference) })
		}
		for i, line := range sorter.lines {
			wanted := wanted[line]
			slices.SortFunc(wanted, func(a, b settlement.Allocation) int {
				return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.TransactionID, b.TransactionID), cmp.Compare(a.Number, b.Number))
			})
			places := slices.Collect(sorter.sort(codec, i))
			if len(places) != len(wanted) {
				t.Fatalf("%s: line %d has %d allocations, want %d", name, line, len(places), len(wanted))
			}
			for i, at := range places {
				var got settlement.Allocation
				if _, ok := codec.read(sorter.allocation(at), false, &got, new(textArena)); !ok || got.OccurredAt != wanted[i].OccurredAt || got.TransactionID != wanted[i].TransactionID || got.Number != wanted[i].Number {
					t.Errorf("%s: in place %d of line %d is %s, number %d, want %s, number %d", name, i, line, got.TransactionID, got.Number, wanted[i].TransactionID, wanted[i].Number)
					break
				}
			}
			if line == 0 {
				if _, got := sorter.readTimes(codec, places, 10); got != test.asNumber {
					t.Errorf("%s: sorted as numbers is %v", name, got)
				}
			}
		}
		if len(sorter.lines) != lines {
			t.Errorf("%s: lines %v", name, sorter.lines)
		}
	}
}

func twoMerchants(t *testing.T) *rules.Rulebook {
	t.Helper()
	rulebook, err := rules.Parse("rulebook.yaml", []byte(`
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants: [{id: A}, {id: B}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return rulebook
}

// TestDetailAddsUpToItsLine gathers the allocations of a line, and reads them, and does neither where the line is another.
func TestDetailAddsUpToItsLine(t *testing.T) {
	rulebook := twoMerchants(t)
	price := settlement.Price{ID: "base", Amount: 1_000_000, PerPoints: 100}
	one := settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: 1, Redeemer: 2, BusinessDate: 20_000, Price: price, TransactionID: "t", Points: 300}
	right := settlement.Line{LineKey: one.LineKey(), Transactions: 2, Points: 600}
	minor, err := rulebook.Money.Value(600, price)
	if err != nil {
		t.Fatal(err)
	}
	right.Value = rulebook.Money.Amount(minor)
	more, worth := right, right
	more.Points++
	worth.Value = worth.Value.Add(decimal.New(1, -2))
	for name, test := range map[string]struct {
		line         settlement.Line
		gather, read string
	}{
		"right":              {right, "", ""},
		"a point more":       {more, "add up to 600 points, the line to 601", ""},
		"worth a minor more": {worth, "", "add up to 600 points and 0.06, the line to 600 and 0.07"},
	} {
		r := &run{Computation: Computation{Rulebook: rulebook, Pool: spool.NewPool("", 1<<20), Date: 20_000, Partitions: 1, Workers: 1}, lines: []settlement.Line{test.line}}
		detail := newSpooledDetail(r)
		sorter := &detailSorter{}
		for number := range int32(2) {
			one.Number = number
			sorter.content = detail.codec.append(sorter.content, 0, &one)
		}
		sorter.read(1, func(uint64) int32 { return 0 })
		blob := r.Pool.NewBlob()
		expectPanic(t, name, test.gather, func() {
			if err := errors.Join(detail.write(blob, sorter, 0, sorter.sort(detail.codec, 0)), blob.Close()); err != nil {
				t.Error(err)
			}
			detail.checkPoints(0)
		})
		if test.gather != "" {
			continue
		}
		expectPanic(t, name, test.read, func() {
			err := detail.Line(0).Each(0, 2, func(allocations []settlement.Allocation) error {
				for _, a := range allocations {
					if want := settlement.AllocationID(rulebook.Parties.ID(a.Redeemer), a.BusinessDate, a.TransactionID, 20_000, a.Number); fmt.Sprintf("%x", a.ID) != want {
						t.Errorf("%s: allocation %d has id %x, want %s", name, a.Number, a.ID, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// expectPanic checks that what is done panics with a text that contains another, or, if that is "", does not.
func expectPanic(t *testing.T, name, want string, do func()) {
	t.Helper()
	defer func() {
		t.Helper()
		found := ""
		if invariant := recover(); invariant != nil {
			found = fmt.Sprint(invariant)
		}
		if (found == "") != (want == "") || !strings.Contains(found, want) {
			t.Errorf("%s: panicked with %q, want %q", name, found, want)
		}
	}()
	do()
}

func BenchmarkSortDetail(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	codec, sorter := allocationCodec{20_000}, detailSorter{}
	const count = 100_000
	for range count {
		one := settlement.Allocation{Redeemer: 1, Issuer: 2, OccurredAt: settlement.Instant(20_000*86_400_000_000 + random.Int64N(86_400_000_000)), TransactionID: "t", Points: 1}
		sorter.content = codec.append(sorter.content, uint64(random.IntN(100)), &one)
	}
	for b.Loop() {
		sorter.read(100, func(reference uint64) int32 { return int32(reference) })
		for i := range sorter.lines {
			for range sorter.sort(codec, i) {
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/allocation")
}
