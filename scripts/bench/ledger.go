package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// A settledLedger is one that has settled the night.
type settledLedger struct {
	rulebook *rules.Rulebook
	ledger   *books.Ledger
	night    settlement.Date
	state    *books.StateRecord
}

// openSettled opens a ledger that has settled the night, by a rulebook.
func openSettled(ctx context.Context, folder, path string) (s settledLedger, err error) {
	if s.rulebook, err = readRulebook(path); err != nil {
		return s, err
	}
	bucket, err := storage.OpenDirectory(folder)
	if err != nil {
		return s, err
	}
	if s.ledger, err = books.Open(ctx, bucket); err != nil {
		return s, err
	}
	if s.night, err = settlement.ParseDate(date); err != nil {
		return s, err
	}
	if s.state = s.ledger.StateAfter(s.night); s.state == nil {
		err = fmt.Errorf("%s is not settled", date)
	}
	return s, err
}

// lotsChild prints, as CSV, how many open lots of each issuer settle's ledger has after the night,
// and their points.
func lotsChild(ctx context.Context, arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("_lots LEDGER RULEBOOK")
	}
	settled, err := openSettled(ctx, arguments[0], arguments[1])
	if err != nil {
		return err
	}
	parties := settled.rulebook.Parties
	lots, points := make([]int64, parties.Len()), make([]int64, parties.Len())
	recorded := batch.RecordedAccounts(settled.ledger, settled.state, settled.night)
	err = recorded.All(ctx, parties, func(account *settlement.Account) error {
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
			fmt.Fprintf(os.Stdout, "%s,%d,%d\n", parties.ID(settlement.Party(party)), lots[party], points[party])
		}
	}
	return nil
}
