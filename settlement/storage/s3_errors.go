package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// An operation is what was being done to a bucket, for errors.
type operation struct {
	verb string
	// permission is what a policy must allow for it.
	permission string
}

var (
	opening   = operation{"open", "s3:ListBucket on the bucket"}
	listing   = operation{"list", "s3:ListBucket on the bucket"}
	reading   = operation{"read", "s3:GetObject on the key, and s3:ListBucket on the bucket, without which an absent object is refused too"}
	creating  = operation{"create", "s3:PutObject and s3:AbortMultipartUpload on the key"}
	replacing = operation{"replace", "s3:PutObject and s3:AbortMultipartUpload on the key"}
	deleting  = operation{"delete", "s3:DeleteObject on the key"}
)

// An s3Error is a store's or a connection's error in words for a person.
type s3Error struct {
	text  string
	cause error
}

func (e *s3Error) Error() string { return e.text }
func (e *s3Error) Unwrap() error { return e.cause }

// fault describes what went wrong; nil stays nil. The answers that callers tell apart become
// the package's errors.
func (b *s3Bucket) fault(ctx context.Context, doing operation, key string, err error) error {
	if err == nil {
		return nil
	}
	what := doing.verb + " " + b.location(key)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return fmt.Errorf("%s: %w", what, ctxErr)
	}
	// The answer's code decides, not its status: any proxy on the way may say 404.
	switch code := codeOf(err); {
	case doing == reading && code == "NoSuchKey":
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case doing == reading && isStatus(err, http.StatusPreconditionFailed):
		return fmt.Errorf("%s: %w", what, ErrChanged)
	case doing == creating && isStatus(err, http.StatusPreconditionFailed):
		return fmt.Errorf("%s: %w", what, ErrExists)
	case code == "ObjectParentIsFile", code == "ExistingObjectIsDirectory":
		err = errors.Join(ErrObstructed, err)
	}
	if reason := b.reason(doing, err); reason != "" {
		return &s3Error{what + ": " + reason, err}
	}
	return fmt.Errorf("%s: %w", what, err)
}

func codeOf(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

// responseOf returns the store's answer, if there was one.
func responseOf(err error) *awshttp.ResponseError {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.Response != nil && response.Response.Response != nil {
		return response
	}
	return nil
}

func isStatus(err error, status int) bool {
	response := responseOf(err)
	return response != nil && response.HTTPStatusCode() == status
}

// reason says what the error means and what to do, or nothing if it speaks for itself.
func (b *s3Bucket) reason(doing operation, err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		text := describe(answer, responseOf(err))
		if hint := b.hint(doing, answer.ErrorCode(), responseOf(err)); hint != "" {
			text = hint + ": " + text
		}
		return text
	}
	text := err.Error()
	if strings.Contains(text, "get credentials") || strings.Contains(text, "get identity") {
		return "no usable credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or add ?profile=… to the URL: " + innermost(err)
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		return b.unreachable(sent)
	}
	return ""
}

func (b *s3Bucket) unreachable(sent *url.Error) string {
	host := sent.URL
	if parsed, err := url.Parse(sent.URL); err == nil {
		host = parsed.Host
	}
	hint := ""
	var name *net.DNSError
	if errors.As(sent, &name) && name.IsNotFound && strings.HasPrefix(host, b.name+".") {
		hint = "; a store that takes the bucket in the path needs path_style=true"
	}
	return fmt.Sprintf("no answer from %s: %v%s", host, sent.Err, hint)
}

const maxMessageBytes = 300

// describe repeats what the store said, with the request's id, by which its operator finds it.
func describe(answer smithy.APIError, response *awshttp.ResponseError) string {
	text := answer.ErrorCode()
	if message := strings.Join(strings.Fields(answer.ErrorMessage()), " "); message != "" {
		if len(message) > maxMessageBytes {
			message = strings.ToValidUTF8(message[:maxMessageBytes], "") + "…"
		}
		text += ": " + message
	}
	if response != nil {
		text += fmt.Sprintf(" (HTTP %d", response.HTTPStatusCode())
		if response.RequestID != "" {
			text += ", request " + response.RequestID
		}
		text += ")"
	}
	return text
}

// hint says in our words what a code means and what to do.
func (b *s3Bucket) hint(doing operation, code string, response *awshttp.ResponseError) string {
	switch code {
	case "NoSuchBucket":
		return fmt.Sprintf("there is no bucket %q at this store: create it, or correct the URL", b.name)
	case "InvalidBucketName":
		return fmt.Sprintf("%q is no bucket's name: correct the URL", b.name)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "UnrecognizedClientException":
		return "the credentials are not valid here: check the profile or the AWS_ variables in the environment, and that they belong to this store"
	case "ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException":
		return "the credentials have expired: log in again or renew them"
	case "RequestTimeTooSkewed", "RequestExpired":
		return "this machine's clock and the store's differ too much: set the clock"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException", "MovedPermanently":
		return wrongRegion(response)
	case "SlowDown", "ServiceUnavailable", "Busy", "RequestLimitExceeded":
		return "the store is overloaded: run again later"
	case "NotImplemented", "MethodNotAllowed":
		return "the store does not offer what is needed (conditional writes above all): use another"
	case "InvalidObjectState":
		return "the object lies in an archive: restore it first"
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest":
		return "the bytes were damaged on the way to the store: run again"
	case "ObjectParentIsFile", "ExistingObjectIsDirectory":
		return "a key may not be the folder of another one at this store"
	case "QuotaExceeded", "XMinioStorageFull":
		return "the store is full"
	}
	if response == nil {
		return ""
	}
	switch status := response.HTTPStatusCode(); {
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect:
		return wrongRegion(response)
	case status == http.StatusForbidden:
		return "the credentials are not allowed to do this: allow " + doing.permission + ", or use others (?profile=…)"
	case status >= 500:
		return "the store failed: run again later"
	}
	return ""
}

func wrongRegion(response *awshttp.ResponseError) string {
	region := ""
	if response != nil {
		region = response.Response.Header.Get("X-Amz-Bucket-Region")
	}
	if region == "" {
		return "the bucket lies in another region or at another endpoint: set AWS_REGION, or add ?region=… (or ?endpoint=…) to the URL"
	}
	return fmt.Sprintf("the bucket lies in region %s: set AWS_REGION, or add ?region=%s to the URL", region, region)
}

func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
