package accounts

import (
	"alliance/settlement"
	"alliance/settlement/sections"

	"github.com/pierrec/lz4/v4"
)

// A block is a block of a run, decompressed: its dictionaries, and where its entries are.
type block struct {
	run    *Run
	number int
	raw    []byte
	// unpacked is the memory of raw where the block was compressed.
	unpacked []byte
	// whole is raw as a text, of which the texts of all accounts are parts. It is empty while only few
	// accounts were wanted: then their texts are copied, so that they do not keep the block alive.
	whole string
	// decoded is the number of accounts that were decoded.
	decoded int
	base    settlement.Date
	texts   []commonText
	files   []commonFile
	prices  []priceKey
	entries []entry
	// names is where file names are put together, ends where each of them ends.
	names []byte
	ends  []uint32
}

// A commonText is an entry of the dictionary of texts. value is "" until it is asked for.
type commonText struct {
	span  textSpan
	value string
}

// A commonFile is an entry of the dictionary of files: parts, or a text. value is "" until it is
// asked for.
type commonFile struct {
	party uint32
	text  uint32
	date  settlement.Date
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
// that were written and stay as they are as long as the block is used. dense says that most
// of its accounts are wanted.
func (b *block) load(run *Run, number int, stored []byte, dense bool) error {
	info := &run.blocks[number]
	b.run, b.number = run, number
	b.raw = stored
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

// fewDecoded is up to how many accounts of a block are decoded out of copies.
const fewDecoded = 4

// makeWhole prepares for most accounts of the block being decoded.
func (b *block) makeWhole() {
	b.whole = string(b.raw)
	b.fillFiles()
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
	b.files = sections.Resize(b.files, scan.Count(2))
	for i := range b.files {
		b.files[i] = b.scanFile(scan)
	}
	b.prices = sections.Resize(b.prices, scan.Count(3))
	for i := range b.prices {
		id := scan.Uvarint()
		scan.Bad = scan.Bad || id > uint64(len(b.texts))
		b.prices[i] = priceKey{uint32(id), scan.Varint(), scan.Varint()}
	}
}

func (b *block) scanFile(scan *sections.Scanner) commonFile {
	party, date := scan.Uvarint(), int64(0)
	if party != 0 {
		date = int64(b.base) + scan.Varint()
	}
	text := scan.Uvarint()
	if scan.Bad || party > uint64(len(b.run.named)) || text == 0 || text > uint64(len(b.texts)) {
		scan.Bad = true
		return commonFile{}
	}
	file := commonFile{party: uint32(party), date: settlement.Date(date), text: uint32(text)}
	if party != 0 {
		span := b.texts[text-1].span
		scan.Bad = !isWritten(date) || len(b.run.named[party-1].id) > maxPartyBytes || span.to-span.from > maxNameBytes
	}
	return file
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

// file returns a name of the dictionary of files; number 0 is "".
func (b *block) file(number uint64) string {
	if number == 0 {
		return ""
	}
	file := &b.files[number-1]
	switch {
	case file.value != "":
	case file.party == 0:
		file.value = b.text(uint64(file.text))
	default:
		b.names = b.appendFile(b.names[:0], file)
		file.value = string(b.names)
	}
	return file.value
}

// maxFilled is up to how many file names are put together at once, which bounds their memory.
const maxFilled = 1 << 15

// fillFiles puts all file names together at once.
func (b *block) fillFiles() {
	if len(b.files) > maxFilled {
		return
	}
	b.names, b.ends = b.names[:0], sections.Resize(b.ends, len(b.files))
	for i := range b.files {
		if b.files[i].party != 0 {
			b.names = b.appendFile(b.names, &b.files[i])
		}
		b.ends[i] = uint32(len(b.names))
	}
	all, from := string(b.names), uint32(0)
	for i, to := range b.ends {
		b.files[i].value = all[from:to]
		from = to
	}
}

// appendFile appends the name of a file that is kept in parts.
func (b *block) appendFile(names []byte, file *commonFile) []byte {
	names = append(names, merchantFolder...)
	names = append(names, b.run.named[file.party-1].id...)
	names = append(names, dateFolder...)
	names = appendDate(names, file.date)
	names = append(names, '/')
	span := b.texts[file.text-1].span
	return append(names, b.raw[span.from:span.to]...)
}

// decode decodes an entry: nil if the account is gone.
func (b *block) decode(i int, arena *Arena) (*settlement.Account, error) {
	if b.decoded++; b.decoded > fewDecoded && b.whole == "" {
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
