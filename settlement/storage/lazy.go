package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// CreateDirectory opens a directory as a bucket like [OpenDirectory], but one that need not exist
// yet: it is empty until the first object is written, and made then. Its parent must exist, so
// that a mistyped path is an error and not a new store.
func CreateDirectory(path string) (Bucket, error) {
	bucket, err := OpenDirectory(path)
	if err == nil {
		return bucket, nil
	}
	if _, found := os.Lstat(path); !errors.Is(found, fs.ErrNotExist) {
		return nil, err
	}
	// Whoever opens it may only want to read, so nothing here speaks of making it.
	parent := filepath.Dir(filepath.Clean(path))
	_, found := os.Stat(parent)
	if errors.Is(found, fs.ErrNotExist) {
		return nil, fmt.Errorf("storage directory %s does not exist, nor does %s, where it would lie: create %s, or correct the path", path, parent, parent)
	}
	if found != nil {
		return nil, fmt.Errorf("open storage directory %s: %w", path, found)
	}
	return &lazyDirectory{path: path, force: (*os.File).Sync, bucket: NewMemory()}, nil
}

// A lazyDirectory is an empty bucket until something is written to it.
type lazyDirectory struct {
	path string
	// force forces the folder above to disk; tests look on.
	force func(folder *os.File) error

	mutex  sync.Mutex
	bucket Bucket
	made   bool
}

// current returns the bucket as it is; one that is to be written to is made first.
func (l *lazyDirectory) current(write bool) (Bucket, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.made {
		return l.bucket, nil
	}
	if write {
		if err := l.make(); err != nil {
			return nil, fmt.Errorf("create storage directory: %w", err)
		}
	}
	// Another process may have made it meanwhile.
	bucket, err := OpenDirectory(l.path)
	switch {
	case err == nil:
		l.bucket, l.made = bucket, true
	case write:
		return nil, err
	}
	return l.bucket, nil
}

// make makes the directory unless it is there, and forces its entry in its parent to disk.
func (l *lazyDirectory) make() error {
	if err := os.Mkdir(l.path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(l.path)))
	if err != nil {
		return err
	}
	return errors.Join(l.force(parent), parent.Close())
}

func (l *lazyDirectory) List(ctx context.Context, prefix string) ([]Object, error) {
	bucket, err := l.current(false)
	if err != nil {
		return nil, err
	}
	return bucket.List(ctx, prefix)
}

func (l *lazyDirectory) Folders(ctx context.Context, prefix string) ([]string, error) {
	return l.foldersOf(ctx, prefix, func(string) bool { return true })
}

func (l *lazyDirectory) Open(ctx context.Context, key, version string) (io.ReadCloser, Object, error) {
	bucket, err := l.current(false)
	if err != nil {
		return nil, Object{}, err
	}
	return bucket.Open(ctx, key, version)
}

func (l *lazyDirectory) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	bucket, err := l.current(true)
	if err != nil {
		return err
	}
	return bucket.Create(ctx, key, body)
}

func (l *lazyDirectory) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	bucket, err := l.current(true)
	if err != nil {
		return err
	}
	return bucket.Replace(ctx, key, body)
}

func (l *lazyDirectory) Delete(ctx context.Context, key string) error {
	bucket, err := l.current(false)
	if err != nil {
		return err
	}
	return bucket.Delete(ctx, key)
}
