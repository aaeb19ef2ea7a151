package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A listedFolder is an open folder of a directory and what lies in it, without temporary files, in no order.
type listedFolder struct {
	name    string
	file    *os.File
	entries []fs.DirEntry
}

// openListing returns what lies in a folder; nil if there is no such folder. Whoever has looked closes it.
func (d *directory) openListing(ctx context.Context, folder string) (*listedFolder, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := d.openToList(folder)
	if err != nil || file == nil {
		return nil, err
	}
	entries, err := file.ReadDir(-1)
	if err != nil {
		return nil, errors.Join(d.closed(folder, err), file.Close())
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), temporaryPrefix) })
	return &listedFolder{name: folder, file: file, entries: entries}, nil
}

// openToList opens a folder: in one call where that can be done, else, or if there is none, after a look at every folder on the way.
// It returns nil if there is none.
func (d *directory) openToList(folder string) (*os.File, error) {
	if folder != "" {
		// Of a folder whose entries may be read, but not looked at, the name below it is refused.
		if file := d.openDirectly(folder+"/.", syscall.O_DIRECTORY); file != nil {
			return file, nil
		}
		info, err := d.lstat(folder)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && info.Mode().IsRegular():
			return nil, nil
		case err == nil && !info.IsDir():
			return nil, fmt.Errorf("%s: %w", folder, ErrIrregular)
		case err != nil:
			return nil, err
		}
	}
	file, err := d.root.OpenFile(nameOf(folder), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if isAbsent(err) {
		return nil, nil
	}
	return file, d.closed(folder, err)
}

// object describes a file of the folder in one call, or returns false if that cannot be done: who looks from the top then finds out why.
func (l *listedFolder) object(name string) (Object, bool) {
	var found unix.Stat_t
	err := ignoringInterrupts(func() error {
		return unix.Fstatat(int(l.file.Fd()), name, &found, unix.AT_SYMLINK_NOFOLLOW)
	})
	if err != nil {
		return Object{}, false
	}
	return Object{join(l.name, name), found.Size, fileVersion(found.Mtim.Nano(), found.Size)}, true
}

// close may be called more than once. Nothing was written, so nothing is lost if it fails.
func (l *listedFolder) close() { l.file.Close() }
