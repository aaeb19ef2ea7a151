package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"sync"
	"testing"

	"alliance/settlement/storage"
)

// noRanges hides that a bucket can read ranges.
type noRanges struct{ storage.Bucket }

// testRanges checks the reading of parts, of the bucket itself and by way of whole objects.
func testRanges(t *testing.T, bucket storage.Bucket) {
	if _, ok := bucket.(storage.RangeBucket); !ok {
		t.Log("this bucket reads ranges by way of whole objects")
	}
	content := make([]byte, 300_000)
	rand.New(rand.NewSource(1)).Read(content)
	create(t, bucket, "f/k", string(content))
	create(t, bucket, "f/empty", "")
	for name, bucket := range map[string]storage.Bucket{"bucket": bucket, "whole": noRanges{bucket}, "under": storage.Under(bucket, "f")} {
		key, empty := "f/k", "f/empty"
		if name == "under" {
			key, empty = "k", "empty"
		}
		t.Run(name, func(t *testing.T) {
			testParts(t, bucket, key, content)
			testPastEnd(t, bucket, key, empty, content)
			testRangeErrors(t, bucket, key)
		})
	}
	testRangesOfChanged(t, bucket)
}

func testParts(t *testing.T, bucket storage.Bucket, key string, content []byte) {
	version := versionOf(t, bucket, key)
	for _, part := range [][2]int{{0, 1}, {0, len(content)}, {1, 70_000}, {len(content) - 1, 1}, {len(content) - 70_000, 70_000}, {5, 0}} {
		for _, version := range []string{"", version} {
			buffer := make([]byte, part[1])
			if err := storage.ReadRange(t.Context(), bucket, key, version, int64(part[0]), buffer); err != nil {
				t.Fatalf("read %d bytes at %d: %v", part[1], part[0], err)
			}
			if string(buffer) != string(content[part[0]:part[0]+part[1]]) {
				t.Fatalf("%d bytes at %d are others", part[1], part[0])
			}
		}
	}
	object := storage.Object{Key: key, Size: int64(len(content)), Version: version}
	reader := storage.ReaderAt(t.Context(), bucket, object)
	testReader(t, reader, content)
	if _, err := reader.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("a closed reader reads")
	}
	brief := storage.BriefReaderAt(t.Context(), bucket, object)
	testReader(t, brief, content)
	if n, err := brief.ReadAt(make([]byte, 2), 1); n != 2 || err != nil {
		t.Errorf("a brief reader holds nothing that is closed: %d bytes, %v", n, err)
	}
}

func testReader(t *testing.T, reader storage.ReadAtCloser, content []byte) {
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			buffer := make([]byte, 10_000)
			n, err := reader.ReadAt(buffer, int64(i)*10_000)
			if n != len(buffer) || err != nil && err != io.EOF || string(buffer) != string(content[i*10_000:(i+1)*10_000]) {
				t.Errorf("part %d: %d bytes, %v", i, n, err)
			}
		})
	}
	group.Wait()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
}

func testPastEnd(t *testing.T, bucket storage.Bucket, key, empty string, content []byte) {
	for _, test := range []struct {
		key    string
		offset int64
		want   string
	}{
		{key, int64(len(content)) - 3, string(content[len(content)-3:])},
		{key, int64(len(content)), ""},
		{key, int64(len(content)) + 100, ""},
		{empty, 0, ""},
	} {
		buffer := make([]byte, 10)
		err := storage.ReadRange(t.Context(), bucket, test.key, "", test.offset, buffer)
		expectError(t, fmt.Sprintf("read %s at %d past its end", test.key, test.offset), err, io.ErrUnexpectedEOF)
		reader := storage.ReaderAt(t.Context(), bucket, storage.Object{Key: test.key})
		n, err := reader.ReadAt(buffer, test.offset)
		if string(buffer[:n]) != test.want || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt %s at %d past its end: %q, %v", test.key, test.offset, buffer[:n], err)
		}
		reader.Close()
	}
}

func testRangeErrors(t *testing.T, bucket storage.Bucket, key string) {
	buffer := make([]byte, 3)
	if err := storage.ReadRange(t.Context(), bucket, key, "", -1, buffer); err == nil {
		t.Error("a negative offset is no error")
	}
	expectError(t, "absent", storage.ReadRange(t.Context(), bucket, "no/such", "", 0, buffer), storage.ErrNotFound)
	expectError(t, "another version", storage.ReadRange(t.Context(), bucket, key, "no-such-version", 0, buffer), storage.ErrChanged)
	err := storage.ReadRange(t.Context(), bucket, "../x", "", 0, buffer)
	expectError(t, "no key", err, storage.ErrInvalidKey)
	expectError(t, "no key", err, storage.ErrIrregular)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expectError(t, "canceled", storage.ReadRange(canceled, bucket, key, "", 0, buffer), context.Canceled)
}

func testRangesOfChanged(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "f/changing", "the first content")
	old := storage.Object{Key: "f/changing", Version: versionOf(t, bucket, "f/changing")}
	reader := storage.ReaderAt(t.Context(), bucket, old)
	defer reader.Close()
	buffer := make([]byte, 5)
	if _, err := reader.ReadAt(buffer, 4); err != nil || string(buffer) != "first" {
		t.Fatalf("%q, %v", buffer, err)
	}
	if err := bucket.Replace(t.Context(), "f/changing", body("another one, longer")); err != nil {
		t.Fatal(err)
	}
	expectError(t, "the old version", storage.ReadRange(t.Context(), bucket, old.Key, old.Version, 4, buffer), storage.ErrChanged)
	// A reader from before gives the old version or none.
	if _, err := reader.ReadAt(buffer, 4); err == nil && string(buffer) != "first" || err != nil && !errors.Is(err, storage.ErrChanged) {
		t.Errorf("a reader of the old version reads %q, %v", buffer, err)
	}
}
