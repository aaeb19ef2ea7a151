package intake

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// thriftText writes Thrift's compact protocol, as a hostile writer would: it checks nothing.
type thriftText struct {
	text []byte
	last []int
}

func (w *thriftText) field(id int, wire byte) {
	at := len(w.last) - 1
	if step := id - w.last[at]; step > 0 && step < 16 {
		w.text = append(w.text, byte(step)<<4|wire)
	} else {
		w.text = append(w.text, wire)
		w.text = binary.AppendVarint(w.text, int64(id))
	}
	w.last[at] = id
}

func (w *thriftText) begin()           { w.last = append(w.last, 0) }
func (w *thriftText) end()             { w.text, w.last = append(w.text, 0), w.last[:len(w.last)-1] }
func (w *thriftText) structure(id int) { w.field(id, thriftStruct); w.begin() }

func (w *thriftText) integer(id int, value int64) {
	w.field(id, thriftI64)
	w.text = binary.AppendVarint(w.text, value)
}

// number writes an integer of 32 bits.
func (w *thriftText) number(id int, value int64) {
	w.field(id, thriftI32)
	w.text = binary.AppendVarint(w.text, value)
}

func (w *thriftText) string(id int, value string) {
	w.field(id, thriftBinary)
	w.text = append(binary.AppendUvarint(w.text, uint64(len(value))), value...)
}

func (w *thriftText) list(id int, wire byte, count uint64) {
	w.field(id, thriftList)
	w.text = append(w.text, 15<<4|wire)
	w.text = binary.AppendUvarint(w.text, count)
}

// A craftedPage is a page whose header says what it likes.
type craftedPage struct {
	kind, values, encoding int64
	body                   []byte
	size, packed           int64  // those of body unless set
	levels, repetitions    int64  // of version 2
	isWrong                bool   // a wrong checksum
	header                 string // in place of the header
	filler                 int    // so many bytes more in the header
}

func (p craftedPage) write() []byte {
	if p.header != "" {
		return append([]byte(p.header), p.body...)
	}
	if p.size == 0 {
		p.size = int64(len(p.body))
	}
	if p.packed == 0 {
		p.packed = int64(len(p.body))
	}
	w := &thriftText{}
	w.begin()
	w.number(1, p.kind)
	w.number(2, p.size)
	w.number(3, p.packed)
	if p.isWrong {
		w.number(4, int64(crc32.ChecksumIEEE(p.body)^1))
	}
	switch p.kind {
	case dataPage:
		w.structure(5)
		w.number(1, p.values)
		w.number(2, p.encoding)
		w.number(3, encodingRLE)
		w.number(4, encodingRLE)
		w.end()
	case dictionaryPage:
		w.structure(7)
		w.number(1, p.values)
		w.number(2, p.encoding)
		w.end()
	case dataPageV2:
		w.structure(8)
		w.number(1, p.values)
		w.number(2, 0)
		w.number(3, p.values)
		w.number(4, p.encoding)
		w.number(5, p.levels)
		w.number(6, p.repetitions)
		w.end()
	}
	if p.filler > 0 {
		w.string(20, strings.Repeat("x", p.filler))
	}
	w.end()
	return append(w.text, p.body...)
}

// A craftedColumn is a column of a crafted file, in one row group.
type craftedColumn struct {
	name                 string
	physical, repetition int64
	codec                int64
	pages                []craftedPage
	values               int64 // the file's rows unless set
	at, size             int64 // where its pages are unless set
	elsewhere            string
}

// A crafted file is a Parquet file that says what it likes.
type crafted struct {
	rows, groupRows int64
	columns         []craftedColumn
	groups          int
	schemaCount     uint64
	groupCount      uint64
}

// good returns a file of a number of rows in which all rows are the same.
func good(rows int64) *crafted {
	file := &crafted{rows: rows, groupRows: rows, groups: 1}
	for _, name := range []string{"transaction_id", "member_id", "kind", "occurred_at"} {
		file.columns = append(file.columns, craftedColumn{name: name, physical: physicalByteArray, pages: same(rows, "issue")})
	}
	file.columns = append(file.columns, craftedColumn{name: "points", physical: physicalInt64, pages: []craftedPage{
		{kind: dictionaryPage, values: 1, body: make([]byte, 8)}, {kind: dataPage, values: rows, encoding: encodingDictionary, body: []byte{0}}}})
	return file
}

// same returns pages that say one text again and again, in a handful of bytes.
func same(rows int64, text string) []craftedPage {
	return []craftedPage{{kind: dictionaryPage, values: 1, body: plainTexts(text)}, {kind: dataPage, values: rows, encoding: encodingDictionary, body: []byte{0}}}
}

func plainTexts(texts ...string) (page []byte) {
	for _, text := range texts {
		page = binary.LittleEndian.AppendUint32(page, uint32(len(text)))
		page = append(page, text...)
	}
	return page
}

// with replaces the pages of the first column.
func (c *crafted) with(pages ...craftedPage) *crafted {
	c.columns[0].pages = pages
	return c
}

// change changes the first column.
func (c *crafted) change(how func(*craftedColumn)) *crafted {
	how(&c.columns[0])
	return c
}

func (c *crafted) write() string {
	file := []byte(parquetMagic)
	w := &thriftText{}
	w.begin()
	w.number(1, 1)
	if c.schemaCount == 0 {
		c.schemaCount = uint64(len(c.columns) + 1)
	}
	w.list(2, thriftStruct, c.schemaCount)
	w.begin()
	w.string(4, "rows")
	w.number(5, int64(len(c.columns)))
	w.end()
	for _, column := range c.columns {
		w.begin()
		w.number(1, column.physical)
		w.number(3, column.repetition)
		w.string(4, column.name)
		w.end()
	}
	w.integer(3, c.rows)
	if c.groupCount == 0 {
		c.groupCount = uint64(c.groups)
	}
	w.list(4, thriftStruct, c.groupCount)
	for range c.groups {
		w.begin()
		w.list(1, thriftStruct, uint64(len(c.columns)))
		for _, column := range c.columns {
			at := int64(len(file))
			for _, page := range column.pages {
				file = append(file, page.write()...)
			}
			size := int64(len(file)) - at
			if column.at != 0 {
				at = column.at
			}
			if column.size != 0 {
				size = column.size
			}
			if column.values == 0 {
				column.values = c.groupRows
			}
			w.begin()
			if column.elsewhere != "" {
				w.string(1, column.elsewhere)
			}
			w.integer(2, 0)
			w.structure(3)
			w.number(1, column.physical)
			w.list(2, thriftI32, 1)
			w.text = append(w.text, 0)
			w.list(3, thriftBinary, 1)
			w.text = append(append(w.text, byte(len(column.name))), column.name...)
			w.number(4, column.codec)
			w.integer(5, column.values)
			w.integer(6, size)
			w.integer(7, size)
			w.integer(9, at)
			w.end()
			w.end()
		}
		w.integer(2, 0)
		w.integer(3, c.groupRows)
		w.end()
	}
	w.end()
	file = append(file, w.text...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(w.text)))
	return string(file) + parquetMagic
}
