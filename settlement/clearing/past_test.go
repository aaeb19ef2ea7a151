package clearing

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
)

// A memoryPast is what was put away of one member, the newest night first. It counts how often it was asked.
type memoryPast struct {
	dates []settlement.Date
	away  []*settlement.Account
	asked int
	err   error
}

func (p *memoryPast) Nights() int                     { return len(p.dates) }
func (p *memoryPast) Night(night int) settlement.Date { return p.dates[night] }

func (p *memoryPast) PutAway(night int, _, id string) (*settlement.Account, error) {
	p.asked++
	if id == "" {
		return p.away[night], p.err
	}
	some := settlement.Account{Member: member}
	for _, lot := range p.away[night].Lots {
		if lot.Key.TransactionID == id {
			some.Lots = append(some.Lots, lot)
		}
	}
	for _, redemption := range p.away[night].Redemptions {
		if redemption.TransactionID == id {
			some.Redemptions = append(some.Redemptions, redemption)
		}
	}
	return &some, p.err
}

// add takes a copy of what a night put away.
func (p *memoryPast) add(on settlement.Date, away *settlement.Account) {
	one := settlement.Account{Member: away.Member, Lots: slices.Clone(away.Lots), Redemptions: slices.Clone(away.Redemptions)}
	for i := range one.Redemptions {
		one.Redemptions[i].Charges = slices.Clone(one.Redemptions[i].Charges)
	}
	p.dates, p.away = slices.Insert(p.dates, 0, on), slices.Insert(p.away, 0, &one)
}

// since is the past from a date on.
func (p *memoryPast) since(date settlement.Date) *memoryPast {
	nights := 0
	for nights < len(p.dates) && p.dates[nights] >= date {
		nights++
	}
	return &memoryPast{dates: p.dates[:nights], away: p.away[:nights]}
}

func TestAccountKeepsOnlyWhatRedemptionsAskFor(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "spent", 10), issue("2026-01-10T09:00", "A", "open", 10),
		until("2026-01-10", issue("2026-01-10T08:30", "A", "expired", 10)),
		redeem("2026-01-10T10:00", "B", "r", 10), redeem("2026-01-09T10:00", "B", "claim", 5))
	if lots := l.account.Lots; len(lots) != 2 || lots[0].Key.TransactionID != "expired" || lots[1].Key.TransactionID != "open" {
		t.Errorf("%+v", lots)
	}
	if claims := l.account.Redemptions; len(claims) != 1 || claims[0].TransactionID != "claim" {
		t.Errorf("%+v", claims)
	}
	if away := l.past.away[0]; len(away.Lots) != 1 || away.Lots[0].Key.TransactionID != "spent" ||
		len(away.Redemptions) != 1 || away.Redemptions[0].TransactionID != "r" {
		t.Errorf("%+v", away)
	}
}

// What came back and went again is that of the night on which it went last.
func TestTheNewestVersionOfWhatWasPutAwayCounts(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T09:00", "B", "r", 10))
	l.night("2026-01-11", unredeem("2026-01-11T09:00", "B", "x", "r", 4), redeem("2026-01-11T10:00", "C", "s", 4))
	l.night("2026-01-12", unredeem("2026-01-12T09:00", "B", "y", "r", 7))
	same(t, "exceptions", l.exceptions(), "y reversal_exceeds_original rejected")
	l.night("2026-01-13", unredeem("2026-01-13T09:00", "B", "z", "r", 6), unredeem("2026-01-13T09:00", "C", "u", "s", 4))
	same(t, "allocations", l.allocations(), "z#0 B<-A i -6 base, u#0 C<-A i -4 base")
	same(t, "lots", l.lots(), "i 10/0/0/0/0/0")
	if len(l.account.Lots) != 1 {
		t.Errorf("%+v", l.account.Lots)
	}
}

// A transaction id may come again; then a reversal means the latest, wherever each of them is.
func TestOriginalIsTheLatestOnAccountOrPutAway(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-09", "A", "i", 10), redeem("2026-01-10", "B", "r", 10))
	l.night("2026-01-20", issue("2026-01-19", "A", "j", 10), redeem("2026-01-20", "B", "r", 4))
	l.night("2026-01-21", unredeem("2026-01-21", "B", "x", "r", 4))
	same(t, "allocations", l.allocations(), "x#0 B<-A j -4 base")
	l.night("2026-01-22", dated("2026-01-10", unredeem("2026-01-22", "B", "y", "r", 4)))
	same(t, "allocations", l.allocations(), "y#0 B<-A i -4 base")

	l = newLedger(t, agreement{})
	l.night("2026-01-10", of("HUB", issue("2026-01-10", "A", "i", 10))) // stays open
	l.night("2026-01-20", issue("2026-01-20T08:00", "A", "i", 10), of("A", redeem("2026-01-20T09:00", "B", "r", 10)))
	l.night("2026-01-21", unissue("2026-01-21", "A", "u", "i", 3))
	same(t, "exceptions", l.exceptions(), "u clawback_shortfall noticed 3")
	if open, away := l.account.Lots, l.past.away[0].Lots; len(open) != 1 || open[0].Open != 10 || len(away) != 1 || away[0].Shortfall != 3 {
		t.Errorf("%+v and %+v", open, away)
	}
}

// Nights are read only as far back as an original can be.
func TestThePastIsReadNoFurtherThanNeeded(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10", "A", "i", 100), redeem("2026-01-10T13:00", "B", "r0", 10))
	for _, date := range []string{"2026-01-11", "2026-01-12", "2026-01-13"} {
		l.night(date, redeem(date, "B", "r"+date, 10))
	}
	for _, c := range []struct {
		what string
		rows []settlement.Transaction
		want int
	}{
		{"no reversal", []settlement.Transaction{redeem("2026-01-14", "B", "s1", 1)}, 0},
		{"of the same night", []settlement.Transaction{redeem("2026-01-15", "B", "s2", 1), unredeem("2026-01-15T13:00", "B", "x2", "s2", 1)}, 0},
		{"of three nights before the last one", []settlement.Transaction{unredeem("2026-01-16", "B", "x3", "r2026-01-13", 1)}, 3},
		{"dated", []settlement.Transaction{dated("2026-01-13", unredeem("2026-01-17", "B", "x4", "r2026-01-13", 1))}, 1},
		{"unknown", []settlement.Transaction{unredeem("2026-01-18", "B", "x5", "unheard of", 1)}, 8},
	} {
		l.past.asked = 0
		date := c.rows[0].OccurredAt
		l.night(l.rulebook.Calendar.BusinessDate(date).String(), c.rows...)
		if l.past.asked != c.want {
			t.Errorf("%s: %d nights were read, want %d", c.what, l.past.asked, c.want)
		}
	}
}

func TestAPastThatCannotBeReadFailsTheNight(t *testing.T) {
	for name, rows := range map[string][]settlement.Transaction{
		"original": {unredeem("2026-01-11", "B", "x", "r", 10)},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t, agreement{})
			l.night("2026-01-10", issue("2026-01-10", "A", "i", 10), redeem("2026-01-10T13:00", "B", "r", 10))
			l.past.err = errors.New("the disk is gone")
			attributor := NewAttributor(l.rulebook, day("2026-01-11"))
			attributor.Past = &l.past
			if err := attributor.Attribute(&l.account, lent(rows), &l.outcome); !errors.Is(err, l.past.err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A lot that went for good stays in its last version, also if an earlier one was put away and a later rulebook looks
// further back.
func TestNoOlderVersionComesBackUnderALongerRulebook(t *testing.T) {
	l := newLedger(t, agreement{reversalDays: 2})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T09:00", "B", "r", 10))
	l.night("2026-01-11", unredeem("2026-01-11", "B", "x", "r", 10))
	l.night("2026-01-12", unissue("2026-01-12", "A", "u", "i", 10))
	l.rulebook = agreement{reversalDays: 30}.rulebook(t)
	l.night("2026-01-13", unissue("2026-01-13", "A", "v", "i", 10))
	same(t, "exceptions", l.exceptions(), "v reversal_exceeds_original rejected")

	l = newLedger(t, agreement{reversalDays: 2, late: 1})
	l.night("2026-01-10", until("2026-01-12", issue("2026-01-10T08:00", "A", "i", 10)), redeem("2026-01-10T09:00", "B", "r", 10))
	l.night("2026-01-11", unredeem("2026-01-11", "B", "x", "r", 10))
	l.night("2026-01-12")
	l.night("2026-01-15", issue("2026-01-15T08:00", "A", "j", 1))
	l.rulebook = agreement{reversalDays: 30, late: 1}.rulebook(t)
	l.night("2026-01-16", unissue("2026-01-16", "A", "v", "i", 10))
	same(t, "exceptions", l.exceptions(), "")
	same(t, "lots", l.lots(), "i 0/0/0/0/10/0, j 1/0/0/0/0/0")
}

// A step tells what a reversal changed of a lot that had been put away, and not that the lot is new.
func TestTraceTellsOfLotsThatWerePutAway(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), issue("2026-01-10T08:30", "A", "k", 5), redeem("2026-01-10T09:00", "B", "r", 15))
	l.trace = true
	l.night("2026-01-11", issue("2026-01-11T08:00", "A", "j", 1), unredeem("2026-01-11T09:00", "B", "x", "r", 7), redeem("2026-01-11T10:00", "C", "s", 1))
	same(t, "steps", l.stepTexts(), strings.Join([]string{
		"j applied j 0>1",
		"x applied k 0>5 i 0>2",
		"s applied fifo asked 1 i:1/2 k:0/5 j:0/1 i 2>1"}, "\n"))
}

// What expired is claimed as long as tonight's rulebook says, whether it was put away meanwhile or not; and in its last version.
func TestExpiredPointsAreClaimedUnderALongerRulebook(t *testing.T) {
	short, long := agreement{reversalDays: 2, late: 1}, agreement{reversalDays: 2, late: 20}
	for _, policy := range []string{"fifo", "first_expiring", "own_first", "pro_rata"} {
		short.attribution, long.attribution = policy, policy
		l := newLedger(t, short)
		l.night("2026-01-10", until("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10)), until("2026-01-10", issue("2026-01-10T08:30", "A", "k", 10)))
		l.night("2026-01-11", redeem("2026-01-10T10:00", "B", "r", 4))
		l.night("2026-01-15", issue("2026-01-15T08:00", "A", "j", 1)) // both lots go
		if len(l.account.Lots) != 1 {
			t.Errorf("%s: on the account are %+v", policy, l.account.Lots)
		}
		l.rulebook = long.rulebook(t)
		l.night("2026-01-16", redeem("2026-01-10T11:00", "B", "s", 9))
		same(t, policy+": allocations", l.allocations(), "s#0 B<-A i 6 base, s#1 B<-A k 3 base")
		l.night("2026-01-17", unissue("2026-01-17", "A", "u", "k", 2), redeem("2026-01-10T12:00", "C", "v", 9))
		same(t, policy+": allocations after a reversal", l.allocations(), "v#0 C<-A k 7 base")
		l.night("2026-01-29", redeem("2026-01-10T12:00", "C", "w", 1)) // as late as may be
		same(t, policy+": nothing is left", l.allocations(), "")
		l.night("2026-01-31", redeem("2026-01-11T12:00", "C", "x", 1))
		same(t, policy+": too late", l.allocations(), "")
	}
}
