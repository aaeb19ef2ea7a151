package storage

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forcesAll reports whether forceAll forces all of the file system to disk that a folder lies on, and tells of what could not be
// written. That is so on these file systems since Linux 5.8; network and user file systems may take a call for themselves and not
// pass it on.
func forcesAll(folder *os.File) bool {
	var found unix.Statfs_t
	if err := ignoringInterrupts(func() error { return unix.Fstatfs(int(folder.Fd()), &found) }); err != nil {
		return false
	}
	switch int64(found.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
	default:
		return false
	}
	var system unix.Utsname
	return unix.Uname(&system) == nil && tellsOfFailedWrites(unix.ByteSliceToString(system.Release[:]))
}

// tellsOfFailedWrites reports whether a release of Linux, such as 6.1.0-18-amd64, is 5.8 or later.
func tellsOfFailedWrites(release string) bool {
	major, rest, _ := strings.Cut(release, ".")
	minor := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	first, err := strconv.Atoi(major)
	if err != nil {
		return false
	}
	second, err := strconv.Atoi(minor)
	return err == nil && (first > 5 || first == 5 && second >= 8)
}

// forceAll forces everything on the file system that a folder lies on to disk.
func forceAll(folder *os.File) error {
	if err := ignoringInterrupts(func() error { return unix.Syncfs(int(folder.Fd())) }); err != nil {
		return fmt.Errorf("force the file system of %s to disk: %w", folder.Name(), err)
	}
	return nil
}

// beginForcing has the disk begin to write a file, and waits for nothing: whoever forces all later waits less. It says nothing of
// what goes wrong, as forceAll does.
func beginForcing(file *os.File) {
	_ = unix.SyncFileRange(int(file.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
