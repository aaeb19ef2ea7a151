package storage_test

import (
	"fmt"
	"syscall"
)

// mountSmall mounts a file system of a limited size, in bytes, that lives in memory.
func mountSmall(path string, size int) error {
	return syscall.Mount("settle-test", path, "tmpfs", 0, fmt.Sprintf("size=%d", size))
}
