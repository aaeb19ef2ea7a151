package storage

import (
	"os"

	"golang.org/x/sys/unix"
)

// setUncached has what is written to a file from now on go to the disk itself and not into the system's cache, or into it
// again. Not every file system can do that.
func setUncached(file *os.File, uncached bool) error {
	return ignoringInterrupts(func() error {
		flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		if flags &^= unix.O_DIRECT; uncached {
			flags |= unix.O_DIRECT
		}
		_, err = unix.FcntlInt(file.Fd(), unix.F_SETFL, flags)
		return err
	})
}
