package batch

import (
	"context"
	"encoding/binary"
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
				if err := do(ctx, worker, i); err != nil {
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

// partitionOf returns the partition of a member. The hash is the same on every machine.
func partitionOf(member string, partitions int) int {
	return int(xxh3.HashString(member) % uint64(partitions))
}

// partitionOfID returns the partition of a transaction id's digest.
func partitionOfID(id settlement.Digest, partitions int) int {
	return int(binary.LittleEndian.Uint64(id[:8]) % uint64(partitions))
}
