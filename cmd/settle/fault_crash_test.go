package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/settlement/crash"
	"alliance/settlement/faults"
	"alliance/settlement/storage/s3test"

	"golang.org/x/sync/errgroup"
)

// A crashScene is what the program is doing when it is killed.
type crashScene struct {
	name string
	// restate: dates are settled already, and restated from corrected files.
	restate bool
	// two: another process does the same at the same time, and is not killed.
	two bool
	// fast: the fast lane tries one of so many points.
	fast int
}

var crashScenes = []crashScene{
	{name: "first run", fast: 2}, {name: "restatement", restate: true, fast: 5}, {name: "two at once", two: true, fast: 10},
}

// A crashStage is where the scenes are played: in directories, or on an S3 server.
type crashStage struct {
	t       *testing.T
	program string
	// worlds returns a new, empty world.
	worlds func() (*world, error)
	// settled is what lies in the stores of a world whose dates are settled; for directories its path.
	settled  *world
	snapshot map[string]string
}

// arguments is the command that is killed, and repeated.
func (s crashScene) arguments(w *world) []string {
	arguments := []string{"run", "--root", w.root, "--rules", rulebookPath}
	if s.restate {
		return append(arguments, "--date", "2026-06-01", "--restate", "--reason", "two files were wrong")
	}
	return append(arguments, "--date", "2026-06-02", "--catch-up")
}

// corrections are the files that merchants deliver anew: a row that was rejected is mended, and
// points of a row change.
func corrections(inbox map[string]string) map[string]string {
	const tuesday, monday = "merchant=ALDER/date=2026-06-02/sales.csv", "merchant=CEDAR/date=2026-06-01/sales.jsonl"
	return map[string]string{
		tuesday: strings.Replace(inbox[tuesday], "issue,12.5,", "issue,12,", 1),
		monday:  strings.Replace(inbox[monday], `"points":300`, `"points":350`, 1),
	}
}

// world returns a world as a scene begins.
func (s *crashStage) world(scene crashScene) (*world, error) {
	w, err := s.worlds()
	if err != nil {
		return nil, err
	}
	inbox, err := sampleInbox("2026-06-01", "2026-06-02")
	if err != nil {
		return nil, err
	}
	if !scene.restate {
		return w, w.deliver(inbox)
	}
	if err := s.copySettled(w, inbox); err != nil {
		return nil, err
	}
	return w, w.deliver(corrections(inbox))
}

// copySettled makes a world one whose dates are settled.
func (s *crashStage) copySettled(w *world, inbox map[string]string) error {
	if w.directory == "" {
		return s.putSettled(w)
	}
	if err := os.CopyFS(w.directory, os.DirFS(s.settled.directory)); err != nil {
		return err
	}
	for key := range inbox {
		if err := os.Chtimes(filepath.Join(w.directory, "inbox", key), time.Time{}, time.Unix(1780000000, 0)); err != nil {
			return err
		}
	}
	return nil
}

// putSettled does so on a server.
func (s *crashStage) putSettled(w *world) error {
	var group errgroup.Group
	group.SetLimit(8)
	for key, content := range s.snapshot {
		group.Go(func() error {
			store, rest, _ := strings.Cut(key, "/")
			return w.stores()[store].Replace(context.Background(), rest, strings.NewReader(content))
		})
	}
	return group.Wait()
}

// prepare settles the dates that restatements begin with.
func (s *crashStage) prepare() error {
	w, err := s.world(crashScene{})
	if err != nil {
		return err
	}
	if err := mustSettle(crashScene{}.arguments(w)...); err != nil {
		return err
	}
	s.settled, s.snapshot = w, make(map[string]string)
	for name, bucket := range w.stores() {
		all, err := contents(bucket)
		if err != nil {
			return err
		}
		for key, content := range all {
			s.snapshot[name+"/"+key] = content
		}
	}
	return nil
}

// start starts the program in a world.
func (s *crashStage) start(scene crashScene, w *world, environment ...string) (process *exec.Cmd, output *bytes.Buffer, err error) {
	process, output = exec.Command(s.program, scene.arguments(w)...), new(bytes.Buffer)
	process.Env = append(os.Environ(), environment...)
	process.Stdout, process.Stderr = output, output
	return process, output, process.Start()
}

// undisturbed runs a scene without a crash; it returns what is published, and how often each point is
// reached.
func (s *crashStage) undisturbed(scene crashScene) (wanted map[string]string, reached map[crash.Point]int, err error) {
	w, err := s.world(scene)
	if err != nil {
		return nil, nil, err
	}
	trace := filepath.Join(s.t.TempDir(), "trace")
	process, output, err := s.start(scene, w, "SETTLE_CRASH_TRACE="+trace)
	if err != nil {
		return nil, nil, err
	}
	if err := process.Wait(); err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, output)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		return nil, nil, err
	}
	reached = make(map[crash.Point]int)
	for name := range strings.FieldsSeq(string(text)) {
		reached[crash.Point(name)]++
	}
	wanted, err = w.published()
	return wanted, reached, err
}

// trial kills the program when it reaches a point for a certain time.
func (s *crashStage) trial(scene crashScene, point crash.Point, time int, wanted map[string]string) (violations []string) {
	w, err := s.world(scene)
	if err != nil {
		return []string{err.Error()}
	}
	process, output, err := s.start(scene, w, fmt.Sprintf("SETTLE_CRASH_AT=%s:%d", point, time))
	if err != nil {
		return []string{err.Error()}
	}
	if scene.two {
		other, said, err := s.start(scene, w)
		if err != nil {
			return []string{err.Error()}
		}
		if code := codeOf(other.Wait()); code != 0 && code != 4 {
			violations = append(violations, fmt.Sprintf("the other one: exit code %d: %s", code, said))
		}
	}
	// Of two at once the one that loses may never come to the point.
	if code := codeOf(process.Wait()); code != -1 && (!scene.two || code != 0 && code != 4) {
		violations = append(violations, fmt.Sprintf("it was not killed: exit code %d: %s", code, output))
	}
	violations = append(violations, w.judge(wanted, scene.arguments(w))...)
	if violations == nil && w.directory != "" {
		_ = os.RemoveAll(w.directory)
	}
	return violations
}

// times returns at which of a number of times a point is tried.
func (s *crashStage) times(scene crashScene, number int) []int {
	all := []int{1, (number + 3) / 4, (number + 1) / 2, (3*number + 3) / 4, number}
	switch {
	case !faults.All():
		all = all[2:3]
	case scene.two || s.settled.directory == "":
		all = []int{1, (number + 1) / 2, number}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// play kills the program in every scene at every point, and returns the points that were reached.
func (s *crashStage) play(where string) (all map[crash.Point]bool) {
	all = make(map[crash.Point]bool)
	for _, scene := range crashScenes {
		wanted, reached, err := s.undisturbed(scene)
		if err != nil {
			s.t.Fatalf("%s, %s: %v", where, scene.name, err)
		}
		var (
			group              errgroup.Group
			mutex              sync.Mutex
			trials, violations int
		)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, point := range crash.Points {
			if reached[point] == 0 {
				continue
			}
			all[point] = true
			if !faults.All() && i%scene.fast != scene.fast-1 {
				continue
			}
			for _, time := range s.times(scene, reached[point]) {
				group.Go(func() error {
					found := s.trial(scene, point, time, wanted)
					mutex.Lock()
					defer mutex.Unlock()
					trials++
					violations += report(s.t, fmt.Sprintf("%s, %s, killed at %s:%d", where, scene.name, point, time), found)
					return nil
				})
			}
		}
		_ = group.Wait()
		faults.Record(s.t, "A", "kill -9 at every crash point, "+scene.name+", "+where, trials, violations,
			fmt.Sprintf("%d points, at several of the times that each is reached", len(reached)))
	}
	return all
}

// TestFaultA_KillAtEveryCrashPoint kills the real program at each place that package crash names, in the
// middle of a first run, a restatement, and two runs at once. The next run completes what was
// begun, to the bytes of a run that nothing befell; the ledger is sound, and nothing is left over.
func TestFaultA_KillAtEveryCrashPoint(t *testing.T) {
	folder := t.TempDir()
	stage := &crashStage{t: t, program: buildForFaults(t)}
	var mutex sync.Mutex
	number := 0
	stage.worlds = func() (*world, error) {
		mutex.Lock()
		defer mutex.Unlock()
		number++
		return directoryWorld(filepath.Join(folder, fmt.Sprint("world-", number)))
	}
	if err := stage.prepare(); err != nil {
		t.Fatal(err)
	}
	reached := stage.play("directory")
	for _, point := range crash.Points {
		if !reached[point] {
			t.Errorf("%s is never reached", point)
		}
	}
}

// TestFaultA_KillOnAServer does the same with all three stores on a real S3 server.
func TestFaultA_KillOnAServer(t *testing.T) {
	if !faults.All() || !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	bucket := server.NewBucket()
	stage := &crashStage{t: t, program: buildForFaults(t)}
	var mutex sync.Mutex
	number := 0
	stage.worlds = func() (*world, error) {
		mutex.Lock()
		defer mutex.Unlock()
		number++
		return serverWorld(server, bucket, fmt.Sprint("world-", number))
	}
	if err := stage.prepare(); err != nil {
		t.Fatal(err)
	}
	stage.play("S3 server")
}

// buildForFaults builds the program with its crash points.
func buildForFaults(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settle")
	if output, err := exec.Command("go", "build", "-tags", "faults", "-o", path, "alliance/cmd/settle").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	return path
}

// TestFaultA_ProductionCannotBeKilled names a crash point to a program that was built without them.
func TestFaultA_ProductionCannotBeKilled(t *testing.T) {
	w, err := directoryWorld(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := sampleInbox("2026-06-01")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(inbox); err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	process, output := program("run", "--root", w.root, "--rules", rulebookPath, "--date", "2026-06-01")
	process.Env = append(process.Env, "SETTLE_CRASH_AT="+string(crash.NightComputed), "SETTLE_CRASH_TRACE="+trace)
	if err := process.Run(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	if _, err := os.Stat(trace); !os.IsNotExist(err) {
		t.Errorf("it wrote a trace: %v", err)
	}
}
