package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"
)

var (
	// ErrNotFound says that there is no object of that key.
	ErrNotFound = errors.New("object not found")
	// ErrExists says that Create was refused because the key is taken.
	ErrExists = errors.New("object exists already")
	// ErrUnforced says that an object has its name, and that the disk did not confirm it: a power failure may take it away
	// again, although everybody finds it now. To create it again tells whether it stays: then that is ErrExists.
	ErrUnforced = errors.New("not confirmed to be on disk")
	// ErrChanged says that the object is not, or is no longer, of the version asked for.
	ErrChanged = errors.New("object has changed")
	// ErrIrregular says that what lies under the key, or on the way to it, can be listed but not
	// opened: it is no regular file or folder, the process has no permission (then the error wraps
	// fs.ErrPermission too), or the key is none (ErrInvalidKey too). It is a matter of that object
	// alone; others can be read.
	ErrIrregular = errors.New("not a regular file (symbolic links, pipes, sockets and devices are not read)")
	// ErrObstructed says that an object cannot be stored, as a folder lies where it is to be, or a file where its folder is to be.
	ErrObstructed = errors.New("something else lies in its place")
	// ErrInvalidKey says that a text is no key or prefix.
	ErrInvalidKey = errors.New("invalid key")
)

// An Object is what a listing says about an object.
type Object struct {
	Key string
	// Size is in bytes.
	Size int64
	// Version changes when the content does: an object store's ETag, a directory's modification
	// time in nanoseconds with the size.
	Version string
}

// A Bucket keeps objects. It is safe for concurrent use.
type Bucket interface {
	// List returns all objects whose key begins with prefix, in byte order of their keys. What cannot
	// be opened is listed too, also under what is no key; a folder inside that cannot be looked into
	// is one object, whose key ends with "/". If prefix leads into such a folder, the error is ErrIrregular.
	List(ctx context.Context, prefix string) ([]Object, error)
	// Folders returns the distinct names between prefix and the next "/" after it, in byte order:
	// with "" and objects "a/x", "b/y/z" and "c" they are "a" and "b". Those that cannot be looked
	// into are among them, and so is what may be meant as a folder and is none, such as a symbolic
	// link. ErrIrregular as List.
	Folders(ctx context.Context, prefix string) ([]string, error)
	// Open opens an object for reading, of any version if version is "". Errors: ErrNotFound,
	// ErrIrregular (with ErrInvalidKey if key is none), and ErrChanged, also from Read and Close when
	// the content changes meanwhile.
	// The context must live as long as the reader.
	Open(ctx context.Context, key, version string) (io.ReadCloser, Object, error)
	// Create stores body, from its start, unless the key is taken: then ErrExists. After any
	// other error the object is there as a whole or not at all; only looking tells.
	Create(ctx context.Context, key string, body io.ReadSeeker) error
	// Replace stores body, from its start, whether the key is taken or not. Readers find the old
	// content or the new one.
	Replace(ctx context.Context, key string, body io.ReadSeeker) error
	// Delete removes an object. That there is none is no error.
	Delete(ctx context.Context, key string) error
}

const (
	maxKeyBytes     = 1024
	maxSegmentBytes = 255
	temporaryPrefix = ".settle-temporary-"
)

// CheckKey returns an error that wraps [ErrInvalidKey] and says why, if key is no key.
func CheckKey(key string) error {
	reason := ""
	switch {
	case key == "":
		reason = "it is empty"
	case len(key) > maxKeyBytes:
		reason = fmt.Sprintf("it is longer than %d bytes", maxKeyBytes)
	case !utf8.ValidString(key):
		reason = "it is not UTF-8"
	case strings.ContainsRune(key, 0):
		reason = "it contains NUL"
	}
	for segment := range strings.SplitSeq(key, "/") {
		if reason == "" {
			reason = segmentFault(segment)
		}
	}
	if reason != "" {
		return fmt.Errorf("%w %q: %s", ErrInvalidKey, key, reason)
	}
	return nil
}

// A closedError is ErrIrregular for another reason than that something is no regular file.
type closedError struct{ error }

func (closedError) Is(target error) bool { return target == ErrIrregular }
func (e closedError) Unwrap() error      { return e.error }

// checkOpen checks a key that is to be opened. One that is none may have been listed: then the
// object is not for reading, and the store has not failed.
func checkOpen(ctx context.Context, key string) error {
	err := check(ctx, key)
	if errors.Is(err, ErrInvalidKey) {
		return closedError{err}
	}
	return err
}

func segmentFault(segment string) string {
	switch {
	case segment == "":
		return `a segment between "/" is empty`
	case segment == ".", segment == "..":
		return fmt.Sprintf("a segment is %q", segment)
	case len(segment) > maxSegmentBytes:
		return fmt.Sprintf("a segment is longer than %d bytes", maxSegmentBytes)
	case strings.HasPrefix(segment, temporaryPrefix):
		return fmt.Sprintf("segments starting with %q are temporary files", temporaryPrefix)
	}
	return ""
}

// checkPrefix checks the folders of a prefix and returns them without the "/" at the end, and
// the beginning of a name after them.
func checkPrefix(prefix string) (folder, start string, err error) {
	at := strings.LastIndexByte(prefix, '/')
	if at >= 0 {
		folder, start = prefix[:at], prefix[at+1:]
		if err := CheckKey(folder); err != nil {
			return "", "", err
		}
		return folder, start, nil
	}
	return "", prefix, nil
}

// OpenURL opens the bucket that a person named: a directory's path, file:// and an absolute path,
// or s3://bucket/prefix with the options that the package's documentation lists. The directory
// or the object store's bucket must exist.
func OpenURL(ctx context.Context, location string) (Bucket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, isDirectory, err := DirectoryPath(location)
	switch {
	case err != nil:
		return nil, err
	case isDirectory:
		return OpenDirectory(path)
	default:
		return openS3URL(ctx, location)
	}
}

// DirectoryPath returns the path of a location, as [OpenURL] takes it, that is a directory. One that
// lies in an object store is none; what is neither is an error.
func DirectoryPath(location string) (path string, isDirectory bool, err error) {
	scheme, rest, found := strings.Cut(location, "://")
	switch {
	case location == "":
		return "", false, errors.New("no storage location given: name a directory or an s3:// URL")
	case !found:
		return location, true, nil
	case scheme == "file":
		path, err := url.PathUnescape(rest)
		if err != nil || !strings.HasPrefix(path, "/") {
			return "", false, fmt.Errorf("storage location %q: write file:// and an absolute path, such as file:///var/settlement", location)
		}
		return path, true, nil
	case scheme == "s3":
		return "", false, nil
	default:
		return "", false, fmt.Errorf("storage location %s://…: %s:// is not supported: name a directory or an s3:// URL", scheme, scheme)
	}
}

// length returns the number of bytes of body and goes to its start.
func length(body io.ReadSeeker) (int64, error) {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	_, err = body.Seek(0, io.SeekStart)
	return size, err
}

// contextReader stops reading when its context is done.
type contextReader struct {
	ctx    context.Context
	reader io.Reader
}

func (r contextReader) Read(buffer []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.reader.Read(buffer)
}
