package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
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
		if err == nil {
			contents = append(contents, content)
			var one *identifiers.Run
			one, err = identifiers.Open(content, run.object.Bytes)
			if err == nil && one.Facts().IndexSHA256 != run.object.IndexSHA256 {
				err = fmt.Errorf("its index has SHA-256 %s, on record is %s", one.Facts().IndexSHA256, run.object.IndexSHA256)
			}
			opened = append(opened, one)
		}
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
	hash  hash.Hash
	count int64
}

func newIDWriter(pool *spool.Pool) *idWriter {
	w := &idWriter{blob: pool.NewBlob(), aside: &aside{blob: pool.NewBlob()}, hash: sha256.New()}
	w.Writer = identifiers.NewWriter(io.MultiWriter(w.blob, w.hash), w.aside)
	return w
}

// An aside is written to its end, and then read once.
type aside struct {
	blob   *spool.Blob
	reader io.Reader
}

func (a *aside) Write(content []byte) (int, error) { return a.blob.Write(content) }

func (a *aside) Read(buffer []byte) (int, error) {
	if a.reader == nil {
		if err := a.blob.Close(); err != nil {
			return 0, err
		}
		a.reader = a.blob.NewReader()
	}
	return a.reader.Read(buffer)
}

func (w *idWriter) add(ids []settlement.TakenID) error {
	for i := range ids {
		if err := w.Add(&ids[i]); err != nil {
			return err
		}
	}
	w.count += int64(len(ids))
	return nil
}

// finish closes the run; there is none if it has no ids.
func (w *idWriter) finish(role books.Role, night settlement.Date) ([]stateRun, error) {
	facts, err := w.Close()
	w.aside.blob.Release()
	if err = errors.Join(err, w.blob.Close()); err != nil || w.count == 0 {
		return nil, err
	}
	object := books.StateObject{Role: role, Night: night.String(), FileRecord: books.FileRecord{
		Bytes: w.blob.Size(), SHA256: hex.EncodeToString(w.hash.Sum(nil)), Rows: w.count, IndexSHA256: facts.IndexSHA256}}
	return []stateRun{{object: object, blob: w.blob}}, nil
}

// gatherIDs puts together the ids that the night's rows took: of tonight's all that were not refused
// and did not end as deferred or rejected, and those of rows deferred earlier that were settled; and
// the ids of all rows that wait now.
func (r *run) gatherIDs(ctx context.Context) (err error) {
	slices.SortFunc(r.waiting, compareTakenIDs)
	waiting := newIDWriter(r.Pool)
	if err := waiting.add(r.waiting); err != nil {
		return err
	}
	if r.waitingIDs, err = waiting.finish(books.WaitingIDs, r.Date); err != nil {
		return err
	}
	gatherer := &idGatherer{run: r, unsettled: r.unsettledRows(), waited: make([][]settlement.TakenID, r.Partitions), writer: newIDWriter(r.Pool)}
	for _, ids := range r.waited {
		for _, id := range ids {
			to := partitionOfID(id.ID, r.Partitions)
			gatherer.waited[to] = append(gatherer.waited[to], id)
		}
	}
	// So many partitions at a time are gathered, and then written in order.
	workers := make([]idBuffer, r.Workers)
	for first := 0; first < r.Partitions; first += len(workers) {
		count := min(len(workers), r.Partitions-first)
		err := each(ctx, count, count, func(_ context.Context, _, i int) error { return gatherer.gather(first+i, &workers[i]) })
		if err != nil {
			return err
		}
		for i := range count {
			if err := gatherer.writer.add(workers[i].ids); err != nil {
				return err
			}
		}
	}
	r.settledIDs, err = gatherer.writer.finish(books.IDs, r.Date)
	return err
}

type idGatherer struct {
	run       *run
	unsettled map[rowName]bool
	waited    [][]settlement.TakenID
	writer    *idWriter
}

type idBuffer struct {
	claimantBuffer
	ids, sorted []settlement.TakenID
}

// gather leaves the ids that the rows of a partition took in the buffer, in order.
func (g *idGatherer) gather(partition int, buffer *idBuffer) error {
	r := g.run
	claimants, err := buffer.load(r, partition)
	if err != nil {
		return err
	}
	buffer.ids = append(buffer.ids[:0], g.waited[partition]...)
	for i := range claimants {
		claimant := &claimants[i]
		name := rowName{claimant.File, claimant.Row}
		if len(r.refusals) > 0 {
			if _, refused := r.refusals[name]; refused {
				continue
			}
		}
		if len(g.unsettled) > 0 && g.unsettled[name] {
			continue
		}
		buffer.ids = append(buffer.ids, settlement.TakenID{ID: claimant.ID, Content: claimant.Content, BusinessDate: claimant.BusinessDate, SettledOn: r.Date})
	}
	buffer.ids, buffer.sorted = sortByDigest(buffer.ids, buffer.sorted, r.Partitions, compareTakenIDs, func(id *settlement.TakenID) *settlement.Digest { return &id.ID })
	r.claimants.Release(partition)
	return nil
}

func compareTakenIDs(a, b settlement.TakenID) int { return identifiers.Compare(&a, &b) }

// lookUp finds the ids on record that the claimants of a partition want.
func lookUp(taken []*identifiers.Run, claimants []clearing.Claimant, buffer *digestBuffer, partitions int, visit func(settlement.TakenID)) error {
	if len(taken) == 0 {
		return nil
	}
	buffer.digests = buffer.digests[:0]
	for i := range claimants {
		buffer.digests = append(buffer.digests, claimants[i].ID)
	}
	buffer.digests, buffer.sorted = sortByDigest(buffer.digests, buffer.sorted, partitions, compareDigests, func(id *settlement.Digest) *settlement.Digest { return id })
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

type digestBuffer struct{ digests, sorted []settlement.Digest }
