package storage_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// rangeStore is a store of one object, whose answers to requests for a range a test may alter.
// alter returns the bytes to send of those that were promised.
func rangeStore(t *testing.T, content string, alter func(number int, header http.Header, part string) string) (storage.Bucket, *[]string) {
	var asked []string
	bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Range")+" "+r.Header.Get("If-Match"))
		var first, last int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil {
			t.Errorf("range %q: %v", r.Header.Get("Range"), err)
		}
		if first >= len(content) {
			refuse(416, "InvalidRange")(w, r)
			return
		}
		part := content[first:min(last+1, len(content))]
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, first+len(part)-1, len(content)))
		w.Header().Set("Content-Length", fmt.Sprint(len(part)))
		part = alter(len(asked), w.Header(), part)
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, part)
	})
	return bucket, &asked
}

func TestS3BrokenRanges(t *testing.T) {
	const content = "0123456789abcdef"
	bucket, asked := rangeStore(t, content, func(number int, _ http.Header, part string) string {
		if number < 3 {
			return part[:3] // and then the connection is closed
		}
		return part
	})
	buffer := make([]byte, 10)
	if err := storage.ReadRange(t.Context(), bucket, "k", "", 2, buffer); err != nil || string(buffer) != "23456789ab" {
		t.Errorf("read %q, %v", buffer, err)
	}
	// The rest is asked for, of the version that came first.
	want := []string{"bytes=2-11 ", `bytes=5-11 "v1"`, `bytes=8-11 "v1"`}
	if fmt.Sprint(*asked) != fmt.Sprint(want) {
		t.Errorf("asked for %q, not %q", *asked, want)
	}
	bucket, asked = rangeStore(t, content, func(_ int, _ http.Header, _ string) string { return "" })
	err := storage.ReadRange(t.Context(), bucket, "k", "v1", 2, buffer)
	if err == nil || !strings.Contains(err.Error(), "broke off 6 times") || len(*asked) != 6 {
		t.Errorf("asked %d times: %v", len(*asked), err)
	}
}

func TestS3LyingRanges(t *testing.T) {
	const content = "0123456789abcdef"
	for _, test := range []struct {
		says  string
		alter func(header http.Header)
		want  string
		is    error
	}{
		{"the whole object", func(header http.Header) { header.Del("Content-Range") }, `the store sent ""`, nil},
		{"another range", func(header http.Header) { header.Set("Content-Range", "bytes 3-12/16") }, "asked for bytes 2 to 11", nil},
		{"a shorter range", func(header http.Header) { header.Set("Content-Range", "bytes 2-10/16") }, "asked for bytes 2 to 11", nil},
		{"a range of no length", func(header http.Header) { header.Set("Content-Range", "bytes 2-11/*") }, "asked for bytes 2 to 11", nil},
		{"another version", func(header http.Header) { header.Set("ETag", `"v2"`) }, "changed", storage.ErrChanged},
		{"no version", func(header http.Header) { header.Del("ETag") }, "no ETag", nil},
	} {
		bucket, _ := rangeStore(t, content, func(_ int, header http.Header, part string) string { test.alter(header); return part })
		err := storage.ReadRange(t.Context(), bucket, "k", "v1", 2, make([]byte, 10))
		if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v", test.says, err)
		}
	}
}
