package intake

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/layout"
	"alliance/settlement/storage"
)

// MaxRawBytes is how much of a malformed row is given back: more does not fit a spreadsheet's cell.
const MaxRawBytes = 32_000

// A Delivered is a row as its merchant wrote it.
type Delivered struct {
	// Row counts records from 1.
	Row int64
	// Columns are the names of the row's columns, those without a meaning among them, in the order
	// of the CSV header or the JSON line; Values the text of each. A row of another format has
	// the columns with a meaning that are not empty. A malformed row has none.
	Columns, Values []string
	// Raw is a malformed row's text without its line end, cut to [MaxRawBytes], with U+FFFD for
	// what is not UTF-8; Cut says that there is more.
	Raw string
	Cut bool
}

// ReadBack reads an object as [Read] does, but hands only some of its rows to sink, as they are
// written. rows are their numbers in ascending order. Nothing that sink is given is changed later.
// The caller sees from the facts whether the object is still the one that it means: if the SHA-256
// is another, the rows must not be used.
func ReadBack(ctx context.Context, inbox storage.Bucket, object *Object, rows []int64, sink func(Delivered) error) (FileFacts, error) {
	back := &readBack{layout: object.Layout}
	take := func(record *settlement.Record) error {
		if len(rows) == 0 || record.Row < rows[0] {
			return nil
		}
		rows = rows[1:]
		return sink(back.deliver(record))
	}
	if object.Format.Rows != CSV && object.Format.Rows != JSONLines {
		return Read(ctx, inbox, object, take)
	}
	facts := FileFacts{Bytes: object.Size}
	body, err := openExactly(ctx, inbox, object.Object)
	if err != nil {
		return facts, err
	}
	defer body.Close()
	if err := readTextRows(body, object, &rowReader{limits: &standard, sink: take, facts: &facts, back: back}); err != nil {
		return facts, err
	}
	facts.SHA256, err = body.finish()
	return facts, err
}

// A readBack takes down how the record at hand is written. Its strings share a chunk.
type readBack struct {
	names, values []string
	raw           string
	layout        *layout.Layout
	// header says that the names are those of all rows, and own no chunk.
	header bool
}

// deliver returns the record at hand with strings of its own.
func (b *readBack) deliver(record *settlement.Record) Delivered {
	row := Delivered{Row: record.Row}
	switch {
	case record.Fault != "":
		row.Raw, row.Cut = cutRaw(b.raw)
	case b.names != nil:
		row.Columns, row.Values = b.names, cloneAll(b.values)
		if !b.header {
			row.Columns = cloneAll(b.names)
		}
	default:
		for column := range settlement.Columns {
			if b.layout != nil && !b.layout.Has(column) {
				continue
			}
			if value := record.Found(column); value != "" {
				row.Columns = append(row.Columns, record.Name(column))
				row.Values = append(row.Values, strings.Clone(value))
			}
		}
	}
	return row
}

func cutRaw(raw string) (text string, cut bool) {
	raw = strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	if len(raw) > MaxRawBytes {
		end := MaxRawBytes
		for end > MaxRawBytes-utf8.UTFMax && !utf8.RuneStart(raw[end]) {
			end--
		}
		raw, cut = raw[:end], true
	}
	return strings.Clone(strings.ToValidUTF8(raw, "\uFFFD")), cut
}

func cloneAll(texts []string) []string {
	own := slices.Clone(texts)
	for i := range own {
		own[i] = strings.Clone(own[i])
	}
	return own
}
