package intake

import (
	"context"
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
	defer r.forgetLarge()
	return read(ctx, inbox, object, sink, &standard, r)
}

// mostRoom is how large a file is at most whose memory is used again, and all dictionaries together: what is larger is rare, and shall
// not stay.
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

// forgetLarge gives up the dictionaries' memory if it is more than shall stay. No text of a file may be needed any more.
func (r *Reader) forgetLarge() {
	if r == nil {
		return
	}
	held := 0
	for i := range r.dictionaries {
		held += cap(r.dictionaries[i].page) + cap(r.dictionaries[i].texts)*headerOfText_bytes
	}
	if held > mostRoom {
		clear(r.dictionaries[:])
	}
}

// A dictionaryRoom is memory for one dictionary of texts after the other. A nil one is new memory for each.
type dictionaryRoom struct {
	page  []byte
	texts []string
}

// keep returns a copy of a page as a text, and room for the texts that are cut from it. Both last until the next one.
func (r *dictionaryRoom) keep(page []byte, count int64) (text string, texts []string) {
	if r == nil {
		return string(page), make([]string, count)
	}
	if cap(r.page) < len(page) || int64(cap(r.texts)) < count {
		// Texts of dictionaries before would hold the memory that they were cut from.
		r.texts = make([]string, count)
	}
	r.page = append(r.page[:0], page...)
	return unsafe.String(unsafe.SliceData(r.page), len(r.page)), r.texts[:count]
}
