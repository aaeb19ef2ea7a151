package batch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"alliance/settlement/batch"
	"alliance/settlement/faults"

	"golang.org/x/sync/errgroup"
)

// A commitFault is what befalls the writes of one slot of the log, drawn from a seed.
type commitFault struct {
	random *rand.Rand
	kind   faults.Kind
	// writes go wrong, one after the other: the first in the way of kind, the others in any way, or
	// in the same.
	writes int
	same   bool
	// reads of the slot fail after the first write.
	reads int
	// rival settles the date just before the first write, if not nil.
	rival func()
	sent  bool
}

var commitKinds = []faults.Kind{faults.TimeoutAfter, faults.OwnExists, faults.Conflict, faults.ServerErrorAfter, faults.ServerError, faults.TimeoutLate, faults.Unforced}

func drawCommitFault(kind faults.Kind, seed uint64, rival func()) *commitFault {
	random := rand.New(rand.NewPCG(seed, uint64(slices.Index(commitKinds, kind))))
	fault := &commitFault{random: random, kind: kind, writes: 1, same: random.IntN(2) == 0}
	if random.IntN(3) == 0 {
		fault.writes += random.IntN(9) // as many as a commit and its abort ever send
	}
	if random.IntN(3) == 0 {
		fault.reads = random.IntN(12)
	}
	if random.IntN(5) == 0 {
		fault.rival = rival
	}
	return fault
}

// decide lets calls of the log go wrong.
func (f *commitFault) decide(_ int64, call faults.Call) faults.Kind {
	if call.Bucket != "ledger" || !strings.HasPrefix(call.Key, "log/0") {
		return faults.Fine
	}
	switch {
	case call.Operation == faults.Create && f.writes > 0:
		kind := f.kind
		if f.sent && !f.same {
			later := append([]faults.Kind{faults.TimeoutBefore}, commitKinds...)
			kind = later[f.random.IntN(len(later))]
		}
		if !f.sent && f.rival != nil {
			f.rival()
		}
		f.sent = true
		f.writes--
		return kind
	case call.Operation == faults.Open && f.sent && f.reads > 0:
		f.reads--
		return faults.TimeoutBefore
	}
	return faults.Fine
}

// TestFaultC_CommitAnswers lets the answer of the commit be lost, or be another than the truth; after it
// other answers fail, too, writes arrive late, and rivals settle the date. What the run reports is
// what the log says.
func TestFaultC_CommitAnswers(t *testing.T) {
	scene := faultScenes(t)[0]
	for _, kind := range commitKinds {
		var (
			group              errgroup.Group
			mutex              sync.Mutex
			trials, violations int
			outcomes           = make(map[string]int)
		)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for seed := range uint64(faults.Count(25, 1000)) {
			group.Go(func() error {
				outcome, failed := scene.commitAnswers(t, kind, seed)
				mutex.Lock()
				defer mutex.Unlock()
				trials++
				outcomes[outcome]++
				if failed {
					violations++
				}
				return nil
			})
		}
		_ = group.Wait()
		faults.Record(t, "C", "the commit's answer: "+string(kind), trials, violations, describeOutcomes(outcomes))
	}
}

func (s *faultScene) commitAnswers(t *testing.T, kind faults.Kind, seed uint64) (outcome string, failed bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := &trial{t: t, scene: s, stores: s.before.clone(t), name: fmt.Sprintf("seed %d, %s", seed, kind)}
		rivalled := false
		fault := drawCommitFault(kind, seed, func() {
			rivalled = true
			job := s.job(tr.stores)
			job.Operator = "rival"
			if _, err := batch.Run(context.Background(), job); err != nil {
				tr.violated("the rival: %v", err)
			}
		})
		injector := faults.NewInjector(fault.decide)
		job := s.job(tr.stores.wrapped(injector))
		job.Operator = "mine"
		_, err := batch.Run(t.Context(), job)
		// What is on its way arrives now, or long after.
		if fault.random.IntN(2) == 0 {
			injector.Arrive()
		}
		outcome = outcomeOf(err)
		tr.told(err, rivalled)
		time.Sleep(time.Hour)
		injector.Arrive()
		tr.told(err, rivalled)
		tr.finished()
		failed = tr.failed
	})
	return outcome, failed
}

// told checks that what a run said is true, whether or not a rival was faster.
func (tr *trial) told(err error, rivalled bool) {
	mine := 0
	for _, record := range publicationsIn(tr.t, tr.stores.ledger) {
		if record.Operator == "mine" {
			mine++
		}
	}
	switch outcome := outcomeOf(err); {
	case outcome == "unknown (5)":
	case outcome == "done" || strings.HasPrefix(outcome, "committed"):
		if mine != 1 {
			tr.violated("it says that it is on record, and %d records are: %v", mine, err)
		}
	case outcome == "lost (4)":
		if mine != 0 || !rivalled {
			tr.violated("it says that it lost; %d records are its own, a rival ran: %t: %v", mine, rivalled, err)
		}
	default:
		if mine != 0 {
			tr.violated("it says that it failed, and it is on record: %v", err)
		}
	}
}
