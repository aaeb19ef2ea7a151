package storage

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Inside reports whether a location, as [OpenURL] takes it, is another one or lies below it, and
// under which key there: "" if both are the same place. Directories are compared as they lie on
// disk, however they are named: links are followed, also above what does not exist yet. Prefixes
// of equally named buckets are compared if their endpoint is the same. A location that cannot be
// made out lies nowhere: opening it says what is wrong.
func Inside(ctx context.Context, inner, outer string) (key string, inside bool) {
	if strings.HasPrefix(inner, s3Scheme) && strings.HasPrefix(outer, s3Scheme) {
		return insideS3(ctx, inner, outer)
	}
	innerPath, isDirectory, err := DirectoryPath(inner)
	if err != nil || !isDirectory {
		return "", false
	}
	outerPath, isDirectory, err := DirectoryPath(outer)
	if err != nil || !isDirectory {
		return "", false
	}
	return insideDirectory(resolve(innerPath), resolve(outerPath))
}

// insideDirectory is [Inside] of two absolute paths without links.
func insideDirectory(inner, outer string) (key string, inside bool) {
	for folder := inner; ; folder = filepath.Dir(folder) {
		if folder == outer || isSameFolder(folder, outer) {
			return filepath.ToSlash(strings.TrimPrefix(inner[len(folder):], string(filepath.Separator))), true
		}
		if folder == filepath.Dir(folder) {
			return "", false
		}
	}
}

// isSameFolder reports whether two paths lead to one folder, as they may where a file system does not
// tell capitals from small letters, or is mounted twice.
func isSameFolder(one, other string) bool {
	oneInfo, err := os.Stat(one)
	if err != nil {
		return false
	}
	otherInfo, err := os.Stat(other)
	return err == nil && os.SameFile(oneInfo, otherInfo)
}

// resolve returns the absolute path of a directory with all links followed. Where its last elements do
// not exist, or may not be looked at, they stay as they are.
func resolve(path string) string {
	// Never cleaned before links are followed: that would take link/.. for nothing at all.
	const separator = string(filepath.Separator)
	if !filepath.IsAbs(path) {
		if working, err := os.Getwd(); err == nil {
			path = working + separator + path
		}
	}
	for end := path; ; {
		found, err := filepath.EvalSymlinks(end)
		if err == nil {
			return filepath.Join(found, path[len(end):])
		}
		at := strings.LastIndex(strings.TrimRight(end, separator), separator)
		if at < 0 || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return filepath.Clean(path)
		}
		end = end[:max(at, len(separator))]
	}
}

func insideS3(ctx context.Context, inner, outer string) (key string, inside bool) {
	innerBucket, innerPrefix, innerOptions, err := parseS3URL(inner)
	if err != nil {
		return "", false
	}
	outerBucket, outerPrefix, outerOptions, err := parseS3URL(outer)
	if err != nil || innerBucket != outerBucket {
		return "", false
	}
	key, inside = innerPrefix, true
	if outerPrefix != "" {
		key, inside = strings.CutPrefix(innerPrefix+"/", outerPrefix+"/")
		key = strings.TrimSuffix(key, "/")
	}
	if !inside || !isSameEndpoint(ctx, innerOptions, outerOptions) {
		return "", false
	}
	return key, true
}

// isSameEndpoint reports whether two locations lie in one store, by what their options, the
// environment and the shared configuration say.
func isSameEndpoint(ctx context.Context, one, other S3Options) bool {
	oneEndpoint, err := endpointOf(ctx, one)
	if err != nil {
		return false
	}
	otherEndpoint, err := endpointOf(ctx, other)
	return err == nil && oneEndpoint == otherEndpoint
}

// endpointOf returns the endpoint that a client would talk to, "" for AWS's own.
func endpointOf(ctx context.Context, options S3Options) (string, error) {
	client, err := newClient(ctx, options)
	if err != nil {
		return "", err
	}
	base := client.Options().BaseEndpoint
	if base == nil {
		return "", nil
	}
	endpoint, err := url.Parse(*base)
	if err != nil {
		return "", err
	}
	return strings.ToLower(endpoint.Scheme+"://"+endpoint.Host) + strings.TrimRight(endpoint.Path, "/"), nil
}
