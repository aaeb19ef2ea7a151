package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
)

// loadOpening reads what is on record before a date.
func loadOpening(ctx context.Context, ledger *books.Ledger, rulebook *rules.Rulebook, date settlement.Date) (Opening, error) {
	return newTimeline(ledger).opening(ctx, rulebook, date)
}

// LoadAccounts reads the accounts of a state.
func LoadAccounts(ctx context.Context, ledger *books.Ledger, state *books.StateRecord, parties settlement.Parties) ([]settlement.Account, error) {
	var all []settlement.Account
	for _, object := range state.Of(books.Accounts) {
		content, err := ledger.Read(ctx, object.FileRecord)
		if err != nil {
			return nil, err
		}
		accounts, err := books.ReadAccounts(bytes.NewReader(content), parties)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", object.Object, err)
		}
		all = append(all, accounts...)
	}
	return all, nil
}

func loadStanding(ctx context.Context, ledger *books.Ledger, state *books.StateRecord, parties settlement.Parties, opening *Opening) error {
	for _, object := range state.Of(books.BalancesRole) {
		content, err := ledger.Read(ctx, object.FileRecord)
		if err != nil {
			return err
		}
		standing, err := books.ReadBalances(bytes.NewReader(content), parties)
		if err != nil {
			return fmt.Errorf("%s: %w", object.Object, err)
		}
		opening.Balances = standing.Balances
		for _, points := range standing.Points {
			opening.Points[points.Issuer] = points.Points
		}
	}
	return nil
}

// asRulebookError tells a register that lacks somebody from a ledger that cannot be read.
func asRulebookError(err error) error {
	if errors.Is(err, books.ErrUnknownParty) {
		return &RulebookError{[]string{err.Error() + "; a party with lots or a balance cannot be dropped, give it a `left` date instead"}}
	}
	return err
}

// accountsPerObject is about how many accounts one object of the state holds.
const accountsPerObject = 1 << 16

// writeState stores the state after the night. An object that did not change is named again
// instead of being stored again.
func (p *publication) writeState(ctx context.Context) (books.StateRecord, error) {
	partitions := 1
	for partitions*accountsPerObject < len(p.closing.Accounts) {
		partitions *= 2
	}
	state := books.StateRecord{Partitions: partitions, Objects: make([]books.StateObject, partitions)}
	parts := make([][]settlement.Account, partitions)
	for _, account := range p.closing.Accounts {
		to := partitionOf(account.Member, partitions)
		parts[to] = append(parts[to], account)
	}
	known := p.knownStates()
	err := each(ctx, orDefault(p.job.Workers, runtime.GOMAXPROCS(0)), partitions, func(ctx context.Context, _, i int) error {
		var buffer bytes.Buffer
		if err := books.WriteAccounts(&buffer, p.night.Parties, parts[i]); err != nil {
			return err
		}
		file, err := p.storeUnlessKnown(ctx, known, fmt.Sprintf("accounts-%05d.arrow", i), buffer.Bytes())
		file.Rows = int64(len(parts[i]))
		state.Objects[i] = books.StateObject{Role: books.Accounts, Partition: i, FileRecord: file}
		return err
	})
	if err != nil {
		return state, err
	}
	if err := p.writeIDs(ctx, known, &state); err != nil {
		return state, err
	}
	return state, p.writeStanding(ctx, known, &state)
}

func (p *publication) writeIDs(ctx context.Context, known []*books.StateRecord, state *books.StateRecord) error {
	if len(p.closing.Settled) == 0 {
		return nil
	}
	var buffer bytes.Buffer
	if err := books.WriteIDs(&buffer, p.closing.Settled); err != nil {
		return err
	}
	file, err := p.storeUnlessKnown(ctx, known, "ids.arrow", buffer.Bytes())
	file.Rows = int64(len(p.closing.Settled))
	state.Objects = append(state.Objects, books.StateObject{Role: books.IDs, Night: p.night.Date.String(), FileRecord: file})
	return err
}

func (p *publication) writeStanding(ctx context.Context, known []*books.StateRecord, state *books.StateRecord) error {
	var buffer bytes.Buffer
	if err := books.WriteBalances(&buffer, p.night.Parties, standingOf(p.closing)); err != nil {
		return err
	}
	file, err := p.storeUnlessKnown(ctx, known, "balances.json", buffer.Bytes())
	state.Objects = append(state.Objects, books.StateObject{Role: books.BalancesRole, FileRecord: file})
	return err
}

// standingOf returns what a closing leaves on record that belongs to no member.
func standingOf(closing *Closing) books.Standing {
	standing := books.Standing{Balances: closing.Balances}
	for party, points := range closing.Points {
		standing.Points = append(standing.Points, books.IssuerPoints{Issuer: party, Points: points})
	}
	slices.SortFunc(standing.Points, func(a, b books.IssuerPoints) int { return int(a.Issuer - b.Issuer) })
	return standing
}

// knownStates are those that are likely to have objects in common with the night's: what the
// ledger has on record of the date if it is restated, and the state before.
func (p *publication) knownStates() []*books.StateRecord {
	var known []*books.StateRecord
	if p.standing != nil {
		known = append(known, p.timeline.ledger.CurrentState(&p.standing.State))
	}
	if before, _ := p.timeline.stateBefore(p.night.Date); before != nil {
		known = append(known, before)
	}
	return known
}

// storeUnlessKnown stores an object, or returns the one of the same content that a known state
// names.
func (p *publication) storeUnlessKnown(ctx context.Context, known []*books.StateRecord, name string, content []byte) (books.FileRecord, error) {
	sum := sha256Hex(content)
	for _, state := range known {
		for _, object := range state.Objects {
			if object.SHA256 == sum && object.Bytes == int64(len(content)) {
				return object.FileRecord, nil
			}
		}
	}
	return p.attempt.create(ctx, p.folder+name, bytes.NewReader(content))
}
