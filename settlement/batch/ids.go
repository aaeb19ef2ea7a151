package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/identifiers"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// openIDs opens runs of ids. They have to be closed.
func openIDs(ctx context.Context, runs []stateRun) (opened []*identifiers.Run, closeAll func(), err error) {
	var contents []storage.ReadAtCloser
	closeAll = func() {
		for _, content := range contents {
			content.Close()
		}
	}
	for i := range runs {
		run := &runs[i]
		content, err := run.content(ctx, false)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("put the ids settled on %s together: %w", run.object.Night, err)
		}
		contents = append(contents, content)
		one, err := identifiers.Open(content, run.object.Bytes)
		if err == nil && one.Facts().IndexSHA256 != run.object.IndexSHA256 {
			err = fmt.Errorf("its index has SHA-256 %s, on record is %s", one.Facts().IndexSHA256, run.object.IndexSHA256)
		}
		opened = append(opened, one)
		if err != nil {
			closeAll()
			return nil, nil, broken(fmt.Errorf("the ids in %s: %w", run.object.Object, err))
		}
	}
	return opened, closeAll, nil
}

// recordedIDs returns the runs of one role that a state has.
func recordedIDs(ledger *books.Ledger, state *books.StateRecord, role books.Role) (runs []stateRun) {
	for _, object := range state.Of(role) {
		runs = append(runs, stateRun{object: object, ledger: ledger})
	}
	return runs
}

// An idWriter writes a run of ids into the pool.
type idWriter struct {
	*identifiers.Writer
	blob  *spool.Blob
	aside *aside
}

func newIDWriter(pool *spool.Pool) *idWriter {
	w := &idWriter{blob: pool.NewBlob(), aside: &aside{blob: pool.NewBlob()}}
	w.Writer = identifiers.NewWriter(w.blob, w.aside)
	return w
}

// addIDs writes ids, which must be in order.
func addIDs(writer *identifiers.Writer, ids []settlement.TakenID) error {
	for i := range ids {
		if err := writer.Add(&ids[i]); err != nil {
			return err
		}
	}
	return nil
}

// finish closes the run; there is none if it has no ids.
func (w *idWriter) finish(role books.Role, night settlement.Date) ([]stateRun, error) {
	facts, err := w.Close()
	w.aside.blob.Release()
	if err = errors.Join(err, w.blob.Close()); err != nil || facts.IDs == 0 {
		return nil, err
	}
	object := books.StateObject{Role: role, Night: night.String(), FileRecord: books.FileRecord{
		Bytes: w.blob.Size(), Rows: facts.IDs, IndexSHA256: facts.IndexSHA256}}
	return []stateRun{{object: object, blob: w.blob}}, nil
}

// gatherIDs puts together the ids of all rows that wait now, and sees to it that those which the night's rows took can be.
func (r *run) gatherIDs(ctx context.Context) (err error) {
	slices.SortFunc(r.waiting, compareTakenIDs)
	waiting := newIDWriter(r.Pool)
	if err := addIDs(waiting.Writer, r.waiting); err != nil {
		return err
	}
	if r.waitingIDs, err = waiting.finish(books.WaitingIDs, r.Date); err != nil {
		return err
	}
	r.settledIDs, err = newIDGathering(r).run(ctx, books.IDs, r.Date)
	return err
}

func compareTakenIDs(a, b settlement.TakenID) int { return identifiers.Compare(&a, &b) }

// lookUp finds the ids on record that the claimants of a partition want.
func lookUp(taken []*identifiers.Run, claimants []clearing.Claimant, buffer *digestBuffer, partitions int, visit func(settlement.TakenID)) error {
	if len(taken) == 0 {
		return nil
	}
	buffer.sorter.reset(partitions, len(claimants))
	for i := range claimants {
		buffer.sorter.add(claimants[i].ID[:], i)
	}
	keys := buffer.sorter.sort()
	buffer.digests = buffer.digests[:0]
	for i, key := range keys {
		buffer.digests = append(buffer.digests, claimants[buffer.sorter.placeOf(key)].ID)
		if i > 0 && buffer.sorter.alike(keys[i-1], key) {
			inOrder(buffer.digests, compareDigests)
		}
	}
	unique := slices.Compact(buffer.digests)
	for _, run := range taken {
		err := run.Lookup(unique, func(id settlement.TakenID) error {
			visit(id)
			return nil
		})
		if err != nil {
			return broken(err)
		}
	}
	return nil
}

type digestBuffer struct {
	sorter  digestSorter
	digests []settlement.Digest
}
