package intake

import (
	"context"
	"errors"
	"unicode/utf8"

	"alliance/settlement"
)

// rowOverhead is what a row counts towards the expansion of its file besides its texts: about
// what its numbers, dates and commas would take in CSV.
const rowOverhead_bytes = 32

// readParquet reads the rows of a Parquet file, of which source holds every byte.
func (r *rowReader) readParquet(ctx context.Context, file *parquetFile, reader *Reader) error {
	allowed := r.limits.expandedBytes(file.size)
	if file.rows > allowed/rowOverhead_bytes {
		return unreadable("the file of %d bytes is said to have %d rows, more than the limit of %d for its size; deliver it less compressed or in parts",
			file.size, file.rows, allowed/rowOverhead_bytes)
	}
	budget := &pageBudget{expansion: allowed, stored: file.size, limits: r.limits}
	var unpacker unpackers
	defer unpacker.close()
	columns := make([]*valueReader, len(file.columns))
	for i := range columns {
		columns[i] = newValueReader(&file.columns[i], file.batchRows(), budget, &unpacker)
		columns[i].room = reader.dictionaryRoom(i)
	}
	batch := parquetBatch{rows: r, columns: columns, allowed: allowed}
	for g := range file.groups {
		group := &file.groups[g]
		for i, column := range columns {
			if err := column.open(file, &group.chunks[i]); err != nil {
				return err
			}
		}
		for left := group.rows; left > 0; {
			if err := ctx.Err(); err != nil {
				r.sinkError = err
				return err
			}
			count := int(min(left, batchRows))
			if err := batch.read(g, count); err != nil {
				return err
			}
			if err := batch.emit(count); err != nil {
				return err
			}
			left -= int64(count)
		}
	}
	if r.facts.Rows != file.rows {
		return unreadable("%d rows, but the footer says %d; the file is broken, deliver it again", r.facts.Rows, file.rows)
	}
	return r.heldFault()
}

// batchRows is how many rows the largest batch has: a night of many merchants reads thousands of files of a few rows.
func (f *parquetFile) batchRows() int {
	rows := int64(0)
	for i := range f.groups {
		rows = max(rows, f.groups[i].rows)
	}
	return int(min(rows, batchRows))
}

func (r *rowReader) heldFault() error {
	if r.held != nil {
		return r.held
	}
	return nil
}

// A parquetBatch is some rows, column by column.
type parquetBatch struct {
	rows    *rowReader
	columns []*valueReader
	// expanded is how much the rows would take, written out; allowed how much they may.
	expanded, allowed int64
}

// read reads the next rows of every column.
func (b *parquetBatch) read(group, count int) error {
	for _, column := range b.columns {
		err := guarded(func() error { return column.read(count) })
		var fault *fileFault
		var spool *spoolError
		var encoding *encodingError
		switch {
		case err == nil:
		case errors.As(err, &fault) || errors.As(err, &spool):
			return err
		case errors.As(err, &encoding):
			return unreadable("row group %d, column %s: %v", group+1, column.column, encoding)
		default:
			return unreadable("row group %d, column %s: %v; the file is truncated or broken, deliver it again", group+1, column.column, err)
		}
	}
	return nil
}

// guarded turns a panic over a merchant's bytes, in our code or in a library's, into a fault of the
// file: it must not end the night of all.
func guarded(read func() error) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = unreadable("the file cannot be read (%v); it is broken, deliver it again", failure)
		}
	}()
	return read()
}

// emit hands the rows out.
func (b *parquetBatch) emit(count int) error {
	for row := range count {
		size, isUTF8 := b.fill(row)
		if size > b.rows.limits.recordBytes {
			return b.rows.limits.recordFault(b.rows.facts.Rows + 1)
		}
		b.expanded += int64(size) + rowOverhead_bytes
		if b.expanded > b.allowed {
			return b.rows.limits.expansionFault(b.rows.facts.Bytes)
		}
		err := error(nil)
		if isUTF8 {
			err = b.rows.emit()
		} else {
			err = b.rows.malformed(notUTF8)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fill makes one row the record at hand. It returns how long its texts are together, and whether
// they are UTF-8.
func (b *parquetBatch) fill(row int) (size int, isUTF8 bool) {
	record := &b.rows.record
	record.Typed, record.Mistyped = 0, 0
	isUTF8 = true
	for _, column := range b.columns {
		switch {
		case column.column >= settlement.Columns:
			text := ""
			if !column.null[row] && column.form == textForm {
				text = column.texts[row]
			}
			b.rows.put(column.column, text)
			size += len(text)
			isUTF8 = isUTF8 && (column.isChecked || utf8.ValidString(text))
		case column.null[row]:
			record.Values[column.column] = ""
		case column.form == textForm:
			text := column.texts[row]
			record.Values[column.column] = text
			size += len(text)
			isUTF8 = isUTF8 && (column.isChecked || utf8.ValidString(text))
		case column.isText:
			record.Values[column.column] = ""
			column.putWide(record, column.texts[row])
			size += len(column.texts[row])
		default:
			record.Values[column.column] = ""
			column.putInteger(record, column.integers[row])
		}
	}
	return size, isUTF8
}
