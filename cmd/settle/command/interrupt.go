package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"alliance/settlement/batch"
	"alliance/settlement/books"
)

// An interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

func (i *interruption) Error() string { return "stopped by a signal (" + i.signal.String() + ")" }

// interrupted says of an error after a signal whether what was under way is on record.
func interrupted(ctx context.Context, err error) error {
	var cause *interruption
	if err == nil || !errors.As(context.Cause(ctx), &cause) {
		return err
	}
	var committed *batch.CommittedError
	switch {
	case errors.As(err, &committed), errors.Is(err, books.ErrUnknown):
		return fmt.Errorf("%w: %w", cause, err)
	default:
		return fmt.Errorf("%w; nothing of what was under way is on record: %w", cause, err)
	}
}

// WithSignals returns a context that the first SIGINT or SIGTERM ends: the program stops at the
// next place where nothing is left half published; while a commit is on its way it first finds
// out what became of it. The second one ends the process at once, with exit code 1: whatever it
// leaves behind, the next run finds out and finishes. stop gives the signals back.
func WithSignals(parent context.Context, stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-ctx.Done():
			return
		case first := <-signals:
			fmt.Fprintf(stderr, "settle: %s: stopping; a second signal stops at once\n", first)
			cancel(&interruption{first})
		}
		if second, more := <-signals; more {
			fmt.Fprintf(stderr, "settle: %s: stopped at once; run again to find out what is on record\n", second)
			os.Exit(exitFailed)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(context.Canceled)
	}
}
