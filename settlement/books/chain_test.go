package books

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// TestRecordsOfAnotherLedger puts records of another ledger in place of some: each has the right
// number and its seal, but they do not follow on each other.
func TestRecordsOfAnotherLedger(t *testing.T) {
	const records = 4
	var logs [2]map[string]string
	buckets := [2]storage.Bucket{storage.NewMemory(), storage.NewMemory()}
	for i, bucket := range buckets {
		ledger := open(t, bucket)
		for night := range records {
			settle(t, ledger, firstDate+settlement.Date(night), "the same")
		}
		logs[i] = contents(t, bucket)
	}
	put := func(seq int64, from map[string]string) {
		t.Helper()
		if err := buckets[0].Replace(t.Context(), logKey(seq), strings.NewReader(from[logKey(seq)])); err != nil {
			t.Fatal(err)
		}
	}
	for first := int64(1); first <= records; first++ {
		for last := first; last <= records; last++ {
			what := fmt.Sprintf("records %d to %d are another ledger's", first, last)
			for seq := first; seq <= last; seq++ {
				put(seq, logs[1])
			}
			_, err := Open(t.Context(), buckets[0])
			if whole := first == 1 && last == records; whole && err != nil || !whole && !errors.Is(err, ErrBroken) {
				t.Errorf("%s: %v", what, err)
			}
			for seq := first; seq <= last; seq++ {
				put(seq, logs[0])
			}
		}
	}
	open(t, buckets[0])
}
