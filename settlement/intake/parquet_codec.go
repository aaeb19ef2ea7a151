package intake

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The codecs of Parquet, by their numbers in the footer.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecBrotli = 4
	codecZstd   = 6
	codecLZ4Raw = 7
)

var codecNames = [...]string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4 (the Hadoop one)", "ZSTD", "LZ4_RAW"}

// codecName returns "" for a number that is no codec's.
func codecName(codec int64) string {
	if codec < 0 || codec >= int64(len(codecNames)) {
		return ""
	}
	return codecNames[codec]
}

func codecReadable(codec int64) bool {
	switch codec {
	case codecNone, codecSnappy, codecGzip, codecBrotli, codecZstd, codecLZ4Raw:
		return true
	}
	return false
}

// unpackers hold what the libraries need again and again.
type unpackers struct {
	gzip *gzip.Reader
	zstd *zstd.Decoder
	// packed is room for the bytes of one page.
	packed []byte
}

func (u *unpackers) room(size int64) []byte {
	if int64(cap(u.packed)) < size {
		u.packed = make([]byte, size)
	}
	return u.packed[:size]
}

func (u *unpackers) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// unpack fills page with what packed expands to, which must be exactly that much: no library is
// let to allocate what the packed bytes claim.
func (u *unpackers) unpack(codec int64, page, packed []byte) error {
	switch codec {
	case codecNone:
		if len(packed) != len(page) {
			return fmt.Errorf("a page of %d bytes is said to have %d", len(packed), len(page))
		}
		copy(page, packed)
		return nil
	case codecSnappy:
		claimed, size := binary.Uvarint(packed)
		if size <= 0 || claimed != uint64(len(page)) {
			return fmt.Errorf("SNAPPY: a page of %d bytes claims to have %d", len(page), claimed)
		}
		unpacked, err := snappy.Decode(page, packed)
		return exactly("SNAPPY", page, len(unpacked), err)
	case codecGzip:
		return u.gunzip(page, packed)
	case codecBrotli:
		codec, err := compress.GetCodec(compress.Codecs.Brotli)
		if err != nil {
			return fmt.Errorf("BROTLI: %w", err)
		}
		reader := codec.NewReader(bytes.NewReader(packed))
		defer reader.Close()
		return fill("BROTLI", page, reader)
	case codecZstd:
		if u.zstd == nil {
			var err error
			if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true)); err != nil {
				return fmt.Errorf("ZSTD: %w", err)
			}
		}
		unpacked, err := u.zstd.DecodeAll(packed, page[:0:len(page)])
		return exactly("ZSTD", page, len(unpacked), err)
	case codecLZ4Raw:
		size, err := lz4.UncompressBlock(packed, page)
		return exactly("LZ4_RAW", page, size, err)
	default:
		return fmt.Errorf("codec number %d is not read", codec)
	}
}

func (u *unpackers) gunzip(page, packed []byte) error {
	var err error
	if u.gzip == nil {
		u.gzip, err = gzip.NewReader(bytes.NewReader(packed))
	} else {
		err = u.gzip.Reset(bytes.NewReader(packed))
	}
	if err != nil {
		u.gzip = nil
		return fmt.Errorf("GZIP: %w", err)
	}
	return fill("GZIP", page, u.gzip)
}

func exactly(name string, page []byte, size int, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case size != len(page):
		return fmt.Errorf("%s: a page expands to %d bytes and is said to have %d", name, size, len(page))
	}
	return nil
}

// fill reads a page and makes sure that nothing follows.
func fill(name string, page []byte, source io.Reader) error {
	if size, err := io.ReadFull(source, page); err != nil {
		return exactly(name, page, size, err)
	}
	var more [1]byte
	if size, err := io.ReadFull(source, more[:]); size > 0 {
		return fmt.Errorf("%s: a page expands to more than the %d bytes that it is said to have", name, len(page))
	} else if err != io.EOF {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
