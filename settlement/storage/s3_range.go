package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func (b *s3Bucket) OpenRange(ctx context.Context, key, version string) (ReadAtCloser, error) {
	whole, err := b.whole(ctx, key)
	if err != nil {
		if CheckKey(key) != nil {
			err = closedError{err}
		}
		return nil, err
	}
	return &s3RangeReader{bucket: b, ctx: ctx, key: key, whole: whole, version: version}, nil
}

// An s3RangeReader reads parts of an object, each by a request of its own.
type s3RangeReader struct {
	bucket     *s3Bucket
	ctx        context.Context
	key, whole string
	version    string
}

func (r *s3RangeReader) Close() error { return nil }

// RequestBytes makes readers of parts ask for neighbours at once.
func (r *s3RangeReader) RequestBytes() int64 { return s3RequestBytes }

func (r *s3RangeReader) ReadAt(buffer []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, negativeOffset(r.key, offset)
	}
	if len(buffer) == 0 {
		return 0, r.ctx.Err()
	}
	read := rangeRead{reader: r, version: r.version, want: buffer, offset: offset}
	err := read.all()
	if err == io.EOF {
		return read.got, io.EOF
	}
	return read.got, r.bucket.fault(r.ctx, reading, r.key, err)
}

// A rangeRead is the reading of one part. It goes on where a broken connection left off.
type rangeRead struct {
	reader *s3RangeReader
	// version is that of the first answer, if any would do.
	version            string
	want               []byte
	offset             int64
	got                int
	breaks, idleBreaks int
}

func (r *rangeRead) all() error {
	for {
		body, length, err := r.ask()
		if err != nil {
			return err
		}
		n, err := io.ReadFull(body, r.want[r.got:r.got+length])
		body.Close()
		if r.got += n; n > 0 {
			r.idleBreaks = 0
		}
		switch {
		case n == length && r.got == len(r.want):
			return nil
		case n == length:
			return io.EOF
		}
		if err := r.broke(err); err != nil {
			return err
		}
	}
}

// broke notes that an answer ended before its time, and says when that was too often.
func (r *rangeRead) broke(cause error) error {
	if err := r.reader.ctx.Err(); err != nil {
		return err
	}
	if cause == io.EOF {
		cause = io.ErrUnexpectedEOF
	}
	r.breaks++
	r.idleBreaks++
	if r.breaks > maxBreaks || r.idleBreaks > maxIdleBreaks {
		return fmt.Errorf("the answer broke off %d times, the last time %d bytes after byte %d: %w", r.breaks, r.got, r.offset, cause)
	}
	return pause(r.reader.ctx, r.idleBreaks-1)
}

// ask asks for what is missing, and returns how much of it the object has: io.EOF if nothing.
func (r *rangeRead) ask() (body io.ReadCloser, length int, err error) {
	bucket := r.reader.bucket
	first := r.offset + int64(r.got)
	last := r.offset + int64(len(r.want)) - 1
	input := s3.GetObjectInput{Bucket: aws.String(bucket.name), Key: aws.String(r.reader.whole),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", first, last))}
	if r.version != "" {
		input.IfMatch = etagOf(r.version)
	}
	output, err := bucket.client.GetObject(r.reader.ctx, &input)
	switch {
	case codeOf(err) == "InvalidRange":
		// The store looks at the version first, so it is the object's end.
		return nil, 0, io.EOF
	case err != nil:
		return nil, 0, err
	}
	end, err := rangeEnd(aws.ToString(output.ContentRange), first, last)
	version := versionOf(output.ETag)
	switch {
	case err != nil:
	case version == "":
		err = errors.New("the store gave no ETag, so the object's version cannot be pinned")
	case r.version != "" && version != r.version:
		err = ErrChanged
	}
	if err != nil {
		output.Body.Close()
		return nil, 0, err
	}
	r.version = version
	return output.Body, int(end - first + 1), nil
}

// rangeEnd reads the range of an answer, "bytes first-end/size". The end must be the one asked for or
// that of the object.
func rangeEnd(answer string, first, last int64) (int64, error) {
	prefix := fmt.Sprintf("bytes %d-", first)
	endText, sizeText, ok := strings.Cut(strings.TrimPrefix(answer, prefix), "/")
	end, err := strconv.ParseInt(endText, 10, 64)
	size, sizeErr := strconv.ParseInt(sizeText, 10, 64)
	if !ok || !strings.HasPrefix(answer, prefix) || err != nil || sizeErr != nil || end < first || end != min(last, size-1) {
		return 0, fmt.Errorf("asked for bytes %d to %d of the object, the store sent %q", first, last, answer)
	}
	return end, nil
}
