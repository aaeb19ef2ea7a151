package faults

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"alliance/settlement/storage"
)

func read(bucket storage.Bucket, key string) (string, error) {
	reader, _, err := bucket.Open(context.Background(), key, "")
	if err != nil {
		return "", err
	}
	defer reader.Close()
	content, err := io.ReadAll(reader)
	return string(content), err
}

// TestKinds lets one call of each operation go wrong in each way.
func TestKinds(t *testing.T) {
	ctx := t.Context()
	always := func(kind Kind) (*Injector, storage.Bucket, storage.Bucket) {
		store := storage.NewMemory()
		for _, key := range []string{"a/1", "b/2"} {
			if err := store.Create(ctx, key, strings.NewReader("four")); err != nil {
				t.Fatal(err)
			}
		}
		injector := NewInjector(func(int64, Call) Kind { return kind })
		return injector, injector.Wrap(store, "ledger"), store
	}
	for kind, c := range map[Kind]struct {
		done   bool // a create that is said to have failed
		target error
	}{
		ServerError: {}, Overloaded: {}, TimeoutBefore: {}, Reset: {}, Forbidden: {}, Absent: {}, Conflict: {},
		ServerErrorAfter: {done: true}, TimeoutAfter: {done: true}, OwnExists: {true, storage.ErrExists}, DiskFull: {false, syscall.ENOSPC}, TimeoutLate: {},
	} {
		injector, bucket, store := always(kind)
		err := bucket.Create(ctx, "c", strings.NewReader("new"))
		if err == nil || c.target != nil && !errors.Is(err, c.target) {
			t.Errorf("%s: create: %v", kind, err)
		}
		if _, err := read(store, "c"); (err == nil) != c.done {
			t.Errorf("%s: create: then %v", kind, err)
		}
		if arrived := injector.Arrive(); (arrived == 1) != (kind == TimeoutLate) {
			t.Errorf("%s: %d writes arrived late", kind, arrived)
		} else if got, _ := read(store, "c"); arrived == 1 && got != "new" {
			t.Errorf("%s: %q arrived late", kind, got)
		}
	}
	if _, bucket, _ := always(Absent); true {
		if _, err := read(bucket, "a/1"); !errors.Is(err, storage.ErrNotFound) {
			t.Error("absent:", err)
		}
		if _, err := bucket.List(ctx, ""); err == nil || errors.Is(err, storage.ErrNotFound) {
			t.Error("list in no bucket:", err)
		}
	}
	if _, bucket, _ := always(StaleList); true {
		if objects, err := bucket.List(ctx, ""); err != nil || len(objects) != 1 {
			t.Errorf("stale list: %v, %v", objects, err)
		}
		if names, err := bucket.Folders(ctx, ""); err != nil || len(names) != 1 {
			t.Errorf("stale folders: %v, %v", names, err)
		}
	}
	for kind, want := range map[Kind]string{WrongBytes: "fotr", ShortBody: "fo", Conflict: "four", Fine: "four"} {
		if _, bucket, _ := always(kind); true {
			if got, err := read(bucket, "a/1"); err != nil || got != want {
				t.Errorf("%s: read %q, %v", kind, got, err)
			}
		}
	}
	if _, bucket, store := always(Overwrites); true {
		if err := bucket.Create(ctx, "a/1", strings.NewReader("other")); err != nil {
			t.Error(err)
		}
		if got, _ := read(store, "a/1"); got != "other" {
			t.Errorf("overwritten with %q", got)
		}
	}
	// A key that is another's is not the writer's own.
	if _, bucket, store := always(TimeoutAfter); true {
		if err := bucket.Create(ctx, "a/1", strings.NewReader("other")); !errors.Is(err, storage.ErrExists) {
			t.Error(err)
		}
		if got, _ := read(store, "a/1"); got != "four" {
			t.Errorf("holds %q", got)
		}
	}
}

func TestOnce(t *testing.T) {
	injector := Once(2, Reset)
	one, other := injector.Wrap(storage.NewMemory(), "inbox"), injector.Wrap(storage.NewMemory(), "ledger")
	for k, bucket := range []storage.Bucket{one, other, one} {
		if err := bucket.Delete(t.Context(), "a"); (err != nil) != (k == 1) {
			t.Errorf("call %d: %v", k+1, err)
		}
	}
	if hits := injector.Hits(); injector.Calls() != 3 || len(hits) != 1 || hits[0] != (Call{"ledger", Delete, "a"}) {
		t.Errorf("%d calls, hits %v", injector.Calls(), hits)
	}
}
