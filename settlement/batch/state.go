package batch

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
)

// loadOpening reads what is on record before a date.
func loadOpening(ctx context.Context, ledger *books.Ledger, rulebook *rules.Rulebook, date settlement.Date) (Opening, error) {
	return newTimeline(ledger).opening(ctx, rulebook, date)
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

// writeState stores the state after the night: the runs of accounts that are not on record yet, the
// ids and the balances. An object that is on record already is named again instead of being stored again.
func (p *publication) writeState(ctx context.Context) (books.StateRecord, error) {
	state := books.StateRecord{Partitions: p.closing.State.partitions(), Parties: p.closing.PutAwayParties,
		ExpiredBefore: p.closing.ExpiredBefore.String()}
	var runs []*stateRun
	add := func(some []stateRun) {
		for i := range some {
			runs = append(runs, &some[i])
		}
	}
	for partition := range p.closing.State.stacks {
		add(p.closing.State.stacks[partition])
	}
	add(p.closing.PutAway)
	add(p.closing.Settled)
	add(p.closing.Waiting)
	var fresh []*stateRun
	for _, run := range runs {
		if run.object.Object != "" {
			continue
		}
		again, err := p.recall(ctx, run)
		if err != nil {
			return state, err
		}
		if !again {
			fresh = append(fresh, run)
		}
	}
	err := each(ctx, storesAtOnce, len(fresh), func(ctx context.Context, _, i int) error { return p.storeRun(ctx, fresh[i]) })
	if err != nil {
		return state, err
	}
	for _, run := range runs {
		state.Objects = append(state.Objects, run.object)
	}
	return state, p.writeStanding(ctx, &state)
}

func (p *publication) writeStanding(ctx context.Context, state *books.StateRecord) error {
	var buffer bytes.Buffer
	if err := books.WriteBalances(&buffer, p.night.Parties, standingOf(p.closing)); err != nil {
		return err
	}
	file, err := p.storeUnlessKnown(ctx, "balances.json", buffer.Bytes())
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

// storeUnlessKnown stores an object, or returns the one of the same content that a known state
// names.
func (p *publication) storeUnlessKnown(ctx context.Context, name string, content []byte) (books.FileRecord, error) {
	if file := sameObject(p.known, sha256Hex(content), int64(len(content))); file != nil {
		return *file, nil
	}
	return p.attempt.create(ctx, p.folder+name, bytes.NewReader(content))
}
