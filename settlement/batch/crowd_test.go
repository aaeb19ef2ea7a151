package batch_test

import (
	"fmt"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
)

// TestMembersWithAndWithoutAccounts settles a night of many members of whom every third has an account: between two accounts stand
// members who have none yet, by the hundred at one place. The random histories have a handful of members.
func TestMembersWithAndWithoutAccounts(t *testing.T) {
	const members, crowd = 900, 300
	row := func(date, kind string, member int, points int) map[string]string {
		return map[string]string{"transaction_id": fmt.Sprint(kind, member), "member_id": fmt.Sprintf("m%04d", member), "kind": kind,
			"points": fmt.Sprint(points), "occurred_at": date + "T1" + map[string]string{"issue": "0", "redeem": "1"}[kind] + ":00:00+02:00"}
	}
	s, rulebook := memoryStores(), mustRulebook(t, laneRulebook)
	first, second := laneStart.String(), (laneStart + 1).String()
	var before, issued, redeemed []map[string]string
	var points int64
	for member := range members {
		if hasAccount := member%3 == 0 && member/crowd != 1; hasAccount {
			old := row(first, "issue", member, 5)
			old["transaction_id"] = fmt.Sprint("old", member)
			before = append(before, old)
			points += 5
		}
		issued = append(issued, row(second, "issue", member, 100+member))
		redeemed = append(redeemed, row(second, "redeem", member, 100))
		points += int64(member) // of those issued tonight; 100 go at once
	}
	fill(t, s.inbox, map[string]string{
		"merchant=Bakery/date=" + first + "/before.csv": asCSV(before), "merchant=Cinema/date=" + first + "/none.csv": asCSV(nil),
		"merchant=Bakery/date=" + second + "/issued.csv": asCSV(issued), "merchant=Cinema/date=" + second + "/redeemed.csv": asCSV(redeemed),
	})
	for i, want := range []int64{int64(len(before)), 2 * members} {
		job := s.job(rulebook, laneStart+settlement.Date(i))
		job.Partitions, job.Workers, job.Strict = 1, 1, true
		if report := mustRun(t, job); report.Dates[0].Totals.RowsAccepted != want {
			t.Errorf("night %d accepted %d rows, want %d", i+1, report.Dates[0].Totals.RowsAccepted, want)
		}
	}
	if found := openPoints(t, s, rulebook, laneStart+1); found != points {
		t.Errorf("%d points are open, want %d", found, points)
	}
}

// openPoints adds up the open points of all accounts after a date.
func openPoints(t *testing.T, s stores, rulebook *rules.Rulebook, date settlement.Date) (points int64) {
	t.Helper()
	ledger, err := books.Open(t.Context(), s.ledger)
	if err != nil {
		t.Fatal(err)
	}
	settled, _ := ledger.Settled(date)
	state := batch.RecordedAccounts(ledger, &settled.State, date)
	err = state.All(t.Context(), rulebook.Parties, func(account *settlement.Account) error {
		for i := range account.Lots {
			points += account.Lots[i].Open
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return points
}
