package storage

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSharedSync lets many callers force something to disk at once: each is served by a call that
// began after its own, and gets that call's error.
func TestSharedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			shared  sharedSync
			written atomic.Int64
			durable atomic.Int64
			calls   int64
			group   sync.WaitGroup
		)
		broken := errors.New("broken")
		const callers = 20
		for i := range callers {
			group.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				mine := written.Add(1)
				err := shared.do(func() error {
					calls++
					mine := calls
					begun := written.Load()
					time.Sleep(10500 * time.Microsecond)
					durable.Store(begun)
					if mine == 2 {
						return broken
					}
					return nil
				})
				if durable := durable.Load(); durable < mine {
					t.Errorf("caller %d was told so when %d were durable", mine, durable)
				}
				// The first call serves the first caller, the second those that came while it ran.
				if wanted := mine > 1 && mine <= 11; errors.Is(err, broken) != wanted {
					t.Errorf("caller %d: %v", mine, err)
				}
			})
		}
		group.Wait()
		if calls != 3 {
			t.Errorf("%d calls for %d callers", calls, callers)
		}
	})
}
