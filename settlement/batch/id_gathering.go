package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/identifiers"
	"alliance/settlement/spool"
)

// An idGathering puts together the ids that the night's rows took: of tonight's all that were not refused and did not
// end as deferred or rejected, and those of rows deferred earlier that were settled.
//
// The run is gathered when it is read: to sort it on its way to the ledger takes less than to keep it beside what it is
// gathered from, which fills the memory or is spilled. How long it is and what its index says is known once it was read whole.
type idGathering struct {
	pool                *spool.Pool
	claimants           *spool.Spool
	codec               rowCodec
	partitions, workers int
	// without are the rows that did not take their ids, as do all of files that are held; all says that every row took its own.
	without rowSet
	all     bool
	// waited are the ids of rows deferred earlier, by partition.
	waited [][]settlement.TakenID

	found atomic.Pointer[gatheredFacts]

	mutex sync.Mutex
	// whole is the run, if it is there in one piece.
	whole *spool.Blob
}

// gatheredFacts are what is known of a run that was gathered once, and need not be found out again.
type gatheredFacts struct {
	identifiers.Facts
	filters *spool.Blob
}

func newIDGathering(r *run) *idGathering {
	g := &idGathering{
		pool: r.Pool, claimants: r.claimants, codec: r.codec, partitions: r.Partitions, workers: r.Workers,
		waited: make([][]settlement.TakenID, r.Partitions),
	}
	g.without.addAll(&r.refusals.rowSet)
	r.addUnsettled(&g.without)
	g.all = g.without.count == 0 && !slices.Contains(r.files.discarded, true)
	for _, ids := range r.waited {
		for _, id := range ids {
			to := partitionOfID(id.ID, r.Partitions)
			g.waited[to] = append(g.waited[to], id)
		}
	}
	return g
}

// run returns the run of the ids, or none if there are no ids.
func (g *idGathering) run(ctx context.Context, role books.Role, night settlement.Date) ([]stateRun, error) {
	any, err := g.any()
	if err != nil || !any {
		g.releaseAll()
		return nil, err
	}
	run := stateRun{object: books.StateObject{Role: role, Night: night.String()}, gathering: g}
	run.learn()
	return []stateRun{run}, nil
}

// any reports whether there are ids.
func (g *idGathering) any() (bool, error) {
	var content []byte
	for partition := range g.partitions {
		if len(g.waited[partition]) > 0 {
			return true, nil
		}
		var err error
		if content, err = g.claimants.Load(partition, content[:0]); err != nil {
			return false, err
		}
		for at := 0; at < len(content); {
			name, length := g.codec.peekClaimant(content[at:])
			if g.all || g.took(name) {
				return true, nil
			}
			at += length
		}
	}
	return false, nil
}

// facts returns what is known of the run, for which it is gathered unless that was done before.
func (g *idGathering) facts(ctx context.Context) (*gatheredFacts, error) {
	if g.found.Load() == nil {
		if err := g.writeTo(ctx, io.Discard); err != nil {
			return nil, err
		}
	}
	return g.found.Load(), nil
}

// writeTo gathers the run and writes it.
func (g *idGathering) writeTo(ctx context.Context, to io.Writer) error {
	found := g.found.Load()
	var filters *spool.Blob
	var putAside io.ReadWriter
	if found != nil {
		putAside = &asideBefore{found.filters.NewReader()}
	} else {
		filters = g.pool.NewBlob()
		putAside = &aside{blob: filters}
	}
	facts, err := g.write(ctx, identifiers.NewWriter(to, putAside), found)
	if err == nil && found == nil && g.found.CompareAndSwap(nil, &gatheredFacts{facts, filters}) {
		return nil
	}
	if filters != nil {
		filters.Release()
	}
	if found = g.found.Load(); err == nil && facts != found.Facts {
		panic(fmt.Sprintf("ids gathered again came out as %+v, before as %+v", facts, found.Facts))
	}
	return err
}

// write writes the ids to a writer, in order; found is what is known of their run, or nil.
func (g *idGathering) write(ctx context.Context, writer *identifiers.Writer, found *gatheredFacts) (facts identifiers.Facts, err error) {
	// So many partitions at a time are gathered, and then written in order.
	workers := make([]idBuffer, min(g.workers, g.partitions))
	var written int64
	for first := 0; first < g.partitions; first += len(workers) {
		count := min(len(workers), g.partitions-first)
		err := each(ctx, count, count, func(_ context.Context, _, i int) error { return g.gather(first+i, &workers[i]) })
		if err != nil {
			return facts, err
		}
		for i := range count {
			if err := addIDs(writer, workers[i].ids); err != nil {
				return facts, err
			}
			written += int64(len(workers[i].ids))
		}
	}
	if found != nil && written != found.IDs {
		panic(fmt.Sprintf("%d ids came out when they were gathered again, %d before", written, found.IDs))
	}
	return writer.Close()
}

type idBuffer struct {
	content []byte
	sorter  digestSorter
	ids     []settlement.TakenID
	// touched is never read: without it the compiler would leave out the loads by which memory is touched ahead of its use.
	touched int
}

// gather leaves the ids that the rows of a partition took in the buffer, in order.
func (g *idGathering) gather(partition int, buffer *idBuffer) (err error) {
	if buffer.content, err = g.claimants.Load(partition, buffer.content[:0]); err != nil {
		return err
	}
	g.claimants.PrefetchAfter(partition, g.partitions, spool.InOrder)
	rows := len(buffer.content)
	for i := range g.waited[partition] {
		id := &g.waited[partition][i]
		buffer.content = g.codec.appendClaimant(buffer.content, &id.ID, &id.Content, id.BusinessDate, rowName{})
	}
	buffer.sorter.reset(g.partitions, len(buffer.content))
	for at, length := 0, 0; at < len(buffer.content); at += length {
		claimant := buffer.content[at:]
		var name rowName
		if name, length = g.codec.peekClaimant(claimant); !g.all && at < rows && !g.took(name) {
			continue
		}
		buffer.sorter.add(claimant, at)
	}
	keys := buffer.sorter.sort()
	buffer.ids = slices.Grow(buffer.ids[:0], len(keys))[:len(keys)]
	for i, key := range keys {
		if i%touchedAtOnce == 0 {
			// They lie anywhere in the content. Touching some first lets the processor fetch many at a time.
			for _, soon := range keys[i:min(i+touchedAtOnce, len(keys))] {
				at := buffer.sorter.placeOf(soon)
				buffer.touched += int(buffer.content[at]) + int(buffer.content[at+claimantDigestsBytes])
			}
		}
		g.codec.readTakenID(buffer.content[buffer.sorter.placeOf(key):], &buffer.ids[i])
	}
	for i := 1; i < len(keys); i++ {
		if buffer.sorter.alike(keys[i-1], keys[i]) {
			inOrder(buffer.ids[:i+1], compareTakenIDs)
		}
	}
	return nil
}

// took reports whether a row of tonight took its id.
func (g *idGathering) took(name rowName) bool {
	return !g.codec.files.discarded[name.file] && !g.without.has(name)
}

// release forgets what the ids are gathered from.
func (g *idGathering) release() {
	for partition := range g.partitions {
		g.claimants.Release(partition)
	}
	if found := g.found.Load(); found != nil {
		found.filters.Release()
	}
}

// releaseAll forgets the run, too.
func (g *idGathering) releaseAll() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.whole != nil {
		g.whole.Release()
	}
	g.release()
}

// inOnePiece returns the run as a whole, of which parts can be read, and needs no more to gather it. Nobody may read a
// body of it at the same time.
func (g *idGathering) inOnePiece(ctx context.Context) (*spool.Blob, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.whole != nil {
		return g.whole, nil
	}
	whole := g.pool.NewBlob()
	if err := errors.Join(g.writeTo(ctx, whole), whole.Close()); err != nil {
		whole.Release()
		return nil, err
	}
	g.whole = whole
	g.release()
	return whole, nil
}

// body returns the run as bytes. It has to be closed.
func (g *idGathering) body(ctx context.Context) readSeekCloser {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.whole != nil {
		return nothingToEnd{g.whole.NewReader()}
	}
	return &idBody{ctx: ctx, gathering: g}
}

type readSeekCloser interface {
	io.ReadSeeker
	// Close ends what is under way for the reader.
	Close()
}

type nothingToEnd struct{ io.ReadSeeker }

func (nothingToEnd) Close() {}

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

// An asideBefore reads what was put aside before, so that it need not be written again.
type asideBefore struct{ io.Reader }

func (asideBefore) Write(content []byte) (int, error) { return len(content), nil }
