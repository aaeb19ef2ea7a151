package spool

import (
	"fmt"
	"io"
)

// A Blob is a sequence of bytes. One goroutine writes it, to the end; then any number may read it.
type Blob struct {
	pool   *Pool
	pays   compression
	pieces []piece
	last   []byte
	size   int64
	disk   extents
	brief  bool
}

// NewBlob returns an empty blob.
func (p *Pool) NewBlob() *Blob { return &Blob{pool: p} }

// NewBriefBlob returns an empty blob that is released soon after it is written. A part of the memory is kept free for
// such blobs: when what stays has filled the rest, they need not go to the disk and come back.
func (p *Pool) NewBriefBlob() *Blob { return &Blob{pool: p, brief: true} }

// Write appends to the blob.
func (b *Blob) Write(content []byte) (int, error) {
	written := len(content)
	for len(content) > 0 {
		if b.last == nil {
			b.last = b.pool.take(PieceBytes)
		}
		n := min(len(content), PieceBytes-len(b.last))
		b.last = append(b.last, content[:n]...)
		content = content[n:]
		if len(b.last) == PieceBytes {
			if err := b.hand(); err != nil {
				return 0, err
			}
		}
	}
	b.size += int64(written)
	return written, nil
}

// Close ends the writing.
func (b *Blob) Close() error {
	if len(b.last) > 0 {
		small := append(make([]byte, 0, len(b.last)), b.last...)
		b.pool.giveBack(b.last)
		b.last = small
		if err := b.hand(); err != nil {
			return err
		}
	}
	return b.disk.writeLast(b.pool)
}

func (b *Blob) hand() error {
	kept, err := b.pool.keep(b.last, b.pool.room(b.brief), &b.pays, func(content []byte) (int64, error) {
		offset, full := b.disk.add(b.pool, content, b.pool.chunkBytes(1))
		return offset, b.pool.write(full)
	})
	b.last = nil
	if err == nil {
		b.pieces = append(b.pieces, kept)
	}
	return err
}

// Size returns how many bytes were written.
func (b *Blob) Size() int64 { return b.size }

// ReadAt reads from an offset, as [io.ReaderAt] says. The blob must be closed.
func (b *Blob) ReadAt(buffer []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, fmt.Errorf("read a blob from offset %d", offset)
	}
	for n < len(buffer) && offset < b.size {
		piece := &b.pieces[offset/PieceBytes]
		within := int(offset % PieceBytes)
		part := min(len(buffer)-n, piece.length-within)
		if err := b.pool.read(piece, within, buffer[n:n+part]); err != nil {
			return n, err
		}
		n += part
		offset += int64(part)
	}
	if n < len(buffer) {
		return n, io.EOF
	}
	return n, nil
}

// NewReader returns a reader of the whole blob.
func (b *Blob) NewReader() io.ReadSeeker { return io.NewSectionReader(b, 0, b.size) }

// Release forgets the content.
func (b *Blob) Release() {
	b.pool.release(b.pieces, &b.disk)
	b.pieces, b.size = nil, 0
}
