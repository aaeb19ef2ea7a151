package storage

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const s3Scheme = "s3://"

// bucketForm is what a bucket's name looks like, in AWS's old form too.
var bucketForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)

// Below returns the location of a folder below a location, as [OpenURL] takes it: the name goes
// before the options of an s3:// URL.
func Below(location, name string) string {
	options := ""
	if strings.HasPrefix(location, s3Scheme) {
		if at := strings.IndexByte(location, '?'); at >= 0 {
			location, options = location[:at], location[at:]
		}
	}
	return strings.TrimRight(location, "/") + "/" + name + options
}

// S3Place returns the bucket of an s3:// location, as [OpenURL] takes it, and the beginning of the
// location's keys there without the last "/": "" if the location is the bucket.
func S3Place(location string) (bucket, prefix string, err error) {
	if !strings.HasPrefix(location, s3Scheme) {
		return "", "", fmt.Errorf("storage location %q does not lie in an object store: write s3://bucket/prefix", location)
	}
	bucket, prefix, _, err = parseS3URL(location)
	return bucket, prefix, err
}

func openS3URL(ctx context.Context, location string) (Bucket, error) {
	bucket, prefix, options, err := parseS3URL(location)
	if err != nil {
		return nil, err
	}
	return OpenS3(ctx, bucket, prefix, options)
}

// parseS3URL reads s3://bucket/prefix?option=value&…. The prefix is taken as it stands, as AWS
// tools do; the options' values are percent-encoded where needed. No error repeats an option's
// value or a name before an @: somebody may have put a secret there.
func parseS3URL(location string) (bucket, prefix string, options S3Options, err error) {
	place, query, _ := strings.Cut(strings.TrimPrefix(location, s3Scheme), "?")
	bucket, prefix, _ = strings.Cut(place, "/")
	if strings.Contains(bucket, "@") {
		return "", "", options, fmt.Errorf("storage location %s…: credentials do not belong in the URL; name a profile (?profile=…) or use the environment", s3Scheme)
	}
	if !bucketForm.MatchString(bucket) {
		return "", "", options, fmt.Errorf("storage location %q: write s3://bucket/prefix; %q is no bucket's name", s3Scheme+place, bucket)
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" {
		if err := CheckKey(prefix); err != nil {
			return "", "", options, fmt.Errorf("storage location %q: %w", s3Scheme+place, err)
		}
	}
	if err := options.parse(query); err != nil {
		return "", "", S3Options{}, fmt.Errorf("storage location %s: %w", s3Scheme+place, err)
	}
	return bucket, prefix, options, nil
}

// parse takes the options of a URL.
func (o *S3Options) parse(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("what follows the ? cannot be read; write option=value, joined by &, with values percent-encoded")
	}
	for name, given := range values {
		if len(given) > 1 {
			return fmt.Errorf("option %q is given twice", name)
		}
		if err := o.set(name, given[0]); err != nil {
			return err
		}
	}
	return nil
}

func (o *S3Options) set(name, value string) (err error) {
	switch name {
	case "endpoint":
		o.Endpoint = value
		err = checkEndpoint(value)
	case "region":
		o.Region = value
	case "profile":
		o.Profile = value
	case "path_style":
		o.PathStyle, err = strconv.ParseBool(value)
		if err != nil {
			err = fmt.Errorf("option %q is true or false", name)
		}
	default:
		return fmt.Errorf("there is no option %q; there are endpoint, region, path_style and profile", name)
	}
	if err == nil && value == "" {
		err = fmt.Errorf("option %q has no value", name)
	}
	return err
}

func checkEndpoint(text string) error {
	endpoint, err := url.Parse(text)
	switch {
	case err != nil, endpoint.Scheme != "http" && endpoint.Scheme != "https", endpoint.Host == "":
		return fmt.Errorf("option %q is a URL such as https://objects.example.com", "endpoint")
	case endpoint.User != nil:
		return fmt.Errorf("option %q holds credentials; name a profile (profile=…) or use the environment", "endpoint")
	case endpoint.RawQuery != "", endpoint.Fragment != "":
		return fmt.Errorf("option %q holds a ? or #; percent-encode what belongs to the endpoint's URL", "endpoint")
	}
	return nil
}
