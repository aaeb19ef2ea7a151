package batch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/faults"
	deliveries "alliance/settlement/intake"
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

// TestFaultG_VerifyNoticesEveryByte damages every byte of record, state, statements and
// acknowledgements of a small night. settle verify finds each.
func TestFaultG_VerifyNoticesEveryByte(t *testing.T) {
	w := newByteWorld(t)
	tally := w.together(t, w.settledFiles, func(w *byteWorld, _ damage) string {
		found, panicked := w.verify(false)
		switch {
		case panicked != nil:
			return fmt.Sprint("panic: ", panicked)
		case found == "":
			return "verify says that all is sound"
		}
		return ""
	})
	tally.record(t, "record, state, statements, acknowledgements damaged", fmt.Sprintf("every byte of the %d files of a night settled on a directory; settle verify finds each", len(w.settledFiles)))
}

// TestFaultG_DeepVerifyNoticesEveryByteOfInputs damages the inputs of a night that is settled. settle
// verify --deep finds each.
func TestFaultG_DeepVerifyNoticesEveryByteOfInputs(t *testing.T) {
	w := newByteWorld(t)
	tally := w.together(t, w.inboxFiles, func(w *byteWorld, _ damage) string {
		found, panicked := w.verify(true)
		switch {
		case panicked != nil:
			return fmt.Sprint("panic: ", panicked)
		case found == "":
			return "verify --deep says that all is sound"
		}
		return ""
	})
	tally.record(t, "inputs of a settled date damaged", "settle verify --deep finds each")
}

// TestFaultG_NextRunRefusesDamagedBooks lets the next date be settled after record and state were
// damaged: it is refused and nothing is written, or what was damaged is not needed for it and it
// comes out as it must.
func TestFaultG_NextRunRefusesDamagedBooks(t *testing.T) {
	w := newByteWorld(t)
	straight := w.copy(t, true)
	next := func(w *byteWorld) batch.Job {
		job := w.job()
		job.Date++
		job.AllowMissing = true
		return job
	}
	wanted := mustRun(t, next(straight)).Dates[0]
	paths := slices.DeleteFunc(slices.Clone(w.settledFiles), func(path string) bool {
		return !strings.HasPrefix(path, filepath.Join("ledger", "log")) && !strings.Contains(path, string(filepath.Separator)+"state"+string(filepath.Separator))
	})
	refused := 0
	var mutex sync.Mutex
	tally := w.together(t, paths, func(w *byteWorld, d damage) (wrong string) {
		defer func() {
			if panicked := recover(); panicked != nil {
				wrong = fmt.Sprint("panic: ", panicked)
			}
		}()
		if strings.HasPrefix(d.path, filepath.Join("ledger", "log")) && d.gone {
			return "" // the only record is gone: the ledger is one that was never begun
		}
		job := next(w)
		job.DryRun = true
		report, err := batch.Run(context.Background(), job)
		if err == nil && report.Dates[0].ComputationID != wanted.ComputationID {
			return "the next date is settled, and comes out otherwise"
		}
		if err != nil {
			mutex.Lock()
			refused++
			mutex.Unlock()
		}
		return ""
	})
	if refused*2 < tally.flips+tally.cuts {
		t.Errorf("only %d were refused", refused)
	}
	tally.record(t, "record and state damaged before the next date is settled", fmt.Sprintf("%d refused, else not needed and the same result", refused))
}

// TestFaultG_NotesMayBeDamaged damages what is on no record: what attempts and projections note for
// themselves. The next run publishes what it must, or refuses.
func TestFaultG_NotesMayBeDamaged(t *testing.T) {
	w := newByteWorld(t)
	straight := w.copy(t, true)
	next := func(w *byteWorld) batch.Job {
		job := w.job()
		job.Date++
		job.AllowMissing = true
		return job
	}
	mustRun(t, next(straight))
	wanted := contentsOf(t, straight.statements)
	tally, refused := &damageTally{}, 0
	w.damages(t, w.otherFiles, faults.Count(101, 1), func(d damage) {
		damaged := w.copy(t, true)
		damaged.apply(t, d)
		_, err := batch.Run(t.Context(), next(damaged))
		wrong := ""
		switch found := contentsOf(t, damaged.statements); {
		case err != nil:
			refused++
		case !maps.Equal(found, wanted):
			wrong = "what is published is not what it must be"
		}
		tally.count(t, d, wrong)
	})
	tally.record(t, "notes that are on no record damaged", fmt.Sprintf("%d refused as the store is unsafe, else published as ever", refused))
}

// TestFaultG_ControlledInputs damages a controlled file, and its control, before the night: every bit of
// every byte, and every length. The file is held with a code, or says the same: a digest in capitals.
func TestFaultG_ControlledInputs(t *testing.T) {
	rulebook, good := mustRulebook(t, byteRulebook), byteInbox()
	wanted, err := settleBytes(rulebook, good)
	if err != nil || len(wanted.Lines) != 1 {
		t.Fatalf("%+v, %v", wanted, err)
	}
	tally, same := &damageTally{}, 0
	try := func(key, what, content string) {
		inbox := maps.Clone(good)
		inbox[key] = content
		night, err := settleBytes(rulebook, inbox)
		wrong := ""
		switch {
		case err != nil:
			wrong = err.Error()
		case isHeld(night, byteFolder+"sales.csv"):
			if len(night.Lines)+len(night.OnUs) > 0 || night.Statements[0].Complete {
				wrong = "held, but the night has lines, or is complete"
			}
		case strings.HasSuffix(key, "_control.json") && strings.EqualFold(content, good[key]) && slices.EqualFunc(night.Lines, wanted.Lines, func(a, b settlement.Line) bool {
			return a.LineKey == b.LineKey && a.Points == b.Points && a.Value.Equal(b.Value)
		}):
			same++
		case strings.TrimSpace(content) == strings.TrimSpace(good[key]):
			same++
		default:
			wrong = fmt.Sprintf("it is taken: %+v", night.Inputs)
		}
		tally.count(t, damage{path: key, what: what}, wrong)
	}
	step, number := faults.Count(11, 1), 0
	for _, key := range slices.Sorted(maps.Keys(good)) {
		content := good[key]
		for at := range len(content) {
			for bit := range 8 {
				if number++; number%step != 0 {
					continue
				}
				altered := []byte(content)
				altered[at] ^= 1 << bit
				try(key, fmt.Sprintf("bit %d of byte %d flipped", bit, at), string(altered))
			}
			if number++; number%step == 0 {
				try(key, fmt.Sprintf("cut after %d bytes", at), content[:at])
			}
		}
	}
	tally.record(t, "a controlled input and its control damaged", fmt.Sprintf("every bit; held with a code, but for %d that say the same: a digest in capitals, a line end left out", same))
}

func isHeld(night *settlement.Night, key string) bool {
	return slices.ContainsFunc(night.Inputs, func(input settlement.Input) bool {
		return input.Key == key && input.State == settlement.Held && input.Code != settlement.NoCode
	})
}

// settleBytes settles the night of an inbox; a panic is an error.
func settleBytes(rulebook *rules.Rulebook, inbox map[string]string) (night *settlement.Night, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	night, _, err = batch.Compute(context.Background(), batch.Computation{Inbox: memoryOf(inbox, nil), Rulebook: rulebook, Date: laneStart, Workers: 1, Partitions: 1},
		batch.Opening{History: deliveries.NewHistory(), Points: map[settlement.Party]int64{}, Adjustments: map[string]bool{}})
	return night, err
}
