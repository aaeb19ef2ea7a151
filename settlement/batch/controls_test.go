package batch_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/storage"
)

// An openedBucket notes which control files are opened.
type openedBucket struct {
	storage.Bucket
	mutex    sync.Mutex
	controls []string
}

func (b *openedBucket) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if strings.HasSuffix(key, "/_control.json") {
		b.mutex.Lock()
		defer b.mutex.Unlock()
		b.controls = append(b.controls, key)
	}
	return b.Bucket.Open(ctx, key, version)
}

// TestANightReadsItsOwnControls settles nights after others: each reads the control files of its own date, and of earlier ones only those
// of folders to which something came. Settled anew by what is on record, the nights come out the same.
func TestANightReadsItsOwnControls(t *testing.T) {
	const nights = 4
	s := lane(t, nights, true)
	folder := func(merchant string, night settlement.Date) string {
		return "merchant=" + merchant + "/date=" + (laneStart + night).String() + "/"
	}
	for night := range settlement.Date(nights) {
		fill(t, s.inbox, map[string]string{
			folder("Bakery", night) + "_control.json": `{"files":[{"name":"sales.csv","rows":3}]}`,
			folder("Cinema", night) + "_control.json": `{"files":[{"name":"tickets.jsonl","rows":2},{"name":"late.csv","rows":1}]}`,
		})
	}
	settle := func(night settlement.Date) []string {
		opened := &openedBucket{Bucket: s.inbox}
		job := s.job(mustRulebook(t, laneRulebook), laneStart+night)
		job.Inbox = opened
		mustRun(t, job)
		slices.Sort(opened.controls)
		return opened.controls
	}
	for night := range settlement.Date(nights) {
		want := []string{folder("Bakery", night) + "_control.json", folder("Cinema", night) + "_control.json"}
		if night == nights-1 {
			// What the second night's control promised comes at last.
			fill(t, s.inbox, map[string]string{folder("Cinema", 1) + "late.csv": asCSV([]map[string]string{{"transaction_id": "late", "member_id": "ada",
				"kind": "redeem", "points": "5", "occurred_at": (laneStart + 1).String() + "T23:00:00+02:00"}})})
			want = slices.Insert(want, 1, folder("Cinema", 1)+"_control.json")
		}
		if controls := settle(night); !slices.Equal(controls, want) {
			t.Errorf("night %d opened %q instead of %q", night, controls, want)
		}
	}
	rulebook := mustRulebook(t, laneRulebook)
	report, err := batch.Verify(t.Context(), batch.VerifyJob{Ledger: s.ledger, Statements: s.statements, Date: settlement.NoDate, Deep: true, Inbox: s.inbox, Rulebooks: []*rules.Rulebook{rulebook}})
	if err != nil || len(report.Faults) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
