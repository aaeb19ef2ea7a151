package clearing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
)

// An agreement is what the tests vary of a rulebook; the zero value of each has the default below.
type agreement struct {
	attribution  string // fifo
	unfunded     string // suspense
	expiry       string // none
	lots         string // tracked
	late         int    // 35
	wait         int    // 7; -1 for 0
	reversalDays int    // 180
	prices       string
	merchants    string
}

func (x agreement) rulebook(t testing.TB) *rules.Rulebook {
	t.Helper()
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	days := func(n, otherwise int) int {
		switch n {
		case 0:
			return otherwise
		case -1:
			return 0
		}
		return n
	}
	expiry := ""
	if x.expiry != "" {
		expiry = "  expiry: " + x.expiry + "\n"
	}
	text := fmt.Sprintf(`
alliance: {id: HUB, name: Harbour, currency: CNY, time_zone: UTC, cycle: daily}
intake: {accept_late_days: %d, accept_early_days: 2, duplicate_days: 7, wait_days: %d}
ledger:
  lots: %s
  attribution: %s
  unfunded: %s
%s  reversal_days: %d
prices:
%s
merchants:
%s
`, days(x.late, 35), days(x.wait, 7), or(x.lots, "tracked"), or(x.attribution, "fifo"), or(x.unfunded, "suspense"), expiry,
		days(x.reversalDays, 180), or(x.prices, `  - {id: base, price: "1.00", per_points: 100}`),
		or(x.merchants, "  - {id: A, name: Alder, may_issue_for: [HUB, B]}\n  - {id: B, name: Birch}\n  - {id: C, name: Cedar}"))
	rulebook, err := rules.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return rulebook
}

// A ledger is one member's account, settled night after night.
type ledger struct {
	t        testing.TB
	rulebook *rules.Rulebook
	account  settlement.Account
	past     memoryPast
	// expiredBefore is the last of those of the nights so far.
	expiredBefore settlement.Date
	outcome       Outcome
	// settledRows are the rows accepted on the last night, in the order in which they applied.
	settledRows []settlement.Transaction
	steps       []Step
	trace       bool
	row         int64
	date        settlement.Date
}

const member = "M"

func newLedger(t testing.TB, x agreement) *ledger {
	return &ledger{t: t, rulebook: x.rulebook(t), account: settlement.Account{Member: member}}
}

// night settles a date and keeps its outcome alone.
func (l *ledger) night(date string, rows ...settlement.Transaction) {
	l.t.Helper()
	on := day(date)
	l.date = on
	for i := range rows {
		l.row++
		rows[i].FirstRead = on
		rows[i].Source = settlement.Source{File: "file", Row: l.row}
		rows[i].BusinessDate = l.rulebook.Calendar.BusinessDate(rows[i].OccurredAt)
	}
	attributor := NewAttributor(l.rulebook, on)
	attributor.Past, attributor.ExpiredBefore = &l.past, l.expiredBefore
	l.expiredBefore = max(l.expiredBefore, ExpiredBefore(l.rulebook, on))
	l.steps = nil
	if l.trace {
		attributor.Trace = func(step Step) { l.steps = append(l.steps, step) }
		// Who asks for steps wants to see all lots.
		if all, _ := Everything(nil, &l.past, member); all != nil {
			attributor.UsedUp = all.Lots
		}
	}
	attributor.Settled = l.keep()
	l.outcome = Outcome{}
	if err := attributor.Attribute(&l.account, lent(rows), &l.outcome); err != nil {
		l.t.Fatal(err)
	}
	l.past.add(on, attributor.PutAway())
}

// onRecord returns all that a reversal of the next night may ask for, and what is on the account.
func (l *ledger) onRecord() *settlement.Account {
	since := l.date + 1 - settlement.Date(l.rulebook.Ledger.ReversalDays)
	all, err := Everything(&l.account, l.past.since(since), member)
	if err != nil {
		l.t.Fatal(err)
	}
	if all == nil {
		return &settlement.Account{}
	}
	return all
}

// keep returns what keeps the rows that are settled from now on.
func (l *ledger) keep() func(*settlement.Transaction) {
	l.settledRows = nil
	return func(row *settlement.Transaction) { l.settledRows = append(l.settledRows, *row) }
}

// merchant is the register's place of a party that tests name by id.
func merchant(id string) settlement.Party {
	return settlement.Party(slices.Index([]string{"A", "B", "C", "HUB"}, id))
}

func day(text string) settlement.Date {
	date, err := settlement.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return date
}

// row is a transaction at a merchant; at is a date, or a date and time, in UTC.
func row(kind settlement.Kind, at, where, id string, points int64) settlement.Transaction {
	if len(at) == len("2006-01-02") {
		at += "T12:00"
	}
	moment, err := time.Parse("2006-01-02T15:04", at)
	if err != nil {
		panic(err)
	}
	return settlement.Transaction{Merchant: merchant(where), ID: id, Member: member, Kind: kind, Points: points,
		OccurredAt: settlement.Instant(moment.UnixMicro()), Issuer: settlement.NoParty,
		OriginalDate: settlement.NoDate, ExpiresOn: settlement.NoDate}
}

func issue(at, where, id string, points int64) settlement.Transaction {
	return row(settlement.Issue, at, where, id, points)
}

func redeem(at, where, id string, points int64) settlement.Transaction {
	return row(settlement.Redeem, at, where, id, points)
}

func unredeem(at, where, id, original string, points int64) settlement.Transaction {
	r := row(settlement.RedeemReversal, at, where, id, points)
	r.OriginalID = original
	return r
}

func unissue(at, where, id, original string, points int64) settlement.Transaction {
	r := row(settlement.IssueReversal, at, where, id, points)
	r.OriginalID = original
	return r
}

func of(issuer string, row settlement.Transaction) settlement.Transaction {
	row.Issuer = merchant(issuer)
	return row
}

func until(expires string, row settlement.Transaction) settlement.Transaction {
	row.ExpiresOn = day(expires)
	return row
}

func dated(original string, row settlement.Transaction) settlement.Transaction {
	row.OriginalDate = day(original)
	return row
}

func because(reason string, row settlement.Transaction) settlement.Transaction {
	row.Reason = reason
	return row
}

// allocations are written as "row#number redeemer<-issuer lot points price".
func (l *ledger) allocations() string {
	var texts []string
	for _, a := range l.outcome.Allocations {
		lot, price := "-", "-"
		if a.HasLot {
			lot = a.Lot.TransactionID
		}
		if a.Price.ID != "" {
			price = a.Price.ID
		}
		id := l.rulebook.Parties.ID
		texts = append(texts, fmt.Sprintf("%s#%d %s<-%s %s %d %s", a.TransactionID, a.Number, id(a.Redeemer), id(a.Issuer), lot, a.Points, price))
	}
	return strings.Join(texts, ", ")
}

// exceptions are written as "row code state", and points if there are any.
func (l *ledger) exceptions() string {
	var texts []string
	for _, e := range l.outcome.Exceptions {
		text := fmt.Sprintf("%s %s %s", e.TransactionID, e.Code, e.State)
		if e.Points != 0 {
			text += fmt.Sprint(" ", e.Points)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// lots are written as "id open/spent/expired/reversed/voided/shortfall".
func (l *ledger) lots() string {
	var texts []string
	for _, lot := range l.onRecord().Lots {
		texts = append(texts, fmt.Sprintf("%s %d/%d/%d/%d/%d/%d", lot.Key.TransactionID,
			lot.Open, lot.Spent, lot.Expired, lot.Reversed, lot.Voided, lot.Shortfall))
	}
	return strings.Join(texts, ", ")
}

// movement is an issuer's roll-forward, written with its names.
func (l *ledger) movement(issuer string) string {
	m := l.outcome.Movements[merchant(issuer)]
	var texts []string
	for i, name := range []string{"opening", "issued", "issue_reversed", "own", "elsewhere", "restored", "expired", "closing"} {
		if points := *fields(&m)[i]; points != 0 {
			texts = append(texts, fmt.Sprint(name, " ", points))
		}
	}
	return strings.Join(texts, ", ")
}

func (l *ledger) settled() string {
	var texts []string
	for _, row := range l.settledRows {
		texts = append(texts, row.ID)
	}
	return strings.Join(texts, " ")
}

func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestIssueOpensALot(t *testing.T) {
	l := newLedger(t, agreement{expiry: "{months: 1, end_of_month: true}"})
	l.night("2026-01-31",
		issue("2026-01-31", "A", "own", 100),
		of("HUB", issue("2026-01-31", "A", "campaign", 50)),
		until("2026-03-15", issue("2026-01-31", "A", "named", 20)))
	want := []settlement.Lot{
		{Key: settlement.LotKey{Merchant: merchant("A"), TransactionID: "campaign"}, Issuer: merchant("HUB"), ExpiresOn: day("2026-02-28"), Issued: 50, Open: 50},
		{Key: settlement.LotKey{Merchant: merchant("A"), TransactionID: "named"}, Issuer: merchant("A"), ExpiresOn: day("2026-03-15"), Issued: 20, Open: 20},
		{Key: settlement.LotKey{Merchant: merchant("A"), TransactionID: "own"}, Issuer: merchant("A"), ExpiresOn: day("2026-02-28"), Issued: 100, Open: 100},
	}
	for i := range want {
		want[i].Key.BusinessDate = day("2026-01-31")
		want[i].IssuedAt = issue("2026-01-31", "A", "", 1).OccurredAt
		want[i].Source = l.account.Lots[i].Source
	}
	if !slices.Equal(l.account.Lots, want) {
		t.Errorf("got %+v\nwant %+v", l.account.Lots, want)
	}
	same(t, "movement of A", l.movement("A"), "issued 120, closing 120")
	same(t, "movement of HUB", l.movement("HUB"), "issued 50, closing 50")
	same(t, "settled", l.settled(), "campaign named own")
}

func TestIssueWithoutExpiryNeverExpires(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-31", issue("2026-01-31", "A", "i", 100))
	if got := l.account.Lots[0].ExpiresOn; got != settlement.Never {
		t.Errorf("expires on %s", got)
	}
}

func TestExpiryClampsTheDayToTheMonth(t *testing.T) {
	l := newLedger(t, agreement{expiry: "{months: 1, end_of_month: false}"})
	l.night("2024-01-31", issue("2024-01-31", "A", "leap", 1))
	if got := l.account.Lots[0].ExpiresOn; got != day("2024-02-29") {
		t.Errorf("expires on %s", got)
	}
}

func TestRowsApplyInOrderOfTimeKindMerchantID(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10",
		unissue("2026-01-10T12:00", "A", "x", "i1", 1),
		unredeem("2026-01-10T12:00", "B", "y", "r0", 1),
		redeem("2026-01-10T12:00", "B", "r2", 5),
		redeem("2026-01-10T12:00", "B", "r0", 5),
		redeem("2026-01-10T12:00", "A", "r9", 5),
		issue("2026-01-10T12:00", "A", "i2", 10),
		issue("2026-01-10T12:00", "A", "i1", 10),
		issue("2026-01-10T11:59", "C", "i3", 3))
	same(t, "settled", l.settled(), "i3 i1 i2 r9 r0 r2 y x")
	same(t, "allocations", l.allocations(), "r9#0 A<-C i3 3 base, r9#1 A<-A i1 2 -, r0#0 B<-A i1 5 base, r2#0 B<-A i1 3 base, r2#1 B<-A i2 2 base, y#0 B<-A i1 -1 base")
}

func TestRedeemTakesOnlyWhatCouldBeUsedAtThatMoment(t *testing.T) {
	restricted := "  - {id: A, name: Alder}\n  - {id: B, name: Birch, may_redeem_from: [A]}\n  - {id: C, name: Cedar}"
	for name, c := range map[string]struct {
		terms agreement
		rows  []settlement.Transaction
		want  string
	}{
		"issued at the same instant": {agreement{}, []settlement.Transaction{issue("2026-01-10T10:00", "A", "i", 5), redeem("2026-01-10T10:00", "B", "r", 5)}, "r#0 B<-A i 5 base"},
		"issued later":               {agreement{}, []settlement.Transaction{issue("2026-01-10T10:01", "A", "i", 5), redeem("2026-01-10T10:00", "B", "r", 5)}, ""},
		"last date of use":           {agreement{}, []settlement.Transaction{until("2026-01-10", issue("2026-01-08", "A", "i", 5)), redeem("2026-01-10", "B", "r", 5)}, "r#0 B<-A i 5 base"},
		"past its last date":         {agreement{}, []settlement.Transaction{until("2026-01-09", issue("2026-01-08", "A", "i", 5)), redeem("2026-01-10", "B", "r", 5)}, ""},
		"issuer not accepted":        {agreement{merchants: restricted}, []settlement.Transaction{issue("2026-01-08", "C", "i", 5), redeem("2026-01-10", "B", "r", 5)}, ""},
		"its own always accepted":    {agreement{merchants: restricted}, []settlement.Transaction{issue("2026-01-08", "B", "i", 5), redeem("2026-01-10", "B", "r", 5)}, "r#0 B<-B i 5 -"},
	} {
		for _, policy := range []string{"fifo", "first_expiring", "own_first", "pro_rata"} {
			t.Run(name+"/"+policy, func(t *testing.T) {
				c.terms.attribution = policy
				l := newLedger(t, c.terms)
				l.night("2026-01-10", c.rows...)
				same(t, "allocations", l.allocations(), c.want)
			})
		}
	}
}

func TestPriceIsThatOfTheRedemption(t *testing.T) {
	l := newLedger(t, agreement{prices: `  - {id: old, to: 2026-01-09, price: "0.90", per_points: 100}
  - {id: referral, when: 'reason == "referral"', price: "1.10", per_points: 100}
  - {id: base, price: "1.00", per_points: 100}`})
	l.night("2026-01-10",
		issue("2026-01-08", "A", "i", 100),
		redeem("2026-01-09", "B", "r1", 10),
		because("referral", redeem("2026-01-10", "B", "r2", 10)),
		redeem("2026-01-10", "B", "r3", 10),
		redeem("2026-01-10", "A", "r4", 10))
	same(t, "allocations", l.allocations(), "r1#0 B<-A i 10 old, r4#0 A<-A i 10 -, r2#0 B<-A i 10 referral, r3#0 B<-A i 10 base")
	same(t, "movement of A", l.movement("A"), "issued 100, own 10, elsewhere 30, closing 60")
	if l.outcome.RedeemedHere[merchant("B")] != 30 || l.outcome.RedeemedHere[merchant("A")] != 10 {
		t.Errorf("redeemed here: %v", l.outcome.RedeemedHere)
	}
}

func TestLateRedemptionClaimsExpiredPoints(t *testing.T) {
	l := newLedger(t, agreement{late: 3})
	l.night("2026-01-08", until("2026-01-08", issue("2026-01-08", "A", "i", 10)))
	same(t, "lots", l.lots(), "i 0/0/10/0/0/0")
	l.night("2026-01-11", redeem("2026-01-08", "B", "r1", 4))
	same(t, "allocations", l.allocations(), "r1#0 B<-A i 4 base")
	same(t, "movement", l.movement("A"), "elsewhere 4, expired -4")
	same(t, "lots", l.lots(), "i 0/4/6/0/0/0")
	// One night more, and the expired points are out of reach for every row.
	l.night("2026-01-12", redeem("2026-01-08", "B", "r2", 4))
	same(t, "exceptions", l.exceptions(), "r2 uncovered deferred 4")
	same(t, "allocations", l.allocations(), "")
}

func TestOpenPointsGoBeforeExpiredOnesOfTheSameLot(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-08", until("2026-01-08", issue("2026-01-08", "A", "i", 10)), redeem("2026-01-08", "B", "r1", 6))
	same(t, "lots", l.lots(), "i 0/6/4/0/0/0")
	// The reversal opens 6 again; 8 more are one allocation, 6 of it open, 2 expired.
	l.night("2026-01-09", unredeem("2026-01-08T12:01", "B", "x", "r1", 6), redeem("2026-01-08T12:02", "B", "r2", 8))
	same(t, "allocations", l.allocations(), "x#0 B<-A i -6 base, r2#0 B<-A i 8 base")
	same(t, "lots", l.lots(), "i 0/8/2/0/0/0")
	same(t, "movement", l.movement("A"), "elsewhere 8, restored 6, expired -2")
}

func TestALeaverKeepsPaying(t *testing.T) {
	l := newLedger(t, agreement{merchants: "  - {id: A, name: Alder, left: 2026-01-09}\n  - {id: B, name: Birch}\n  - {id: C, name: Cedar}"})
	l.night("2026-01-08", issue("2026-01-08", "A", "i", 10))
	l.night("2026-02-08", redeem("2026-02-08", "B", "r", 10))
	same(t, "allocations", l.allocations(), "r#0 B<-A i 10 base")
}

func TestRowsOfAFutureBusinessDateWait(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-08", issue("2026-01-10", "A", "i", 10), issue("2026-01-08", "A", "now", 1))
	same(t, "exceptions", l.exceptions(), "i future deferred")
	same(t, "settled", l.settled(), "now")
	if !NeedsNight(&l.account, day("2026-01-10"), l.rulebook) || NeedsNight(&l.account, day("2026-01-09"), l.rulebook) {
		t.Error("the member is needed on the row's own date only")
	}
	if got := fmt.Sprint(l.outcome.Files); got != "[{file 1 1 0}]" {
		t.Errorf("files: %s", got)
	}
	l.night("2026-01-09")
	same(t, "exceptions", l.exceptions(), "")
	l.night("2026-01-10")
	same(t, "settled", l.settled(), "i")
	same(t, "exceptions", l.exceptions(), "")
	if len(l.account.Deferred) != 0 || len(l.outcome.Files) != 0 {
		t.Errorf("deferred %v, files %v: want none, the row was read earlier", l.account.Deferred, l.outcome.Files)
	}
}

func TestAttributePanicsOnRowsOfOthers(t *testing.T) {
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "another member") || strings.Contains(text, "somebody") {
			t.Errorf("panic: %s", text)
		}
	}()
	r := issue("2026-01-08", "A", "i", 1)
	r.Member = "somebody"
	newLedger(t, agreement{}).night("2026-01-08", r)
}

// lent returns rows as [Attributor.Attribute] takes them.
func lent(rows []settlement.Transaction) []*settlement.Transaction {
	var lent []*settlement.Transaction
	for i := range rows {
		lent = append(lent, &rows[i])
	}
	return lent
}
