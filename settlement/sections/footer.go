package sections

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
)

// ErrDamaged says that bytes are not what was written.
var ErrDamaged = errors.New("the file is damaged")

// Damaged returns an error that wraps [ErrDamaged].
func Damaged(format string, values ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, values...))
}

const (
	footerBytes = 32
	// magicBytes is the length of what says what file it is.
	magicBytes = 8
	// tailBytes is how much is read first: of most files this is the whole index.
	tailBytes = 64 << 10
)

// AppendFooter appends the footer to an index that starts at an offset. magic, of 8 bytes, says
// what file it is.
func AppendFooter(index []byte, offset int64, magic string) []byte {
	index = binary.LittleEndian.AppendUint64(index, uint64(offset))
	index = binary.LittleEndian.AppendUint64(index, uint64(len(index)-8))
	index = binary.LittleEndian.AppendUint64(index, xxh3.Hash(index))
	if len(magic) != magicBytes {
		panic(fmt.Sprintf("sections: %q is not of %d bytes", magic, magicBytes))
	}
	return append(index, magic...)
}

// IndexSHA256 returns the SHA-256, in hex, of index and footer.
func IndexSHA256(indexAndFooter []byte) string {
	sum := sha256.Sum256(indexAndFooter)
	return hex.EncodeToString(sum[:])
}

// ReadIndex reads the index of a file of a number of bytes, and returns it with its offset and
// [IndexSHA256]. Errors: ErrDamaged, r's.
func ReadIndex(r io.ReaderAt, size int64, magic string) (index []byte, offset int64, digest string, err error) {
	if size < footerBytes {
		return nil, 0, "", Damaged("it has %d bytes, its footer alone would have %d", size, footerBytes)
	}
	end := make([]byte, min(size, tailBytes))
	if err := readFull(r, end, size-int64(len(end))); err != nil {
		return nil, 0, "", err
	}
	footer := end[len(end)-footerBytes:]
	start, length := binary.LittleEndian.Uint64(footer), binary.LittleEndian.Uint64(footer[8:])
	if string(footer[24:]) != magic {
		return nil, 0, "", Damaged("its last bytes are %q, not %q", footer[24:], magic)
	}
	if start > uint64(size) || length > uint64(size) || start+length+footerBytes != uint64(size) {
		return nil, 0, "", Damaged("its footer says that %d bytes of index follow %d of sections, but it has %d bytes", length, start, size)
	}
	whole := length + footerBytes
	if whole > uint64(len(end)) {
		all := make([]byte, whole)
		rest := all[:len(all)-len(end)]
		copy(all[len(rest):], end)
		if err := readFull(r, rest, int64(start)); err != nil {
			return nil, 0, "", err
		}
		end = all
	}
	end = end[uint64(len(end))-whole:]
	hashed := end[:len(end)-16]
	if xxh3.Hash(hashed) != binary.LittleEndian.Uint64(end[len(hashed):]) {
		return nil, 0, "", Damaged("its index is not what was written: the digest differs")
	}
	return end[:length], int64(start), IndexSHA256(end), nil
}

// readFull fills the buffer from an offset.
func readFull(r io.ReaderAt, buffer []byte, offset int64) error {
	if len(buffer) == 0 {
		return nil
	}
	n, err := r.ReadAt(buffer, offset)
	if n == len(buffer) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(buffer), offset, err)
}
