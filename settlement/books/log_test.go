package books

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// TestLogIsReadTogether opens a ledger of many records in a store that takes its time, whose listing does not have the last
// ones yet, and one that lacks a record.
func TestLogIsReadTogether(t *testing.T) {
	const records = 2*recordsAtOnce + 5
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	for night := range records {
		settle(t, ledger, firstDate+settlement.Date(night), fmt.Sprint(night))
	}
	var mutex sync.Mutex
	now, most := 0, 0
	slow := faulty(bucket, func(operation, key string, run func() error) error {
		if operation == "open" && strings.HasPrefix(key, logPrefix) {
			mutex.Lock()
			now++
			most = max(most, now)
			mutex.Unlock()
			defer func() {
				mutex.Lock()
				now--
				mutex.Unlock()
			}()
			time.Sleep(2 * time.Millisecond)
		}
		return run()
	})
	for _, listed := range []int64{0, 1, recordsAtOnce, recordsAtOnce + 3, records} {
		most = 0
		found, err := Open(t.Context(), shortListing{slow, listed})
		if err != nil {
			t.Fatal(err)
		}
		if head, hash := found.Head(); head != records || hash != ledger.hashes[records-1] {
			t.Errorf("%d of %d records listed: read up to %d, %s", listed, records, head, hash)
		}
		if want := int(min(listed, recordsAtOnce)); most > recordsAtOnce || listed > 1 && most < want/2 {
			t.Errorf("%d records listed: %d were read at a time", listed, most)
		}
	}
	texts := contents(t, bucket)
	for _, missing := range []int64{1, recordsAtOnce, recordsAtOnce + 1, records - 1} {
		if err := bucket.Delete(t.Context(), logKey(missing)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), bucket)
		if want := fmt.Sprintf("there is %s, but no %s", logKey(records), logKey(missing)); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), want) {
			t.Errorf("record %d is missing: %v", missing, err)
		}
		if err := bucket.Create(t.Context(), logKey(missing), strings.NewReader(texts[logKey(missing)])); err != nil {
			t.Fatal(err)
		}
	}
}

// A shortListing lists the log up to a record.
type shortListing struct {
	storage.Bucket
	last int64
}

func (s shortListing) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	objects, err := s.Bucket.List(ctx, prefix)
	return slices.DeleteFunc(objects, func(object storage.Object) bool { return object.Key > logKey(s.last) }), err
}
