package batch

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// TestManyFaultsComeInOrder damages many objects of the ledger and many published files, and expects each to be named, in the same order
// every time, though they are read at the same time.
func TestManyFaultsComeInOrder(t *testing.T) {
	w := sampleWorld(t)
	var damaged []string
	for _, bucket := range []storage.Bucket{w.ledger, w.statements} {
		contents := contentsOf(t, bucket)
		for i, key := range slices.Sorted(maps.Keys(contents)) {
			// Intents and what says how far publishing came are for the next run, and nothing to verify.
			if strings.HasSuffix(key, "intent.json") || strings.HasSuffix(key, "_projected.json") || strings.HasPrefix(key, "log/") || i%3 > 0 {
				continue
			}
			content := bytes.Clone(contents[key])
			content[len(content)/2] ^= 1
			if err := bucket.Replace(t.Context(), key, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			damaged = append(damaged, key)
		}
	}
	first := w.verify(t, nil)
	for _, key := range damaged {
		if !slices.ContainsFunc(first.Faults, func(fault Fault) bool { return strings.Contains(fault.Message, key) }) {
			t.Errorf("no fault names %s", key)
		}
	}
	if len(damaged) < 40 {
		t.Errorf("only %d are damaged", len(damaged))
	}
	for range 5 {
		if again := w.verify(t, nil); !reflect.DeepEqual(again, first) {
			t.Fatalf("another time the report has %d faults, in another order or others than %d", len(again.Faults), len(first.Faults))
		}
	}
}

// TestCancelledVerificationIsNoSoundLedger cancels before anything is read.
func TestCancelledVerificationIsNoSoundLedger(t *testing.T) {
	w := sampleWorld(t)
	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ledger.Verify(ctx, func(fault error) { t.Error(fault) }); !errors.Is(err, context.Canceled) {
		t.Errorf("a ledger that was not read is verified: %v", err)
	}
}
