package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFolders are the folders of a directory that writers have open. A night of many small objects writes
// several into each folder, and many at a time: each of these calls then takes one name, not a way from the
// top, and what forces the folder to disk is shared.
type openFolders struct {
	mutex sync.Mutex
	// users counts those who hold a folder. When there are none, nothing stays open.
	users int
	held  map[string]*openFolder
	// idle are the folders that nobody holds but others may soon, the oldest first.
	idle []*openFolder
	// durable holds the folders whose entry in their parent this process has forced to disk.
	durable map[string]bool
	// opening holds the folders that one caller makes or opens for all who want them; its channel is closed
	// when it has, or has not.
	opening map[string]chan struct{}
}

func newOpenFolders() *openFolders {
	return &openFolders{held: make(map[string]*openFolder), durable: make(map[string]bool), opening: make(map[string]chan struct{})}
}

// idleFolders is how many folders stay open for the next writer as long as there is one.
const idleFolders = 64

// An openFolder is a folder that is open. It may have been removed or moved meanwhile.
type openFolder struct {
	name  string
	file  *os.File
	users int
	// forgotten says that another one of that name is to be opened next time.
	forgotten bool
	syncs     sharedSync
	force     func(*os.File) error
}

// folderTries is how often a folder is made that somebody removes before it is open.
const folderTries = 10

// folder holds a folder as hold does, also while somebody removes empty folders.
func (d *directory) folder(name string) (held *openFolder, err error) {
	for range folderTries {
		if held, err = d.hold(name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return held, err
}

// hold returns a folder, which is made if need be, with those above it, and each one's entry in its
// parent is forced to disk. That another process made it does not say that it survives a power failure.
// Whoever holds a folder lets it go.
func (d *directory) hold(name string) (*openFolder, error) {
	for {
		if held, err := d.holdAgain(name); held != nil || err != nil {
			return held, err
		}
		if wait := d.folders.open(name); wait != nil {
			<-wait
			continue
		}
		defer d.folders.opened(name)
		return d.holdAnew(name)
	}
}

// holdAnew opens a folder, which is made if need be.
func (d *directory) holdAnew(name string) (*openFolder, error) {
	if name == "" {
		file, err := d.root.Open(nameOf(name))
		if err != nil {
			return nil, err
		}
		return d.folders.add(&openFolder{name: name, file: file, force: d.forceFolder}), nil
	}
	parent, err := d.hold(folderOf(name))
	if err != nil {
		return nil, err
	}
	defer d.letGo(parent)
	file, err := d.makeFolder(parent, name)
	if err != nil {
		return nil, err
	}
	return d.folders.add(&openFolder{name: name, file: file, force: d.forceFolder}), nil
}

// makeFolder opens a folder in its parent after it has made it, unless it is there and durable.
func (d *directory) makeFolder(parent *openFolder, name string) (*os.File, error) {
	base := baseOf(name)
	durable := d.folders.isDurable(name)
	if !durable {
		if err := parent.at("mkdirat", base, func(fd int) error { return unix.Mkdirat(fd, base, 0o755) }); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	file, err := parent.open(base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case durable && isAbsent(err):
		// Somebody removed it, and may have removed more.
		d.folders.forgetDurable()
		return d.makeFolder(parent, name)
	case err != nil:
		return nil, d.noFolder(name, err)
	case durable:
		return file, nil
	}
	if err := parent.sync(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	d.folders.setDurable(name)
	return file, nil
}

// noFolder says why a folder cannot be opened.
func (d *directory) noFolder(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found := d.checkFolder(name)
	switch {
	case found == nil:
		return d.closed(name, err)
	case errors.Is(found, ErrNotFound):
		return fmt.Errorf("%s is a file, not a folder: %w", name, ErrObstructed)
	}
	return found
}

// holdAgain returns a folder that is open already, if it is still the one of that name.
func (d *directory) holdAgain(name string) (*openFolder, error) {
	held := d.folders.take(name)
	if held == nil || name == "" {
		return held, nil
	}
	root, err := d.hold("")
	if err != nil {
		d.letGo(held)
		return nil, err
	}
	defer d.letGo(root)
	if still, err := root.isStill(name, held.file); still && err == nil {
		return held, nil
	}
	d.folders.forget(held)
	d.letGo(held)
	return nil, nil
}

// isStill reports whether a name below this folder is that of what is open.
func (f *openFolder) isStill(name string, file *os.File) (bool, error) {
	var named, open unix.Stat_t
	err := f.at("fstatat", name, func(fd int) error { return unix.Fstatat(fd, name, &named, unix.AT_SYMLINK_NOFOLLOW) })
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = ignoringInterrupts(func() error { return unix.Fstat(int(file.Fd()), &open) })
	}
	return err == nil && named.Dev == open.Dev && named.Ino == open.Ino, err
}

func (d *directory) letGo(f *openFolder) { d.folders.letGo(f) }

// take holds a folder if it is open.
func (o *openFolders) take(name string) *openFolder {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	found := o.held[name]
	if found != nil {
		o.users++
		found.users++
	}
	return found
}

// open lets the caller open a folder that is not open, or returns what to wait for while another does.
func (o *openFolders) open(name string) (wait chan struct{}) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if wait = o.opening[name]; wait == nil {
		o.opening[name] = make(chan struct{})
	}
	return wait
}

// opened lets those who wait for a folder go on.
func (o *openFolders) opened(name string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	close(o.opening[name])
	delete(o.opening, name)
}

// add holds a folder that was opened, or closes it and holds the one that another opened meanwhile.
func (o *openFolders) add(opened *openFolder) *openFolder {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if found := o.held[opened.name]; found != nil {
		opened.file.Close()
		opened = found
	}
	o.held[opened.name] = opened
	o.users++
	opened.users++
	return opened
}

func (o *openFolders) letGo(f *openFolder) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.users--
	f.users--
	if f.users == 0 && f.forgotten {
		f.file.Close()
	} else if f.users == 0 {
		o.idle = append(o.idle, f)
	}
	for len(o.idle) > idleFolders || o.users == 0 && len(o.idle) > 0 {
		oldest := o.idle[0]
		o.idle = o.idle[1:]
		o.close(oldest)
	}
}

// close closes a folder unless somebody holds it again, or lets it wait once more.
func (o *openFolders) close(f *openFolder) {
	for _, later := range o.idle {
		if later == f {
			return
		}
	}
	if f.users == 0 && o.held[f.name] == f {
		delete(o.held, f.name)
		f.file.Close()
	}
}

// forget lets the next one who wants the folder open it anew. What was durable may be gone with it.
func (o *openFolders) forget(f *openFolder) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	clear(o.durable)
	if o.held[f.name] == f {
		delete(o.held, f.name)
		f.forgotten = true
	}
}

func (o *openFolders) isDurable(name string) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.durable[name]
}

func (o *openFolders) setDurable(name string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.durable[name] = true
}

func (o *openFolders) forgetDurable() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	clear(o.durable)
}

// at makes a system call on a name in the folder.
func (f *openFolder) at(call, name string, do func(fd int) error) error {
	if err := ignoringInterrupts(func() error { return do(int(f.file.Fd())) }); err != nil {
		return &fs.PathError{Op: call, Path: join(f.name, name), Err: err}
	}
	return nil
}

func ignoringInterrupts(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// open opens or creates a file in the folder.
func (f *openFolder) open(name string, flags int, mode uint32) (file *os.File, err error) {
	err = f.at("openat", name, func(fd int) error {
		opened, err := unix.Openat(fd, name, flags|unix.O_CLOEXEC, mode)
		if err == nil {
			file = os.NewFile(uintptr(opened), join(f.name, name))
		}
		return err
	})
	return file, err
}

// sync forces the folder to disk.
func (f *openFolder) sync() error {
	err := f.syncs.do(func() error { return f.force(f.file) })
	if err != nil {
		return fmt.Errorf("force folder %s to disk: %w", nameOf(f.name), err)
	}
	return nil
}

// A sharedSync forces something to disk for several callers at once.
type sharedSync struct {
	mutex sync.Mutex
	// running is under way, or was the last one.
	running *turn
	// next has not begun; whoever comes now is served by it.
	next *turn
}

// A turn is one call for all who came before it began.
type turn struct {
	done chan struct{}
	err  error
}

// do calls sync, or waits for a call that another makes, if that one has not begun yet.
func (s *sharedSync) do(sync func() error) error {
	mine, before := s.join()
	if mine == nil {
		<-before.done
		return before.err
	}
	if before != nil {
		<-before.done
	}
	s.mutex.Lock()
	s.next, s.running = nil, mine
	s.mutex.Unlock()
	defer close(mine.done)
	mine.err = sync()
	return mine.err
}

// join returns the caller's own turn and the one that has to end before, or no turn and the one that
// serves the caller.
func (s *sharedSync) join() (mine, other *turn) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.next != nil {
		return nil, s.next
	}
	s.next = &turn{done: make(chan struct{})}
	return s.next, s.running
}
