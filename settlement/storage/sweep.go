package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// A sweeper is a bucket where a writer that is killed leaves files that no listing shows.
type sweeper interface {
	sweep(ctx context.Context, prefix string) (removed int64, err error)
}

// Sweep removes what killed writers left: below a prefix, which must end with "/", temporary files,
// which are no objects, and folders without any object; and everywhere the temporary files whose
// writer is known to be gone. It returns how many files it removed. Call it only for a prefix where
// nobody writes any more: there it cannot tell a dead writer's file from a living one's, and asks
// no clock. A bucket that leaves nothing of the kind has nothing to sweep.
func Sweep(ctx context.Context, bucket Bucket, prefix string) (removed int64, err error) {
	folder, found := strings.CutSuffix(prefix, "/")
	if err := CheckKey(folder); err != nil || !found {
		return 0, errors.Join(fmt.Errorf("sweep %q: no folder", prefix), err)
	}
	if swept, able := bucket.(sweeper); able {
		return swept.sweep(ctx, prefix)
	}
	return 0, nil
}

func (p *part) sweep(ctx context.Context, prefix string) (int64, error) {
	if p.fault != nil {
		return 0, p.fault
	}
	return Sweep(ctx, p.bucket, p.prefix+prefix)
}

func (l *lazyDirectory) sweep(ctx context.Context, prefix string) (int64, error) {
	bucket, err := l.current(false)
	if err != nil {
		return 0, err
	}
	return Sweep(ctx, bucket, prefix)
}

func (d *directory) sweep(ctx context.Context, prefix string) (int64, error) {
	removed, err := d.removeStale(ctx)
	if err == nil {
		var below int64
		below, err = d.sweepBelow(ctx, strings.TrimSuffix(prefix, "/"))
		removed += below
	}
	if err != nil {
		return removed, fmt.Errorf("sweep %s in %s: %w", prefix, d.path, err)
	}
	return removed, nil
}

func (d *directory) sweepBelow(ctx context.Context, folder string) (removed int64, err error) {
	if _, err := d.lstat(folder); errors.Is(err, ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return d.sweepFolder(ctx, folder)
}

func (d *directory) sweepFolder(ctx context.Context, folder string) (removed int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	opened, err := d.root.OpenFile(nameOf(folder), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	entries, err := opened.ReadDir(-1)
	if err := errors.Join(err, opened.Close()); err != nil {
		return 0, err
	}
	for _, entry := range entries {
		name := join(folder, entry.Name())
		switch {
		case entry.IsDir():
			below, err := d.sweepFolder(ctx, name)
			removed += below
			if err != nil {
				return removed, err
			}
		case strings.HasPrefix(entry.Name(), temporaryPrefix) && entry.Type().IsRegular():
			if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return removed, err
			}
			removed++
		}
	}
	// A folder that holds something stays: the system refuses to remove it.
	if err := d.root.Remove(folder); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) && !errors.Is(err, fs.ErrNotExist) {
		return removed, err
	}
	return removed, nil
}
