package storage

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// TestFillingReader reads what comes in small pieces, and gets it in large ones, and the error after what was before it.
func TestFillingReader(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100)
	broken := errors.New("broken")
	for _, test := range []struct {
		about  string
		reader io.Reader
		ends   error
	}{
		{"a byte at a time", iotest.OneByteReader(bytes.NewReader(content)), io.EOF},
		{"the end with the last piece", iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(content))), io.EOF},
		{"an error within", io.MultiReader(iotest.HalfReader(bytes.NewReader(content)), iotest.ErrReader(broken)), broken},
		{"cut off", io.MultiReader(iotest.OneByteReader(bytes.NewReader(content)), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
	} {
		reader := fillingReader{test.reader}
		buffer := make([]byte, 300)
		var got []byte
		var reads []int
		var err error
		for err == nil {
			var n int
			n, err = reader.Read(buffer)
			got = append(got, buffer[:n]...)
			reads = append(reads, n)
		}
		if !bytes.Equal(got, content) || err != test.ends || len(reads) < 4 || reads[0] != 300 || reads[1] != 300 || reads[2] != 300 || reads[3] != 100 {
			t.Errorf("%s: %d bytes in %d, then %v", test.about, len(got), reads, err)
		}
	}
}
