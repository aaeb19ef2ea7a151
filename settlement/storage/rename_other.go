//go:build !linux

package storage

import "syscall"

// renameOnce is not to be had here.
func renameOnce(int, string, int, string) error { return syscall.ENOSYS }
