package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// A Folder is what is to be stored in one folder.
type Folder struct {
	// Key is the folder's, without a "/" at its end.
	Key string
	// Objects are at least one.
	Objects []Named
}

// A foldersReplacer is a bucket for which the objects of several folders are less work than those of one after the other.
type foldersReplacer interface {
	replaceFolders(ctx context.Context, folders []Folder) (able bool, err error)
}

// ReplaceFolders stores objects in several folders as [ReplaceAll] does in each, and the last one of each folder when all others are
// there for good. It is able to where that can be had at the cost of forcing everything to disk three times instead of every file and
// folder: in a directory on a local file system. It holds a file open for each object. After an error each of them is
// there as it was or as it is to be; so it is where it is not able to, and the objects are to be stored by ReplaceAll then.
func ReplaceFolders(ctx context.Context, bucket Bucket, folders []Folder) (able bool, err error) {
	if replacer, ok := bucket.(foldersReplacer); ok {
		return replacer.replaceFolders(ctx, folders)
	}
	return false, nil
}

func (p *part) replaceFolders(ctx context.Context, folders []Folder) (bool, error) {
	whole := make([]Folder, len(folders))
	for i, folder := range folders {
		key, err := p.key(folder.Key)
		if err != nil {
			return true, err
		}
		whole[i] = Folder{key, folder.Objects}
	}
	return ReplaceFolders(ctx, p.bucket, whole)
}

func (l *lazyDirectory) replaceFolders(ctx context.Context, folders []Folder) (bool, error) {
	bucket, err := l.current(true)
	if err != nil {
		return true, err
	}
	return ReplaceFolders(ctx, bucket, folders)
}

func (d *directory) replaceFolders(ctx context.Context, folders []Folder) (able bool, err error) {
	for _, folder := range folders {
		for _, object := range folder.Objects {
			if err := check(ctx, folder.Key+"/"+object.Name); err != nil {
				return true, err
			}
		}
	}
	d.makeTidy(ctx)
	// The system tells of what could not be written since this was opened: that has to be before the first write.
	top, err := d.root.Open(nameOf(""))
	if err != nil || !forcesAll(top) {
		return false, errors.Join(err, closeIfOpen(top))
	}
	able, err = d.replaceTogether(ctx, top, folders)
	if err = errors.Join(err, top.Close()); err != nil {
		err = fmt.Errorf("replace files of %d folders in %s: %w", len(folders), d.path, err)
	}
	return able, err
}

func closeIfOpen(file *os.File) error {
	if file == nil {
		return nil
	}
	return file.Close()
}

// foldersAtOnce is how many folders are filled at a time: nothing is waited for but locks.
const foldersAtOnce = 8

// replaceTogether writes every body to a temporary file, forces all to disk, gives all but the last of each folder their names,
// forces these to disk, and does so with the last ones.
func (d *directory) replaceTogether(ctx context.Context, top *os.File, folders []Folder) (able bool, err error) {
	temporaries := make([][]*temporaryFile, len(folders))
	defer func() {
		for _, some := range temporaries {
			for _, temporary := range some {
				err = errors.Join(err, temporary.close())
			}
		}
	}()
	err = eachOf(folders, func(i int) (err error) {
		temporaries[i], err = d.fillAll(ctx, folders[i].Objects)
		return err
	})
	if err == nil {
		err = d.forceAll(top)
	}
	several := slices.ContainsFunc(folders, func(folder Folder) bool { return len(folder.Objects) > 1 })
	if err == nil && several {
		err = d.placeEach(top, folders, temporaries, func(count int) (from, to int) { return 0, count - 1 })
	}
	if err == nil {
		err = d.placeEach(top, folders, temporaries, func(count int) (from, to int) { return count - 1, count })
	}
	if isElsewhere(err) || errors.Is(err, syscall.EMFILE) {
		return false, nil
	}
	return true, err
}

// placeEach gives some of the temporary files of each folder their names, and forces these to disk.
func (d *directory) placeEach(top *os.File, folders []Folder, temporaries [][]*temporaryFile, which func(count int) (from, to int)) error {
	err := eachOf(folders, func(i int) error {
		from, to := which(len(temporaries[i]))
		return d.placeAll(folders[i].Key, folders[i].Objects[from:to], temporaries[i][from:to])
	})
	if err != nil {
		return err
	}
	return d.forceAll(top)
}

func eachOf(folders []Folder, work func(i int) error) error {
	var group errgroup.Group
	group.SetLimit(foldersAtOnce)
	for i := range folders {
		group.Go(func() error { return work(i) })
	}
	return group.Wait()
}

// fillAll writes bodies to temporary files that are not forced to disk; it returns those that it has made, also after an error.
func (d *directory) fillAll(ctx context.Context, objects []Named) (temporaries []*temporaryFile, err error) {
	for _, object := range objects {
		temporary, err := d.fillUnforced(ctx, temporaryFolder, object.Body)
		if err != nil {
			return temporaries, fmt.Errorf("%s: %w", object.Name, err)
		}
		temporaries = append(temporaries, temporary)
	}
	return temporaries, nil
}

// placeAll gives temporary files their names in a folder, which is made if need be.
func (d *directory) placeAll(folder string, objects []Named, temporaries []*temporaryFile) error {
	if len(objects) == 0 {
		return nil
	}
	opened, err := d.openUnforced(folder)
	if err != nil {
		return err
	}
	for i, temporary := range temporaries {
		if err = temporary.placeAs(rename, opened, objects[i].Name); err != nil {
			break
		}
	}
	return errors.Join(err, opened.file.Close())
}

// openUnforced opens a folder, which is made if need be with those above it, but not forced to disk: nobody else
// gets to hold it.
func (d *directory) openUnforced(name string) (folder *openFolder, err error) {
	for range folderTries {
		if folder, err = d.tryUnforced(name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return folder, err
}

func (d *directory) tryUnforced(name string) (*openFolder, error) {
	file, err := d.root.Open(nameOf(""))
	if err != nil {
		return nil, err
	}
	folder := &openFolder{file: file, force: d.forceFolder}
	for segment := range strings.SplitSeq(name, "/") {
		below, err := d.openBelow(folder, segment)
		if err = errors.Join(err, folder.file.Close()); err != nil {
			return nil, errors.Join(err, closeIfOpen(below))
		}
		folder = &openFolder{name: join(folder.name, segment), file: below, force: d.forceFolder}
	}
	return folder, nil
}

func (d *directory) openBelow(folder *openFolder, segment string) (*os.File, error) {
	err := folder.at("mkdirat", segment, func(fd int) error { return unix.Mkdirat(fd, segment, 0o755) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	file, err := folder.open(segment, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, d.noFolder(join(folder.name, segment), err)
	}
	return file, nil
}
