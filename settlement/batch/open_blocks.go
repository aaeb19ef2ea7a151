package batch

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// longestRow is how many bytes a row of a file of opening lots may have. A good one has a few hundred
// at most, but a quote that is not closed would make the rest of the file one row, in memory.
const longestRow = 1 << 20

// A rowBlock is a part of a CSV file that begins with a row, and ends with one.
type rowBlock struct {
	text string
	// row is the number of its first row, with the header as 0; line the line on which text begins, from 1.
	row  int64
	line int
	// cut says that the block is the beginning of a row that is longer than a block may be.
	cut bool
}

// A blockReader takes a CSV file apart into blocks of rows, which can be read by several goroutines,
// and digests it. It looks at newlines and quotes alone: as long as rows are good CSV, a newline
// ends a row if there is an even number of quotes before it. In a row that is not, encoding/csv stops
// before the end of the block that has it.
type blockReader struct {
	file   io.Reader
	digest hash.Hash
	buffer []byte
	filled int
	row    int64
	line   int
	// begun: something was read; ended: all was.
	begun, ended bool
}

// newBlockReader returns a reader of blocks of at most so many bytes, longestRow but in tests.
func newBlockReader(file io.Reader, blockBytes int) *blockReader {
	return &blockReader{file: file, digest: sha256.New(), buffer: make([]byte, blockBytes), line: 1}
}

// next returns the next block, and [io.EOF] after the last one. After a block that is cut nothing more is read.
func (r *blockReader) next() (block rowBlock, err error) {
	if err := r.fill(); err != nil {
		return block, err
	}
	if r.filled == 0 {
		return block, io.EOF
	}
	content := r.buffer[:r.filled]
	end, rows, lines := scanRows(content)
	if r.ended {
		end = len(content)
	}
	block = rowBlock{row: r.row, line: r.line, cut: end == 0}
	if block.cut {
		end, r.ended = len(content), true
	}
	block.text = string(content[:end])
	r.filled = copy(r.buffer, content[end:])
	r.row += rows
	r.line += lines
	return block, nil
}

func (r *blockReader) fill() error {
	if r.ended {
		return nil
	}
	size, err := io.ReadFull(r.file, r.buffer[r.filled:])
	r.digest.Write(r.buffer[r.filled : r.filled+size])
	r.filled += size
	r.ended = err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !r.ended {
		return fmt.Errorf("read the opening lots: %w", err)
	}
	if !r.begun {
		r.begun = true
		if rest, found := bytes.CutPrefix(r.buffer[:r.filled], []byte("\uFEFF")); found {
			r.filled = copy(r.buffer, rest)
		}
	}
	return nil
}

// scanRows returns where the last row of content ends that ends with a newline, and how many rows
// and lines there are up to there. Empty lines are no rows.
func scanRows(content []byte) (end int, rows int64, lines int) {
	quoted, passed := false, 0
	for at := 0; ; {
		size := bytes.IndexByte(content[at:], '\n')
		if size < 0 {
			return end, rows, lines
		}
		line := content[at : at+size]
		at += size + 1
		passed++
		within := quoted
		if bytes.Count(line, quoteMark)%2 == 1 {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if within || len(line) > 1 || len(line) == 1 && line[0] != '\r' {
			rows++
		}
		end, lines = at, passed
	}
}

var quoteMark = []byte{'"'}

// A rowReader reads the rows of a block as encoding/csv does. It takes those apart itself that have no quotes, or
// quotes around whole fields, and leaves the others to it.
type rowReader struct {
	rest string
	// line is the one on which rest begins.
	line   int
	fields []string
	// cut says that rest is only the beginning of a row.
	cut bool
}

func newRowReader(block rowBlock) *rowReader {
	return &rowReader{rest: block.text, line: block.line, cut: block.cut}
}

var errLongRow = fmt.Errorf("is longer than the %d MiB that a row may have; perhaps a quote is not closed", longestRow>>20)

// next returns the fields of the next row, valid until the next call, and the line on which it begins.
// Errors: [io.EOF], errLongRow, or a [csv.ParseError].
func (r *rowReader) next() (fields []string, line int, err error) {
	for r.rest != "" {
		text, rest, ended := strings.Cut(r.rest, "\n")
		text = strings.TrimSuffix(text, "\r")
		if text == "" {
			r.rest = rest
			r.line++
			continue
		}
		line = r.line
		if r.cut {
			return nil, line, r.whyLong()
		}
		var simple bool
		if r.fields, simple = appendFields(r.fields[:0], text); !simple {
			fields, err = r.thorough()
			return fields, line, err
		}
		r.rest = rest
		if ended {
			r.line++
		}
		return r.fields, line, nil
	}
	return nil, r.line, io.EOF
}

// appendFields appends the fields of a row of one line, unless it has quotes other than around whole fields.
func appendFields(fields []string, text string) (all []string, simple bool) {
	quotes := strings.IndexByte(text, '"') >= 0
	for {
		if quotes && text != "" && text[0] == '"' {
			size := strings.IndexByte(text[1:], '"')
			if size < 0 {
				return fields, false
			}
			fields = append(fields, text[1:size+1])
			text = text[size+2:]
			if text == "" {
				return fields, true
			}
			if text[0] != ',' {
				return fields, false
			}
			text = text[1:]
			continue
		}
		size := strings.IndexByte(text, ',')
		field := text
		if size >= 0 {
			field = text[:size]
		}
		if quotes && strings.IndexByte(field, '"') >= 0 {
			return fields, false
		}
		fields = append(fields, field)
		if size < 0 {
			return fields, true
		}
		text = text[size+1:]
	}
}

// whyLong returns what is wrong with a row of which only the beginning is there.
func (r *rowReader) whyLong() error {
	if _, err := r.thorough(); errors.Is(err, csv.ErrBareQuote) {
		return err // then it is not long, but the next row is not seen to begin
	}
	return errLongRow
}

// thorough reads the next row with encoding/csv.
func (r *rowReader) thorough() ([]string, error) {
	reader := csv.NewReader(strings.NewReader(r.rest))
	reader.FieldsPerRecord = -1
	fields, err := reader.Read()
	passed := reader.InputOffset()
	r.line += strings.Count(r.rest[:passed], "\n")
	r.rest = r.rest[passed:]
	return fields, err
}
