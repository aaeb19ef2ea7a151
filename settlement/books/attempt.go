package books

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"alliance/settlement/crash"
	"alliance/settlement/storage"
)

// An Attempt is one try to write the record after the head. It is used once. Create may be
// called by several goroutines.
type Attempt struct {
	ledger *Ledger
	id     string
	slot   int64
	head   string

	mutex   sync.Mutex
	created map[string]FileRecord
	ended   bool
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
	attempt := &Attempt{ledger: l, id: hex.EncodeToString(random[:]), slot: seq + 1, head: hash, created: make(map[string]FileRecord)}
	text, err := encodeLine(intent{attempt.id, seq, hash})
	if err != nil {
		return nil, err
	}
	if _, err := l.put(ctx, attemptPrefix(attempt.id)+intentName, bytes.NewReader(text)); err != nil {
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
	content, err := small(body)
	if err != nil {
		return FileRecord{}, fmt.Errorf("store %s of attempt %s: read what is to be stored: %w", name, a.id, err)
	}
	file, err := a.ledger.put(ctx, key, body)
	file.Name = name
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err != nil {
		delete(a.created, key)
		return FileRecord{}, fmt.Errorf("store %s of attempt %s: %w", name, a.id, err)
	}
	a.created[key] = file
	a.ledger.kept.add(key, content)
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
	if _, taken := a.created[key]; taken || key == attemptPrefix(a.id)+intentName {
		return fmt.Errorf("attempt %s stores %s twice", a.id, key)
	}
	a.created[key] = FileRecord{}
	return nil
}

// tries is how often a write is sent before it is given up.
const tries = 4

// put creates an object that nobody else creates.
func (l *Ledger) put(ctx context.Context, key string, body io.ReadSeeker) (FileRecord, error) {
	size, sum, err := sumOf(body)
	if err != nil {
		return FileRecord{}, fmt.Errorf("read what is to be stored: %w", err)
	}
	file := FileRecord{Object: key, Bytes: size, SHA256: sum}
	for try := 0; ; try++ {
		err := l.bucket.Create(ctx, key, body)
		if errors.Is(err, storage.ErrExists) {
			err = l.verify(ctx, file) // nil: our own write, whose answer was lost
		}
		if err == nil {
			return file, nil
		}
		if errors.Is(err, storage.ErrNotFound) {
			return FileRecord{}, fmt.Errorf("%w: it passed this attempt and cleaned up %s", ErrLost, key)
		}
		if ctx.Err() != nil || try+1 == tries || errors.Is(err, storage.ErrInvalidKey) || errors.Is(err, ErrBroken) {
			return FileRecord{}, err
		}
		l.pause(try)
	}
}
