package batch_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/storage"
)

func guardJob(t *testing.T) batch.Job {
	t.Helper()
	rulebook, err := rules.Parse("rulebook.yaml", []byte(`
alliance: {id: HUB, currency: CNY, time_zone: Asia/Shanghai}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants: [{id: A, delivers: on_activity}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return batch.Job{
		Inbox: storage.NewMemory(), Ledger: storage.NewMemory(), Statements: storage.NewMemory(), Acknowledgements: storage.NewMemory(),
		Rulebook: rulebook, Date: settlement.NewDate(2026, 6, 1),
		Now: func() time.Time { return time.Date(2026, 6, 2, 1, 0, 0, 0, time.UTC) },
	}
}

func deliver(t *testing.T, job batch.Job, key, content string) {
	t.Helper()
	if err := job.Inbox.Create(t.Context(), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

const oneRow = "transaction_id,member_id,kind,points,occurred_at\n1,anna,issue,5,2026-06-01T10:00:00Z\n"

func TestBrokenInvariantIsAnInternalError(t *testing.T) {
	job := guardJob(t)
	deliver(t, job, "merchant=A/date=2026-06-01/a.csv", oneRow)
	job.Observe = func(progress batch.Progress) {
		if progress.Finished && string(progress.Stage) == "net" {
			panic("positions do not sum to zero")
		}
	}
	_, err := batch.Run(t.Context(), job)
	var broken *batch.BrokenError
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), "positions do not sum to zero") {
		t.Errorf("a broken invariant ends the run with %v", err)
	}
	if objects, _ := job.Ledger.List(t.Context(), ""); len(objects) > 0 {
		t.Errorf("and leaves %v", objects)
	}
}

func TestMistypedDatesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		date    settlement.Date
		catchUp bool
		folder  string
		says    string
	}{
		"a first date far ahead":     {settlement.NewDate(2062, 6, 1), false, "2026-06-01", "ahead of this machine's clock"},
		"a folder of another age":    {settlement.NewDate(2026, 6, 1), true, "0001-01-01", "merchant=A/date=0001-01-01/a.csv"},
		"nothing was delivered ever": {settlement.NewDate(2026, 6, 1), true, "2026-07-01", "no date to begin with"},
	} {
		job := guardJob(t)
		job.Date, job.CatchUp = c.date, c.catchUp
		deliver(t, job, "merchant=A/date="+c.folder+"/a.csv", oneRow)
		_, err := batch.Run(t.Context(), job)
		var refused *batch.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCatchingUpForCenturiesIsRefused(t *testing.T) {
	job := guardJob(t)
	deliver(t, job, "merchant=A/date=2026-06-01/a.csv", oneRow)
	if _, err := batch.Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	job.Date, job.CatchUp = settlement.NewDate(2066, 6, 1), true
	var refused *batch.RefusedError
	if _, err := batch.Run(t.Context(), job); !errors.As(err, &refused) || !strings.Contains(err.Error(), "limit of 1000") {
		t.Error(err)
	}
}

func TestAdjustmentsNobodyReadsAreNamed(t *testing.T) {
	const adjustment = "adjustment_id,payer_id,payee_id,amount\n1,HUB,A,1.00\n"
	job := guardJob(t)
	deliver(t, job, "alliance/adjustments/date=2026-6-1/a.csv", adjustment)
	report, err := batch.Run(t.Context(), job)
	if err != nil || report.Dates[0].Totals.Codes["unknown_folder"] != 1 {
		t.Errorf("a folder of adjustments that is no date: %v, %v", report.Dates, err)
	}
	deliver(t, job, "alliance/adjustments/date=2026-06-01/late.csv", adjustment)
	report, err = batch.Run(t.Context(), job)
	if err != nil || len(report.Dates[0].Changed) != 1 || !strings.Contains(report.Dates[0].Changed[0], "late.csv came after the date was settled") {
		t.Errorf("an adjustment that came too late: %v, %v", report.Dates, err)
	}
}
