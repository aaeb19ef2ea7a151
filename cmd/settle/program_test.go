package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

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
