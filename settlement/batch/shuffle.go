package batch

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"sync"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
)

// A shuffle hands values from the workers of one stage to those of the next, by partition.
// In which order the values of a partition arrive depends on the workers: whoever takes them
// sorts them by a key of their own.
type shuffle[T any] struct {
	mutex      sync.Mutex
	partitions [][]T
}

func newShuffle[T any](partitions int) *shuffle[T] {
	return &shuffle[T]{partitions: make([][]T, partitions)}
}

// buffer returns an empty buffer for one worker or one file, to be handed to add.
func (s *shuffle[T]) buffer() [][]T { return make([][]T, len(s.partitions)) }

// add takes over the values of a buffer.
func (s *shuffle[T]) add(buffer [][]T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, values := range buffer {
		if s.partitions[i] == nil {
			s.partitions[i] = values
		} else {
			s.partitions[i] = append(s.partitions[i], values...)
		}
	}
}

// take returns the values of a partition and forgets them.
func (s *shuffle[T]) take(partition int) []T {
	values := s.partitions[partition]
	s.partitions[partition] = nil
	return values
}

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
		if found := failed[i]; found != nil && ctx.Err() != nil {
			return found
		}
	}
	return err
}

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

// partitionOfID returns the partition of a transaction id's digest.
func partitionOfID(id settlement.Digest, partitions int) int {
	return int(binary.LittleEndian.Uint64(id[:8]) % uint64(partitions))
}
