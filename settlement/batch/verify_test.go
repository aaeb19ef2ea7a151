package batch

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

var flipAll = flag.Bool("flip-all", false, "flip every byte of the small night, not a sample")

// A verifiedWorld is an alliance in memory.
type verifiedWorld struct {
	inbox, ledger, statements storage.Bucket
	rulebook                  *rules.Rulebook
}

const smallRulebook = `alliance: {id: HUB, name: Hub, currency: EUR, time_zone: UTC, cycle: daily}
intake: {accept_late_days: 3, wait_days: 2}
ledger: {attribution: fifo, expiry: {months: 1}, reversal_days: 30}
prices:
  - {id: base, price: "1.00", per_points: 150}
fees:
  - {id: service, payer: redeemer, rate: "0.02"}
merchants:
  - {id: A, name: Alder, joined: 2026-01-01}
  - {id: B, name: Birch, joined: 2026-01-01}
`

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// smallWorld has one date in its inbox.
func smallWorld(t *testing.T) *verifiedWorld {
	w := &verifiedWorld{inbox: storage.NewMemory(), ledger: storage.NewMemory(), statements: storage.NewMemory()}
	w.rulebook = must[*rules.Rulebook](t)(rules.Parse("small.yaml", []byte(smallRulebook)))
	w.deliver(t, "A", "2026-01-05", "a1,m1,issue,300,2026-01-05T08:00:00Z", "a2,m2,issue,200,2026-01-05T08:30:00Z")
	w.deliver(t, "B", "2026-01-05", "b1,m1,redeem,130,2026-01-05T10:00:00Z", "b2,m2,redeem,125,2026-01-05T11:00:00Z", "b3,m1,redeem,x,2026-01-05T11:00:00Z")
	return w
}

func (w *verifiedWorld) deliver(t *testing.T, merchant, date string, rows ...string) {
	t.Helper()
	text := "transaction_id,member_id,kind,points,occurred_at\n" + strings.Join(rows, "\n") + "\n"
	if err := w.inbox.Create(t.Context(), fmt.Sprintf("merchant=%s/date=%s/rows.csv", merchant, date), strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

// sampleWorld is the sample alliance's week, settled.
func sampleWorld(t *testing.T) *verifiedWorld {
	w := &verifiedWorld{ledger: storage.NewMemory(), statements: storage.NewMemory()}
	w.inbox = must[storage.Bucket](t)(storage.OpenDirectory("../../fixtures/sample/inbox"))
	text := must[[]byte](t)(os.ReadFile("../../rules/sample.yaml"))
	w.rulebook = must[*rules.Rulebook](t)(rules.Parse("sample.yaml", text))
	w.settle(t, "2026-06-07")
	return w
}

func (w *verifiedWorld) settle(t *testing.T, date string) {
	t.Helper()
	job := Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Rulebook: w.rulebook, CatchUp: true, Operator: "olga",
		Date: must[settlement.Date](t)(settlement.ParseDate(date)), Now: func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }}
	must[Report](t)(Run(t.Context(), job))
}

func (w *verifiedWorld) verify(t *testing.T, change func(*VerifyJob)) *VerifyReport {
	t.Helper()
	job := VerifyJob{Ledger: w.ledger, Statements: w.statements, Inbox: w.inbox, Rulebooks: []*rules.Rulebook{w.rulebook}, Date: settlement.NoDate}
	if change != nil {
		change(&job)
	}
	return must[*VerifyReport](t)(Verify(t.Context(), job))
}

func (w *verifiedWorld) sound(t *testing.T, deep bool) {
	t.Helper()
	report := w.verify(t, func(job *VerifyJob) { job.Deep = deep })
	for _, fault := range report.Faults {
		t.Error(fault)
	}
	if deep && len(report.Recomputed) != len(report.Dates) {
		t.Errorf("%d of %d dates were computed again", len(report.Recomputed), len(report.Dates))
	}
}

func faultsContain(t *testing.T, report *VerifyReport, part string) {
	t.Helper()
	for _, fault := range report.Faults {
		if strings.Contains(fault.String(), part) {
			return
		}
	}
	t.Errorf("no fault says %q: %v", part, report.Faults)
}

func contentsOf(t *testing.T, bucket storage.Bucket) map[string][]byte {
	t.Helper()
	contents := make(map[string][]byte)
	for _, object := range must[[]storage.Object](t)(bucket.List(t.Context(), "")) {
		reader, _, err := bucket.Open(t.Context(), object.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		contents[object.Key] = must[[]byte](t)(io.ReadAll(reader))
	}
	return contents
}

func TestVerifySample(t *testing.T) {
	w := sampleWorld(t)
	w.sound(t, true)
	last := must[settlement.Date](t)(settlement.ParseDate("2026-06-07"))
	report := w.verify(t, func(job *VerifyJob) { job.Date, job.Deep = last, true })
	if len(report.Faults) > 0 || !slices.Equal(report.Dates, []settlement.Date{last}) || len(report.Recomputed) != 1 {
		t.Errorf("the last date alone: %+v", report)
	}
}

// TestVerifyNoticesInvariants alters what was read of the published tables, as if a mistake of this program had
// published it, and expects a fault.
func TestVerifyNoticesInvariants(t *testing.T) {
	w := sampleWorld(t)
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	last, _ := ledger.LastSettled()
	line := func(f *dateFacts, with func(lineID) bool) *lineFacts {
		for _, id := range slices.SortedFunc(maps.Keys(f.statements["CEDAR"].lines), lineID.compare) {
			if with(id) {
				return f.statements["CEDAR"].lines[id]
			}
		}
		t.Fatal("no such line")
		return nil
	}
	redeems := func(id lineID) bool { return id.redeemer == "CEDAR" && strings.HasPrefix(id.rest, "redemption|") }
	dateOf := map[string]settlement.Date{"lines": last - 2}
	for name, test := range map[string]struct {
		spoil func(before, facts *dateFacts)
		want  string
	}{
		"nothing":             {func(_, _ *dateFacts) {}, ""},
		"lines: value":        {func(_, f *dateFacts) { line(f, redeems).value++ }, "does not have the line"},
		"lines: detail":       {func(_, f *dateFacts) { line(f, redeems).paid++ }, "the detail of the line"},
		"lines: points":       {func(_, f *dateFacts) { line(f, redeems).detailPoints-- }, "the detail of the line"},
		"lines: allocations":  {func(_, f *dateFacts) { line(f, redeems).ids[1]++ }, "other allocations"},
		"lines: more":         {func(_, f *dateFacts) { f.statements["ELM"].lines[lineID{"ELM", "X", "y"}] = &lineFacts{} }, "does not have so"},
		"lines: summary":      {func(_, f *dateFacts) { f.statements["CEDAR"].summary.dayReceivable++ }, "the lines come to"},
		"running totals":      {func(b, _ *dateFacts) { b.statements["CEDAR"].summary.money[receivable]++ }, "cycle_receivable"},
		"position":            {func(_, f *dateFacts) { p := f.positions["CEDAR"]; p[net]++; f.positions["CEDAR"] = p }, "net comes to"},
		"due":                 {func(_, f *dateFacts) { p := f.positions["CEDAR"]; p[due]++; f.positions["CEDAR"] = p }, "does not add up"},
		"fee":                 {func(_, f *dateFacts) { f.fees["CEDAR"] = [2]int64{1, 1} }, "the fees of CEDAR"},
		"summary's position":  {func(_, f *dateFacts) { f.statements["CEDAR"].summary.money[held]++ }, "summary's held"},
		"payment":             {func(_, f *dateFacts) { f.payments[0].amount++ }, "the payments of"},
		"payment twice":       {func(_, f *dateFacts) { f.payments = append(f.payments, f.payments[0]) }, "there twice"},
		"payment without":     {func(_, f *dateFacts) { f.payments[0].statementNo = "ST-X" }, "which is no statement"},
		"points":              {func(_, f *dateFacts) { p := f.points["ALDER"]; p.expired++; f.points["ALDER"] = p }, "the points of ALDER"},
		"points of statement": {func(_, f *dateFacts) { f.statements["ALDER"].summary.points.issued++ }, "points_opening and the movements"},
		"opening":             {func(b, _ *dateFacts) { p := b.points["ALDER"]; p.after++; b.points["ALDER"] = p }, "the opening of the points of ALDER"},
		"opening gone":        {func(b, _ *dateFacts) { b.points["X"] = pointsFacts{after: 1} }, "the opening of the points of X is not there"},
		"open lots":           {func(_, f *dateFacts) { f.open["ALDER"]++ }, "the open lots of ALDER"},
		"open lots of nobody": {func(_, f *dateFacts) { f.open["X"] = 1 }, "no row in points"},
		"inputs":              {func(_, f *dateFacts) { f.inputs = f.inputs[1:] }, "inputs.parquet"},
		"rows":                {func(_, f *dateFacts) { f.statements["ALDER"].summary.accepted++ }, "rows accepted"},
		"exceptions":          {func(_, f *dateFacts) { f.statements["ALDER"].exceptions++ }, "exceptions"},
		"complete":            {func(_, f *dateFacts) { s := &f.statements["ALDER"].summary; s.complete = !s.complete }, "is_complete"},
		"carried": {func(_, f *dateFacts) {
			p := f.positions["CEDAR"]
			p[carriedIn] += 5
			p[due] += 5
			f.positions["CEDAR"] = p
		}, "carries in"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &verifier{job: &VerifyJob{Date: settlement.NoDate}, ledger: ledger, report: &VerifyReport{}, carried: map[string]int64{}, withheld: map[string]int64{}}
			if err := v.readFixed(); err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(name, ":")
			date := dateOf[kind]
			if date == 0 {
				date = last
			}
			before := must[*dateFacts](t)(v.readDate(t.Context(), date-1))
			facts := must[*dateFacts](t)(v.readDate(t.Context(), date))
			test.spoil(before, facts)
			v.checkDate(facts)
			v.checkFollows(before, facts)
			if test.want != "" {
				faultsContain(t, v.report, test.want)
			} else if len(v.report.Faults) > 0 {
				t.Error(v.report.Faults)
			}
		})
	}
}

// TestVerifyNoticesEveryByte flips bytes of all that the ledger holds on record and of all that
// was published.
func TestVerifyNoticesEveryByte(t *testing.T) {
	w := smallWorld(t)
	w.settle(t, "2026-01-05")
	must[ForgetReport](t)(ForgetMember(t.Context(), ForgetJob{Ledger: w.ledger, Member: "m2", Reason: "asked for it"}))
	w.sound(t, true)
	step := 101 // a prime: bits and places vary
	if *flipAll {
		step = 1
	}
	flipped := 0
	for name, bucket := range map[string]storage.Bucket{"ledger": w.ledger, "statements": w.statements} {
		for key, content := range contentsOf(t, bucket) {
			if strings.HasSuffix(key, "intent.json") || key == "probe.json" || strings.HasSuffix(key, "_projected.json") {
				continue // not on record: the store's check, attempts' notes, a mark that saves work
			}
			for at := 0; at < len(content); at += step {
				altered := bytes.Clone(content)
				altered[at] ^= 1 << (at % 8)
				replaceContent(t, bucket, key, altered)
				if report := w.verify(t, nil); len(report.Faults) == 0 {
					t.Errorf("%s, %s: byte %d altered, and nobody noticed", name, key, at)
				}
				flipped++
			}
			replaceContent(t, bucket, key, content[:len(content)-1])
			if report := w.verify(t, nil); len(report.Faults) == 0 {
				t.Errorf("%s, %s: cut, and nobody noticed", name, key)
			}
			replaceContent(t, bucket, key, content)
		}
	}
	w.sound(t, false)
	t.Logf("%d bytes flipped", flipped)
}

func replaceContent(t *testing.T, bucket storage.Bucket, key string, content []byte) {
	t.Helper()
	if err := bucket.Replace(t.Context(), key, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func TestDeepVerifySaysWhatItCannotDo(t *testing.T) {
	w := smallWorld(t)
	w.settle(t, "2026-01-05")
	deep := func(job *VerifyJob) { job.Deep = true }
	w.sound(t, true)

	report := w.verify(t, func(job *VerifyJob) { job.Deep, job.Rulebooks = true, nil })
	faultsContain(t, report, "it needs the rulebook with digest "+w.rulebook.Digest)

	key := "merchant=A/date=2026-01-05/rows.csv"
	content := contentsOf(t, w.inbox)[key]
	replaceContent(t, w.inbox, key, append(content, '\n'))
	faultsContain(t, w.verify(t, deep), "has another content by now")
	if err := w.inbox.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	report = w.verify(t, deep)
	faultsContain(t, report, "is gone from the inbox")
	if len(report.Recomputed) > 0 {
		t.Error("a date was computed again without its files")
	}
	replaceContent(t, w.inbox, key, content)
	w.sound(t, true)
}

// TestDeepVerifyOfOldDates has folders that nobody reads, controls and held files that later
// nights changed: an old date is computed again from what it found.
func TestDeepVerifyOfOldDates(t *testing.T) {
	w := smallWorld(t)
	create := func(key, content string) {
		t.Helper()
		if err := w.inbox.Create(t.Context(), key, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	create("merchant=X/date=2026-01-05/rows.csv", "x")
	create("merchant=A/someday/rows.csv", "x")
	create("merchant=B/date=2026-01-05/_control.json", `{"files":[{"name":"rows.csv","rows":3}]}`)
	create("merchant=B/date=2026-01-05/late.csv", "transaction_id,member_id,kind,points,occurred_at\nb9,m1,redeem,10,2026-01-05T12:00:00Z\n")
	create("merchant=A/date=2026-01-05/notes.txt", "not data")
	w.settle(t, "2026-01-06")
	w.sound(t, true)
	if err := w.inbox.Delete(t.Context(), "merchant=X/date=2026-01-05/rows.csv"); err != nil {
		t.Fatal(err)
	}
	w.deliver(t, "A", "2026-01-07", "a9,m1,issue,10,2026-01-07T08:00:00Z")
	w.settle(t, "2026-01-08")
	w.sound(t, true)
}

// TestDeepVerifyOfWhatCouldNotBeOpened has files and folders that no run can open. What is on record of them is that they were held or
// noticed, and a date is computed again with that, whether they are still there or not.
func TestDeepVerifyOfWhatCouldNotBeOpened(t *testing.T) {
	w := smallWorld(t)
	root := t.TempDir()
	for key, content := range contentsOf(t, w.inbox) {
		path := filepath.Join(root, key)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	w.inbox = must[storage.Bucket](t)(storage.OpenDirectory(root))
	folder := filepath.Join(root, "merchant=B", "date=2026-01-05")
	another := filepath.Join(root, "merchant=A", "date=2026-01-04")
	closed := []string{filepath.Join(folder, "link.csv"), filepath.Join(folder, "link.txt"), filepath.Join(folder, "pipe.csv"),
		filepath.Join(folder, "\xff.csv"), filepath.Join(folder, "\xfe.csv"), filepath.Join(folder, "\xff.txt"), filepath.Join(folder, "\uFFFD.csv.gz"),
		filepath.Join(another, "_control.json"), filepath.Join(another, "rows.csv"),
		filepath.Join(root, "merchant=B", "date=2026-01-04"), filepath.Join(root, "merchant=B", "notes"),
		filepath.Join(root, "\xff"), filepath.Join(root, "\xfe"), filepath.Join(root, "alliance", "\xff"), filepath.Join(root, "alliance", "\xfe")}
	adjustments := filepath.Join(root, "alliance", "adjustments", "\xff")
	if err := errors.Join(os.MkdirAll(adjustments, 0o755), os.WriteFile(filepath.Join(adjustments, "a.csv"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(another, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range closed {
		var err error
		switch name := filepath.Base(path); {
		case name == "pipe.csv":
			err = syscall.Mkfifo(path, 0o644)
		case name[0] >= 0xfe && len(name) == 1:
			err = errors.Join(os.Mkdir(path, 0o755), os.WriteFile(filepath.Join(path, "a.csv"), nil, 0o644))
		case name[0] >= 0xfe:
			err = os.WriteFile(path, nil, 0o644)
		default:
			err = os.Symlink("/etc/hostname", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.settle(t, "2026-01-05")
	// A file that was consumed and is a link by now is held as replaced.
	consumed, aside := filepath.Join(folder, "rows.csv"), filepath.Join(folder, "_rows.csv")
	if err := errors.Join(os.Rename(consumed, aside), os.Symlink("_rows.csv", consumed)); err != nil {
		t.Fatal(err)
	}
	w.settle(t, "2026-01-06")
	report := w.verify(t, func(job *VerifyJob) { job.Deep = true })
	faultsContain(t, report, "merchant=B/date=2026-01-05/rows.csv can no longer be opened")
	if len(report.Faults) != 1 || len(report.Recomputed) != len(report.Dates)-1 {
		t.Errorf("of %v, %v were computed again: %v", report.Dates, report.Recomputed, report.Faults)
	}
	if err := os.Rename(aside, consumed); err != nil {
		t.Fatal(err)
	}
	w.sound(t, true)
	for _, path := range closed {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	w.sound(t, true)
}

// TestDeepVerifySaysThatAFileChanged has files whose content is not on record, since they were still being written.
func TestDeepVerifySaysThatAFileChanged(t *testing.T) {
	for _, name := range []string{"rows.csv", "_control.json"} {
		w := smallWorld(t)
		key := "merchant=B/date=2026-01-05/" + name
		if name == "_control.json" {
			replaceContent(t, w.inbox, key, []byte(`{"files":[{"name":"rows.csv"}]}`))
		}
		still := w.inbox
		w.inbox = growingBucket{still, key}
		w.settle(t, "2026-01-05")
		w.inbox = still
		report := w.verify(t, func(job *VerifyJob) { job.Deep = true })
		faultsContain(t, report, key+" changed while it was read, so its content is not on record")
		if len(report.Faults) != 1 || len(report.Recomputed) > 0 {
			t.Errorf("%s: %v", name, report.Faults)
		}
	}
}

// A growingBucket adds to an object before it is read, as an upload does that is still under way.
type growingBucket struct {
	storage.Bucket
	key string
}

func (b growingBucket) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if key == b.key {
		if err := b.Replace(ctx, key, strings.NewReader("{}")); err != nil {
			return nil, storage.Object{}, err
		}
	}
	return b.Bucket.Open(ctx, key, version)
}

func TestVerifyRefusesWhatIsNotSettled(t *testing.T) {
	w := smallWorld(t)
	_, err := Verify(context.Background(), VerifyJob{Ledger: w.ledger, Statements: w.statements, Date: 1})
	if _, refused := err.(*RefusedError); !refused {
		t.Errorf("got %v", err)
	}
	w.sound(t, true)
}

// TestDeepVerifyOfRestatements has statements of several versions and some that a restatement left alone,
// and a member that was forgotten before a restatement.
func TestDeepVerifyOfRestatements(t *testing.T) {
	w := smallWorld(t)
	w.deliver(t, "A", "2026-01-06", "a9,m1,issue,10,2026-01-06T08:00:00Z")
	w.settle(t, "2026-01-07")
	restate := func(date string) {
		t.Helper()
		must[Report](t)(Run(t.Context(), Job{Inbox: w.inbox, Ledger: w.ledger, Statements: w.statements, Rulebook: w.rulebook,
			Date: must[settlement.Date](t)(settlement.ParseDate(date)), Restate: true, Reason: "corrected"}))
		w.sound(t, true)
	}
	correct := func(key, more string) {
		t.Helper()
		replaceContent(t, w.inbox, key, append(contentsOf(t, w.inbox)[key], more...))
	}
	correct("merchant=B/date=2026-01-05/rows.csv", "b7,m2,redeem,20,2026-01-05T12:00:00Z\n")
	restate("2026-01-05")
	correct("merchant=A/date=2026-01-06/rows.csv", "a8,m2,issue,15,2026-01-06T09:00:00Z\n")
	restate("2026-01-06")
	must[ForgetReport](t)(ForgetMember(t.Context(), ForgetJob{Ledger: w.ledger, Member: "m2", Reason: "asked for it"}))
	w.sound(t, true)
	correct("merchant=B/date=2026-01-05/rows.csv", "b8,m2,redeem,5,2026-01-05T13:00:00Z\n")
	restate("2026-01-05")
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	if version := ledger.Version("B", must[settlement.Date](t)(settlement.ParseDate("2026-01-05"))); version.Version != 3 {
		t.Errorf("the statement has version %d", version.Version)
	}
	accounts := 0
	for _, object := range ledger.MemberObjects() {
		for _, account := range accountsIn(t, ledger, object) {
			accounts++
			if account.Member == "m2" {
				t.Errorf("%s has an account of the forgotten member", object.Object)
			}
		}
	}
	if accounts == 0 {
		t.Error("there are no accounts")
	}
}

// accountsIn reads the accounts of an object, or what was put away of them.
func accountsIn(t testing.TB, ledger *books.Ledger, object books.StateObject) (all []settlement.Account) {
	t.Helper()
	runs, _, err := readRuns(t.Context(), ledger, object)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		if run == nil {
			continue
		}
		err = accounts.Stack{run}.All(new(accounts.Arena), func(account *settlement.Account, _ settlement.Date) error {
			all = append(all, *account)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
