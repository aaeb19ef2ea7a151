package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/sections"
	"alliance/settlement/storage"
)

// lots reads the accounts that the night found on record, and encodes those that it left there, from a ledger that has settled it.
func (c *bareCost) lots(ctx context.Context, folder, path string, workers int) error {
	rulebook, err := readRulebook(path)
	if err != nil {
		return err
	}
	bucket, err := storage.OpenDirectory(folder)
	if err != nil {
		return err
	}
	ledger, err := books.Open(ctx, bucket)
	if err != nil {
		return err
	}
	night, err := settlement.ParseDate(date)
	if err != nil {
		return err
	}
	state := ledger.StateAfter(night)
	if state == nil {
		return fmt.Errorf("%s is not settled", date)
	}
	var opening, closing []books.FileRecord
	for _, object := range state.Of(books.Accounts) {
		closing = append(closing, object.FileRecord)
	}
	for _, file := range ledger.AccountObjects() {
		if !slices.ContainsFunc(closing, func(kept books.FileRecord) bool { return kept.Object == file.Object && kept.Offset == file.Offset }) {
			opening = append(opening, file)
		}
	}
	again := func(files []books.FileRecord, encode bool) error {
		return each(workers, files, func(file *books.FileRecord) error { return readAccounts(ctx, ledger, *file, rulebook.Parties, encode) })
	}
	if err := c.OpeningLots.timed(func() error { return again(opening, false) }); err != nil {
		return err
	}
	// What is to be encoded does not fit into memory as it is: it is decoded on the way, which is taken off again.
	var decoded phase
	if err := decoded.timed(func() error { return again(closing, false) }); err != nil {
		return err
	}
	err = c.NewLots.timed(func() error { return again(closing, true) })
	c.NewLots.Wall -= decoded.Wall
	c.NewLots.Processor -= decoded.Processor
	return err
}

// readAccounts reads an object of accounts, and encodes them again and drops the bytes, or drops them as they are.
func readAccounts(ctx context.Context, ledger *books.Ledger, file books.FileRecord, parties settlement.Parties, encode bool) error {
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
	err = accounts.Stack{run}.All(&arena, func(account *settlement.Account, due settlement.Date) error {
		defer arena.Reset()
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
