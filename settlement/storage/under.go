package storage

import (
	"context"
	"io"
	"strings"
)

// Under returns the part of a bucket below a prefix as a bucket of its own: its keys are those
// after the prefix and a "/". The prefix may end with "/"; an empty one gives the bucket itself.
// Every operation fails with [ErrInvalidKey] if the prefix is no key.
func Under(bucket Bucket, prefix string) Bucket {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return bucket
	}
	return &part{bucket, prefix + "/", CheckKey(prefix)}
}

type part struct {
	bucket Bucket
	prefix string
	fault  error
}

// key returns the key in the whole bucket. It checks the key on its own, so that none leads
// out of the prefix.
func (p *part) key(key string) (string, error) {
	if p.fault != nil {
		return "", p.fault
	}
	return p.prefix + key, CheckKey(key)
}

func (p *part) List(ctx context.Context, prefix string) ([]Object, error) {
	if p.fault != nil {
		return nil, p.fault
	}
	if _, _, err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	objects, err := p.bucket.List(ctx, p.prefix+prefix)
	for i := range objects {
		objects[i].Key = strings.TrimPrefix(objects[i].Key, p.prefix)
	}
	return objects, err
}

func (p *part) Folders(ctx context.Context, prefix string) ([]string, error) {
	return p.foldersOf(ctx, prefix, func(string) bool { return true })
}

func (p *part) Open(ctx context.Context, key, version string) (io.ReadCloser, Object, error) {
	whole, err := p.key(key)
	if p.fault == nil {
		err = checkOpen(ctx, key)
	}
	if err != nil {
		return nil, Object{}, err
	}
	reader, object, err := p.bucket.Open(ctx, whole, version)
	if err == nil {
		object.Key = key
	}
	return reader, object, err
}

func (p *part) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	whole, err := p.key(key)
	if err != nil {
		return err
	}
	return p.bucket.Create(ctx, whole, body)
}

func (p *part) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	whole, err := p.key(key)
	if err != nil {
		return err
	}
	return p.bucket.Replace(ctx, whole, body)
}

func (p *part) Delete(ctx context.Context, key string) error {
	whole, err := p.key(key)
	if err != nil {
		return err
	}
	return p.bucket.Delete(ctx, whole)
}
