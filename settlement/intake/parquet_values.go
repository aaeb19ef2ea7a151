package intake

import (
	"encoding/binary"
	"fmt"
)

// batchRows is how many rows are read from each column at a time.
const batchRows = 1024

// valueReader reads the values of one column, row group by row group.
type valueReader struct {
	*parquetColumn
	pages  pageReader
	budget *pageBudget
	// isText is true if values are bytes, not integers.
	isText bool

	// The column's dictionary in this row group. Its texts are cut from one string.
	hasDictionary bool
	dictionary    struct {
		integers []int64
		texts    []string
	}
	dictionaryHeld int64
	room           *dictionaryRoom

	// The page at hand: rows still to come, and what decodes them.
	rows     int64
	encoding int64
	levels   hybridDecoder
	plain    []byte
	text     string // the same bytes as plain
	indexes  hybridDecoder
	numbers  deltaDecoder // integers, or the lengths of texts
	prefixes deltaDecoder
	previous string
	// isChecked is true if the page's texts are known to be UTF-8, allUTF8 if the dictionary's are.
	isChecked, allUTF8 bool

	// A batch: a value, or null, for each row.
	integers []int64
	texts    []string
	null     []bool
	scratch  []uint32
}

// newValueReader returns a reader of batches of up to so many rows.
func newValueReader(column *parquetColumn, rows int, budget *pageBudget, unpacker *unpackers) *valueReader {
	v := &valueReader{parquetColumn: column, budget: budget, null: make([]bool, rows), scratch: make([]uint32, rows)}
	v.isText = column.field.physical == physicalByteArray || column.field.physical == physicalFixed
	if v.isText {
		v.texts = make([]string, rows)
	} else {
		v.integers = make([]int64, rows)
	}
	v.pages = pageReader{budget: budget, unpacker: unpacker}
	return v
}

// open begins with the column of the next row group.
func (v *valueReader) open(file *parquetFile, chunk *parquetChunk) error {
	p := &v.pages
	p.source, p.at, p.end, p.codec = file.source, chunk.start, chunk.start+chunk.size, chunk.codec
	p.window = p.window[:0]
	if err := v.budget.take(v.dictionaryHeld, 0); err != nil {
		return err
	}
	v.dictionaryHeld, v.hasDictionary = 0, false
	v.dictionary.integers, v.dictionary.texts = v.dictionary.integers[:0], nil
	v.rows, v.previous = 0, ""
	return nil
}

// read fills the batch with the next rows.
func (v *valueReader) read(rows int) error {
	for done := 0; done < rows; {
		for v.rows == 0 {
			if err := v.nextPage(); err != nil {
				return err
			}
		}
		count := int(min(int64(rows-done), v.rows))
		if err := v.readPart(done, count); err != nil {
			return err
		}
		done += count
		v.rows -= int64(count)
		if v.rows == 0 {
			if err := v.endPage(); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextPage begins the next page.
func (v *valueReader) nextPage() error {
	header, page, err := v.pages.next()
	if err != nil {
		return err
	}
	if header.kind == dictionaryPage {
		return v.readDictionary(&header, page)
	}
	isOptional := v.field.repetition == optional
	levels, values, err := splitLevels(&header, page, isOptional)
	if err != nil {
		return err
	}
	v.rows, v.encoding = header.values, header.encoding
	v.levels = newHybrid(nil, 0)
	if isOptional {
		v.levels = newHybrid(levels, 1)
	}
	if v.rows == 0 {
		return nil
	}
	return v.begin(values)
}

// begin prepares for the values of a page.
func (v *valueReader) begin(values []byte) (err error) {
	v.plain, v.isChecked = values, false
	switch {
	case v.encoding == encodingPlain:
		if v.isText {
			v.text = string(values)
		}
	case v.encoding == encodingPlainDictionary || v.encoding == encodingDictionary:
		if !v.hasDictionary {
			return fmt.Errorf("a page refers to a dictionary that is not there")
		}
		width, indexes, err := indexWidth(values)
		v.indexes, v.isChecked = newHybrid(indexes, width), v.allUTF8
		return err
	case v.encoding == encodingDelta && !v.isText:
		v.numbers, err = newDelta(values)
	case v.encoding == encodingDeltaLength && v.field.physical == physicalByteArray:
		return v.beginLengths(values)
	case v.encoding == encodingDeltaBytes && v.isText:
		if v.prefixes, err = newDelta(values); err != nil {
			return err
		}
		suffixes, err := v.prefixes.rest()
		if err != nil {
			return err
		}
		return v.beginLengths(suffixes)
	default:
		return &encodingError{"values", v.encoding, "PLAIN or a dictionary"}
	}
	return err
}

func (v *valueReader) beginLengths(values []byte) (err error) {
	if v.numbers, err = newDelta(values); err != nil {
		return err
	}
	texts, err := v.numbers.rest()
	v.text = string(texts)
	return err
}

// endPage makes sure that a page held no more values than it has rows: what is not used up means
// that levels and values do not belong together.
func (v *valueReader) endPage() error {
	left := false
	switch v.encoding {
	case encodingPlain:
		left = v.isText && v.text != "" || !v.isText && len(v.plain) > 0
	case encodingDelta:
		left = v.numbers.left > 0
	case encodingDeltaLength, encodingDeltaBytes:
		left = v.numbers.left > 0 || v.text != ""
	}
	if left {
		return errTooMany
	}
	return nil
}

// readPart reads rows of the page at hand into the batch, from a row on.
func (v *valueReader) readPart(from, count int) error {
	present := count
	null := v.null[from : from+count]
	if v.levels.width == 0 {
		clear(null)
	} else {
		levels := v.scratch[:count]
		if err := v.levels.read(levels); err != nil {
			return err
		}
		for i, level := range levels {
			null[i] = level == 0
			present -= int(1 - level)
		}
	}
	if v.isText {
		texts := v.texts[from : from+count]
		if err := v.readTexts(texts[:present]); err != nil {
			return err
		}
		spread(texts, null, present)
		return nil
	}
	integers := v.integers[from : from+count]
	if err := v.readIntegers(integers[:present]); err != nil {
		return err
	}
	spread(integers, null, present)
	return nil
}

// spread moves values, which stand together at the front, to their rows.
func spread[T any](values []T, null []bool, present int) {
	var none T
	for i := len(values) - 1; present <= i; i-- {
		if null[i] {
			values[i] = none
		} else {
			present--
			values[i] = values[present]
		}
	}
}

func (v *valueReader) readIntegers(out []int64) error {
	switch v.encoding {
	case encodingPlain:
		return v.plainIntegers(out)
	case encodingDelta:
		for i := range out {
			number, err := v.numbers.next()
			if err != nil {
				return err
			}
			if v.field.physical == physicalInt32 {
				number = int64(int32(number))
			}
			out[i] = number
		}
		return nil
	default:
		indexes := v.scratch[:len(out)]
		if err := v.indexes.read(indexes); err != nil {
			return err
		}
		for i, index := range indexes {
			if uint64(index) >= uint64(len(v.dictionary.integers)) {
				return errEncoding
			}
			out[i] = v.dictionary.integers[index]
		}
		return nil
	}
}

func (v *valueReader) plainIntegers(out []int64) error {
	if v.field.physical == physicalInt32 {
		if len(v.plain) < 4*len(out) {
			return errTooFew
		}
		for i := range out {
			out[i] = int64(int32(binary.LittleEndian.Uint32(v.plain[4*i:])))
		}
		v.plain = v.plain[4*len(out):]
		return nil
	}
	if len(v.plain) < 8*len(out) {
		return errTooFew
	}
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(v.plain[8*i:]))
	}
	v.plain = v.plain[8*len(out):]
	return nil
}
