package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"alliance/settlement/batch"

	"golang.org/x/term"
)

// A progress shows how a run gets on: a line that changes on a terminal, else a structured log
// line per stage.
type progress struct {
	mutex    sync.Mutex
	out      io.Writer
	logger   *slog.Logger // nil on a terminal
	shown    time.Time
	lineOpen bool
}

func newProgress(out io.Writer) *progress {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &progress{out: out}
	}
	return &progress{out: out, logger: slog.New(slog.NewTextHandler(out, nil))}
}

const redrawEvery = 100 * time.Millisecond

func (p *progress) observe(now batch.Progress) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.logger != nil {
		if now.Finished {
			p.logger.Info("stage done", "date", now.Date, "date_number", now.DateNumber, "dates", now.Dates,
				"stage", now.Stage, "done", now.Done, "elapsed_ms", now.Elapsed.Milliseconds())
		}
		return
	}
	if !now.Finished && time.Since(p.shown) < redrawEvery {
		return
	}
	p.shown = time.Now()
	p.lineOpen = true
	place := ""
	if now.Dates > 1 {
		place = fmt.Sprintf(" (%d of %d)", now.DateNumber, now.Dates)
	}
	if now.Total > 0 {
		fmt.Fprintf(p.out, "\r\033[K%s%s  %-12s %d of %d", now.Date, place, now.Stage, now.Done, now.Total)
	} else {
		fmt.Fprintf(p.out, "\r\033[K%s%s  %-12s", now.Date, place, now.Stage)
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

// warn says what the operator should know before the work starts.
func (p *progress) warn(message string, values ...any) {
	logger := p.logger
	if logger == nil {
		logger = slog.New(slog.NewTextHandler(p.out, nil))
	}
	logger.Warn(message, values...)
}
