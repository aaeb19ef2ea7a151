package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
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
	size, err := length(body)
	if err != nil {
		return err
	}
	folder := folderOf(key)
	if err := d.makeFolders(folder); err != nil {
		return err
	}
	temporary := join(folder, temporaryPrefix+rand.Text())
	err = d.writeFile(ctx, temporary, body, size)
	if err == nil {
		err = place(temporary, key)
	}
	if err == nil {
		err = d.syncFolder(folder)
	}
	// After a rename there is no temporary file any more.
	if removed := d.root.Remove(temporary); err == nil && removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		err = removed
	}
	return err
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

func (d *directory) writeFile(ctx context.Context, name string, body io.Reader, size int64) (err error) {
	file, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	// The wrapped writer keeps io.Copy to chunks, between which the context is looked at.
	written, err := io.CopyBuffer(struct{ io.Writer }{file}, contextReader{ctx, body}, make([]byte, 256<<10))
	if err != nil {
		return err
	}
	if written != size {
		return fmt.Errorf("got %d bytes instead of %d", written, size)
	}
	if err := file.Sync(); err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("the file has %d bytes instead of %d", info.Size(), size)
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
