package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// linkLedger gives a night a ledger of its own, and what the nights before published, in a folder. Files are links to those that are
// kept: settle writes no file twice, and copying gigabytes right before a night takes from the system the memory that was in use
// last, so that the night gets pages that are dear to have.
func (p *prepared) linkLedger(to string) error {
	if p.linked == nil {
		p.linked = make(map[string]fs.FileInfo)
	}
	if p.published != "" {
		if err := p.linkAll(p.published, to); err != nil {
			return err
		}
	}
	return p.linkAll(p.ledger, filepath.Join(to, "ledger"))
}

func (p *prepared) linkAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		link := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(link, 0o755)
		}
		if p.linked[path] == nil {
			if p.linked[path], err = entry.Info(); err != nil {
				return err
			}
		}
		return os.Link(path, link)
	})
}

// untouched is an error if a file that nights share was written to after all.
func (p *prepared) untouched() error {
	for path, before := range p.linked {
		now, err := os.Stat(path)
		if err != nil {
			return err
		}
		if now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
			return fmt.Errorf("%s was written to, and later nights would start from it: delete %s", path, p.opening)
		}
	}
	return nil
}
