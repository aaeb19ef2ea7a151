package command

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
)

// A stopper is a standard error that ends a context, as a signal does, once a text is written to it.
type stopper struct {
	bytes.Buffer
	at   string
	stop context.CancelCauseFunc
}

func (s *stopper) Write(line []byte) (int, error) {
	if strings.Contains(string(line), s.at) {
		s.stop(&interruption{syscall.SIGINT})
	}
	return s.Buffer.Write(line)
}

// TestAnInterruptedRunPrintsWhatIsOnRecord stops a run of three dates while the second is under way.
func TestAnInterruptedRunPrintsWhatIsOnRecord(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	var out bytes.Buffer
	ctx, cancel := context.WithCancelCause(t.Context())
	stderr := stopper{at: "date=2026-01-06", stop: cancel}
	code := Main(ctx, []string{"run", "--catch-up", "--date", "2026-01-07", "--json", "--root", w.root, "--rules", w.rules}, strings.NewReader(""), &out, &stderr)
	if code != exitFailed {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), stderr.String())
	}
	var report unfinishedReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if datesOf(report.Report) != "2026-01-05" || report.Head.Sequence != 1 || len(report.Head.SHA256) != 64 || report.ExitCode != exitFailed {
		t.Errorf("%+v", report)
	}
	contains(t, report.Error, "stopped by a signal", "nothing of what was under way is on record", "2026-01-06")
	contains(t, stderr.String(), "settle: "+report.Error)
}

// TestARestatementThatFailsRestatesNothing: dates that were recomputed before the one that is refused are not on
// record, so nobody is told that they were restated.
func TestARestatementThatFailsRestatesNothing(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.deliver("B", "2026-01-06", "b.csv")
	w.settleTo("2026-01-06")
	w.write("rules.yaml", strings.Replace(rulebook, "name: Alder,", "name: Alder, required: true,", 1))
	text := w.run(exitRefused, w.watched(nil, "run", "--restate", "--reason", "a trial", "--date", "2026-01-05")...)
	contains(t, text, "2026-01-06: ", "A")
	for _, said := range []string{text, w.message()} {
		if strings.Contains(said, "2026-01-05 restated") {
			t.Errorf("it says that a date was restated:\n%s", said)
		}
	}
}
