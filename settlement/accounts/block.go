package accounts

import (
	"unsafe"

	"alliance/settlement"
	"alliance/settlement/sections"

	"github.com/pierrec/lz4/v4"
)

// A block is a block of a run, decompressed: its dictionaries, and where its entries are.
type block struct {
	run    *Run
	number int
	raw    []byte
	// unpacked is the memory of raw where the block was compressed. lasts says that raw is memory that stays as it is
	// even when the block is another.
	unpacked []byte
	lasts    bool
	// whole is raw as a text, of which the texts of all accounts are parts. It is empty while only few
	// accounts were wanted: then their texts are copied, so that they do not keep the block alive.
	whole string
	// decoded is the number of accounts that were decoded.
	decoded int
	base    settlement.Date
	texts   []commonText
	// files are the files as the block has them, names their names, "" until they are asked for.
	files   []byte
	names   []string
	prices  []priceKey
	entries []entry
	// room is where file names are put together, ends where each of them ends.
	room []byte
	ends []uint32
}

// A commonText is an entry of the dictionary of texts. value is "" until it is asked for.
type commonText struct {
	span  textSpan
	value string
}

// An entry is an account of a block, or that it is gone.
type entry struct {
	member textSpan
	due    settlement.Date
	// body is what follows the due date.
	body textSpan
}

// load makes the block the one of a number of a run, out of the bytes stored, which must be those
// that were written and stay as they are as long as the block is used, or for good if they last. dense
// says that most of its accounts are wanted.
func (b *block) load(run *Run, number int, stored []byte, lasts, dense bool) error {
	info := &run.blocks[number]
	b.run, b.number = run, number
	b.raw, b.lasts = stored, lasts && info.raw == info.stored
	if info.raw != info.stored {
		b.unpacked = sections.Resize(b.unpacked, info.raw)
		b.raw = b.unpacked
		if size, err := lz4.UncompressBlock(stored, b.raw); err != nil || size != info.raw {
			return sections.Damaged("block %d cannot be decompressed to %d bytes", number, info.raw)
		}
	}
	return b.scan(info, dense)
}

func (b *block) scan(info *blockInfo, dense bool) error {
	scan := sections.Scanner{Data: b.raw}
	b.base = settlement.Date(scan.Date())
	b.scanDictionaries(&scan)
	b.scanEntries(&scan, info.entries)
	if scan.Bad {
		return sections.Damaged("block %d is of no form that this program knows, at byte %d of %d", b.number, scan.At, len(b.raw))
	}
	if first := b.entries[0].member; string(b.raw[first.from:first.to]) != info.first {
		return sections.Damaged("block %d starts with another member than the index says", b.number)
	}
	b.whole, b.decoded = "", 0
	if dense {
		b.makeWhole()
	}
	return nil
}

// fewDecoded says of up to which part of a block's accounts each is decoded out of a copy: of one in so
// many.
const fewDecoded = 4

// makeWhole prepares for most accounts of the block being decoded.
func (b *block) makeWhole() {
	if b.lasts {
		b.whole = unsafe.String(unsafe.SliceData(b.raw), len(b.raw))
	} else {
		b.whole = string(b.raw)
	}
	b.fillNames()
}

// spanOf passes over a text and returns where it is.
func spanOf(scan *sections.Scanner) textSpan {
	text := scan.Text()
	return textSpan{uint32(scan.At - len(text)), uint32(scan.At)}
}

func (b *block) scanDictionaries(scan *sections.Scanner) {
	b.texts = sections.Resize(b.texts, scan.Count(2))
	for i := range b.texts {
		b.texts[i] = commonText{span: spanOf(scan)}
		scan.Bad = scan.Bad || b.texts[i].span.from == b.texts[i].span.to
	}
	files := scan.Count(fileBytes)
	b.files = scan.Bytes(fileBytes * files)
	b.names = sections.Resize(b.names, files)
	clear(b.names)
	b.prices = sections.Resize(b.prices, scan.Count(3))
	for i := range b.prices {
		id := scan.Uvarint()
		scan.Bad = scan.Bad || id > uint64(len(b.texts))
		b.prices[i] = priceKey{uint32(id), scan.Varint(), scan.Varint()}
	}
}

func (b *block) scanEntries(scan *sections.Scanner, count int) {
	b.entries = sections.Resize(b.entries, count)
	var before []byte
	for i := range b.entries {
		body := spanOf(scan)
		inner := sections.Scanner{Data: b.raw[:body.to], At: int(body.from), Bad: scan.Bad}
		b.entries[i].member = spanOf(&inner)
		b.entries[i].due = settlement.Never
		if due := inner.Uvarint(); due > 0 {
			date := int64(b.base) + sections.Unzigzag(due-1)
			b.entries[i].due = settlement.Date(date)
			inner.Bad = inner.Bad || date != int64(int32(date))
		}
		b.entries[i].body = textSpan{uint32(inner.At), body.to}
		member := b.raw[b.entries[i].member.from:b.entries[i].member.to]
		if inner.Bad || i > 0 && string(before) >= string(member) {
			scan.Bad = true
			return
		}
		before = member
	}
	scan.Bad = scan.Bad || scan.At != len(scan.Data)
}

// part returns a part of the block as a text that does not change.
func (b *block) part(span textSpan) string {
	if b.whole != "" {
		return b.whole[span.from:span.to]
	}
	return string(b.raw[span.from:span.to])
}

// text returns a text of the dictionary; number 0 is "".
func (b *block) text(number uint64) string {
	if number == 0 {
		return ""
	}
	text := &b.texts[number-1]
	if text.value == "" {
		text.value = b.part(text.span)
	}
	return text.value
}

// file returns the name of a file of the block; ok is false if there is none of the number. Number 0 is "".
func (b *block) file(number uint64) (name string, ok bool) {
	if number == 0 {
		return "", true
	}
	if number > uint64(len(b.names)) {
		return "", false
	}
	name = b.names[number-1]
	if name == "" {
		if name, ok = b.makeName(int(number - 1)); !ok {
			return "", false
		}
		b.names[number-1] = name
	}
	return name, true
}

func (b *block) makeName(i int) (name string, ok bool) {
	key := readFile(b.files[fileBytes*i:])
	if key.party == 0 {
		if key.text == 0 || key.text > uint32(len(b.texts)) {
			return "", false
		}
		return b.text(uint64(key.text)), true
	}
	b.room, ok = b.appendName(b.room[:0], key)
	return string(b.room), ok
}

// maxFilled is up to how many file names are put together at once, which bounds their memory.
const maxFilled = 1 << 15

// fillNames puts all file names together at once, but for those that are not kept in parts.
func (b *block) fillNames() {
	if len(b.names) > maxFilled {
		return
	}
	b.room, b.ends = b.room[:0], sections.Resize(b.ends, len(b.names))
	for i := range b.names {
		if key := readFile(b.files[fileBytes*i:]); key.party != 0 {
			b.room, _ = b.appendName(b.room, key)
		}
		b.ends[i] = uint32(len(b.room))
	}
	all, from := string(b.room), uint32(0)
	for i, to := range b.ends {
		b.names[i] = all[from:to]
		from = to
	}
}

// appendName appends the name of a file that is kept in parts, unless they cannot be.
func (b *block) appendName(names []byte, key fileKey) ([]byte, bool) {
	date := int64(b.base) + int64(key.date)
	if key.party > uint32(len(b.run.named)) || key.text == 0 || key.text > uint32(len(b.texts)) || !isWritten(date) {
		return names, false
	}
	id, span := b.run.named[key.party-1].id, b.texts[key.text-1].span
	if len(id) > maxPartyBytes || span.to-span.from > maxNameBytes {
		return names, false
	}
	names = append(names, merchantFolder...)
	names = append(names, id...)
	names = append(names, dateFolder...)
	names = appendDate(names, settlement.Date(date))
	names = append(names, '/')
	return append(names, b.raw[span.from:span.to]...), true
}

// decode decodes an entry: nil if the account is gone.
func (b *block) decode(i int, arena *Arena) (*settlement.Account, error) {
	if b.decoded++; b.decoded > len(b.entries)/fewDecoded && b.whole == "" {
		b.makeWhole()
	}
	entry := &b.entries[i]
	decoder := decoder{data: b.part(entry.body), block: b, arena: arena}
	account, err := decoder.account(b.part(entry.member), b.base)
	if err != nil {
		return nil, err
	}
	return account, nil
}
