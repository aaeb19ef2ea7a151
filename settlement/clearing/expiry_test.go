package clearing

import (
	"testing"

	"alliance/settlement"
)

func TestCloseExpiresOpenPoints(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", until("2026-01-11", issue("2026-01-10", "A", "i", 10)), until("2026-01-12", issue("2026-01-10", "A", "j", 10)))
	same(t, "movement", l.movement("A"), "issued 20, closing 20")
	if NeedsNight(&l.account, day("2026-01-10"), l.rulebook) || !NeedsNight(&l.account, day("2026-01-11"), l.rulebook) {
		t.Error("the member is needed when points expire")
	}
	l.night("2026-01-11")
	same(t, "movement", l.movement("A"), "opening 20, expired 10, closing 10")
	same(t, "lots", l.lots(), "i 0/0/10/0/0/0, j 10/0/0/0/0/0")
}

func TestALateIssueOfPointsThatExpiredMeanwhile(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-15", until("2026-01-12", issue("2026-01-10", "A", "i", 10)), redeem("2026-01-11", "B", "r", 4))
	same(t, "movement", l.movement("A"), "issued 10, elsewhere 4, expired 6")
}

func TestAccountForgetsWhatNobodyCanAskFor(t *testing.T) {
	l := newLedger(t, agreement{reversalDays: 5, late: 3})
	l.night("2026-01-10",
		until("2026-01-10", issue("2026-01-10T08:00", "A", "expired", 10)),
		issue("2026-01-10T08:00", "A", "spent", 10),
		issue("2026-01-10T08:00", "C", "open", 10),
		of("A", redeem("2026-01-10T12:00", "B", "r", 20)))
	same(t, "lots", l.lots(), "expired 0/10/0/0/0/0, spent 0/10/0/0/0/0, open 10/0/0/0/0/0")
	// The last night on which a reversal may ask for r leaves nothing for the night after.
	l.night("2026-01-14")
	same(t, "lots", l.lots(), "expired 0/10/0/0/0/0, spent 0/10/0/0/0/0, open 10/0/0/0/0/0")
	l.night("2026-01-15")
	same(t, "lots", l.lots(), "open 10/0/0/0/0/0")
	if len(l.onRecord().Redemptions) != 0 {
		t.Errorf("%+v", l.onRecord().Redemptions)
	}
}

func TestLotsOfRedemptionsOnRecordAreKept(t *testing.T) {
	l := newLedger(t, agreement{reversalDays: 5})
	l.night("2026-01-10", issue("2026-01-10", "A", "i", 10))
	l.night("2026-01-15", redeem("2026-01-15", "B", "r", 10))
	l.night("2026-01-20", unredeem("2026-01-20", "B", "x", "r", 10))
	same(t, "allocations", l.allocations(), "x#0 B<-A i -10 base")
	same(t, "lots", l.lots(), "i 10/0/0/0/0/0")
}

func TestExpiredLotsAreKeptWhileLateRowsMayClaimThem(t *testing.T) {
	l := newLedger(t, agreement{reversalDays: 2, late: 5})
	l.night("2026-01-10", until("2026-01-10", issue("2026-01-10", "A", "i", 10)))
	l.night("2026-01-14")
	same(t, "lots", l.lots(), "i 0/0/10/0/0/0")
	l.night("2026-01-15", redeem("2026-01-10", "B", "r", 10))
	same(t, "allocations", l.allocations(), "r#0 B<-A i 10 base")

	l = newLedger(t, agreement{reversalDays: 2, late: 5})
	l.night("2026-01-10", until("2026-01-10", issue("2026-01-10", "A", "i", 10)))
	l.night("2026-01-15")
	if len(l.account.Lots) != 0 {
		t.Errorf("%+v", l.account.Lots)
	}
}

func TestOpenClaimsOutliveReversalDays(t *testing.T) {
	l := newLedger(t, agreement{reversalDays: 1, wait: 7})
	l.night("2026-01-10", redeem("2026-01-10", "B", "r", 10))
	l.night("2026-01-16")
	if len(l.account.Redemptions) != 1 {
		t.Fatal("the claim was forgotten")
	}
	l.night("2026-01-17")
	same(t, "exceptions", l.exceptions(), "r unfunded rejected 10")
	if len(l.account.Redemptions) != 0 {
		t.Errorf("%+v", l.account.Redemptions)
	}
}

func TestKeptInOrderOfKey(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-08", "C", "2", 1), issue("2026-01-09", "B", "9", 1), redeem("2026-01-09T13:00", "B", "z", 1))
	l.night("2026-01-11", issue("2026-01-10", "A", "7", 1), issue("2026-01-09", "B", "8", 1), issue("2026-01-07", "C", "3", 1), redeem("2026-01-10", "A", "y", 1))
	var ids string
	for _, lot := range l.onRecord().Lots {
		ids += lot.Key.TransactionID
	}
	for _, r := range l.onRecord().Redemptions {
		ids += r.TransactionID
	}
	same(t, "order", ids, "78932yz")
}

func TestNothingToDoNeedsNoNight(t *testing.T) {
	l := newLedger(t, agreement{})
	l.account.Lots = []settlement.Lot{{ExpiresOn: settlement.Never, Issued: 1, Open: 1}, {ExpiresOn: day("2026-01-01"), Issued: 1, Expired: 1}}
	if NeedsNight(&l.account, day("2026-01-10"), l.rulebook) {
		t.Error("want none")
	}
}
