package batch

import (
	"context"
	"fmt"
	"slices"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/identifiers"
	"alliance/settlement/sections"
	"alliance/settlement/storage"
)

// takenIDs are runs of ids on record, in which rows of a night look up theirs. They are safe for concurrent use, and have to be closed.
type takenIDs struct {
	runs []takenRun
}

// A takenRun is an open run of ids.
type takenRun struct {
	*identifiers.Run
	content storage.ReadAtCloser
	// settledOn is when all of its rows were settled, NoDate if they wait.
	settledOn settlement.Date
}

// openIDs opens runs of ids.
func openIDs(ctx context.Context, runs []stateRun) (*takenIDs, error) {
	opened := &takenIDs{runs: make([]takenRun, len(runs))}
	err := each(ctx, askedTogether, len(runs), func(_ context.Context, _, i int) (err error) {
		opened.runs[i], err = openTaken(ctx, &runs[i])
		return err
	})
	if err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

// openTaken opens a run. The context must live as long as it; what is returned beside an error has to be closed, too.
func openTaken(ctx context.Context, run *stateRun) (opened takenRun, err error) {
	if opened.settledOn, err = run.settledOn(); err != nil {
		return opened, err
	}
	if opened.content, err = run.content(ctx, false); err != nil {
		return opened, fmt.Errorf("put the ids settled on %s together: %w", run.object.Night, err)
	}
	opened.Run, err = identifiers.Open(opened.content, run.object.Bytes)
	if err == nil && opened.Facts().IndexSHA256 != run.object.IndexSHA256 {
		err = fmt.Errorf("its index has SHA-256 %s, on record is %s", opened.Facts().IndexSHA256, run.object.IndexSHA256)
	}
	if err != nil {
		return opened, broken(fmt.Errorf("the ids in %s: %w", run.object.Object, err))
	}
	return opened, nil
}

func (t *takenIDs) close() {
	for i := range t.runs {
		if content := t.runs[i].content; content != nil {
			content.Close()
		}
	}
}

// lookUp finds the ids on record that claimants of a night want, of one of so many partitions.
//
// Of rows that were settled before oldest only those of the claimant's own business date matter, and a row is not settled before its
// business date. Few claimants are that late, so most ids are not looked for in what was settled long ago.
func (t *takenIDs) lookUp(ctx context.Context, claimants []clearing.Claimant, oldest settlement.Date, buffer *wantedBuffer, partitions int, visit func(settlement.TakenID)) error {
	if len(t.runs) == 0 {
		return nil
	}
	buffer.sort(claimants, oldest, partitions)
	found := make([][]settlement.TakenID, len(t.runs))
	look := func(_ context.Context, _, i int) error {
		run := &t.runs[i]
		return run.find(buffer.wantedOf(run.settledOn, oldest), func(id settlement.TakenID) { found[i] = append(found[i], id) })
	}
	together := 1
	if slices.ContainsFunc(t.runs, func(run takenRun) bool { return sections.Distant(run.content) }) {
		together = askedTogether
	}
	if err := each(ctx, together, len(t.runs), look); err != nil {
		return err
	}
	for i := range found {
		for _, id := range found[i] {
			visit(id)
		}
	}
	return nil
}

// find visits the entries of ids.
func (r *takenRun) find(ids []settlement.Digest, visit func(settlement.TakenID)) error {
	if len(ids) == 0 {
		return nil
	}
	err := r.Lookup(ids, func(id settlement.TakenID) error {
		if id.SettledOn != r.settledOn {
			return fmt.Errorf("an id of a row settled on %s is among those settled on %s", id.SettledOn, r.settledOn)
		}
		visit(id)
		return nil
	})
	if err != nil {
		return broken(err)
	}
	return nil
}

// A wantedBuffer holds the ids that claimants want, in order. It keeps its memory.
type wantedBuffer struct {
	sorter  digestSorter
	wanted  []wantedID
	digests []settlement.Digest
	late    []wantedID
}

// A wantedID is an id and the earliest business date of those who want it.
type wantedID struct {
	id       settlement.Digest
	business settlement.Date
}

func compareWanted(a, b wantedID) int { return compareDigests(a.id, b.id) }

// sort puts the ids of claimants in order, each once.
func (b *wantedBuffer) sort(claimants []clearing.Claimant, oldest settlement.Date, partitions int) {
	b.sorter.reset(partitions, len(claimants))
	for i := range claimants {
		b.sorter.add(claimants[i].ID[:], i)
	}
	keys := b.sorter.sort()
	b.wanted = b.wanted[:0]
	for i, key := range keys {
		claimant := &claimants[b.sorter.placeOf(key)]
		b.wanted = append(b.wanted, wantedID{claimant.ID, claimant.BusinessDate})
		if i > 0 && b.sorter.alike(keys[i-1], key) {
			inOrder(b.wanted, compareWanted)
		}
	}
	b.digests, b.late = b.digests[:0], b.late[:0]
	for i := 0; i < len(b.wanted); {
		one := b.wanted[i]
		for ; i < len(b.wanted) && b.wanted[i].id == one.id; i++ {
			one.business = min(one.business, b.wanted[i].business)
		}
		b.digests = append(b.digests, one.id)
		if one.business < oldest {
			b.late = append(b.late, one)
		}
	}
}

// wantedOf returns the ids that may matter among those of rows that were settled on a date, in order.
func (b *wantedBuffer) wantedOf(settledOn, oldest settlement.Date) []settlement.Digest {
	if settledOn == settlement.NoDate || settledOn >= oldest {
		return b.digests
	}
	var late []settlement.Digest
	for i := range b.late {
		if b.late[i].business <= settledOn {
			late = append(late, b.late[i].id)
		}
	}
	return late
}
