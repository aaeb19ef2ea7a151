package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"alliance/settlement"
	"alliance/settlement/storage"
)

const controlName = "_control.json"

// A checkFolder shows some files of one directory, and its control file, as if they were
// delivered under merchant=<id>/date=<date>/. It is read only.
type checkFolder struct {
	number    int
	directory string
	bucket    storage.Bucket
	merchant  string
	date      settlement.Date
	names     []string
}

// openFolders puts files together by directory.
func openFolders(merchant string, files []string) ([]*checkFolder, error) {
	var folders []*checkFolder
	for _, file := range files {
		if err := checkPath(file); err != nil {
			return nil, err
		}
		directory, name := filepath.Dir(file), filepath.Base(file)
		if name != controlName && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".")) {
			return nil, &CheckError{fmt.Sprintf("%s: names that begin with _ or . are not data, no run reads it; rename it", file)}
		}
		at := slices.IndexFunc(folders, func(f *checkFolder) bool { return f.directory == directory })
		if at < 0 {
			bucket, err := storage.OpenDirectory(directory)
			if err != nil {
				return nil, err
			}
			at = len(folders)
			folders = append(folders, &checkFolder{number: at, directory: directory, bucket: bucket, merchant: merchant, names: []string{controlName}})
		}
		folders[at].names = append(folders[at].names, name)
	}
	for _, folder := range folders {
		slices.Sort(folder.names)
		folder.names = slices.Compact(folder.names)
	}
	return folders, nil
}

// checkPath says of a path that can lead to no file what is wrong with it.
func checkPath(file string) error {
	switch {
	case file == "":
		return &CheckError{"a file has no name"}
	case strings.Contains(file, "://"):
		return &CheckError{file + ": only files of this machine are checked: copy it here first"}
	}
	info, err := os.Lstat(file)
	switch {
	case err == nil && info.IsDir():
		return &CheckError{file + ": this is a directory: name the files in it"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &CheckError{file + ": there is no such file"}
	}
	return nil
}

// path returns what a file is called on this machine.
func (f *checkFolder) path(name string) string { return filepath.Join(f.directory, name) }

func (f *checkFolder) prefix() string {
	return fmt.Sprintf("%s%s/date=%s/", merchantFolder, f.merchant, f.date)
}

// key returns the key of a file that no file of another folder has.
func (f *checkFolder) key(name string) string {
	return fmt.Sprintf("%s%d/%s", f.prefix(), f.number, name)
}

// List lists the files. One that was named and is not there is an error.
func (f *checkFolder) List(ctx context.Context, prefix string) ([]storage.Object, error) {
	if prefix != f.prefix() {
		return nil, nil
	}
	var objects []storage.Object
	for _, name := range f.names {
		listed, err := f.bucket.List(ctx, name)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(listed, func(object storage.Object) bool { return object.Key == name })
		if at < 0 && name != controlName {
			return nil, &CheckError{fmt.Sprintf("%s: there is no such file", f.path(name))}
		}
		if at >= 0 {
			object := listed[at]
			object.Key = f.prefix() + name
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// Folders leads to the one folder there is.
func (f *checkFolder) Folders(_ context.Context, prefix string) ([]string, error) {
	parent, name, _ := strings.Cut(strings.TrimSuffix(f.prefix(), "/"), "/")
	switch prefix {
	case "":
		return []string{parent}, nil
	case parent + "/":
		return []string{name}, nil
	}
	return nil, nil
}

// Open opens a file, by either of its keys.
func (f *checkFolder) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	reader, object, err := f.bucket.Open(ctx, path.Base(key), version)
	object.Key = key
	return reader, object, err
}

func (f *checkFolder) Create(context.Context, string, io.ReadSeeker) error  { return errReadOnly }
func (f *checkFolder) Replace(context.Context, string, io.ReadSeeker) error { return errReadOnly }
func (f *checkFolder) Delete(context.Context, string) error                 { return errReadOnly }
