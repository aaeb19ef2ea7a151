package batch_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"

	"alliance/settlement/storage"
)

// A lie is what a store does without saying so.
type lie string

const (
	// staleList: what was written lately is not listed.
	staleList lie = "stale list"
	// staleReads: nor is it found by its key, or it is read as it was.
	staleReads lie = "stale list and reads"
	// wrongBytes: what is read is not what was written: a bit, some zeros, or another object's bytes.
	wrongBytes lie = "wrong bytes"
	// shortBody: what is read ends too early.
	shortBody lie = "short body"
	// overwrites: a key that is taken is created again.
	overwrites lie = "ignores If-None-Match"
)

// A liar draws from its seed which calls of its buckets are lied to, and how.
type liar struct {
	mutex  sync.Mutex
	random *rand.Rand
	lie    lie
	// odds: one call of so many that the lie is about is lied to; told counts them.
	odds, told int
}

func newLiar(seed uint64, what lie) *liar {
	random := rand.New(rand.NewPCG(seed, 0xF))
	return &liar{random: random, lie: what, odds: []int{1, 2, 5, 20, 60}[random.IntN(5)]}
}

// draw says whether this call is lied to.
func (l *liar) draw() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.random.IntN(l.odds) != 0 {
		return false
	}
	l.told++
	return true
}

func (l *liar) intN(n int) int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.random.IntN(n)
}

// A lyingBucket is a bucket whose store lies. past is what it held a while ago.
type lyingBucket struct {
	storage.Bucket
	liar *liar
	past storage.Bucket
}

func (b *lyingBucket) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	if (b.liar.lie == staleList || b.liar.lie == staleReads) && b.liar.draw() {
		return b.past.List(ctx, prefix)
	}
	return b.Bucket.List(ctx, prefix)
}

func (b *lyingBucket) Folders(ctx context.Context, prefix string) ([]string, error) {
	if (b.liar.lie == staleList || b.liar.lie == staleReads) && b.liar.draw() {
		return b.past.Folders(ctx, prefix)
	}
	return b.Bucket.Folders(ctx, prefix)
}

func (b *lyingBucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	if b.liar.lie == overwrites && b.liar.draw() {
		return b.Bucket.Replace(ctx, key, body)
	}
	return b.Bucket.Create(ctx, key, body)
}

func (b *lyingBucket) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	if b.liar.lie == staleReads && b.liar.draw() {
		return b.past.Open(ctx, key, version)
	}
	reader, object, err := b.Bucket.Open(ctx, key, version)
	if err != nil || b.liar.lie != wrongBytes && b.liar.lie != shortBody || object.Size == 0 || !b.liar.draw() {
		return reader, object, err
	}
	content, err := io.ReadAll(reader)
	reader.Close()
	if err != nil {
		return nil, storage.Object{}, err
	}
	content = b.falsify(ctx, key, content)
	if b.liar.intN(2) == 0 {
		object.Size = int64(len(content)) // it lies about that, too
	}
	return io.NopCloser(bytes.NewReader(content)), object, nil
}

// falsify returns other bytes than those that were read.
func (b *lyingBucket) falsify(ctx context.Context, key string, content []byte) []byte {
	at := b.liar.intN(len(content))
	if b.liar.lie == shortBody {
		return content[:at]
	}
	switch b.liar.intN(3) {
	case 0:
		if other := b.another(ctx, key); other != nil && !bytes.Equal(other, content) {
			return other
		}
	case 1:
		zeros := make([]byte, len(content)-at)
		if !bytes.Equal(zeros, content[at:]) {
			copy(content[at:], zeros)
			return content
		}
	}
	content[at] ^= 1 << b.liar.intN(8)
	return content
}

// another returns the content of some other object.
func (b *lyingBucket) another(ctx context.Context, key string) []byte {
	objects, err := b.Bucket.List(ctx, "")
	if err != nil || len(objects) < 2 {
		return nil
	}
	other := objects[b.liar.intN(len(objects))].Key
	if other == key {
		return nil
	}
	reader, _, err := b.Bucket.Open(ctx, other, "")
	if err != nil {
		return nil
	}
	defer reader.Close()
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil
	}
	return content
}
