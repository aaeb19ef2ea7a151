package intake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The types of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

// The encodings of values.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingDelta           = 5
	encodingDeltaLength     = 6
	encodingDeltaBytes      = 7
	encodingDictionary      = 8
)

var encodingNames = map[int64]string{1: "GROUP_VAR_INT", encodingRLE: "RLE", 4: "BIT_PACKED", 9: "BYTE_STREAM_SPLIT"}

func encodingName(encoding int64) string {
	if name, named := encodingNames[encoding]; named {
		return name
	}
	return fmt.Sprintf("number %d", encoding)
}

// An encodingError says that part of a column has an encoding that is not read. The file may be sound,
// so it says by itself what to do.
type encodingError struct {
	part     string
	encoding int64
	// use names what is read instead.
	use string
}

func (e *encodingError) Error() string {
	return fmt.Sprintf("its %s are encoded by %s, which is not read; use %s", e.part, encodingName(e.encoding), e.use)
}

// A pageHeader is what stands before a page.
type pageHeader struct {
	kind         int64
	size, packed int64
	checksum     int64
	hasChecksum  bool
	// part is the field that says the rest; each kind of page has one of its own.
	part           int
	values         int64
	encoding       int64
	levelsEncoding int64
	// nulls, levels, repetitions and isPacked are of data pages of version 2: levels and
	// repetitions are lengths in bytes.
	nulls, levels, repetitions int64
	isPacked                   bool
}

func readPageHeader(t *thriftReader) pageHeader {
	header := pageHeader{kind: -1, isPacked: true}
	t.structure(thriftStruct, func(id int, wire byte) bool {
		switch id {
		case 1:
			header.kind = t.integer(wire)
		case 2:
			header.size = t.integer(wire)
		case 3:
			header.packed = t.integer(wire)
		case 4:
			header.checksum, header.hasChecksum = t.integer(wire), true
		case 5:
			header.part = id
			header.readParts(t, wire, &header.values, &header.encoding, &header.levelsEncoding)
		case 7:
			header.part = id
			header.readParts(t, wire, &header.values, &header.encoding)
		case 8:
			header.part = id
			header.readVersion2(t, wire)
		default:
			return false
		}
		return true
	}, 1, 2, 3)
	if header.isRead() && header.part != [...]int{dataPage: 5, dictionaryPage: 7, dataPageV2: 8}[header.kind] {
		t.fail(errThrift)
	}
	return header
}

// isRead reports whether the page is of a kind that is read; others hold no values.
func (h *pageHeader) isRead() bool {
	return h.kind == dataPage || h.kind == dataPageV2 || h.kind == dictionaryPage
}

// readParts reads the first fields of a structure, which are integers.
func (h *pageHeader) readParts(t *thriftReader, wire byte, parts ...*int64) {
	t.structure(wire, func(id int, wire byte) bool {
		if id < 1 || id > len(parts) {
			return false
		}
		*parts[id-1] = t.integer(wire)
		return true
	}, 1, 2)
}

func (h *pageHeader) readVersion2(t *thriftReader, wire byte) {
	var rows int64
	parts := []*int64{&h.values, &h.nulls, &rows, &h.encoding, &h.levels, &h.repetitions}
	t.structure(wire, func(id int, wire byte) bool {
		switch {
		case id >= 1 && id <= len(parts):
			*parts[id-1] = t.integer(wire)
		case id == 7:
			h.isPacked = t.boolean(wire)
		default:
			return false
		}
		return true
	}, 1, 2, 3, 4, 5, 6)
}

// A pageBudget is what the pages of a file may still cost.
type pageBudget struct {
	// expansion is how many bytes pages may yet expand to; held how many are held at a time.
	expansion int64
	held      int64
	stored    int64
	limits    *limits
}

// take says that a column gives up so many bytes and takes so many.
func (b *pageBudget) take(gives, takes int64) error {
	b.held += takes - gives
	b.expansion -= takes
	switch {
	case b.held > b.limits.heldPageBytes:
		return unreadable("the pages that belong to the same rows have %d bytes, more than the limit of %d; write smaller pages", b.held, b.limits.heldPageBytes)
	case b.expansion < 0:
		return b.limits.expansionFault(b.stored)
	}
	return nil
}

// pageReader reads the pages of one column of one row group.
type pageReader struct {
	source   io.ReaderAt
	at, end  int64
	codec    int64
	budget   *pageBudget
	unpacker *unpackers
	// window holds the bytes of the file from windowAt on that were read last.
	window   []byte
	windowAt int64
	// page is where pages are expanded to, again and again.
	page []byte
	// held is what of the budget the page takes.
	held int64
}

const (
	pageWindow_bytes = 64 << 10
	// pageHeader_bytes is where a page header nearly always ends; statistics may make it longer.
	pageHeader_bytes = 512
	// wastedPage_bytes is up to what size a buffer is kept for pages that do not need it.
	wastedPage_bytes = 4 << 20
)

// peek returns up to size bytes from where the reader stands; fewer at the end of the column.
func (p *pageReader) peek(size int64) ([]byte, error) {
	size = min(size, p.end-p.at)
	if p.at < p.windowAt || p.at+size > p.windowAt+int64(len(p.window)) {
		length := min(max(size, pageWindow_bytes), p.end-p.at)
		if int64(cap(p.window)) < length {
			p.window = make([]byte, length)
		}
		p.window, p.windowAt = p.window[:length], p.at
		if err := readInto(p.source, p.at, p.window); err != nil {
			p.window = p.window[:0]
			return nil, err
		}
	}
	return p.window[p.at-p.windowAt:][:size], nil
}

// next returns the next page: its header and its bytes, packed bytes expanded. They are good until the
// next call. Pages of kinds that hold no values are passed over.
func (p *pageReader) next() (pageHeader, []byte, error) {
	for {
		header, err := p.header()
		if err != nil {
			return header, nil, err
		}
		if !header.isRead() {
			p.at += header.packed
			continue
		}
		if size := max(header.size, header.packed); size > p.budget.limits.pageBytes {
			return header, nil, unreadable("a page has %d bytes, more than the limit of %d; write smaller pages", size, p.budget.limits.pageBytes)
		}
		if err := p.budget.take(p.held, header.size); err != nil {
			return header, nil, err
		}
		p.held = header.size
		packed, err := p.packed(header.packed)
		if err != nil {
			return header, nil, err
		}
		if header.hasChecksum && crc32.ChecksumIEEE(packed) != uint32(header.checksum) {
			return header, nil, errors.New("the checksum of a page is wrong")
		}
		page, err := p.expand(&header, packed)
		return header, page, err
	}
}

// packed returns the bytes of a page as stored. Large ones are read into a buffer that all columns
// share.
func (p *pageReader) packed(size int64) (packed []byte, err error) {
	if size <= 4*pageWindow_bytes {
		packed, err = p.peek(size)
	} else {
		packed = p.unpacker.room(size)
		err = readInto(p.source, p.at, packed)
	}
	p.at += size
	return packed, err
}

// header reads the header of the next page, which lies in the column with all its bytes.
func (p *pageReader) header() (pageHeader, error) {
	limit := p.budget.limits.pageHeaderBytes
	for size := min(pageHeader_bytes, limit); ; size = min(4*size, limit) {
		if p.at >= p.end {
			return pageHeader{}, errors.New("it has fewer values than rows")
		}
		bytes, err := p.peek(size)
		if err != nil {
			return pageHeader{}, err
		}
		t := thriftReader{data: bytes}
		header := readPageHeader(&t)
		if t.err == errThriftShort && size < p.end-p.at {
			if size < limit {
				continue
			}
			return pageHeader{}, unreadable("the header of a page is longer than the limit of %d bytes; write it with less statistics", limit)
		}
		if t.err != nil {
			return pageHeader{}, fmt.Errorf("the header of a page cannot be read: %w", t.err)
		}
		p.at += int64(t.at)
		if header.size < 0 || header.packed < 0 || header.packed > p.end-p.at || header.values < 0 {
			return pageHeader{}, errors.New("a page is larger than its column")
		}
		return header, nil
	}
}

func (p *pageReader) expand(header *pageHeader, packed []byte) ([]byte, error) {
	if room := int64(cap(p.page)); room < header.size || room > max(2*header.size, wastedPage_bytes) {
		p.page = make([]byte, header.size)
	}
	page := p.page[:header.size]
	if header.kind != dataPageV2 {
		return page, p.unpacker.unpack(p.codec, page, packed)
	}
	levels := header.levels + header.repetitions
	if header.levels < 0 || header.repetitions < 0 || levels > header.size || levels > header.packed {
		return nil, errors.New("a page is smaller than its levels")
	}
	copy(page, packed[:levels])
	codec := p.codec
	if !header.isPacked {
		codec = codecNone
	}
	if header.size == levels {
		return page, nil // nothing but nulls
	}
	return page, p.unpacker.unpack(codec, page[levels:], packed[levels:])
}

// splitLevels takes a data page apart: the definition levels, and the values.
func splitLevels(header *pageHeader, page []byte, isOptional bool) (levels, values []byte, err error) {
	if header.kind == dataPageV2 {
		from, to := header.repetitions, header.repetitions+header.levels
		return page[from:to], page[to:], nil
	}
	if !isOptional {
		return nil, page, nil
	}
	if header.levelsEncoding != encodingRLE {
		return nil, nil, &encodingError{"levels", header.levelsEncoding, "RLE"}
	}
	if len(page) < 4 {
		return nil, nil, errors.New("a page is smaller than its levels")
	}
	length := binary.LittleEndian.Uint32(page)
	if uint64(length) > uint64(len(page)-4) {
		return nil, nil, errors.New("a page is smaller than its levels")
	}
	return page[4 : 4+length], page[4+length:], nil
}
