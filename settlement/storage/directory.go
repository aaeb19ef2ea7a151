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
	"unicode/utf8"
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
	return &directory{path: path, root: root, durable: make(map[string]bool)}, nil
}

type directory struct {
	path string
	root *os.Root

	mutex sync.Mutex
	// durable holds the folders whose entry in their parent this process has forced to disk.
	durable map[string]bool
}

func version(info fs.FileInfo) string {
	return fmt.Sprintf("%d-%d", info.ModTime().UnixNano(), info.Size())
}

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
	entries, err := d.entries(ctx, folder)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), start) {
			continue
		}
		key := join(folder, entry.Name())
		if entry.IsDir() {
			more, err = d.walkFolder(ctx, key, "", visit)
		} else {
			more, err = d.visit(key, visit)
		}
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

func (d *directory) visit(key string, visit func(Object) bool) (more bool, err error) {
	info, err := d.root.Lstat(key)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // removed meanwhile
	}
	if err != nil {
		return false, err
	}
	return visit(Object{key, info.Size(), version(info)}), nil
}

// entries returns what lies in a folder, without temporary files; nothing if there is no such folder.
func (d *directory) entries(ctx context.Context, folder string) ([]fs.DirEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if folder != "" {
		if _, err := d.lstat(folder); errors.Is(err, ErrNotFound) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	opened, err := d.root.OpenFile(nameOf(folder), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	entries, err := opened.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), temporaryPrefix) })
	for _, entry := range entries {
		if !utf8.ValidString(entry.Name()) {
			return nil, fmt.Errorf("%q: %w: the file's name is not UTF-8; rename or remove it", join(folder, entry.Name()), ErrInvalidKey)
		}
	}
	return entries, nil
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

// isAbsent reports errors that mean that there is no such object: also where a file stands
// instead of a folder.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (d *directory) Folders(ctx context.Context, prefix string) ([]string, error) {
	folder, start, err := checkPrefix(prefix)
	if err != nil {
		return nil, err
	}
	entries, err := d.entries(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("list folders %s in %s: %w", prefix, d.path, err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), start) {
			continue
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("list folders %s in %s: %s: %w", prefix, d.path, join(folder, entry.Name()), ErrIrregular)
		}
		if !entry.IsDir() {
			continue
		}
		empty := true
		err := d.walk(ctx, join(folder, entry.Name()), "", func(Object) bool { empty = false; return false })
		if err != nil {
			return nil, fmt.Errorf("list folders %s in %s: %w", prefix, d.path, err)
		}
		if !empty {
			names = append(names, entry.Name()[len(start):])
		}
	}
	slices.Sort(names)
	return names, nil
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
	return info, err
}

func (d *directory) checkFolder(folder string) error {
	info, err := d.root.Lstat(folder)
	switch {
	case isAbsent(err):
		return fmt.Errorf("%s: %w", folder, ErrNotFound)
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s: %w", folder, ErrIrregular)
	case !info.IsDir():
		return fmt.Errorf("%s: %w", folder, ErrNotFound)
	}
	return nil
}

func (d *directory) Open(ctx context.Context, key, wanted string) (io.ReadCloser, Object, error) {
	if err := check(ctx, key); err != nil {
		return nil, Object{}, err
	}
	reader, object, err := d.open(ctx, key, wanted)
	if err != nil {
		return nil, Object{}, fmt.Errorf("open in %s: %w", d.path, err)
	}
	return reader, object, nil
}

func (d *directory) open(ctx context.Context, key, wanted string) (io.ReadCloser, Object, error) {
	before, err := d.lstat(key)
	if err != nil {
		return nil, Object{}, err
	}
	if before.IsDir() {
		return nil, Object{}, fmt.Errorf("%s is a folder: %w", key, ErrNotFound)
	}
	if !before.Mode().IsRegular() {
		return nil, Object{}, fmt.Errorf("%s: %w", key, ErrIrregular)
	}
	// Without O_NONBLOCK a pipe put there meanwhile would block for ever.
	file, err := d.root.OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if isAbsent(err) {
		return nil, Object{}, fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	if err != nil {
		return nil, Object{}, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", key, ErrIrregular)
	}
	if err == nil && wanted != "" && wanted != version(info) {
		err = fmt.Errorf("%s: %w", key, ErrChanged)
	}
	if err != nil {
		file.Close()
		return nil, Object{}, err
	}
	object := Object{key, info.Size(), version(info)}
	return &fileReader{ctx: ctx, file: file, object: object}, object, nil
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
