// Package storage keeps objects: bytes under a key, as an object store does. It knows nothing of
// settlement.
//
// A [Bucket] offers the little that every store has. The one operation on which everything else
// rests is [Bucket.Create]: of any number of creators of one key, in any number of processes,
// exactly one succeeds, and every other gets [ErrExists]. What was created is complete and, once
// Create has returned, survives a power failure.
//
// # Keys
//
// A key is valid UTF-8 of 1 to 1024 bytes: segments separated by "/", none of them empty, "." or
// "..", longer than 255 bytes, or starting with ".settle-temporary-"; no NUL. Keys compare as bytes. A key must not be
// the folder of another one: "a" and "a/b" do not live together. A prefix, as [Bucket.List] and
// [Bucket.Folders] take, is the beginning of a key, or empty. Folders are not made or removed:
// a folder is there as long as an object lies in it.
//
// # Versions
//
// [Object] carries a Version: a text that changes when the content does. [Bucket.Open] with a
// version opens that version or returns [ErrChanged]. What is read to its end is one version as a
// whole; if the content changed meanwhile, Read or Close return ErrChanged.
//
// # The buckets
//
// [OpenDirectory] keeps objects as files below a directory, which must exist. Only regular files
// count: a symbolic link, pipe, socket or device among them is listed, and opening it fails with
// [ErrIrregular]; a symbolic link where folders are listed fails too. No path leads out of the
// directory. Create writes a temporary file in the folder, checks its length, forces it to disk,
// and links it to its name, which fails if the name exists (rename would not); then it forces
// the folder to disk, as it did those above it. The file system must therefore have hard links.
// A killed process may leave a temporary file, whose name starts with ".settle-temporary-"; it is never listed
// and may be removed when no process writes. The version is the modification time in nanoseconds
// and the size: a program that rewrites a file in place within one tick of the file system's
// clock, to the same size, is not noticed here; digests of content are for that.
//
// [NewMemory] keeps objects in memory, for tests. The version is a digest of the content.
//
// [Under] shows the part of a bucket below a prefix as a bucket of its own.
//
// # Errors
//
// [ErrNotFound], [ErrExists], [ErrChanged], [ErrIrregular] and [ErrInvalidKey] are wrapped with the
// key in question; test with errors.Is. Any other error means that the store failed, and for
// Create, Replace and Delete that the outcome is not known. A canceled context stops an operation
// with the context's error.
package storage
