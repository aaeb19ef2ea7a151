package batch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// A crash ends a run at its k-th write: from then on nothing it does reaches the stores.
type crash struct {
	mutex sync.Mutex
	// writes are left until the crash; the last one is carried out if it arrives.
	writes  int
	arrives bool
	over    bool
	// end cancels the run, as its process is gone and tries nothing again.
	end context.CancelFunc
}

var errCrashed = errors.New("the process is gone")

// call carries out a call, unless the process is gone.
func (c *crash) call(call faults.Call, run func() error) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.over:
		return errCrashed
	case !call.Operation.Writes():
		return run()
	}
	if c.writes--; c.writes > 0 {
		return run()
	}
	if c.arrives {
		_ = run() // its answer never comes
	}
	c.over = true
	c.end()
	return errCrashed
}

// TestRunAfterACrash lets a run crash at each of its writes, one after the other, the write
// having arrived or not. The next run completes what was published to the bytes of a run that
// never crashed. Without memory, the first writes come while members are attributed.
func TestRunAfterACrash(t *testing.T) {
	rulebook := mustRulebook(t, laneRulebook)
	before := lane(t, 3, false)
	mustRun(t, before.job(rulebook, laneStart))
	straight := before.clone(t)
	mustRun(t, catchUp(straight.job(rulebook, laneStart+2)))
	wanted, wantedState := contentsOf(t, straight.statements), stateSums(t, straight.ledger)
	for _, c := range []struct {
		arrives bool
		memory  int64
	}{{false, 0}, {true, 0}, {false, 1}, {true, 1}} {
		t.Run(fmt.Sprintf("arrives_%t,_memory_%d", c.arrives, c.memory), func(t *testing.T) {
			t.Parallel()
			for k := 1; ; k++ {
				s := before.clone(t)
				job := catchUp(s.job(rulebook, laneStart+2))
				job.Memory, job.SpillDirectory = c.memory, t.TempDir()
				if err := crashAt(t, s, job, k, c.arrives); err == nil {
					t.Logf("%d writes", k-1)
					break
				}
				// Whatever the crash left, nothing half done is announced.
				expectWholeFolders(t, contentsOf(t, s.statements), wanted)
				mustRun(t, catchUp(s.job(rulebook, laneStart+2)))
				expectSame(t, contentsOf(t, s.statements), wanted)
				expectSame(t, stateSums(t, s.ledger), wantedState)
				if operators := settledBy(t, s.ledger); len(operators) != 3 {
					t.Errorf("settled by %q", operators)
				}
				if t.Failed() {
					t.Fatalf("after a crash at write %d", k)
				}
			}
		})
	}
}

// TestRunAfterManyCrashes lets run after run crash at a random write, until one comes through.
func TestRunAfterManyCrashes(t *testing.T) {
	rulebook := mustRulebook(t, laneRulebook)
	straight := lane(t, 3, false)
	mustRun(t, catchUp(straight.job(rulebook, laneStart+2)))
	wanted := contentsOf(t, straight.statements)
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 7))
		s := lane(t, 3, false)
		crashes := 0
		for crashAt(t, s, catchUp(s.job(rulebook, laneStart+2)), 1+random.IntN(60+4*crashes), random.IntN(2) == 0) != nil {
			crashes++
			expectWholeFolders(t, contentsOf(t, s.statements), wanted)
		}
		expectSame(t, contentsOf(t, s.statements), wanted)
		settledBy(t, s.ledger)
		if t.Failed() {
			t.Fatalf("seed %d, after %d crashes", seed, crashes)
		}
	}
}

func catchUp(job batch.Job) batch.Job {
	job.CatchUp = true
	return job
}

// crashAt runs a job whose process is gone with its k-th write.
func crashAt(t *testing.T, s stores, job batch.Job, k int, arrives bool) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &crash{writes: k, arrives: arrives, end: cancel}
	job.Inbox, job.Ledger, job.Statements = faults.Wrap(s.inbox, "inbox", c.call), faults.Wrap(s.ledger, "ledger", c.call), faults.Wrap(s.statements, "statements", c.call)
	_, err := batch.Run(ctx, job)
	if err == nil && c.over {
		t.Errorf("the run says it is done, although it crashed at write %d", k)
	}
	return err
}

// expectWholeFolders checks that a folder with a _statement.json holds all of it as wanted.
func expectWholeFolders(t *testing.T, found, wanted map[string]string) {
	t.Helper()
	for key := range wanted {
		folder := key[:strings.LastIndexByte(key, '/')+1]
		if _, announced := found[folder+"_statement.json"]; announced && found[key] != wanted[key] {
			t.Errorf("%s is announced, but %s is not as it must be", folder, key)
		}
	}
}

// TestTwoRunsAtOnce lets two runs settle the same dates, whose inboxes differ, so that it shows
// whose statements they are. Each date is settled by one of them and its statements are all of
// that one; the other hears that it lost, or that the date is settled.
func TestTwoRunsAtOnce(t *testing.T) {
	rulebook := mustRulebook(t, laneRulebook)
	inboxes := map[string]storage.Bucket{}
	for _, name := range []string{"left", "right"} {
		s := lane(t, 2, false)
		inboxes[name] = s.inbox
	}
	for i, date := range []string{"2026-07-03", "2026-07-04"} {
		row := map[string]string{"transaction_id": fmt.Sprint("extra", i), "member_id": "ada", "kind": "redeem", "points": "7", "occurred_at": date + "T23:00:00+02:00"}
		fill(t, inboxes["right"], map[string]string{"merchant=Cinema/date=" + date + "/extra.csv": asCSV([]map[string]string{row})})
	}
	spill, memory := t.TempDir(), int64(0)
	job := func(s stores, name string, night settlement.Date) batch.Job {
		job := catchUp(s.job(rulebook, laneStart+night))
		job.Memory, job.SpillDirectory = memory, spill
		job.Inbox, job.Operator = inboxes[name], name
		return job
	}
	wanted := map[string]map[string]string{}
	for _, first := range []string{"left", "right"} {
		for _, second := range []string{"left", "right"} {
			s := memoryStores()
			mustRun(t, job(s, first, 0))
			mustRun(t, job(s, second, 1))
			wanted[first+" "+second] = contentsOf(t, s.statements)
		}
	}
	outcomes := map[string]int{}
	for round := range 54 {
		s := memoryStores()
		if round >= 50 {
			s = directoryStores(t)
		}
		memory = int64(round % 3 / 2) // a run without memory stores accounts before it knows whether the date is taken
		outcomes[race(t, s, round, job, wanted)]++
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%v", outcomes)
}

// race runs both jobs at once over the stores, one of them a little later from round to round,
// and says how it ended.
func race(t *testing.T, s stores, round int, job func(s stores, name string, night settlement.Date) batch.Job, wanted map[string]map[string]string) string {
	names := []string{"left", "right"}
	var (
		reports [2]batch.Report
		errs    [2]error
		running sync.WaitGroup
		start   = make(chan struct{})
	)
	for i, name := range names {
		running.Go(func() {
			<-start
			if i == round%2 {
				time.Sleep(time.Duration(round/2) * time.Millisecond)
			}
			reports[i], errs[i] = batch.Run(t.Context(), job(s, name, 1))
		})
	}
	close(start)
	running.Wait()
	settled := settledBy(t, s.ledger)
	if len(settled) != 2 {
		t.Fatalf("settled by %q; %v", settled, errs)
	}
	for i, name := range names {
		if errs[i] != nil && !errors.Is(errs[i], books.ErrLost) {
			t.Errorf("%s: %v", name, errs[i])
		}
		for _, date := range reports[i].Dates {
			if by := settled[date.Date-laneStart]; !date.Already && by != name {
				t.Errorf("%s says it settled %s, which %s did", name, date.Date, by)
			}
		}
	}
	if errs[0] != nil && errs[1] != nil {
		t.Errorf("both failed: %v", errs)
	}
	expectSame(t, contentsOf(t, s.statements), wanted[strings.Join(settled, " ")])
	return fmt.Sprintf("settled by %s, lost: %t %t", strings.Join(settled, " and "), errs[0] != nil, errs[1] != nil)
}

// besides returns the job with another run that goes from beginning to end when the job begins to publish its first date.
func besides(t *testing.T, job, other batch.Job) batch.Job {
	published := false
	job.Statements = faults.Wrap(job.Statements, "statements", func(call faults.Call, run func() error) error {
		if call.Operation.Writes() && !published {
			published = true
			mustRun(t, other)
		}
		return run()
	})
	return job
}

// TestAnotherRunSettlesTheNextDate lets another run settle the second of three dates while one publishes the first: it
// hears that the second is settled, and does not settle it again, whether the other's statements would be the same or not.
func TestAnotherRunSettlesTheNextDate(t *testing.T) {
	for _, differ := range []bool{false, true} {
		s, rulebook := lane(t, 3, false), mustRulebook(t, laneRulebook)
		other := s.job(rulebook, laneStart+1)
		other.Operator = "other"
		if differ {
			other.Inbox = lane(t, 3, false).inbox
			row := map[string]string{"transaction_id": "extra", "member_id": "ada", "kind": "redeem", "points": "7", "occurred_at": "2026-07-04T23:00:00+02:00"}
			fill(t, other.Inbox, map[string]string{"merchant=Cinema/date=2026-07-04/extra.csv": asCSV([]map[string]string{row})})
		}
		job := besides(t, catchUp(s.job(rulebook, laneStart+2)), other)
		report, err := batch.Run(t.Context(), job)
		if err != nil {
			t.Errorf("statements that differ %t: %v", differ, err)
		}
		var already []bool
		for _, date := range report.Dates {
			already = append(already, date.Already)
		}
		if !slices.Equal(already, []bool{false, true, false}) {
			t.Errorf("statements that differ %t: of the dates, settled before were %v", differ, already)
		}
		if by := settledBy(t, s.ledger); !slices.Equal(by, []string{job.Operator, "other", job.Operator}) {
			t.Errorf("statements that differ %t: settled by %q", differ, by)
		}
	}
}

// TestAnotherRunUsesAnotherPrice lets another run settle the second of three dates with a price that one's rulebook says otherwise:
// it does not go on.
func TestAnotherRunUsesAnotherPrice(t *testing.T) {
	withPrice := func(price string) *rules.Rulebook {
		return mustRulebook(t, strings.Replace(laneRulebook, "prices: [", "prices: [{id: late, from: 2026-07-04, price: "+price+", per_points: 100}, ", 1))
	}
	s := lane(t, 3, false)
	_, err := batch.Run(t.Context(), besides(t, catchUp(s.job(withPrice(`"2.00"`), laneStart+2)), s.job(withPrice(`"3.00"`), laneStart+1)))
	var misfit *batch.RulebookError
	if !errors.As(err, &misfit) {
		t.Errorf("a run that comes to a price that was used with another content ended with %v", err)
	}
	if by := settledBy(t, s.ledger); len(by) != 2 {
		t.Errorf("%d dates are settled", len(by))
	}
}
