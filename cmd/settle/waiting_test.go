package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWaitingStopsOnASignal stops the program, as a process, while it waits for merchants: it ends
// soon, says why, and leaves nothing behind but what it told those who watch. Then somebody delivers,
// and a second try of the same Job settles the night.
func TestWaitingStopsOnASignal(t *testing.T) {
	root := t.TempDir()
	inbox := filepath.Join(root, "inbox", "merchant=ALDER", "date=2026-06-01")
	if err := os.MkdirAll(inbox, 0o755); err != nil {
		t.Fatal(err)
	}
	message, metrics := filepath.Join(root, "message"), filepath.Join(root, "settle.prom")
	started := time.Now()
	arguments := []string{"run", "--root", root, "--rules", "../../rules/sample.yaml", "--date", "2026-06-01", "--at", started.UTC().Format(time.RFC3339),
		"--wait-for-merchants", "5m", "--poll-interval", "50ms", "--termination-message", message, "--metrics-file", metrics}
	process, _ := program(arguments...)
	process.Stderr = nil
	log, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	signalled := time.Time{}
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "waiting for merchants") && signalled.IsZero() {
			signalled = time.Now()
			if err := process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	code := exitCode(t, process.Wait())
	if took := time.Since(signalled); code != 1 || signalled.IsZero() || took > 10*time.Second {
		t.Fatalf("exit code %d, %s after the signal\n%s", code, took, &said)
	}
	for name, parts := range map[string][]string{
		message: {"exit code 1: stopped by a signal (terminated); nothing of what was under way is on record", "waiting for merchants (ALDER, BIRCH"},
		metrics: {`settle_run_exit_code{alliance="HUB"} 1`},
	} {
		text, err := os.ReadFile(name)
		for _, part := range parts {
			if err != nil || !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %q: %v\n%s", filepath.Base(name), part, err, text)
			}
		}
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}

	if err := os.CopyFS(filepath.Join(root, "inbox"), os.DirFS("../../fixtures/sample/inbox")); err != nil {
		t.Fatal(err)
	}
	again, output := program(arguments...)
	if code := exitCode(t, again.Run()); code != 0 || !strings.Contains(output.String(), "every merchant that is expected has delivered") ||
		!strings.Contains(output.String(), "2026-06-01 settled") {
		t.Errorf("exit code %d\n%s", code, output)
	}
}
