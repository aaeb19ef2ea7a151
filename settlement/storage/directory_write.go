package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"alliance/settlement/crash"

	"golang.org/x/sys/unix"
)

func (d *directory) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if err := d.put(ctx, key, body, placeOnce); err != nil {
		return fmt.Errorf("create %s in %s: %w", key, d.path, err)
	}
	return nil
}

func (d *directory) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	if err := d.put(ctx, key, body, rename); err != nil {
		return fmt.Errorf("replace %s in %s: %w", key, d.path, err)
	}
	return nil
}

// A placement gives a temporary file the name of an object in a folder.
type placement func(temporary *temporaryFile, folder *openFolder, name string) error

// put writes body to a temporary file and calls place to give it its name.
func (d *directory) put(ctx context.Context, key string, body io.ReadSeeker, place placement) error {
	d.makeTidy(ctx)
	folder, err := d.folder(folderOf(key))
	if err != nil {
		return err
	}
	defer d.letGo(folder)
	err = d.putFrom(ctx, temporaryFolder, folder, baseOf(key), body, place)
	if isElsewhere(err) {
		err = d.putFrom(ctx, folder.name, folder, baseOf(key), body, place)
	}
	return err
}

// makeTidy removes what killed writers left, before the first write.
func (d *directory) makeTidy(ctx context.Context) {
	d.tidy.Do(func() { _, _ = d.removeStale(ctx) }) // a write does not fail for that; Sweep says what was wrong
}

// putFrom does so with the temporary file in a certain folder.
func (d *directory) putFrom(ctx context.Context, from string, folder *openFolder, name string, body io.ReadSeeker, place placement) error {
	temporary, err := d.fill(ctx, from, body)
	if err != nil {
		return err
	}
	if err = temporary.placeAs(place, folder, name); err == nil || errors.Is(err, ErrExists) {
		// Whoever gave an object its name may have failed to force that to disk, and whoever finds it relies on it.
		if fault := folder.sync(); fault != nil {
			err = fmt.Errorf("%w: %w", ErrUnforced, fault)
		}
	}
	return errors.Join(err, temporary.close())
}

// fill writes body to a temporary file in a folder and forces it to disk.
func (d *directory) fill(ctx context.Context, from string, body io.ReadSeeker) (*temporaryFile, error) {
	return d.fillBy(ctx, from, body, (*os.File).Sync)
}

// largeFile is the size of files from which on the disk does not wait for others.
const largeFile = 1 << 20

// fillUnforced writes body to a temporary file that has to be forced to disk before it gets a name. The disk only begins
// with it if it is large: small files it writes together in less time.
func (d *directory) fillUnforced(ctx context.Context, from string, body io.ReadSeeker) (*temporaryFile, error) {
	return d.fillBy(ctx, from, body, func(file *os.File) error {
		size, err := file.Seek(0, io.SeekCurrent)
		if size >= largeFile {
			beginForcing(file)
		}
		return err
	})
}

func (d *directory) fillBy(ctx context.Context, from string, body io.ReadSeeker, force func(*os.File) error) (*temporaryFile, error) {
	temporary, err := d.createTemporary(from)
	if err != nil {
		return nil, err
	}
	if err := temporary.write(ctx, body, force); err != nil {
		return nil, errors.Join(err, temporary.close())
	}
	crash.At(crash.TemporaryWritten)
	return temporary, nil
}

// placeAs gives the file the name of an object in a folder.
func (t *temporaryFile) placeAs(place placement, folder *openFolder, name string) error {
	err := place(t, folder, name)
	if err == nil {
		crash.At(crash.ObjectPlaced)
	}
	return err
}

func rename(temporary *temporaryFile, folder *openFolder, name string) error {
	err := folder.at("renameat", name, func(fd int) error {
		return unix.Renameat(int(temporary.folder.file.Fd()), temporary.name, fd, name)
	})
	temporary.renamed = err == nil
	if errors.Is(err, syscall.EISDIR) {
		return fmt.Errorf("%s is a folder: %w", join(folder.name, name), ErrObstructed)
	}
	return err
}

// placeOnce gives the file a name that no other file has: the system moves it unless the name is taken. Where it cannot
// do that, the file is linked to the name, which fails likewise, and loses its own later.
func placeOnce(temporary *temporaryFile, folder *openFolder, name string) error {
	err := folder.at("renameat2", name, func(fd int) error {
		return renameOnce(int(temporary.folder.file.Fd()), temporary.name, fd, name)
	})
	if err == nil {
		temporary.renamed = true
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return taken(folder, name)
	}
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) {
		return link(temporary, folder, name)
	}
	return err
}

// taken says by what a name is taken.
func taken(folder *openFolder, name string) error {
	var found unix.Stat_t
	err := folder.at("fstatat", name, func(fd int) error { return unix.Fstatat(fd, name, &found, unix.AT_SYMLINK_NOFOLLOW) })
	if err == nil && found.Mode&unix.S_IFMT == unix.S_IFDIR {
		return errors.New("there is a folder of that name")
	}
	return ErrExists
}

func link(temporary *temporaryFile, folder *openFolder, name string) error {
	err := folder.at("linkat", name, func(fd int) error {
		return unix.Linkat(int(temporary.folder.file.Fd()), temporary.name, fd, name, 0)
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken(folder, name)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
		return fmt.Errorf("%w: does the file system have hard links? Without them, or a rename that does not replace, no object can be created safely", err)
	}
	return err
}

func (d *directory) syncFolder(folder string) error {
	opened, err := d.root.Open(nameOf(folder))
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := d.forceFolder(opened); err != nil {
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
