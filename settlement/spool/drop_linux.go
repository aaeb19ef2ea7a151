package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// drop gives the disk back what a stretch of the file holds. Where the file system cannot do that, it stays until it
// is written over.
func drop(file *os.File, part stretch) {
	connection, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = connection.Control(func(descriptor uintptr) {
		_ = unix.Fallocate(int(descriptor), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, part.start, part.length)
	})
}
