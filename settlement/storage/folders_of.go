package storage

import (
	"context"
	"slices"
)

// A foldersOf is a bucket that has to look into each folder to know whether it is one.
type foldersOf interface {
	foldersOf(ctx context.Context, prefix string, asked func(name string) bool) ([]string, error)
}

// FoldersOf returns those of [Bucket.Folders] that are asked for. Where folders exist though nothing lies in them, as in a directory,
// those that are not asked for are not looked into.
func FoldersOf(ctx context.Context, bucket Bucket, prefix string, asked func(name string) bool) ([]string, error) {
	if looking, ok := bucket.(foldersOf); ok {
		return looking.foldersOf(ctx, prefix, asked)
	}
	names, err := bucket.Folders(ctx, prefix)
	return slices.DeleteFunc(names, func(name string) bool { return !asked(name) }), err
}

func (p *part) foldersOf(ctx context.Context, prefix string, asked func(name string) bool) ([]string, error) {
	if p.fault != nil {
		return nil, p.fault
	}
	if _, _, err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	return FoldersOf(ctx, p.bucket, p.prefix+prefix, asked)
}

func (l *lazyDirectory) foldersOf(ctx context.Context, prefix string, asked func(name string) bool) ([]string, error) {
	bucket, err := l.current(false)
	if err != nil {
		return nil, err
	}
	return FoldersOf(ctx, bucket, prefix, asked)
}
