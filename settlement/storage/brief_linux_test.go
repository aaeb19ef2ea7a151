package storage_test

import (
	"bytes"
	"os"
	"testing"

	"alliance/settlement/storage"
)

// TestBriefReadersHoldNoFile counts the files of the process.
func TestBriefReadersHoldNoFile(t *testing.T) {
	bucket, err := storage.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "object", bytes.NewReader([]byte("content"))); err != nil {
		t.Fatal(err)
	}
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := files()
	for range 100 {
		buffer := make([]byte, 3)
		if _, err := storage.BriefReaderAt(t.Context(), bucket, storage.Object{Key: "object"}).ReadAt(buffer, 2); err != nil || string(buffer) != "nte" {
			t.Fatalf("%q, %v", buffer, err)
		}
	}
	if after := files(); after > before+20 {
		t.Errorf("%d files are open, %d were before", after, before)
	}
}
