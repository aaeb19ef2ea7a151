package spool

import (
	"errors"
	"fmt"
	"os"
)

// Stripes are the spill file: several files, to which extents go by turns. The system lets one at a time write to a file, and takes as
// long as it has to find memory for it; whoever else spills then would wait.
type stripes struct {
	files []*os.File
	// unlink is true if the files have names still.
	unlink bool
}

const stripeCount = 8

// newStripes makes the files.
func newStripes(directory string) (*stripes, error) {
	s := new(stripes)
	for range stripeCount {
		file, err := os.CreateTemp(directory, "settle-spill-*")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("spill to the disk: %w", err), s.close())
		}
		s.files = append(s.files, file)
		// An open file lives on without a name; where that cannot be, close removes it.
		if os.Remove(file.Name()) != nil {
			s.unlink = true
		}
		scattered(file)
	}
	return s, nil
}

func (s *stripes) close() (err error) {
	for _, file := range s.files {
		err = errors.Join(err, file.Close())
		if s.unlink {
			if failed := os.Remove(file.Name()); !errors.Is(failed, os.ErrNotExist) {
				err = errors.Join(err, failed)
			}
		}
	}
	return err
}

// each calls do for each part of a stretch that lies in one file, in order, until one fails.
func (s *stripes) each(of stretch, do func(file *os.File, part stretch) error) error {
	for of.length > 0 {
		extent, within := of.start/extentBytes, of.start%extentBytes
		count := int64(len(s.files))
		part := stretch{extent/count*extentBytes + within, min(of.length, extentBytes-within)}
		if err := do(s.files[extent%count], part); err != nil {
			return err
		}
		of.start, of.length = of.start+part.length, of.length-part.length
	}
	return nil
}

// write writes content at an offset; before is how many bytes were written until now.
func (s *stripes) write(content []byte, offset, before int64) error {
	return s.each(stretch{offset, int64(len(content))}, func(file *os.File, part stretch) error {
		if _, err := file.WriteAt(content[:part.length], part.start); err != nil {
			return fmt.Errorf("spill to the disk at %s, after %d bytes: %w", file.Name(), before, err)
		}
		content = content[part.length:]
		return nil
	})
}

// read reads what is at an offset into the whole of buffer.
func (s *stripes) read(buffer []byte, offset int64) error {
	return s.each(stretch{offset, int64(len(buffer))}, func(file *os.File, part stretch) error {
		if _, err := file.ReadAt(buffer[:part.length], part.start); err != nil {
			return fmt.Errorf("read what was spilled to the disk at %s: %w", file.Name(), err)
		}
		buffer = buffer[part.length:]
		return nil
	})
}

// drop and fetch give advice about a stretch.
func (s *stripes) drop(of stretch)  { s.advise(of, drop) }
func (s *stripes) fetch(of stretch) { s.advise(of, fetch) }

func (s *stripes) advise(of stretch, advice func(file *os.File, part stretch)) {
	_ = s.each(of, func(file *os.File, part stretch) error {
		advice(file, part)
		return nil
	})
}

// name says where an offset is, for errors.
func (s *stripes) name(offset int64) string {
	return s.files[offset/extentBytes%int64(len(s.files))].Name()
}
