package batch

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"alliance/settlement"
	"alliance/settlement/spool"
)

// hugePartition is a run with one partition of allocations: half are of one line, and a fifth a merchant's own.
type hugePartition struct {
	run *run
	// wanted are those of each line and, last, the merchant's own ones, in their order.
	wanted [4][]settlement.Allocation
}

func newHugePartition(t *testing.T, random *rand.Rand, count int32, budget int64, moment func() settlement.Instant) *hugePartition {
	t.Helper()
	rulebook := twoMerchants(t)
	p := &hugePartition{run: &run{Computation: Computation{Rulebook: rulebook, Pool: spool.NewPool(t.TempDir(), budget), Date: 20_000, Partitions: 1, Workers: 1},
		workers: []*attribution{{lines: []int32{0, 1, 2}}}}}
	t.Cleanup(func() {
		if err := p.run.Pool.Close(); err != nil {
			t.Error(err)
		}
	})
	r := p.run
	r.allocations = r.Pool.NewSpool(1)
	writer, codec := r.allocations.NewWriter(), allocationCodec{20_000}
	price := settlement.Price{ID: "base", Amount: 1_000_000, PerPoints: 100}
	for number := range count {
		line := random.IntN(10) * 4 / 10
		if number%2 == 0 {
			line = 1
		}
		one := settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: 1, Redeemer: 2, BusinessDate: settlement.Date(20_000 - line), Price: price,
			OccurredAt: moment(), TransactionID: fmt.Sprintf("T-%05d", random.IntN(3000)), Number: number, Points: random.Int64N(1000) + 1}
		reference := lineReference(0, int32(line))
		if line == 3 {
			one.Issuer, reference = one.Redeemer, ownReference(one.Redeemer)
		}
		p.wanted[line] = append(p.wanted[line], one)
		if err := writer.Append(0, codec.append(nil, reference, &one)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Flush(); err != nil {
		t.Fatal(err)
	}
	for line := range p.wanted {
		slices.SortFunc(p.wanted[line], func(a, b settlement.Allocation) int {
			return cmp.Or(cmp.Compare(a.OccurredAt, b.OccurredAt), cmp.Compare(a.TransactionID, b.TransactionID), cmp.Compare(a.Number, b.Number))
		})
	}
	for line := range 3 {
		priced := settlement.Line{LineKey: p.wanted[line][0].LineKey()}
		for _, one := range p.wanted[line] {
			priced.Points += one.Points
		}
		minor, err := rulebook.Money.Value(priced.Points, price)
		if err != nil {
			t.Fatal(err)
		}
		priced.Value = rulebook.Money.Amount(minor)
		r.lines = append(r.lines, priced)
	}
	return p
}

var hugeMoments = map[string]func(random *rand.Rand) settlement.Instant{
	"of a day": func(random *rand.Rand) settlement.Instant {
		return 20_000*86_400_000_000 + settlement.Instant(random.Int64N(86_400)*1_000_000)
	},
	"of one moment": func(*rand.Rand) settlement.Instant { return 20_000 * 86_400_000_000 },
	"of all times":  func(random *rand.Rand) settlement.Instant { return settlement.Instant(random.Int64N(1<<61) - 1<<60) },
}

// TestDetailOfHugePartitions gathers a partition that is too large to be sorted at once, for several sizes, in memory and spilled. It
// comes out in order, as one that is sorted at once does.
func TestDetailOfHugePartitions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for name, moment := range hugeMoments {
		for _, budget := range []int64{0, 1 << 30} {
			for _, most_bytes := range []int64{1 << 30, 50_000, 5000, 200} {
				p := newHugePartition(t, random, 6000, budget, func() settlement.Instant { return moment(random) })
				detail := newSpooledDetail(p.run)
				detail.mostSorted_bytes = most_bytes
				if err := detail.gather(p.run, 0, 0); err != nil {
					t.Fatal(err)
				}
				for line, wanted := range p.wanted {
					of := detail.Own(wanted[0].Redeemer)
					if line < detail.Lines() {
						of = detail.Line(line)
					}
					var found []settlement.Allocation
					err := of.Each(0, of.Count(), func(some []settlement.Allocation) error {
						for _, one := range some {
							one.TransactionID = string([]byte(one.TransactionID)) // it is only lent
							found = append(found, one)
						}
						return nil
					})
					if err != nil || len(found) != len(wanted) || of.Count() != int64(len(wanted)) {
						t.Fatalf("%s, at most %d bytes: line %d has %d allocations, want %d: %v", name, most_bytes, line, len(found), len(wanted), err)
					}
					for i := range wanted {
						got, want := &found[i], &wanted[i]
						if got.OccurredAt != want.OccurredAt || got.TransactionID != want.TransactionID || got.Number != want.Number || got.Points != want.Points {
							t.Fatalf("%s, at most %d bytes: in place %d of line %d is %s, number %d, want %s, number %d",
								name, most_bytes, i, line, got.TransactionID, got.Number, want.TransactionID, want.Number)
						}
					}
				}
				detail.release()
			}
		}
	}
}

// TestPartsOfHugePartitionsAreSmall divides partitions, also where all is of one line and moment, into parts that can be sorted.
func TestPartsOfHugePartitionsAreSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, moment := range hugeMoments {
		p := newHugePartition(t, random, 6000, 1<<30, func() settlement.Instant { return moment(random) })
		detail := newSpooledDetail(p.run)
		detail.mostSorted_bytes = 10_000
		before := p.run.allocations.Bytes(0)
		divided, parts, err := detail.divide(p.run, 0)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for part := range parts {
			bytes := divided.Bytes(part)
			if sum += bytes; bytes > detail.mostSorted_bytes {
				t.Errorf("%s: part %d of %d has %d bytes, more than %d", name, part, parts, bytes, detail.mostSorted_bytes)
			}
		}
		if sum != before || parts < int(before/detail.mostSorted_bytes) {
			t.Errorf("%s: %d parts have %d bytes of %d", name, parts, sum, before)
		}
	}
}

// TestHugePartitionsThatDoNotAddUp gathers a line that has a point more than its allocations.
func TestHugePartitionsThatDoNotAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := newHugePartition(t, random, 6000, 1<<30, func() settlement.Instant { return 0 })
	p.run.lines[1].Points++
	detail := newSpooledDetail(p.run)
	detail.mostSorted_bytes = 5000
	expectPanic(t, "a point more", "points, the line to", func() {
		if err := detail.gather(p.run, 0, 0); err != nil {
			t.Error(err)
		}
	})
}

// TestHugePartitionsHaveSoManyParts divides a partition where next to no memory is to be had: the parts' own would be more.
func TestHugePartitionsHaveSoManyParts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := newHugePartition(t, random, 40_000, 1<<30, func() settlement.Instant { return hugeMoments["of all times"](random) })
	detail := newSpooledDetail(p.run)
	detail.mostSorted_bytes = 50
	if _, parts, err := detail.divide(p.run, 0); err != nil || parts > mostParts+mostParts/8 || parts < mostParts/2 {
		t.Errorf("%d parts, at most %d: %v", parts, mostParts, err)
	}
}
