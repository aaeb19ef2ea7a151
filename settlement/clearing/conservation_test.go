package clearing

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"

	"pgregory.net/rapid"
)

// drawAgreement draws a rulebook, and whether it keeps lots.
func drawAgreement(t *rapid.T) agreement {
	x := agreement{
		attribution:  rapid.SampledFrom([]string{"fifo", "first_expiring", "own_first", "pro_rata", "stated"}).Draw(t, "attribution"),
		unfunded:     rapid.SampledFrom([]string{"suspense", "alliance"}).Draw(t, "unfunded"),
		expiry:       rapid.SampledFrom([]string{"", "{months: 1, end_of_month: true}"}).Draw(t, "expiry"),
		late:         rapid.SampledFrom([]int{-1, 2, 35}).Draw(t, "late"),
		wait:         rapid.SampledFrom([]int{-1, 1, 4}).Draw(t, "wait"),
		reversalDays: rapid.SampledFrom([]int{2, 180}).Draw(t, "reversal days"),
	}
	if x.attribution == "stated" && rapid.Bool().Draw(t, "untracked") {
		x.lots = "untracked"
	}
	if rapid.Bool().Draw(t, "restricted") {
		x.merchants = "  - {id: A, name: Alder, may_issue_for: [HUB]}\n  - {id: B, name: Birch, may_redeem_from: [A]}\n  - {id: C, name: Cedar}"
	}
	return x
}

// drawRow draws a row such as passes every check before attribution.
func drawRow(t *rapid.T, x agreement, on settlement.Date, id string, issued, redeemed []settlement.Transaction) settlement.Transaction {
	late := max(x.late, 0)
	if late > 8 {
		late = 8
	}
	business := on + settlement.Date(rapid.IntRange(-late, 2).Draw(t, "date"))
	at := fmt.Sprintf("%sT%02d:00", business, rapid.IntRange(8, 11).Draw(t, "hour"))
	where := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "merchant")
	points := rapid.Int64Range(1, 30).Draw(t, "points")
	kind := rapid.SampledFrom([]settlement.Kind{settlement.Issue, settlement.Issue, settlement.Redeem, settlement.Redeem, settlement.RedeemReversal, settlement.IssueReversal}).Draw(t, "kind")
	r := row(kind, at, where, id, points)
	switch kind {
	case settlement.Issue:
		if rapid.Bool().Draw(t, "expires") {
			r.ExpiresOn = business + settlement.Date(rapid.IntRange(0, 5).Draw(t, "days of use"))
		}
		if where == "A" && rapid.Bool().Draw(t, "campaign") {
			r.Issuer = merchant("HUB")
		}
	case settlement.Redeem:
		if x.attribution == "stated" || rapid.IntRange(0, 3).Draw(t, "named") == 0 {
			r.Issuer = merchant(rapid.SampledFrom([]string{where, "A"}).Draw(t, "issuer"))
		}
	default:
		originals := redeemed
		if (kind == settlement.IssueReversal) != (rapid.IntRange(0, 9).Draw(t, "mismatch") == 0) {
			originals = issued
		}
		r.OriginalID = "unheard of"
		if len(originals) > 0 && rapid.IntRange(0, 9).Draw(t, "unknown") > 0 {
			original := rapid.SampledFrom(originals).Draw(t, "original")
			r.OriginalID, r.Merchant = original.ID, original.Merchant
		}
		if x.lots == "untracked" {
			r.Issuer = merchant("A")
		}
	}
	return r
}

func TestPointsAreConservedOnRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := drawAgreement(rt)
		l := newLedger(t, x)
		shuffled := newLedger(t, x)
		var issued, redeemed []settlement.Transaction
		seen := map[string]settlement.State{}
		accepted := map[string]bool{}
		for night := range rapid.IntRange(1, 10).Draw(rt, "nights") {
			on := day("2026-01-20") + settlement.Date(night)
			var rows []settlement.Transaction
			for i := range rapid.IntRange(0, 8).Draw(rt, "rows") {
				r := drawRow(rt, x, on, fmt.Sprintf("n%dr%d", night, i), issued, redeemed)
				rows = append(rows, r)
				switch r.Kind {
				case settlement.Issue:
					issued = append(issued, r)
				case settlement.Redeem:
					redeemed = append(redeemed, r)
				}
			}
			opening := openByIssuer(&l.account)
			read := len(l.account.Deferred) + len(rows)
			l.night(on.String(), rows...)
			checkRollForward(rt, l, opening)
			checkCharges(rt, l, x)
			checkStates(rt, l, seen, accepted, read)

			mixed := rapid.Permutation(rows).Draw(rt, "order")
			attributeAsIs(t, shuffled, on, mixed)
			checkSame(rt, l, shuffled)
		}
	})
}

// attributeAsIs settles rows that have their sources and dates already.
func attributeAsIs(t *testing.T, l *ledger, on settlement.Date, rows []settlement.Transaction) {
	for i := range rows {
		rows[i].FirstRead = on
		rows[i].BusinessDate = l.rulebook.Calendar.BusinessDate(rows[i].OccurredAt)
	}
	l.outcome = Outcome{}
	attributor := NewAttributor(l.rulebook, on)
	attributor.Past, l.date = &l.past, on
	attributor.Settled = l.keep()
	if err := attributor.Attribute(&l.account, lent(rows), &l.outcome); err != nil {
		t.Fatal(err)
	}
	l.past.add(on, attributor.PutAway())
}

// checkSame compares two ledgers but for where rows were read.
func checkSame(t *rapid.T, l, other *ledger) {
	for _, texts := range [][2]string{
		{l.allocations(), other.allocations()}, {l.exceptions(), other.exceptions()}, {l.lots(), other.lots()}, {l.settled(), other.settled()},
		{fmt.Sprint(l.outcome.Movements, l.outcome.RedeemedHere), fmt.Sprint(other.outcome.Movements, other.outcome.RedeemedHere)},
	} {
		if texts[0] != texts[1] {
			t.Fatalf("another order of rows gives another outcome:\n%s\n%s", texts[0], texts[1])
		}
	}
	mine, others := l.onRecord().Redemptions, other.onRecord().Redemptions
	for i := range mine {
		a, b := mine[i], others[i]
		a.Source, b.Source = settlement.Source{}, settlement.Source{}
		if !reflect.DeepEqual(a.Charges, b.Charges) && len(a.Charges)+len(b.Charges) > 0 || a.OpenClaim != b.OpenClaim || a.TransactionID != b.TransactionID {
			t.Fatalf("another order of rows gives another redemption:\n%+v\n%+v", a, b)
		}
	}
}

func openByIssuer(account *settlement.Account) [4]int64 {
	var open [4]int64
	for _, lot := range account.Lots {
		open[lot.Issuer] += lot.Open
	}
	return open
}

func checkRollForward(t *rapid.T, l *ledger, opening [4]int64) {
	closing := openByIssuer(&l.account)
	var redeemed int64
	for issuer, m := range l.outcome.Movements {
		redeemed += m.RedeemedOwn + m.RedeemedElsewhere
		if !l.rulebook.Ledger.Tracked {
			continue
		}
		sum := opening[issuer] + m.Issued - m.IssueReversed - m.RedeemedOwn - m.RedeemedElsewhere + m.Restored - m.Expired
		if m.Opening != opening[issuer] || m.Closing != closing[issuer] || sum != closing[issuer] {
			t.Fatalf("issuer %d: opening %d, movement %+v, closing %d", issuer, opening[issuer], m, closing[issuer])
		}
	}
	var here, byAlliance int64
	for _, points := range l.outcome.RedeemedHere {
		here += points
	}
	for _, a := range l.outcome.Allocations {
		if !a.HasLot && l.rulebook.Ledger.Tracked && a.Points > 0 {
			byAlliance += a.Points
		}
		if (a.Points > 0) != (a.Activity == settlement.RedemptionActivity) || a.OnUs() != (a.Price == settlement.Price{}) {
			t.Fatalf("%+v", a)
		}
	}
	if here != redeemed+byAlliance {
		t.Fatalf("redeemed here %d, redeemed %d and %d by the alliance", here, redeemed, byAlliance)
	}
}

// checkCharges compares what lots say was spent with what redemptions say they took.
func checkCharges(t *rapid.T, l *ledger, x agreement) {
	charged := map[settlement.LotKey]int64{}
	for _, r := range l.onRecord().Redemptions {
		sum := r.Reversed + r.OpenClaim + r.Unfunded
		for _, c := range r.Charges {
			sum += c.Points
			charged[c.Lot] += c.Points
		}
		if sum != r.Points {
			t.Fatalf("%+v", r)
		}
	}
	for _, lot := range l.onRecord().Lots {
		if sum := lot.Open + lot.Spent + lot.Expired + lot.Reversed + lot.Voided; sum != lot.Issued || lot.Shortfall > lot.Spent {
			t.Fatalf("%+v", lot)
		}
		if charged[lot.Key] > lot.Spent || charged[lot.Key] != lot.Spent && x.reversalDays == 180 {
			t.Fatalf("lot %+v: %d charged", lot, charged[lot.Key])
		}
		if lot.Open > 0 && lot.ExpiresOn <= l.date {
			t.Fatalf("open points after the last date of use: %+v", lot)
		}
	}
}

// checkStates sees that every row ends in exactly one state, and is reported as it should be.
func checkStates(t *rapid.T, l *ledger, seen map[string]settlement.State, accepted map[string]bool, read int) {
	rejected := 0
	for _, e := range l.outcome.Exceptions {
		switch e.Code {
		case settlement.Future, settlement.UnknownOriginal, settlement.OriginalMismatch, settlement.ReversalExceedsOriginal:
			if seen[e.TransactionID] == settlement.Rejected || seen[e.TransactionID] == e.State || accepted[e.TransactionID] {
				t.Fatalf("%s is reported again: %+v", e.TransactionID, e)
			}
			seen[e.TransactionID] = e.State
			if e.State == settlement.Rejected {
				rejected++
			}
		}
	}
	for _, row := range l.settledRows {
		if accepted[row.ID] || seen[row.ID] == settlement.Rejected {
			t.Fatalf("%s is settled again", row.ID)
		}
		accepted[row.ID] = true
	}
	if len(l.settledRows)+rejected+len(l.account.Deferred) != read {
		t.Fatalf("%d rows: %d settled, %d rejected, %d wait", read, len(l.settledRows), rejected, len(l.account.Deferred))
	}
}

func TestSumsBeyondRangeAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		row  settlement.Transaction
		full func(o *Outcome) *int64
	}{
		"issued":        {issue("2026-01-10", "A", "new", 1), func(o *Outcome) *int64 { return &o.Movements[0].Issued }},
		"redeemed":      {redeem("2026-01-10T13:00", "B", "r", 1), func(o *Outcome) *int64 { return &o.Movements[0].RedeemedElsewhere }},
		"redeemed own":  {redeem("2026-01-10T13:00", "A", "r", 1), func(o *Outcome) *int64 { return &o.Movements[0].RedeemedOwn }},
		"redeemed here": {redeem("2026-01-10T13:00", "B", "r", 1), func(o *Outcome) *int64 { return &o.RedeemedHere[1] }},
		"taken back":    {unissue("2026-01-10T13:00", "A", "u", "i", 1), func(o *Outcome) *int64 { return &o.Movements[0].IssueReversed }},
		"closing":       {issue("2026-01-10", "A", "new", 1), func(o *Outcome) *int64 { return &o.Movements[0].Closing }},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(t, agreement{})
			l.night("2026-01-09", issue("2026-01-08", "A", "i", 10))
			c.row.BusinessDate = day("2026-01-10")
			outcome := Outcome{}
			outcome.prepare(4)
			*c.full(&outcome) = math.MaxInt64
			err := NewAttributor(l.rulebook, day("2026-01-10")).Attribute(&l.account, []*settlement.Transaction{&c.row}, &outcome)
			if !errors.Is(err, settlement.ErrOutOfRange) || strings.Contains(err.Error(), member) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestOutcomesAddUp(t *testing.T) {
	l := newLedger(t, agreement{})
	l.night("2026-01-10", issue("2026-01-10T08:00", "A", "i", 10), redeem("2026-01-10T09:00", "B", "r", 15), issue("2026-01-11", "A", "j", 1))
	var sum Outcome
	for range 2 {
		if err := sum.Add(&l.outcome); err != nil {
			t.Fatal(err)
		}
	}
	if len(sum.Allocations) != 2 || len(sum.Exceptions) != 4 || sum.RedeemedHere[1] != 20 ||
		!slices.Equal(sum.Files, []FileRows{{"file", 4, 2, 0}}) ||
		sum.Movements[0] != (settlement.IssuerPoints{Issuer: 0, Issued: 20, RedeemedElsewhere: 20}) {
		t.Errorf("%+v", sum)
	}
	l.outcome.Movements[0].Issued = math.MaxInt64
	if err := sum.Add(&l.outcome); !errors.Is(err, settlement.ErrOutOfRange) {
		t.Errorf("error %v", err)
	}
}
