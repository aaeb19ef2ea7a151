package batch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/identifiers"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// gatheredIDs returns a run that knows which rows took their ids, with some of every kind that did not, and the run of ids
// that has to come of it, made in the plainest way.
func gatheredIDs(t *testing.T, pool *spool.Pool, rows, partitions int) (r *run, wanted []byte) {
	t.Helper()
	r = spoolClaimants(t, pool, rows, partitions, 20)
	r.files.discarded[3] = true
	for i := range r.files.keys {
		r.files.keys[i] = string(rune('a' + i))
		r.files.place[r.files.keys[i]] = int32(i)
	}
	for row := range int64(3) {
		r.attributed = append(r.attributed,
			settlement.Exception{File: r.files.keys[7], Row: row, Code: settlement.UnknownOriginal},
			settlement.Exception{File: r.files.keys[8], Row: row, Code: settlement.Uncovered}) // which is accepted
	}
	var taken []settlement.TakenID
	for partition := range partitions {
		content, err := r.claimants.Load(partition, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, claimant := range r.codec.readClaimants(content, nil) {
			if !r.refusals.has(rowName{claimant.File, claimant.Row}) && (claimant.File != 7 || claimant.Row >= 3) {
				taken = append(taken, settlement.TakenID{ID: claimant.ID, Content: claimant.Content, BusinessDate: claimant.BusinessDate, SettledOn: r.Date})
			}
		}
	}
	if rows > 0 {
		// One id that was deferred twice, and one that begins like one of tonight.
		waited := []settlement.TakenID{{ID: settlement.Digest{1}, BusinessDate: r.Date - 1, SettledOn: r.Date}, {ID: settlement.Digest{1}, BusinessDate: r.Date - 2, SettledOn: r.Date}, taken[0]}
		waited[2].ID[15]++
		r.waited = [][]settlement.TakenID{waited[:1], waited[1:]}
		taken = append(taken, waited...)
	}
	slices.SortFunc(taken, compareTakenIDs)
	var run bytes.Buffer
	writer := identifiers.NewWriter(&run, new(bytes.Buffer))
	if err := addIDs(writer, taken); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return r, run.Bytes()
}

// TestIDsCanBeGatheredAgain reads the run of the ids that were taken in many ways, in memory and spilled.
func TestIDsCanBeGatheredAgain(t *testing.T) {
	for _, budget := range []int64{math.MaxInt64, 0} {
		for _, shape := range []struct{ rows, partitions int }{{20_000, 16}, {300, 1}, {5_000, 1024}} {
			pool := spool.NewPool(t.TempDir(), budget)
			r, wanted := gatheredIDs(t, pool, shape.rows, shape.partitions)
			if err := r.gatherIDs(t.Context()); err != nil {
				t.Fatal(err)
			}
			run := &r.settledIDs[0]
			if sum, err := run.sum(t.Context()); err != nil || sum != sha256Hex(wanted) || run.object.Bytes != int64(len(wanted)) {
				t.Fatalf("%+v, %d bytes: the run is %+v, want %d bytes of SHA-256 %s", shape, budget, run.object, len(wanted), sha256Hex(wanted))
			}
			checkBody(t, run.body(t.Context()), wanted)
			for range 2 { // it is made once
				content, err := run.content(t.Context(), false)
				if err != nil {
					t.Fatal(err)
				}
				if found, err := io.ReadAll(io.NewSectionReader(content, 0, run.object.Bytes)); err != nil || !bytes.Equal(found, wanted) {
					t.Errorf("in one piece it has %d bytes, or others: %v", len(found), err)
				}
			}
			checkBody(t, run.body(t.Context()), wanted)
			if err := pool.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// checkBody reads a body whole, twice, and parts of it from places in any order.
func checkBody(t *testing.T, body readSeekCloser, wanted []byte) {
	t.Helper()
	defer body.Close()
	for range 2 {
		if size, err := body.Seek(0, io.SeekEnd); err != nil || size != int64(len(wanted)) {
			t.Fatalf("it ends at %d: %v", size, err)
		}
		if n, err := body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("%d bytes come after its end: %v", n, err)
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if found, err := io.ReadAll(body); err != nil || !bytes.Equal(found, wanted) {
			t.Fatalf("%d bytes, want %d, or others: %v", len(found), len(wanted), err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		from := random.IntN(len(wanted))
		part := make([]byte, random.IntN(len(wanted)-from))
		if _, err := body.Seek(int64(from), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(body, part); err != nil || !bytes.Equal(part, wanted[from:from+len(part)]) {
			t.Fatalf("%d bytes from %d are others: %v", len(part), from, err)
		}
		if at, err := body.Seek(0, io.SeekCurrent); err != nil || at != int64(from+len(part)) {
			t.Fatalf("at %d, want %d: %v", at, from+len(part), err)
		}
	}
	if _, err := body.Seek(-1, io.SeekStart); err == nil {
		t.Error("it has something before its start")
	}
}

// TestIDsOfNobody gathers the ids of a night of which no row took one.
func TestIDsOfNobody(t *testing.T) {
	for _, budget := range []int64{math.MaxInt64, 0} {
		pool := spool.NewPool(t.TempDir(), budget)
		r := spoolClaimants(t, pool, 100, 16, 1000)
		if err := r.gatherIDs(t.Context()); err != nil || len(r.settledIDs)+len(r.waitingIDs) > 0 {
			t.Errorf("%d and %d runs: %v", len(r.settledIDs), len(r.waitingIDs), err)
		}
	}
}

// TestStoredIDsAreReadFromTheLedger stores a run through a store that fails half way, and reads it where it is then.
func TestStoredIDsAreReadFromTheLedger(t *testing.T) {
	pool := spool.NewPool(t.TempDir(), 0)
	r, wanted := gatheredIDs(t, pool, 20_000, 16)
	if err := r.gatherIDs(t.Context()); err != nil {
		t.Fatal(err)
	}
	bucket := &halfBucket{Bucket: storage.NewMemory(), fails: 2}
	ledger, err := books.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	p := &stateStore{attempt: &attempt{ledger: ledger}}
	run := &r.settledIDs[0]
	if err := p.storeRun(t.Context(), run); err != nil || bucket.fails != 0 {
		t.Fatalf("%v, with %d failures to come", err, bucket.fails)
	}
	// What it was gathered from is given back.
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := ledger.Read(t.Context(), run.object.FileRecord)
	if err != nil || !bytes.Equal(content, wanted) {
		t.Errorf("the ledger has %d bytes, want %d, or others: %v", len(content), len(wanted), err)
	}
	if run.gathering != nil || run.ledger != ledger {
		t.Errorf("the run is not read from the ledger: %+v", run)
	}
	opened, err := openIDs(t.Context(), r.settledIDs)
	if err != nil {
		t.Fatal(err)
	}
	opened.close()
}

// A halfBucket fails to create runs, so many times, after it has read a half.
type halfBucket struct {
	storage.Bucket
	fails int
}

func (b *halfBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	if b.fails > 0 && key[len(key)-4:] == ".run" {
		b.fails--
		size, err := body.Seek(0, io.SeekEnd)
		_, err = body.Seek(0, io.SeekStart)
		if err == nil {
			_, err = io.CopyN(io.Discard, body, size/2)
		}
		return errors.Join(err, errors.New("the connection broke"))
	}
	return b.Bucket.Create(ctx, key, body)
}

// TestIDsThatCannotBeGathered looks what becomes of a run if what it is gathered from is gone, if nobody wants it any
// more, or if it comes out otherwise.
func TestIDsThatCannotBeGathered(t *testing.T) {
	gather := func(pool *spool.Pool) *run {
		r, _ := gatheredIDs(t, pool, 20_000, 16)
		if err := r.gatherIDs(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	goroutines := runtime.NumGoroutine()

	pool := spool.NewPool(t.TempDir(), 0)
	r := gather(pool)
	body := r.settledIDs[0].body(t.Context())
	if _, err := io.CopyN(io.Discard, body, 100_000); err != nil {
		t.Fatal(err)
	}
	body.Close()
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, body); err == nil {
		t.Errorf("%d bytes came of a pool that was closed", n)
	}
	body.Close()

	r = gather(spool.NewPool(t.TempDir(), 0))
	ctx, cancel := context.WithCancel(t.Context())
	body = r.settledIDs[0].body(ctx)
	_, err := io.CopyN(io.Discard, body, 1000)
	cancel()
	if _, more := io.Copy(io.Discard, body); err != nil || !errors.Is(more, context.Canceled) {
		t.Errorf("a canceled body ends with %v, %v", err, more)
	}
	body.Close()

	// A row more is refused than before.
	r = gather(spool.NewPool(t.TempDir(), 0))
	if _, err := r.settledIDs[0].gathering.facts(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.settledIDs[0].gathering.without.add(rowName{1, 1})
	body = r.settledIDs[0].body(t.Context())
	var broken *BrokenError
	if _, err := io.Copy(io.Discard, body); !errors.As(err, &broken) {
		t.Errorf("a run that came out otherwise ends with %v", err)
	}
	body.Close()

	for range 100 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left of %d", runtime.NumGoroutine(), goroutines)
}
