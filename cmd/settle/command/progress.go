package command

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"alliance/settlement/batch"

	"golang.org/x/term"
)

// A progress shows how a run, or the opening of lots, gets on: a line that changes on a terminal, else a structured log
// with a line per stage. Every line of the log has the run it belongs to.
type progress struct {
	mutex    sync.Mutex
	out      io.Writer
	terminal bool
	logger   *slog.Logger
	shown    time.Time
	lineOpen bool
}

// logFormats are the forms that a log may have.
var logFormats = []string{"text", "json"}

// newProgress returns a progress of a run, which gets an id of its own.
func newProgress(out io.Writer, format string) *progress {
	file, isFile := out.(*os.File)
	terminal := isFile && term.IsTerminal(int(file.Fd()))
	var handler slog.Handler = slog.NewTextHandler(out, nil)
	if format == "json" {
		handler = slog.NewJSONHandler(out, nil)
	}
	var id [8]byte
	rand.Read(id[:])
	return &progress{out: out, terminal: terminal, logger: slog.New(handler).With("run", hex.EncodeToString(id[:]))}
}

const redrawEvery = 100 * time.Millisecond

// observe shows what a run tells.
func (p *progress) observe(now batch.Progress) {
	if now.Warning != "" {
		p.warn(now.Warning, "date", now.Date, "stage", now.Stage)
		return
	}
	if now.Finished {
		var values []any
		if now.Date != "" {
			values = append(values, "date", now.Date, "date_number", now.DateNumber, "dates", now.Dates)
		}
		values = append(values, "stage", now.Stage, "done", now.Done, "elapsed_ms", now.Elapsed.Milliseconds())
		if now.Attempt != "" {
			values = append(values, "attempt", now.Attempt)
		}
		p.log("stage done", values...)
	}
	if !now.Finished && time.Since(p.lastShown()) < redrawEvery {
		return
	}
	place := now.Date
	if now.Dates > 1 {
		place += fmt.Sprintf(" (%d of %d)", now.DateNumber, now.Dates)
	}
	if place != "" {
		place += "  "
	}
	if now.Total > 0 {
		p.line("%s%-12s %d of %d", place, now.Stage, now.Done, now.Total)
	} else {
		p.line("%s%-12s", place, now.Stage)
	}
}

func (p *progress) lastShown() time.Time {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.shown
}

// line changes the line on a terminal.
func (p *progress) line(format string, values ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.terminal {
		p.shown, p.lineOpen = time.Now(), true
		fmt.Fprintf(p.out, "\r\033[K"+format, values...)
	}
}

// log writes a line to the log, unless there is a terminal, which shows the same as it changes.
func (p *progress) log(message string, values ...any) {
	if !p.terminal {
		p.logger.Info(message, values...)
	}
}

// fail writes to the log that the work failed. A terminal shows the error that the program ends with.
func (p *progress) fail(message string, values ...any) {
	if !p.terminal {
		p.logger.Error(message, values...)
	}
}

// end clears the line that is being changed.
func (p *progress) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.lineOpen {
		fmt.Fprint(p.out, "\r\033[K")
		p.lineOpen = false
	}
}

// info says what the operator should know, also on a terminal.
func (p *progress) info(message string, values ...any) {
	p.end()
	p.logger.Info(message, values...)
}

// warn says what the operator should act on, or know before the work starts.
func (p *progress) warn(message string, values ...any) {
	p.end()
	p.logger.Warn(message, values...)
}
