package books

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/storage"
)

var (
	simulations = flag.Int("simulations", 300, "number of simulated histories")
	seedFlag    = flag.Int64("simulation-seed", 0, "simulate this history only")
)

// TestSimulation lets several runners settle, restate, project and clean up on one store, one
// call at a time in an order drawn from a seed, while calls fail before or after they were
// applied, are applied long after they were given up, and runners are killed. In the end the
// ledger must be whole and agree with what every runner reported.
func TestSimulation(t *testing.T) {
	first := time.Now().UnixNano() % 1_000_000_000
	if *seedFlag != 0 {
		first, *simulations = *seedFlag, 1
	}
	tally := make(map[string]int)
	for seed := first; seed < first+int64(*simulations); seed++ {
		simulate(t, seed, tally)
		if t.Failed() {
			t.Fatalf("run it again with -run TestSimulation -simulation-seed %d", seed)
		}
	}
	t.Logf("seeds %d to %d: %v", first, first+int64(*simulations)-1, tally)
	if *simulations < 100 {
		return
	}
	for _, outcome := range []string{"committed", "lost", "aborted", "unknown", "failed", "killed", "cleaned up", "late"} {
		if tally[outcome] == 0 {
			t.Errorf("no simulation ever had the outcome %q", outcome)
		}
	}
}

// A world is a store and what happens to it. One goroutine at a time runs.
type world struct {
	t                  *testing.T
	random             *rand.Rand
	ledger, statements storage.Bucket
	runners            []*runner
	// faulty is false in a world where nothing fails: runners only get into each other's way.
	faulty   bool
	late     []func() error
	outcomes map[string]error // of commits, by attempt
	tally    map[string]int
}

// A runner is one process after the other.
type runner struct {
	*world
	grant chan bool // false: be killed
	event chan bool // true: waiting for a grant; false: ended
	runs  int
	// unreachable counts the calls for which the store does not answer this runner.
	unreachable int
	// refusals counts the creates below log/ that fail for this runner while reading works.
	refusals int
}

type killed struct{}

func simulate(t *testing.T, seed int64, tally map[string]int) {
	w := &world{t: t, random: rand.New(rand.NewSource(seed)), ledger: storage.NewMemory(), statements: storage.NewMemory(),
		faulty: seed%4 != 0, outcomes: make(map[string]error), tally: tally}
	for range 2 + w.random.Intn(3) {
		r := &runner{world: w, grant: make(chan bool), event: make(chan bool), runs: 1 + w.random.Intn(4)}
		w.runners = append(w.runners, r)
		go r.live()
		<-r.event
	}
	// Some worlds take turns, in others one runner goes far while the others stand still.
	burst := []int{1, 10, 60}[w.random.Intn(3)]
	for i := 0; len(w.runners) > 0; {
		if len(w.late) > 0 && w.random.Intn(15) == 0 {
			w.arrive()
		}
		if i >= len(w.runners) || w.random.Intn(burst) == 0 {
			i = w.random.Intn(len(w.runners))
		}
		w.runners[i].grant <- true
		if !<-w.runners[i].event {
			w.runners = slices.Delete(w.runners, i, i+1)
		}
	}
	for len(w.late) > 0 {
		w.arrive()
	}
	w.check()
}

// arrive applies a write that was given up.
func (w *world) arrive() {
	i := w.random.Intn(len(w.late))
	w.late[i]()
	w.late = slices.Delete(w.late, i, i+1)
	w.tally["late"]++
}

func (r *runner) live() {
	for range r.runs {
		r.process()
	}
	r.event <- false
}

// process is one process: it may be killed.
func (r *runner) process() {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case killed:
			r.tally["killed"]++
		default:
			r.t.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	r.turn()
	ctx := context.Background()
	// A runner waits for its turn before each call, so it reads one record after the other.
	ledger, err := openBy(ctx, faulty(r.ledger, r.call(true)), 1, r.random.Intn(4)-1)
	if err != nil {
		r.failed(err)
		return
	}
	ledger.pause = func(int) {}
	ledger.foldersPerLook = 1
	if err := r.settle(ctx, ledger); err != nil {
		return
	}
	if err := ledger.ProjectAll(ctx, faulty(r.statements, r.call(false))); err != nil {
		r.failed(err)
		return
	}
	if r.random.Intn(2) == 0 {
		removed, err := ledger.CleanUp(ctx)
		if r.tally["cleaned up"] += len(removed); err != nil {
			r.failed(err)
		}
	}
}

// failed sees to it that nothing but a fault of the store is ever reported.
func (r *runner) failed(err error) {
	r.tally["failed"]++
	if errors.Is(err, ErrLost) {
		return // another one cleaned up what this one was still writing
	}
	if errors.Is(err, ErrBroken) || errors.Is(err, ErrUnsafe) || !errors.Is(err, errTimeout) {
		r.t.Errorf("failed: %v", err)
	}
}

// settle publishes the next date or restates an earlier one.
func (r *runner) settle(ctx context.Context, ledger *Ledger) error {
	attempt, err := ledger.Begin(ctx)
	if err != nil {
		r.failed(err)
		return err
	}
	date := firstDate
	if last, found := ledger.LastSettled(); found {
		date = firstDate + settlement.Date(r.random.Intn(int(last+2-firstDate)))
	}
	if err := ledger.readDate(ctx, date); err != nil {
		r.failed(err)
		return err
	}
	record, err := prepare(ctx, ledger, attempt, date, attempt.ID())
	if err != nil {
		r.failed(err)
		return err
	}
	// A process that is killed in Commit reports nothing.
	r.outcomes[attempt.ID()] = ErrUnknown
	err = attempt.Commit(ctx, record)
	r.outcomes[attempt.ID()] = err
	for outcome, is := range map[string]bool{"committed": err == nil, "lost": errors.Is(err, ErrLost),
		"aborted": errors.Is(err, ErrAborted), "unknown": errors.Is(err, ErrUnknown)} {
		if is {
			r.tally[outcome]++
			return err
		}
	}
	r.t.Errorf("commit: %v", err)
	return err
}

// turn waits until the world lets this runner go on.
func (r *runner) turn() {
	r.event <- true
	<-r.grant
}

// call is the hook of a runner's bucket: it draws what becomes of each call.
func (r *runner) call(canBeLate bool) func(operation, key string, run func() error) error {
	return func(operation, key string, run func() error) error {
		r.turn()
		if !r.faulty {
			return run()
		}
		if r.unreachable > 0 {
			r.unreachable--
			return errTimeout
		}
		// Around the commit more goes wrong.
		odds := 150
		if strings.HasPrefix(key, logPrefix) && operation == "create" {
			if odds = 18; r.refusals > 0 {
				r.refusals--
				r.late = append(r.late, run)
				return errTimeout
			}
		}
		switch r.random.Intn(odds) {
		case 0:
			return errTimeout
		case 1:
			run()
			return errTimeout
		case 2:
			panic(killed{})
		case 3:
			run()
			panic(killed{})
		case 4, 5, 6:
			if operation == "create" && canBeLate {
				r.late = append(r.late, run)
			}
			if r.random.Intn(2) == 0 {
				r.unreachable = r.random.Intn(30)
			}
			return errTimeout
		case 7:
			r.refusals = tries - 1 // long enough for an abort
			return errTimeout
		}
		return run()
	}
}

// check compares what is there with what was reported.
func (w *world) check() {
	t := w.t
	ledger := open(t, w.ledger)
	verifyAll(t, ledger)
	published := make(map[string]bool)
	for _, record := range ledger.Records() {
		if record.Kind == Publish {
			published[record.Attempt] = true
		}
	}
	for attempt, err := range w.outcomes {
		if !errors.Is(err, ErrUnknown) && (err == nil) != published[attempt] {
			t.Errorf("attempt %s reported %v; on record: %t", attempt, err, published[attempt])
		}
	}
	for attempt := range published {
		if _, known := w.outcomes[attempt]; !known {
			t.Errorf("attempt %s is on record and never tried to commit", attempt)
		}
	}
	// A killed process may have brought back an old file beside a new _statement.json.
	if w.faulty {
		if err := ledger.Rebuild(t.Context(), w.statements); err != nil {
			t.Error(err)
		}
	}
	project(t, ledger, w.statements)
	expectProjected(t, ledger, w.statements)
	w.checkCleanUp(ledger)
}

func (w *world) checkCleanUp(ledger *Ledger) {
	t := w.t
	if _, err := ledger.CleanUp(t.Context()); err != nil {
		t.Error(err)
	}
	verifyAll(t, ledger)
	head, _ := ledger.Head()
	named := ledger.namedAttempts()
	for key, content := range contents(t, w.ledger) {
		if !strings.HasPrefix(key, runsPrefix) || !strings.HasSuffix(key, "/"+intentName) {
			continue
		}
		var found intent
		if err := decodeLine([]byte(content), &found); err != nil {
			t.Error(err)
		}
		if !named[found.Attempt] && found.Head < head {
			t.Errorf("attempt %s was left", found.Attempt)
		}
	}
	if t.Failed() {
		fmt.Printf("outcomes %v\n", w.outcomes)
	}
}
