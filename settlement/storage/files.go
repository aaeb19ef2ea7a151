package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Files returns the objects of a bucket whose keys begin with prefix and have no "/" after it: what
// [Bucket.Folders] leaves out. With "" and objects "a/x", "b/y/z" and "c" that is "c". In order of
// key; errors as of List. What is no regular file counts as a folder there, and is not among these.
func Files(ctx context.Context, bucket Bucket, prefix string) ([]Object, error) {
	if own, ok := bucket.(fileLister); ok {
		return own.files(ctx, prefix)
	}
	objects, err := bucket.List(ctx, prefix)
	return directlyUnder(objects, prefix), err
}

// A fileLister lists files without listing all that lies below.
type fileLister interface {
	files(ctx context.Context, prefix string) ([]Object, error)
}

func directlyUnder(objects []Object, prefix string) []Object {
	return slices.DeleteFunc(objects, func(object Object) bool { return strings.Contains(object.Key[len(prefix):], "/") })
}

func (d *directory) files(ctx context.Context, prefix string) ([]Object, error) {
	folder, start, err := checkPrefix(prefix)
	if err != nil {
		return nil, err
	}
	opened, err := d.openListing(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("list files %s in %s: %w", prefix, d.path, err)
	}
	if opened == nil {
		return nil, nil
	}
	defer opened.close()
	var found []Object
	for _, entry := range opened.entries {
		if !strings.HasPrefix(entry.Name(), start) || !entry.Type().IsRegular() {
			continue
		}
		_, err := d.visit(opened, entry.Name(), func(object Object) bool {
			found = append(found, object)
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("list files %s in %s: %w", prefix, d.path, err)
		}
	}
	sortObjects(found)
	return found, nil
}

func (b *s3Bucket) files(ctx context.Context, prefix string) ([]Object, error) {
	return b.list(ctx, prefix, "/", "", everyKey)
}

func (p *part) files(ctx context.Context, prefix string) ([]Object, error) {
	if p.fault != nil {
		return nil, p.fault
	}
	if _, _, err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	objects, err := Files(ctx, p.bucket, p.prefix+prefix)
	for i := range objects {
		objects[i].Key = strings.TrimPrefix(objects[i].Key, p.prefix)
	}
	return objects, err
}
