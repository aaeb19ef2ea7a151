package batch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement/batch"
	"alliance/settlement/books"
)

// restated asks for a restatement.
func restated(job batch.Job) batch.Job {
	job.Restate, job.Reason, job.CatchUp = true, "because", false
	return job
}

// TestRestateAfterACrash lets a restatement crash at each of its writes, every other one of which
// arrives. Once it is run again, everything is as if it had never crashed, and on record once.
func TestRestateAfterACrash(t *testing.T) {
	rulebook := mustRulebook(t, laneRulebook)
	before := lane(t, 3, false)
	mustRun(t, catchUp(before.job(rulebook, laneStart+2)))
	row := map[string]string{"transaction_id": "late", "member_id": "ada", "kind": "redeem", "points": "7", "occurred_at": fmt.Sprintf("%sT20:00:00+02:00", laneStart+1)}
	fill(t, before.inbox, map[string]string{fmt.Sprintf("merchant=Cinema/date=%s/late.csv", laneStart+1): asCSV([]map[string]string{row})})
	job := func(s stores) batch.Job { return restated(s.job(rulebook, laneStart+1)) }
	straight := before.clone(t)
	if report := mustRun(t, job(straight)); report.Same || len(report.Dates) != 2 || len(report.Dates[0].Restatement.Changes) == 0 {
		t.Fatalf("restated %+v", report)
	}
	wanted, wantedState := published(t, straight), standingStates(t, straight.ledger)
	for _, arrives := range []bool{false, true} {
		t.Run(fmt.Sprintf("arrives_%t", arrives), func(t *testing.T) {
			t.Parallel()
			first := 1
			if arrives {
				first = 2
			}
			for k := first; ; k += 2 {
				s := before.clone(t)
				if err := crashAt(t, s, job(s), k, arrives); err == nil {
					t.Logf("fewer than %d writes", k)
					break
				}
				mustRun(t, job(s))
				expectSame(t, published(t, s), wanted)
				expectSame(t, standingStates(t, s.ledger), wantedState)
				ledger, err := books.Open(t.Context(), s.ledger)
				if err != nil {
					t.Fatal(err)
				}
				reasons := 0
				for _, record := range ledger.Records() {
					if record.Reason == "because" {
						reasons++
					}
				}
				if reasons != 1 {
					t.Errorf("restated %d times on record", reasons)
				}
				if t.Failed() {
					t.Fatalf("after a crash at write %d", k)
				}
			}
		})
	}
}

const promiseRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: UTC, cycle: daily}
intake: {accept_late_days: 3}
ledger: {attribution: fifo, reversal_days: 30}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants:
  - {id: A, delivers: on_activity, may_issue_for: [C]}
  - {id: C, delivers: on_activity, joined: 2026-09-01}
`

const promiseHeader = "transaction_id,member_id,kind,points,occurred_at,issuer_id\n"

// A merchant that has nothing to say any more on a date gets an empty version: its folder does
// not vanish. A register without it is refused, and so is one that changes what is fixed.
func TestRestateEmptiesAStatement(t *testing.T) {
	s := memoryStores()
	key := fmt.Sprintf("merchant=A/date=%s/a.csv", laneStart)
	fill(t, s.inbox, map[string]string{key: promiseHeader + fmt.Sprintf("a1,m,issue,100,%sT10:00:00Z,C\n", laneStart)})
	rulebook := mustRulebook(t, promiseRulebook)
	mustRun(t, catchUp(s.job(rulebook, laneStart+1)))
	fill(t, s.inbox, map[string]string{key: promiseHeader + fmt.Sprintf("a1,m,issue,100,%sT10:00:00Z,\n", laneStart)})

	var misfit *batch.RulebookError
	dropped := mustRulebook(t, strings.ReplaceAll(strings.Replace(promiseRulebook, "  - {id: C, delivers: on_activity, joined: 2026-09-01}\n", "", 1), ", may_issue_for: [C]", ""))
	if _, err := batch.Run(t.Context(), restated(s.job(dropped, laneStart))); !errors.As(err, &misfit) || !strings.Contains(err.Error(), "the register lacks C") {
		t.Errorf("a register without C: %v", err)
	}
	fixed := mustRulebook(t, strings.Replace(promiseRulebook, "cycle: daily", "cycle: weekly", 1))
	if _, err := batch.Run(t.Context(), restated(s.job(fixed, laneStart))); !errors.As(err, &misfit) || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("another cycle: %v", err)
	}

	report := mustRun(t, restated(s.job(rulebook, laneStart)))
	for _, date := range report.Dates {
		changes := date.Restatement.Changes
		if len(changes) != 2 || changes[1].Merchant != "C" || changes[1].Version != 2 {
			t.Errorf("%s: changes %+v", date.Date, changes)
		}
		contents := published(t, s)
		rows := dumped(t, contents[books.StatementFolder("C", date.Date)+"/summary.parquet"])
		for i, name := range rows[0] {
			if strings.HasPrefix(name, "points_") && rows[1][i] != "0" {
				t.Errorf("%s: %s of C is %s", date.Date, name, rows[1][i])
			}
		}
		if contents[books.VersionFolder("C", date.Date, 1)+"/summary.parquet"] == "" {
			t.Errorf("%s: version 1 of C is not kept", date.Date)
		}
		for _, row := range dumped(t, contents[books.AllianceFolder(date.Date)+"/points.parquet"])[1:] {
			if row[0] == "C" {
				t.Errorf("%s: the alliance's points have %v", date.Date, row)
			}
		}
	}
	// And it stays empty: nothing changes any more.
	if report := mustRun(t, restated(s.job(rulebook, laneStart))); !report.Same {
		t.Errorf("restated again: %+v", report)
	}
}

// The first date of a ledger with opening lots is restated from these lots.
func TestRestateFromOpeningLots(t *testing.T) {
	s := memoryStores()
	rulebook := mustRulebook(t, strings.Replace(promiseRulebook, ", joined: 2026-09-01", "", 1))
	opening := batch.OpeningJob{Ledger: s.ledger, Rulebook: rulebook, Name: "lots.csv",
		Lots: strings.NewReader("member_id,issuer_id,lot_id,issued_at,expires_on,points\nm,C,old,2026-01-01T00:00:00Z,,500\n")}
	if _, err := batch.OpenLots(context.Background(), opening); err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprintf("merchant=A/date=%s/a.csv", laneStart)
	for i, points := range []string{"100", "300"} {
		fill(t, s.inbox, map[string]string{key: promiseHeader + fmt.Sprintf("a1,m,redeem,%s,%sT10:00:00Z,\n", points, laneStart)})
		job := s.job(rulebook, laneStart)
		if i == 1 {
			job = restated(job)
		}
		mustRun(t, job)
	}
	lines := linesOf(t, published(t, s)[books.StatementFolder("A", laneStart)+"/statement.parquet"], "transactions", "points", "value")
	if len(lines) != 1 {
		t.Fatalf("lines %v", lines)
	}
	for key, line := range lines {
		if line != [3]int64{1, 300, 30000} {
			t.Errorf("%s is %v", key, line)
		}
	}
}
