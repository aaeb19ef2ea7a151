package batch_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
)

var verificationsFlag = flag.Uint64("verifications", 24, "how many random histories are verified")

// TestRandomHistoriesAreSound settles random histories, restates them, forgets a member and restates
// again, and verifies everything after each of these: nothing may be reported, and dates must
// come out the same when they are computed again.
func TestRandomHistoriesAreSound(t *testing.T) {
	recomputed, forgotten := 0, 0
	for seed := *seedFlag; seed < *seedFlag+*verificationsFlag; seed++ {
		history := randomHistory(seed)
		r := &restatedHistory{Rand: rand.New(rand.NewPCG(seed, 5)), t: t, seed: seed, first: settlement.Date(history.first), config: history.config,
			stores: memoryStores(), counts: &restatedCounts{}, closed: settlement.Date(history.first) - 1}
		nights := history.nights[:min(len(history.nights), 2+r.IntN(4))]
		for i := range nights {
			r.steps = append(r.steps, restateStep{delivery: deliveryOf(&nights[i], history.first+day(i))}, restateStep{rulebook: mustRulebook(t, r.config.yaml())})
		}
		r.play(r.stores, r.steps)
		rulebooks := []*rules.Rulebook{mustRulebook(t, r.config.yaml())}
		recomputed += r.verify(rulebooks)
		if r.IntN(2) == 0 {
			r.restate(nights, nil)
			rulebooks = append(rulebooks, mustRulebook(t, r.config.yaml()))
			recomputed += r.verify(rulebooks)
		}
		from := r.first + settlement.Date(r.IntN(len(nights)))
		open := from > r.closed
		if open {
			r.again(from)
		}
		if member, found := r.someMember(); found {
			if !r.forget(member) {
				t.Errorf("seed %d: %q was not found", seed, member)
			}
			forgotten++
			recomputed += r.verify(rulebooks)
			// The inbox has the id still. Nothing may change, nor the ledger get it back.
			if open && !r.again(from) {
				t.Errorf("seed %d: restating %s after %q was forgotten changed something", seed, from, member)
			}
			if r.forget(member) {
				t.Errorf("seed %d: after restating %s there was something to forget of %q", seed, from, member)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d dates were computed again, %d members forgotten", recomputed, forgotten)
	if recomputed == 0 || forgotten == 0 {
		t.Error("there is too little in these histories")
	}
}

// verify expects that all is sound, and returns how many dates were computed again.
func (r *restatedHistory) verify(rulebooks []*rules.Rulebook) int {
	report, err := batch.Verify(context.Background(), batch.VerifyJob{Ledger: r.stores.ledger, Statements: r.stores.statements, Inbox: r.stores.inbox,
		Date: settlement.NoDate, Deep: true, Rulebooks: rulebooks})
	if err != nil {
		r.t.Fatalf("seed %d: %v", r.seed, err)
	}
	for _, fault := range report.Faults {
		// Corrections replace files that dates before the restated one have read, too.
		if !strings.Contains(fault.Message, "has another content by now") {
			r.t.Errorf("seed %d: %s", r.seed, fault)
		}
	}
	return len(report.Recomputed)
}

// again restates without any correction, and reports whether nothing changed.
func (r *restatedHistory) again(date settlement.Date) bool {
	job := r.stores.job(mustRulebook(r.t, r.config.yaml()), date)
	job.AllowMissing, job.Restate, job.Reason = true, true, "again"
	report, err := batch.Run(context.Background(), job)
	if err != nil {
		r.t.Fatalf("seed %d, restating %s: %v", r.seed, date, err)
	}
	return report.Same
}

// forget reports whether there was something to forget of a member.
func (r *restatedHistory) forget(member string) bool {
	report, err := batch.ForgetMember(context.Background(), batch.ForgetJob{Ledger: r.stores.ledger, Member: member, Reason: "asked for it"})
	if err != nil {
		r.t.Fatalf("seed %d: forget %q: %v", r.seed, member, err)
	}
	return report.Found
}

// someMember returns one of the members on record.
func (r *restatedHistory) someMember() (member string, found bool) {
	ledger, err := books.Open(context.Background(), r.stores.ledger)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, object := range ledger.MemberObjects() {
		accounts := batch.AccountsIn(r.t, ledger, object)
		if len(accounts) > 0 {
			return accounts[r.IntN(len(accounts))].Member, true
		}
	}
	return "", false
}
