package storage

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func randomBytes(n int) []byte {
	content := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(content)
	return content
}

// TestLargeFilesAreNotCached writes files of all sizes about those of chunks and blocks, and looks at what the system's cache has
// of the large ones.
func TestLargeFilesAreNotCached(t *testing.T) {
	for _, size := range []int{0, 1, blockBytes, smallChunkBytes - 1, smallChunkBytes, smallChunkBytes + 1, largeChunkBytes - blockBytes,
		largeChunkBytes - 1, largeChunkBytes, largeChunkBytes + 1, 3*largeChunkBytes + blockBytes + 5} {
		content := randomBytes(size)
		file := newFile(t)
		written, err := copyBody(file, bytes.NewReader(content))
		if err == nil {
			err = file.Sync()
		}
		if err != nil || written != int64(size) {
			t.Fatalf("%d of %d bytes: %v", written, size, err)
		}
		if cached := cachedBytes(t, file); canBePassed(t, file) && size > smallChunkBytes && cached > blockBytes {
			t.Errorf("of %d bytes the cache has %d", size, cached)
		}
		if found, err := os.ReadFile(file.Name()); err != nil || !bytes.Equal(found, content) {
			t.Errorf("%d bytes were written, %d are there: %v", size, len(found), err)
		}
	}
}

// TestUncachedWriterGoesOnWithTheCache writes chunks that no disk takes directly, as they do not begin where a block may.
func TestUncachedWriterGoesOnWithTheCache(t *testing.T) {
	content := randomBytes(3*largeChunkBytes + 100)
	file := newFile(t)
	to := uncachedWriter{file, setUncached(file, true) == nil}
	fits := newLargeChunk()
	copy(fits[:], content)
	for _, chunk := range [][]byte{fits[:], oddly(content[largeChunkBytes : 2*largeChunkBytes]), oddly(content[2*largeChunkBytes : 3*largeChunkBytes]), content[3*largeChunkBytes:]} {
		if n, err := to.Write(chunk); n != len(chunk) || err != nil {
			t.Fatalf("%d of %d bytes: %v", n, len(chunk), err)
		}
	}
	if canBePassed(t, file) && to.uncached {
		t.Error("a chunk that does not begin where a block may went past the cache")
	}
	if found, err := os.ReadFile(file.Name()); err != nil || !bytes.Equal(found, content) {
		t.Errorf("%d bytes were written, %d are there: %v", len(content), len(found), err)
	}
}

// oddly returns content in memory that begins one byte after where a block may.
func oddly(content []byte) []byte {
	room := make([]byte, 2*blockBytes+len(content))
	start := aligned(room) + 1
	return room[start : start+copy(room[start:], content)]
}

func newFile(t *testing.T) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// canBePassed reports whether a file lies on a disk, where the cache can be passed.
func canBePassed(t *testing.T, file *os.File) bool {
	t.Helper()
	var found unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &found); err != nil {
		t.Fatal(err)
	}
	return found.Type == unix.EXT4_SUPER_MAGIC || found.Type == unix.XFS_SUPER_MAGIC
}

// cachedBytes returns how much of a file the system's cache has.
func cachedBytes(t *testing.T, file *os.File) (cached int) {
	t.Helper()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 {
		return 0
	}
	reading, err := os.Open(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	content, err := unix.Mmap(int(reading.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(content) }()
	pages := make([]byte, (len(content)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, addressOf(content), uintptr(len(content)), addressOf(pages)); errno != 0 {
		t.Fatal(errno)
	}
	for _, page := range pages {
		if page&1 != 0 {
			cached += os.Getpagesize()
		}
	}
	return cached
}
