package batch

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// TestEachSaysWhatFailed sees to it that the cause is told, not that others had to stop for it.
func TestEachSaysWhatFailed(t *testing.T) {
	full := errors.New("no space left on device")
	err := each(t.Context(), 2, 2, func(ctx context.Context, _, i int) error {
		if i == 1 {
			return full
		}
		<-ctx.Done()
		return fmt.Errorf("store an object: %w", ctx.Err())
	})
	if !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := each(stopped, 2, 2, func(ctx context.Context, _, _ int) error { return ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped by the caller, the error is %v", err)
	}
}
