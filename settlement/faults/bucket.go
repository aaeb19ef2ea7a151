package faults

import (
	"bytes"
	"context"
	"io"

	"alliance/settlement/storage"
)

// An Operation is a method of a bucket.
type Operation string

// The operations.
const (
	List    Operation = "list"
	Folders Operation = "folders"
	Open    Operation = "open"
	Create  Operation = "create"
	Replace Operation = "replace"
	Delete  Operation = "delete"
)

// Writes reports whether the operation changes the bucket.
func (o Operation) Writes() bool { return o == Create || o == Replace || o == Delete }

// A Call is one call of a bucket.
type Call struct {
	// Bucket is the name that was given to it, such as ledger.
	Bucket    string
	Operation Operation
	// Key is the key, or the prefix.
	Key string
}

// A Hook decides what becomes of a call: run does it, and may be called later, too, when the caller has
// given up. What the hook returns is what the caller is told.
type Hook func(call Call, run func() error) error

// Wrap returns a bucket whose calls go through a hook. Bodies are read before, so that a call that
// never arrives leaves nothing unread and one that arrives late still has its bytes.
func Wrap(bucket storage.Bucket, name string, hook Hook) storage.Bucket {
	return &hooked{bucket, name, hook}
}

type hooked struct {
	bucket storage.Bucket
	name   string
	hook   Hook
}

func (b *hooked) call(operation Operation, key string, run func() error) error {
	return b.hook(Call{b.name, operation, key}, run)
}

func (b *hooked) List(ctx context.Context, prefix string) (objects []storage.Object, err error) {
	err = b.call(List, prefix, func() (err error) {
		objects, err = b.bucket.List(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	return objects, nil
}

func (b *hooked) Folders(ctx context.Context, prefix string) (names []string, err error) {
	err = b.call(Folders, prefix, func() (err error) {
		names, err = b.bucket.Folders(ctx, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (b *hooked) Open(ctx context.Context, key, version string) (reader io.ReadCloser, object storage.Object, err error) {
	err = b.call(Open, key, func() (err error) {
		reader, object, err = b.bucket.Open(ctx, key, version)
		return err
	})
	if err != nil {
		if reader != nil {
			reader.Close()
		}
		return nil, storage.Object{}, err
	}
	return reader, object, nil
}

func (b *hooked) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.store(ctx, Create, key, body, b.bucket.Create)
}

func (b *hooked) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.store(ctx, Replace, key, body, b.bucket.Replace)
}

func (b *hooked) store(ctx context.Context, operation Operation, key string, body io.ReadSeeker, store func(context.Context, string, io.ReadSeeker) error) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return b.call(operation, key, func() error {
		// What was sent may arrive after the caller gave up.
		return store(context.WithoutCancel(ctx), key, bytes.NewReader(content))
	})
}

func (b *hooked) Delete(ctx context.Context, key string) error {
	return b.call(Delete, key, func() error { return b.bucket.Delete(ctx, key) })
}
