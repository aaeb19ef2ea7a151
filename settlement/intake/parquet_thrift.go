package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The wire types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

var (
	// errThriftShort says that a structure goes on behind the bytes at hand.
	errThriftShort = errors.New("it ends too early")
	errThrift      = errors.New("it does not follow its format")
)

// maxThriftDepth is how deep structures may nest; Parquet's own nest half a dozen levels.
const maxThriftDepth = 32

var errThriftDeep = fmt.Errorf("it nests structures deeper than the limit of %d", maxThriftDepth)

// thriftReader reads Thrift's compact protocol, in which Parquet writes its footer and page
// headers. It never takes a count or a length on trust: nothing is allocated for them, and as
// every element has a byte at least, it ends with the bytes at hand. After the first error
// everything reads as zero.
type thriftReader struct {
	data  []byte
	at    int
	depth int
	err   error
}

func (t *thriftReader) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *thriftReader) byte() byte {
	if t.err != nil || t.at >= len(t.data) {
		t.fail(errThriftShort)
		return 0
	}
	t.at++
	return t.data[t.at-1]
}

func (t *thriftReader) uvarint() uint64 {
	if t.err != nil {
		return 0
	}
	value, size := binary.Uvarint(t.data[t.at:])
	switch {
	case size == 0:
		t.fail(errThriftShort)
	case size < 0:
		t.fail(errThrift)
	}
	t.at += max(size, 0)
	return value
}

func (t *thriftReader) zigzag() int64 {
	value := t.uvarint()
	return int64(value>>1) ^ -int64(value&1)
}

// integer reads a field of any width of integer.
func (t *thriftReader) integer(wire byte) int64 {
	switch wire {
	case thriftByte:
		return int64(int8(t.byte()))
	case thriftI16, thriftI32, thriftI64:
		return t.zigzag()
	default:
		t.fail(errThrift)
		return 0
	}
}

// boolean reads a field, whose wire type is its value.
func (t *thriftReader) boolean(wire byte) bool {
	if wire != thriftTrue && wire != thriftFalse {
		t.fail(errThrift)
	}
	return wire == thriftTrue
}

// binary reads a field of bytes, which belong to the reader's data.
func (t *thriftReader) binary(wire byte) []byte {
	if wire != thriftBinary {
		t.fail(errThrift)
	}
	return t.bytes(t.uvarint())
}

func (t *thriftReader) bytes(length uint64) []byte {
	if t.err == nil && length > uint64(len(t.data)-t.at) {
		t.fail(errThriftShort)
	}
	if t.err != nil {
		return nil
	}
	t.at += int(length)
	return t.data[t.at-int(length) : t.at]
}

// list reads a field that is a list; element reads one of them, of the wire type it is given.
func (t *thriftReader) list(wire byte, element func(wire byte)) {
	if wire != thriftList && wire != thriftSet {
		t.fail(errThrift)
		return
	}
	head := t.byte()
	count, kind := uint64(head>>4), head&15
	if count == 15 {
		count = t.uvarint()
	}
	t.elements(count, func() { element(kind) })
}

func (t *thriftReader) elements(count uint64, element func()) {
	if !t.descend() {
		return
	}
	for ; count > 0 && t.err == nil; count-- {
		element()
	}
	t.depth--
}

func (t *thriftReader) descend() bool {
	if t.depth == maxThriftDepth {
		t.fail(errThriftDeep)
	}
	if t.err != nil {
		return false
	}
	t.depth++
	return true
}

// structure reads a structure. field reads one of its fields, by number and wire type, or
// returns false for one to be passed over. The fields of the given numbers must be there, and
// none is there twice.
func (t *thriftReader) structure(wire byte, field func(id int, wire byte) bool, needed ...int) {
	if wire != thriftStruct {
		t.fail(errThrift)
	}
	if !t.descend() {
		return
	}
	id, seen := 0, uint64(0)
	for {
		head := t.byte()
		if t.err != nil || head == 0 {
			break
		}
		if step := int(head >> 4); step != 0 {
			id += step
		} else {
			id = int(int16(t.zigzag()))
		}
		if id < 0 || seen&(1<<uint(id)) != 0 {
			t.fail(errThrift)
		}
		seen |= 1 << uint(id)
		if !field(id, head&15) {
			t.skip(head & 15)
		}
	}
	for _, id := range needed {
		if seen&(1<<id) == 0 {
			t.fail(errThrift)
		}
	}
	t.depth--
}

// skip passes over a field.
func (t *thriftReader) skip(wire byte) {
	switch wire {
	case thriftTrue, thriftFalse:
	case thriftMap:
		count := t.uvarint()
		if count == 0 {
			return
		}
		kinds := t.byte()
		t.elements(count, func() { t.skipElement(kinds >> 4); t.skipElement(kinds & 15) })
	case thriftList, thriftSet:
		t.list(wire, t.skipElement)
	default:
		t.skipElement(wire)
	}
}

// skipElement passes over an element, which unlike a field needs a byte to be a boolean.
func (t *thriftReader) skipElement(wire byte) {
	switch wire {
	case thriftTrue, thriftFalse, thriftByte:
		t.byte()
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		t.bytes(8)
	case thriftBinary:
		t.bytes(t.uvarint())
	case thriftMap, thriftList, thriftSet:
		t.skip(wire)
	case thriftStruct:
		t.structure(wire, func(int, byte) bool { return false })
	default:
		t.fail(errThrift)
	}
}
