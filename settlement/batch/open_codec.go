package batch

import (
	"encoding/binary"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
)

// Opening lots on their way to the partition of their member are bytes:
//
//	2 bytes  length of what follows
//	text     member
//	number   issuer
//	signed   business date
//	text     lot id
//	8 bytes  issued at
//	number   0 if it never expires, else 1 + last date of use less business date
//	number   points
//	number   row
//	number   line on which the row begins, less row
//
// All that is not there is the same for all of them.

// appendLot writes a lot of a member.
func appendLot(buffer []byte, member string, lot *settlement.Lot, line int) []byte {
	start := len(buffer)
	buffer = append(buffer, 0, 0)
	buffer = appendText(buffer, member)
	buffer = binary.AppendUvarint(buffer, uint64(lot.Issuer))
	buffer = binary.AppendVarint(buffer, int64(lot.Key.BusinessDate))
	buffer = appendText(buffer, lot.Key.TransactionID)
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(lot.IssuedAt))
	expiry := uint64(0)
	if lot.ExpiresOn != settlement.Never {
		expiry = uint64(int64(lot.ExpiresOn)-int64(lot.Key.BusinessDate)) + 1
	}
	buffer = binary.AppendUvarint(buffer, expiry)
	buffer = binary.AppendUvarint(buffer, uint64(lot.Open))
	buffer = binary.AppendUvarint(buffer, uint64(lot.Source.Row))
	buffer = binary.AppendUvarint(buffer, uint64(int64(line)-lot.Source.Row))
	binary.LittleEndian.PutUint16(buffer[start:], uint16(len(buffer)-start-2))
	return buffer
}

// lotEnd returns where the lot that begins at a place of content ends.
func lotEnd(content []byte, at int) int {
	return at + 2 + int(binary.LittleEndian.Uint16(content[at:]))
}

// memberAt returns the member of the lot that begins at a place of content, of which it is a part.
func memberAt(content []byte, at int) string {
	from := byteReader{content, at + 2}
	return from.text()
}

// readLot reads the lot that begins at a place of content; its texts are parts of content.
func readLot(content []byte, at int, file string, lot *settlement.Lot) (line int) {
	from := byteReader{content, at + 2}
	from.text()
	issuer := settlement.Party(from.unsigned())
	business := settlement.Date(from.signed())
	*lot = settlement.Lot{
		Key:    settlement.LotKey{Merchant: issuer, BusinessDate: business, TransactionID: from.text(), Imported: true},
		Issuer: issuer, IssuedAt: settlement.Instant(binary.LittleEndian.Uint64(from.bytes(8))), ExpiresOn: settlement.Never,
	}
	if expiry := from.unsigned(); expiry > 0 {
		lot.ExpiresOn = business + settlement.Date(expiry-1)
	}
	lot.Issued = int64(from.unsigned())
	lot.Open = lot.Issued
	lot.Source = settlement.Source{File: file, Row: int64(from.unsigned())}
	return int(lot.Source.Row) + int(from.unsigned())
}

// The key of a lot is on its way to its partition as its digest and its row.
const keyBytes = 16 + 8

// appendKey writes a lot's key: a lot may be on record once, whoever has it. Two keys with one digest
// are one, as with the ids of rows.
func appendKey(buffer []byte, lot *settlement.Lot) []byte {
	start := len(buffer)
	buffer = binary.LittleEndian.AppendUint32(buffer, uint32(lot.Key.Merchant))
	buffer = binary.LittleEndian.AppendUint32(buffer, uint32(lot.Key.BusinessDate))
	buffer = append(buffer, lot.Key.TransactionID...)
	digest := xxh3.Hash128(buffer[start:]).Bytes()
	buffer = append(buffer[:start], digest[:]...)
	return binary.LittleEndian.AppendUint64(buffer, uint64(lot.Source.Row))
}
