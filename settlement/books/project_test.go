package books

import (
	"bytes"
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

// expected returns what the bucket of statements must hold.
func expected(t *testing.T, ledger *Ledger) map[string]string {
	t.Helper()
	want := make(map[string]string)
	folder := func(name string, files []FileRecord) {
		for _, file := range files {
			content, err := ledger.Read(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			want[name+"/"+file.Name] = string(content)
		}
	}
	first, _ := ledger.FirstSettled()
	last, found := ledger.LastSettled()
	for date := first; found && date <= last; date++ {
		settled, _ := ledger.Settled(date)
		for _, statement := range settled.Statements {
			for _, version := range ledger.Versions(statement.Merchant, date) {
				name := fmt.Sprintf("merchant=%s/versions/date=%s/version=%d", statement.Merchant, date, version.Version)
				if version.Version == statement.Version {
					name = fmt.Sprintf("merchant=%s/date=%s", statement.Merchant, date)
				}
				folder(name, version.Files)
			}
		}
		folder("alliance/date="+date.String(), settled.Alliance.Files)
	}
	return want
}

// expectProjected compares the bucket of statements with the ledger.
func expectProjected(t *testing.T, ledger *Ledger, statements storage.Bucket) {
	t.Helper()
	got, want := contents(t, statements), expected(t, ledger)
	delete(got, markKey)
	if maps.Equal(got, want) {
		return
	}
	for key, content := range got {
		if content != want[key] {
			t.Errorf("%s holds %q, want %q", key, content, want[key])
		}
	}
	for key := range want {
		if _, found := got[key]; !found {
			t.Errorf("%s is missing", key)
		}
	}
}

func project(t *testing.T, ledger *Ledger, statements storage.Bucket) {
	t.Helper()
	if err := ledger.ProjectAll(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// threeVersions settles three dates, one of them three times, another twice.
func threeVersions(t *testing.T, ledger *Ledger, after func()) {
	for i, date := range []settlement.Date{firstDate, firstDate + 1, firstDate, firstDate + 2, firstDate, firstDate + 1} {
		settle(t, ledger, date, fmt.Sprint("run ", i))
		after()
	}
}

func TestProject(t *testing.T) {
	ledger, statements := open(t, storage.NewMemory()), storage.NewMemory()
	threeVersions(t, ledger, func() {
		project(t, ledger, statements)
		expectProjected(t, ledger, statements)
	})
	// All at once gives the same.
	fresh := storage.NewMemory()
	project(t, ledger, fresh)
	if !maps.Equal(contents(t, fresh), contents(t, statements)) {
		t.Error("projecting night by night and all at once differ")
	}
	// And a single record's dates.
	fresh = storage.NewMemory()
	for i := range ledger.Records() {
		if err := ledger.Project(t.Context(), fresh, &ledger.Records()[i]); err != nil {
			t.Fatal(err)
		}
	}
	expectProjected(t, ledger, fresh)
	if got := contents(t, statements)[markKey]; got != fmt.Sprintf("{\"seq\":6,\"computation_id\":%q}\n", ledger.computationAt(6)) {
		t.Errorf("mark: %s", got)
	}
}

func TestProjectWritesOnlyOnce(t *testing.T) {
	good := storage.NewMemory()
	ledger := open(t, storage.NewMemory())
	threeVersions(t, ledger, func() {})
	calls := 0
	statements := faulty(good, func(operation, _ string, run func() error) error {
		if calls++; operation != "open" {
			t.Errorf("a %s", operation)
		}
		return run()
	})
	project(t, ledger, good)
	project(t, ledger, statements)
	if calls != 1 {
		t.Errorf("%d calls where nothing was to be done", calls)
	}
	// A broken mark is no proof.
	for _, text := range []string{`{"seq":-1}`, `x`} {
		other := storage.NewMemory()
		if err := other.Create(t.Context(), markKey, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		project(t, ledger, other)
		expectProjected(t, ledger, other)
	}
}

// TestProjectOverAnotherLog restores a ledger from a copy without its last record, begins one anew, and has a mark that another log left: nothing
// is written over statements that are not of this log, until somebody removes their mark.
func TestProjectOverAnotherLog(t *testing.T) {
	bucket, statements := storage.NewMemory(), storage.NewMemory()
	ledger := open(t, bucket)
	threeVersions(t, ledger, func() {})
	settle(t, ledger, firstDate+3, "lost")
	project(t, ledger, statements)
	if err := bucket.Delete(t.Context(), logKey(7)); err != nil {
		t.Fatal(err)
	}
	cut, anew := open(t, bucket), open(t, storage.NewMemory())
	continued := storage.NewMemory()
	for key, content := range contents(t, bucket) {
		if err := continued.Create(t.Context(), key, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	closed := open(t, continued)
	if err := begin(t, closed).Commit(t.Context(), Record{Kind: Close, Through: firstDate.String()}); err != nil {
		t.Fatal(err)
	}
	before := contents(t, statements)
	for name, test := range map[string]struct {
		ledger *Ledger
		want   string
	}{"cut": {cut, "published up to record 7, and the log ends at 6"}, "cut and written on": {closed, "by record 7 of this log it has"},
		"begun anew": {anew, "published up to record 7, and the log ends at 0"}} {
		for _, err := range []error{test.ledger.ProjectAll(t.Context(), statements), test.ledger.Rebuild(t.Context(), statements)} {
			if !errors.Is(err, ErrOtherLog) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !maps.Equal(contents(t, statements), before) {
			t.Errorf("%s: something was written", name)
		}
	}
	if err := statements.Delete(t.Context(), markKey); err != nil {
		t.Fatal(err)
	}
	settle(t, cut, firstDate+3, "again")
	project(t, cut, statements)
	expectProjected(t, cut, statements)
}

// TestProjectAfterAnother has statements that another process published from records which this one has not read.
func TestProjectAfterAnother(t *testing.T) {
	bucket, statements := storage.NewMemory(), storage.NewMemory()
	settle(t, open(t, bucket), firstDate, "one")
	slow, fast := open(t, bucket), open(t, bucket)
	settle(t, fast, firstDate, "two")
	project(t, fast, statements)
	project(t, slow, statements)
	if head, _ := slow.Head(); head != 2 {
		t.Errorf("the head is %d", head)
	}
	expectProjected(t, slow, statements)
}

// TestProjectIsFinishedByTheNextRun lets every call to the store fail, one after the other, at
// every state of the statements.
func TestProjectIsFinishedByTheNextRun(t *testing.T) {
	ledger, base := open(t, storage.NewMemory()), storage.NewMemory()
	record := 0
	threeVersions(t, ledger, func() {
		record++
		before := contents(t, base)
		for _, applied := range []bool{false, true} {
			for failing := 1; ; failing++ {
				good := storage.NewMemory()
				for key, content := range before {
					if err := good.Create(t.Context(), key, strings.NewReader(content)); err != nil {
						t.Fatal(err)
					}
				}
				calls := 0
				var written []string
				err := ledger.ProjectAll(t.Context(), faulty(good, func(operation, key string, run func() error) error {
					if calls++; calls != failing {
						written = append(written, key)
						return run()
					}
					if applied {
						run()
					}
					return errTimeout
				}))
				if err == nil {
					break
				}
				if !errors.Is(err, errTimeout) {
					t.Fatal(err)
				}
				project(t, ledger, good)
				expectProjected(t, ledger, good)
				if t.Failed() {
					t.Fatalf("record %d, call %d, applied %t, after %q", record, failing, applied, written)
				}
			}
		}
		project(t, ledger, base)
	})
}

func TestProjectRefusesDamagedObjects(t *testing.T) {
	bucket, statements := storage.NewMemory(), storage.NewMemory()
	ledger := open(t, bucket)
	settle(t, ledger, firstDate, "one")
	settled, _ := ledger.Settled(firstDate)
	for _, file := range settled.Statements[0].Files {
		if file.Name != "summary.parquet" {
			continue
		}
		if err := bucket.Replace(t.Context(), file.Object, strings.NewReader("summary onE")); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(t, bucket).ProjectAll(t.Context(), statements); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
	for key := range contents(t, statements) {
		if strings.HasSuffix(key, "summary.parquet") || strings.HasSuffix(key, statementName) {
			t.Errorf("%s was published", key)
		}
	}
}

func TestRebuild(t *testing.T) {
	ledger, statements := open(t, storage.NewMemory()), storage.NewMemory()
	threeVersions(t, ledger, func() {})
	project(t, ledger, statements)
	folder := StatementFolder("bakery", firstDate+1)
	for _, err := range []error{
		statements.Replace(t.Context(), StatementFolder("bakery", firstDate)+"/summary.parquet", strings.NewReader("edited")),
		statements.Delete(t.Context(), VersionFolder("bakery", firstDate, 1)+"/summary.parquet"),
		statements.Delete(t.Context(), AllianceFolder(firstDate)+"/"+statementName),
		statements.Create(t.Context(), folder+"/detail-00002.parquet", strings.NewReader("of version 1")),
		statements.Create(t.Context(), folder+"/notes.txt", strings.NewReader("somebody's own")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.Rebuild(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	// What was never ours is left alone.
	if err := statements.Delete(t.Context(), folder+"/notes.txt"); err != nil {
		t.Fatal(err)
	}
	if got := len(contents(t, statements)); got != len(expected(t, ledger))+1 {
		t.Errorf("%d objects", got)
	}
	expectProjected(t, ledger, statements)
}

func TestCleanUp(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	lost, current := begin(t, ledger), begin(t, open(t, bucket))
	for _, attempt := range []*Attempt{lost, current} {
		if _, err := prepare(t.Context(), ledger, attempt, firstDate, attempt.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := ledger.CleanUp(t.Context()); err != nil || len(removed) > 0 {
		t.Fatalf("removed %v before the head passed, %v", removed, err)
	}
	settle(t, ledger, firstDate, "one")
	later := begin(t, ledger)
	if _, err := later.Create(t.Context(), "x", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	// Objects without an intent are nobody's to delete.
	if err := bucket.Create(t.Context(), "runs/stray/x", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	// A crash in the middle: the intent goes last, so the next clean-up finishes.
	for failing := 1; failing < 20; failing++ {
		deletes := 0
		crashing := *ledger
		crashing.bucket = faulty(bucket, func(operation, _ string, run func() error) error {
			if operation == "delete" {
				if deletes++; deletes == failing {
					return errTimeout
				}
			}
			return run()
		})
		if _, err := crashing.CleanUp(t.Context()); err == nil {
			break
		}
	}
	for key := range contents(t, bucket) {
		if strings.Contains(key, lost.ID()) || strings.Contains(key, current.ID()) {
			t.Errorf("left %s", key)
		}
	}
	if _, found := contents(t, bucket)["runs/stray/x"]; !found {
		t.Error("an object without an intent was deleted")
	}
	if left, err := ledger.Abandoned(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("abandoned: %v, %v", left, err)
	}
	verifyAll(t, ledger)
	if err := later.Commit(t.Context(), Record{Kind: Close, Through: firstDate.String()}); err != nil {
		t.Error(err)
	}
}

// TestProjectBesideAnother lets another process publish and project a new version while this
// one is writing the old one, so that old files end up beside the new _statement.json.
func TestProjectBesideAnother(t *testing.T) {
	bucket, statements := storage.NewMemory(), storage.NewMemory()
	slow, fast := open(t, bucket), open(t, bucket)
	settle(t, slow, firstDate, "one")
	fast = open(t, bucket)
	folder := StatementFolder("bakery", firstDate)
	overtaken := false
	err := slow.ProjectAll(t.Context(), faulty(statements, func(operation, key string, run func() error) error {
		switch {
		case key == folder+"/summary.parquet" && !overtaken:
			overtaken = true
			settle(t, fast, firstDate, "two")
			project(t, fast, statements)
			return run()
		case key == folder+"/"+statementName && operation == "replace":
			err := run()
			// The other one writes its last file only now.
			settled, _ := fast.Settled(firstDate)
			content, readErr := fast.Read(t.Context(), settled.Statements[0].Files[0])
			replaceErr := statements.Replace(t.Context(), key, strings.NewReader(string(content)))
			return errors.Join(err, readErr, replaceErr)
		}
		return run()
	}))
	if err != nil || !overtaken {
		t.Fatal(overtaken, err)
	}
	expectProjected(t, fast, statements)
}

// TestProjectManyFoldersAtOnce does what production does: several folders at a time.
func TestProjectManyFoldersAtOnce(t *testing.T) {
	ledger := open(t, storage.NewMemory())
	threeVersions(t, ledger, func() {})
	ledger.foldersPerLook = foldersPerLook
	statements := storage.NewMemory()
	project(t, ledger, statements)
	expectProjected(t, ledger, statements)
}

// TestProjectWhatIsKept publishes small objects of this process without a look at the store where they
// are on record, and where they are not kept from there.
func TestProjectWhatIsKept(t *testing.T) {
	bucket := storage.NewMemory()
	looks := 0
	ledger := open(t, faulty(bucket, func(operation, key string, run func() error) error {
		if operation == "open" && strings.HasPrefix(key, runsPrefix) {
			looks++
		}
		return run()
	}))
	settle(t, ledger, firstDate, "one")
	looks = 0
	statements := storage.NewMemory()
	project(t, ledger, statements)
	if looks > 0 || ledger.kept.bytes != 0 || len(ledger.kept.contents) > 0 {
		t.Errorf("%d looks; %d bytes still kept: %v", looks, ledger.kept.bytes, slices.Collect(maps.Keys(ledger.kept.contents)))
	}
	expectProjected(t, ledger, statements)
	looks = 0
	project(t, ledger, storage.NewMemory())
	if looks == 0 {
		t.Error("published a second time without a look")
	}
	for _, c := range []struct{ size, read, kept int }{{keptObjectBytes + 1, keptObjectBytes + 1, 0}, {keptObjectBytes, keptObjectBytes, keptObjectBytes}, {100, 0, 0}, {100, 99, 0}} {
		sent := newSentBody(strings.NewReader(strings.Repeat("x", c.size)))
		if _, err := io.CopyN(io.Discard, sent, int64(c.read)); err != nil {
			t.Fatal(err)
		}
		size, sum, err := sent.sum()
		if err != nil || size != int64(c.size) || sum != digest(bytes.Repeat([]byte("x"), c.size)) {
			t.Errorf("%+v: %d bytes of SHA-256 %s, %v", c, size, sum, err)
		}
		if content := sent.small(); len(content) != c.kept {
			t.Errorf("%+v: %d bytes are to be kept", c, len(content))
		}
	}
	ledger.kept.add(place{object: "full"}, make([]byte, keptBytes))
	ledger.kept.add(place{object: "more"}, []byte("x"))
	if ledger.kept.has(place{object: "more"}) || ledger.kept.bytes != keptBytes {
		t.Errorf("%d bytes kept", ledger.kept.bytes)
	}
}
