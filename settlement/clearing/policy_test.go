package clearing

import (
	"testing"

	"alliance/settlement"

	"pgregory.net/rapid"
)

// One redemption of 700 at B, by each policy, of a member who holds A 300 (1 May to 30 June),
// B 500 (10 May to 20 June), C 201 (1 April to 31 December).
func TestOneRedemptionFivePolicies(t *testing.T) {
	holdings := []settlement.Transaction{
		until("2026-06-30", issue("2026-05-01", "A", "a", 300)),
		until("2026-06-20", issue("2026-05-10", "B", "b", 500)),
		until("2026-12-31", issue("2026-04-01", "C", "c", 201)),
	}
	for policy, want := range map[string]string{
		"fifo":           "r#0 B<-C c 201 base, r#1 B<-A a 300 base, r#2 B<-B b 199 -",
		"first_expiring": "r#0 B<-B b 500 -, r#1 B<-A a 200 base",
		"own_first":      "r#0 B<-B b 500 -, r#1 B<-C c 200 base",
		"pro_rata":       "r#0 B<-A a 210 base, r#1 B<-B b 350 -, r#2 B<-C c 140 base",
	} {
		t.Run(policy, func(t *testing.T) {
			l := newLedger(t, agreement{attribution: policy, late: 100})
			l.night("2026-06-01", append(holdings, redeem("2026-06-01", "B", "r", 700))...)
			same(t, "allocations", l.allocations(), want)
		})
	}
	t.Run("stated", func(t *testing.T) {
		l := newLedger(t, agreement{attribution: "stated", late: 100})
		l.night("2026-06-01", append(holdings, of("A", redeem("2026-06-01", "B", "r", 700)))...)
		same(t, "allocations", l.allocations(), "r#0 B<-A a 300 base")
		same(t, "exceptions", l.exceptions(), "r uncovered deferred 400")
	})
}

func TestANamedIssuerRestrictsEveryPolicy(t *testing.T) {
	for _, policy := range []string{"fifo", "first_expiring", "own_first", "pro_rata", "stated"} {
		l := newLedger(t, agreement{attribution: policy})
		l.night("2026-01-10",
			issue("2026-01-08", "A", "a1", 10), issue("2026-01-08", "B", "b1", 10), issue("2026-01-09", "A", "a2", 10),
			of("A", redeem("2026-01-10", "B", "r", 15)))
		same(t, policy, l.allocations(), "r#0 B<-A a1 10 base, r#1 B<-A a2 5 base")
	}
}

func TestFIFOTiesByIssuerMerchantID(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10",
		of("B", issue("2026-01-08", "A", "4", 1)), // issuer B, at A
		issue("2026-01-08", "B", "1", 1),          // issuer B, at B
		issue("2026-01-08", "A", "3", 1),          // issuer A
		issue("2026-01-08", "A", "2", 1),
		issue("2026-01-08", "C", "0", 1),
		redeem("2026-01-10", "C", "r", 5))
	same(t, "allocations", l.allocations(), "r#0 C<-A 2 1 base, r#1 C<-A 3 1 base, r#2 C<-B 4 1 base, r#3 C<-B 1 1 base, r#4 C<-C 0 1 -")
}

func TestFirstExpiringTakesNeverLastThenFIFO(t *testing.T) {
	l := newLedger(t, agreement{attribution: "first_expiring"})
	l.night("2026-01-10",
		issue("2026-01-05", "A", "never", 1),
		until("2026-03-01", issue("2026-01-07", "A", "later", 1)),
		until("2026-02-01", issue("2026-01-08", "A", "young", 1)),
		until("2026-02-01", issue("2026-01-06", "A", "old", 1)),
		redeem("2026-01-10", "B", "r", 4))
	same(t, "allocations", l.allocations(), "r#0 B<-A old 1 base, r#1 B<-A young 1 base, r#2 B<-A later 1 base, r#3 B<-A never 1 base")
}

func TestOwnFirstIsFIFOWithinEach(t *testing.T) {
	l := newLedger(t, agreement{attribution: "own_first"})
	l.night("2026-01-10",
		issue("2026-01-05", "A", "a", 1), issue("2026-01-06", "B", "b1", 1), issue("2026-01-07", "C", "c", 1), issue("2026-01-08", "B", "b2", 1),
		redeem("2026-01-10", "B", "r", 4))
	same(t, "allocations", l.allocations(), "r#0 B<-B b1 1 -, r#1 B<-B b2 1 -, r#2 B<-A a 1 base, r#3 B<-C c 1 base")
}

func TestProRataIsFIFOWithinAnIssuer(t *testing.T) {
	l := newLedger(t, agreement{attribution: "pro_rata"})
	l.night("2026-01-10",
		issue("2026-01-07", "B", "b1", 30), issue("2026-01-06", "A", "a2", 20), issue("2026-01-05", "A", "a1", 10), issue("2026-01-08", "B", "b2", 40),
		redeem("2026-01-10", "C", "r", 50)) // A 30, B 70 available: 15 and 35
	same(t, "allocations", l.allocations(), "r#0 C<-A a1 10 base, r#1 C<-A a2 5 base, r#2 C<-B b1 30 base, r#3 C<-B b2 5 base")
}

func TestProRataSharesAllWhenThereIsTooLittle(t *testing.T) {
	l := newLedger(t, agreement{attribution: "pro_rata"})
	l.night("2026-01-10", issue("2026-01-07", "B", "b", 3), issue("2026-01-06", "A", "a", 2), redeem("2026-01-10", "C", "r", 50))
	same(t, "allocations", l.allocations(), "r#0 C<-A a 2 base, r#1 C<-B b 3 base")
	same(t, "exceptions", l.exceptions(), "r uncovered deferred 45")
}

func TestLargestRemaindersWithTiesByIssuer(t *testing.T) {
	for _, c := range []struct {
		points    int64
		available []int64
		want      []int64
	}{
		{1, []int64{5, 5, 5}, []int64{1, 0, 0}},
		{2, []int64{5, 5, 5}, []int64{1, 1, 0}},
		{10, []int64{1, 1, 5}, []int64{1, 1, 5}},                       // all there is
		{4, []int64{1, 3, 3}, []int64{0, 2, 2}},                        // 0.57, 1.71, 1.71: to the largest remainders, not to the first
		{5, []int64{2, 2, 3}, []int64{2, 1, 2}},                        // 1.43, 1.43, 2.14: a tie, to the first by id
		{1_000_000_000_000, []int64{1 << 61, 1 << 61, 1 << 61}, nil},   // products beyond 64 bits
		{999_999_999_999, []int64{1_000_000_000_000, 1, 1 << 60}, nil}, // very unequal
	} {
		shares := sharesOf(c.available)
		var total int64
		for _, available := range c.available {
			total += available
		}
		points := min(c.points, total)
		divide(shares, points, total)
		checkShares(t, shares, points)
		for _, s := range shares {
			if c.want != nil && s.points != c.want[s.issuer] {
				t.Errorf("%d of %v: issuer %d bears %d, want %v", c.points, c.available, s.issuer, s.points, c.want)
			}
		}
	}
}

func sharesOf(available []int64) []share {
	var shares []share
	for issuer, points := range available {
		shares = append(shares, share{issuer: settlement.Party(issuer), available: points})
	}
	return shares
}

func checkShares(t interface{ Fatalf(string, ...any) }, shares []share, points int64) {
	var sum int64
	for _, s := range shares {
		if s.points < 0 || s.points > s.available {
			t.Fatalf("issuer %d bears %d of %d available", s.issuer, s.points, s.available)
		}
		sum += s.points
	}
	if sum != points {
		t.Fatalf("shares add up to %d, want %d", sum, points)
	}
}

func TestSharesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		available := rapid.SliceOfN(rapid.Int64Range(1, 1<<58), 1, 20).Draw(t, "available")
		var total int64
		for _, points := range available {
			total += points
		}
		points := rapid.Int64Range(1, min(total, settlement.MaxPoints)).Draw(t, "points")
		shares := sharesOf(available)
		divide(shares, points, total)
		checkShares(t, shares, points)
	})
}

// A member who once switched to `stated` with a claim of a row that names no issuer still has
// it covered: the row restricts nothing.
func TestStatedWithoutIssuerTakesEveryLot(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-08", redeem("2026-01-08", "B", "r", 5))
	l.rulebook = agreement{attribution: "stated"}.rulebook(t)
	l.night("2026-01-09", issue("2026-01-07", "A", "i", 5))
	same(t, "allocations", l.allocations(), "r#0 B<-A i 5 base")
}
