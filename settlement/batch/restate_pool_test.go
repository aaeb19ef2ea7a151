package batch

import (
	"math/rand/v2"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// TestARestatementGivesBack recomputes nights without keeping them, at another price. After each, the pool has no more of the nights
// before than the next ones may ask for, and the nights come out as those of the restatement that goes on record.
func TestARestatementGivesBack(t *testing.T) {
	const nights = 16
	random := rand.New(rand.NewPCG(1, 1))
	w := &verifiedWorld{inbox: storage.NewMemory(), ledger: storage.NewMemory(), statements: storage.NewMemory()}
	w.rulebook = must[*rules.Rulebook](t)(rules.Parse("chain.yaml", []byte(chainRules)))
	first := settlement.NewDate(2026, 1, 1)
	for night := range nights {
		w.deliverNight(t, random, first, night)
	}
	w.settle(t, (first + nights - 1).String())

	dearer := must[*rules.Rulebook](t)(rules.Parse("chain.yaml", []byte(strings.Replace(chainRules, `"1.00"`, `"1.50"`, 1))))
	job := &Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Rulebook: dearer, Date: first,
		Restate: true, DryRun: true, Reason: "dearer", Operator: "olga"}
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	r := &restatement{job: job, timeline: newTimeline(ledger), attempt: &attempt{ledger: ledger, discard: true}, pool: job.pool(ledger)}
	defer r.pool.Close()
	var computed []string
	seen := 0
	for date := first; date < first+nights; date++ {
		report, err := r.date(t.Context(), date)
		if err != nil {
			t.Fatal(err)
		}
		computed = append(computed, report.ComputationID)
		latest := r.timeline.closings[date]
		needed := make(map[pooled]bool)
		for _, stack := range latest.State.stacks {
			for i := range stack {
				needed[stack[i].blob] = true
			}
		}
		for earlier, closing := range r.timeline.closings {
			for _, kept := range []struct {
				what   string
				runs   []stateRun
				needed bool
			}{
				{"waiting ids", closing.Waiting, earlier == date},
				{"ids", closing.Settled, earlier > date-IDDays(dearer)},
				{"what was put away", closing.PutAway, earlier > date-settlement.Date(dearer.Ledger.ReversalDays)},
			} {
				for i := range kept.runs {
					has := kept.runs[i].blob != nil || kept.runs[i].gathering != nil
					if seen++; has && !kept.needed {
						t.Errorf("after %s the pool has %s of %s", date, kept.what, earlier)
					}
				}
			}
			for _, stack := range closing.State.stacks {
				for i := range stack {
					if seen++; stack[i].blob != nil && !needed[stack[i].blob] {
						t.Errorf("after %s the pool has accounts that %s left and nobody needs", date, earlier)
					}
				}
			}
		}
	}
	if seen < 20*nights {
		t.Errorf("%d runs were looked at", seen)
	}
	job.DryRun = false
	recorded := must[Report](t)(Run(t.Context(), *job))
	for i := range recorded.Dates {
		if recorded.Dates[i].ComputationID != computed[i] {
			t.Errorf("%s comes out otherwise on record", recorded.Dates[i].Date)
		}
	}
	if len(recorded.Dates) != nights {
		t.Errorf("%d dates", len(recorded.Dates))
	}
}
