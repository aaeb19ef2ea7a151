//go:build !linux

package storage

import "os"

// openDirectly is not to be had here.
func (d *directory) openDirectly(string, uint64) *os.File { return nil }
