package accounts

import (
	"encoding/binary"
	"math"
	"strings"

	"alliance/settlement"
)

// A fileTable numbers the names of files of a block from 1; "" is 0. Most names have the form
// merchant=<id>/date=<date>/<name>, and of these a block keeps the three parts.
type fileTable struct {
	encoded []byte
	keys    []fileKey
	// slots is an open-addressed hash table of numbers, 0 where there is none.
	slots []uint32
	// recent spares taking most names apart.
	recent recentFiles
}

// A fileKey is the parts of a file's name; without a party the text is all of it.
type fileKey struct {
	party, text uint32
	// date is less the base.
	date int16
}

// fileBytes is the length of a file of a block.
const fileBytes = 5

func (k *fileKey) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint16(to, uint16(k.party))
	if k.party == 0 {
		return append(to, byte(k.text), byte(k.text>>8), byte(k.text>>16))
	}
	return append(binary.LittleEndian.AppendUint16(to, uint16(k.date)), byte(k.text))
}

// readFile is the inverse of append.
func readFile(from []byte) fileKey {
	party, low := uint32(binary.LittleEndian.Uint16(from)), binary.LittleEndian.Uint16(from[2:])
	if party == 0 {
		return fileKey{text: uint32(low) | uint32(from[4])<<16}
	}
	return fileKey{party, uint32(from[4]), int16(low)}
}

// keyOf returns the key of a name that can be kept in parts.
func keyOf(file string, merchant settlement.Party, base settlement.Date, parties *partyTable, texts *textTable) (fileKey, bool) {
	id, date, name, ok := splitFile(file)
	if !ok {
		return fileKey{}, false
	}
	since := int64(date) - int64(base)
	if since != int64(int16(since)) {
		return fileKey{}, false
	}
	key := fileKey{parties.placeOf(id, merchant), texts.number(name, fileName), int16(since)}
	return key, key.party <= math.MaxUint16 && key.text <= math.MaxUint8
}

func (t *fileTable) reset() {
	t.encoded, t.keys = t.encoded[:0], t.keys[:0]
	if t.slots == nil {
		t.slots = make([]uint32, 2048)
	}
	clear(t.slots)
	t.recent.reset()
}

const (
	merchantFolder = "merchant="
	dateFolder     = "/date="
	// dateLength is that of YYYY-MM-DD.
	dateLength = 10
)

// number returns the number of a file name, whose parts are numbered by parties and texts; merchant is
// whose folder it probably is.
func (t *fileTable) number(file string, merchant settlement.Party, base settlement.Date, parties *partyTable, texts *textTable) uint32 {
	if file == "" {
		return 0
	}
	recent := t.recent.of(merchant, file)
	if recent.name != file {
		*recent = recentFile{file, t.numberOf(file, merchant, base, parties, texts)}
	}
	return recent.number
}

func (t *fileTable) numberOf(file string, merchant settlement.Party, base settlement.Date, parties *partyTable, texts *textTable) uint32 {
	key, ok := keyOf(file, merchant, base, parties, texts)
	if !ok {
		key = fileKey{text: texts.number(file, fileName)}
	}
	at := t.slot(&key)
	if t.slots[at] == 0 {
		t.keys = append(t.keys, key)
		t.slots[at] = uint32(len(t.keys))
		t.encoded = key.append(t.encoded)
		if 2*len(t.keys) > len(t.slots) {
			t.grow()
		}
		return uint32(len(t.keys))
	}
	return t.slots[at]
}

// slot returns where a file is, or could be.
func (t *fileTable) slot(key *fileKey) uint32 {
	hash := (uint64(key.party)<<32 ^ uint64(key.text)<<48 ^ uint64(uint16(key.date))) * 0x9e3779b97f4a7c15
	mask := uint32(len(t.slots) - 1)
	at := uint32(hash>>32) & mask
	for t.slots[at] != 0 && t.keys[t.slots[at]-1] != *key {
		at = (at + 1) & mask
	}
	return at
}

func (t *fileTable) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	for i := range t.keys {
		t.slots[t.slot(&t.keys[i])] = uint32(i + 1)
	}
}

// recentFiles remembers the numbers of some files of a block by their whole names, most of which are the very same texts again.
type recentFiles [1 << 9]recentFile

type recentFile struct {
	name   string
	number uint32
}

// reset forgets all files, and lets go of the callers' texts.
func (r *recentFiles) reset() { clear(r[:]) }

// of returns where a file is remembered, perhaps another one. A merchant's lots from before its first night come from a file of another
// length than those of its nights.
func (r *recentFiles) of(merchant settlement.Party, file string) *recentFile {
	return &r[(uint32(merchant)*0x9E3779B1+uint32(len(file))*0x85EBCA77)>>(32-9)]
}

// splitFile cuts merchant=<id>/date=<date>/<name> into its parts.
func splitFile(file string) (id string, date settlement.Date, name string, ok bool) {
	if !strings.HasPrefix(file, merchantFolder) {
		return "", 0, "", false
	}
	rest := file[len(merchantFolder):]
	slash := strings.IndexByte(rest, '/')
	if slash < 1 || slash > maxPartyBytes {
		return "", 0, "", false
	}
	id, rest = rest[:slash], rest[slash:]
	const folders = len(dateFolder) + dateLength
	if len(rest) < folders+2 || len(rest) > folders+1+maxNameBytes || rest[:len(dateFolder)] != dateFolder || rest[folders] != '/' {
		return "", 0, "", false
	}
	date, ok = parseDate(rest[len(dateFolder):folders])
	return id, date, rest[folders+1:], ok
}

// parseDate reads YYYY-MM-DD of the years 1970 to 2399, the only ones that appendDate writes.
func parseDate(text string) (settlement.Date, bool) {
	if len(text) != dateLength || text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	year, month, day := 100*twoDigits(text, 0)+twoDigits(text, 2), twoDigits(text, 5), twoDigits(text, 8)
	if year < firstYear || year > lastYear || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, false
	}
	starts := monthStarts(year)
	date := starts[month-1] + int32(day) - 1
	return settlement.Date(yearStarts[year-firstYear] + date), date < starts[month]
}

// twoDigits reads a number of two digits; one that has none is far out of range.
func twoDigits(text string, at int) int {
	tens, ones := text[at]-'0', text[at+1]-'0'
	if tens > 9 || ones > 9 {
		return 1 << 20
	}
	return 10*int(tens) + int(ones)
}

const (
	firstYear = 1970
	lastYear  = 2399
)

// yearStarts holds the day on which each year starts, and the one after the last.
var yearStarts = func() (starts [lastYear - firstYear + 2]int32) {
	for i := range starts {
		starts[i] = int32(settlement.NewDate(firstYear+i, 1, 1))
	}
	return starts
}()

var (
	commonYear = [...]int32{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}
	leapYear   = [...]int32{0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}
)

func monthStarts(year int) *[13]int32 {
	if yearStarts[year-firstYear+1]-yearStarts[year-firstYear] == 366 {
		return &leapYear
	}
	return &commonYear
}

// isWritten reports whether appendDate can write a date.
func isWritten(date int64) bool {
	return date >= 0 && date < int64(yearStarts[len(yearStarts)-1])
}

// appendDate appends YYYY-MM-DD. It does what Date.String does, without a time of day.
func appendDate(buffer []byte, date settlement.Date) []byte {
	year := firstYear + int(int64(date)*400/146097)
	if int32(date) < yearStarts[year-firstYear] {
		year--
	} else if int32(date) >= yearStarts[year-firstYear+1] {
		year++
	}
	starts := monthStarts(year)
	day := int32(date) - yearStarts[year-firstYear]
	month := int(day / 32)
	if day >= starts[month+1] {
		month++
	}
	day -= starts[month] - 1
	month++
	return append(buffer, byte('0'+year/1000), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10))
}
