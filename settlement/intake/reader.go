package intake

import (
	"context"
	"strings"
	"unsafe"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// A Reader reads one object after the other for one goroutine, as [Read] does, but in memory that it uses again: the strings of a
// record are only lent to sink, too. A nil Reader is [Read].
type Reader struct {
	// file is room for an object that is put aside.
	file []byte
	// dictionaries are room for those of a Parquet file's first columns.
	dictionaries [32]dictionaryRoom
}

// Read is as [Read] says, but for the strings.
func (r *Reader) Read(ctx context.Context, inbox storage.Bucket, object *Object, sink func(*settlement.Record) error) (FileFacts, error) {
	return read(ctx, inbox, object, sink, &standard, r)
}

// mostRoom is how large a file, or a dictionary, is at most whose memory is used again: what is larger is rare, and shall not stay.
const mostRoom = 16 << 20

// fileRoom returns so many bytes for an object.
func (r *Reader) fileRoom(size int64) []byte {
	if r == nil || size > mostRoom {
		return make([]byte, size)
	}
	if int64(cap(r.file)) < size {
		r.file = make([]byte, size)
	}
	return r.file[:size]
}

// dictionaryRoom returns the room for the dictionary of a file's i-th column, or nil.
func (r *Reader) dictionaryRoom(i int) *dictionaryRoom {
	if r == nil || i >= len(r.dictionaries) {
		return nil
	}
	return &r.dictionaries[i]
}

// A dictionaryRoom is memory for one dictionary of texts after the other. A nil one is new memory for each.
type dictionaryRoom struct {
	page  []byte
	texts []string
}

// keep returns a copy of a page as a text, which lasts until the next one.
func (r *dictionaryRoom) keep(page []byte) string {
	if r == nil || len(page) > mostRoom {
		return strings.Clone(unsafe.String(unsafe.SliceData(page), len(page)))
	}
	if cap(r.page) < len(page) {
		// The texts of dictionaries before would hold what they were cut from.
		clear(r.texts[:cap(r.texts)])
	}
	r.page = append(r.page[:0], page...)
	return unsafe.String(unsafe.SliceData(r.page), len(r.page))
}

// of returns room for so many texts.
func (r *dictionaryRoom) of(count int64) []string {
	if r == nil || count > mostRoom/headerOfText_bytes {
		return make([]string, count)
	}
	if int64(cap(r.texts)) < count {
		r.texts = make([]string, count)
	}
	return r.texts[:count]
}
