package intake

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// expand returns the content of a packed object, up to what it may expand to.
func expand(body io.Reader, object *Object, limits *limits) (io.ReadCloser, error) {
	if object.Format.Packing == Unpacked {
		return io.NopCloser(body), nil
	}
	if object.Size == 0 {
		return nil, unreadable("the file is empty, which is not even a compressed file without rows")
	}
	expanded := &expandedBody{stored: object.Size, left: limits.expandedBytes(object.Size), limits: limits}
	switch object.Format.Packing {
	case Gzip:
		unpacker, err := gzip.NewReader(buffered(body))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		expanded.name, expanded.source, expanded.close = "gzip", unpacker, func() { unpacker.Close() }
	case Zstandard:
		unpacker, err := zstd.NewReader(buffered(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(limits.windowBytes))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		expanded.name, expanded.source, expanded.close = "zstd", unpacker, unpacker.Close
	}
	return expanded, nil
}

// expandedBody is a merchant's compressed file on its way out of a library that is not ours.
type expandedBody struct {
	name   string
	source io.Reader
	close  func()
	stored int64
	left   int64
	limits *limits
}

func (e *expandedBody) Close() error {
	e.close()
	return nil
}

func (e *expandedBody) Read(buffer []byte) (n int, err error) {
	// One merchant's broken file must not end the night of all.
	defer func() {
		if failure := recover(); failure != nil {
			n, err = 0, unreadable("%s: the file cannot be expanded (%v); deliver it again", e.name, failure)
		}
	}()
	n, err = e.source.Read(buffer)
	e.left -= int64(n)
	if e.left < 0 {
		return 0, e.limits.expansionFault(e.stored)
	}
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		err = unreadable("zstd: the file wants a window of more than the limit of %d bytes; compress it with a smaller one (zstd --long=27 at most)", e.limits.windowBytes)
	case err != nil && err != io.EOF:
		err = fmt.Errorf("%s: %w", e.name, err)
	}
	return n, err
}
