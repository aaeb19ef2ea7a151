package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

// viaProxy opens a bucket through a proxy, with little patience.
func viaProxy(t *testing.T, proxy *s3test.Proxy, name string) storage.Bucket {
	t.Helper()
	t.Setenv("AWS_PROFILE", s3test.Root)
	options := storage.S3Options{Endpoint: proxy.Endpoint, Region: s3test.Region, PathStyle: true, Stall: time.Second, Attempts: 3}
	bucket, err := storage.OpenS3(t.Context(), name, "", options)
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

// TestS3Faults lets each request of a day's work go wrong in each way: what survives is right,
// and what does not is an error.
func TestS3Faults(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	for name, fault := range s3test.Faults {
		t.Run(name, func(t *testing.T) {
			direct, proxy, bucketName := pair(t, server)
			content := random(300_000)
			put(t, direct, "inbox/sales.csv", content)
			bucket := viaProxy(t, proxy, bucketName)
			failed := 0
			for k := int64(1); ; k++ {
				proxy.Once(k, fault)
				failed += work(t, bucket, direct, fault, fmt.Sprintf("request %d", k), content)
				if proxy.Requests.Load() < k || t.Failed() {
					break
				}
			}
			// Only Create may not be sent twice, and only a body is read to its end.
			want := map[s3test.Fault]int{s3test.SlowBody: 0, s3test.StalledBody: 0, s3test.ShortBody: 0, s3test.FlippedUpload: 0}
			if count, given := want[fault]; !given && failed != 1 || given && failed != count {
				t.Errorf("%d operations failed", failed)
			}
		})
	}
}

func pair(t *testing.T, server *s3test.Server) (storage.Bucket, *s3test.Proxy, string) {
	t.Helper()
	name := server.NewBucket()
	return openS3(t, server.URL(name, "", s3test.Root)), s3test.StartProxy(t, server), name
}

// work does each operation once and returns how many failed. Only what may not be sent twice
// may fail, and what was damaged.
func work(t *testing.T, bucket, direct storage.Bucket, fault s3test.Fault, which string, content []byte) (failed int) {
	t.Helper()
	damaged := fault == s3test.FlippedAnswer
	objects, err := bucket.List(t.Context(), "inbox/")
	if err != nil || len(objects) != 1 || objects[0].Key != "inbox/sales.csv" {
		t.Errorf("%s: listed %v, %v", which, objects, err)
	}
	if folders, err := bucket.Folders(t.Context(), "inb"); err != nil || !slices.Equal(folders, []string{"ox"}) {
		t.Errorf("%s: folders %q, %v", which, folders, err)
	}
	got, err := get(t, bucket, "inbox/sales.csv", "")
	switch {
	case err == nil && !bytes.Equal(got, content):
		t.Errorf("%s: read other bytes without an error", which)
	case err != nil && !damaged:
		t.Errorf("%s: read: %v", which, err)
	case err != nil:
		failed++
		expectRefusal(t, which, err, "read s3://", "inbox/sales.csv", "checksum")
	}
	failed += writes(t, bucket, direct, which, random(2000))
	if err := bucket.Delete(t.Context(), "statement"); err != nil {
		t.Errorf("%s: delete: %v", which, err)
	}
	return failed
}

// writes creates an object and replaces another.
func writes(t *testing.T, bucket, direct storage.Bucket, which string, content []byte) (failed int) {
	t.Helper()
	key := "runs/" + which
	err := bucket.Create(t.Context(), key, bytes.NewReader(content))
	if err != nil {
		failed++
		expectRefusal(t, which, err, "create s3://", key)
	}
	got, looked := get(t, direct, key, "")
	absent := errors.Is(looked, storage.ErrNotFound)
	switch {
	case looked != nil && !absent:
		t.Errorf("%s: %v", which, looked)
	case absent && err == nil:
		t.Errorf("%s: created, but not there", which)
	case !absent && !bytes.Equal(got, content):
		t.Errorf("%s: other bytes were stored than were sent (the error was %v)", which, err)
	}
	err = bucket.Replace(t.Context(), "statement", bytes.NewReader(content))
	if err != nil {
		t.Errorf("%s: replace: %v", which, err)
	}
	if got, err := get(t, direct, "statement", ""); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s: replaced by other bytes, or %v", which, err)
	}
	return failed
}

// TestS3MultipartFaults does the same to a body in parts.
func TestS3MultipartFaults(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	content := random(8<<20 + 1000)
	for _, fault := range []s3test.Fault{s3test.ResetBefore, s3test.AnswerLost, s3test.OverloadedAfter, s3test.ShortBody, s3test.FlippedUpload} {
		direct, proxy, name := pair(t, server)
		bucket := viaProxy(t, proxy, name)
		for k := int64(1); ; k++ {
			key := fmt.Sprintf("runs/%d", k)
			proxy.Once(k, fault)
			err := bucket.Create(t.Context(), key, bytes.NewReader(content))
			if err != nil {
				expectRefusal(t, fmt.Sprintf("fault %d, request %d", fault, k), err, "create s3://", key)
			}
			got, looked := get(t, direct, key, "")
			if absent := errors.Is(looked, storage.ErrNotFound); absent && err == nil || !absent && (looked != nil || !bytes.Equal(got, content)) {
				t.Errorf("fault %d, request %d: create said %v, then read %d bytes, %v", fault, k, err, len(got), looked)
			}
			if proxy.Requests.Load() < k || t.Failed() {
				break
			}
		}
	}
}

// TestS3BrokenReads breaks the answer again and again.
func TestS3BrokenReads(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	direct, proxy, name := pair(t, server)
	content := random(400_000)
	put(t, direct, "sales.csv", content)
	bucket := viaProxy(t, proxy, name)

	// Each answer breaks off half-way: what is left halves.
	proxy.Decide(func(n int64, _ *http.Request) s3test.Fault {
		if n <= 8 {
			return s3test.ShortBody
		}
		return s3test.NoFault
	})
	if got, err := get(t, bucket, "sales.csv", ""); err != nil || !bytes.Equal(got, content) {
		t.Errorf("eight breaks: read other bytes, or %v", err)
	}
	// A store that is gone in the middle of a read is an error in the end.
	proxy.Decide(func(n int64, _ *http.Request) s3test.Fault {
		if n == 1 {
			return s3test.ShortBody
		}
		return s3test.ResetBefore
	})
	_, err := get(t, bucket, "sales.csv", "")
	expectRefusal(t, "gone in the middle", err, "read s3://"+name+"/sales.csv", "no answer from")

	// Objects that were stored in parts have a checksum of the whole.
	put(t, direct, "parts.csv", random(8<<20+1))
	proxy.Once(1, s3test.FlippedAnswer)
	_, err = get(t, bucket, "parts.csv", "")
	expectRefusal(t, "a bit flipped in an object of parts", err, "parts.csv", "checksum")

	// The object is replaced between two parts of a read.
	proxy.Once(1, s3test.ShortBody)
	reader, _, err := bucket.Open(t.Context(), "sales.csv", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := direct.Replace(t.Context(), "sales.csv", strings.NewReader("new")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(reader); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("replaced between two parts: %v", err)
	}
	reader.Close()
}

// TestS3Sweep clears away what is left of an upload that could not even be aborted.
func TestS3Sweep(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	direct, proxy, name := pair(t, server)
	bucket := viaProxy(t, proxy, name)
	proxy.Decide(func(_ int64, r *http.Request) s3test.Fault {
		if r.URL.Query().Get("uploadId") != "" {
			return s3test.ResetBefore
		}
		return s3test.NoFault
	})
	err := bucket.Create(t.Context(), "runs/1/detail.parquet", bytes.NewReader(random(8<<20+1)))
	expectRefusal(t, "parts that do not arrive", err, "no answer from")
	for _, want := range []int64{1, 0} {
		removed, err := storage.Sweep(t.Context(), direct, "runs/1/")
		if err != nil || removed != want {
			t.Errorf("swept %d, %v; want %d", removed, err, want)
		}
	}
}
