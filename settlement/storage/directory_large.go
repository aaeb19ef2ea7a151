package storage

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

const (
	// smallChunkBytes and largeChunkBytes are the sizes of what bodies go through on their way to a file.
	smallChunkBytes = 256 << 10
	largeChunkBytes = 1 << 20
	// blockBytes divides place, length and address of what is written past the system's cache: disks ask for 512 or 4096.
	blockBytes = 4 << 10
)

var (
	smallChunks = sync.Pool{New: func() any { return new([smallChunkBytes]byte) }}
	largeChunks = sync.Pool{New: func() any { return newLargeChunk() }}
)

// newLargeChunk returns memory that begins where a block may.
func newLargeChunk() *[largeChunkBytes]byte {
	room := make([]byte, largeChunkBytes+blockBytes)
	return (*[largeChunkBytes]byte)(room[aligned(room):])
}

// aligned returns the first place in memory at which a block may begin.
func aligned(memory []byte) int {
	after := addressOf(memory) % blockBytes
	return int((blockBytes - after) % blockBytes)
}

func addressOf(memory []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(memory))) }

// copyBody copies a body to a new file. What is large goes past the system's cache where that can be done: it has to get to the disk
// anyway, is hardly ever read soon, and memory for a copy of it, which the system may have to find first, costs more than the
// writing.
func copyBody(file *os.File, body io.Reader) (written int64, err error) {
	small := smallChunks.Get().(*[smallChunkBytes]byte)
	defer smallChunks.Put(small)
	begun, ended, err := readChunk(body, small[:])
	if err != nil {
		return 0, err
	}
	if ended {
		_, err := file.Write(small[:begun])
		return int64(begun), err
	}
	large := largeChunks.Get().(*[largeChunkBytes]byte)
	defer largeChunks.Put(large)
	copy(large[:], small[:begun])
	to := uncachedWriter{file, setUncached(file, true) == nil}
	for !ended {
		var more int
		if more, ended, err = readChunk(body, large[begun:]); err != nil {
			return written, err
		}
		n, err := to.Write(large[:begun+more])
		if written += int64(n); err != nil {
			return written, err
		}
		begun = 0
	}
	return written, nil
}

// readChunk reads as much as there is room for: the system takes large chunks in half of the time that it takes for what is in
// them in small ones. ended is true if there is no more.
func readChunk(body io.Reader, chunk []byte) (n int, ended bool, err error) {
	for n < len(chunk) && err == nil {
		var more int
		more, err = body.Read(chunk[n:])
		n += more
	}
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}

// An uncachedWriter writes to a file, one chunk after the other from the start on, past the system's cache as long as it can.
type uncachedWriter struct {
	file     *os.File
	uncached bool
}

// Write takes a chunk of whole blocks, or the last one.
func (w *uncachedWriter) Write(chunk []byte) (n int, err error) {
	if w.uncached {
		whole := len(chunk) / blockBytes * blockBytes
		n, err = w.file.Write(chunk[:whole])
		// A disk may want larger blocks, or the file system may say only now that it cannot.
		if n == len(chunk) || err != nil && !errors.Is(err, syscall.EINVAL) {
			return n, err
		}
		if err := setUncached(w.file, false); err != nil {
			return n, err
		}
		w.uncached = false
	}
	more, err := w.file.Write(chunk[n:])
	return n + more, err
}
