package clearing

import (
	"fmt"
	"testing"
)

func TestUntracked(t *testing.T) {
	l := newLedger(t, agreement{lots: "untracked", attribution: "stated", prices: `  - {id: return, when: 'reason == "return"', price: "0.90", per_points: 100}
  - {id: base, to: 2026-01-09, price: "1.00", per_points: 100}
  - {id: new, price: "1.10", per_points: 100}`})
	l.night("2026-01-10",
		issue("2026-01-09", "A", "i", 10),
		of("HUB", issue("2026-01-09", "A", "j", 7)),
		of("A", unissue("2026-01-09", "B", "u", "i", 4)),
		of("A", redeem("2026-01-09", "B", "r", 25)),
		of("B", redeem("2026-01-10", "B", "own", 5)),
		of("A", unredeem("2026-01-10", "B", "x", "r", 3)),
		because("return", of("A", unredeem("2026-01-10", "B", "y", "no such row", 2))),
		of("A", redeem("2026-01-11", "B", "future", 1)))
	same(t, "allocations", l.allocations(), "r#0 B<-A - 25 base, own#0 B<-B - 5 -, x#0 B<-A - -3 new, y#0 B<-A - -2 return")
	same(t, "movement of A", l.movement("A"), "issued 10, issue_reversed 4, elsewhere 25, restored 5")
	same(t, "movement of B", l.movement("B"), "own 5")
	same(t, "movement of HUB", l.movement("HUB"), "issued 7")
	same(t, "exceptions", l.exceptions(), "future future deferred")
	if l.outcome.RedeemedHere[merchant("B")] != 30 || len(l.onRecord().Lots)+len(l.onRecord().Redemptions) != 0 {
		t.Errorf("redeemed here %v, account %+v", l.outcome.RedeemedHere, l.account)
	}
	if got := fmt.Sprint(l.outcome.Files); got != "[{file 7 1 0}]" {
		t.Errorf("files %s", got)
	}
	l.night("2026-01-11")
	same(t, "allocations", l.allocations(), "future#0 B<-A - 1 new")
}
