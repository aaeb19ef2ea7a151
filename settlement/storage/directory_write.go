package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"alliance/settlement/crash"
)

func (d *directory) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if err := d.put(ctx, key, body, d.link); err != nil {
		return fmt.Errorf("create %s in %s: %w", key, d.path, err)
	}
	return nil
}

func (d *directory) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if err := d.put(ctx, key, body, d.root.Rename); err != nil {
		return fmt.Errorf("replace %s in %s: %w", key, d.path, err)
	}
	return nil
}

// put writes body to a temporary file and calls place to give it its name.
func (d *directory) put(ctx context.Context, key string, body io.ReadSeeker, place func(temporary, key string) error) error {
	d.tidy.Do(func() { _, _ = d.removeStale(ctx) }) // a write does not fail for that; Sweep says what was wrong
	folder := folderOf(key)
	if err := d.makeFolders(folder); err != nil {
		return err
	}
	err := d.putFrom(ctx, temporaryFolder, key, body, place)
	if isElsewhere(err) {
		err = d.putFrom(ctx, folder, key, body, place)
	}
	return err
}

// putFrom does so with the temporary file in a certain folder.
func (d *directory) putFrom(ctx context.Context, folder, key string, body io.ReadSeeker, place func(temporary, key string) error) error {
	size, err := length(body)
	if err != nil {
		return err
	}
	temporary, err := d.createTemporary(folder)
	if err != nil {
		return err
	}
	err = temporary.write(ctx, body, size)
	if err == nil {
		crash.At(crash.TemporaryWritten)
		err = place(temporary.name, key)
	}
	if err == nil {
		crash.At(crash.ObjectPlaced)
		err = d.syncFolder(folderOf(key))
	}
	return errors.Join(err, temporary.close())
}

func (d *directory) link(temporary, key string) error {
	err := d.root.Link(temporary, key)
	switch {
	case errors.Is(err, fs.ErrExist):
		if info, statErr := d.root.Lstat(key); statErr == nil && info.IsDir() {
			return errors.New("there is a folder of that name")
		}
		return ErrExists
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf("%w: does the file system have hard links? Without them no object can be created safely", err)
	}
	return err
}

// makeFolders makes a folder and those above it, and forces each one's entry in its parent to
// disk. That another process made it does not say that it survives a power failure.
func (d *directory) makeFolders(folder string) error {
	if folder == "" || d.isDurable(folder) {
		return nil
	}
	parent := folderOf(folder)
	if err := d.makeFolders(parent); err != nil {
		return err
	}
	err := d.root.Mkdir(folder, 0o755)
	if errors.Is(err, fs.ErrExist) {
		err = d.checkFolder(folder)
		if errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("%s is a file, not a folder", folder)
		}
	}
	if err != nil {
		return err
	}
	if err := d.syncFolder(parent); err != nil {
		return err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.durable[folder] = true
	return nil
}

// isDurable forgets a folder that somebody removed.
func (d *directory) isDurable(folder string) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.durable[folder] && d.checkFolder(folder) != nil {
		clear(d.durable)
	}
	return d.durable[folder]
}

func (d *directory) syncFolder(folder string) error {
	opened, err := d.root.Open(nameOf(folder))
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Sync(); err != nil {
		return fmt.Errorf("force folder %s to disk: %w", nameOf(folder), err)
	}
	return nil
}

func (d *directory) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if err := d.delete(key); err != nil {
		return fmt.Errorf("delete in %s: %w", d.path, err)
	}
	return nil
}

func (d *directory) delete(key string) error {
	info, err := d.lstat(key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return nil // a folder is no object
	}
	if err := d.root.Remove(key); err != nil && !isAbsent(err) {
		return err
	}
	return d.syncFolder(folderOf(key))
}
