package storage

import (
	"context"
	"slices"
	"strings"
)

// A foldersLister is a bucket that lists many folders in about the time that one takes.
type foldersLister interface {
	listFolders(ctx context.Context, prefix, first, last string) ([]Object, error)
}

// ListFolders returns what List returns of all folders together whose names, between prefix and the next "/", are from first to last and
// as long as both: dates, say. Only where that is worth it, as each request takes its time, is together true; elsewhere nothing was done,
// and each folder is to be listed by itself.
func ListFolders(ctx context.Context, bucket Bucket, prefix, first, last string) (objects []Object, together bool, err error) {
	switch bucket := bucket.(type) {
	case foldersLister:
		objects, err = bucket.listFolders(ctx, prefix, first, last)
		return objects, true, err
	case *part:
		return bucket.listFolders(ctx, prefix, first, last)
	}
	return nil, false, nil
}

// listFolders leaves out what comes before the first, as years may; what comes after the last is little, and to stop there would
// be to rely on the order in which a store lists.
func (b *s3Bucket) listFolders(ctx context.Context, prefix, first, last string) ([]Object, error) {
	return b.list(ctx, prefix, "", b.prefix+prefix+first, func(key string) bool { return liesBetween(key, prefix, first, last) })
}

// liesBetween reports whether the folder after prefix in which an object lies is one of first to last, and as long.
func liesBetween(key, prefix, first, last string) bool {
	name, _, isFolder := strings.Cut(strings.TrimPrefix(key, prefix), "/")
	return isFolder && len(name) == len(first) && first <= name && name <= last
}

// listFolders is for tests to list as they do in an object store.
func (m *memory) listFolders(ctx context.Context, prefix, first, last string) ([]Object, error) {
	objects, err := m.List(ctx, prefix)
	return slices.DeleteFunc(objects, func(object Object) bool { return !liesBetween(object.Key, prefix, first, last) }), err
}

func (p *part) listFolders(ctx context.Context, prefix, first, last string) ([]Object, bool, error) {
	if p.fault != nil {
		return nil, false, p.fault
	}
	if _, _, err := checkPrefix(prefix); err != nil {
		return nil, false, err
	}
	objects, together, err := ListFolders(ctx, p.bucket, p.prefix+prefix, first, last)
	for i := range objects {
		objects[i].Key = strings.TrimPrefix(objects[i].Key, p.prefix)
	}
	return objects, together, err
}
