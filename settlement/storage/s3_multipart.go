package storage

import (
	"bytes"
	"context"
	"hash/crc32"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	// partBytes is the size of a part, and of the largest body that is sent in one request.
	partBytes = 8 << 20
	// maxParts is what stores allow; larger bodies get larger parts.
	maxParts = 10_000
	// partsAtOnce are sent at a time.
	partsAtOnce = 3
	// abortLimit bounds the clearing away of an upload that failed.
	abortLimit = 5 * time.Second
	// completeLimit is for how long the store may put the parts together.
	completeLimit = 10 * time.Minute
)

// An upload is a body on its way in parts. Nothing is to be seen under the key until it is
// completed.
type upload struct {
	bucket *s3Bucket
	key    string
	id     *string
	// whole says that the store keeps a checksum of the whole and not one of the parts.
	whole bool
	parts []types.CompletedPart
	crc   uint32
}

// putParts sends a body in parts. What was sent is cleared away after any error; this also
// decides an upload whose completion was not answered, unless it is being completed just then.
func (b *s3Bucket) putParts(ctx context.Context, doing operation, key string, body io.Reader, size int64) error {
	created, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: aws.String(b.name), Key: aws.String(key),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: types.ChecksumTypeFullObject,
	})
	if err != nil {
		return err
	}
	u := &upload{bucket: b, key: key, id: created.UploadId, whole: created.ChecksumType == types.ChecksumTypeFullObject}
	err = u.send(ctx, body, size)
	if err == nil {
		err = u.complete(ctx, doing, size)
	}
	if err != nil {
		u.abort(ctx)
	}
	return err
}

// send reads the body in order and sends several parts at a time.
func (u *upload) send(ctx context.Context, body io.Reader, size int64) error {
	part := max(partBytes, (size+maxParts-1)/maxParts)
	u.parts = make([]types.CompletedPart, (size+part-1)/part)
	buffers := make(chan []byte, partsAtOnce)
	for range partsAtOnce {
		buffers <- nil
	}
	group, groupContext := errgroup.WithContext(ctx)
	err := func() error {
		for i := range u.parts {
			var buffer []byte
			select {
			case buffer = <-buffers:
			case <-groupContext.Done():
				return groupContext.Err() // Wait tells why
			}
			if buffer == nil {
				buffer = make([]byte, min(part, size))
			}
			content := buffer[:min(part, size-int64(i)*part)]
			if err := readPart(ctx, body, content, size); err != nil {
				return err
			}
			u.crc = crc32.Update(u.crc, crc32.IEEETable, content)
			group.Go(func() error {
				defer func() { buffers <- buffer }()
				return u.sendPart(groupContext, i, content)
			})
		}
		return readEnd(ctx, body, size)
	}()
	if sent := group.Wait(); sent != nil {
		return sent
	}
	return err
}

func (u *upload) sendPart(ctx context.Context, i int, content []byte) error {
	number := aws.Int32(int32(i + 1))
	sum := encodeCRC32(crc32.ChecksumIEEE(content))
	output, err := u.bucket.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), UploadId: u.id, PartNumber: number,
		Body: bytes.NewReader(content), ContentLength: aws.Int64(int64(len(content))), ChecksumCRC32: sum,
	})
	if err != nil {
		return err
	}
	u.parts[i] = types.CompletedPart{PartNumber: number, ETag: output.ETag, ChecksumCRC32: sum}
	return nil
}

// complete makes the parts the object. For Create that happens once: a second attempt after a
// lost answer would find the upload gone or the key taken by the first.
func (u *upload) complete(ctx context.Context, doing operation, size int64) error {
	input := s3.CompleteMultipartUploadInput{
		Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	}
	if u.whole {
		input.ChecksumType, input.ChecksumCRC32, input.MpuObjectSize = types.ChecksumTypeFullObject, encodeCRC32(u.crc), aws.Int64(size)
	}
	if doing == creating {
		input.IfNoneMatch = aws.String("*")
	}
	_, err := u.bucket.client.CompleteMultipartUpload(withPatience(ctx, completeLimit), &input, once)
	return err
}

func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
	defer cancel()
	// If this fails too, a rule of the bucket that clears away unfinished uploads has to do it.
	u.bucket.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: aws.String(u.bucket.name), Key: aws.String(u.key), UploadId: u.id,
	})
}
