package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

// S3Options say how to reach a bucket of an object store. What is left zero is taken as AWS
// tools take it: from the environment, the shared configuration and credentials files, and the
// credentials of a container or machine.
type S3Options struct {
	// Endpoint is the URL of a store other than AWS, such as http://127.0.0.1:7070. Otherwise
	// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's endpoint_url counts, then AWS.
	Endpoint string
	// Region is the bucket's region. Otherwise AWS_REGION or the profile's region counts, and
	// us-east-1 for a store other than AWS.
	Region string
	// PathStyle puts the bucket into the URL's path (http://host/bucket/key) instead of the
	// host name (http://bucket.host/key). An IP address is always addressed by path.
	PathStyle bool
	// Profile names a profile of the shared configuration, whose credentials then count before
	// those in the environment.
	Profile string
	// Stall is for how long a request may make no progress, not one byte, before it is broken
	// off and, where that is safe, tried again. Zero means one minute.
	Stall time.Duration
	// Attempts is how often a request that may be repeated is tried. Zero means what
	// AWS_MAX_ATTEMPTS or the profile says, or 5.
	Attempts int
}

const (
	defaultStall    = time.Minute
	defaultAttempts = 5
	// backoffLimit bounds the pause between two attempts.
	backoffLimit = 10 * time.Second
	// connections is how many idle connections are kept for the next requests.
	connections = 64
	// fallbackRegion is what stores other than AWS are told, which have no regions.
	fallbackRegion = "us-east-1"
)

// OpenS3 returns the part below prefix, which may be empty, of a bucket of an object store. The
// bucket must exist and the credentials must be allowed to list it. The rules are in the
// package's documentation.
func OpenS3(ctx context.Context, bucket, prefix string, options S3Options) (Bucket, error) {
	opened := &s3Bucket{name: bucket}
	if prefix != "" {
		if err := CheckKey(prefix); err != nil {
			return nil, err
		}
		opened.prefix = prefix + "/"
	}
	client, err := newClient(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("open s3://%s: %w", bucket, err)
	}
	opened.client = client
	if err := opened.look(ctx); err != nil {
		return nil, err
	}
	return opened, nil
}

// An s3Bucket is the part of a bucket below a prefix.
type s3Bucket struct {
	client *s3.Client
	name   string
	// prefix is empty or ends with "/".
	prefix string
}

// newClient makes a client of one bucket's own: other buckets may have other credentials.
func newClient(ctx context.Context, options S3Options) (*s3.Client, error) {
	var load []func(*config.LoadOptions) error
	if options.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(options.Profile))
	}
	if options.Region != "" {
		load = append(load, config.WithRegion(options.Region))
	}
	configuration, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, configurationFault(options, err)
	}
	regionKnown := configuration.Region != ""
	if !regionKnown {
		configuration.Region = fallbackRegion
	}
	if options.Attempts > 0 {
		configuration.RetryMaxAttempts = options.Attempts
	}
	client := s3.NewFromConfig(configuration, func(o *s3.Options) { adapt(o, configuration, options) })
	if !regionKnown && client.Options().BaseEndpoint == nil {
		return nil, errors.New("the bucket's region is not known: set AWS_REGION, or add ?region=… to the URL; for a store other than AWS add ?endpoint=…")
	}
	return client, nil
}

func configurationFault(options S3Options, err error) error {
	var absent config.SharedConfigProfileNotExistError
	if errors.As(err, &absent) {
		return fmt.Errorf("there is no profile %q in the shared configuration or credentials file (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, or those in ~/.aws): %w", options.Profile, err)
	}
	return fmt.Errorf("read the AWS configuration (environment, shared configuration and credentials files): %w", err)
}

// adapt sets what we need differently from the SDK's defaults.
func adapt(o *s3.Options, configuration aws.Config, options S3Options) {
	if options.Endpoint != "" {
		o.BaseEndpoint = aws.String(options.Endpoint)
	}
	o.UsePathStyle = o.UsePathStyle || options.PathStyle
	o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
		r.MaxAttempts = defaultAttempts
		r.MaxBackoff = backoffLimit
		r.RateLimiter = ratelimit.None // each request has its own limit of attempts
	})
	stall := options.Stall
	if stall <= 0 {
		stall = defaultStall
	}
	o.HTTPClient = &http.Client{
		Transport: &watchedTransport{baseTransport(configuration), stall},
		// A redirect is an answer (wrong region): a signed request cannot follow it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	// The reader checks what it reads itself, over all parts of a resumed read.
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	o.DisableLogOutputChecksumValidationSkipped = true
	o.Logger = logging.Nop{}
	o.ClientLogMode = 0
}

// baseTransport returns the SDK's own transport, which knows the authorities of AWS_CA_BUNDLE.
func baseTransport(configuration aws.Config) http.RoundTripper {
	client, ok := configuration.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		client = awshttp.NewBuildableClient()
	}
	return client.WithTransportOptions(func(transport *http.Transport) {
		transport.MaxIdleConnsPerHost = connections
	}).GetTransport()
}

// once switches the SDK's retries off for a request.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

// location names an object or a prefix for errors.
func (b *s3Bucket) location(key string) string {
	return "s3://" + b.name + "/" + b.prefix + key
}

// whole returns the key in the bucket. A key that is not one of ours may well be in the bucket,
// put there by another program, and be listed.
func (b *s3Bucket) whole(ctx context.Context, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := CheckKey(key); err != nil {
		return "", fmt.Errorf("s3://%s: %w", b.name, err)
	}
	if len(b.prefix)+len(key) > maxKeyBytes {
		return "", fmt.Errorf("s3://%s: %w %q: it is longer than %d bytes below %s", b.name, ErrInvalidKey, key, maxKeyBytes, b.prefix)
	}
	return b.prefix + key, nil
}

// pause waits before the next attempt: twice as long each time.
func pause(ctx context.Context, try int) error {
	wait := min(100*time.Millisecond<<min(try, 10), backoffLimit)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait/2 + jitter(wait/2)):
		return nil
	}
}
