package storage

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// TestReadChunk reads what comes in small pieces, and gets it in large ones, and the error after what was before it.
func TestReadChunk(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	broken := errors.New("broken")
	for _, test := range []struct {
		about  string
		reader io.Reader
		fails  error
	}{
		{"a byte at a time", iotest.OneByteReader(bytes.NewReader(content)), nil},
		{"the end with the last piece", iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(content))), nil},
		{"an error within", io.MultiReader(iotest.HalfReader(bytes.NewReader(content)), iotest.ErrReader(broken)), broken},
		{"cut off", io.MultiReader(iotest.OneByteReader(bytes.NewReader(content)), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
	} {
		chunk := make([]byte, 300)
		var got []byte
		for i, want := range []int{300, 300, 300, 100} {
			n, ended, err := readChunk(test.reader, chunk)
			got = append(got, chunk[:n]...)
			last := i == 3
			if n != want || ended != (last && test.fails == nil) || last && err != test.fails || !last && err != nil {
				t.Errorf("%s: chunk %d has %d bytes, ended %t, %v", test.about, i, n, ended, err)
			}
		}
		if !bytes.Equal(got, content) {
			t.Errorf("%s: the bytes are others", test.about)
		}
	}
}
