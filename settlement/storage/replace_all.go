package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// A Named body is what is to be stored under a name in a folder.
type Named struct {
	Name string
	Body io.ReadSeeker
}

// A replacer is a bucket for which several objects of a folder are less work than one after the other.
type replacer interface {
	replaceAll(ctx context.Context, folder string, objects []Named) error
}

// ReplaceAll stores objects in a folder, whether their keys are taken or not, as [Bucket.Replace] does each of
// them, at the cost of forcing a directory's folder to disk once. It may hold a file open for each. nil:
// all are there. After an error each of them is there as it was or as it is to be.
func ReplaceAll(ctx context.Context, bucket Bucket, folder string, objects []Named) error {
	if able, ok := bucket.(replacer); ok && len(objects) > 1 {
		return able.replaceAll(ctx, folder, objects)
	}
	for _, object := range objects {
		if err := bucket.Replace(ctx, folder+"/"+object.Name, object.Body); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) replaceAll(ctx context.Context, folder string, objects []Named) error {
	whole, err := p.key(folder)
	if err != nil {
		return err
	}
	return ReplaceAll(ctx, p.bucket, whole, objects)
}

func (l *lazyDirectory) replaceAll(ctx context.Context, folder string, objects []Named) error {
	bucket, err := l.current(true)
	if err != nil {
		return err
	}
	return ReplaceAll(ctx, bucket, folder, objects)
}

func (d *directory) replaceAll(ctx context.Context, folder string, objects []Named) error {
	for _, object := range objects {
		if err := check(ctx, folder+"/"+object.Name); err != nil {
			return err
		}
	}
	d.makeTidy(ctx)
	held, err := d.folder(folder)
	if err == nil {
		defer d.letGo(held)
		err = d.replaceIn(ctx, held, objects)
	}
	if err != nil {
		return fmt.Errorf("replace files of %s in %s: %w", folder, d.path, err)
	}
	return nil
}

// replaceIn writes every body to a temporary file before any gets its name.
func (d *directory) replaceIn(ctx context.Context, folder *openFolder, objects []Named) (err error) {
	temporaries := make([]*temporaryFile, 0, len(objects))
	defer func() {
		for _, temporary := range temporaries {
			err = errors.Join(err, temporary.close())
		}
	}()
	for _, object := range objects {
		temporary, err := d.fill(ctx, temporaryFolder, object.Body)
		if isElsewhere(err) {
			return d.replaceEach(ctx, folder, objects)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", object.Name, err)
		}
		temporaries = append(temporaries, temporary)
	}
	for i, temporary := range temporaries {
		if err := temporary.placeAs(rename, folder, objects[i].Name); isElsewhere(err) {
			return d.replaceEach(ctx, folder, objects)
		} else if err != nil {
			return fmt.Errorf("%s: %w", objects[i].Name, err)
		}
	}
	return folder.sync()
}

// replaceEach does so where temporary files must lie in the folder of the object.
func (d *directory) replaceEach(ctx context.Context, folder *openFolder, objects []Named) error {
	for _, object := range objects {
		if err := d.putFrom(ctx, folder.name, folder, object.Name, object.Body, rename); err != nil {
			return fmt.Errorf("%s: %w", object.Name, err)
		}
	}
	return nil
}
