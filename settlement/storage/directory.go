package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// OpenDirectory returns the bucket of the files below a directory, which must exist. The rules
// are in the package's documentation.
func OpenDirectory(path string) (Bucket, error) {
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("storage directory %s does not exist: create it, or correct the path", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open storage directory %s: %w", path, err)
	}
	return &directory{path: path, root: root, folders: newOpenFolders(), forceAll: forceAll, forceFolder: (*os.File).Sync}, nil
}

type directory struct {
	path string
	root *os.Root
	// tidy is done before the first write.
	tidy    sync.Once
	folders *openFolders
	// forceAll forces the file system that a folder lies on to disk; tests look on.
	forceAll func(folder *os.File) error
	// forceFolder forces a folder to disk; tests let it fail.
	forceFolder func(folder *os.File) error
	// top is the directory itself, open to be read in; see topFolder.
	opening sync.Once
	top     *os.File
}

// topFolder returns the directory itself, or nil if it cannot be opened. It stays open as root does.
func (d *directory) topFolder() *os.File {
	d.opening.Do(func() { d.top, _ = d.root.Open(nameOf("")) })
	return d.top
}

func version(info fs.FileInfo) string { return fileVersion(info.ModTime().UnixNano(), info.Size()) }

// fileVersion is the version of a file by when it was changed, in nanoseconds since 1970, and its size in bytes.
func fileVersion(changed_ns, size int64) string { return fmt.Sprintf("%d-%d", changed_ns, size) }

func (d *directory) List(ctx context.Context, prefix string) ([]Object, error) {
	folder, start, err := checkPrefix(prefix)
	if err != nil {
		return nil, err
	}
	var found []Object
	err = d.walk(ctx, folder, start, func(object Object) bool {
		found = append(found, object)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", prefix, d.path, err)
	}
	sortObjects(found)
	return found, nil
}

// walk calls visit for every object below folder whose first segment below it begins with
// start, in no order, until visit returns false.
func (d *directory) walk(ctx context.Context, folder, start string, visit func(Object) bool) error {
	_, err := d.walkFolder(ctx, folder, start, visit)
	return err
}

func (d *directory) walkFolder(ctx context.Context, folder, start string, visit func(Object) bool) (more bool, err error) {
	opened, err := d.openListing(ctx, folder)
	if err != nil || opened == nil {
		return err == nil, err
	}
	defer opened.close()
	var folders []string
	for _, entry := range opened.entries {
		if !strings.HasPrefix(entry.Name(), start) {
			continue
		}
		if entry.IsDir() {
			folders = append(folders, join(folder, entry.Name()))
		} else if more, err := d.visit(opened, entry.Name(), visit); err != nil || !more {
			return false, err
		}
	}
	// However deep folders lie, few are open at a time.
	opened.close()
	for _, key := range folders {
		if CheckKey(key) != nil {
			more, err = visit(closedFolder(key)), nil
		} else if more, err = d.walkFolder(ctx, key, "", visit); errors.Is(err, ErrIrregular) {
			more, err = visit(closedFolder(key)), nil
		}
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// closedVersion is the version of what cannot be looked at.
const closedVersion = "closed"

// closedFolder stands for a folder that cannot be looked into.
func closedFolder(key string) Object { return Object{key + "/", 0, closedVersion} }

// visit visits what lies in an open folder.
func (d *directory) visit(folder *listedFolder, name string, visit func(Object) bool) (more bool, err error) {
	key := join(folder.name, name)
	if object, ok := folder.object(name); ok {
		return visit(object), nil
	}
	info, err := d.root.Lstat(key)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // removed meanwhile
	}
	if err = d.closed(key, err); errors.Is(err, ErrIrregular) {
		return visit(Object{key, 0, closedVersion}), nil
	}
	if err != nil {
		return false, err
	}
	return visit(Object{key, info.Size(), version(info)}), nil
}

// closed returns ErrIrregular instead of an error that is about a key alone: there is no permission
// for it, or it was made a link meanwhile. That the directory itself is closed is another matter.
func (d *directory) closed(key string, err error) error {
	if err == nil || key == "" {
		return err
	}
	if !errors.Is(err, fs.ErrPermission) {
		info, lookErr := d.root.Lstat(key)
		if lookErr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s: %w", key, ErrIrregular)
		}
		return err
	}
	if _, err := d.root.Lstat(temporaryPrefix); errors.Is(err, fs.ErrPermission) {
		return err
	}
	return closedError{err}
}

func join(folder, name string) string {
	if folder == "" {
		return name
	}
	return folder + "/" + name
}

// nameOf is how os.Root calls a folder.
func nameOf(folder string) string {
	if folder == "" {
		return "."
	}
	return folder
}

func folderOf(key string) string {
	return key[:max(0, strings.LastIndexByte(key, '/'))]
}

// baseOf is the last segment of a key.
func baseOf(key string) string {
	return key[strings.LastIndexByte(key, '/')+1:]
}

// isAbsent reports errors that mean that there is no such object: also where a file stands
// instead of a folder.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (d *directory) Folders(ctx context.Context, prefix string) ([]string, error) {
	return d.foldersOf(ctx, prefix, func(string) bool { return true })
}

func (d *directory) foldersOf(ctx context.Context, prefix string, asked func(name string) bool) ([]string, error) {
	folder, start, err := checkPrefix(prefix)
	if err != nil {
		return nil, err
	}
	opened, err := d.openListing(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("list folders %s in %s: %w", prefix, d.path, err)
	}
	if opened == nil {
		return nil, nil
	}
	opened.close()
	var names []string
	for _, entry := range opened.entries {
		if !strings.HasPrefix(entry.Name(), start) || !asked(entry.Name()[len(start):]) {
			continue
		}
		isFolder, err := d.isFolder(ctx, join(folder, entry.Name()), entry)
		if err != nil {
			return nil, fmt.Errorf("list folders %s in %s: %w", prefix, d.path, err)
		}
		if isFolder {
			names = append(names, entry.Name()[len(start):])
		}
	}
	slices.Sort(names)
	return names, nil
}

// isFolder reports whether an entry counts as a folder: if something lies in it, or if it cannot be
// looked into.
func (d *directory) isFolder(ctx context.Context, key string, entry fs.DirEntry) (bool, error) {
	switch {
	case entry.Type().IsRegular():
		return false, nil
	case !entry.IsDir(), CheckKey(key) != nil:
		return true, nil
	}
	empty := true
	err := d.walk(ctx, key, "", func(Object) bool { empty = false; return false })
	if errors.Is(err, ErrIrregular) {
		return true, nil
	}
	return !empty, err
}

// lstat describes what lies under a key. A symbolic link on the way is ErrIrregular.
func (d *directory) lstat(key string) (fs.FileInfo, error) {
	for at := range len(key) {
		if key[at] != '/' {
			continue
		}
		if err := d.checkFolder(key[:at]); err != nil {
			return nil, err
		}
	}
	info, err := d.root.Lstat(key)
	if isAbsent(err) {
		return nil, fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s: %w", key, ErrIrregular)
	}
	return info, d.closed(key, err)
}

func (d *directory) checkFolder(folder string) error {
	info, err := d.root.Lstat(folder)
	switch {
	case isAbsent(err):
		return fmt.Errorf("%s: %w", folder, ErrNotFound)
	case err != nil:
		return d.closed(folder, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s: %w", folder, ErrIrregular)
	case !info.IsDir():
		return fmt.Errorf("%s: %w", folder, ErrNotFound)
	}
	return nil
}

func (d *directory) Open(ctx context.Context, key, wanted string) (io.ReadCloser, Object, error) {
	if err := checkOpen(ctx, key); err != nil {
		return nil, Object{}, err
	}
	reader, object, err := d.open(ctx, key, wanted)
	if err != nil {
		return nil, Object{}, fmt.Errorf("open in %s: %w", d.path, err)
	}
	return reader, object, nil
}

func (d *directory) open(ctx context.Context, key, wanted string) (io.ReadCloser, Object, error) {
	file, info, err := d.openFile(key)
	if err == nil && wanted != "" && wanted != version(info) {
		err = errors.Join(fmt.Errorf("%s: %w", key, ErrChanged), file.Close())
	}
	if err != nil {
		return nil, Object{}, err
	}
	object := Object{key, info.Size(), version(info)}
	return &fileReader{ctx: ctx, file: file, object: object}, object, nil
}

// openFile opens a regular file: in one call where that can be done, else, or if it is none or not there, after a look
// at every folder on the way.
func (d *directory) openFile(key string) (*os.File, fs.FileInfo, error) {
	// Without O_NONBLOCK a pipe would block for ever.
	if file := d.openDirectly(key, syscall.O_NONBLOCK); file != nil {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return file, info, nil
		}
		file.Close()
	}
	return d.openStepwise(key)
}

func (d *directory) openStepwise(key string) (*os.File, fs.FileInfo, error) {
	before, err := d.lstat(key)
	if err != nil {
		return nil, nil, err
	}
	if before.IsDir() {
		return nil, nil, fmt.Errorf("%s is a folder: %w", key, ErrNotFound)
	}
	if !before.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: %w", key, ErrIrregular)
	}
	// A pipe may be put there meanwhile.
	file, err := d.root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if isAbsent(err) {
		return nil, nil, fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, nil, d.closed(key, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", key, ErrIrregular)
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// A fileReader reads a file and sees to it that what was read is one version.
type fileReader struct {
	ctx    context.Context
	file   *os.File
	object Object
	read   int64
	end    error // io.EOF or what was wrong, once the end was seen
}

func (r *fileReader) Read(buffer []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.end != nil {
		return 0, r.end
	}
	if len(buffer) == 0 {
		return 0, nil
	}
	n, err := r.file.Read(buffer)
	r.read += int64(n)
	if err == io.EOF || r.read > r.object.Size {
		r.end = r.check()
		if r.end != io.EOF {
			return 0, r.end
		}
		return n, nil
	}
	return n, err
}

// check returns io.EOF if what was read is the version that was opened.
func (r *fileReader) check() error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", r.object.Key, err)
	}
	if r.read != r.object.Size || version(info) != r.object.Version {
		return fmt.Errorf("read %s: %w while it was read", r.object.Key, ErrChanged)
	}
	return io.EOF
}

// Close also checks a reader that took every byte and did not ask for more.
func (r *fileReader) Close() error {
	if r.end == nil && r.read == r.object.Size && r.read > 0 {
		if err := r.check(); err != io.EOF {
			r.file.Close()
			return err
		}
	}
	return r.file.Close()
}
