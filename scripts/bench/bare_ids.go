package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/identifiers"
	"alliance/settlement/sections"
)

// ids encodes the ids that the night's rows took, from a ledger that has settled it. One goroutine does it, as in a night, where the
// others have something else to do meanwhile: what it takes of the wall clock is its share of all processors.
func (c *bareCost) ids(ctx context.Context, folder, path string, workers int) error {
	settled, err := openSettled(ctx, folder, path)
	if err != nil {
		return err
	}
	for _, object := range settled.state.Of(books.IDs) {
		content, err := settled.ledger.Read(ctx, object.FileRecord)
		if err != nil {
			return err
		}
		taken, err := idsOf(content)
		if err != nil {
			return fmt.Errorf("%s: %w", object.Object, err)
		}
		c.IDsEncoded += int64(len(taken))
		if err := c.NewIDs.timed(func() error { return encodeIDs(taken) }); err != nil {
			return err
		}
	}
	c.NewIDs.Wall = c.NewIDs.Processor / time.Duration(workers)
	return nil
}

func idsOf(content []byte) (taken []settlement.TakenID, err error) {
	run, err := identifiers.Open(sections.InMemory(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	taken = make([]settlement.TakenID, 0, run.Facts().IDs)
	err = run.All(func(id settlement.TakenID) error {
		taken = append(taken, id)
		return nil
	})
	return taken, err
}

func encodeIDs(taken []settlement.TakenID) error {
	writer := identifiers.NewWriter(io.Discard, new(bytes.Buffer))
	for i := range taken {
		if err := writer.Add(&taken[i]); err != nil {
			return err
		}
	}
	_, err := writer.Close()
	return err
}
