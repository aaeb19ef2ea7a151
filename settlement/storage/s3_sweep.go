package storage

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

var sweeping = operation{"sweep", "s3:ListBucketMultipartUploads on the bucket and s3:AbortMultipartUpload on the key"}

// sweep clears away the parts of uploads that a killed process began. Credentials that may not
// do this, or a store that cannot, leave it to the bucket's lifecycle rule.
func (b *s3Bucket) sweep(ctx context.Context, prefix string) (removed int64, err error) {
	input := s3.ListMultipartUploadsInput{Bucket: aws.String(b.name), Prefix: prefixOf(b.prefix + prefix)}
	for {
		output, err := b.client.ListMultipartUploads(ctx, &input)
		if isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotImplemented) {
			return removed, nil
		}
		if err != nil {
			return removed, b.fault(ctx, sweeping, prefix, err)
		}
		for _, found := range output.Uploads {
			if !strings.HasPrefix(aws.ToString(found.Key), b.prefix+prefix) {
				continue
			}
			_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(b.name), Key: found.Key, UploadId: found.UploadId})
			if err != nil && codeOf(err) != "NoSuchUpload" {
				return removed, b.fault(ctx, sweeping, prefix, err)
			}
			removed++
		}
		if !aws.ToBool(output.IsTruncated) || aws.ToString(output.NextKeyMarker) == "" {
			return removed, nil
		}
		input.KeyMarker, input.UploadIdMarker = output.NextKeyMarker, output.NextUploadIdMarker
	}
}
