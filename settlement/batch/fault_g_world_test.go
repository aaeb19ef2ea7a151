package batch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// byteRulebook is the agreement of one merchant and an alliance that funds some of its points: a
// night with a line, a position, a fee and a payment, in as few bytes as may be.
const byteRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: UTC, cycle: daily}
intake: {accept_late_days: 2, wait_days: 1}
ledger: {attribution: fifo}
prices: [{id: base, price: "1.00", per_points: 100}]
fees: [{id: service, payer: redeemer, rate: "0.02"}]
netting: {mode: multilateral, payout_threshold: "0.10"}
merchants: [{id: A, joined: 2026-01-01, may_issue_for: [HUB]}]
`

const byteFolder = "merchant=A/date=" + laneStartText + "/"

// byteInbox is what arrives for the night: a controlled file with a row that is rejected, one that
// nothing covers, and one that is deferred.
func byteInbox() map[string]string {
	at := "," + laneStartText + "T10:00:00Z,"
	sales := "transaction_id,member_id,kind,points,occurred_at,issuer_id,original_transaction_id\n" +
		"t1,anna,issue,500" + at + "HUB,\n" + "t2,anna,redeem,320" + at + ",\n" + "t3,bo,redeem,7" + at + ",\n" +
		"t4,bo,issue,none" + at + ",\n" + "t5,bo,redeem_reversal,9" + at + ",t0\n"
	sum := sha256.Sum256([]byte(sales))
	control := fmt.Sprintf(`{"files":[{"name":"sales.csv","sha256":"%s","rows":5,"issued_points":500,"redeemed_points":327}]}`+"\n", hex.EncodeToString(sum[:]))
	return map[string]string{byteFolder + "sales.csv": sales, byteFolder + "_control.json": control}
}

// A byteWorld is the night in a directory, or a copy of it in memory.
type byteWorld struct {
	// root is the directory, "" for a copy in memory.
	root                            string
	inbox, ledger, statements, acks storage.Bucket
	rulebook                        *rules.Rulebook
	// settledFiles are on record, otherFiles are notes, inboxFiles what was delivered; paths below root.
	settledFiles, otherFiles, inboxFiles []string
}

func newByteWorld(t *testing.T) *byteWorld {
	t.Helper()
	root := t.TempDir()
	w := openByteWorld(t, root)
	fill(t, w.inbox, byteInbox())
	mustRun(t, w.job())
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err = filepath.Rel(root, path)
		name := entry.Name()
		switch {
		case name == "intent.json", name == "probe.json", name == "_projected.json":
			w.otherFiles = append(w.otherFiles, path)
		case strings.HasPrefix(path, "inbox"+string(filepath.Separator)+"merchant="):
			w.inboxFiles = append(w.inboxFiles, path)
		default:
			w.settledFiles = append(w.settledFiles, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// openByteWorld opens what lies in a directory, and makes it if it is empty.
func openByteWorld(t *testing.T, root string) *byteWorld {
	t.Helper()
	open := func(name string) storage.Bucket {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		bucket, err := storage.OpenDirectory(path)
		if err != nil {
			t.Fatal(err)
		}
		return bucket
	}
	w := &byteWorld{root: root, inbox: open("inbox"), ledger: open("ledger"), statements: open("statements"), rulebook: mustRulebook(t, byteRulebook)}
	w.acks = storage.Under(w.inbox, "ack")
	return w
}

// copy returns another world that is like this one, in a directory or in memory.
func (w *byteWorld) copy(t *testing.T, inMemory bool) *byteWorld {
	t.Helper()
	copied := *w
	if inMemory {
		s := stores{w.inbox, w.ledger, w.statements}.clone(t)
		copied.root, copied.inbox, copied.ledger, copied.statements = "", s.inbox, s.ledger, s.statements
		copied.acks = storage.Under(copied.inbox, "ack")
		return &copied
	}
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(w.root)); err != nil {
		t.Fatal(err)
	}
	opened := openByteWorld(t, root)
	opened.settledFiles, opened.otherFiles, opened.inboxFiles = w.settledFiles, w.otherFiles, w.inboxFiles
	return opened
}

func (w *byteWorld) job() batch.Job {
	return batch.Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Acknowledgements: w.acks, Rulebook: w.rulebook, Date: laneStart, Workers: 1, Partitions: 1}
}

// verify says what settle verify finds; panicked, that it does not live to say it.
func (w *byteWorld) verify(deep bool) (found string, panicked any) {
	defer func() { panicked = recover() }()
	job := batch.VerifyJob{Ledger: w.ledger, Statements: w.statements, Acknowledgements: w.acks, Date: settlement.NoDate, Workers: 1, Partitions: 1}
	if deep {
		job.Deep, job.Inbox, job.Rulebooks = true, w.inbox, []*rules.Rulebook{w.rulebook}
	}
	report, err := batch.Verify(context.Background(), job)
	if err != nil {
		return err.Error(), nil
	}
	if len(report.Faults) > 0 {
		return report.Faults[0].String(), nil
	}
	return "", nil
}

// A damage is one way in which a file is not what it was.
type damage struct {
	path, what string
	content    []byte
	gone       bool
}

// damages calls visit for the damages of some files: of every step-th byte a bit flipped, and the file cut
// there; and of every file a byte more, another file's content, and its absence.
func (w *byteWorld) damages(t *testing.T, paths []string, step int, visit func(damage)) {
	t.Helper()
	next := 0
	for i, path := range paths {
		content, err := os.ReadFile(filepath.Join(w.root, path))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(w.root, paths[(i+1)%len(paths)]))
		if err != nil {
			t.Fatal(err)
		}
		for ; next < len(content); next += step {
			altered := bytes.Clone(content)
			altered[next] ^= 1 << (next % 8)
			visit(damage{path: path, what: fmt.Sprintf("bit %d of byte %d flipped", next%8, next), content: altered})
			visit(damage{path: path, what: fmt.Sprintf("cut after %d of %d bytes", next, len(content)), content: content[:next]})
		}
		next -= len(content)
		visit(damage{path: path, what: "a byte more", content: append(bytes.Clone(content), 0)})
		visit(damage{path: path, what: "gone", gone: true})
		if !bytes.Equal(content, other) {
			visit(damage{path: path, what: "the content of " + paths[(i+1)%len(paths)], content: other})
		}
	}
}

// apply damages the file, and returns what mends it.
func (w *byteWorld) apply(t *testing.T, d damage) (mend func()) {
	t.Helper()
	if w.root == "" {
		return w.applyInMemory(t, d)
	}
	path := filepath.Join(w.root, d.path)
	was, err := os.ReadFile(path)
	if err == nil && d.gone {
		err = os.Remove(path)
	} else if err == nil {
		err = os.WriteFile(path, d.content, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
	return func() {
		if err := os.WriteFile(path, was, 0o644); err != nil {
			t.Error(err)
		}
	}
}

func (w *byteWorld) applyInMemory(t *testing.T, d damage) (mend func()) {
	t.Helper()
	store, key, _ := strings.Cut(filepath.ToSlash(d.path), "/")
	bucket := map[string]storage.Bucket{"inbox": w.inbox, "ledger": w.ledger, "statements": w.statements}[store]
	reader, _, err := bucket.Open(context.Background(), key, "")
	if err != nil {
		t.Error(err)
		return func() {}
	}
	was, err := io.ReadAll(reader)
	if err == nil && d.gone {
		err = bucket.Delete(context.Background(), key)
	} else if err == nil {
		err = bucket.Replace(context.Background(), key, bytes.NewReader(d.content))
	}
	if err != nil {
		t.Error(err)
	}
	return func() {
		if err := bucket.Replace(context.Background(), key, bytes.NewReader(was)); err != nil {
			t.Error(err)
		}
	}
}

// A damageTally counts damages by what was said of them.
type damageTally struct {
	mutex             sync.Mutex
	flips, cuts, more int
	violations        int
}

func (c *damageTally) count(t *testing.T, d damage, wrong string) {
	t.Helper()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case strings.HasPrefix(d.what, "bit"):
		c.flips++
	case strings.HasPrefix(d.what, "cut"):
		c.cuts++
	default:
		c.more++
	}
	if wrong == "" {
		return
	}
	if c.violations++; c.violations <= 20 {
		t.Errorf("%s: %s: %s", d.path, d.what, wrong)
	}
}

func (c *damageTally) record(t *testing.T, fault, detail string) {
	t.Helper()
	faults.Record(t, "G", fault, c.flips+c.cuts+c.more, c.violations, fmt.Sprintf("%d flips, %d truncations, %d times a byte more, gone, or another file's content; %s", c.flips, c.cuts, c.more, detail))
}

// some is how many bytes there are for each one that is damaged where not all are: a prime, so that bits
// and places vary.
const some = 809

// together lets several workers, each with a copy of the world, try damages of some files: some of the
// bytes in a directory, and in the whole campaign all of them in memory.
func (w *byteWorld) together(t *testing.T, paths []string, try func(w *byteWorld, d damage) string) *damageTally {
	t.Helper()
	tally := &damageTally{}
	w.tryAll(t, paths, false, some, tally, try)
	if faults.All() {
		w.tryAll(t, paths, true, 1, tally, try)
	}
	return tally
}

func (w *byteWorld) tryAll(t *testing.T, paths []string, inMemory bool, step int, tally *damageTally, try func(w *byteWorld, d damage) string) {
	t.Helper()
	work := make(chan damage)
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		copied := w.copy(t, inMemory)
		running.Go(func() {
			for d := range work {
				mend := copied.apply(t, d)
				tally.count(t, d, try(copied, d))
				mend()
			}
			if found, panicked := copied.verify(true); found != "" || panicked != nil {
				t.Errorf("in the end: %s, %v", found, panicked)
			}
		})
	}
	w.damages(t, paths, step, func(d damage) { work <- d })
	close(work)
	running.Wait()
}
