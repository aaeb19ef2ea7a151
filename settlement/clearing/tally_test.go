package clearing

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"alliance/settlement"

	"pgregory.net/rapid"
)

// drawAllocations draws what attribution of a few members might come to: each row's
// allocations are numbered in order and stand together, but for the last, which may follow
// after other rows of the member.
func drawAllocations(t *rapid.T) []settlement.Allocation {
	prices := []settlement.Price{{ID: "base", Amount: 100_000_000, PerPoints: 100}, {ID: "fuel", Amount: 95_000_000, PerPoints: 100}}
	var allocations, later []settlement.Allocation
	for row := range rapid.IntRange(0, 6).Draw(t, "rows") {
		allocation := settlement.Allocation{
			Activity:      settlement.RedemptionActivity,
			Redeemer:      settlement.Party(rapid.IntRange(0, 1).Draw(t, "redeemer")),
			BusinessDate:  tonightDate - settlement.Date(rapid.IntRange(0, 1).Draw(t, "ago")),
			TransactionID: fmt.Sprint("T", row/2), // also at the other merchant or of another date
			OccurredAt:    settlement.Instant(rapid.IntRange(0, 3).Draw(t, "at")),
			Points:        1,
		}
		if duplicate := slices.ContainsFunc(slices.Concat(allocations, later), func(a settlement.Allocation) bool { return sameRow(&a, &allocation) }); duplicate {
			continue
		}
		if rapid.IntRange(0, 3).Draw(t, "reversal") == 0 {
			allocation.Activity, allocation.Points = settlement.RedemptionReversalActivity, -1
		}
		count := rapid.IntRange(1, 4).Draw(t, "allocations")
		apart := rapid.Bool().Draw(t, "the last comes later")
		for number := range count {
			allocation.Number = int32(number)
			allocation.Issuer = settlement.Party(rapid.IntRange(0, 2).Draw(t, "issuer"))
			allocation.Points *= rapid.Int64Range(1, 1000).Draw(t, "points")
			allocation.Price = rapid.SampledFrom(prices).Draw(t, "price")
			if allocation.OnUs() {
				allocation.Price = settlement.Price{}
			}
			if apart && number > 0 && number == count-1 {
				later = append(later, allocation)
			} else {
				allocations = append(allocations, allocation)
			}
		}
	}
	return append(allocations, later...)
}

func slowTallies(allocations []settlement.Allocation) []LineTally {
	rows := make(map[settlement.LineKey]map[string]bool)
	points := make(map[settlement.LineKey]int64)
	for _, allocation := range allocations {
		if allocation.Issuer == allocation.Redeemer {
			continue
		}
		key := allocation.LineKey()
		if rows[key] == nil {
			rows[key] = make(map[string]bool)
		}
		points[key] += allocation.Points
		if allocation.Activity == settlement.RedemptionActivity {
			rows[key][allocation.TransactionID] = true
		}
	}
	tallies := []LineTally{}
	for key := range points {
		tallies = append(tallies, LineTally{key, int64(len(rows[key])), points[key]})
	}
	sortTallies(tallies)
	return tallies
}

func TestTallyLinesIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		allocations := drawAllocations(t)
		want := slowTallies(allocations)
		for _, order := range []string{"as drawn", "shuffled"} {
			got, err := TallyLines(allocations)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %+v, %v; want %+v", order, got, err, want)
			}
			allocations = rapid.Permutation(allocations).Draw(t, "shuffled")
		}
	})
}

func TestMergeTalliesIsTheTallyOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []settlement.Allocation
		var parts [][]LineTally
		for part := range rapid.IntRange(0, 3).Draw(t, "parts") {
			allocations := drawAllocations(t)
			for i := range allocations {
				allocations[i].TransactionID += fmt.Sprint(" of ", part)
			}
			tallies, err := TallyLines(allocations)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, tallies)
			all = append(all, allocations...)
		}
		got, err := MergeTallies(parts...)
		if want := slowTallies(all); err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, %v; want %+v", got, err, want)
		}
	})
}

func TestTalliesDoNotWrap(t *testing.T) {
	allocation := settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: 1, Points: math.MaxInt64, TransactionID: "T"}
	more := allocation
	more.Number, more.Points = 1, 1
	if _, err := TallyLines([]settlement.Allocation{allocation, more}); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("TallyLines: %v", err)
	}
	tallies, err := TallyLines([]settlement.Allocation{allocation})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MergeTallies(tallies, tallies); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("MergeTallies: %v", err)
	}
}

func BenchmarkTallyLines(b *testing.B) {
	allocations := make([]settlement.Allocation, 200_000)
	for i := range allocations {
		allocations[i] = settlement.Allocation{Activity: settlement.RedemptionActivity, Issuer: settlement.Party(i % 20), Redeemer: settlement.Party(i / 20 % 19),
			BusinessDate: tonightDate, Price: settlement.Price{ID: "base", Amount: 1, PerPoints: 1}, Points: 1, TransactionID: fmt.Sprintf("POS-%09d", i)}
	}
	for b.Loop() {
		if _, err := TallyLines(allocations); err != nil {
			b.Fatal(err)
		}
	}
}
