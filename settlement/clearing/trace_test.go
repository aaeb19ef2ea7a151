package clearing

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"alliance/settlement"
)

func (l *ledger) stepTexts() string {
	var texts []string
	for _, s := range l.steps {
		text := fmt.Sprintf("%s %s", s.Row.ID, s.Decision)
		if s.Policy != "" {
			text += fmt.Sprintf(" %s asked %d", s.Policy, s.Asked)
		}
		for _, c := range s.Candidates {
			text += fmt.Sprintf(" %s:%d/%d", c.Lot.Key.TransactionID, c.Taken, c.Available)
		}
		for _, x := range s.Excluded {
			text += fmt.Sprintf(" %s(%s)", x.Lot.Key.TransactionID, x.Reason)
		}
		if s.Uncovered > 0 {
			text += fmt.Sprint(" uncovered ", s.Uncovered)
		}
		for _, c := range s.Changes {
			text += fmt.Sprintf(" %s %d>%d", c.After.Key.TransactionID, c.Before.Open, c.After.Open)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "\n")
}

func TestTraceTellsEveryStepWithItsReasons(t *testing.T) {
	l := newLedger(t, agreement{attribution: "own_first", wait: 1, late: 5, merchants: "  - {id: A, name: Alder}\n  - {id: B, name: Birch, may_redeem_from: [A]}\n  - {id: C, name: Cedar}"})
	l.trace = true
	l.night("2026-01-10",
		issue("2026-01-02", "A", "a", 10), issue("2026-01-03", "B", "b", 5), issue("2026-01-03", "C", "c", 5),
		until("2026-01-04", issue("2026-01-03", "A", "gone", 5)), issue("2026-01-10T20:00", "A", "after", 5),
		redeem("2026-01-05", "B", "r", 7), unredeem("2026-01-05T13:00", "B", "x", "r", 1),
		redeem("2026-01-06", "B", "s", 20), unredeem("2026-01-06", "B", "y", "none", 1), unissue("2026-01-06", "B", "z", "r", 1),
		issue("2026-01-11", "A", "future", 1))
	same(t, "steps", l.stepTexts(), strings.Join([]string{
		"a applied a 0>10",
		"gone applied gone 0>5",
		"b applied b 0>5",
		"c applied c 0>5",
		"r applied own_first asked 7 b:5/5 a:2/10 gone(expired before the redemption) c(the redeemer does not accept its issuer's points) a 10>8 b 5>0",
		"x applied a 8>9",
		"s applied own_first asked 20 a:9/9 gone(expired before the redemption) b(nothing left) c(the redeemer does not accept its issuer's points) uncovered 11 a 9>0",
		"y waits",
		"z refused",
		"after applied after 0>5",
		"future waits",
		" closed gone 5>0"}, "\n"))
	if s := l.steps[6]; s.Exceptions[0].Code != settlement.Uncovered || len(s.Allocations) != 1 || s.Allocations[0].Points != 9 {
		t.Errorf("%+v", s)
	}
	if s := l.steps[7]; !strings.Contains(s.Reason, `no redeem "none"`) || !strings.Contains(s.Reason, "tried every night until 2026-01-11") {
		t.Error(s.Reason)
	}
	if s := l.steps[8]; !strings.Contains(s.Reason, `"r" is on record as redeem`) {
		t.Error(s.Reason)
	}
	l.night("2026-01-11", of("B", redeem("2026-01-11", "B", "t", 1)))
	same(t, "steps", l.stepTexts(), strings.Join([]string{
		"s retried own_first asked 11 a(nothing left) gone(expired before the redemption) after(issued after the redemption) b(nothing left) c(the redeemer does not accept its issuer's points) uncovered 11",
		"y refused",
		"future applied future 0>1",
		"t applied own_first asked 1 a(the row names another issuer) gone(expired before the redemption) after(the row names another issuer) b(nothing left) c(the row names another issuer) future(the row names another issuer) uncovered 1",
		"s given_up uncovered 11"}, "\n"))
}

// What is told changes nothing of what is done.
func TestTraceChangesNothing(t *testing.T) {
	for _, policy := range []string{"fifo", "first_expiring", "own_first", "pro_rata"} {
		plain, traced := newLedger(t, agreement{attribution: policy, wait: 1, unfunded: "alliance"}), newLedger(t, agreement{attribution: policy, wait: 1, unfunded: "alliance"})
		traced.trace = true
		for night := range 4 {
			date := day("2026-01-05") + settlement.Date(night)
			at := date.String()
			rows := []settlement.Transaction{
				until(at, issue(at+"T08:00", "A", fmt.Sprint("i", night), 10)), issue(at+"T09:00", "C", fmt.Sprint("j", night), 10),
				redeem(at+"T10:00", "B", fmt.Sprint("r", night), 25), unredeem(at+"T11:00", "B", fmt.Sprint("x", night), fmt.Sprint("r", night-1), 9),
				unissue(at+"T12:00", "C", fmt.Sprint("u", night), fmt.Sprint("j", night-1), 3)}
			plain.night(at, rows...)
			traced.night(at, rows...)
			plain.outcome.fileIndex, traced.outcome.fileIndex = nil, nil
			if !reflect.DeepEqual(plain.outcome, traced.outcome) || !reflect.DeepEqual(plain.account, traced.account) {
				t.Errorf("%s: the outcomes differ", policy)
			}
		}
	}
}
