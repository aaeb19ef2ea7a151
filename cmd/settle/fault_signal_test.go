package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alliance/settlement/faults"
)

// nightArguments settles the sample's first two dates.
func nightArguments(w *world) []string {
	return []string{"run", "--root", w.root, "--rules", rulebookPath, "--date", "2026-06-02", "--catch-up"}
}

// nightWorld returns a world in a directory that waits for its first two dates.
func nightWorld(directory string) (*world, error) {
	w, err := directoryWorld(directory)
	if err != nil {
		return nil, err
	}
	inbox, err := sampleInbox("2026-06-01", "2026-06-02")
	if err != nil {
		return nil, err
	}
	return w, w.deliver(inbox)
}

// undisturbedNight returns what the two dates publish, and how long a process takes for them.
func undisturbedNight(t *testing.T) (wanted map[string]string, took time.Duration, state *os.ProcessState) {
	t.Helper()
	w, err := nightWorld(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	process, output := program(nightArguments(w)...)
	start := time.Now()
	if err := process.Run(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	took = time.Since(start)
	if wanted, err = w.published(); err != nil || len(wanted) < 60 {
		t.Fatalf("%d files, %v", len(wanted), err)
	}
	return wanted, took, process.ProcessState
}

// claimed checks that what a process said at its end is true. It settles two dates, one after the
// other, each in a record of its own.
func (w *world) claimed(code int, said string) (violations []string) {
	publications, err := w.publications()
	if err != nil {
		return []string{err.Error()}
	}
	count := len(publications)
	nothing, committed := strings.Contains(said, "nothing of what was under way is on record"), strings.Contains(said, "is committed")
	switch {
	case code == 0 && count != 2:
		violations = append(violations, fmt.Sprintf("it says that it is done, and %d dates are on record", count))
	case nothing && (code != 1 || count == 2):
		violations = append(violations, fmt.Sprintf("exit code %d; it says that nothing is on record, and %d dates are", code, count))
	case committed && (code != 1 || count == 0):
		violations = append(violations, fmt.Sprintf("exit code %d; it says that a record is committed, and none is", code))
	}
	return violations
}

// TestFaultE_Signals stops processes by SIGTERM and SIGINT at random times, some by two signals at once.
// The exit code says whether the run got to its end, the message what is on record, and the next
// run finishes.
func TestFaultE_Signals(t *testing.T) {
	wanted, took, _ := undisturbedNight(t)
	rounds, violations, ends := faults.Count(8, 200), 0, make(map[string]int)
	for round := range rounds {
		directory := filepath.Join(t.TempDir(), "world")
		end, found := signalled(directory, round, rand.N(took+took/10), wanted)
		ends[end]++
		violations += report(t, fmt.Sprintf("round %d", round), found)
	}
	faults.Record(t, "E", "SIGTERM or SIGINT at a random time", rounds, violations, describeEnds(ends))
}

func signalled(directory string, round int, after time.Duration, wanted map[string]string) (end string, violations []string) {
	w, err := nightWorld(directory)
	if err != nil {
		return "", []string{err.Error()}
	}
	process, output := program(nightArguments(w)...)
	if err := process.Start(); err != nil {
		return "", []string{err.Error()}
	}
	time.Sleep(after)
	signal := syscall.SIGTERM
	if round%2 == 1 {
		signal = syscall.SIGINT
	}
	if err := process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		violations = append(violations, err.Error())
	}
	if round%5 == 4 {
		_ = process.Process.Signal(signal) // at once
	}
	code, said := codeOf(process.Wait()), output.String()
	switch {
	case code == 0:
		end = "came to their end"
	case code == -1 && said == "":
		end = "ended before they had begun"
	case code == 1 && strings.Contains(said, "stopped at once"):
		end = "stopped at once"
	case code == 1 && (strings.Contains(said, "is on record") || strings.Contains(said, "is committed")):
		end = "stopped and said what is on record"
	default:
		end = "ended otherwise"
		violations = append(violations, fmt.Sprintf("exit code %d: %s", code, said))
	}
	violations = append(violations, w.claimed(code, said)...)
	violations = append(violations, w.judge(wanted, nightArguments(w))...)
	return end, violations
}

func describeEnds(ends map[string]int) string {
	var parts []string
	for _, end := range sortedKeys(ends) {
		parts = append(parts, fmt.Sprintf("%d %s", ends[end], end))
	}
	return strings.Join(parts, ", ")
}
