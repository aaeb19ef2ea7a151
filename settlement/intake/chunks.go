package intake

import (
	"io"
	"strings"
)

// chunks is a text read in large pieces. Each piece is one string, which all the values cut
// from it share, so that a row costs no allocation.
type chunks struct {
	source io.Reader
	buffer []byte
	// text is the piece at hand, of which at bytes are done with.
	text  string
	at    int
	ended bool
}

func newChunks(source io.Reader, limits *limits) *chunks {
	return &chunks{source: source, buffer: make([]byte, limits.chunkBytes)}
}

// rest is what is left of the piece at hand.
func (c *chunks) rest() string { return c.text[c.at:] }

// more reads on: afterwards rest begins with what was left and is longer, or ended is true. The
// piece grows if what was left fills it; bounding that is the caller's part.
func (c *chunks) more() error {
	left := c.text[c.at:]
	if len(left) > len(c.buffer)/2 {
		c.buffer = make([]byte, 2*len(c.buffer))
	}
	filled := copy(c.buffer, left)
	for idle := 0; filled < len(c.buffer) && !c.ended; {
		n, err := c.source.Read(c.buffer[filled:])
		filled += n
		switch {
		case err == io.EOF:
			c.ended = true
		case err != nil:
			return err
		case n > 0:
			idle = 0
		default:
			if idle++; idle == 100 {
				return io.ErrNoProgress
			}
		}
	}
	c.text, c.at = string(c.buffer[:filled]), 0
	return nil
}

const byteOrderMark = "\uFEFF"

// skipByteOrderMark begins to read, after a byte order mark if there is one.
func (c *chunks) skipByteOrderMark() error {
	for len(c.text) < len(byteOrderMark) && !c.ended {
		if err := c.more(); err != nil {
			return err
		}
	}
	if strings.HasPrefix(c.text, byteOrderMark) {
		c.at = len(byteOrderMark)
	}
	return nil
}
