package accounts

import (
	"math/rand/v2"
	"testing"
)

func TestPolicy(t *testing.T) {
	const mega = 1 << 20
	for _, test := range []struct {
		says  string
		runs  []int64
		night int64
		want  int
	}{
		{"the first run", nil, mega, 0},
		{"a small night over a large base", []int64{1000 * mega}, mega, 0},
		{"a night as large as the one before", []int64{mega, 1000 * mega}, mega, 1},
		{"twice as large is merged", []int64{2 * mega, 1000 * mega}, mega, 1},
		{"more is not", []int64{5 * mega, 1000 * mega}, mega, 0},
		{"one merge leads to the next", []int64{mega, 3 * mega, 9 * mega, 100 * mega, 1000 * mega}, mega, 3},
		{"a night that rewrites most of the base", []int64{mega, 1000 * mega}, 600 * mega, 2},
		{"an empty night over small runs", []int64{100, 1000 * mega}, 0, 1},
		{"a night of 60 accounts over a partition of 60,000, counted in accounts", []int64{60_000}, 60, 0},
		{"and the next", []int64{60, 60_000}, 60, 1},
		{"never more than eight", []int64{3 * mega, 10 * mega, 40 * mega, 130 * mega, 400 * mega, 1300 * mega, 4000 * mega, 13000 * mega}, mega, 1},
	} {
		runs := make([]Size, len(test.runs))
		for i, bytes := range test.runs {
			runs[i].Bytes = bytes
		}
		if got := (Policy{}).Merge(runs, Size{Bytes: test.night}); got != test.want {
			t.Errorf("%s: %d runs are merged, not %d", test.says, got, test.want)
		}
	}
}

// TestThousandNights simulates stacks whose nights never touch the same member twice before a merge,
// which is the worst case, and such whose nights always touch the same ones.
func TestThousandNights(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 0))
	for _, base := range []int64{4 << 30, 60_000} {
		testThousandNights(t, random, base)
	}
}

func testThousandNights(t *testing.T, random *rand.Rand, base int64) {
	for _, test := range []struct {
		says string
		// night returns the size of a night's run.
		night func(night int) int64
		// overlap says that all nights touch the same members.
		overlap bool
		// most is by how much what is written may exceed what the nights wrote.
		most float64
	}{
		{"nights of 0.1 % of the base", func(int) int64 { return base / 1000 }, false, 13},
		{"nights of 5 % of the base", func(int) int64 { return base / 20 }, false, 8},
		{"nights of a millionth of the base", func(int) int64 { return base / 1_000_000 }, false, 10},
		{"nights of 0.1 % of the base, of the same members", func(int) int64 { return base / 1000 }, true, 2.1},
		{"nights of any size", func(int) int64 { return random.Int64N(1 + base>>random.IntN(25)) }, false, 8},
		{"weekends of ten times the rows", func(night int) int64 { return base / 2000 * (1 + 9*int64(night%7/5)) }, false, 13},
	} {
		runs := []Size{{Bytes: base}}
		var nights, written int64
		most := 0
		for night := range 1000 {
			size := max(1, test.night(night))
			nights += max(size, smallRun) // a block is written anyway
			merge := (Policy{}).Merge(runs, Size{Bytes: size})
			for _, run := range runs[:merge] {
				if size += run.Bytes; test.overlap {
					size = max(size-run.Bytes, run.Bytes)
				}
			}
			if merge == len(runs) {
				size = base // members are as many as before
			}
			written += size
			runs = append([]Size{{Bytes: size}}, runs[merge:]...)
			most = max(most, len(runs))
		}
		amplification := float64(written) / float64(nights)
		t.Logf("base of %d, %s: at most %d runs, %.1f written for each that the nights wrote", base, test.says, most, amplification)
		if most > 8 || amplification > test.most {
			t.Errorf("base of %d, %s: %d runs, %.1f written for each that the nights wrote, not at most 8 and %.1f", base, test.says, most, amplification, test.most)
		}
	}
}
