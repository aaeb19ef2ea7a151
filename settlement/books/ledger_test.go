package books

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

func TestLedgerGrows(t *testing.T) {
	directory, err := storage.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, bucket := range map[string]storage.Bucket{"memory": storage.NewMemory(), "directory": directory} {
		t.Run(name, func(t *testing.T) {
			ledger := open(t, bucket)
			if seq, hash := ledger.Head(); seq != 0 || hash != "" {
				t.Fatalf("head of an empty ledger: %d %q", seq, hash)
			}
			settle(t, ledger, firstDate, "one")
			settle(t, ledger, firstDate+1, "two")
			settle(t, ledger, firstDate, "three")
			again := open(t, bucket)
			seq, hash := again.Head()
			if wantSeq, want := ledger.Head(); seq != 3 || seq != wantSeq || hash != want || len(hash) != 64 {
				t.Errorf("head: %d %s, want %d %s", seq, hash, wantSeq, want)
			}
			if last, found := again.LastSettled(); !found || last != firstDate+1 {
				t.Errorf("last settled: %s", last)
			}
			if first, found := again.FirstSettled(); !found || first != firstDate {
				t.Errorf("first settled: %s", first)
			}
			settled, record := again.Settled(firstDate)
			if settled == nil || settled.ComputationID != "three" || record.Seq != 3 {
				t.Errorf("settled: %+v", settled)
			}
			if settled, _ := again.Settled(firstDate + 2); settled != nil {
				t.Errorf("a date that was not settled: %+v", settled)
			}
			if version := again.Version("bakery", firstDate); version == nil || version.Version != 2 || version.Supersedes != 1 {
				t.Errorf("version: %+v", version)
			}
			content, err := again.Read(t.Context(), settled.State.Of(Accounts)[0].FileRecord)
			if err != nil || string(content) != "state three" {
				t.Errorf("state: %q, %v", content, err)
			}
			verifyAll(t, again)
		})
	}
}

func TestRecordsOfOtherKinds(t *testing.T) {
	ledger := open(t, storage.NewMemory())
	attempt := begin(t, ledger)
	file, err := attempt.Create(t.Context(), "lots", strings.NewReader("lots"))
	if err != nil {
		t.Fatal(err)
	}
	opening := Record{Kind: OpenLots, Opening: &StateRecord{Partitions: 1, Objects: []StateObject{{Role: Accounts, FileRecord: file}}},
		Fixed: json.RawMessage(` { "currency" : "CNY" , "a":"<&>" } `)}
	if err := attempt.Commit(t.Context(), opening); err != nil {
		t.Fatal(err)
	}
	settle(t, ledger, firstDate, "one")
	settle(t, ledger, firstDate+1, "two")
	if err := begin(t, ledger).Commit(t.Context(), Record{Kind: Close, Through: firstDate.String(), Approval: "the board"}); err != nil {
		t.Fatal(err)
	}
	ledger = open(t, ledger.bucket)
	if state, record := ledger.Opening(); state == nil || record.Seq != 1 {
		t.Errorf("opening: %+v", state)
	}
	if fixed := string(ledger.Fixed()); fixed != `{"currency":"CNY","a":"<&>"}` {
		t.Errorf("fixed: %s", fixed)
	}
	if through, found := ledger.ClosedThrough(); !found || through != firstDate {
		t.Errorf("closed through %s", through)
	}
	settle(t, ledger, firstDate+1, "restated")
	attempt = begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, firstDate, "too late")
	if err != nil {
		t.Fatal(err)
	}
	if err := attempt.Commit(t.Context(), record); err == nil || !strings.Contains(err.Error(), "is closed") {
		t.Errorf("restating a closed date: %v", err)
	}
}

func TestRefusedRecords(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*Record)
		want  string
	}{
		"no date":             {func(r *Record) { r.Dates = nil }, "no date"},
		"unknown kind":        {func(r *Record) { r.Kind = "correct" }, "no kind"},
		"abort":               {func(r *Record) { r.Kind = Abort }, "no kind"},
		"gap":                 {func(r *Record) { r.Dates[0].Date = firstDate + 2 }, "not next to"},
		"before the first":    {func(r *Record) { r.Dates[0].Date = firstDate - 1 }, "not next to"},
		"settled, no reason":  {func(r *Record) { r.Dates[0].Date, r.Reason = firstDate, " " }, "nobody says why"},
		"dates out of order":  {func(r *Record) { r.Dates = append(r.Dates, r.Dates[0]) }, "follows on"},
		"version left out":    {func(r *Record) { r.Dates[0].Statements[0].Version = 2 }, "none is on record"},
		"supersedes itself":   {func(r *Record) { r.Dates[0].Statements[0].Supersedes = 1 }, "none is on record"},
		"old version":         {func(r *Record) { r.Dates[0].Date = firstDate; r.Dates[0].Statements[0].Version = 1 }, "other files"},
		"version skipped":     {func(r *Record) { r.Dates[0].Date = firstDate; r.Dates[0].Statements[0].Version = 3 }, "version 1 is on record"},
		"no _statement.json":  {func(r *Record) { r.Dates[0].Statements[0].Files = r.Dates[0].Statements[0].Files[1:] }, "no _statement.json"},
		"no alliance":         {func(r *Record) { r.Dates[0].Alliance.Files = nil }, "alliance"},
		"bad merchant":        {func(r *Record) { r.Dates[0].Statements[0].Merchant = "../x" }, "no merchant id"},
		"merchant twice":      {func(r *Record) { s := &r.Dates[0].Statements; *s = append(*s, (*s)[0]) }, "order of merchant"},
		"file twice":          {func(r *Record) { f := &r.Dates[0].Statements[0].Files; *f = append(*f, (*f)[0]) }, "twice"},
		"file with a folder":  {func(r *Record) { r.Dates[0].Statements[0].Files[0].Name = "a/b" }, "no file name"},
		"object not stored":   {func(r *Record) { r.Dates[0].State.Objects[0].Object = "runs/x/y" }, "was not stored"},
		"object altered":      {func(r *Record) { r.Dates[0].State.Objects[0].SHA256 = strings.Repeat("0", 64) }, "was not stored"},
		"close and dates":     {func(r *Record) { r.Kind = Close; r.Through = "2024-01-01" }, "settles dates"},
		"close without date":  {func(r *Record) { *r = Record{Kind: Close} }, "not a date"},
		"close of the future": {func(r *Record) { *r = Record{Kind: Close, Through: "2100-01-01"} }, "not settled"},
		"no opening lots":     {func(r *Record) { *r = Record{Kind: OpenLots} }, "opening lots"},
		"opening too late":    {func(r *Record) { *r = Record{Kind: OpenLots, Opening: &StateRecord{}} }, "before the first date"},
		"text that is not":    {func(r *Record) { r.Operator = "\xff" }, "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			ledger := open(t, storage.NewMemory())
			settle(t, ledger, firstDate, "one")
			attempt := begin(t, ledger)
			record, err := prepare(t.Context(), ledger, attempt, firstDate+1, "two")
			if err != nil {
				t.Fatal(err)
			}
			test.spoil(&record)
			if err := attempt.Commit(t.Context(), record); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if seq, _ := open(t, ledger.bucket).Head(); seq != 1 {
				t.Errorf("head is %d", seq)
			}
		})
	}
}

func TestAttemptIsUsedOnce(t *testing.T) {
	ledger := open(t, storage.NewMemory())
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, firstDate, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attempt.Create(t.Context(), firstDate.String()+"/state/0", strings.NewReader("again")); err == nil {
		t.Error("a name was used twice")
	}
	if _, err := attempt.Create(t.Context(), "../other", strings.NewReader("x")); !errors.Is(err, storage.ErrInvalidKey) {
		t.Errorf("a name outside the attempt: %v", err)
	}
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if err := attempt.Commit(t.Context(), record); err == nil {
		t.Error("committed twice")
	}
	if _, err := attempt.Create(t.Context(), "more", strings.NewReader("x")); err == nil {
		t.Error("created after the commit")
	}
}

// TestDamagedLog alters every byte of the log, cuts it everywhere and removes records.
func TestDamagedLog(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	for i := range 3 {
		settle(t, ledger, firstDate+settlement.Date(i), fmt.Sprint(i))
	}
	broken := func(what, key, content string) {
		t.Helper()
		if err := bucket.Replace(t.Context(), key, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), bucket); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	all := contents(t, bucket)
	for seq := int64(1); seq <= 3; seq++ {
		key := logKey(seq)
		whole := all[key]
		for at := range len(whole) {
			altered := []byte(whole)
			altered[at] ^= 1 << (at % 8)
			broken(fmt.Sprintf("record %d, byte %d altered", seq, at), key, string(altered))
			broken(fmt.Sprintf("record %d cut after %d", seq, at), key, whole[:at])
		}
		broken("more at the end", key, whole+whole)
		if err := bucket.Replace(t.Context(), key, strings.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
		if seq == 3 {
			continue // the last one may be missing: it was never there
		}
		if err := bucket.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		broken("a hole", "unrelated", "")
		if err := bucket.Create(t.Context(), key, strings.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
	}
	open(t, bucket)
	for _, key := range []string{"log/notes.txt", "log/4.json", "log/00000000000000000005.json", "log/00000000000000000000.json", "log/x/y"} {
		broken(key, key, "{}")
		if err := bucket.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	open(t, bucket)
}

func TestRecordOfNewerProgram(t *testing.T) {
	bucket := storage.NewMemory()
	settle(t, open(t, bucket), firstDate, "one")
	text := contents(t, bucket)[logKey(1)]
	text = strings.Replace(text, `{"seq":`, `{"signature":"x","seq":`, 1)
	if err := bucket.Replace(t.Context(), logKey(1), strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), bucket)
	if err == nil || !strings.Contains(err.Error(), `"signature"`) || !strings.Contains(err.Error(), "newer version of this program") {
		t.Errorf("got %v", err)
	}
}

func TestDamagedObjects(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	settle(t, ledger, firstDate, "one")
	settled, _ := ledger.Settled(firstDate)
	file := settled.State.Objects[0].FileRecord
	for name, damage := range map[string]func() error{
		"altered": func() error { return bucket.Replace(t.Context(), file.Object, strings.NewReader("state onE")) },
		"shorter": func() error { return bucket.Replace(t.Context(), file.Object, strings.NewReader("state on")) },
		"gone":    func() error { return bucket.Delete(t.Context(), file.Object) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Read(t.Context(), file); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), file.Object) {
			t.Errorf("%s: read: %v", name, err)
		}
		faults := 0
		if err := ledger.Verify(t.Context(), func(error) { faults++ }); err != nil || faults != 1 {
			t.Errorf("%s: %d faults, %v", name, faults, err)
		}
	}
}

func TestUnsafeStore(t *testing.T) {
	begin(t, open(t, storage.NewMemory()))

	careless := carelessBucket{storage.NewMemory()}
	for range 2 { // whether the probe is there or not
		if _, err := open(t, careless).Begin(t.Context()); !errors.Is(err, ErrUnsafe) {
			t.Errorf("got %v", err)
		}
	}
	if keys := slices.Collect(maps.Keys(contents(t, careless))); !slices.Equal(keys, []string{"probe.json"}) {
		t.Errorf("left %q", keys)
	}
	lying := storage.NewMemory()
	if err := lying.Create(t.Context(), "probe.json", strings.NewReader("something else")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, lying).Begin(t.Context()); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "delete it, and the next run makes it again") {
		t.Errorf("got %v", err)
	}
	// What the message says to do helps.
	if err := lying.Delete(t.Context(), "probe.json"); err != nil {
		t.Fatal(err)
	}
	begin(t, open(t, lying))
}

// A carelessBucket ignores that a key is taken.
type carelessBucket struct{ storage.Bucket }

func (b carelessBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.Replace(ctx, key, body)
}

func TestObjectBody(t *testing.T) {
	bucket := storage.NewMemory()
	content := bytes.Repeat([]byte("0123456789"), 1000)
	if err := bucket.Create(t.Context(), "k", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	file := FileRecord{Object: "k", Bytes: int64(len(content)), SHA256: digest(content)}
	body := &objectBody{ctx: t.Context(), ledger: &Ledger{bucket: bucket}, file: file}
	for _, offset := range []int64{0, 0, 7, 9_999, 10_000, 0} {
		if _, err := body.Seek(offset, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, content[offset:]) {
			t.Fatalf("from %d: %d bytes, %v", offset, len(got), err)
		}
	}
	if end, err := body.Seek(0, io.SeekEnd); err != nil || end != file.Bytes {
		t.Errorf("end: %d, %v", end, err)
	}
	file.SHA256 = digest(nil)
	damaged := &objectBody{ctx: t.Context(), ledger: &Ledger{bucket: bucket}, file: file}
	if _, err := io.ReadFull(damaged, make([]byte, len(content))); !errors.Is(err, ErrBroken) {
		t.Errorf("the last byte of a damaged object was given: %v", err)
	}
}
