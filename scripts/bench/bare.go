package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"alliance/settlement"
	"alliance/settlement/intake"
	"alliance/settlement/statement"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// A bareCost is what no night can do without, done with settle's own libraries and nothing else.
type bareCost struct {
	// Decode reads the night's files row by row, digests included, and drops the rows.
	Decode phase `json:"decode_and_hash"`
	// Hash reads the files and digests them: a part of Decode, to know how large.
	Hash phase `json:"hash"`
	// Encode writes the published statements once more, from a night in memory, and drops the bytes.
	Encode phase `json:"encode"`
	// OpeningLots reads the accounts that the night found on record, NewLots encodes those that it left there and what it put away, and
	// drops them.
	OpeningLots phase `json:"opening_lots"`
	NewLots     phase `json:"new_lots"`
	// NewIDs encodes the ids that rows took, and drops them.
	NewIDs phase `json:"new_ids"`
	Rows   int64 `json:"rows"`
	// LotsRead and LotsEncoded are the open ones among them.
	LotsRead    int64 `json:"lots_read"`
	LotsEncoded int64 `json:"lots_encoded"`
	IDsEncoded  int64 `json:"ids_encoded"`
	// Allocations are those whose two copies were encoded.
	Allocations int64 `json:"allocations"`
}

// files is the cost of the files and the statements alone.
func (c *bareCost) files() phase { return c.Decode.plus(c.Encode) }

// both is the cost of all that both sides read and write.
func (c *bareCost) both() phase { return c.files().plus(c.OpeningLots).plus(c.NewLots) }

// total is the cost of all that settle reads and writes.
func (c *bareCost) total() phase { return c.both().plus(c.NewIDs) }

// A phase is the time that a piece of work took.
type phase struct {
	Wall      time.Duration `json:"wall_ns"`
	Processor time.Duration `json:"processor_ns"`
}

func (p phase) plus(other phase) phase {
	return phase{p.Wall + other.Wall, p.Processor + other.Processor}
}

// timed adds what a piece of work takes.
func (p *phase) timed(do func() error) error {
	began, before := time.Now(), processorTime()
	err := do()
	p.Wall += time.Since(began)
	p.Processor += processorTime() - before
	return err
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it takes no argument that could be wrong
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// bareChild measures the bare cost of a night that settle has published.
func bareChild(ctx context.Context, arguments []string) error {
	set := flag.NewFlagSet("_bare", flag.ContinueOnError)
	inbox := set.String("inbox", "", "")
	statements := set.String("statements", "", "")
	ledger := set.String("ledger", "", "")
	rulebook := set.String("rules", "", "")
	workers := set.Int("workers", 2, "")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	var spent bareCost
	if err := spent.decode(ctx, *inbox, *rulebook, *workers); err != nil {
		return err
	}
	if err := spent.lots(ctx, *ledger, *rulebook, *workers); err != nil {
		return err
	}
	if err := spent.ids(ctx, *ledger, *rulebook, *workers); err != nil {
		return err
	}
	if err := spent.encode(ctx, *statements, *rulebook, *workers); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(spent)
}

func (c *bareCost) decode(ctx context.Context, folder, path string, workers int) error {
	rulebook, err := readRulebook(path)
	if err != nil {
		return err
	}
	inbox, err := storage.OpenDirectory(folder)
	if err != nil {
		return err
	}
	night, err := settlement.ParseDate(date)
	if err != nil {
		return err
	}
	var merchants []intake.Merchant
	for i := range rulebook.Merchants {
		merchants = append(merchants, intake.Merchant{Party: rulebook.Merchants[i].Party, Active: true})
	}
	listing, err := intake.Discover(ctx, inbox, rulebook.Parties, merchants, intake.Window{Date: night}, intake.NewHistory())
	if err != nil {
		return err
	}
	var rows atomic.Int64
	readers := sync.Pool{New: func() any { return new(intake.Reader) }}
	err = c.Decode.timed(func() error {
		return each(workers, listing.Objects, func(object *intake.Object) error {
			reader := readers.Get().(*intake.Reader)
			defer readers.Put(reader)
			facts, err := reader.Read(ctx, inbox, object, func(*settlement.Record) error { return nil })
			rows.Add(facts.Rows)
			return err
		})
	})
	c.Rows = rows.Load()
	if err != nil {
		return err
	}
	return c.Hash.timed(func() error {
		return each(workers, listing.Objects, func(object *intake.Object) error {
			file, err := os.Open(filepath.Join(folder, object.Key))
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = io.Copy(sha256.New(), file)
			return err
		})
	})
}

// each does something with every element, several at a time.
func each[E any](workers int, all []E, do func(*E) error) error {
	var group errgroup.Group
	group.SetLimit(workers)
	for i := range all {
		group.Go(func() error { return do(&all[i]) })
	}
	return group.Wait()
}

// encode writes the detail of a night as the statements package does, from what was published.
func (c *bareCost) encode(ctx context.Context, folder, path string, workers int) error {
	rulebook, err := readRulebook(path)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(folder, "merchant=*", "date="+date, "detail*.parquet"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no detail in %s: %v", folder, err)
	}
	maker := &nightMaker{parties: rulebook.Parties, money: rulebook.Money, alliance: rulebook.Alliance,
		lines: make(map[settlement.LineKey]*drafted), onUs: make(map[settlement.Party][]settlement.Allocation)}
	if maker.date, err = settlement.ParseDate(date); err != nil {
		return err
	}
	for _, issuers := range []bool{false, true} {
		for _, path := range paths {
			if err := maker.read(path, issuers); err != nil {
				return err
			}
		}
	}
	c.Allocations = maker.allocations
	night, detail := maker.night()
	return c.Encode.timed(func() error {
		// As in a night, both statements that have an allocation get the id that is reckoned once.
		err := each(workers, detail.Of, func(line *[]settlement.Allocation) error {
			var namer settlement.AllocationNamer
			for i := range *line {
				a := &(*line)[i]
				a.ID = namer.ID(rulebook.Parties.ID(a.Redeemer), a.BusinessDate, a.TransactionID, night.Date, a.Number)
			}
			return nil
		})
		if err != nil {
			return err
		}
		_, err = statement.Write(ctx, night, statement.Options{Workers: workers}, func(_ context.Context, _ string, body io.ReadSeeker) error {
			_, err := io.Copy(io.Discard, body)
			return err
		})
		return err
	})
}
