package statement

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/xitongsys/parquet-go/parquet"
)

// The types of Thrift's compact protocol that Parquet's heads and footers need.
const (
	thriftInt32  = 5
	thriftInt64  = 6
	thriftText   = 8
	thriftList   = 9
	thriftStruct = 12
	thriftStop   = 0
)

// appendField appends the head of a field whose number is so much larger than that of the field before.
func appendField(to []byte, step, kind byte) []byte { return append(to, step<<4|kind) }

// appendInt appends a field that is a number, of 32 or 64 bits.
func appendInt(to []byte, step, kind byte, value int64) []byte {
	return binary.AppendVarint(appendField(to, step, kind), value)
}

// appendList appends the head of a list, after that of its field.
func appendList(to []byte, length int, kind byte) []byte {
	if length < 15 {
		return append(to, byte(length)<<4|kind)
	}
	return binary.AppendUvarint(append(to, 0xf0|kind), uint64(length))
}

func appendString(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// appendPageHead appends the head of a page of data or of a dictionary.
func appendPageHead(to []byte, kind parquet.PageType, uncompressed, compressed, values int, encoding parquet.Encoding) []byte {
	to = appendInt(to, 1, thriftInt32, int64(kind))
	to = appendInt(to, 1, thriftInt32, int64(uncompressed))
	to = appendInt(to, 1, thriftInt32, int64(compressed))
	step := byte(2) // to data_page_header
	if kind == parquet.PageType_DICTIONARY_PAGE {
		step = 4
	}
	to = appendField(to, step, thriftStruct)
	to = appendInt(to, 1, thriftInt32, int64(values))
	to = appendInt(to, 1, thriftInt32, int64(encoding))
	if kind != parquet.PageType_DICTIONARY_PAGE {
		to = appendInt(to, 1, thriftInt32, int64(parquet.Encoding_RLE)) // of definition levels
		to = appendInt(to, 1, thriftInt32, int64(parquet.Encoding_RLE)) // of repetition levels
		to = append(appendField(to, 1, thriftStruct), thriftStop)       // no statistics
	}
	return append(to, thriftStop, thriftStop)
}

// A chunkPlace is where the pages of a column are, and their sizes with their heads, in bytes.
type chunkPlace struct {
	start, data              int64
	dictionary               int64 // -1 if there is none
	uncompressed, compressed int64
}

var (
	plainEncodings      = []parquet.Encoding{parquet.Encoding_RLE, parquet.Encoding_BIT_PACKED, parquet.Encoding_PLAIN}
	dictionaryEncodings = append(plainEncodings[:3:3], parquet.Encoding_PLAIN_DICTIONARY, parquet.Encoding_RLE_DICTIONARY)
)

// appendChunk appends what the footer says of a column.
func (c *smallColumn) appendChunk(to []byte, at *chunkPlace, rows int64) []byte {
	encodings := plainEncodings
	if c.dictionary {
		encodings = dictionaryEncodings
	}
	to = appendInt(to, 2, thriftInt64, at.start)
	to = appendField(to, 1, thriftStruct)
	to = appendInt(to, 1, thriftInt32, int64(c.physical))
	to = appendList(appendField(to, 1, thriftList), len(encodings), thriftInt32)
	for _, encoding := range encodings {
		to = binary.AppendVarint(to, int64(encoding))
	}
	to = appendString(appendList(appendField(to, 1, thriftList), 1, thriftText), c.name)
	to = appendInt(to, 1, thriftInt32, int64(parquet.CompressionCodec_ZSTD))
	to = appendInt(to, 1, thriftInt64, rows)
	to = appendInt(to, 1, thriftInt64, at.uncompressed)
	to = appendInt(to, 1, thriftInt64, at.compressed)
	to = appendInt(to, 2, thriftInt64, at.data)
	step := byte(3) // to statistics
	if at.dictionary >= 0 {
		to = appendInt(to, 2, thriftInt64, at.dictionary)
		step = 1
	}
	to = append(appendField(to, step, thriftStruct), thriftStop) // no statistics
	return append(to, thriftStop, thriftStop)
}

// footer writes the footer.
func (e *smallEncoder) footer(l *smallLayout, rows int64) {
	start := len(e.body)
	to := append(appendFooterHead(e.body), l.schema...)
	to = appendInt(to, 1, thriftInt64, rows)
	to = appendList(appendField(to, 1, thriftList), 1, thriftStruct)
	to = appendList(appendField(to, 1, thriftList), len(l.columns), thriftStruct)
	to = append(to, e.chunks...)
	to = appendInt(to, 1, thriftInt64, e.totalBytes)
	to = appendInt(to, 1, thriftInt64, rows)
	to = appendFooterEnd(append(to, thriftStop))
	to = binary.LittleEndian.AppendUint32(to, uint32(len(to)-start))
	e.body = append(to, "PAR1"...)
}

// appendFooterHead appends what comes before the schema: the version.
func appendFooterHead(to []byte) []byte {
	return appendField(appendInt(to, 1, thriftInt32, 1), 1, thriftList)
}

// appendFooterEnd appends what comes after the row groups: the program that the library says it is.
func appendFooterEnd(to []byte) []byte {
	return append(appendString(appendField(to, 2, thriftText), "parquet-go version latest"), thriftStop)
}

// schemaOf cuts the schema, with the head of its list, out of a table without rows.
func schemaOf(empty []byte) ([]byte, error) {
	rest, ok := bytes.CutSuffix(empty, []byte("PAR1"))
	if len(rest) < 4 {
		return nil, errors.New("a table without rows has no footer")
	}
	length := int(binary.LittleEndian.Uint32(rest[len(rest)-4:]))
	rest = rest[:len(rest)-4]
	if length > len(rest) {
		return nil, fmt.Errorf("a table without rows has a footer of %d bytes, and %d of them", length, len(rest))
	}
	end := appendList(appendField(appendInt(nil, 1, thriftInt64, 0), 1, thriftList), 0, thriftStruct)
	footer, headed := bytes.CutPrefix(rest[len(rest)-length:], appendFooterHead(nil))
	footer, ended := bytes.CutSuffix(footer, appendFooterEnd(end))
	if !ok || !headed || !ended {
		return nil, errors.New("the footer of a table without rows is not what the library wrote when this was made")
	}
	return footer, nil
}
