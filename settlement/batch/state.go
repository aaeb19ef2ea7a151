package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/intake"
)

// loadOpening reads what is on record before a date.
func loadOpening(ctx context.Context, ledger *books.Ledger, rulebook *rules.Rulebook, date settlement.Date) (Opening, error) {
	opening := Opening{
		Points:      make(map[settlement.Party]int64),
		History:     historyBefore(ledger, rulebook, date),
		Adjustments: adjustmentsBefore(ledger, date),
		Pseudonyms:  ledger.Pseudonyms(date),
	}
	state, digest := stateBefore(ledger, date)
	if state == nil {
		return opening, nil
	}
	opening.Digest = digest
	var err error
	if opening.Accounts, err = LoadAccounts(ctx, ledger, state, rulebook.Parties); err != nil {
		return opening, asRulebookError(err)
	}
	if err := loadStanding(ctx, ledger, state, rulebook.Parties, &opening); err != nil {
		return opening, asRulebookError(err)
	}
	for earlier := date - IDDays(rulebook); earlier < date; earlier++ {
		settled, _ := ledger.Settled(earlier)
		if settled == nil {
			continue
		}
		for _, object := range settled.State.Of(books.IDs) {
			content, err := ledger.Read(ctx, object.FileRecord)
			if err != nil {
				return opening, err
			}
			ids, err := books.ReadIDs(bytes.NewReader(content))
			if err != nil {
				return opening, fmt.Errorf("%s: %w", object.Object, err)
			}
			opening.Taken = append(opening.Taken, ids...)
		}
	}
	return opening, nil
}

// stateBefore returns the state before a date and what identifies it; nil on an empty ledger.
func stateBefore(ledger *books.Ledger, date settlement.Date) (*books.StateRecord, string) {
	if before, _ := ledger.Settled(date - 1); before != nil {
		return ledger.CurrentState(&before.State), before.ComputationID
	}
	state, record := ledger.Opening()
	if state == nil {
		return nil, ""
	}
	digest := record.Kind
	for _, object := range state.Objects {
		digest += books.Kind(" " + object.SHA256)
	}
	return state, string(digest)
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

// historyBefore returns what the dates before one have done with the inbox, as far as the run of
// that date can meet it: what lies under a date is consumed on that date or later.
func historyBefore(ledger *books.Ledger, rulebook *rules.Rulebook, date settlement.Date) *intake.History {
	history := intake.NewHistory()
	for earlier := date - settlement.Date(rulebook.Intake.AcceptLateDays); earlier < date; earlier++ {
		settled, _ := ledger.Settled(earlier)
		if settled == nil {
			continue
		}
		for _, input := range settled.Inputs {
			history.Add(earlier, input.Input(rulebook.Parties))
		}
	}
	return history
}

func adjustmentsBefore(ledger *books.Ledger, date settlement.Date) map[string]bool {
	known := make(map[string]bool)
	for _, record := range ledger.Records() {
		for i := range record.Dates {
			if record.Dates[i].Date >= date {
				continue
			}
			for _, id := range record.Dates[i].Adjustments {
				known[id] = true
			}
		}
	}
	return known
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
	before, _ := stateBefore(p.ledger, p.night.Date)
	err := each(ctx, orDefault(p.job.Workers, defaultWorkers), partitions, func(ctx context.Context, _, i int) error {
		var buffer bytes.Buffer
		if err := books.WriteAccounts(&buffer, p.night.Parties, parts[i]); err != nil {
			return err
		}
		file, err := p.storeUnlessKnown(ctx, before, fmt.Sprintf("state/accounts-%05d.arrow", i), buffer.Bytes())
		file.Rows = int64(len(parts[i]))
		state.Objects[i] = books.StateObject{Role: books.Accounts, Partition: i, FileRecord: file}
		return err
	})
	if err != nil {
		return state, err
	}
	if err := p.writeIDs(ctx, &state); err != nil {
		return state, err
	}
	return state, p.writeStanding(ctx, before, &state)
}

func (p *publication) writeIDs(ctx context.Context, state *books.StateRecord) error {
	if len(p.closing.Settled) == 0 {
		return nil
	}
	var buffer bytes.Buffer
	if err := books.WriteIDs(&buffer, p.closing.Settled); err != nil {
		return err
	}
	file, err := p.attempt.Create(ctx, "state/ids.arrow", bytes.NewReader(buffer.Bytes()))
	file.Rows = int64(len(p.closing.Settled))
	state.Objects = append(state.Objects, books.StateObject{Role: books.IDs, Night: p.night.Date.String(), FileRecord: file})
	return err
}

func (p *publication) writeStanding(ctx context.Context, before *books.StateRecord, state *books.StateRecord) error {
	var buffer bytes.Buffer
	if err := books.WriteBalances(&buffer, p.night.Parties, standingOf(p.closing)); err != nil {
		return err
	}
	file, err := p.storeUnlessKnown(ctx, before, "state/balances.json", buffer.Bytes())
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

// storeUnlessKnown stores an object, or returns the one of the same content that the state
// before names.
func (p *publication) storeUnlessKnown(ctx context.Context, before *books.StateRecord, name string, content []byte) (books.FileRecord, error) {
	sum := sha256Hex(content)
	if before != nil {
		for _, object := range before.Objects {
			if object.SHA256 == sum && object.Bytes == int64(len(content)) {
				return object.FileRecord, nil
			}
		}
	}
	return p.attempt.Create(ctx, name, bytes.NewReader(content))
}
