package batch

import (
	"context"
	"fmt"
	"io"
)

// An idBody is the run of a gathering as bytes, which come about while they are read, from the start each time. It is
// for one goroutine.
type idBody struct {
	ctx       context.Context
	gathering *idGathering
	// at is the place of the next read.
	at int64
	// pipe has the bytes from a place on; nil if none are under way. done is closed when nobody writes to it any more.
	pipe *io.PipeReader
	from int64
	done chan struct{}
}

// Seek goes to a place, as [io.Seeker] says.
func (b *idBody) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		if b.gathering.found.Load() == nil {
			b.Close()
		}
		facts, err := b.gathering.facts(b.ctx)
		if err != nil {
			return 0, err
		}
		offset += facts.Bytes
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d in a run of ids", offset)
	}
	b.at = offset
	return offset, nil
}

// Read reads on. That the end is reached is said when the whole run came out, as it was before, and not sooner.
func (b *idBody) Read(buffer []byte) (int, error) {
	if b.pipe == nil || b.from != b.at {
		if found := b.gathering.found.Load(); found != nil && b.at >= found.Bytes {
			return 0, io.EOF
		}
		if err := b.start(); err != nil {
			return 0, err
		}
	}
	n, err := b.pipe.Read(buffer)
	b.at += int64(n)
	b.from = b.at
	return n, err
}

// start begins to gather, and reads up to the place that is wanted.
func (b *idBody) start() error {
	b.Close()
	ctx, cancel := context.WithCancel(b.ctx)
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		writer.CloseWithError(guarded(func() error { return b.gathering.writeTo(ctx, writer) }))
	}()
	b.pipe, b.done = reader, done
	var err error
	b.from, err = io.CopyN(io.Discard, reader, b.at)
	return err
}

// Close stops what is under way.
func (b *idBody) Close() {
	if b.pipe == nil {
		return
	}
	b.pipe.Close() // whoever writes gets an error
	<-b.done
	b.pipe = nil
}
