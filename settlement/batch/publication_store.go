package batch

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// storesAtOnce is how many objects are on their way to the store at a time: they wait for it,
// not for a processor. Of those that need little memory it is smallStoresAtOnce. Large ones wait in memory, so
// there are fewer of them the larger they are: each takes a place of the small ones for every bytesPerPlace.
const (
	storesAtOnce      = 16
	smallStoresAtOnce = 64
	smallBytes        = 64 << 10
	bytesPerPlace     = 1 << 20
)

// A storing stores objects, many at a time, by goroutines that stay: the clients of object stores need
// deep stacks, which would grow again for every object.
type storing struct {
	// ctx ends with the first error.
	ctx   context.Context
	group *errgroup.Group
	room  *semaphore.Weighted
	tasks chan func() error
}

func storeMany(ctx context.Context) *storing {
	group, ctx := errgroup.WithContext(ctx)
	s := &storing{ctx, group, semaphore.NewWeighted(smallStoresAtOnce), make(chan func() error)}
	for range smallStoresAtOnce {
		group.Go(func() error {
			for task := range s.tasks {
				if err := task(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return s
}

// add stores an object of so many bytes as soon as there is room. It returns an error only if another object could not
// be stored.
func (s *storing) add(size int64, store func(context.Context) error) error {
	weight := storeWeight(size)
	if err := s.room.Acquire(s.ctx, weight); err != nil {
		return err
	}
	task := func() error {
		defer s.room.Release(weight)
		return store(s.ctx)
	}
	select {
	case s.tasks <- task:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// wait returns the first error when all objects are stored.
func (s *storing) wait() error {
	close(s.tasks)
	return s.group.Wait()
}

// storeWeight is what an object takes of smallStoresAtOnce.
func storeWeight(size int64) int64 {
	if size > smallBytes {
		return min(max(smallStoresAtOnce/storesAtOnce, size/bytesPerPlace+1), smallStoresAtOnce)
	}
	return 1
}

// sizeOf returns how long a body is, and goes to its start.
func sizeOf(body io.Seeker) (int64, error) {
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	return size, err
}
