package batch_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	deliveries "alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A changingBucket replaces one object whenever somebody opens it, as an upload does that is
// still under way.
type changingBucket struct {
	storage.Bucket
	key   string
	times *int
}

func (b changingBucket) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if key == b.key {
		*b.times++
		more := strings.NewReader(strings.Repeat("more\n", *b.times))
		if err := b.Bucket.Replace(ctx, key, more); err != nil {
			return nil, storage.Object{}, err
		}
	}
	return b.Bucket.Open(ctx, key, version)
}

func TestFileThatChangesWhileItIsReadIsHeld(t *testing.T) {
	rulebook, err := rules.Parse("rulebook.yaml", []byte(`
alliance: {id: HUB, currency: CNY, time_zone: Asia/Shanghai}
prices: [{id: base, price: "1.00", per_points: 100}]
merchants: [{id: A}, {id: B}]
`))
	if err != nil {
		t.Fatal(err)
	}
	inbox := storage.NewMemory()
	for _, merchant := range []string{"A", "B"} {
		row := "transaction_id,member_id,kind,points,occurred_at\n1,anna,issue,5,2026-06-01T10:00:00Z\n"
		if err := inbox.Create(t.Context(), "merchant="+merchant+"/date=2026-06-01/a.csv", strings.NewReader(row)); err != nil {
			t.Fatal(err)
		}
	}
	date := settlement.NewDate(2026, 6, 1)
	night, _, err := batch.Compute(t.Context(), batch.Computation{
		Inbox:    changingBucket{inbox, "merchant=A/date=2026-06-01/a.csv", new(int)},
		Rulebook: rulebook,
		Date:     date,
	}, batch.Opening{History: deliveries.NewHistory()})
	if err != nil {
		t.Fatal(err)
	}
	if got := night.Inputs[0]; got.State != settlement.Held || got.Code != settlement.UnreadableFile {
		t.Errorf("the file that changed is %v with code %v, not held as unreadable_file", got.State, got.Code)
	}
	if got := night.Inputs[1]; got.State != settlement.Consumed || got.Accepted != 1 {
		t.Errorf("the other merchant's file is %v with %d rows accepted", got.State, got.Accepted)
	}
	if night.Statements[0].Complete {
		t.Error("the night is called complete")
	}
}
