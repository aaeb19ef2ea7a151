package books

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// An Attempt is one try to write the record after the head. It is used once. Create and CreatePack may
// be called by several goroutines.
type Attempt struct {
	ledger *Ledger
	id     string
	slot   int64
	head   string

	mutex sync.Mutex
	// packs is how many files lie in each pack of the attempt, by its key.
	packs   map[string]int
	created map[place]FileRecord
	// doubtful is true if an object may still appear, as a try to store it failed.
	doubtful bool
	ended    bool
}

// An intent says which head an attempt builds on.
type intent struct {
	Attempt string `json:"attempt"`
	// Head and HeadSHA256 are those of the record before the attempt's slot.
	Head       int64  `json:"head"`
	HeadSHA256 string `json:"head_sha256"`
}

// Begin starts an attempt: it probes the store, once per Ledger, and writes the intent.
func (l *Ledger) Begin(ctx context.Context) (*Attempt, error) {
	if err := l.probe(ctx); err != nil {
		return nil, err
	}
	var random [16]byte
	rand.Read(random[:])
	seq, hash := l.Head()
	attempt := &Attempt{ledger: l, id: hex.EncodeToString(random[:]), slot: seq + 1, head: hash,
		created: make(map[place]FileRecord), packs: make(map[string]int)}
	text, err := encodeLine(intent{attempt.id, seq, hash})
	if err != nil {
		return nil, err
	}
	if _, err := l.put(ctx, attemptPrefix(attempt.id)+intentName, newSentBody(bytes.NewReader(text))); err != nil {
		return nil, fmt.Errorf("begin attempt %s: %w", attempt.id, err)
	}
	crash.At(crash.IntentCreated)
	return attempt, nil
}

// ID returns the attempt's id: 32 hex digits, random.
func (a *Attempt) ID() string { return a.id }

// Create stores an object of the attempt under a name, which may have folders, and returns it
// with size and SHA-256; its Rows are left to the caller. A store that fails is tried again a
// few times. [ErrLost]: another run filled the slot and cleaned up after this one.
func (a *Attempt) Create(ctx context.Context, name string, body io.ReadSeeker) (FileRecord, error) {
	key := attemptPrefix(a.id) + name
	if err := a.reserve(key); err != nil {
		return FileRecord{}, err
	}
	sent := newSentBody(body)
	file, err := a.ledger.put(ctx, key, sent)
	file.Name = name
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err != nil {
		a.gone(key)
		return FileRecord{}, fmt.Errorf("store %s of attempt %s: %w", name, a.id, err)
	}
	a.created[file.place()] = file
	a.doubtful = a.doubtful || sent.tries > 1
	a.ledger.kept.add(file.place(), sent.small())
	crash.At(crash.ObjectCreated)
	return file, nil
}

// reserve sees to it that a name is used once.
func (a *Attempt) reserve(key string) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.ended {
		return fmt.Errorf("attempt %s has ended", a.id)
	}
	if _, taken := a.created[place{object: key}]; taken || key == attemptPrefix(a.id)+intentName {
		return fmt.Errorf("attempt %s stores %s twice", a.id, key)
	}
	a.created[place{object: key}] = FileRecord{}
	return nil
}

// gone notes that an object could not be stored.
func (a *Attempt) gone(key string) {
	delete(a.created, place{object: key})
	a.doubtful = true
}

// Withdraw ends the attempt without a record and removes what it stored, the intent last. If a try to store failed, or ctx is done,
// it leaves everything: an object may still appear, and [Ledger.CleanUp] finds it by the intent.
func (a *Attempt) Withdraw(ctx context.Context) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.ended {
		return fmt.Errorf("attempt %s has ended", a.id)
	}
	a.ended = true
	if a.doubtful || ctx.Err() != nil {
		return nil
	}
	if err := a.ledger.remove(ctx, a.id); err != nil {
		return fmt.Errorf("withdraw attempt %s: %w", a.id, err)
	}
	return nil
}

// tries is how often a write is sent before it is given up.
const tries = 4

// put creates an object that nobody else creates. It reads the body once if the first try succeeds.
func (l *Ledger) put(ctx context.Context, key string, sent *sentBody) (FileRecord, error) {
	for try := 0; ; try++ {
		sent.tries++
		err := l.bucket.Create(ctx, key, sent)
		if sent.failed != nil {
			return FileRecord{}, fmt.Errorf("read what is to be stored: %w", sent.failed)
		}
		if err == nil || errors.Is(err, storage.ErrExists) {
			var file FileRecord
			if file, err = l.created(ctx, key, sent, err); err == nil {
				return file, nil
			}
		}
		if errors.Is(err, storage.ErrNotFound) {
			return FileRecord{}, fmt.Errorf("%w: it passed this attempt and cleaned up %s; run again", ErrLost, key)
		}
		if ctx.Err() != nil || try+1 == tries || errors.Is(err, storage.ErrInvalidKey) || errors.Is(err, ErrBroken) {
			return FileRecord{}, err
		}
		l.pause(try)
	}
}

// created returns what is on record of an object that is there now. If it was there already, it has to be of our own
// write, whose answer was lost.
func (l *Ledger) created(ctx context.Context, key string, sent *sentBody, answer error) (FileRecord, error) {
	size, sum, err := sent.sum()
	if err != nil {
		return FileRecord{}, fmt.Errorf("read what is to be stored: %w", err)
	}
	file := FileRecord{Object: key, Bytes: size, SHA256: sum}
	if answer != nil {
		err = l.verify(ctx, file)
	}
	return file, err
}

// A sentBody is a body that is summed up while it is sent: what is large is not in memory, and to read it for its sum
// first would be to read it twice.
type sentBody struct {
	body io.ReadSeeker
	// at is the place of the next read. hash has what was read last from the start on, hashed bytes of it without a gap.
	at, hashed int64
	hash       hash.Hash
	// head is the beginning of what hash has: all of it if that is small. whole is true if that is known to be the body.
	head  []byte
	whole bool
	// tries is how often it was sent.
	tries int
	// failed is why the body could not be read.
	failed error
}

func newSentBody(body io.ReadSeeker) *sentBody { return &sentBody{body: body, hash: sha256.New()} }

func (b *sentBody) Read(buffer []byte) (int, error) {
	n, err := b.body.Read(buffer)
	if b.at == 0 && n > 0 {
		b.hash.Reset()
		b.head, b.hashed = b.head[:0], 0
	}
	if b.at == b.hashed {
		if b.hashed <= keptObjectBytes {
			b.head = append(b.head, buffer[:n]...)
		}
		b.hash.Write(buffer[:n])
		b.hashed += int64(n)
	}
	b.at += int64(n)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

// Summed returns how many bytes were read from the start on, and their SHA-256: see [storage.Summed].
func (b *sentBody) Summed() (bytes int64, sum [sha256.Size]byte) {
	b.hash.Sum(sum[:0])
	return b.hashed, sum
}

func (b *sentBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.body.Seek(offset, whence)
	if err == nil {
		b.at = at
	} else {
		b.failed = err
	}
	return at, err
}

// small returns the body once it was sent and summed up, if it is small enough to be kept, else nil.
func (b *sentBody) small() []byte {
	if !b.whole || b.hashed > keptObjectBytes {
		return nil
	}
	return append(make([]byte, 0, len(b.head)), b.head...)
}

// sum returns length and SHA-256, in hex, of the body: of what was sent last, or, if that was not all of it, of what it
// reads now, as when the store found without it that the key is taken.
func (b *sentBody) sum() (int64, string, error) {
	size, err := b.body.Seek(0, io.SeekEnd)
	if b.whole = err == nil && b.hashed == size; err != nil || b.whole {
		return size, hex.EncodeToString(b.hash.Sum(nil)), err
	}
	read, sum, err := sumOf(b.body)
	if err == nil && read != size {
		err = fmt.Errorf("it has %d bytes instead of %d", read, size)
	}
	return size, sum, err
}
