package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"alliance/settlement/storage"
)

// A Kind is a way for a call to go wrong, as it looks to the caller of a bucket: after the client of
// the store has repeated what may be repeated.
type Kind string

// What a store, or the way to it, does wrong. A kind that does not apply to an operation leaves it alone.
const (
	// Fine is a call that does not go wrong.
	Fine Kind = ""
	// ServerError, Overloaded, TimeoutBefore, Reset and Forbidden: nothing was done, and there is an error.
	ServerError   Kind = "500"
	Overloaded    Kind = "503"
	TimeoutBefore Kind = "timeout before"
	Reset         Kind = "connection reset"
	Forbidden     Kind = "403"
	// ServerErrorAfter and TimeoutAfter: it was done, and there is an error.
	ServerErrorAfter Kind = "500, done"
	TimeoutAfter     Kind = "timeout after"
	// TimeoutLate: it is done when the caller has given up, at [Injector.Arrive]; writes only.
	TimeoutLate Kind = "timeout, done late"
	// Absent: an object is said not to be there; anything else fails, as if there were no bucket.
	Absent Kind = "404"
	// Conflict: a write is refused because of another one under way; nothing was done.
	Conflict Kind = "409"
	// OwnExists: a Create is done and said to be refused because the key is taken.
	OwnExists Kind = "412 on own write"
	// DiskFull: a write fails and nothing was done.
	DiskFull Kind = "disk full"
	// Unforced: a write is done, and the disk did not confirm it; so it is where a Create finds the key taken.
	Unforced Kind = "done, not confirmed by the disk"

	// StaleList: the last object, or folder, is not listed.
	StaleList Kind = "stale list"
	// WrongBytes: one bit of what is read is wrong, and nothing says so.
	WrongBytes Kind = "wrong bytes"
	// ShortBody: what is read ends in the middle, and nothing says so.
	ShortBody Kind = "short body"
	// Overwrites: a Create of a key that is taken replaces the object and succeeds.
	Overwrites Kind = "ignores If-None-Match"
)

// Failures are the kinds in which a call fails and says so.
var Failures = []Kind{ServerError, Overloaded, TimeoutBefore, TimeoutAfter, Reset, Forbidden, Absent}

// An InjectedError is what the caller is told of a fault.
type InjectedError struct {
	Kind Kind
	Call Call
}

func (e *InjectedError) Error() string {
	return fmt.Sprintf("%s %s of %s: injected: %s", e.Call.Operation, e.Call.Key, e.Call.Bucket, e.Kind)
}

// Unwrap returns the error that a client would wrap, if it is one that callers tell apart.
func (e *InjectedError) Unwrap() error {
	switch {
	case e.Kind == Absent && e.Call.Operation == Open:
		return storage.ErrNotFound
	case e.Kind == OwnExists:
		return storage.ErrExists
	case e.Kind == DiskFull:
		return syscall.ENOSPC
	case e.Kind == Unforced:
		return storage.ErrUnforced
	}
	return nil
}

// An Injector lets calls of any number of buckets go wrong. It is safe for concurrent use.
type Injector struct {
	decide func(number int64, call Call) Kind

	mutex sync.Mutex
	calls int64
	hits  []Call
	late  []func() error
}

// NewInjector returns an injector that asks decide about each call. Calls are counted from 1, over
// all buckets; decide is called for one at a time.
func NewInjector(decide func(number int64, call Call) Kind) *Injector {
	return &Injector{decide: decide}
}

// Once returns an injector that lets the k-th call go wrong.
func Once(k int64, kind Kind) *Injector {
	return NewInjector(func(number int64, _ Call) Kind {
		if number == k {
			return kind
		}
		return Fine
	})
}

// Calls returns how many calls there were.
func (i *Injector) Calls() int64 {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.calls
}

// Hits returns the calls that went wrong.
func (i *Injector) Hits() []Call {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return append([]Call(nil), i.hits...)
}

// Arrive lets the writes that are on their way arrive, and reports how many there were. What the
// store says to them nobody hears.
func (i *Injector) Arrive() int {
	i.mutex.Lock()
	late := i.late
	i.late = nil
	i.mutex.Unlock()
	for _, run := range late {
		_ = run()
	}
	return len(late)
}

// Wrap returns a bucket whose calls may go wrong.
func (i *Injector) Wrap(bucket storage.Bucket, name string) storage.Bucket {
	return &injected{Wrap(bucket, name, i.fail), bucket, name, i}
}

// next counts a call and says what becomes of it.
func (i *Injector) next(call Call) Kind {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.calls++
	kind := i.decide(i.calls, call)
	if !kind.appliesTo(call.Operation) {
		return Fine
	}
	if kind != Fine {
		i.hits = append(i.hits, call)
	}
	return kind
}

func (k Kind) appliesTo(operation Operation) bool {
	switch k {
	case OwnExists, Overwrites:
		return operation == Create
	case Conflict, DiskFull, TimeoutLate, Unforced:
		return operation.Writes()
	case StaleList:
		return operation == List || operation == Folders
	case WrongBytes, ShortBody:
		return operation == Open
	}
	return true
}

// fail is the hook for the kinds that end in an error.
func (i *Injector) fail(call Call, run func() error) error {
	kind := i.next(call)
	switch kind {
	case Fine:
		return run()
	case ServerErrorAfter, TimeoutAfter, OwnExists:
		if err := run(); call.Operation == Create && errors.Is(err, storage.ErrExists) {
			return err // it would not have been our own
		}
	case Unforced:
		if err := run(); err != nil && !errors.Is(err, storage.ErrExists) {
			return err
		}
	case TimeoutLate:
		i.mutex.Lock()
		i.late = append(i.late, run)
		i.mutex.Unlock()
	case StaleList, WrongBytes, ShortBody, Overwrites:
		if err := run(); err != nil && kind != Overwrites {
			return err
		}
		return lie(kind)
	}
	return &InjectedError{kind, call}
}

// A lie is a kind that the caller is not told of.
type lie Kind

func (l lie) Error() string { return "lie: " + string(l) }

// An injected bucket tells lies; the bucket inside does the rest.
type injected struct {
	storage.Bucket
	honest   storage.Bucket
	name     string
	injector *Injector
}

func lieOf(err error) Kind {
	var told lie
	if errors.As(err, &told) {
		return Kind(told)
	}
	return Fine
}

func (b *injected) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	objects, err := b.Bucket.List(ctx, prefix)
	if lieOf(err) == Fine {
		return objects, err
	}
	objects, err = b.honest.List(ctx, prefix)
	return objects[:max(0, len(objects)-1)], err
}

func (b *injected) Folders(ctx context.Context, prefix string) ([]string, error) {
	names, err := b.Bucket.Folders(ctx, prefix)
	if lieOf(err) == Fine {
		return names, err
	}
	names, err = b.honest.Folders(ctx, prefix)
	return names[:max(0, len(names)-1)], err
}

func (b *injected) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	reader, object, err := b.Bucket.Open(ctx, key, version)
	kind := lieOf(err)
	if kind == Fine {
		return reader, object, err
	}
	reader, object, err = b.honest.Open(ctx, key, version)
	if err != nil || object.Size == 0 {
		return reader, object, err
	}
	if kind == ShortBody {
		return struct {
			io.Reader
			io.Closer
		}{io.LimitReader(reader, object.Size/2), reader}, object, nil
	}
	return &flipping{reader, object.Size / 2}, object, nil
}

func (b *injected) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	err := b.Bucket.Create(ctx, key, body)
	if lieOf(err) == Fine {
		return err
	}
	return b.honest.Replace(ctx, key, body)
}

// A flipping reader changes the lowest bit of the byte that has left bytes before it.
type flipping struct {
	io.ReadCloser
	left int64
}

func (f *flipping) Read(buffer []byte) (int, error) {
	n, err := f.ReadCloser.Read(buffer)
	if f.left >= 0 && f.left < int64(n) {
		buffer[f.left] ^= 1
	}
	f.left -= int64(n)
	return n, err
}
