package intake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// FileFacts is what reading a file found out about it.
type FileFacts struct {
	// Bytes is the size as stored; SHA256 the digest of the stored bytes in hex, "" for what is not
	// read: an object over the limit of size, or what is no regular file.
	Bytes  int64
	SHA256 string
	// Code is unreadable_file, missing_column or wrong_type, with what was found, or NoCode. Rows
	// that were handed out before the fault was met must not be used.
	Code                   settlement.Code
	Column, Value, Message string
	// Rows counts every record. The points are sums over every record with a valid kind and
	// points, of the kinds issue and redeem, before any other check.
	Rows, IssuedPoints, RedeemedPoints int64
	// UnknownColumns are the columns without a meaning in order of first appearance, each by its
	// name if that looks like one, else as "column 3"; MoreUnknownColumns says that there are more
	// than the list holds.
	UnknownColumns     []string
	MoreUnknownColumns bool
}

// A fileFault is a fault of a whole file: data, not an error of the world.
type fileFault struct {
	code                   settlement.Code
	column, value, message string
}

func (f *fileFault) Error() string { return f.code.String() + ": " + f.message }

func unreadable(format string, arguments ...any) *fileFault {
	return &fileFault{code: settlement.UnreadableFile, message: fmt.Sprintf(format, arguments...)}
}

// Read reads an object in one pass: its digest, and its rows in order, each handed to sink. The
// record is used again for the next row, its strings are not: they may be kept, at the price of
// keeping the chunk of some 256 KiB that they share; clone what is kept for long. With a nil sink,
// or for a format without a reader, only the digest is found.
//
// What is wrong with the file's content is in the facts. An error is one of the store, of ctx,
// or what sink returned; it wraps [storage.ErrChanged] or [storage.ErrNotFound] if the object is
// no longer what was listed.
func Read(ctx context.Context, inbox storage.Bucket, object *Object, sink func(*settlement.Record) error) (FileFacts, error) {
	return read(ctx, inbox, object, sink, &standard, nil)
}

func read(ctx context.Context, inbox storage.Bucket, object *Object, sink func(*settlement.Record) error, limits *limits, reader *Reader) (FileFacts, error) {
	facts := FileFacts{Bytes: object.Size}
	if object.Size > limits.fileBytes {
		facts.fault(unreadable("the file has %d bytes, more than the limit of %d; deliver it in parts", object.Size, limits.fileBytes))
		return facts, nil
	}
	if object.Fault != "" {
		facts.fault(unreadable("%s%s", fileClosed, object.Fault))
		return facts, nil
	}
	body, err := openExactly(ctx, inbox, object.Object)
	if errors.Is(err, storage.ErrIrregular) {
		facts.fault(unreadable("%s%s", fileClosed, whyClosed(err)))
		return facts, nil
	}
	if err != nil {
		return facts, err
	}
	defer body.Close()
	switch {
	case sink == nil || !object.Format.Readable():
	case object.Format.Rows == Parquet:
		err := readSpooled(ctx, body, object, sink, &facts, limits, reader)
		return facts, err
	default:
		if err := readRows(body, object, sink, &facts, limits); err != nil {
			return facts, err
		}
	}
	facts.SHA256, err = body.finish()
	return facts, err
}

// readRows reads the rows of CSV and JSON lines.
func readRows(body *exactBody, object *Object, sink func(*settlement.Record) error, facts *FileFacts, limits *limits) error {
	return readTextRows(body, object, &rowReader{limits: limits, sink: sink, facts: facts})
}

func readTextRows(body *exactBody, object *Object, rows *rowReader) error {
	facts, limits := rows.facts, rows.limits
	rows.use(object.Layout)
	expanded, err := expand(body, object, limits)
	if err == nil {
		defer expanded.Close()
		rows.source = newChunks(rows.decode(expanded), limits)
		switch object.Format.Rows {
		case CSV:
			err = rows.readCSV()
		case JSONLines:
			err = rows.readJSONLines()
		default:
			panic(fmt.Sprintf("intake: no reader for the rows of %s", object.Key))
		}
		if rows.sinkError != nil {
			return rows.sinkError
		}
	}
	if body.err != nil {
		return body.err
	}
	if fault, ok := err.(*fileFault); ok {
		facts.fault(fault)
	} else if err != nil {
		facts.fault(unreadable("%v; the file is truncated or broken, deliver it again", err))
	}
	return nil
}

// readSpooled reads the rows of Parquet, whose order of bytes is not that of its rows: the whole
// object is put aside first, and digested on the way.
func readSpooled(ctx context.Context, body *exactBody, object *Object, sink func(*settlement.Record) error, facts *FileFacts, limits *limits, reader *Reader) error {
	source, closeSource, err := spool(body, object.Size, limits.spoolBytes, reader)
	if body.err != nil {
		return body.err
	}
	if err != nil {
		return fmt.Errorf("put %s aside: %w", object.Key, err)
	}
	defer closeSource()
	if facts.SHA256, err = body.finish(); err != nil {
		return err
	}
	rows := rowReader{limits: limits, sink: sink, facts: facts}
	rows.use(object.Layout)
	var file *parquetFile
	err = guarded(func() (err error) {
		file, err = openParquet(source, object.Size, &rows)
		return err
	})
	if err == nil {
		err = rows.readParquet(ctx, file, reader)
	}
	if rows.sinkError != nil {
		return rows.sinkError
	}
	var fault *fileFault
	if errors.As(err, &fault) {
		facts.fault(fault)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", object.Key, err)
	}
	return nil
}

func (f *FileFacts) fault(fault *fileFault) {
	f.Code, f.Column, f.Value, f.Message = fault.code, fault.column, fault.value, fault.message
}

// exactBody is an object's content, digested while it is read, which is exactly as long as it
// was listed or ends in an error.
type exactBody struct {
	ctx    context.Context
	key    string
	body   io.ReadCloser
	size   int64
	read   int64
	digest hash.Hash
	// err is what ended the reading before the end: an error of the world, never of the content.
	err error
}

func openExactly(ctx context.Context, inbox storage.Bucket, object storage.Object) (*exactBody, error) {
	body, _, err := inbox.Open(ctx, object.Key, object.Version)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", object.Key, err)
	}
	return &exactBody{ctx: ctx, key: object.Key, body: body, size: object.Size, digest: sha256.New()}, nil
}

func (b *exactBody) Close() error { return b.body.Close() }

func (b *exactBody) Read(buffer []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if err := b.ctx.Err(); err != nil {
		b.err = fmt.Errorf("read %s: %w", b.key, err)
		return 0, b.err
	}
	n, err := b.body.Read(buffer)
	b.digest.Write(buffer[:n])
	b.read += int64(n)
	switch {
	case err == io.EOF && b.read == b.size:
		return n, io.EOF
	case err == io.EOF || b.read > b.size:
		b.err = fmt.Errorf("read %s: %d bytes, but it was listed with %d: %w", b.key, b.read, b.size, storage.ErrChanged)
	case err != nil:
		b.err = fmt.Errorf("read %s: %w", b.key, err)
	}
	return n, b.err
}

// finish reads what is left, which still counts for the digest, and returns the digest in hex.
// A store may tell only now that the object has changed.
func (b *exactBody) finish() (sha256 string, err error) {
	if _, err := io.Copy(io.Discard, b); err != nil {
		return "", err
	}
	if err := b.body.Close(); err != nil {
		return "", fmt.Errorf("read %s: %w", b.key, err)
	}
	return hex.EncodeToString(b.digest.Sum(nil)), nil
}

const packedBuffer_bytes = 128 << 10

func buffered(source io.Reader) *bufio.Reader { return bufio.NewReaderSize(source, packedBuffer_bytes) }
