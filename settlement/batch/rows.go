package batch

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/intake"
)

// A nightFiles knows the files of a night by their place in order of their keys, which is how rows on
// their way name them.
type nightFiles struct {
	keys      []string
	merchants []settlement.Party
	// discarded files turned out to be held when some of their rows were on their way.
	discarded []bool
	place     map[string]int32
	reasons   reasons
}

// newNightFiles numbers the objects of a listing. placeOf is, by object, its place.
func newNightFiles(objects []intake.Object) (files *nightFiles, placeOf []int32) {
	order := make([]int32, len(objects))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return compareText(objects[a].Key, objects[b].Key) })
	files = &nightFiles{
		keys: make([]string, len(objects)), merchants: make([]settlement.Party, len(objects)), discarded: make([]bool, len(objects)),
		place: make(map[string]int32, len(objects)),
	}
	placeOf = make([]int32, len(objects))
	for place, object := range order {
		files.keys[place], files.merchants[place] = objects[object].Key, objects[object].Merchant
		files.place[objects[object].Key] = int32(place)
		placeOf[object] = int32(place)
	}
	return files, placeOf
}

func (f *nightFiles) key(place int32) string { return f.keys[place] }

// A rowName names a row of tonight.
type rowName struct {
	file int32
	row  int64
}

// A rowCodec writes rows of tonight as bytes and reads them. Kind, issuer and so on take a byte or
// two instead of the words of a [settlement.Transaction], and ids about half of their own.
//
// A row has its content's digest only if it may wait for a later night: what decides about ids goes its own way.
type rowCodec struct {
	files *nightFiles
	date  settlement.Date
}

// Flags of a row, above the two bits of its kind.
const (
	hasIssuer = 1 << (iota + 2)
	hasOriginal
	hasOriginalDate
	hasExpiry
	hasReason
	// hasMicroseconds says that the row did not occur on a whole second.
	hasMicroseconds
)

// mayWait reports whether a row may be deferred: its date has not come, or it is a reversal, whose original may not
// be on record yet.
func mayWait(row *settlement.Transaction, date settlement.Date) bool {
	return row.BusinessDate > date || row.Kind == settlement.RedeemReversal || row.Kind == settlement.IssueReversal
}

const (
	microsecondsPerSecond = 1_000_000
	microsecondsPerDay    = 24 * 60 * 60 * microsecondsPerSecond
)

// sinceMidnight returns how long after the midnight, in UTC, of a date an instant is, in seconds if these are whole.
func sinceMidnight(date settlement.Date, instant settlement.Instant) (since int64, seconds bool) {
	since = int64(instant) - int64(date)*microsecondsPerDay
	if since%microsecondsPerSecond == 0 {
		return since / microsecondsPerSecond, true
	}
	return since, false
}

// afterMidnight is the opposite of sinceMidnight.
func afterMidnight(date settlement.Date, since int64, seconds bool) settlement.Instant {
	if seconds {
		since *= microsecondsPerSecond
	}
	return settlement.Instant(int64(date)*microsecondsPerDay + since)
}

// append writes a row: its length comes first, and its member.
func (c rowCodec) append(buffer []byte, file int32, row *settlement.Transaction) []byte {
	lengthAt := len(buffer)
	buffer = append(buffer, 0)
	buffer = appendPacked(buffer, row.Member)
	buffer = binary.AppendUvarint(buffer, uint64(file))
	buffer = binary.AppendUvarint(buffer, uint64(row.Source.Row))
	flagsAt := len(buffer)
	flags := byte(row.Kind)
	buffer = append(buffer, 0)
	buffer = appendPacked(buffer, row.ID)
	buffer = binary.AppendUvarint(buffer, uint64(row.Points))
	since, seconds := sinceMidnight(c.date, row.OccurredAt)
	if !seconds {
		flags |= hasMicroseconds
	}
	buffer = binary.AppendVarint(buffer, since)
	buffer = binary.AppendVarint(buffer, int64(row.BusinessDate)-int64(c.date))
	if mayWait(row, c.date) {
		buffer = append(buffer, row.Content[:]...)
	}
	if row.BusinessDate > c.date {
		buffer = appendText(buffer, row.OccurredAtText)
	}
	if row.Issuer != settlement.NoParty {
		flags |= hasIssuer
		buffer = binary.AppendUvarint(buffer, uint64(row.Issuer))
	}
	if row.OriginalID != "" {
		flags |= hasOriginal
		buffer = appendPacked(buffer, row.OriginalID)
	}
	if row.OriginalDate != settlement.NoDate {
		flags |= hasOriginalDate
		buffer = binary.AppendVarint(buffer, int64(row.OriginalDate)-int64(c.date))
	}
	if row.ExpiresOn != settlement.NoDate {
		flags |= hasExpiry
		buffer = binary.AppendVarint(buffer, int64(row.ExpiresOn)-int64(c.date))
	}
	if row.Reason != "" {
		flags |= hasReason
		buffer = c.files.reasons.append(buffer, row.Reason)
	}
	buffer[flagsAt] = flags
	return putLength(buffer, lengthAt)
}

// putLength writes how many bytes there are behind a place, at the place, where one byte has room for most.
func putLength(buffer []byte, at int) []byte {
	length := len(buffer) - at - 1
	if length < 0x80 {
		buffer[at] = byte(length)
		return buffer
	}
	more := len(binary.AppendUvarint(nil, uint64(length))) - 1
	buffer = append(buffer, make([]byte, more)...)
	copy(buffer[at+1+more:], buffer[at+1:])
	binary.PutUvarint(buffer[at:], uint64(length))
	return buffer
}

// peek reads of the first row only whose and which it is, and its length. The member is packed: see [byteReader.skipPacked].
func (c rowCodec) peek(content []byte) (member string, name rowName, length int) {
	from := byteReader{content, 0}
	length = int(from.unsigned())
	length += from.at
	member = from.skipPacked()
	name.file = int32(from.unsigned())
	name.row = int64(from.unsigned())
	return member, name, length
}

// read reads the first row but for its member. Its texts live until the arena is reset, which has to be before content changes; it has
// the digest of its content only if it may wait.
func (c rowCodec) read(content []byte, row *settlement.Transaction, texts *textArena) {
	from := byteReader{content, 0}
	from.unsigned()
	from.skipPacked()
	file := int32(from.unsigned())
	row.Source = settlement.Source{File: c.files.keys[file], Row: int64(from.unsigned())}
	row.Merchant = c.files.merchants[file]
	flags := from.bytes(1)[0]
	row.Kind = settlement.Kind(flags & 3)
	row.ID = from.packed(texts)
	row.Points = int64(from.unsigned())
	row.OccurredAt = afterMidnight(c.date, from.signed(), flags&hasMicroseconds == 0)
	row.BusinessDate = c.date + settlement.Date(from.signed())
	row.Content, row.OccurredAtText = settlement.Digest{}, ""
	if mayWait(row, c.date) {
		row.Content = settlement.Digest(from.bytes(len(row.Content)))
	}
	if row.BusinessDate > c.date {
		row.OccurredAtText = from.text()
	}
	row.Issuer, row.OriginalID, row.OriginalDate, row.ExpiresOn, row.Reason = settlement.NoParty, "", settlement.NoDate, settlement.NoDate, ""
	if flags&hasIssuer != 0 {
		row.Issuer = settlement.Party(from.unsigned())
	}
	if flags&hasOriginal != 0 {
		row.OriginalID = from.packed(texts)
	}
	if flags&hasOriginalDate != 0 {
		row.OriginalDate = c.date + settlement.Date(from.signed())
	}
	if flags&hasExpiry != 0 {
		row.ExpiresOn = c.date + settlement.Date(from.signed())
	}
	if flags&hasReason != 0 {
		row.Reason = c.files.reasons.read(&from)
	}
	row.FirstRead = c.date
}

// claimantDigestsBytes is how long a claimant's id and content are.
const claimantDigestsBytes = 2 * len(settlement.Digest{})

// appendClaimant writes what decides about a row's id: what a [clearing.Claimant] has. The row's number says whether the business date
// is another one than tonight's, and follows.
func (c rowCodec) appendClaimant(buffer []byte, id, content *settlement.Digest, business settlement.Date, name rowName) []byte {
	buffer = append(buffer, id[:]...)
	buffer = append(buffer, content[:]...)
	buffer = binary.AppendUvarint(buffer, uint64(name.file))
	if business == c.date {
		return binary.AppendUvarint(buffer, uint64(name.row)<<1)
	}
	buffer = binary.AppendUvarint(buffer, uint64(name.row)<<1|1)
	return binary.AppendVarint(buffer, int64(business)-int64(c.date))
}

// readClaimants reads all claimants of a partition but those of files that are held.
func (c rowCodec) readClaimants(content []byte, claimants []clearing.Claimant) []clearing.Claimant {
	for from := (byteReader{content, 0}); from.at < len(content); {
		claimant := clearing.Claimant{ID: settlement.Digest(from.bytes(16)), Content: settlement.Digest(from.bytes(16))}
		var name rowName
		name, claimant.BusinessDate = c.readName(&from)
		claimant.File, claimant.Row = name.file, name.row
		if !c.files.discarded[claimant.File] {
			claimants = append(claimants, claimant)
		}
	}
	return claimants
}

// readName reads what stands behind a claimant's digests.
func (c rowCodec) readName(from *byteReader) (name rowName, business settlement.Date) {
	name.file = int32(from.unsigned())
	row := from.unsigned()
	name.row, business = int64(row>>1), c.date
	if row&1 != 0 {
		business += settlement.Date(from.signed())
	}
	return name, business
}

// peekClaimant reads of the first claimant only which row it is, and its length.
func (c rowCodec) peekClaimant(content []byte) (name rowName, length int) {
	from := byteReader{content, claimantDigestsBytes}
	name, _ = c.readName(&from)
	return name, from.at
}

// readTakenID reads the id that the first claimant takes if it is settled.
func (c rowCodec) readTakenID(content []byte, taken *settlement.TakenID) {
	taken.ID, taken.Content = settlement.Digest(content[:16]), settlement.Digest(content[16:32])
	_, taken.BusinessDate = c.readName(&byteReader{content, claimantDigestsBytes})
	taken.SettledOn = c.date
}

func appendText(buffer []byte, text string) []byte {
	buffer = binary.AppendUvarint(buffer, uint64(len(text)))
	return append(buffer, text...)
}

// A byteReader reads what this process wrote; that it cannot be read is a mistake of ours.
type byteReader struct {
	content []byte
	at      int
}

func (r *byteReader) unsigned() uint64 {
	if first := r.content[r.at]; first < 0x80 {
		r.at++
		return uint64(first)
	}
	return r.long()
}

// long reads a number of several bytes. One of up to 8 is put together at once, without a look at each byte.
func (r *byteReader) long() uint64 {
	if len(r.content)-r.at >= 8 {
		groups := binary.LittleEndian.Uint64(r.content[r.at:])
		if ends := ^groups & 0x8080808080808080; ends != 0 {
			r.at += bits.TrailingZeros64(ends)/8 + 1
			groups &= ends ^ (ends - 1)
			groups = groups&0x007f007f007f007f | groups>>1&0x3f803f803f803f80
			groups = groups&0x00003fff00003fff | groups>>2&0x0fffc0000fffc000
			return groups&0x0fffffff | groups>>4&0x00fffffff0000000
		}
	}
	value, n := binary.Uvarint(r.content[r.at:])
	if n <= 0 {
		panic(fmt.Sprintf("a number on its way cannot be read: %x", r.content[r.at:min(r.at+10, len(r.content))]))
	}
	r.at += n
	return value
}

func (r *byteReader) signed() int64 {
	value := r.unsigned()
	return int64(value>>1) ^ -int64(value&1)
}

func (r *byteReader) bytes(n int) []byte {
	part := r.content[r.at : r.at+n : r.at+n]
	r.at += n
	return part
}

// text returns a text that lives as long as the content.
func (r *byteReader) text() string {
	part := r.bytes(int(r.unsigned()))
	return unsafe.String(unsafe.SliceData(part), len(part))
}
