package books

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// randomLog is a ledger of so many nights, with restatements, closed dates and attempts that were given up between them.
func randomLog(t *testing.T, random *rand.Rand, nights int) storage.Bucket {
	t.Helper()
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	next := firstDate
	for next < firstDate+settlement.Date(nights) {
		switch last, any := ledger.LastSettled(); {
		case any && random.Intn(6) == 0:
			// A restatement of one date, or of all to the last.
			first := firstDate + settlement.Date(random.Intn(int(last-firstDate)+1))
			restate(t, ledger, random, first, min(last, first+settlement.Date(random.Intn(4))))
		case any && random.Intn(8) == 0:
			spoiled := open(t, faulty(bucket, func(operation, key string, run func() error) error {
				if operation == "create" && key == logKey(int64(len(ledger.records))+1) && random.Intn(4) > 0 {
					return errTimeout
				}
				return run()
			}))
			restate(t, spoiled, random, last, last)
			ledger = open(t, bucket)
		default:
			restate(t, ledger, random, next, next)
			next++
		}
	}
	return bucket
}

// restate settles some dates by one record, each in its own way. It may be aborted.
func restate(t *testing.T, ledger *Ledger, random *rand.Rand, first, last settlement.Date) {
	t.Helper()
	attempt := begin(t, ledger)
	var record Record
	for date := first; date <= last; date++ {
		text := fmt.Sprintf("%s %d \"state\":\"missing\" \\ {[", date, random.Int())
		one, err := prepare(t.Context(), ledger, attempt, date, date.String()+"/"+fmt.Sprint(random.Int()))
		if err != nil {
			t.Fatal(err)
		}
		settled := &one.Dates[0]
		settled.Adjustments = []string{text}
		settled.Inputs[0].Key += text
		settled.UsedPrices = map[string]string{text: strings.Repeat("p", random.Intn(3))}
		if random.Intn(3) == 0 {
			settled.Inputs = nil
		}
		for _, role := range []Role{IDs, PutAway, PutAway} {
			file, err := attempt.Create(t.Context(), fmt.Sprintf("%s/%s/%d", role, date, random.Int()), strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			settled.State.Objects = append(settled.State.Objects, StateObject{Role: role, FileRecord: file})
		}
		settled.State.Parties = []string{text}
		dates := append(record.Dates, *settled)
		record, record.Dates = one, dates
	}
	if err := attempt.Commit(t.Context(), record); err != nil && !errors.Is(err, ErrAborted) && !errors.Is(err, ErrUnknown) {
		t.Fatal(err)
	}
}

// TestRecentIsAsWhole compares ledgers that were opened in brief, and then read further, with the same ones read whole.
func TestRecentIsAsWhole(t *testing.T) {
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	for range 20 {
		bucket := randomLog(t, random, 3+random.Intn(25))
		want := open(t, bucket)
		last, _ := want.LastSettled()
		recent := random.Intn(30)
		found, err := OpenRecent(t.Context(), bucket, recent)
		if err != nil {
			t.Fatal(err)
		}
		compareRecent(t, found, want, last+1-settlement.Date(recent))
		if settled, record := found.Settled(last); !reflect.DeepEqual(record.Attempt, must(want.Settled(last)).Attempt) || !reflect.DeepEqual(settled, first(want.Settled(last))) {
			t.Errorf("the last date is\n%+v instead of\n%+v", settled, first(want.Settled(last)))
		}
		since := firstDate + settlement.Date(random.Intn(30))
		if _, err := found.ReadSince(t.Context(), since); err != nil {
			t.Fatal(err)
		}
		compareRecent(t, found, want, min(since, last+1-settlement.Date(recent)))
		date := firstDate + settlement.Date(random.Intn(int(last-firstDate)+1))
		if err := found.readDate(t.Context(), date); err != nil {
			t.Fatal(err)
		}
		if settled, _ := found.Settled(date); !reflect.DeepEqual(settled, first(want.Settled(date))) {
			t.Errorf("%s is\n%+v instead of\n%+v", date, settled, first(want.Settled(date)))
		}
		if !reflect.DeepEqual(found.Versions("bakery", date), want.Versions("bakery", date)) {
			t.Errorf("%s has other versions", date)
		}
		if err := found.ReadWhole(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(found.Records(), want.Records()) || !reflect.DeepEqual(found.files, want.files) {
			t.Errorf("%d records are others once they are read whole", len(want.records))
		}
	}
}

func first(settled *DateRecord, _ *Record) *DateRecord { return settled }
func must(_ *DateRecord, record *Record) *Record       { return record }

// compareRecent compares what a ledger says without being read whole. The inputs of dates from since on have to be there.
func compareRecent(t *testing.T, found, want *Ledger, since settlement.Date) {
	t.Helper()
	if !reflect.DeepEqual(found.hashes, want.hashes) || !reflect.DeepEqual(found.datesAfter(0, true), want.datesAfter(0, true)) {
		t.Errorf("records or dates are others")
	}
	for seq := range want.records {
		if a, b := found.computationAt(int64(seq+1)), want.computationAt(int64(seq+1)); a != b {
			t.Errorf("after record %d the newest computation is %q instead of %q", seq+1, a, b)
		}
	}
	if !reflect.DeepEqual(found.namedAttempts(), want.namedAttempts()) {
		t.Errorf("other attempts are named")
	}
	passed := found.Passed()
	for date, whole := range want.Passed() {
		brief := passed[date]
		if brief == nil {
			t.Errorf("%s is not settled", date)
			continue
		}
		delete(passed, date)
		if !reflect.DeepEqual(brief.Missing(), whole.Missing()) {
			t.Errorf("%s: missing are %q instead of %q", date, brief.Missing(), whole.Missing())
		}
		if date >= since {
			if a, b := brief.Inputs(), whole.Inputs(); len(a) != len(b) || len(a) > 0 && !reflect.DeepEqual(a, b) {
				t.Errorf("%s: inputs are\n%+v instead of\n%+v", date, a, b)
			}
		}
		got, wanted := *brief, *whole
		got.inputs, got.allInputs, wanted.inputs, wanted.allInputs = nil, false, nil, false
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s is\n%+v instead of\n%+v", date, got, wanted)
		}
	}
	if len(passed) > 0 {
		t.Errorf("%d dates too many are settled", len(passed))
	}
}

// TestBriefRecordsAreVerified alters each byte of a log's records, and takes records away: what is read in brief has to be refused as what is read whole.
func TestBriefRecordsAreVerified(t *testing.T) {
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	bucket := randomLog(t, random, 5)
	texts := contents(t, bucket)
	replace := func(key, text string) {
		if err := bucket.Replace(t.Context(), key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	for key, text := range texts {
		if !strings.HasPrefix(key, logPrefix) {
			continue
		}
		for at := 0; at < len(text); at += 1 + random.Intn(7) {
			altered := []byte(text)
			altered[at] ^= 1 << random.Intn(8)
			replace(key, string(altered))
			if _, err := OpenRecent(t.Context(), bucket, 0); !errors.Is(err, ErrBroken) {
				t.Fatalf("byte %d of %s is %q instead of %q: %v", at, key, altered[at], text[at], err)
			}
		}
		for _, altered := range []string{text[:len(text)/2], text[:len(text)-1], text + "\n", text + "x", "", "{}", "{}\n"} {
			replace(key, altered)
			if _, err := OpenRecent(t.Context(), bucket, 0); !errors.Is(err, ErrBroken) {
				t.Fatalf("%s is %q: %v", key, altered, err)
			}
		}
		replace(key, text)
	}
}

// TestReadAgainIsTheSame changes a record after a ledger was opened in brief.
func TestReadAgainIsTheSame(t *testing.T) {
	bucket := randomLog(t, rand.New(rand.NewSource(1)), 9)
	texts := contents(t, bucket)
	for name, change := range map[string]func() error{
		"gone":    func() error { return bucket.Delete(t.Context(), logKey(2)) },
		"altered": func() error { return bucket.Replace(t.Context(), logKey(2), strings.NewReader(texts[logKey(2)]+" ")) },
		"another": func() error { return bucket.Replace(t.Context(), logKey(2), strings.NewReader(texts[logKey(3)])) },
	} {
		ledger, err := OpenRecent(t.Context(), bucket, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := ledger.ReadWhole(t.Context()); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), logKey(2)) {
			t.Errorf("%s: %v", name, err)
		}
		if err := bucket.Replace(t.Context(), logKey(2), strings.NewReader(texts[logKey(2)])); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsReadInBriefIsNotTakenForWhole: who asks for what was left out must not get less.
func TestWhatIsReadInBriefIsNotTakenForWhole(t *testing.T) {
	bucket := storage.NewMemory()
	whole := open(t, bucket)
	for night := range 5 {
		settle(t, whole, firstDate+settlement.Date(night), fmt.Sprint(night))
	}
	for name, ask := range map[string]func(*Ledger){
		"records":  func(l *Ledger) { l.Records() },
		"settled":  func(l *Ledger) { l.Settled(firstDate) },
		"versions": func(l *Ledger) { l.Versions("bakery", firstDate) },
		"inputs":   func(l *Ledger) { l.Passed()[firstDate].Inputs() },
		"verify":   func(l *Ledger) { l.Verify(t.Context(), func(error) {}) },
		"members":  func(l *Ledger) { l.MemberObjects() },
	} {
		ledger, err := OpenRecent(t.Context(), bucket, 2)
		if err != nil {
			t.Fatal(err)
		}
		if !panics(func() { ask(ledger) }) {
			t.Errorf("%s: what was read in brief is taken for all there is", name)
		}
		if err := ledger.ReadWhole(t.Context()); err != nil {
			t.Fatal(err)
		}
		if panics(func() { ask(ledger) }) {
			t.Errorf("%s: it panics though all was read", name)
		}
	}
}

func panics(work func()) (did bool) {
	defer func() { did = recover() != nil }()
	work()
	return false
}

// TestProjectionReadsWhatItNeeds publishes all dates of a ledger that was opened in brief, and those after a mark.
func TestProjectionReadsWhatItNeeds(t *testing.T) {
	random := rand.New(rand.NewSource(7))
	bucket := randomLog(t, random, 12)
	for _, from := range []int{0, 3, 12} {
		var published [2]map[string]string
		for i, recent := range []int{-1, 1} {
			statements, acknowledgements := storage.NewMemory(), storage.NewMemory()
			part, err := openBy(t.Context(), shortLog{bucket, int64(from)}, recordsAtOnce, -1)
			if err != nil {
				t.Fatal(err)
			}
			all, err := openBy(t.Context(), bucket, recordsAtOnce, recent)
			if err != nil {
				t.Fatal(err)
			}
			for _, ledger := range []*Ledger{part, all} {
				if err := errors.Join(ledger.ProjectAll(t.Context(), statements), ledger.ProjectAcknowledgements(t.Context(), acknowledgements)); err != nil {
					t.Fatal(err)
				}
			}
			published[i] = contents(t, statements)
		}
		if !reflect.DeepEqual(published[0], published[1]) {
			t.Errorf("%d records published before: a ledger that was opened in brief publishes something else", from)
		}
	}
}

// A shortLog has no records after one.
type shortLog struct {
	storage.Bucket
	last int64
}

func (s shortLog) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	return shortListing{s.Bucket, s.last}.List(ctx, prefix)
}

func (s shortLog) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if key > logKey(s.last) && strings.HasPrefix(key, logPrefix) {
		return nil, storage.Object{}, storage.ErrNotFound
	}
	return s.Bucket.Open(ctx, key, version)
}

// TestMemoryOfTheRecentLog: what is long ago takes little, and the ledger says how much.
func TestMemoryOfTheRecentLog(t *testing.T) {
	bucket := logOf(t, 60, 200)
	before := alive()
	ledger, err := OpenRecent(t.Context(), bucket, 5)
	if err != nil {
		t.Fatal(err)
	}
	took, size := int64(alive()-before), int64(0)
	for _, text := range contents(t, bucket) {
		size += int64(len(text))
	}
	if took > size/10 {
		t.Errorf("a log of %d bytes takes %d of memory", size, took)
	}
	if said := ledger.MemoryBytes(); said < took/3 || said > 3*took {
		t.Errorf("the ledger takes %d bytes and says %d", took, said)
	}
	runtime.KeepAlive(bucket)
}
