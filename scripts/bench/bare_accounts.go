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

// lots reads the accounts that the night found on record, and encodes those that it left there and what it put away of them, from a
// ledger that has settled it.
func (c *bareCost) lots(ctx context.Context, folder, path string, workers int) error {
	settled, err := openSettled(ctx, folder, path)
	if err != nil {
		return err
	}
	closing := append(settled.state.Of(books.Accounts), settled.state.Of(books.PutAway)...)
	var opening []books.StateObject
	for _, object := range settled.ledger.MemberObjects() {
		if !slices.ContainsFunc(closing, func(kept books.StateObject) bool { return kept.Object == object.Object && kept.Offset == object.Offset }) {
			opening = append(opening, object)
		}
	}
	var lots atomic.Int64
	again := func(objects []books.StateObject, encode bool) error {
		lots.Store(0)
		return each(workers, objects, func(object *books.StateObject) error {
			return readMembers(ctx, settled.ledger, *object, settled.rulebook.Parties, encode, &lots)
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

// readMembers reads an object of accounts, or of what was put away of them, and encodes them again and drops the bytes, or drops
// them as they are. It adds the open lots to lots.
func readMembers(ctx context.Context, ledger *books.Ledger, object books.StateObject, parties settlement.Parties, encode bool, lots *atomic.Int64) error {
	content, err := ledger.Read(ctx, object.FileRecord)
	if err != nil {
		return err
	}
	var runs []*accounts.Run
	if object.Role == books.PutAway {
		var bundle *accounts.Bundle
		if bundle, err = accounts.OpenBundle(sections.InMemory(content), object.Bytes); err == nil {
			runs, err = runsOf(bundle, parties)
		}
	} else {
		runs = make([]*accounts.Run, 1)
		runs[0], err = accounts.Open(sections.InMemory(content), object.Bytes, parties)
	}
	for i := 0; i < len(runs) && err == nil; i++ {
		err = readRun(runs[i], parties, encode, lots)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", object.Object, err)
	}
	return nil
}

func runsOf(bundle *accounts.Bundle, parties settlement.Parties) (runs []*accounts.Run, err error) {
	for number := range bundle.Runs() {
		run, err := bundle.Open(number, parties)
		if err != nil {
			return nil, err
		}
		if run != nil {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

func readRun(run *accounts.Run, parties settlement.Parties, encode bool, lots *atomic.Int64) error {
	writer := accounts.NewWriter(io.Discard, parties)
	var arena accounts.Arena
	var open int64
	defer func() { lots.Add(open) }()
	err := accounts.Stack{run}.All(&arena, func(account *settlement.Account, due settlement.Date) error {
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
		return err
	}
	_, err = writer.Close()
	return err
}
