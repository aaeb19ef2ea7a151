package clearing

import (
	"encoding/binary"
	"strconv"
	"time"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
)

// IDDigest digests a transaction id together with the merchant that gave it: the key by which
// rows find out that their id is taken. It is of the ids' texts, so it outlives the register. Chance does not make two of them alike; XXH3 is
// no cryptographic digest, though: it does not withstand who takes great pains to find an id that looks like another.
func IDDigest(merchantID, transactionID string) settlement.Digest {
	// Room for the longest valid ids; longer ones still come out right.
	var room [2*4 + 64 + maxIDBytes]byte
	buffer := appendText(room[:0], merchantID)
	buffer = appendText(buffer, transactionID)
	return xxh3.Hash128(buffer).Bytes()
}

// contentDigest digests what a row says, as parsed: rows of one id are duplicates when it is
// equal. merchant_id is left out, it can only name the folder. Ids, dates, currency and
// reason have one spelling each, so their text stands for their value, and a typed value is
// digested as its text; and text is what counts of a column that the kind does not take. An absent value has no bytes and so differs from a
// default that is written out.
func (v *Validator) contentDigest(record *settlement.Record, row *settlement.Transaction) settlement.Digest {
	buffer := append(v.scratch[:0], byte(row.Kind))
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(row.Points))
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(row.OccurredAt))
	for _, column := range contentColumns {
		switch text := record.Values[column]; {
		case text != "":
			buffer = appendText(buffer, text)
		case record.Typed&(1<<column) == 0:
			buffer = append(buffer, 0, 0, 0, 0)
		case column == settlement.OriginalDate:
			buffer = appendDate(buffer, record.OriginalDate)
		default:
			buffer = appendDate(buffer, record.ExpiresOn)
		}
	}
	if record.Typed&(1<<settlement.Amount) == 0 {
		buffer = appendAmount(buffer, v.amount)
	} else {
		buffer = appendHundredths(buffer, record.AmountHundredths)
	}
	v.scratch = buffer
	return xxh3.Hash128(buffer).Bytes()
}

// contentColumns are the columns whose text is part of the content.
var contentColumns = [...]settlement.Column{
	settlement.TransactionID, settlement.MemberID, settlement.IssuerID, settlement.OriginalTransactionID,
	settlement.OriginalDate, settlement.ExpiresOn, settlement.CurrencyColumn, settlement.Reason, settlement.StoreID,
}

// appendText appends a text behind its length, so that two texts cannot run into each other.
func appendText(buffer []byte, text string) []byte {
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(text)))
	return append(buffer, text...)
}

func appendAmount(buffer []byte, amount amountText) []byte {
	sign := byte('+')
	if amount.negative {
		sign = '-'
	}
	buffer = append(buffer, sign)
	buffer = appendText(buffer, amount.whole)
	return appendText(buffer, amount.fraction)
}

// appendDate appends what appendText does with the text of a date.
func appendDate(buffer []byte, date settlement.Date) []byte {
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(time.DateOnly)))
	return time.Unix(int64(date)*secondsPerDay, 0).UTC().AppendFormat(buffer, time.DateOnly)
}

// appendHundredths appends what appendAmount does with the parts of the same amount.
func appendHundredths(buffer []byte, hundredths int64) []byte {
	sign, magnitude := byte('+'), uint64(hundredths)
	if hundredths < 0 {
		sign, magnitude = '-', -magnitude
	}
	buffer = append(buffer, sign)
	lengthAt := len(buffer)
	buffer = append(buffer, 0, 0, 0, 0)
	buffer = strconv.AppendUint(buffer, magnitude/100, 10)
	binary.BigEndian.PutUint32(buffer[lengthAt:], uint32(len(buffer)-lengthAt-4))
	fraction := [2]byte{'0' + byte(magnitude/10%10), '0' + byte(magnitude%10)}
	digits := 2
	for digits > 0 && fraction[digits-1] == '0' {
		digits--
	}
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(digits))
	return append(buffer, fraction[:digits]...)
}
