package clearing

import (
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
)

func TestReversalGivesBackFromTheLastAllocationToTheFirst(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10",
		issue("2026-01-05", "A", "a", 10), issue("2026-01-06", "B", "b", 10), issue("2026-01-07", "C", "c", 10),
		because("referral", redeem("2026-01-08", "B", "r", 25)))
	same(t, "allocations", l.allocations(), "r#0 B<-A a 10 base, r#1 B<-B b 10 -, r#2 B<-C c 5 base")

	l.rulebook = agreement{prices: `  - {id: base, to: 2026-01-08, price: "1.00", per_points: 100}
  - {id: new, price: "2.00", per_points: 100}`}.rulebook(t)
	l.night("2026-01-11", unredeem("2026-01-11", "B", "x", "r", 12))
	same(t, "allocations", l.allocations(), "x#0 B<-C c -5 base, x#1 B<-B b -7 -")
	for _, a := range l.outcome.Allocations {
		if a.Activity != settlement.RedemptionReversalActivity || a.BusinessDate != day("2026-01-11") || !a.HasLot ||
			a.OccurredAt != unredeem("2026-01-11", "B", "", "", 1).OccurredAt {
			t.Errorf("%+v", a)
		}
	}
	same(t, "movement of B", l.movement("B"), "restored 7, closing 7")
	same(t, "movement of C", l.movement("C"), "opening 5, restored 5, closing 10")
	if l.outcome.RedeemedHere[merchant("B")] != 0 {
		t.Error("a reversal counted as redeemed here")
	}

	l.night("2026-01-12", unredeem("2026-01-12", "B", "y", "r", 13))
	same(t, "allocations", l.allocations(), "y#0 B<-B b -3 -, y#1 B<-A a -10 base")
	l.night("2026-01-13", unredeem("2026-01-13", "B", "z", "r", 1))
	same(t, "exceptions", l.exceptions(), "z reversal_exceeds_original rejected")
}

func TestReversalOfTheSameNight(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T09:00", "B", "r", 10),
		unredeem("2026-01-10T10:00", "B", "x", "r", 4), redeem("2026-01-10T11:00", "C", "s", 5))
	same(t, "allocations", l.allocations(), "r#0 B<-A i 10 base, x#0 B<-A i -4 base, s#0 C<-A i 4 base")
	same(t, "exceptions", l.exceptions(), "s uncovered deferred 1")
}

func TestReversalReducesTheUncoveredPartFirst(t *testing.T) {
	t.Run("open", func(t *testing.T) {
		l := newLedger(t, agreement{})
		l.night("2026-01-10", issue("2026-01-10", "A", "i", 10), redeem("2026-01-10", "B", "r", 15))
		l.night("2026-01-11", unredeem("2026-01-11", "B", "x", "r", 7))
		same(t, "allocations", l.allocations(), "x#0 B<-A i -2 base")
		if r := l.onRecord().Redemptions[0]; r.OpenClaim != 0 || r.Reversed != 7 || r.Charges[0].Points != 8 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("already unfunded", func(t *testing.T) {
		l := newLedger(t, agreement{wait: -1})
		l.night("2026-01-10", issue("2026-01-10", "A", "i", 10), redeem("2026-01-10", "B", "r", 15))
		same(t, "exceptions", l.exceptions(), "r unfunded rejected 5")
		l.night("2026-01-11", unredeem("2026-01-11", "B", "x", "r", 3))
		same(t, "allocations", l.allocations(), "")
		same(t, "settled", l.settled(), "x")
		l.night("2026-01-12", unredeem("2026-01-12", "B", "y", "r", 3))
		same(t, "allocations", l.allocations(), "y#0 B<-A i -1 base")
	})
	t.Run("then what the alliance paid", func(t *testing.T) {
		l := newLedger(t, agreement{wait: -1, unfunded: "alliance"})
		l.night("2026-01-10", issue("2026-01-10", "A", "i", 10), redeem("2026-01-10", "B", "r", 15))
		l.night("2026-01-11", unredeem("2026-01-11", "B", "x", "r", 7))
		same(t, "allocations", l.allocations(), "x#0 B<-HUB - -5 base, x#1 B<-A i -2 base")
		if l.outcome.Allocations[0].HasLot {
			t.Error("the alliance's allocation has a lot")
		}
		same(t, "movement of HUB", l.movement("HUB"), "")
	})
}

func TestPointsReturnToAnExpiredLotAndExpireAtOnce(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", until("2026-01-10", issue("2026-01-10", "A", "i", 10)), redeem("2026-01-10", "B", "r", 10))
	l.night("2026-01-12", unredeem("2026-01-12", "B", "x", "r", 10))
	same(t, "lots", l.lots(), "i 0/0/10/0/0/0")
	same(t, "movement", l.movement("A"), "restored 10, expired 10")
	// A late row of its time may still claim them.
	l.night("2026-01-13", redeem("2026-01-10T13:00", "C", "s", 3))
	same(t, "allocations", l.allocations(), "s#0 C<-A i 3 base")
}

func TestIssueReversalTakesOpenThenExpiredThenNotes(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T09:00", "B", "r", 4), unissue("2026-01-10T10:00", "A", "u", "i", 5))
	same(t, "lots", l.lots(), "i 1/4/0/5/0/0")
	same(t, "movement", l.movement("A"), "issued 10, issue_reversed 5, elsewhere 4, closing 1")
	same(t, "exceptions", l.exceptions(), "")
	same(t, "allocations", l.allocations(), "r#0 B<-A i 4 base")

	l.night("2026-01-11", unissue("2026-01-11", "A", "v", "i", 3))
	same(t, "lots", l.lots(), "i 0/4/0/6/0/2")
	same(t, "exceptions", l.exceptions(), "v clawback_shortfall noticed 2")
	same(t, "settled", l.settled(), "v")
	if got := fmt.Sprint(l.outcome.Files); got != "[{file 1 0 0}]" {
		t.Errorf("files %s: a shortfall leaves the row accepted", got)
	}

	l.night("2026-01-12", unissue("2026-01-12", "A", "w", "i", 3))
	same(t, "exceptions", l.exceptions(), "w reversal_exceeds_original rejected")

	// 3 points return: 2 are taken back at once, 1 is open.
	l.night("2026-01-13", unredeem("2026-01-13", "B", "x", "r", 3))
	same(t, "lots", l.lots(), "i 1/1/0/8/0/0")
	same(t, "movement", l.movement("A"), "issue_reversed 2, restored 3, closing 1")
}

func TestIssueReversalOfExpiredPointsMovesNothingButVoidsThem(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", until("2026-01-10", issue("2026-01-10", "A", "i", 10)))
	l.night("2026-01-11", unissue("2026-01-11", "A", "u", "i", 7))
	same(t, "lots", l.lots(), "i 0/0/3/0/7/0")
	same(t, "movement", l.movement("A"), "")
	same(t, "exceptions", l.exceptions(), "")
	l.night("2026-01-12", unissue("2026-01-12", "A", "v", "i", 4))
	same(t, "exceptions", l.exceptions(), "v reversal_exceeds_original rejected")
	l.night("2026-01-13", redeem("2026-01-10T13:00", "B", "r", 10))
	same(t, "allocations", l.allocations(), "r#0 B<-A i 3 base")
}

func TestIssueReversalOfAnotherIssuersPointsIsItsIssuers(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", of("HUB", issue("2026-01-10", "A", "i", 10)))
	l.night("2026-01-11", unissue("2026-01-11", "A", "u", "i", 4))
	same(t, "movement of HUB", l.movement("HUB"), "opening 10, issue_reversed 4, closing 6")
	same(t, "movement of A", l.movement("A"), "")
}

func TestUnknownOriginalWaitsAndIsRejectedInTheEnd(t *testing.T) {
	l := newLedger(t, agreement{wait: 2})
	l.night("2026-01-10", unredeem("2026-01-10", "B", "x", "r", 5))
	same(t, "exceptions", l.exceptions(), "x unknown_original deferred")
	if !NeedsNight(&l.account, day("2026-01-11"), l.rulebook) {
		t.Error("a waiting reversal needs its nights")
	}
	l.night("2026-01-11")
	same(t, "exceptions", l.exceptions(), "")
	l.night("2026-01-12")
	same(t, "exceptions", l.exceptions(), "x unknown_original rejected")
	if len(l.account.Deferred) != 0 || len(l.outcome.Files) != 0 || len(l.settledRows) != 0 {
		t.Errorf("deferred %v, files %v", l.account.Deferred, l.outcome.Files)
	}
}

func TestUnknownOriginalIsRejectedAtOnceWithoutWaitDays(t *testing.T) {
	l := newLedger(t, agreement{wait: -1})
	l.night("2026-01-10", unredeem("2026-01-10", "B", "x", "r", 5))
	same(t, "exceptions", l.exceptions(), "x unknown_original rejected")
	if got := fmt.Sprint(l.outcome.Files); got != "[{file 0 0 1}]" {
		t.Errorf("files %s", got)
	}
}

func TestDeferredReversalAppliesInItsPlaceOnceTheOriginalIsThere(t *testing.T) {
	l := newLedger(t, agreement{wait: 3})
	l.night("2026-01-10", issue("2026-01-10T06:00", "A", "i", 10), unredeem("2026-01-10T12:00", "B", "x", "r", 4))
	// The original is later than the reversal: not before it in the order, but on record the night after.
	l.night("2026-01-11", redeem("2026-01-10T13:00", "B", "r", 10))
	same(t, "settled", l.settled(), "r")
	l.night("2026-01-12")
	same(t, "settled", l.settled(), "x")
	same(t, "allocations", l.allocations(), "x#0 B<-A i -4 base")

	l.night("2026-01-13", unredeem("2026-01-10T12:00", "B", "y", "s", 4))
	l.night("2026-01-14", redeem("2026-01-10T11:00", "B", "s", 4), redeem("2026-01-10T14:00", "B", "q", 4))
	same(t, "settled", l.settled(), "s y q")
	same(t, "allocations", l.allocations(), "s#0 B<-A i 4 base, y#0 B<-A i -4 base, q#0 B<-A i 4 base")
}

func TestFutureReversalIsTriedOnItsDateAtLeast(t *testing.T) {
	l := newLedger(t, agreement{wait: 1})
	l.night("2026-01-10", unredeem("2026-01-12", "B", "x", "r", 5))
	same(t, "exceptions", l.exceptions(), "x future deferred")
	l.night("2026-01-11")
	same(t, "exceptions", l.exceptions(), "")
	l.night("2026-01-12")
	same(t, "exceptions", l.exceptions(), "x unknown_original rejected")

	l = newLedger(t, agreement{wait: 3})
	l.night("2026-01-10", unredeem("2026-01-12", "B", "x", "r", 5))
	l.night("2026-01-11")
	l.night("2026-01-12")
	same(t, "exceptions", l.exceptions(), "") // it was reported as deferred already
	l.night("2026-01-13")
	same(t, "exceptions", l.exceptions(), "x unknown_original rejected")
}

func TestOriginalIsLookedForOnlyWhereItMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		row  settlement.Transaction
		want string
	}{
		"found":                    {unredeem("2026-01-20", "B", "x", "r", 1), ""},
		"on its date":              {dated("2026-01-10", unredeem("2026-01-20", "B", "x", "r", 1)), ""},
		"on another date":          {dated("2026-01-11", unredeem("2026-01-20", "B", "x", "r", 1)), "x unknown_original deferred"},
		"another merchant":         {unredeem("2026-01-20", "C", "x", "r", 1), "x unknown_original deferred"},
		"issue reversal of redeem": {unissue("2026-01-20", "B", "x", "r", 1), "x original_mismatch rejected"},
		"redeem reversal of issue": {unredeem("2026-01-20", "A", "x", "i", 1), "x original_mismatch rejected"},
		"mismatch on another date": {dated("2026-01-11", unredeem("2026-01-20", "A", "x", "i", 1)), "x unknown_original deferred"},
		"a reversal":               {unredeem("2026-01-20", "B", "x", "v", 1), "x unknown_original deferred"},
		"too many points":          {unredeem("2026-01-20", "B", "x", "r", 5), "x reversal_exceeds_original rejected"},
		"too old":                  {unredeem("2026-01-20", "B", "x", "old", 1), "x unknown_original deferred"},
		"too old issue":            {unissue("2026-01-20", "A", "x", "oldest", 1), "x unknown_original deferred"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t, agreement{reversalDays: 10})
			l.night("2026-01-10",
				issue("2026-01-09", "A", "oldest", 10), issue("2026-01-10T06:00", "A", "i", 10),
				redeem("2026-01-09T13:00", "B", "old", 5), redeem("2026-01-10T12:00", "B", "r", 5), unredeem("2026-01-10T12:30", "B", "v", "r", 1))
			l.night("2026-01-20", c.row)
			same(t, "exceptions", l.exceptions(), c.want)
		})
	}
}

func TestOfSeveralOriginalsTheLatestBusinessDateIsMeant(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-01", "A", "i", 100), redeem("2026-01-02", "B", "r", 5))
	l.night("2026-01-18", redeem("2026-01-18", "B", "r", 7)) // the id is free again
	l.night("2026-01-19", unredeem("2026-01-19", "B", "x", "r", 6), dated("2026-01-02", unredeem("2026-01-19", "B", "y", "r", 5)))
	same(t, "settled", l.settled(), "x y")
	if l.onRecord().Redemptions[0].Reversed != 5 || l.onRecord().Redemptions[1].Reversed != 6 {
		t.Errorf("%+v", l.onRecord().Redemptions)
	}
}

func TestImportedLotsAreNoOriginals(t *testing.T) {
	l := newLedger(t, agreement{})
	l.account.Lots = []settlement.Lot{{
		Key:    settlement.LotKey{Merchant: merchant("A"), BusinessDate: day("2026-01-01"), TransactionID: "i", Imported: true},
		Issuer: merchant("A"), ExpiresOn: settlement.Never, Issued: 10, Open: 10,
	}}
	l.night("2026-01-10", unissue("2026-01-10", "A", "x", "i", 1), redeem("2026-01-10", "B", "r", 3))
	same(t, "exceptions", l.exceptions(), "x unknown_original deferred")
	same(t, "allocations", l.allocations(), "r#0 B<-A i 3 base")
}

// The index of members with many records answers what going through all of them does.
func TestManyRecordsAreFoundLikeFew(t *testing.T) {
	var rows []settlement.Transaction
	for i := range 60 {
		at := fmt.Sprintf("2026-01-%02dT%02d:00", 1+i%9, 8+i%12)
		rows = append(rows, issue(at, "A", fmt.Sprint("i", i), 10), redeem(at, "B", fmt.Sprint("r", i), 8))
		rows = append(rows, unredeem("2026-01-10T10:00", "B", fmt.Sprint("x", i), fmt.Sprint("r", i%50), 2),
			unissue("2026-01-10T11:00", "A", fmt.Sprint("u", i), fmt.Sprint("i", i%40), 1),
			unissue("2026-01-10T12:00", "A", fmt.Sprint("n", i), fmt.Sprint("r", i), 1),
			dated("2026-01-05", unissue("2026-01-10T12:30", "A", fmt.Sprint("d", i), fmt.Sprint("i", i), 1)))
	}
	results := make([]string, 2)
	for indexed := range results {
		l := newLedger(t, agreement{})
		l.night("2026-01-09", rows[:30]...)
		attributor := NewAttributor(l.rulebook, day("2026-01-10"))
		attributor.Past, l.date = &l.past, day("2026-01-10")
		l.outcome = Outcome{}
		attributor.begin(&l.account, lent(rows[30:]), &l.outcome)
		if attributor.indexed = indexed == 1; attributor.indexed {
			attributor.index()
		}
		for i := range attributor.work {
			attributor.work[i].row.FirstRead = day("2026-01-10")
			attributor.work[i].row.BusinessDate = l.rulebook.Calendar.BusinessDate(attributor.work[i].row.OccurredAt)
			attributor.apply(&attributor.work[i])
		}
		attributor.giveUpClaims()
		attributor.finish()
		l.past.add(l.date, attributor.PutAway())
		results[indexed] = strings.Join([]string{l.allocations(), l.exceptions(), l.lots(), l.settled()}, "\n")
	}
	same(t, "with the index", results[1], results[0])
	if !strings.Contains(results[0], "x3#0") || !strings.Contains(results[0], "reversal_exceeds") && !strings.Contains(results[0], "unknown") {
		t.Errorf("the test tests nothing: %s", results[0])
	}
}
