package books

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"alliance/settlement/storage"
)

// leftFolders are the errors of the folders that a projection could not write.
type leftFolders struct {
	mutex  sync.Mutex
	errors []error
}

// mostLeft is how many of them are named.
const mostLeft = 20

func (l *leftFolders) forget() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.errors = nil
}

func (l *leftFolders) add(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.errors = append(l.errors, err)
}

// err names the folders that are left, or as many as anybody reads; nil if there are none.
func (l *leftFolders) err() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if len(l.errors) == 0 {
		return nil
	}
	slices.SortFunc(l.errors, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	named, more := l.errors, ""
	if len(named) > mostLeft {
		named, more = named[:mostLeft], fmt.Sprintf("\nand %d more", len(l.errors)-mostLeft)
	}
	return fmt.Errorf("%w, all else is; what could not be written (%d):\n%w%s", ErrLeft, len(l.errors), errors.Join(named...), more)
}

// leave notes why a folder could not be written, and returns nil where the projection is to go on with others.
func (p *projection) leave(err error) error {
	err = advised(err)
	if p.leaving && (isObstacle(err) || errors.Is(err, ErrBroken)) {
		p.left.add(err)
		return nil
	}
	return err
}

// isObstacle reports whether something cannot be written for what lies in its place, which is no matter of other folders.
func isObstacle(err error) bool {
	return errors.Is(err, storage.ErrObstructed) || errors.Is(err, storage.ErrIrregular)
}

// advised says what to do about what lies in the place of something.
func advised(err error) error {
	switch {
	case !isObstacle(err):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: allow this process to write there and run settle repair", err)
	}
	return fmt.Errorf("%w: remove it and run settle repair", err)
}
