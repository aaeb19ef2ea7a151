package clearing

import (
	"strings"
	"testing"

	"alliance/settlement"
)

func TestUncoveredPointsAreTriedEveryNight(t *testing.T) {
	l := newLedger(t, agreement{wait: 2})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T12:00", "B", "r", 30))
	same(t, "allocations", l.allocations(), "r#0 B<-A i 10 base")
	same(t, "exceptions", l.exceptions(), "r uncovered deferred 20")
	same(t, "settled", l.settled(), "i r")
	if l.outcome.Files[0] != (FileRows{"file", 2, 0, 0}) {
		t.Errorf("files %v: an uncovered row is accepted", l.outcome.Files)
	}
	if !NeedsNight(&l.account, day("2026-01-11"), l.rulebook) {
		t.Error("an open claim needs its nights")
	}
	// A late issue covers a part; numbers count from 0 in this night, the rest is as it was.
	l.night("2026-01-11", issue("2026-01-10T09:00", "C", "j", 15), issue("2026-01-10T12:01", "A", "too_late", 50))
	same(t, "allocations", l.allocations(), "r#0 B<-C j 15 base")
	a := l.outcome.Allocations[0]
	if a.BusinessDate != day("2026-01-10") || a.OccurredAt != redeem("2026-01-10T12:00", "B", "", 1).OccurredAt || a.Activity != settlement.RedemptionActivity {
		t.Errorf("%+v: want what the redeem row says", a)
	}
	same(t, "exceptions", l.exceptions(), "")
	same(t, "settled", l.settled(), "j too_late")
	// The last night: after all rows, and not reported as uncovered again.
	l.night("2026-01-12", issue("2026-01-10T10:00", "A", "k", 2))
	same(t, "allocations", l.allocations(), "r#0 B<-A k 2 base")
	same(t, "exceptions", l.exceptions(), "r unfunded rejected 3")
	if r := l.onRecord().Redemptions[0]; r.Unfunded != 3 || r.OpenClaim != 0 {
		t.Errorf("%+v", r)
	}
	l.night("2026-01-13", issue("2026-01-10T10:00", "A", "l", 20))
	same(t, "allocations", l.allocations(), "")
}

func TestClaimsApplyAtTheirOwnPlaceInTheOrder(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", redeem("2026-01-10T12:00", "B", "r", 10))
	l.night("2026-01-11", issue("2026-01-10T09:00", "A", "i", 15),
		redeem("2026-01-10T12:00", "A", "before", 3), redeem("2026-01-10T12:00", "B", "s", 10))
	same(t, "allocations", l.allocations(), "before#0 A<-A i 3 -, r#0 B<-A i 10 base, s#0 B<-A i 2 base")
}

func TestClaimsAreGivenUpAtOnceWithoutWaitDays(t *testing.T) {
	l := newLedger(t, agreement{wait: -1})
	l.night("2026-01-10", redeem("2026-01-10T12:00", "B", "r", 10), redeem("2026-01-10T12:01", "B", "s", 5), unredeem("2026-01-10T13:00", "B", "x", "r", 4))
	same(t, "exceptions", l.exceptions(), "r unfunded rejected 6, s unfunded rejected 5")
}

func TestTheAllianceMayPayWhatNoLotCovered(t *testing.T) {
	l := newLedger(t, agreement{wait: 1, unfunded: "alliance", prices: `  - {id: hub, when: 'issuer.id == "HUB"', price: "0.50", per_points: 100}
  - {id: base, price: "1.00", per_points: 100}`})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T12:00", "B", "r", 30))
	l.night("2026-01-11", issue("2026-01-10T09:00", "A", "j", 5))
	same(t, "allocations", l.allocations(), "r#0 B<-A j 5 base, r#1 B<-HUB - 15 hub")
	same(t, "exceptions", l.exceptions(), "r unfunded rejected 15")
	same(t, "movement of HUB", l.movement("HUB"), "")
	if l.outcome.RedeemedHere[merchant("B")] != 20 {
		t.Errorf("redeemed here %d", l.outcome.RedeemedHere[merchant("B")])
	}
	last := l.onRecord().Redemptions[0].Charges[2]
	if !last.ByAlliance || last.Points != 15 || last.Issuer != merchant("HUB") {
		t.Errorf("%+v", last)
	}
	if message := l.outcome.Exceptions[0].Message; !strings.Contains(message, "the alliance pays") {
		t.Error(message)
	}
}

func TestGivingUpComesBeforeExpiry(t *testing.T) {
	// Points that expire tonight cover a claim that is given up tonight; what it leaves expires.
	l := newLedger(t, agreement{wait: -1})
	l.night("2026-01-10", until("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10)), redeem("2026-01-10T12:00", "B", "r", 7))
	same(t, "movement", l.movement("A"), "issued 10, elsewhere 7, expired 3")
	same(t, "exceptions", l.exceptions(), "")
}

func TestAClaimReversedBeforeItsPlaceIsNotTried(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", redeem("2026-01-10T12:00", "B", "r", 10))
	l.night("2026-01-11", issue("2026-01-10T08:00", "A", "i", 10), unredeem("2026-01-10T11:00", "B", "x", "r", 10))
	same(t, "allocations", l.allocations(), "")
	same(t, "settled", l.settled(), "i x")
}

func TestShorterWaitingEndsOlderClaims(t *testing.T) {
	l := newLedger(t, agreement{wait: 7})
	l.night("2026-01-10", redeem("2026-01-10T12:00", "B", "r", 10), unredeem("2026-01-10T12:00", "B", "x", "nothing", 10))
	l.night("2026-01-11")
	l.rulebook = agreement{wait: 1}.rulebook(t)
	l.night("2026-01-12")
	same(t, "exceptions", l.exceptions(), "x unknown_original rejected, r unfunded rejected 10")
}
