package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// look lists the least it can, to see that the bucket is there and may be read.
func (b *s3Bucket) look(ctx context.Context) error {
	_, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: aws.String(b.name), Prefix: prefixOf(b.prefix), MaxKeys: aws.Int32(1),
	})
	return b.fault(ctx, opening, "", err)
}

func prefixOf(text string) *string {
	if text == "" {
		return nil
	}
	return aws.String(text)
}

func (b *s3Bucket) List(ctx context.Context, prefix string) ([]Object, error) {
	return b.list(ctx, prefix, "", "", everyKey)
}

func everyKey(string) bool { return true }

// list lists the objects that are wanted, of those that come after a key in the whole bucket, if there is one; with the delimiter "/"
// only those that lie in no folder after prefix.
func (b *s3Bucket) list(ctx context.Context, prefix, delimiter, after string, wanted func(key string) bool) ([]Object, error) {
	var found []Object
	err := b.pages(ctx, prefix, delimiter, after, func(page *page) error {
		for i := range page.Contents {
			object, err := b.listed(page, &page.Contents[i])
			if err != nil {
				return err
			}
			if !isMarker(&object) && !isUnfinished(object.Key) && wanted(object.Key) {
				found = append(found, object)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortObjects(found)
	return found, nil
}

// isMarker reports an empty object whose name ends with "/", which is how consoles make a folder,
// and what lies under the bucket's prefix itself.
func isMarker(object *Object) bool {
	return object.Key == "" || object.Size == 0 && strings.HasSuffix(object.Key, "/")
}

// isUnfinished reports the name under which versitygw (on POSIX) for a moment lists an object that
// is being replaced: .<name>.sgwtmp.<digits>. It is no object that anybody stored.
func isUnfinished(key string) bool {
	name := key[strings.LastIndexByte(key, '/')+1:]
	before, digits, found := strings.Cut(name, ".sgwtmp.")
	return found && strings.HasPrefix(before, ".") && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// listed returns an entry of a listing, with its key below the bucket's prefix.
func (b *s3Bucket) listed(page *page, entry *types.Object) (Object, error) {
	key, err := page.decode(aws.ToString(entry.Key))
	if err != nil {
		return Object{}, err
	}
	below, inside := strings.CutPrefix(key, b.prefix)
	if !inside {
		return Object{}, fmt.Errorf("the store listed %q, which does not begin with %q", key, b.prefix)
	}
	version := versionOf(entry.ETag)
	if version == "" || entry.Size == nil {
		return Object{}, fmt.Errorf("the store listed %q without its ETag or size, so its version cannot be pinned", key)
	}
	return Object{below, *entry.Size, version}, nil
}

func (b *s3Bucket) Folders(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	err := b.pages(ctx, prefix, "/", "", func(page *page) error {
		for _, common := range page.CommonPrefixes {
			folder, err := page.decode(aws.ToString(common.Prefix))
			if err != nil {
				return err
			}
			name, inside := strings.CutPrefix(folder, b.prefix+prefix)
			if !inside {
				return fmt.Errorf("the store listed the folder %q, which does not begin with %q", folder, b.prefix+prefix)
			}
			names = append(names, strings.TrimSuffix(name, "/"))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// A page is a part of a listing.
type page s3.ListObjectsV2Output

// decode undoes the encoding that was asked for, without which some keys do not fit into XML.
// Stores that do not know it say so by not repeating it.
func (p *page) decode(text string) (string, error) {
	if p.EncodingType != types.EncodingTypeUrl {
		return text, nil
	}
	key, err := url.QueryUnescape(text)
	if err != nil {
		return "", fmt.Errorf("the store listed a key that cannot be decoded: %w", err)
	}
	return key, nil
}

// pages calls visit for every page of a listing, of what comes after a key in the whole bucket if there is one.
func (b *s3Bucket) pages(ctx context.Context, prefix, delimiter, after string, visit func(*page) error) error {
	if _, _, err := checkPrefix(prefix); err != nil {
		return err
	}
	input := s3.ListObjectsV2Input{
		Bucket: aws.String(b.name), Prefix: prefixOf(b.prefix + prefix), Delimiter: prefixOf(delimiter), EncodingType: types.EncodingTypeUrl,
		StartAfter: prefixOf(after),
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		output, err := b.client.ListObjectsV2(ctx, &input)
		if err != nil {
			return b.fault(ctx, listing, prefix, err)
		}
		if err := visit((*page)(output)); err != nil {
			return b.fault(ctx, listing, prefix, err)
		}
		if !aws.ToBool(output.IsTruncated) {
			return nil
		}
		next := aws.ToString(output.NextContinuationToken)
		if next == "" || next == aws.ToString(input.ContinuationToken) {
			return b.fault(ctx, listing, prefix, errors.New("the store says that the listing goes on but not where"))
		}
		input.ContinuationToken = aws.String(next)
	}
}

// versionOf returns an ETag without its quotes.
func versionOf(etag *string) string {
	text := aws.ToString(etag)
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		return strings.TrimSuffix(inner, `"`)
	}
	return text
}

// etagOf is the reverse of versionOf. A weak ETag keeps its quotes.
func etagOf(version string) *string {
	if strings.Contains(version, `"`) {
		return aws.String(version)
	}
	return aws.String(`"` + version + `"`)
}
