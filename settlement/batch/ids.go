package batch

import (
	"context"
	"errors"
	"slices"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/identifiers"
	"alliance/settlement/spool"
)

// recorded returns runs that are on record.
func recorded(ledger *books.Ledger, objects []books.StateObject) (runs []stateRun) {
	for _, object := range objects {
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
