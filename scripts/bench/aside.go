package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// putAside gives back what a file or folder takes of the disk, and takes it out of the way of the next turn. Nothing is
// removed before all is measured: for some minutes after a file was removed, ext4 passes over the place that it had, and over those of
// thousands of others one by one, whenever a file is made. No night comes that soon after another one was thrown away. What is a
// link to a file that is kept takes nothing, and stays as it is.
func (pl *place) putAside(path string) error {
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Sys().(*syscall.Stat_t).Nlink > 1 {
			return err
		}
		return os.Truncate(path, 0)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside := filepath.Join(pl.work, "aside")
	if err := errors.Join(err, os.MkdirAll(aside, 0o755)); err != nil {
		return err
	}
	to, err := os.MkdirTemp(aside, "")
	if err != nil {
		return err
	}
	return os.Rename(path, filepath.Join(to, filepath.Base(path)))
}

// putAsideBut puts everything in a folder aside but one entry.
func (pl *place) putAsideBut(folder, name string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != name {
			if err := pl.putAside(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
