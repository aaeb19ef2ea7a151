package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/sections"
)

// lots reads the accounts that the night found on record, and encodes those that it left there, from a ledger that has settled it.
func (c *bareCost) lots(ctx context.Context, folder, path string, workers int) error {
	settled, err := openSettled(ctx, folder, path)
	if err != nil {
		return err
	}
	var opening, closing []books.FileRecord
	for _, object := range settled.state.Of(books.Accounts) {
		closing = append(closing, object.FileRecord)
	}
	for _, file := range settled.ledger.AccountObjects() {
		if !slices.ContainsFunc(closing, func(kept books.FileRecord) bool { return kept.Object == file.Object && kept.Offset == file.Offset }) {
			opening = append(opening, file)
		}
	}
	var lots atomic.Int64
	again := func(files []books.FileRecord, encode bool) error {
		lots.Store(0)
		return each(workers, files, func(file *books.FileRecord) error {
			return readAccounts(ctx, settled.ledger, *file, settled.rulebook.Parties, encode, &lots)
		})
	}
	if err := c.OpeningLots.timed(func() error { return again(opening, false) }); err != nil {
		return err
	}
	c.LotsRead = lots.Load()
	// What is to be encoded does not fit into memory as it is: it is decoded on the way, which is taken off again.
	var decoded phase
	if err := decoded.timed(func() error { return again(closing, false) }); err != nil {
		return err
	}
	err = c.NewLots.timed(func() error { return again(closing, true) })
	c.LotsEncoded = lots.Load()
	c.NewLots.Wall -= decoded.Wall
	c.NewLots.Processor -= decoded.Processor
	return err
}

// readAccounts reads an object of accounts, and encodes them again and drops the bytes, or drops them as they are. It adds the
// open ones to lots.
func readAccounts(ctx context.Context, ledger *books.Ledger, file books.FileRecord, parties settlement.Parties, encode bool, lots *atomic.Int64) error {
	content, err := ledger.Read(ctx, file)
	if err != nil {
		return err
	}
	run, err := accounts.Open(sections.InMemory(content), file.Bytes, parties)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Object, err)
	}
	writer := accounts.NewWriter(io.Discard, parties)
	var arena accounts.Arena
	var open int64
	defer func() { lots.Add(open) }()
	err = accounts.Stack{run}.All(&arena, func(account *settlement.Account, due settlement.Date) error {
		defer arena.Reset()
		for i := range account.Lots {
			if account.Lots[i].Open > 0 {
				open++
			}
		}
		if !encode {
			return nil
		}
		return writer.Add(account, due)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file.Object, err)
	}
	_, err = writer.Close()
	return err
}
