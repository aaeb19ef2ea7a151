package storage

import "golang.org/x/sys/unix"

// renameOnce renames a file to a name that is not taken: EEXIST if it is, EINVAL if the file system cannot
// look and rename at once.
func renameOnce(fromFolder int, from string, toFolder int, to string) error {
	return unix.Renameat2(fromFolder, from, toFolder, to, unix.RENAME_NOREPLACE)
}
