package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// drop gives the disk back what a stretch of the file holds. Where the file system cannot do that, it stays until it
// is written over.
func drop(file *os.File, part stretch) {
	withDescriptor(file, func(descriptor int) {
		_ = unix.Fallocate(descriptor, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, part.start, part.length)
	})
}

// fetch tells the system that a stretch will be read soon, so that it is in memory by then.
func fetch(file *os.File, part stretch) {
	withDescriptor(file, func(descriptor int) {
		_ = unix.Fadvise(descriptor, part.start, part.length, unix.FADV_WILLNEED)
	})
}

// scattered tells the system that what lies behind a stretch that is read is not what is read next.
func scattered(file *os.File) {
	withDescriptor(file, func(descriptor int) { _ = unix.Fadvise(descriptor, 0, 0, unix.FADV_RANDOM) })
}

func withDescriptor(file *os.File, do func(descriptor int)) {
	connection, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = connection.Control(func(descriptor uintptr) { do(int(descriptor)) })
}
