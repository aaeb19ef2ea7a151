package books

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"alliance/settlement/storage"
)

// An objectBody reads a file on record, from its start as often as is asked, and gives an
// error instead of the last bytes if the content is not the one on record: whoever copies it
// cannot end up with a whole copy of a damaged object.
type objectBody struct {
	ctx    context.Context
	ledger *Ledger
	// kept, if not nil, may have the file in memory; packs has the pack that it lies in.
	kept  *kept
	packs *packs
	file  FileRecord

	reader io.ReadCloser
	hash   hash.Hash
	at     int64 // how much was read
	seek   int64 // where the next read is to begin
}

// Seek knows the object's ends only: 0 from the start, and any way of staying in place.
func (b *objectBody) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.seek
	case io.SeekEnd:
		offset += b.file.Bytes
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of an object")
	}
	b.seek = offset
	return offset, nil
}

func (b *objectBody) Read(buffer []byte) (int, error) {
	if b.seek >= b.file.Bytes && b.file.Bytes > 0 {
		return 0, io.EOF
	}
	if len(buffer) == 0 {
		return 0, nil
	}
	if b.reader == nil || b.seek != b.at {
		if err := b.open(); err != nil {
			return 0, err
		}
	}
	n, err := b.reader.Read(buffer)
	b.hash.Write(buffer[:n])
	b.at += int64(n)
	b.seek = b.at
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read object %s: %w", b.file.Place(), err)
	}
	if b.at >= b.file.Bytes || err == io.EOF {
		if sum := hex.EncodeToString(b.hash.Sum(nil)); b.at != b.file.Bytes || sum != b.file.SHA256 {
			return 0, fmt.Errorf("%w: object %s is not what is on record: SHA-256 %s instead of %s", ErrBroken, b.file.Place(), sum, b.file.SHA256)
		}
	}
	return n, err
}

// Summed returns how many bytes were read from the start on, and their SHA-256: see [storage.Summed].
func (b *objectBody) Summed() (bytes int64, sum [sha256.Size]byte) {
	if b.hash == nil {
		return -1, sum
	}
	b.hash.Sum(sum[:0])
	return b.at, sum
}

// open starts reading at the start of the object and goes to where reading is to begin.
func (b *objectBody) open() error {
	if err := b.Close(); err != nil {
		return err
	}
	reader, size, err := b.source()
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: %w", b.ledger.missing(b.ctx, "object "+b.file.Place()), err)
	}
	if errors.Is(err, storage.ErrIrregular) {
		// Whoever copies the object must not take it for what lies where it is copied to.
		return fmt.Errorf("open object %s of the ledger: %v", b.file.Place(), err)
	}
	if err != nil {
		return fmt.Errorf("open object %s: %w", b.file.Place(), err)
	}
	b.reader, b.hash, b.at = reader, sha256.New(), 0
	if size != b.file.Bytes {
		return fmt.Errorf("%w: object %s has %d bytes instead of %d", ErrBroken, b.file.Place(), size, b.file.Bytes)
	}
	b.at, err = io.CopyN(b.hash, reader, b.seek)
	return err
}

// source opens the object where it can be had.
func (b *objectBody) source() (io.ReadCloser, int64, error) {
	if b.kept != nil {
		if reader, size := b.kept.open(b.file.place()); reader != nil {
			return reader, size, nil
		}
	}
	if b.file.Offset != 0 {
		return b.packs.open(b.ctx, b.ledger.bucket, b.file)
	}
	reader, object, err := b.ledger.bucket.Open(b.ctx, b.file.Object, "")
	return reader, object.Size, err
}

func (b *objectBody) Close() error {
	if b.reader == nil {
		return nil
	}
	err := b.reader.Close()
	b.reader = nil
	return err
}
