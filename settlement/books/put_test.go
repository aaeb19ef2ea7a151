package books

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// A countedBody counts the bytes that are read of it, and fails at a place if that is not 0.
type countedBody struct {
	io.ReadSeeker
	read   int
	failAt int
}

var errBody = errors.New("the disk failed")

func (b *countedBody) Read(buffer []byte) (int, error) {
	if b.failAt > 0 && b.read >= b.failAt {
		return 0, errBody
	}
	n, err := b.ReadSeeker.Read(buffer)
	b.read += n
	return n, err
}

// A puttingBucket does something else, once, when an object is created.
type puttingBucket struct {
	storage.Bucket
	instead func(bucket storage.Bucket, ctx context.Context, key string, body io.ReadSeeker) error
	creates int
}

func (b *puttingBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	b.creates++
	if instead := b.instead; instead != nil {
		b.instead = nil
		return instead(b.Bucket, ctx, key, body)
	}
	return b.Bucket.Create(ctx, key, body)
}

// TestPutReadsOnce sees to it that a body is read as often as it is sent, and that what is on record is what the
// store has, whatever became of the tries before.
func TestPutReadsOnce(t *testing.T) {
	content := strings.Repeat("a large object, ", 10_000)
	for _, c := range []struct {
		name          string
		instead       func(storage.Bucket, context.Context, string, io.ReadSeeker) error
		failAt        int
		reads         int
		creates       int
		wanted        error
		wantedContent string
	}{
		{name: "stored at once", reads: len(content), creates: 1},
		{name: "answer lost", reads: 2 * len(content), creates: 2, instead: func(bucket storage.Bucket, ctx context.Context, key string, body io.ReadSeeker) error {
			return errors.Join(bucket.Create(ctx, key, body), errTimeout)
		}},
		{name: "connection lost half way", reads: len(content) + len(content)/2, creates: 2, instead: func(_ storage.Bucket, _ context.Context, _ string, body io.ReadSeeker) error {
			_, err := io.CopyN(io.Discard, body, int64(len(content)/2))
			return errors.Join(err, errTimeout)
		}},
		{name: "its own, found before it was sent", reads: len(content), creates: 1, instead: func(bucket storage.Bucket, ctx context.Context, key string, _ io.ReadSeeker) error {
			return errors.Join(bucket.Create(ctx, key, strings.NewReader(content)), storage.ErrExists)
		}},
		{name: "a stranger's, found before it was sent", reads: len(content), creates: 1, wanted: ErrBroken, wantedContent: "something else", instead: func(bucket storage.Bucket, ctx context.Context, key string, _ io.ReadSeeker) error {
			return errors.Join(bucket.Create(ctx, key, strings.NewReader("something else")), storage.ErrExists)
		}},
		{name: "a stranger's of the same length", reads: len(content), creates: 1, wanted: ErrBroken, wantedContent: strings.ToUpper(content), instead: func(bucket storage.Bucket, ctx context.Context, key string, _ io.ReadSeeker) error {
			return errors.Join(bucket.Create(ctx, key, strings.NewReader(strings.ToUpper(content))), storage.ErrExists)
		}},
		{name: "body cannot be read", failAt: 1, reads: 32 << 10, creates: 1, wanted: errBody},
	} {
		t.Run(c.name, func(t *testing.T) {
			bucket := &puttingBucket{Bucket: storage.NewMemory()}
			ledger := open(t, bucket)
			attempt := begin(t, ledger)
			body := &countedBody{ReadSeeker: strings.NewReader(content), failAt: c.failAt}
			bucket.creates, bucket.instead = 0, c.instead
			if c.failAt > 0 {
				bucket.instead = func(_ storage.Bucket, _ context.Context, _ string, body io.ReadSeeker) error {
					buffer := make([]byte, c.reads)
					_, err := io.ReadFull(body, buffer)
					if err == nil {
						_, err = body.Read(buffer)
					}
					return err
				}
			}
			file, err := attempt.Create(t.Context(), "state/one.run", body)
			if !errors.Is(err, c.wanted) {
				t.Fatalf("%v, want %v", err, c.wanted)
			}
			if err == nil && (file.Bytes != int64(len(content)) || file.SHA256 != digest([]byte(content))) {
				t.Errorf("on record goes %+v", file)
			}
			if body.read != c.reads || bucket.creates != c.creates {
				t.Errorf("%d bytes of %d were read in %d tries, want %d in %d", body.read, len(content), bucket.creates, c.reads, c.creates)
			}
			if stored := contents(t, bucket)["runs/"+attempt.ID()+"/state/one.run"]; c.failAt == 0 && stored != content && stored != c.wantedContent {
				t.Errorf("the store has another content")
			}
		})
	}
}
