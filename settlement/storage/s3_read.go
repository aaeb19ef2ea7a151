package storage

import (
	"bytes"
	"context"
	"fmt"
	"hash"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	// maxBreaks is how often the reading of one object may break and go on, and
	// maxIdleBreaks how often in a row without a new byte.
	maxBreaks     = 25
	maxIdleBreaks = 5
)

func (b *s3Bucket) Open(ctx context.Context, key, version string) (io.ReadCloser, Object, error) {
	whole, err := b.whole(ctx, key)
	if err != nil {
		if CheckKey(key) != nil {
			err = closedError{err}
		}
		return nil, Object{}, err
	}
	input := s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(whole)}
	if version != "" {
		input.IfMatch = etagOf(version)
	}
	// Asked for by hand, the store sends its checksum and the SDK leaves it to us.
	output, err := b.client.GetObject(ctx, &input, s3.WithAPIOptions(smithyhttp.SetHeaderValue("x-amz-checksum-mode", "ENABLED")))
	if err != nil {
		return nil, Object{}, b.fault(ctx, reading, key, err)
	}
	object := Object{Key: key, Size: aws.ToInt64(output.ContentLength), Version: versionOf(output.ETag)}
	switch {
	case output.ContentLength == nil || object.Size < 0:
		err = fmt.Errorf("the store did not say how long the object is")
	case object.Version == "":
		err = fmt.Errorf("the store gave no ETag, so the object's version cannot be pinned")
	case version != "" && version != object.Version:
		err = ErrChanged
	}
	if err != nil {
		output.Body.Close()
		return nil, Object{}, b.fault(ctx, reading, key, err)
	}
	reader := &s3Reader{bucket: b, ctx: ctx, key: whole, object: object, body: output.Body}
	reader.sum, reader.want = checksumOf(output)
	if object.Size == 0 {
		reader.finish()
	}
	return reader, object, nil
}

// An s3Reader reads one version of an object, and goes on where a broken connection left off.
type s3Reader struct {
	bucket *s3Bucket
	ctx    context.Context
	key    string
	object Object
	// body is nil after a break.
	body   io.ReadCloser
	offset int64
	// sum is nil if the store gave no checksum of the whole.
	sum  hash.Hash
	want []byte

	breaks, idleBreaks int
	end                error // io.EOF or what was wrong, once that is known
}

func (r *s3Reader) Read(buffer []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.end != nil || len(buffer) == 0 {
		return 0, r.end
	}
	for {
		if r.body == nil {
			if err := r.resume(); err != nil {
				return 0, r.stop(err)
			}
		}
		n, err := r.body.Read(buffer)
		if n > 0 {
			return r.took(buffer[:n])
		}
		if err == nil {
			return 0, nil
		}
		if err := r.broke(err); err != nil {
			return 0, r.stop(err)
		}
	}
}

// took accounts for bytes that were read. The last ones are given out only if the whole is right.
func (r *s3Reader) took(bytes []byte) (int, error) {
	r.offset += int64(len(bytes))
	r.idleBreaks = 0
	if r.sum != nil {
		r.sum.Write(bytes)
	}
	switch {
	case r.offset < r.object.Size:
		return len(bytes), nil
	case r.offset > r.object.Size:
		return 0, r.stop(fmt.Errorf("the store sent more than the %d bytes that it promised", r.object.Size))
	}
	if err := r.finish(); err != nil {
		return 0, err
	}
	return len(bytes), nil
}

func (r *s3Reader) finish() error {
	if r.sum != nil && !bytes.Equal(r.sum.Sum(nil), r.want) {
		return r.stop(fmt.Errorf("the %d bytes that arrived do not have the checksum that the store keeps of the object: they were damaged on the way or in the store; read again, and if it stays so deliver the object again", r.object.Size))
	}
	r.closeBody()
	r.end = io.EOF
	return nil
}

func (r *s3Reader) stop(err error) error {
	r.closeBody()
	r.end = r.bucket.fault(r.ctx, reading, r.object.Key, err)
	return r.end
}

func (r *s3Reader) closeBody() {
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
}

// broke notes that the body ended before its time, and says when it has done so too often.
func (r *s3Reader) broke(cause error) error {
	r.closeBody()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if cause == io.EOF {
		cause = io.ErrUnexpectedEOF
	}
	r.breaks++
	r.idleBreaks++
	if r.breaks > maxBreaks || r.idleBreaks > maxIdleBreaks {
		return fmt.Errorf("the answer broke off %d times, the last time at byte %d of %d: %w", r.breaks, r.offset, r.object.Size, cause)
	}
	return pause(r.ctx, r.idleBreaks-1)
}

// resume asks for the rest of the same version.
func (r *s3Reader) resume() error {
	output, err := r.bucket.client.GetObject(r.ctx, &s3.GetObjectInput{
		Bucket: aws.String(r.bucket.name), Key: aws.String(r.key), IfMatch: etagOf(r.object.Version),
		Range: aws.String(fmt.Sprintf("bytes=%d-", r.offset)),
	})
	switch {
	case codeOf(err) == "NoSuchKey", codeOf(err) == "InvalidRange":
		return fmt.Errorf("%w while it was read: it was removed or is shorter now", ErrChanged)
	case err != nil:
		return err
	}
	want := fmt.Sprintf("bytes %d-%d/%d", r.offset, r.object.Size-1, r.object.Size)
	switch {
	case versionOf(output.ETag) != r.object.Version:
		err = fmt.Errorf("%w while it was read", ErrChanged)
	case aws.ToString(output.ContentRange) != want:
		err = fmt.Errorf("asked for the rest of the object (%s), the store sent %q", want, aws.ToString(output.ContentRange))
	}
	if err != nil {
		output.Body.Close()
		return err
	}
	r.body = output.Body
	return nil
}

func (r *s3Reader) Close() error {
	r.closeBody()
	if r.end == nil {
		r.end = fmt.Errorf("read %s: closed already", r.bucket.location(r.object.Key))
	}
	return nil
}
