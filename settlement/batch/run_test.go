package batch_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// A laneRulebook is the agreement of two merchants, for tests of many runs.
const laneRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin, cycle: weekly}
intake: {accept_late_days: 3, wait_days: 1, max_rejected: {share: "0.2", rows: 10}}
ledger: {lots: tracked, attribution: own_first}
prices: [{id: base, price: "1.00", per_points: 100}]
netting: {mode: multilateral, holdback: {rate: "0.05", release_after: 1}}
merchants:
  - {id: Bakery, joined: 2026-01-01}
  - {id: Cinema, joined: 2026-01-01}
`

// laneStart is the first date of the lane's nights: the third of them closes the week.
const laneStartText = "2026-07-03"

var laneStart = func() settlement.Date {
	date, err := settlement.ParseDate(laneStartText)
	if err != nil {
		panic(err)
	}
	return date
}()

// lane returns stores with what arrives for some nights; clean says without a row or a file that
// is an exception.
func lane(t testing.TB, nights int, clean bool) stores {
	s := memoryStores()
	for i := range settlement.Date(nights) {
		date := (laneStart + i).String()
		row := func(id, member, kind, points, hour string) map[string]string {
			return map[string]string{"transaction_id": id + date, "member_id": member, "kind": kind, "points": points, "occurred_at": date + "T" + hour + ":00:00+02:00"}
		}
		bakery := []map[string]string{row("issue", "ada", "issue", "900", "08"), row("more", "ben", "issue", "333", "09"), row("own", "ada", "redeem", "50", "10")}
		cinema := []map[string]string{row("ticket", "ada", "redeem", "455", "20"), row("ice", "ben", "redeem", "123", "21")}
		if !clean {
			cinema = append(cinema, row("dear", "cleo", "redeem", "70", "22"), row("bad", "cleo", "issue", "none", "22"))
		}
		fill(t, s.inbox, map[string]string{
			"merchant=Bakery/date=" + date + "/sales.csv":     asCSV(bakery),
			"merchant=Cinema/date=" + date + "/tickets.jsonl": asJSONLines(cinema),
		})
	}
	return s
}

// mustRun runs a job that must succeed.
func mustRun(t testing.TB, job batch.Job) batch.Report {
	t.Helper()
	report, err := batch.Run(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// A readOnlyBucket notes every attempt to write, and refuses it.
type readOnlyBucket struct {
	storage.Bucket
	t *testing.T
}

func (b readOnlyBucket) refuse(operation, key string) error {
	b.t.Errorf("%s %s, where nothing is to be written", operation, key)
	return errors.New("read only")
}

func (b readOnlyBucket) Create(_ context.Context, key string, _ io.ReadSeeker) error {
	return b.refuse("create", key)
}

func (b readOnlyBucket) Replace(_ context.Context, key string, _ io.ReadSeeker) error {
	return b.refuse("replace", key)
}

func (b readOnlyBucket) Delete(_ context.Context, key string) error { return b.refuse("delete", key) }

// runReadOnly runs a job that must not write anything.
func runReadOnly(t *testing.T, job batch.Job) (batch.Report, error) {
	t.Helper()
	job.Inbox, job.Ledger, job.Statements = readOnlyBucket{job.Inbox, t}, readOnlyBucket{job.Ledger, t}, readOnlyBucket{job.Statements, t}
	return batch.Run(t.Context(), job)
}

func TestSettledDateIsNotSettledAgain(t *testing.T) {
	s, rulebook := lane(t, 3, false), mustRulebook(t, laneRulebook)
	job := s.job(rulebook, laneStart+2)
	job.CatchUp = true
	first := mustRun(t, job)
	for i := range first.Dates {
		wanted := &first.Dates[i]
		for _, change := range []func(*batch.Job){
			func(*batch.Job) {},
			func(job *batch.Job) { job.CatchUp = true },
			func(job *batch.Job) { job.Strict, job.Workers, job.Partitions = true, 3, 5 },
			func(job *batch.Job) { job.DryRun = true },
		} {
			job := s.job(rulebook, wanted.Date)
			change(&job)
			report, err := runReadOnly(t, job)
			if err != nil {
				t.Fatal(err)
			}
			found := &report.Dates[0]
			if len(report.Dates) != 1 || !found.Already || found.Record != wanted.Record || found.ComputationID != wanted.ComputationID || len(found.Changed) > 0 {
				t.Errorf("%s again: %+v", wanted.Date, report)
			}
			if report.Head != first.Head {
				t.Errorf("%s again: head %+v, want %+v", wanted.Date, report.Head, first.Head)
			}
		}
	}
}

func TestSettledDateSaysWhatHasChanged(t *testing.T) {
	s := lane(t, 2, false)
	job := s.job(mustRulebook(t, laneRulebook), laneStart+1)
	job.CatchUp = true
	mustRun(t, job)
	late := "merchant=Cinema/date=" + laneStartText + "/late.csv"
	fill(t, s.inbox, map[string]string{late: asCSV(nil)})
	other := mustRulebook(t, strings.Replace(laneRulebook, `price: "1.00"`, `price: "2.00"`, 1))
	report, err := runReadOnly(t, s.job(other, laneStart))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Join(report.Dates[0].Changed, "\n")
	for _, said := range []string{"the rulebook", `price "base"`, late, "goes to 2026-07-05"} {
		if !report.Dates[0].Already || !strings.Contains(changed, said) {
			t.Errorf("%q does not say %q", changed, said)
		}
	}
}

// TestLateRefusalsLeaveNothing refuses nights, without memory, whose accounts were put on record before that was known.
func TestLateRefusalsLeaveNothing(t *testing.T) {
	rulebook := mustRulebook(t, laneRulebook)
	for settled, left := range []map[string]string{{"probe.json": ""}, nil} {
		s := lane(t, 4, false)
		for night := range settled {
			mustRun(t, s.job(rulebook, laneStart+settlement.Date(night)))
		}
		before := contentsOf(t, s.ledger)
		job := s.job(rulebook, laneStart+settlement.Date(settled))
		job.Strict, job.Memory, job.SpillDirectory = true, 1, t.TempDir()
		written := &writtenBucket{Bucket: job.Ledger}
		job.Ledger = written
		_, err := batch.Run(t.Context(), job)
		var refused *batch.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "--strict") {
			t.Errorf("with %d nights before: %v", settled, err)
		}
		if !strings.Contains(strings.Join(written.keys, " "), "/state/accounts-00000.run") {
			t.Errorf("with %d nights before, no accounts were written, but %q", settled, written.keys)
		}
		after := contentsOf(t, s.ledger)
		for key := range left {
			delete(after, key) // stays for good once the store was tried
		}
		expectSame(t, after, before)
	}
}

// A writtenBucket notes what is created.
type writtenBucket struct {
	storage.Bucket
	mutex sync.Mutex
	keys  []string
}

func (b *writtenBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	b.mutex.Lock()
	b.keys = append(b.keys, key)
	b.mutex.Unlock()
	return b.Bucket.Create(ctx, key, body)
}

// TestRefusalsWriteNothing: what is refused leaves no object behind, not even an empty ledger.
func TestRefusalsWriteNothing(t *testing.T) {
	rulebook := mustRulebook(t, laneRulebook)
	needy := mustRulebook(t, strings.Replace(laneRulebook, "{id: Cinema,", "{id: Cinema, required: true,", 1))
	cases := map[string]struct {
		settled int // nights settled before
		night   int
		change  func(t *testing.T, job *batch.Job)
		reason  string
	}{
		"the date before is not settled": {1, 2, nil, "cannot be settled before 2026-07-04"},
		"several dates are not settled":  {1, 3, nil, "cannot be settled before 2026-07-04"},
		"before the first date":          {1, -1, nil, "before the ledger's first date"},
		"strict":                         {1, 1, func(_ *testing.T, job *batch.Job) { job.Strict = true }, "--strict, and there are 3 exceptions"},
		"strict, the first date":         {0, 0, func(_ *testing.T, job *batch.Job) { job.Strict = true }, "--strict, and there are 2 exceptions"},
		"a dry run of several dates":     {1, 2, func(_ *testing.T, job *batch.Job) { job.DryRun, job.CatchUp = true, true }, "a dry run settles one date"},
		"an empty inbox": {0, 0, func(_ *testing.T, job *batch.Job) { job.Inbox, job.CatchUp = storage.NewMemory(), true },
			"the inbox holds no file"},
		"a merchant that is needed is missing": {1, 1, func(t *testing.T, job *batch.Job) {
			job.Rulebook = needy
			if err := job.Inbox.Delete(t.Context(), "merchant=Cinema/date=2026-07-04/tickets.jsonl"); err != nil {
				t.Fatal(err)
			}
		}, "Cinema may not be missing on 2026-07-04"},
		"a bad adjustment": {1, 1, func(t *testing.T, job *batch.Job) {
			fill(t, job.Inbox, map[string]string{"alliance/adjustments/date=2026-07-04/a.csv": "adjustment_id,payer_id,payee_id,amount,reason,reference\n1,HUB,Zoo,1.00,x,y\n"})
		}, "Zoo"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := lane(t, 4, false)
			for night := range c.settled {
				mustRun(t, s.job(rulebook, laneStart+settlement.Date(night)))
			}
			job := s.job(rulebook, laneStart+settlement.Date(c.night))
			if c.change != nil {
				c.change(t, &job)
			}
			report, err := runReadOnly(t, job)
			var refused *batch.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v", err)
			}
			if len(report.Dates) > 0 {
				t.Errorf("reports %+v", report.Dates)
			}
		})
	}
}

// TestStrictSettlesWhatIsClean: a strict run settles a night without exceptions.
func TestStrictSettlesWhatIsClean(t *testing.T) {
	s, rulebook := lane(t, 2, true), mustRulebook(t, laneRulebook)
	job := s.job(rulebook, laneStart+1)
	job.CatchUp, job.Strict = true, true
	if report := mustRun(t, job); len(report.Dates) != 2 {
		t.Errorf("settled %+v", report.Dates)
	}
}

// TestDryRunTellsWhatARunDoes: it writes nothing, and the run after it comes to the same.
func TestDryRunTellsWhatARunDoes(t *testing.T) {
	s, rulebook := lane(t, 3, false), mustRulebook(t, laneRulebook)
	for night := range settlement.Date(3) {
		job := s.job(rulebook, laneStart+night)
		job.DryRun = true
		dry, err := runReadOnly(t, job)
		if err != nil {
			t.Fatal(err)
		}
		job.DryRun = false
		wet := mustRun(t, job)
		a, b := dry.Dates[0], wet.Dates[0]
		if !dry.DryRun || a.ComputationID != b.ComputationID || !maps.Equal(a.Totals.Codes, b.Totals.Codes) || a.Totals.Value != b.Totals.Value || a.Totals.Due != b.Totals.Due {
			t.Errorf("dry %+v, then %+v", a, b)
		}
	}
}

// TestCatchUpSettlesAsNightByNight: the same bytes, whether each date is settled on its own or
// all by one run.
func TestCatchUpSettlesAsNightByNight(t *testing.T) {
	together, alone := lane(t, 3, false), lane(t, 3, false)
	rulebook := mustRulebook(t, laneRulebook)
	job := together.job(rulebook, laneStart+2)
	job.CatchUp = true
	mustRun(t, job)
	for night := range settlement.Date(3) {
		mustRun(t, alone.job(rulebook, laneStart+night))
	}
	expectSame(t, contentsOf(t, together.statements), contentsOf(t, alone.statements))
	expectSame(t, stateSums(t, together.ledger), stateSums(t, alone.ledger))
}

// TestRebuildsTheStatements: whatever happens to the statements, the ledger has them all.
func TestRebuildsTheStatements(t *testing.T) {
	s, rulebook := lane(t, 3, false), mustRulebook(t, laneRulebook)
	job := s.job(rulebook, laneStart+2)
	job.CatchUp = true
	mustRun(t, job)
	wanted := contentsOf(t, s.statements)
	s.statements = storage.NewMemory()
	if report := mustRun(t, s.job(rulebook, laneStart)); !report.Dates[0].Already {
		t.Errorf("settled again: %+v", report)
	}
	expectSame(t, contentsOf(t, s.statements), wanted)
}

// settledBy returns who settled each date, in order, and checks the ledger as a whole.
func settledBy(t *testing.T, bucket storage.Bucket) []string {
	t.Helper()
	ledger, err := books.Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Verify(t.Context(), func(fault error) { t.Error(fault) }); err != nil {
		t.Fatal(err)
	}
	var dates []settlement.Date
	var operators []string
	for _, record := range ledger.Records() {
		for i := range record.Dates {
			dates = append(dates, record.Dates[i].Date)
			operators = append(operators, record.Operator)
		}
	}
	if !slices.IsSorted(dates) || len(slices.Compact(slices.Clone(dates))) != len(dates) {
		t.Errorf("the log settles %v", dates)
	}
	return operators
}

// A fullBucket takes no object once it was asked to take one whose key holds a text.
type fullBucket struct {
	storage.Bucket
	from  string
	mutex sync.Mutex
	full  bool
}

var errFull = errors.New("no space left")

func (b *fullBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.take(key, func() error { return b.Bucket.Create(ctx, key, body) })
}

func (b *fullBucket) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.take(key, func() error { return b.Bucket.Replace(ctx, key, body) })
}

func (b *fullBucket) take(key string, store func() error) error {
	b.mutex.Lock()
	b.full = b.full || strings.Contains(key, b.from)
	full := b.full
	b.mutex.Unlock()
	if full {
		return errFull
	}
	return store()
}

// TestRunReportsWhatIsOnRecord: after an error the report has the dates before it, the head, and the date itself only if it
// went wrong after its commit.
func TestRunReportsWhatIsOnRecord(t *testing.T) {
	second := (laneStart + 1).String()
	for name, c := range map[string]struct {
		spoil func(*batch.Job)
		dates int
	}{
		"the record":           {func(job *batch.Job) { job.Ledger = &fullBucket{Bucket: job.Ledger, from: "log/00000000000000000002"} }, 1},
		"the published copies": {func(job *batch.Job) { job.Statements = &fullBucket{Bucket: job.Statements, from: "date=" + second} }, 2},
	} {
		s := lane(t, 3, false)
		job := s.job(mustRulebook(t, laneRulebook), laneStart+2)
		job.CatchUp = true
		c.spoil(&job)
		report, err := batch.Run(t.Context(), job)
		if !errors.Is(err, errFull) || len(report.Dates) != c.dates {
			t.Fatalf("%s: %d dates, %v", name, len(report.Dates), err)
		}
		for i := range report.Dates {
			if date := &report.Dates[i]; date.Date != laneStart+settlement.Date(i) || date.Record != int64(i)+1 {
				t.Errorf("%s: %+v", name, date)
			}
		}
		if report.Head.Sequence != int64(c.dates) || len(report.Head.SHA256) != 64 {
			t.Errorf("%s: head %+v", name, report.Head)
		}
	}
}
