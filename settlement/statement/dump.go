package statement

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/shopspring/decimal"

	"alliance/settlement"
)

// Dump prints a published table as CSV with a header: the named columns in the order named, or
// all of them. A null is an empty cell; a decimal has all decimals of its column; a date is
// YYYY-MM-DD, an instant RFC 3339 in UTC, a flag true or false; text is written as it is, quoted
// where CSV needs it. An error says that the file is not whole, or has no such column.
func Dump(w io.Writer, parquet []byte, columns []string) error {
	read, err := readFrame(parquet, columns...)
	if err != nil {
		return err
	}
	lines := csv.NewWriter(w)
	cells := make([]string, len(read.columns))
	for i := range read.columns {
		cells[i] = read.columns[i].name
	}
	if err := lines.Write(cells); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	cursors := read.cursors()
	for row := range read.rows {
		for i := range cursors {
			cells[i] = cursors[i].next()
		}
		if len(cells) == 1 && cells[0] == "" {
			// encoding/csv writes an empty line for this, which readers skip.
			if err := quoteEmpty(lines, w); err != nil {
				return fmt.Errorf("writing row %d: %w", row+1, err)
			}
			continue
		}
		if err := lines.Write(cells); err != nil {
			return fmt.Errorf("writing row %d: %w", row+1, err)
		}
	}
	lines.Flush()
	return lines.Error()
}

func quoteEmpty(lines *csv.Writer, w io.Writer) error {
	lines.Flush()
	if err := lines.Error(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\"\"\n")
	return err
}

// A cursor walks down a column, row by row.
type cursor struct {
	column *column
	row    int
	value  int
}

func (f *frame) cursors() []cursor {
	cursors := make([]cursor, len(f.columns))
	for i := range f.columns {
		cursors[i].column = &f.columns[i]
	}
	return cursors
}

// advance moves to the next row and returns where its value is, -1 if it is null.
func (c *cursor) advance() int {
	c.row++
	if c.column.null != nil && c.column.null[c.row-1] {
		return -1
	}
	c.value++
	return c.value - 1
}

// next returns the next row's value as text, "" for a null.
func (c *cursor) next() string {
	at := c.advance()
	if at < 0 {
		return ""
	}
	return c.column.format(at)
}

// format returns a value as text.
func (c *column) format(at int) string {
	if c.meaning == meansText {
		return c.texts[at]
	}
	value := c.numbers[at]
	switch c.meaning {
	case meansDecimal:
		return decimal.New(value, -c.scale).StringFixed(c.scale)
	case meansDate:
		return settlement.Date(value).String()
	case meansInstant:
		return settlement.Instant(value).String()
	case meansFlag:
		return strconv.FormatBool(value == 1)
	default:
		return strconv.FormatInt(value, 10)
	}
}

// cells returns all rows of the frame as text, with "" for nulls.
func (f *frame) cells() []map[string]string {
	rows := make([]map[string]string, f.rows)
	cursors := f.cursors()
	for row := range rows {
		rows[row] = make(map[string]string, len(cursors))
		for i := range cursors {
			rows[row][f.columns[i].name] = cursors[i].next()
		}
	}
	return rows
}
