package intake

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// spool reads a body to its end and keeps it where it can be read in any order: in memory if it
// has up to inMemory bytes, else in a temporary file, which has no name any more and is gone
// when it is closed, or with the process.
func spool(body io.Reader, size, inMemory int64, reader *Reader) (source io.ReaderAt, closeSource func() error, err error) {
	if size <= inMemory {
		content := reader.fileRoom(size)
		if _, err := io.ReadFull(body, content); err != nil {
			return nil, nil, err
		}
		return bytes.NewReader(content), func() error { return nil }, nil
	}
	file, err := os.CreateTemp("", "settle-parquet-*")
	if err != nil {
		return nil, nil, fmt.Errorf("create a temporary file (the directory is TMPDIR): %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("remove the name of a temporary file: %w", err)
	}
	if _, err := io.Copy(file, body); err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("write a temporary file: %w", err)
	}
	return file, file.Close, nil
}
