package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"alliance/settlement/batch"
	"alliance/settlement/metrics"

	"github.com/spf13/cobra"
)

// watchFlags are the flags that say who is told how a run went.
type watchFlags struct {
	metricsFile, pushgateway, terminationMessage string
}

func (f *watchFlags) flags(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.metricsFile, "metrics-file", "", "file of metrics for the textfile collector of Prometheus' node exporter, such as /var/lib/node-exporter/settle.prom")
	flags.StringVar(&f.pushgateway, "pushgateway", "", "address of a Prometheus Pushgateway for metrics, such as http://pushgateway:9091")
	flags.StringVar(&f.terminationMessage, "termination-message", "", "file for the summary or the error, of at most 4096 bytes, such as /dev/termination-log")
}

// A watch follows a run and tells others how it went. Whatever fails in that is a warning: it
// changes nothing about the run and its exit code.
type watch struct {
	watchFlags
	clock
	tell *progress
	// alliance returns the alliance's id if the rulebook did not say it.
	alliance func(context.Context) (string, error)

	// job is the run's, as far as its flags and rulebook were right.
	job    batch.Job
	run    metrics.Run
	dryRun bool

	mutex sync.Mutex // of run.Stages
}

func newWatch(flags watchFlags, clock clock, tell *progress) *watch {
	info, _ := debug.ReadBuildInfo()
	return &watch{watchFlags: flags, clock: clock, tell: tell, run: metrics.Run{
		Version: describeBuild(info).Version, Program: batch.Program, Started: clock.now(), Stages: make(map[batch.Stage]time.Duration),
	}}
}

// observe takes down how long stages take.
func (w *watch) observe(now batch.Progress) {
	if now.Finished {
		w.mutex.Lock()
		w.run.Stages[now.Stage] += now.Elapsed
		w.mutex.Unlock()
	}
	w.tell.observe(now)
}

// tellLimit is how long telling may take in all, so that a run that is stopped ends in time.
const tellLimit = 10 * time.Second

// end tells how the run went. err is what it ended with.
func (w *watch) end(ctx context.Context, err error) {
	w.tell.end()
	err = interrupted(ctx, err)
	w.run.Ended, w.run.ExitCode = w.now(), exitCode(err)
	w.logEnd(err)
	// A signal that ended the run does not end what is left to do.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellLimit)
	defer cancel()
	w.try("the termination message could not be written", w.terminationMessage != "", func() error { return w.writeTerminationMessage(err) })
	// A dry run settles nothing, and so tells nothing that would be taken for a settled night.
	w.try("metrics could not be told", !w.dryRun && (w.metricsFile != "" || w.pushgateway != ""), func() error { return w.tellMetrics(ctx, err) })
}

func (w *watch) try(what string, wanted bool, do func() error) {
	if !wanted {
		return
	}
	if err := guarded(do); err != nil {
		w.tell.warn(what, "error", err)
	}
}

func (w *watch) logEnd(err error) {
	values := []any{"exit_code", w.run.ExitCode, "elapsed_ms", w.run.Ended.Sub(w.run.Started).Milliseconds()}
	if dates := w.run.Report.Dates; len(dates) > 0 {
		values = append(values, "first", dates[0].Date.String(), "last", dates[len(dates)-1].Date.String())
	}
	if err != nil {
		w.tell.fail("run ended", append(values, "error", err)...)
		return
	}
	w.tell.log("run ended", values...)
}

// mostMessage is how many bytes of a termination message Kubernetes takes.
const mostMessage = 4096

func (w *watch) writeTerminationMessage(err error) error {
	// The file is there, and is not to be replaced: it is mounted into the container.
	file, failed := os.OpenFile(w.terminationMessage, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if failed != nil {
		return failed
	}
	_, failed = file.WriteString(shortened(w.message(err), mostMessage))
	return errors.Join(failed, file.Close())
}

// message is the summary or the error; after an error, what was settled before.
func (w *watch) message(err error) string {
	var text strings.Builder
	if err != nil {
		fmt.Fprintf(&text, "exit code %d: %v\n", w.run.ExitCode, err)
	}
	if err == nil || len(w.run.Report.Dates) > 0 {
		_ = printReport(&text, w.run.Report, nil) // to memory
	}
	return text.String()
}

// shortened returns a text that is valid UTF-8 and has a number of bytes at most.
func shortened(text string, most int) string {
	const more = "…\n"
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	end := most - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

func (w *watch) tellMetrics(ctx context.Context, err error) error {
	failed := w.look(ctx, err)
	families, wrong := w.run.Families()
	if wrong != nil {
		return errors.Join(failed, wrong)
	}
	if w.metricsFile != "" {
		failed = errors.Join(failed, metrics.WriteFile(w.metricsFile, w.run.Alliance, families))
	}
	switch {
	case w.pushgateway == "":
	case w.run.Alliance == "":
		failed = errors.Join(failed, errors.New("nothing was pushed: neither rulebook nor ledger say which alliance it is about"))
	default:
		failed = errors.Join(failed, metrics.Push(ctx, w.pushgateway, w.run.Alliance, families))
	}
	return failed
}

// look finds out what the report does not say: whose it is, and who was missing.
func (w *watch) look(ctx context.Context, err error) error {
	var missing *batch.MissingError
	if errors.As(err, &missing) {
		w.run.Missing = len(missing.Merchants)
	} else if dates := w.run.Report.Dates; len(dates) > 0 && !dates[len(dates)-1].Already {
		w.run.Missing = len(dates[len(dates)-1].Totals.Missing)
	}
	if w.job.Rulebook == nil {
		w.run.Alliance, err = w.alliance(ctx)
		return err
	}
	w.run.Alliance = w.job.Rulebook.ID
	return nil
}
