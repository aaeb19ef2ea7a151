package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"alliance/settlement/faults"
	"alliance/settlement/storage/s3test"
)

// raceSizes are how many processes settle one date at once, round by round.
var raceSizes = []int{2, 4, 8}

const raceDate = "2026-06-01"

// A racer is one of the processes.
type racer struct {
	operator string
	process  *exec.Cmd
	output   *bytes.Buffer // on stdout, where the report goes
	messages *bytes.Buffer
}

// race lets processes settle one date of a world at the same time.
func race(w *world, size int, wanted map[string]string) (violations []string, outcomes map[string]int) {
	arguments := []string{"run", "--root", w.root, "--rules", rulebookPath, "--date", raceDate}
	var racers []*racer
	for i := range size {
		r := &racer{operator: fmt.Sprint("racer ", i), messages: new(bytes.Buffer)}
		r.process, r.output = program(append(arguments, "--operator", r.operator, "--json")...)
		r.process.Stderr = r.messages
		racers = append(racers, r)
	}
	for _, r := range racers {
		if err := r.process.Start(); err != nil {
			return []string{err.Error()}, nil
		}
	}
	outcomes = make(map[string]int)
	var winners []string
	for _, r := range racers {
		outcome := r.outcome()
		outcomes[outcome]++
		switch outcome {
		case "settled":
			winners = append(winners, r.operator)
		case "already settled", "lost (4)":
		default:
			violations = append(violations, fmt.Sprintf("%s: %s: %s", r.operator, outcome, r.messages))
		}
	}
	publications, err := w.publications()
	switch {
	case err != nil:
		violations = append(violations, err.Error())
	case len(publications) != 1 || len(publications[0].Dates) != 1:
		violations = append(violations, fmt.Sprintf("%d records settle dates", len(publications)))
	case len(winners) != 1 || winners[0] != publications[0].Operator:
		violations = append(violations, fmt.Sprintf("%q say that they settled it, and %q did", winners, publications[0].Operator))
	}
	return append(violations, w.judge(wanted, arguments)...), outcomes
}

// outcome waits for the process and says how it ended.
func (r *racer) outcome() string {
	switch code := codeOf(r.process.Wait()); code {
	case 0:
		var report struct {
			Dates []struct {
				Already bool `json:"already"`
			} `json:"dates"`
		}
		if err := json.Unmarshal(r.output.Bytes(), &report); err != nil || len(report.Dates) != 1 {
			return fmt.Sprintf("no report: %v: %s", err, r.output)
		}
		if report.Dates[0].Already {
			return "already settled"
		}
		return "settled"
	case 4:
		return "lost (4)"
	default:
		return fmt.Sprintf("exit code %d", code)
	}
}

// races plays a number of rounds and writes their line of the table.
func races(t *testing.T, where string, rounds int, worlds func(round int) (*world, error)) {
	inbox, err := sampleInbox(raceDate)
	if err != nil {
		t.Fatal(err)
	}
	begin := func(round int) *world {
		w, err := worlds(round)
		if err == nil {
			err = w.deliver(inbox)
		}
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	undisturbed := begin(-1)
	if err := mustSettle("run", "--root", undisturbed.root, "--rules", rulebookPath, "--date", raceDate); err != nil {
		t.Fatal(err)
	}
	wanted, err := undisturbed.published()
	if err != nil || len(wanted) < 30 {
		t.Fatalf("%d files, %v", len(wanted), err)
	}
	violations, processes, all := 0, 0, make(map[string]int)
	for round := range rounds {
		size := raceSizes[round%len(raceSizes)]
		found, outcomes := race(begin(round), size, wanted)
		processes += size
		violations += report(t, fmt.Sprintf("%s, round %d of %d processes", where, round, size), found)
		for outcome, count := range outcomes {
			all[outcome] += count
		}
	}
	var sizes []string
	for _, size := range raceSizes {
		sizes = append(sizes, fmt.Sprint(size))
	}
	faults.Record(t, "D", strings.Join(sizes, ", ")+" processes on one date, "+where, rounds, violations,
		fmt.Sprintf("%d processes: %d settled it, %d heard that they lost, %d that it is settled", processes, all["settled"], all["lost (4)"], all["already settled"]))
}

// TestFaultD_ManyProcesses lets processes settle one date of one ledger at once: exactly one does, it
// knows, and the others know that they did not.
func TestFaultD_ManyProcesses(t *testing.T) {
	folder := t.TempDir()
	races(t, "directory", faults.Count(3, 200), func(round int) (*world, error) {
		return directoryWorld(filepath.Join(folder, fmt.Sprint(round)))
	})
}

// TestFaultD_ManyProcessesOnAServer does the same on a real S3 server.
func TestFaultD_ManyProcessesOnAServer(t *testing.T) {
	if !faults.All() || !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	bucket := server.NewBucket()
	races(t, "S3 server", 50, func(round int) (*world, error) {
		return serverWorld(server, bucket, fmt.Sprint("round-", round+1))
	})
}
