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
// accounts. That the object is missing, or shorter than on record, is [ErrBroken]; that it is gone since a record came after the head, [ErrLost].
func (l *Ledger) ReaderAt(ctx context.Context, file FileRecord) storage.ReadAtCloser {
	return l.part(ctx, file, storage.ReaderAt)
}

// BriefReaderAt is ReaderAt for one object of many, of which nothing is held between two reads: see [storage.BriefReaderAt].
func (l *Ledger) BriefReaderAt(ctx context.Context, file FileRecord) io.ReaderAt {
	return l.part(ctx, file, storage.BriefReaderAt)
}

func (l *Ledger) part(ctx context.Context, file FileRecord, open func(context.Context, storage.Bucket, storage.Object) storage.ReadAtCloser) *part {
	file = l.Current(file)
	object := open(ctx, l.bucket, storage.Object{Key: file.Object})
	return &part{object, ctx, l, file, io.NewSectionReader(object, file.Offset, file.Bytes)}
}

type part struct {
	storage.ReadAtCloser
	ctx     context.Context
	ledger  *Ledger
	file    FileRecord
	content *io.SectionReader
}

func (p *part) ReadAt(buffer []byte, offset int64) (int, error) {
	n, err := p.content.ReadAt(buffer, offset)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return n, p.ledger.missing(p.ctx, "object "+p.file.Place())
	case errors.Is(err, io.EOF) && n < len(buffer) && offset+int64(len(buffer)) <= p.file.Bytes:
		return n, fmt.Errorf("%w: object %s is shorter than the %d bytes on record", ErrBroken, p.file.Place(), p.file.Bytes)
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
