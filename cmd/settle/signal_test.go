package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"alliance/cmd/settle/command"
	"alliance/scripts/kubernetes"
	"alliance/settlement/batch"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// A process with this in its environment sends itself SIGTERM when it logs the text, or so long after it:
// "0s stage=read".
const signalSetting = "SETTLE_TEST_SIGNAL"

// init runs the program with a signal instead of the tests.
func init() {
	delay, text, wanted := strings.Cut(os.Getenv(signalSetting), " ")
	if !wanted {
		return
	}
	after, err := time.ParseDuration(delay)
	if err != nil {
		panic(err)
	}
	log := &signaller{out: os.Stderr, text: []byte(text), after: after, stopping: make(chan struct{})}
	ctx, stop := command.WithSignals(context.Background(), log)
	code := command.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, log)
	stop()
	os.Exit(code)
}

// A signaller is a log whose writer goes on only when the signal has arrived: the program is then at the very
// beginning of its next stage.
type signaller struct {
	out      io.Writer
	text     []byte
	after    time.Duration
	once     sync.Once
	stopping chan struct{}
	mutex    sync.Mutex
}

func (s *signaller) Write(line []byte) (int, error) {
	s.mutex.Lock()
	written, err := s.out.Write(line)
	s.mutex.Unlock()
	switch {
	case bytes.Contains(line, []byte("a second signal stops at once")):
		close(s.stopping)
	case bytes.Contains(line, s.text):
		s.once.Do(func() {
			if s.after > 0 {
				time.AfterFunc(s.after, s.send)
				return
			}
			s.send()
			<-s.stopping
			time.Sleep(20 * time.Millisecond) // its context ends after it has said so
		})
	}
	return written, err
}

func (s *signaller) send() {
	s.mutex.Lock()
	fmt.Fprintf(s.out, "signalled at %d\n", time.Now().UnixMicro())
	s.mutex.Unlock()
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
}

// A signalledNight is one that is stopped in each of its stages.
type signalledNight struct {
	name      string
	make      func(directory string) (*world, error)
	arguments func(*world) []string
	// within says that the signal comes in the midst of each stage, too.
	within bool
}

// TestFaultE_SIGTERMInEachStage stops a night at the beginning of each stage of its first date, and a larger one in the
// midst of each stage, too. It has to end within the grace period of the CronJob and to say what is on record, and the
// next run finishes.
func TestFaultE_SIGTERMInEachStage(t *testing.T) {
	nights := []signalledNight{{name: "two small dates", make: nightWorld, arguments: nightArguments}}
	if faults.All() {
		nights = append(nights, largeNight(t))
	}
	for _, night := range nights {
		night.stop(t, gracePeriod(t))
	}
}

// gracePeriod returns how long Kubernetes waits between SIGTERM and SIGKILL.
func gracePeriod(t *testing.T) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindSubmatch(kubernetes.CronJob)
	if found == nil {
		t.Fatal("the CronJob has no terminationGracePeriodSeconds")
	}
	seconds, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds) * time.Second
}

// largeNight is one whose stages take long enough for a signal to come in their midst.
func largeNight(t *testing.T) signalledNight {
	t.Helper()
	made := filepath.Join(t.TempDir(), "made")
	inProcess(t, "generate", "--out", made, "--from", "2026-06-01", "--nights", "1", "--rows", "60000", "--members", "20000", "--merchants", "8")
	bucket, err := storage.OpenDirectory(filepath.Join(made, "inbox"))
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := contents(bucket)
	if err != nil {
		t.Fatal(err)
	}
	return signalledNight{
		name:   "a date of 60,000 rows",
		within: true,
		make: func(directory string) (*world, error) {
			w, err := directoryWorld(directory)
			if err != nil {
				return nil, err
			}
			return w, w.deliver(inbox)
		},
		arguments: func(w *world) []string {
			return []string{"run", "--root", w.root, "--rules", filepath.Join(made, "rulebook.yaml"), "--date", "2026-06-01", "--catch-up"}
		},
	}
}

// stop stops a night in each of its stages.
func (n *signalledNight) stop(t *testing.T, grace time.Duration) {
	undisturbed, err := n.make(filepath.Join(t.TempDir(), "undisturbed"))
	if err != nil {
		t.Fatal(err)
	}
	process, log := program(n.arguments(undisturbed)...)
	if err := process.Run(); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	wanted, err := undisturbed.published()
	if err != nil || len(wanted) == 0 {
		t.Fatalf("%d files, %v", len(wanted), err)
	}
	trials, violations, ends, longest := 0, 0, make(map[string]int), time.Duration(0)
	begun := "the newest date that is over" // what is logged before the first stage
	for _, stage := range batch.Stages() {
		settings := []string{"0s " + begun}
		if took := duration(t, log.String(), stage); n.within && took > time.Millisecond {
			settings = append(settings, fmt.Sprintf("%s %s", took/2, begun))
		}
		for _, setting := range settings {
			trials++
			end, took, found := n.trial(filepath.Join(t.TempDir(), "world"), setting, stage, wanted)
			if took > grace {
				found = append(found, fmt.Sprintf("it ended %s after the signal, the grace period is %s", took, grace))
			}
			ends[end]++
			longest = max(longest, took)
			violations += report(t, fmt.Sprintf("%s, %s (%s)", n.name, stage, setting), found)
		}
		begun = "stage=" + string(stage) + " "
	}
	faults.Record(t, "E", "SIGTERM in each stage: "+n.name, trials, violations,
		fmt.Sprintf("%s; at most %d ms to the end, grace period %d s", describeEnds(ends), longest.Milliseconds(), grace/time.Second))
}

// duration returns how long a stage of the first date took, as logged.
func duration(t *testing.T, log string, stage batch.Stage) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`stage=` + string(stage) + ` .*elapsed_ms=(\d+)`).FindStringSubmatch(log)
	if found == nil {
		t.Fatalf("the stage %s is not logged: %s", stage, log)
	}
	took, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(took) * time.Millisecond
}

// trial stops one run and judges what it left and said.
func (n *signalledNight) trial(directory, setting string, stage batch.Stage, wanted map[string]string) (end string, took time.Duration, violations []string) {
	w, err := n.make(directory)
	if err != nil {
		return "", 0, []string{err.Error()}
	}
	again := n.arguments(w)
	// The word last makes the program log a line before its first stage. Both nights' last date is over then.
	process, output := program(dated(again)...)
	process.Env = append(process.Env, signalSetting+"="+setting)
	code := codeOf(process.Run())
	ended, said := time.Now(), output.String()
	at := regexp.MustCompile(`signalled at (\d+)`).FindStringSubmatch(said)
	if at == nil && code == 0 && !strings.HasPrefix(setting, "0s ") {
		// It was faster this time than the run by which the middle of the stage was reckoned.
		return "came to their end before the signal", 0, w.judge(wanted, again)
	}
	if at == nil {
		return "not signalled", 0, []string{"it sent no signal: " + said}
	}
	micros, err := strconv.ParseInt(at[1], 10, 64)
	if err != nil {
		return "", 0, []string{err.Error()}
	}
	took = ended.Sub(time.UnixMicro(micros))
	end, violations = judgeEnd(code, said, setting, stage)
	publications, err := w.publications()
	if err != nil {
		violations = append(violations, err.Error())
	}
	if nothing := strings.Contains(said, "nothing of what was under way is on record"); nothing != (len(publications) == 0) {
		violations = append(violations, fmt.Sprintf("%d dates are on record; it said: %s", len(publications), said))
	}
	return end, took, append(violations, w.judge(wanted, again)...)
}

// judgeEnd holds a process's exit code to the stage in which it was stopped.
func judgeEnd(code int, said, setting string, stage batch.Stage) (end string, violations []string) {
	first := strings.HasPrefix(setting, "0s ")
	committing := stage == "commit" || stage == "project"
	switch {
	case code == 1 && strings.Contains(said, "nothing of what was under way is on record"):
		end = "stopped with nothing on record"
		if first && stage == "project" {
			violations = append(violations, "it was stopped after the commit and says that nothing is on record: "+said)
		}
	case code == 1 && strings.Contains(said, "is committed"):
		end = "stopped and said what is committed"
		if first && !committing {
			violations = append(violations, "it went on to commit: "+said)
		}
	case code == 0 && !first:
		end = "came to their end"
	default:
		end = "ended otherwise"
		violations = append(violations, fmt.Sprintf("exit code %d: %s", code, said))
	}
	return end, violations
}

// dated returns the arguments of a run with --date last, made for the morning after their date.
func dated(arguments []string) []string {
	changed := append([]string(nil), arguments...)
	for i, argument := range changed {
		if argument == "--date" {
			changed[i+1] = "last"
			return append(changed, "--at", arguments[i+1]+"T23:00:00Z")
		}
	}
	panic(errors.New("a run without --date"))
}
