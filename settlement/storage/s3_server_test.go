package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
	"alliance/settlement/storage/storagetest"

	"golang.org/x/sync/errgroup"
)

// openS3 opens a location that must be right.
func openS3(t testing.TB, location string) storage.Bucket {
	t.Helper()
	bucket, err := storage.OpenURL(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

func put(t testing.TB, bucket storage.Bucket, key string, content []byte) {
	t.Helper()
	if err := bucket.Create(t.Context(), key, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, bucket storage.Bucket, key, version string) ([]byte, error) {
	t.Helper()
	reader, _, err := bucket.Open(t.Context(), key, version)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(reader)
	return content, errors.Join(err, reader.Close())
}

func random(size int) []byte {
	content := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(content)
	return content
}

func TestS3(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	t.Run("bucket", func(t *testing.T) {
		storagetest.Test(t, func(t *testing.T) storage.Bucket {
			return openS3(t, server.URL(server.NewBucket(), "", s3test.Root))
		})
	})
	t.Run("prefix", func(t *testing.T) {
		storagetest.Test(t, func(t *testing.T) storage.Bucket {
			return openS3(t, server.URL(server.NewBucket(), "some/prefix", s3test.Root))
		})
	})
}

// TestS3ListsDatesTogether: of years of dates those of a window are asked for by the page, not one by one.
func TestS3ListsDatesTogether(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	name := server.NewBucket()
	direct := openS3(t, server.URL(name, "some/prefix", s3test.Root))
	var group errgroup.Group
	group.SetLimit(16)
	for day := range 120 {
		for file := range 20 {
			group.Go(func() error {
				return direct.Create(t.Context(), fmt.Sprintf("m/date=%03d/%02d", day, file), strings.NewReader("x"))
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	proxy := s3test.StartProxy(t, server)
	bucket := openS3(t, s3test.URLAt(proxy.Endpoint, name, "some/prefix", s3test.Root))
	proxy.Requests.Store(0)
	found, together, err := storage.ListFolders(t.Context(), bucket, "m/", "date=030", "date=089")
	if err != nil || !together || len(found) != 60*20 || found[0].Key != "m/date=030/00" || found[len(found)-1].Key != "m/date=089/19" {
		t.Errorf("%d objects, together %v, %v", len(found), together, err)
	}
	if asked := proxy.Requests.Load(); asked != 2 {
		t.Errorf("%d requests for %d objects, a thousand of which are on a page", asked, len(found))
	}
}

func TestS3RacingCreators(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	name := server.NewBucket()
	for round, size := range []int{100, 0, 10 << 20} {
		key := fmt.Sprintf("log/%d.json", round)
		var winners atomic.Int32
		var won []byte
		var group sync.WaitGroup
		for creator := range 16 {
			bucket := openS3(t, server.URL(name, "", s3test.Root))
			content := random(size + creator)
			group.Go(func() {
				err := bucket.Create(t.Context(), key, bytes.NewReader(content))
				switch {
				case err == nil:
					winners.Add(1)
					won = content
				case !errors.Is(err, storage.ErrExists):
					t.Error(err)
				}
			})
		}
		group.Wait()
		if winners.Load() != 1 {
			t.Fatalf("%s has %d winners", key, winners.Load())
		}
		content, err := get(t, openS3(t, server.URL(name, "", s3test.Root)), key, "")
		if err != nil || !bytes.Equal(content, won) {
			t.Fatalf("%s does not hold what its winner wrote: %v", key, err)
		}
	}
}

func TestS3Pages(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	bucket := openS3(t, server.URL(server.NewBucket(), "inbox", s3test.Root))
	var want, folders []string
	var group errgroup.Group
	group.SetLimit(16)
	for i := range 2500 {
		key := fmt.Sprintf("merchant=M%04d/date=2026-06-01/sales.csv", i)
		want, folders = append(want, key), append(folders, fmt.Sprintf("M%04d", i))
		group.Go(func() error { return bucket.Create(t.Context(), key, strings.NewReader(key)) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	objects, err := bucket.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, object := range objects {
		got = append(got, object.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d keys listed, %d are there, or in another order", len(got), len(want))
	}
	names, err := bucket.Folders(t.Context(), "merchant=")
	if err != nil || !slices.Equal(names, folders) {
		t.Errorf("%d folders listed, %d are there, or in another order: %v", len(names), len(folders), err)
	}
}

func TestS3Multipart(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	bucket := openS3(t, server.URL(server.NewBucket(), "", s3test.Root))
	for _, size := range []int{8 << 20, 8<<20 + 1, 20 << 20} {
		key := fmt.Sprintf("runs/%d", size)
		content := random(size)
		put(t, bucket, key, content)
		got, err := get(t, bucket, key, "")
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes: read other bytes, or %v", size, err)
		}
		err = bucket.Create(t.Context(), key, bytes.NewReader(content))
		if !errors.Is(err, storage.ErrExists) {
			t.Fatalf("%d bytes: created twice: %v", size, err)
		}
		content = random(size + 5)
		if err := bucket.Replace(t.Context(), key, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t, bucket, key, ""); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%d bytes: replaced by other bytes, or %v", size, err)
		}
	}
	// A body that fails in a late part leaves nothing.
	broken := errors.New("broken body")
	for _, end := range []error{broken, io.EOF} {
		err := bucket.Create(t.Context(), "late", &endingBody{bytes.NewReader(random(17 << 20)), end})
		if err == nil || end == broken && !errors.Is(err, broken) {
			t.Errorf("a body that ends with %v: %v", end, err)
		}
		if _, err := get(t, bucket, "late", ""); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a body that failed: %v", err)
		}
	}
}

// An endingBody promises one byte more than it has.
type endingBody struct {
	*bytes.Reader
	end error
}

func (b *endingBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.Reader.Seek(offset, whence)
	if whence == io.SeekEnd {
		at++
	}
	return at, err
}

func (b *endingBody) Read(buffer []byte) (int, error) {
	n, err := b.Reader.Read(buffer)
	if err == io.EOF {
		err = b.end
	}
	return n, err
}

// TestS3PinnedVersions reads versions while others replace the object.
func TestS3PinnedVersions(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	bucket := openS3(t, server.URL(server.NewBucket(), "", s3test.Root))
	put(t, bucket, "sales.csv", bytes.Repeat([]byte{'a'}, 3_000_000))
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 30 {
			content := bytes.Repeat([]byte{byte('b' + i%20)}, 3_000_000)
			if err := bucket.Replace(t.Context(), "sales.csv", bytes.NewReader(content)); err != nil {
				t.Error(err)
			}
		}
	})
	whole, changed := 0, 0
	for range 40 {
		objects, err := bucket.List(t.Context(), "sales.csv")
		if err != nil || len(objects) != 1 {
			t.Fatal(objects, err)
		}
		content, err := get(t, bucket, "sales.csv", objects[0].Version)
		switch {
		case errors.Is(err, storage.ErrChanged):
			changed++
		case err != nil:
			t.Fatal(err)
		case len(content) != 3_000_000 || len(bytes.Trim(content, string(content[:1]))) > 0:
			t.Fatal("read a mixture of two versions")
		default:
			whole++
		}
	}
	group.Wait()
	t.Logf("%d read as a whole, %d changed meanwhile", whole, changed)
}
