package books

import (
	"context"
	"errors"
	"fmt"
	"io"

	"alliance/settlement/storage"
)

// ReaderAt returns a reader of parts of an object on record, which has to be closed. It does not compare
// the object with its hash: whoever reads parts needs digests of them, such as those of a run of
// accounts. That the object is missing, or shorter than on record, is [ErrBroken].
func (l *Ledger) ReaderAt(ctx context.Context, file FileRecord) storage.ReadAtCloser {
	file = l.Current(file)
	object := storage.ReaderAt(ctx, l.bucket, storage.Object{Key: file.Object})
	return &part{object, file, io.NewSectionReader(object, file.Offset, file.Bytes)}
}

type part struct {
	storage.ReadAtCloser
	file    FileRecord
	content *io.SectionReader
}

func (p *part) ReadAt(buffer []byte, offset int64) (int, error) {
	n, err := p.content.ReadAt(buffer, offset)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return n, fmt.Errorf("%w: object %s is on record and missing", ErrBroken, p.file.Place())
	case err != nil && n < len(buffer) && offset+int64(len(buffer)) <= p.file.Bytes:
		return n, fmt.Errorf("read %d bytes from %d of object %s of the ledger: %w", len(buffer), offset, p.file.Place(), err)
	}
	return n, err
}

// RequestBytes returns how many bytes more can be read at the cost of another read.
func (p *part) RequestBytes() int64 {
	if costly, ok := p.ReadAtCloser.(interface{ RequestBytes() int64 }); ok {
		return costly.RequestBytes()
	}
	return 32 << 10
}
