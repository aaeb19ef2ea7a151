package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A RangeBucket is a bucket that can read a part of an object without the rest. [ReaderAt] and
// [ReadRange] use it where a bucket is one; every bucket of this package is.
type RangeBucket interface {
	Bucket
	// OpenRange returns a reader of parts of an object, of any version if version is "". It is safe
	// for concurrent use. Errors of OpenRange or ReadAt: ErrNotFound, ErrIrregular, ErrChanged as
	// for Open, and from ReadAt io.EOF where the object ends before the buffer is full. The context
	// must live as long as the reader.
	OpenRange(ctx context.Context, key, version string) (ReadAtCloser, error)
}

// A ReadAtCloser reads parts of an object, at once or one after another, until it is closed.
type ReadAtCloser interface {
	io.ReaderAt
	io.Closer
}

// ReadRange fills buffer with the bytes of an object from an offset on, of any version if version
// is "". That the object ends before is io.ErrUnexpectedEOF; other errors are those of Open.
func ReadRange(ctx context.Context, bucket Bucket, key, version string, offset int64, buffer []byte) error {
	reader, err := openRange(ctx, bucket, key, version)
	if err != nil {
		return err
	}
	n, err := reader.ReadAt(buffer, offset)
	switch closed := reader.Close(); {
	case n == len(buffer) && (err == nil || errors.Is(err, io.EOF)):
		return closed
	case errors.Is(err, io.EOF):
		return fmt.Errorf("read %d bytes at %d of %s: only %d are there: %w", len(buffer), offset, key, n, io.ErrUnexpectedEOF)
	default:
		return err
	}
}

// ReaderAt returns a reader of parts of one version of an object. It opens the object when it is
// asked first, and holds what that took (a file of a directory, nothing of an object store) until
// it is closed. It is safe for concurrent use. The context must live as long as the reader.
func ReaderAt(ctx context.Context, bucket Bucket, object Object) ReadAtCloser {
	return &objectReader{ctx: ctx, bucket: bucket, object: object}
}

// BriefReaderAt is ReaderAt that holds nothing: it opens the object for each read. It is for many objects of which little is
// read, for which a process may not have as many files open as there are. It need not be closed.
func BriefReaderAt(ctx context.Context, bucket Bucket, object Object) ReadAtCloser {
	return &briefReader{ctx: ctx, bucket: bucket, object: object}
}

type briefReader struct {
	ctx    context.Context
	bucket Bucket
	object Object

	asked        sync.Once
	requestBytes int64
}

func (r *briefReader) ReadAt(buffer []byte, offset int64) (n int, err error) {
	reader := ReaderAt(r.ctx, r.bucket, r.object)
	n, err = reader.ReadAt(buffer, offset)
	if closed := reader.Close(); closed != nil && (err == nil || err == io.EOF) {
		n, err = 0, closed
	}
	return n, err
}

// RequestBytes returns how many bytes more can be read at the cost of another read.
func (r *briefReader) RequestBytes() int64 {
	r.asked.Do(func() {
		reader := &objectReader{ctx: r.ctx, bucket: r.bucket, object: r.object}
		defer reader.Close()
		r.requestBytes = reader.RequestBytes()
	})
	return r.requestBytes
}

func (r *briefReader) Close() error { return nil }

type objectReader struct {
	ctx    context.Context
	bucket Bucket
	object Object

	mutex  sync.Mutex
	reader ReadAtCloser
	closed bool
}

func (r *objectReader) ReadAt(buffer []byte, offset int64) (int, error) {
	reader, err := r.open()
	if err != nil {
		return 0, err
	}
	return reader.ReadAt(buffer, offset)
}

// RequestBytes returns how many bytes more can be read at the cost of another read.
func (r *objectReader) RequestBytes() int64 {
	if reader, err := r.open(); err == nil {
		if costly, ok := reader.(interface{ RequestBytes() int64 }); ok {
			return costly.RequestBytes()
		}
	}
	return fileRequestBytes
}

// What a read costs, measured in bytes of a read: a file's, and a request to an object store, with
// its signature and headers (about half a millisecond of processor time alone).
const (
	fileRequestBytes = 16 << 10
	s3RequestBytes   = 512 << 10
)

func (r *objectReader) open() (ReadAtCloser, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return nil, fmt.Errorf("read %s: closed already", r.object.Key)
	}
	if r.reader == nil {
		reader, err := openRange(r.ctx, r.bucket, r.object.Key, r.object.Version)
		if err != nil {
			return nil, err
		}
		r.reader = reader
	}
	return r.reader, nil
}

func (r *objectReader) Close() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.closed = true
	if r.reader == nil {
		return nil
	}
	reader := r.reader
	r.reader = nil
	return reader.Close()
}

func openRange(ctx context.Context, bucket Bucket, key, version string) (ReadAtCloser, error) {
	if ranges, ok := bucket.(RangeBucket); ok {
		return ranges.OpenRange(ctx, key, version)
	}
	if err := checkOpen(ctx, key); err != nil {
		return nil, err
	}
	return &wholeReader{ctx, bucket, key, version}, nil
}

// A wholeReader reads parts of an object of a bucket that knows no ranges, each from the start.
type wholeReader struct {
	ctx          context.Context
	bucket       Bucket
	key, version string
}

func (r *wholeReader) ReadAt(buffer []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, negativeOffset(r.key, offset)
	}
	reader, _, err := r.bucket.Open(r.ctx, r.key, r.version)
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := reader.Close(); closed != nil && (err == nil || err == io.EOF) {
			n, err = 0, closed
		}
	}()
	if _, err := io.CopyN(io.Discard, reader, offset); err != nil {
		return 0, err
	}
	n, err = io.ReadFull(reader, buffer)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

func (r *wholeReader) Close() error { return nil }

func negativeOffset(key string, offset int64) error {
	return fmt.Errorf("read %s: offset %d is before its start", key, offset)
}

func (m *memory) OpenRange(ctx context.Context, key, version string) (ReadAtCloser, error) {
	if err := checkOpen(ctx, key); err != nil {
		return nil, err
	}
	m.mutex.RLock()
	object, found := m.objects[key]
	m.mutex.RUnlock()
	switch {
	case !found:
		return nil, fmt.Errorf("%s: %w", key, ErrNotFound)
	case version != "" && version != object.version:
		return nil, fmt.Errorf("%s: %w", key, ErrChanged)
	}
	return memoryReader{ctx, bytes.NewReader(object.content)}, nil
}

type memoryReader struct {
	ctx    context.Context
	reader *bytes.Reader
}

func (r memoryReader) ReadAt(buffer []byte, offset int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.reader.ReadAt(buffer, offset)
}

func (r memoryReader) Close() error { return nil }

func (l *lazyDirectory) OpenRange(ctx context.Context, key, version string) (ReadAtCloser, error) {
	bucket, err := l.current(false)
	if err != nil {
		return nil, err
	}
	return openRange(ctx, bucket, key, version)
}

func (p *part) OpenRange(ctx context.Context, key, version string) (ReadAtCloser, error) {
	whole, err := p.key(key)
	if p.fault == nil {
		err = checkOpen(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	return openRange(ctx, p.bucket, whole, version)
}

func (d *directory) OpenRange(ctx context.Context, key, version string) (ReadAtCloser, error) {
	reader, _, err := d.Open(ctx, key, version)
	if err != nil {
		return nil, err
	}
	return &fileRangeReader{reader.(*fileReader)}, nil
}

// A fileRangeReader reads parts of a file and sees to it that they are of the version opened.
type fileRangeReader struct{ opened *fileReader }

func (r *fileRangeReader) ReadAt(buffer []byte, offset int64) (int, error) {
	if err := r.opened.ctx.Err(); err != nil {
		return 0, err
	}
	object := r.opened.object
	n, err := r.opened.file.ReadAt(buffer, offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read %s: %w", object.Key, err)
	}
	info, fault := r.opened.file.Stat()
	switch {
	case fault != nil:
		return 0, fmt.Errorf("read %s: %w", object.Key, fault)
	case version(info) != object.Version:
		return 0, fmt.Errorf("read %s: %w while it was read", object.Key, ErrChanged)
	}
	return n, err
}

func (r *fileRangeReader) Close() error { return r.opened.file.Close() }
