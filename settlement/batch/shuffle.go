package batch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"runtime/debug"
	"strings"
	"sync"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// each calls do for 0 … count-1 on so many workers and returns the error of the lowest number
// that failed among those that were tried.
func each(ctx context.Context, workers, count int, do func(ctx context.Context, worker, i int) error) error {
	var (
		mutex  sync.Mutex
		next   int
		failed = make(map[int]error)
	)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range min(workers, count) {
		group.Go(func() error {
			for {
				mutex.Lock()
				i := next
				next++
				mutex.Unlock()
				if i >= count {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := guarded(func() error { return do(ctx, worker, i) }); err != nil {
					mutex.Lock()
					failed[i] = err
					mutex.Unlock()
					return err
				}
			}
		})
	}
	err := group.Wait()
	for i := range count {
		// What was only told to stop says nothing of why.
		if found := failed[i]; found != nil && !errors.Is(found, context.Canceled) {
			return found
		}
	}
	return err
}

// askedTogether is how many objects are asked for at a time where that is all there is to do: a store that is far away takes its time for
// each.
const askedTogether = 16

// A BrokenError is a mistake of this program that one of its invariants caught: nothing of what
// was under way may be used.
type BrokenError struct {
	// Invariant is what the panic said, Stack where.
	Invariant any
	Stack     []byte
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("internal error, nothing was settled: %v\n\n%s", e.Invariant, e.Stack)
}

// guarded turns a panic into a BrokenError: one in a worker of its own would end the process
// with the exit code of wrong usage.
func guarded(do func() error) (err error) {
	defer func() {
		if invariant := recover(); invariant != nil {
			err = &BrokenError{invariant, debug.Stack()}
		}
	}()
	return do()
}

// partitionOf returns the partition of a member. The hash is the same on every machine.
func partitionOf(member string, partitions int) int {
	return int(xxh3.HashString(member) % uint64(partitions))
}

// partitionOfID returns the partition of a transaction id's digest. Partitions hold ranges of digests, in order.
func partitionOfID(id settlement.Digest, partitions int) int {
	high, _ := bits.Mul64(binary.BigEndian.Uint64(id[:8]), uint64(partitions))
	return int(high)
}

func compareText(a, b string) int { return strings.Compare(a, b) }
