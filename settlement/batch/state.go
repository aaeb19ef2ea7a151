package batch

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

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
	state := books.StateRecord{Partitions: p.closing.State.partitions()}
	known := p.knownStates()
	var runs []*stateRun
	add := func(some []stateRun) {
		for i := range some {
			runs = append(runs, &some[i])
		}
	}
	for partition := range p.closing.State.stacks {
		add(p.closing.State.stacks[partition])
	}
	add(p.closing.Settled)
	add(p.closing.Waiting)
	var fresh []*stateRun
	for _, run := range runs {
		if run.object.Object != "" {
			continue
		}
		again, err := run.nameAgain(ctx, known)
		if err != nil {
			return state, err
		}
		if !again {
			fresh = append(fresh, run)
		} else if run.object.Object != "" {
			run.moveTo(p.timeline.ledger)
		}
	}
	err := each(ctx, storesAtOnce, len(fresh), func(ctx context.Context, _, i int) error { return p.storeRun(ctx, fresh[i]) })
	if err != nil {
		return state, err
	}
	for _, run := range runs {
		state.Objects = append(state.Objects, run.object)
	}
	return state, p.writeStanding(ctx, known, &state)
}

// nameAgain makes a run the object of the same content that a known state names, if there is one.
func (r *stateRun) nameAgain(ctx context.Context, known []*books.StateRecord) (bool, error) {
	if !hasIndex(known, r.object.IndexSHA256, r.object.Bytes) {
		return false, nil
	}
	sum, err := r.sum(ctx)
	if err != nil {
		return false, err
	}
	file := sameObject(known, sum, r.object.Bytes)
	if file != nil {
		r.object.FileRecord = *file
	}
	return file != nil, nil
}

// hasIndex reports whether a known state names a run with an index: only such a one may be of the same content.
func hasIndex(known []*books.StateRecord, index string, size int64) bool {
	for _, state := range known {
		for i := range state.Objects {
			if object := &state.Objects[i].FileRecord; object.IndexSHA256 == index && object.Bytes == size {
				return true
			}
		}
	}
	return false
}

// storeRun puts a run on record and gives back its place in the pool.
func (p *publication) storeRun(ctx context.Context, run *stateRun) error {
	rows, index := run.object.Rows, run.object.IndexSHA256
	name := strings.ReplaceAll(string(run.object.Role), "_", "-") + ".run"
	if run.object.Role == books.Accounts {
		name = fmt.Sprintf("accounts-%05d.run", run.object.Partition)
	}
	body := run.body(ctx)
	defer body.Close()
	file, err := p.attempt.create(ctx, p.folder+name, body)
	if err != nil {
		return err
	}
	if file.Bytes != run.object.Bytes || run.object.SHA256 != "" && file.SHA256 != run.object.SHA256 {
		return fmt.Errorf("%s was stored with %d bytes and SHA-256 %s, written with %d and %s", name, file.Bytes, file.SHA256, run.object.Bytes, run.object.SHA256)
	}
	file.Rows, file.IndexSHA256 = rows, index
	run.object.FileRecord = file
	if !p.attempt.discard {
		// Who needs it again, as the next date of a catch-up does, reads it there.
		body.Close()
		run.moveTo(p.attempt.ledger)
	}
	return nil
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
	if file := sameObject(known, sha256Hex(content), int64(len(content))); file != nil {
		return *file, nil
	}
	return p.attempt.create(ctx, p.folder+name, bytes.NewReader(content))
}

// sameObject returns the object of a content that a known state names, or nil.
func sameObject(known []*books.StateRecord, sha256 string, size int64) *books.FileRecord {
	for _, state := range known {
		for i := range state.Objects {
			if object := &state.Objects[i].FileRecord; object.SHA256 == sha256 && object.Bytes == size {
				return object
			}
		}
	}
	return nil
}
