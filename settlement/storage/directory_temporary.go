package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"alliance/settlement/crash"

	"golang.org/x/sys/unix"
)

// temporaryFolder holds files that are being written, at the top of the directory: apart from what
// others read, and where the next process finds what one that was killed left.
const temporaryFolder = temporaryPrefix + "files"

// A temporaryFile is being written. It is locked as long as its writer lives: the system unlocks
// it however the process ends, so a file that can be locked is nobody's.
type temporaryFile struct {
	directory *directory
	folder    *openFolder
	// name is the file's in its folder.
	name string
	file *os.File
	// renamed says that the file has an object's name now and not its own any more.
	renamed bool
}

// temporaryTries is how often a temporary file is created that another process takes for one of
// a writer that is gone, in the moment before it is locked.
const temporaryTries = 10

// createTemporary creates a temporary file in a folder, which is made if need be.
func (d *directory) createTemporary(folder string) (*temporaryFile, error) {
	var err error
	for range temporaryTries {
		var t *temporaryFile
		if t, err = d.tryTemporary(folder); err == nil {
			crash.At(crash.TemporaryCreated)
			return t, nil
		}
		if !errors.Is(err, errTaken) && !errors.Is(err, fs.ErrNotExist) { // somebody removed the file, or the folder
			return nil, err
		}
	}
	return nil, err
}

func (d *directory) tryTemporary(folder string) (*temporaryFile, error) {
	held, err := d.folder(folder)
	if err != nil {
		return nil, elsewhere(err)
	}
	t := &temporaryFile{directory: d, folder: held, name: temporaryPrefix + rand.Text()}
	t.file, err = held.open(t.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		d.letGo(held)
		return nil, elsewhere(err)
	}
	if err := t.claim(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

var errTaken = errors.New("another process removed the temporary file")

// claim locks the file. On a file system without locks nobody can lock it, and so nobody removes it.
func (t *temporaryFile) claim() error {
	if errors.Is(tryLock(t.file), syscall.EWOULDBLOCK) {
		return errTaken
	}
	still, err := t.folder.isStill(t.name, t.file)
	if err == nil && !still {
		err = errTaken
	}
	return err
}

func tryLock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// write fills the file and forces it to disk.
func (t *temporaryFile) write(ctx context.Context, body io.ReadSeeker, force func(*os.File) error) error {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// The context is looked at between chunks.
	written, err := copyBody(t.file, contextReader{ctx, body})
	if err != nil {
		return err
	}
	// Only now, as a body may not know its length before it was read.
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if written != size {
		return fmt.Errorf("got %d bytes instead of %d", written, size)
	}
	if err := force(t.file); err != nil {
		return err
	}
	info, err := t.file.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("the file has %d bytes instead of %d", info.Size(), size)
	}
	return err
}

// close gives the file up. After a rename it has no temporary name any more.
func (t *temporaryFile) close() error {
	defer t.directory.letGo(t.folder)
	err := t.file.Close()
	if t.renamed {
		return err
	}
	removed := t.folder.at("unlinkat", t.name, func(fd int) error { return unix.Unlinkat(fd, t.name, 0) })
	if removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// An elsewhereError says that temporary files must lie in another folder.
type elsewhereError struct{ error }

func (e elsewhereError) Unwrap() error { return e.error }

// elsewhere marks an error that says that nothing can be written to a folder: the one at the top may
// be another's, while one below it, such as that of the acknowledgements in an inbox, is ours.
func elsewhere(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return elsewhereError{err}
	}
	return err
}

// isElsewhere reports whether the temporary file must lie in the folder of the object itself: the
// folder at the top cannot be written to, or lies on another file system.
func isElsewhere(err error) bool {
	return errors.As(err, new(elsewhereError)) || errors.Is(err, syscall.EXDEV)
}

// removeStale removes the temporary files of writers that are gone.
func (d *directory) removeStale(ctx context.Context) (removed int64, err error) {
	folder, err := d.root.OpenFile(temporaryFolder, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if isAbsent(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	entries, err := folder.ReadDir(-1)
	if err := errors.Join(err, folder.Close()); err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		if !entry.Type().IsRegular() || !strings.HasPrefix(entry.Name(), temporaryPrefix) {
			continue
		}
		stale, err := d.removeIfStale(join(temporaryFolder, entry.Name()))
		if err != nil {
			return removed, err
		}
		if stale {
			removed++
		}
	}
	return removed, nil
}

// removeIfStale removes a temporary file unless its writer lives.
func (d *directory) removeIfStale(name string) (bool, error) {
	file, err := d.root.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	if tryLock(file) != nil {
		return false, nil // somebody is writing it, or nobody can tell
	}
	err = d.root.Remove(name)
	if isAbsent(err) {
		return false, nil // another process was faster
	}
	return err == nil, err
}
