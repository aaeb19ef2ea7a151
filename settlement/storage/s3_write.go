package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
)

const (
	// maxDeclined is how often a write is repeated that the store did not do.
	maxDeclined = 6
	// lookBytes is the size from which Create looks first whether the key is taken. A store that
	// refuses a body before it has read it closes the connection, and the refusal may get lost.
	lookBytes = 64 << 10
)

func (b *s3Bucket) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.store(ctx, creating, key, body)
}

func (b *s3Bucket) Replace(ctx context.Context, key string, body io.ReadSeeker) error {
	return b.store(ctx, replacing, key, body)
}

func (b *s3Bucket) store(ctx context.Context, doing operation, key string, body io.ReadSeeker) error {
	whole, err := b.whole(ctx, key)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		err = b.put(ctx, doing, whole, body)
		if !isDeclined(err) || try == maxDeclined {
			return b.fault(ctx, doing, key, err)
		}
		if err := pause(ctx, try); err != nil {
			return b.fault(ctx, doing, key, err)
		}
	}
}

// isDeclined reports that the store did nothing and another try may succeed: another write of
// the key was under way, or the bytes arrived damaged.
func isDeclined(err error) bool {
	switch codeOf(err) {
	case "ConditionalRequestConflict", "OperationAborted", "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch":
		return true
	}
	return false
}

func (b *s3Bucket) put(ctx context.Context, doing operation, key string, body io.ReadSeeker) error {
	size, err := length(body)
	if err != nil {
		return err
	}
	if doing == creating && size >= lookBytes && b.isTaken(ctx, key) {
		return ErrExists
	}
	if size > partBytes {
		return b.putParts(ctx, doing, key, body, size)
	}
	content := make([]byte, size)
	if err := readPart(ctx, body, content, size); err != nil {
		return err
	}
	if err := readEnd(ctx, body, size); err != nil {
		return err
	}
	input := s3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(key), Body: bytes.NewReader(content), ContentLength: aws.Int64(size),
		ChecksumCRC32: encodeCRC32(crc32.ChecksumIEEE(content)),
	}
	var options []func(*s3.Options)
	if doing == creating {
		input.IfNoneMatch = aws.String("*")
		// A second attempt after a lost answer would be refused because of the first.
		options = append(options, once)
	}
	if known, ok := body.(Summed); ok {
		if bytes, sum := known.Summed(); bytes == size {
			options = append(options, signedWith(sum))
		}
	}
	_, err = b.client.PutObject(ctx, &input, options...)
	return err
}

// A Summed body knows the SHA-256 of what was read of it from its start on, and how many bytes that were.
type Summed interface {
	Summed() (bytes int64, sum [sha256.Size]byte)
}

// signedWith spares the signature the reckoning of a body's digest that is known by now. Over plain HTTP it covers the body.
func signedWith(sum [sha256.Size]byte) func(*s3.Options) {
	known := middleware.InitializeMiddlewareFunc("KnownDigest", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
		middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
	})
	return s3.WithAPIOptions(func(stack *middleware.Stack) error { return stack.Initialize.Add(known, middleware.Before) })
}

// readPart fills a buffer; the body must not end before.
func readPart(ctx context.Context, body io.Reader, buffer []byte, size int64) error {
	_, err := io.ReadFull(contextReader{ctx, body}, buffer)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("what is to be stored ended before its %d bytes", size)
	}
	return err
}

// readEnd sees to it that the body has ended.
func readEnd(ctx context.Context, body io.Reader, size int64) error {
	n, err := io.ReadFull(contextReader{ctx, body}, make([]byte, 1))
	if n > 0 {
		return fmt.Errorf("what is to be stored is longer than its %d bytes", size)
	}
	if err != io.EOF {
		return err
	}
	return nil
}

// isTaken spares the sending of what would be refused. It need not be right.
func (b *s3Bucket) isTaken(ctx context.Context, key string) bool {
	_, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)}, once)
	return err == nil
}

func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	whole, err := b.whole(ctx, key)
	if err != nil {
		return err
	}
	_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(b.name), Key: aws.String(whole)})
	if codeOf(err) == "NoSuchKey" {
		return nil // AWS says so by success, others in words
	}
	return b.fault(ctx, deleting, key, err)
}
