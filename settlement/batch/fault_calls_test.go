package batch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/faults"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// A faultScene is what a run does while its stores fail.
type faultScene struct {
	name   string
	before stores
	job    func(stores) batch.Job
	// wanted is what is published in the end, publications how many records settle dates then.
	wanted       map[string]string
	publications int
	// known is how many do before.
	known int
}

// faultScenes returns a first run, which has never seen its stores, and a restatement of a date that
// a later one follows.
func faultScenes(t *testing.T) []*faultScene {
	rulebook := mustRulebook(t, laneRulebook)
	first := &faultScene{name: "first run", before: lane(t, 1, false), job: func(s stores) batch.Job { return told(s, s.job(rulebook, laneStart)) }}
	restatement := &faultScene{name: "restatement", before: lane(t, 2, false), known: 2, job: func(s stores) batch.Job { return told(s, restated(s.job(rulebook, laneStart))) }}
	for night := range settlement.Date(2) {
		mustRun(t, told(restatement.before, restatement.before.job(rulebook, laneStart+night)))
	}
	row := map[string]string{"transaction_id": "mended", "member_id": "ada", "kind": "redeem", "points": "80", "occurred_at": laneStartText + "T23:00:00+02:00"}
	key := "merchant=Cinema/date=" + laneStartText + "/tickets.jsonl"
	mended := contentsOf(t, restatement.before.inbox)[key]
	fillAnew(t, restatement.before.inbox, key, mended[:strings.Index(mended, `{"kind":"issue"`)]+asJSONLines([]map[string]string{row}))
	for _, scene := range []*faultScene{first, restatement} {
		straight := scene.before.clone(t)
		mustRun(t, scene.job(straight))
		scene.wanted, scene.publications = publishedIn(t, straight), len(publicationsIn(t, straight.ledger))
	}
	return []*faultScene{first, restatement}
}

// told lets a job tell the merchants.
func told(s stores, job batch.Job) batch.Job {
	job.Acknowledgements = storage.Under(s.inbox, "ack")
	return job
}

func fillAnew(t *testing.T, bucket storage.Bucket, key, content string) {
	t.Helper()
	if err := bucket.Replace(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// publishedIn returns what finance and merchants read, without the marks.
func publishedIn(t *testing.T, s stores) map[string]string {
	t.Helper()
	all := contentsOf(t, s.statements)
	for key, content := range contentsOf(t, storage.Under(s.inbox, "ack")) {
		all["ack/"+key] = content
	}
	maps.DeleteFunc(all, func(key, _ string) bool { return strings.HasSuffix(key, "_projected.json") })
	return all
}

// publicationsIn returns the records that settle dates.
func publicationsIn(t *testing.T, bucket storage.Bucket) (found []books.Record) {
	t.Helper()
	ledger, err := books.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range ledger.Records() {
		if record.Kind == books.Publish {
			found = append(found, record)
		}
	}
	return found
}

// wrapped are the stores as a run sees them whose calls go wrong.
func (s stores) wrapped(injector *faults.Injector) stores {
	return stores{injector.Wrap(s.inbox, "inbox"), injector.Wrap(s.ledger, "ledger"), injector.Wrap(s.statements, "statements")}
}

// A trial is one run with faults, and the one after it.
type trial struct {
	t     *testing.T
	scene *faultScene
	// stores are the honest ones.
	stores stores
	name   string
	failed bool
}

func (tr *trial) violated(format string, arguments ...any) {
	tr.failed = true
	tr.t.Errorf("%s, %s: %s", tr.scene.name, tr.name, fmt.Sprintf(format, arguments...))
}

// reported checks that what a run said is true: its error says whether its record is in the log.
func (tr *trial) reported(err error) {
	mine := len(publicationsIn(tr.t, tr.stores.ledger)) - tr.scene.known
	var committed *batch.CommittedError
	switch {
	case errors.Is(err, books.ErrUnknown):
	case err == nil || errors.As(err, &committed):
		if mine != 1 {
			tr.violated("it says that it is on record, and %d records are: %v", mine, err)
		}
	case errors.Is(err, books.ErrLost):
		tr.violated("nobody else ran, and it says that it lost: %v", err)
	default:
		if mine != 0 {
			tr.violated("it says that it failed, and it is on record: %v", err)
		}
	}
}

// finished runs again, without faults, and checks that nothing shows of what happened before.
func (tr *trial) finished() {
	found := publishedIn(tr.t, tr.stores)
	for key := range tr.scene.wanted {
		folder := key[:strings.LastIndexByte(key, '/')+1]
		for _, last := range []string{"_statement.json", books.AcknowledgementName} {
			if content, there := found[folder+last]; there && content == tr.scene.wanted[folder+last] && found[key] != tr.scene.wanted[key] {
				tr.violated("%s%s is there, but %s is not as it announces", folder, last, key)
			}
		}
	}
	if _, err := batch.Run(context.Background(), tr.scene.job(tr.stores)); err != nil {
		tr.violated("the next run: %v", err)
		return
	}
	found = publishedIn(tr.t, tr.stores)
	for _, key := range slices.Sorted(maps.Keys(tr.scene.wanted)) {
		if found[key] != tr.scene.wanted[key] {
			tr.violated("after the next run %s differs", key)
		}
	}
	if len(found) != len(tr.scene.wanted) {
		tr.violated("after the next run %d files are published, not %d", len(found), len(tr.scene.wanted))
	}
	tr.sound()
}

// sound checks the ledger as a whole.
func (tr *trial) sound() {
	ledger, err := books.Open(context.Background(), tr.stores.ledger)
	if err == nil {
		err = ledger.Verify(context.Background(), func(fault error) { tr.violated("%v", fault) })
	}
	if err != nil {
		tr.violated("%v", err)
	}
	if count := len(publicationsIn(tr.t, tr.stores.ledger)); count != tr.scene.publications {
		tr.violated("%d records settle dates, not %d", count, tr.scene.publications)
	}
}

// TestFaultB_EachCallFails lets the k-th call of all stores together go wrong, in each way, for every k
// until a run meets no fault. A run says truly whether it is on record, and the next one
// publishes the bytes of a run that nothing befell.
func TestFaultB_EachCallFails(t *testing.T) {
	kinds := append([]faults.Kind{faults.ServerErrorAfter, faults.TimeoutLate, faults.OwnExists, faults.Conflict, faults.DiskFull, faults.Unforced}, faults.Failures...)
	step := int64(faults.Count(7, 1))
	for _, scene := range faultScenes(t) {
		for i, kind := range kinds {
			var mutex sync.Mutex
			var trials, violations int
			outcomes := make(map[string]int)
			var group errgroup.Group
			group.SetLimit(runtime.GOMAXPROCS(0))
			clean := false
			for k := 1 + int64(i)%step; ; k += step {
				mutex.Lock()
				stop := clean
				mutex.Unlock()
				if stop {
					break
				}
				group.Go(func() error {
					outcome, hit, failed := scene.eachCall(t, k, kind)
					mutex.Lock()
					defer mutex.Unlock()
					clean = clean || outcome == ""
					if hit {
						trials++
						outcomes[outcome]++
					}
					if failed {
						violations++
					}
					return nil
				})
			}
			_ = group.Wait()
			faults.Record(t, "B", fmt.Sprintf("the k-th call fails with %s, %s", kind, scene.name), trials, violations, describeOutcomes(outcomes))
		}
	}
}

func describeOutcomes(outcomes map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name, outcomes[name]))
	}
	return strings.Join(parts, ", ")
}

// eachCall lets one call go wrong. The outcome is empty if there were fewer calls; hit is false
// if the call was one that the kind leaves alone.
func (s *faultScene) eachCall(t *testing.T, k int64, kind faults.Kind) (outcome string, hit, failed bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := &trial{t: t, scene: s, stores: s.before.clone(t), name: fmt.Sprintf("call %d, %s", k, kind)}
		injector := faults.Once(k, kind)
		_, err := batch.Run(t.Context(), s.job(tr.stores.wrapped(injector)))
		injector.Arrive()
		hits := injector.Hits()
		hit = len(hits) > 0
		outcome = outcomeOf(err)
		switch {
		case !hit && err != nil:
			tr.violated("nothing went wrong, and: %v", err)
		case !hit && injector.Calls() < k:
			outcome = ""
		}
		tr.reported(err)
		if err == nil && hit && kind == faults.Absent && hits[0].Bucket == "inbox" && hits[0].Operation == faults.Open {
			// A file that is gone when it is read is held, and the night goes on without it.
			outcome = "a file held"
			tr.sound()
		} else {
			tr.finished()
		}
		failed = tr.failed
	})
	return outcome, hit, failed
}

// outcomeOf names the exit code that an error leads to.
func outcomeOf(err error) string {
	var committed *batch.CommittedError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, books.ErrUnknown):
		return "unknown (5)"
	case errors.Is(err, books.ErrLost):
		return "lost (4)"
	case errors.As(err, &committed):
		return "committed, not all published (1)"
	default:
		return "failed (1)"
	}
}
