package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// lotsChild prints, as CSV, how many open lots of each issuer settle's ledger has after the night,
// and their points.
func lotsChild(ctx context.Context, arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("_lots LEDGER RULEBOOK")
	}
	rulebook, err := readRulebook(arguments[1])
	if err != nil {
		return err
	}
	bucket, err := storage.OpenDirectory(arguments[0])
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
	lots, points := make([]int64, rulebook.Parties.Len()), make([]int64, rulebook.Parties.Len())
	recorded := batch.RecordedAccounts(ledger, state, night)
	err = recorded.All(ctx, rulebook.Parties, func(account *settlement.Account) error {
		for i := range account.Lots {
			if lot := &account.Lots[i]; lot.Open > 0 {
				lots[lot.Issuer]++
				points[lot.Issuer] += lot.Open
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "issuer_id,lots,points")
	for party := range lots {
		if lots[party] > 0 {
			fmt.Fprintf(os.Stdout, "%s,%d,%d\n", rulebook.Parties.ID(settlement.Party(party)), lots[party], points[party])
		}
	}
	return nil
}
