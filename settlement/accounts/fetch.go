package accounts

import (
	"fmt"
	"sort"
)

const (
	// chunkBytes is about how much is read at once.
	chunkBytes = 1 << 20
	// gapBytes is how much is read in vain rather than to read twice.
	gapBytes = 128 << 10
)

// A chunk is neighbouring blocks that are read at once.
type chunk struct{ from, to int }

// A fetcher reads the blocks of a run, in ascending order as a rule.
type fetcher struct {
	run *Run
	// plan is what will be needed as far as known, in order. A block outside is read alone.
	plan   []chunk
	chunk  chunk
	buffer []byte
}

// planAll plans to read all blocks.
func (f *fetcher) planAll() {
	for i := range f.run.blocks {
		f.want(i)
	}
}

// want plans to read a block, which is not before the one wanted last.
func (f *fetcher) want(number int) {
	blocks := f.run.blocks
	if last := len(f.plan) - 1; last >= 0 {
		from, to := f.plan[last].from, f.plan[last].to
		if number < to {
			return
		}
		end := blocks[number].offset + int64(blocks[number].stored)
		gap := blocks[number].offset - blocks[to-1].offset - int64(blocks[to-1].stored)
		if gap <= gapBytes && end-blocks[from].offset <= chunkBytes {
			f.plan[last].to = number + 1
			return
		}
	}
	f.plan = append(f.plan, chunk{number, number + 1})
}

// stored returns the bytes of a block, until the next call.
func (f *fetcher) stored(number int) ([]byte, error) {
	blocks := f.run.blocks
	if number < f.chunk.from || f.chunk.to <= number {
		at := sort.Search(len(f.plan), func(i int) bool { return f.plan[i].to > number })
		f.chunk = chunk{number, number + 1}
		if at < len(f.plan) && f.plan[at].from <= number {
			f.chunk = f.plan[at]
		}
		if err := f.read(); err != nil {
			return nil, err
		}
	}
	from := blocks[number].offset - blocks[f.chunk.from].offset
	return f.buffer[from : from+int64(blocks[number].stored)], nil
}

func (f *fetcher) read() error {
	first, last := &f.run.blocks[f.chunk.from], &f.run.blocks[f.chunk.to-1]
	f.buffer = resize(f.buffer, int(last.offset+int64(last.stored)-first.offset))
	if err := readFull(f.run.r, f.buffer, first.offset); err != nil {
		f.chunk = chunk{}
		return fmt.Errorf("read accounts: %w", err)
	}
	return nil
}
