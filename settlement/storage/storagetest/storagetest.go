// Package storagetest is the conformance suite of [storage.Bucket]: every bucket passes it, and
// every wrapper of one.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alliance/settlement/storage"
)

// Test checks that the buckets that open returns keep the promises of [storage.Bucket]. Every
// call of open returns a bucket that is empty and used by nobody else.
func Test(t *testing.T, open func(t *testing.T) storage.Bucket) {
	for _, part := range []struct {
		name string
		test func(t *testing.T, bucket storage.Bucket)
	}{
		{"what is created can be read", testRoundTrip},
		{"a key is created once", testCreateOnce},
		{"replace overwrites", testReplace},
		{"delete", testDelete},
		{"absent objects", testAbsent},
		{"odd keys", testOddKeys},
		{"invalid keys", testInvalidKeys},
		{"listing", testList},
		{"folders", testFolders},
		{"folders together", testFoldersTogether},
		{"bodies are taken from their start", testBodyOffset},
		{"a body that fails leaves nothing", testFailingBody},
		{"big bodies", testBigBody},
		{"versions", testVersions},
		{"changed while open", testChangedWhileOpen},
		{"ranges", testRanges},
		{"canceled context", testCanceled},
		{"racing creators", testRacingCreators},
		{"racing readers and writers", testRacingReaders},
		{"under a prefix", testUnder},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open(t)) })
	}
}

func body(text string) io.ReadSeeker { return strings.NewReader(text) }

func create(t *testing.T, bucket storage.Bucket, key, text string) {
	t.Helper()
	if err := bucket.Create(t.Context(), key, body(text)); err != nil {
		t.Fatalf("create %q: %v", key, err)
	}
}

func expect(t *testing.T, bucket storage.Bucket, key, want string) {
	t.Helper()
	reader, object, err := bucket.Open(t.Context(), key, "")
	if err != nil {
		t.Fatalf("open %q: %v", key, err)
	}
	got, err := io.ReadAll(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	if string(got) != want {
		t.Fatalf("%q holds %.60q, want %.60q", key, got, want)
	}
	if object.Key != key || object.Size != int64(len(want)) || object.Version == "" {
		t.Fatalf("open %q described it as %+v", key, object)
	}
}

func expectError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", what, err, want)
	}
}

func testRoundTrip(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "a/b/c.txt", "hello")
	create(t, bucket, "empty", "")
	expect(t, bucket, "a/b/c.txt", "hello")
	expect(t, bucket, "empty", "")
}

func testCreateOnce(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "a/b", "first")
	expectError(t, "create again", bucket.Create(t.Context(), "a/b", body("second")), storage.ErrExists)
	expectError(t, "create the same again", bucket.Create(t.Context(), "a/b", body("first")), storage.ErrExists)
	expect(t, bucket, "a/b", "first")
}

func testReplace(t *testing.T, bucket storage.Bucket) {
	for _, text := range []string{"one", "a longer one", "", "x"} {
		if err := bucket.Replace(t.Context(), "f/k", body(text)); err != nil {
			t.Fatal(err)
		}
		expect(t, bucket, "f/k", text)
	}
	expectError(t, "create", bucket.Create(t.Context(), "f/k", body("y")), storage.ErrExists)
}

func testDelete(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "f/k", "one")
	create(t, bucket, "f/l", "other")
	for range 2 { // an absent one is no error
		if err := bucket.Delete(t.Context(), "f/k"); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"nothing/there", "f/k/below", "f"} {
		if err := bucket.Delete(t.Context(), key); err != nil {
			t.Fatalf("delete %q: %v", key, err)
		}
	}
	_, _, err := bucket.Open(t.Context(), "f/k", "")
	expectError(t, "open a deleted object", err, storage.ErrNotFound)
	expect(t, bucket, "f/l", "other")
	create(t, bucket, "f/k", "two")
	expect(t, bucket, "f/k", "two")
	if err := errors.Join(bucket.Delete(t.Context(), "f/k"), bucket.Delete(t.Context(), "f/l")); err != nil {
		t.Fatal(err)
	}
	if folders, err := bucket.Folders(t.Context(), ""); err != nil || len(folders) > 0 {
		t.Fatalf("folders of an empty bucket: %q, %v", folders, err)
	}
}

func testAbsent(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "f/k", "one")
	for _, key := range []string{"x", "f", "f/x", "x/y/z", "f/k/z"} {
		_, _, err := bucket.Open(t.Context(), key, "")
		expectError(t, "open "+key, err, storage.ErrNotFound)
	}
	for _, prefix := range []string{"x", "x/", "f/k/", "f/kk"} {
		objects, err := bucket.List(t.Context(), prefix)
		if err != nil || len(objects) > 0 {
			t.Fatalf("list %q: %v, %v", prefix, objects, err)
		}
		folders, err := bucket.Folders(t.Context(), prefix)
		if err != nil || len(folders) > 0 {
			t.Fatalf("folders %q: %v, %v", prefix, folders, err)
		}
	}
}

// OddKeys are legal keys, in byte order.
var OddKeys = []string{" leading space", "#hash?query=1&x", "%2e%2e/encoded", "+plus", "-dash/-", ".hidden/.file", "_control.json",
	"a b/c  d", "back\\slash", "colon:semi;", "date=2024-02-29/x.csv", "dots...", "line\nbreak", "quote\"'`", "star*[a-z]?", "tilde~",
	"trailing space ", strings.Repeat("x", 255), "{}|^<>", "\u00e9 composed", "\u65e5\u672c\u8a9e/\u96ea", "\U0001f600"}

func testOddKeys(t *testing.T, bucket storage.Bucket) {
	for i, key := range OddKeys {
		create(t, bucket, key, fmt.Sprint("content ", i))
	}
	for i, key := range OddKeys {
		expect(t, bucket, key, fmt.Sprint("content ", i))
	}
	if got := list(t, bucket, ""); !slices.Equal(got, OddKeys) {
		t.Fatalf("list\n got %q\nwant %q", got, OddKeys)
	}
}

func list(t *testing.T, bucket storage.Bucket, prefix string) []string {
	t.Helper()
	objects, err := bucket.List(t.Context(), prefix)
	if err != nil {
		t.Fatalf("list %q: %v", prefix, err)
	}
	var keys []string
	for _, object := range objects {
		keys = append(keys, object.Key)
	}
	return keys
}

func testInvalidKeys(t *testing.T, bucket storage.Bucket) {
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", "a/..", "nul\x00", "\xff\xfe",
		strings.Repeat("x", 256), strings.Repeat("x/", 512) + "x", ".settle-temporary-x", "a/.settle-temporary-x/b"} {
		expectError(t, "create "+key, bucket.Create(t.Context(), key, body("x")), storage.ErrInvalidKey)
		expectError(t, "replace "+key, bucket.Replace(t.Context(), key, body("x")), storage.ErrInvalidKey)
		expectError(t, "delete "+key, bucket.Delete(t.Context(), key), storage.ErrInvalidKey)
		_, _, err := bucket.Open(t.Context(), key, "")
		expectError(t, "open "+key, err, storage.ErrInvalidKey)
		expectError(t, "open "+key, err, storage.ErrIrregular)
	}
	for _, prefix := range []string{"../", "a/../b", "/", "a//"} {
		_, err := bucket.List(t.Context(), prefix)
		expectError(t, "list "+prefix, err, storage.ErrInvalidKey)
		_, err = bucket.Folders(t.Context(), prefix)
		expectError(t, "folders "+prefix, err, storage.ErrInvalidKey)
	}
	if keys := list(t, bucket, ""); len(keys) > 0 {
		t.Fatalf("invalid keys left %q", keys)
	}
}

func testList(t *testing.T, bucket storage.Bucket) {
	keys := []string{"a-b/x", "a.b", "a/b", "a/c/d", "a/c/e", "a/cc", "a0/z", "b"}
	for _, i := range rand.Perm(len(keys)) {
		create(t, bucket, keys[i], keys[i])
	}
	for prefix, want := range map[string][]string{
		"":     keys,
		"a":    keys[:7],
		"a/":   keys[2:6],
		"a/c":  keys[3:6],
		"a/c/": keys[3:5],
		"a-":   keys[:1],
		"b":    keys[7:],
	} {
		if got := list(t, bucket, prefix); !slices.Equal(got, want) {
			t.Errorf("list %q\n got %q\nwant %q", prefix, got, want)
		}
	}
	objects, err := bucket.List(t.Context(), "a/")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		reader, opened, err := bucket.Open(t.Context(), object.Key, object.Version)
		if err != nil || opened != object || object.Size != int64(len(object.Key)) {
			t.Fatalf("listed %+v, opened %+v: %v", object, opened, err)
		}
		reader.Close()
	}
}

func testFoldersTogether(t *testing.T, bucket storage.Bucket) {
	for _, key := range []string{"m/a", "m/d=9", "m/d=0/x", "m/d=1/x", "m/d=1/y/z", "m/d=1-/x", "m/d=10/x", "m/d=2/x", "m/d=2/é", "m/d=3/x", "m/d=3-/x", "m/d=4/x", "m/e=1/x", "n/d=2/x"} {
		create(t, bucket, key, key)
	}
	got, together, err := storage.ListFolders(t.Context(), bucket, "m/", "d=1", "d=3")
	if err != nil || !together {
		if err != nil || got != nil {
			t.Errorf("got %v, %v of a bucket that does not list together", got, err)
		}
		return
	}
	want, err := bucket.List(t.Context(), "m/")
	if err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(o storage.Object) bool {
		return !slices.ContainsFunc([]string{"m/d=1/", "m/d=2/", "m/d=3/"}, func(folder string) bool { return strings.HasPrefix(o.Key, folder) })
	})
	if !slices.Equal(got, want) || len(got) != 5 {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, _, err := storage.ListFolders(t.Context(), bucket, "m/", "d=5", "d=9"); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v of folders that are not there", got, err)
	}
	if _, _, err := storage.ListFolders(t.Context(), bucket, "/", "d=5", "d=9"); err == nil {
		t.Error("a prefix that is none was listed")
	}
}

func testFolders(t *testing.T, bucket storage.Bucket) {
	for _, key := range []string{"merchant=b/date=2024-01-01/x", "merchant=b/date=2024-01-02/x", "merchant=b/y", "merchant=a/z/z/z",
		"merchant=a-/q", "file"} {
		create(t, bucket, key, "")
	}
	for prefix, want := range map[string][]string{
		"":                              {"merchant=a", "merchant=a-", "merchant=b"},
		"merchant=":                     {"a", "a-", "b"},
		"merchant=b/":                   {"date=2024-01-01", "date=2024-01-02"},
		"merchant=b/date=":              {"2024-01-01", "2024-01-02"},
		"merchant=b/date=2024-01-01/":   nil,
		"merchant=a/z/":                 {"z"},
		"merchant=b/date=2024-01-01/xx": nil,
	} {
		got, err := bucket.Folders(t.Context(), prefix)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("folders %q: got %q, %v; want %q", prefix, got, err, want)
		}
		some := func(name string) bool { return !strings.HasSuffix(name, "1") && name != "a" }
		want = slices.DeleteFunc(want, func(name string) bool { return !some(name) })
		for name, bucket := range map[string]storage.Bucket{"": bucket, ", wrapped": struct{ storage.Bucket }{bucket}} {
			if got, err := storage.FoldersOf(t.Context(), bucket, prefix, some); err != nil || !slices.Equal(got, want) {
				t.Errorf("some folders %q%s: got %q, %v; want %q", prefix, name, got, err, want)
			}
		}
	}
	for prefix, want := range map[string][]string{
		"":                            {"file"},
		"f":                           {"file"},
		"merchant=":                   nil,
		"merchant=b/":                 {"merchant=b/y"},
		"merchant=b/date=2024-01-01/": {"merchant=b/date=2024-01-01/x"},
		"merchant=a/z/":               nil,
		"nowhere/":                    nil,
	} {
		for name, bucket := range map[string]storage.Bucket{"": bucket, ", wrapped": struct{ storage.Bucket }{bucket}} {
			files, err := storage.Files(t.Context(), bucket, prefix)
			var got []string
			for _, file := range files {
				got = append(got, file.Key)
				if reader, opened, err := bucket.Open(t.Context(), file.Key, file.Version); err != nil || opened != file {
					t.Errorf("files %q%s: %+v opens as %+v, %v", prefix, name, file, opened, err)
				} else {
					reader.Close()
				}
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("files %q%s: got %q, %v; want %q", prefix, name, got, err, want)
			}
		}
	}
	days, err := storage.FoldersOf(t.Context(), storage.Under(bucket, "merchant=b"), "date=", func(day string) bool { return day > "2024-01-01" })
	if err != nil || !slices.Equal(days, []string{"2024-01-02"}) {
		t.Errorf("some folders below a prefix: %v, %v", days, err)
	}
	below, err := storage.Files(t.Context(), storage.Under(bucket, "merchant=b"), "")
	if err != nil || len(below) != 1 || below[0].Key != "y" {
		t.Errorf("files below a prefix: %v, %v", below, err)
	}
}

func testBodyOffset(t *testing.T, bucket storage.Bucket) {
	reader := strings.NewReader("whole body")
	if _, err := io.CopyN(io.Discard, reader, 6); err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "k", reader); err != nil {
		t.Fatal(err)
	}
	expect(t, bucket, "k", "whole body")
	if err := bucket.Replace(t.Context(), "l", reader); err != nil {
		t.Fatal(err)
	}
	expect(t, bucket, "l", "whole body")
}

// A failingBody promises more bytes than it gives.
type failingBody struct {
	*strings.Reader
	err error
}

func (b failingBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.Reader.Seek(offset, whence)
	if whence == io.SeekEnd {
		at++
	}
	return at, err
}

func (b failingBody) Read(buffer []byte) (int, error) {
	n, err := b.Reader.Read(buffer)
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

func testFailingBody(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "f/taken", "old")
	broken := errors.New("broken body")
	for _, end := range []error{broken, io.EOF} {
		for what, put := range map[string]func(context.Context, string, io.ReadSeeker) error{"create": bucket.Create, "replace": bucket.Replace} {
			for _, key := range []string{"f/new", "f/taken"} {
				err := put(t.Context(), key, failingBody{strings.NewReader("beginning"), end})
				if err == nil || end == broken && !errors.Is(err, broken) && !errors.Is(err, storage.ErrExists) {
					t.Fatalf("%s %s with a body that ends with %v: %v", what, key, end, err)
				}
			}
		}
	}
	expect(t, bucket, "f/taken", "old")
	if got := list(t, bucket, ""); !slices.Equal(got, []string{"f/taken"}) {
		t.Fatalf("left %q", got)
	}
}

func testBigBody(t *testing.T, bucket storage.Bucket) {
	content := make([]byte, 9<<20+1)
	rand.New(rand.NewSource(1)).Read(content)
	if err := bucket.Create(t.Context(), "big", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	expect(t, bucket, "big", string(content))
}

func versionOf(t *testing.T, bucket storage.Bucket, key string) string {
	t.Helper()
	reader, object, err := bucket.Open(t.Context(), key, "")
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	return object.Version
}

// tick waits until a modification time would differ.
func tick() { time.Sleep(20 * time.Millisecond) }

func testVersions(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "k", "one")
	first := versionOf(t, bucket, "k")
	tick()
	if err := bucket.Replace(t.Context(), "k", body("two")); err != nil {
		t.Fatal(err)
	}
	second := versionOf(t, bucket, "k")
	if first == second {
		t.Fatalf("the version %s did not change with the content", first)
	}
	_, _, err := bucket.Open(t.Context(), "k", first)
	expectError(t, "open the first version", err, storage.ErrChanged)
	reader, object, err := bucket.Open(t.Context(), "k", second)
	if err != nil || object.Version != second {
		t.Fatalf("open the second version: %+v, %v", object, err)
	}
	reader.Close()
	if err := bucket.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	_, _, err = bucket.Open(t.Context(), "k", second)
	expectError(t, "open a version of a deleted object", err, storage.ErrNotFound)
}

func testChangedWhileOpen(t *testing.T, bucket storage.Bucket) {
	old := strings.Repeat("old ", 300_000)
	create(t, bucket, "k", old)
	reader, _, err := bucket.Open(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	start := make([]byte, 1000)
	if _, err := io.ReadFull(reader, start); err != nil {
		t.Fatal(err)
	}
	tick()
	if err := bucket.Replace(t.Context(), "k", body(strings.Repeat("new ", 300_000))); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(reader)
	err = errors.Join(err, reader.Close())
	if err == nil && string(start)+string(rest) != old {
		t.Fatal("a reader got a mixture of two versions without an error")
	}
	if err != nil && !errors.Is(err, storage.ErrChanged) {
		t.Fatal(err)
	}
}

func testCanceled(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "k", "one")
	ctx, cancel := context.WithCancel(t.Context())
	reader, _, err := bucket.Open(ctx, "k", "")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cancel()
	_, err = io.ReadAll(reader)
	expectError(t, "read", err, context.Canceled)
	expectError(t, "create", bucket.Create(ctx, "new", body("x")), context.Canceled)
	expectError(t, "replace", bucket.Replace(ctx, "k", body("x")), context.Canceled)
	expectError(t, "delete", bucket.Delete(ctx, "k"), context.Canceled)
	_, err = bucket.List(ctx, "")
	expectError(t, "list", err, context.Canceled)
	_, err = bucket.Folders(ctx, "")
	expectError(t, "folders", err, context.Canceled)
	_, _, err = bucket.Open(ctx, "k", "")
	expectError(t, "open", err, context.Canceled)
	expect(t, bucket, "k", "one")
	if got := list(t, bucket, ""); !slices.Equal(got, []string{"k"}) {
		t.Fatalf("left %q", got)
	}

	// Canceled in the middle of the body.
	ctx, cancel = context.WithCancel(t.Context())
	err = bucket.Create(ctx, "half", cancelingBody{bytes.NewReader(make([]byte, 4<<20)), cancel})
	expectError(t, "create canceled in the middle", err, context.Canceled)
	if got := list(t, bucket, ""); !slices.Equal(got, []string{"k"}) {
		t.Fatalf("left %q", got)
	}
}

type cancelingBody struct {
	*bytes.Reader
	cancel func()
}

func (b cancelingBody) Read(buffer []byte) (int, error) {
	b.cancel()
	return b.Reader.Read(buffer[:min(len(buffer), 1000)])
}

func (b cancelingBody) WriteTo(io.Writer) (int64, error) { panic("the context would not be looked at") }

func testRacingCreators(t *testing.T, bucket storage.Bucket) {
	const creators, keys = 12, 25
	var winners [keys]atomic.Int32
	var content [keys]atomic.Value
	var group sync.WaitGroup
	for creator := range creators {
		group.Go(func() {
			for k := range keys {
				text := fmt.Sprintf("creator %d key %d", creator, k)
				err := bucket.Create(t.Context(), fmt.Sprintf("race/%02d/key", k), body(text))
				switch {
				case err == nil:
					winners[k].Add(1)
					content[k].Store(text)
				case !errors.Is(err, storage.ErrExists):
					t.Errorf("create: %v", err)
				}
			}
		})
	}
	group.Wait()
	for k := range keys {
		if winners[k].Load() != 1 {
			t.Fatalf("key %d has %d winners", k, winners[k].Load())
		}
		expect(t, bucket, fmt.Sprintf("race/%02d/key", k), content[k].Load().(string))
	}
	if got := list(t, bucket, ""); len(got) != keys {
		t.Fatalf("%d keys listed instead of %d", len(got), keys)
	}
}

// testRacingReaders sees to it that a reader finds one whole content or is told of the change.
func testRacingReaders(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "k", strings.Repeat("a", 70_000))
	var group sync.WaitGroup
	for writer := range 3 {
		group.Go(func() {
			for i := range 15 {
				text := strings.Repeat(string(rune('b'+writer)), 60_000+i)
				if err := bucket.Replace(t.Context(), "k", body(text)); err != nil {
					t.Errorf("replace: %v", err)
				}
			}
		})
	}
	for range 3 {
		group.Go(func() {
			for range 30 {
				reader, _, err := bucket.Open(t.Context(), "k", "")
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				content, err := io.ReadAll(reader)
				err = errors.Join(err, reader.Close())
				if err != nil && !errors.Is(err, storage.ErrChanged) {
					t.Errorf("read: %v", err)
				}
				if err == nil && (len(content) < 60_000 || strings.Trim(string(content), string(content[:1])) != "") {
					t.Error("a reader got a mixture")
				}
				if keys, err := bucket.List(t.Context(), ""); err != nil || len(keys) != 1 {
					t.Errorf("list: %v, %v", keys, err)
				}
			}
		})
	}
	group.Wait()
}

func testUnder(t *testing.T, bucket storage.Bucket) {
	create(t, bucket, "other/k", "outside")
	create(t, bucket, "part-2/k", "outside")
	part := storage.Under(bucket, "part/")
	create(t, part, "a/k", "inside")
	expect(t, bucket, "part/a/k", "inside")
	expect(t, part, "a/k", "inside")
	if got := list(t, part, ""); !slices.Equal(got, []string{"a/k"}) {
		t.Fatalf("list: %q", got)
	}
	if got, err := part.Folders(t.Context(), ""); err != nil || !slices.Equal(got, []string{"a"}) {
		t.Fatalf("folders: %q, %v", got, err)
	}
	_, _, err := part.Open(t.Context(), "../other/k", "")
	expectError(t, "open outside", err, storage.ErrInvalidKey)
	expectError(t, "bad prefix", storage.Under(bucket, "../x").Create(t.Context(), "k", body("x")), storage.ErrInvalidKey)
	if err := part.Delete(t.Context(), "a/k"); err != nil {
		t.Fatal(err)
	}
	if got := list(t, bucket, ""); !slices.Equal(got, []string{"other/k", "part-2/k"}) {
		t.Fatalf("list: %q", got)
	}
}
