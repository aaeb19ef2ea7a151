package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alliance/cmd/settle/command"
)

// TestMain runs the program instead of the tests in the processes that these start.
func TestMain(m *testing.M) {
	if os.Getenv("SETTLE_TEST_IS_THE_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// program returns the program as a process of its own.
func program(arguments ...string) (process *exec.Cmd, output *bytes.Buffer) {
	process = exec.Command(os.Args[0], arguments...)
	process.Env = append(os.Environ(), "SETTLE_TEST_IS_THE_PROGRAM=1")
	output = new(bytes.Buffer)
	process.Stdout, process.Stderr = output, output
	return process, output
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exited *exec.ExitError
	if err == nil {
		return 0
	}
	if !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return exited.ExitCode()
}

// inProcess runs the program in this process, which must end with exit code 0.
func inProcess(t *testing.T, arguments ...string) string {
	t.Helper()
	var output bytes.Buffer
	if code := command.Main(context.Background(), arguments, strings.NewReader(""), &output, &output); code != 0 {
		t.Fatalf("settle %v: exit code %d\n%s", arguments, code, &output)
	}
	return output.String()
}

// TestSignals stops a run of two dates at random times. Every time the exit code must say whether the run
// got to its end, and what is on record must be sound once the run is repeated to its end.
func TestSignals(t *testing.T) {
	run := func(root string) []string {
		return []string{"run", "--root", root, "--rules", "../../rules/sample.yaml", "--date", "2026-06-02", "--catch-up"}
	}
	world := func() string {
		root := t.TempDir()
		if err := os.CopyFS(filepath.Join(root, "inbox"), os.DirFS("../../fixtures/sample/inbox")); err != nil {
			t.Fatal(err)
		}
		// Inputs name the version of each object, which is the time at which it was written.
		err := filepath.WalkDir(filepath.Join(root, "inbox"), func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chtimes(path, time.Time{}, time.Unix(1780000000, 0)))
		})
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	undisturbed := world()
	start := time.Now()
	process, output := program(run(undisturbed)...)
	if err := process.Run(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	took := time.Since(start)
	stopped := 0
	for round := range 20 {
		root := world()
		process, output := program(run(root)...)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(took))
		signal := syscall.SIGTERM
		if round%2 == 1 {
			signal = syscall.SIGINT
		}
		if err := process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		if round%5 == 4 {
			_ = process.Process.Signal(signal) // at once
		}
		switch code := exitCode(t, process.Wait()); code {
		case 0:
		case 1:
			stopped++
			if said := output.String(); !strings.Contains(said, "is on record") && !strings.Contains(said, "is committed") {
				t.Errorf("round %d: exit code 1 and no message: %q", round, said)
			}
		case -1: // before the program took over its signals
			stopped++
		default:
			t.Errorf("round %d: exit code %d: %s", round, code, output)
		}
		inProcess(t, run(root)...)
		inProcess(t, "verify", "--root", root)
		inProcess(t, "gc", "--root", root)
		sameStatements(t, undisturbed, root)
	}
	t.Logf("%d of 20 runs were stopped", stopped)
}

// sameStatements checks that two worlds have published the same bytes.
func sameStatements(t *testing.T, one, other string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join(one, "statements"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "_projected.json" {
			return err
		}
		files++
		relative, err := filepath.Rel(one, path)
		if err != nil {
			return err
		}
		wanted, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found, err := os.ReadFile(filepath.Join(other, relative))
		if err != nil {
			return err
		}
		if !bytes.Equal(wanted, found) {
			t.Errorf("%s differs", relative)
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("%d files, %v", files, err)
	}
}
