package clearing

import (
	"encoding/binary"

	"alliance/settlement"

	"github.com/zeebo/xxh3"
)

// IDDigest digests a transaction id together with the merchant that gave it: the key by which
// rows find out that their id is taken. It is of the ids' texts, so it outlives the register.
func IDDigest(merchantID, transactionID string) settlement.Digest {
	// Room for the longest valid ids; longer ones still come out right.
	var room [2*4 + 64 + maxIDBytes]byte
	buffer := appendText(room[:0], merchantID)
	buffer = appendText(buffer, transactionID)
	return xxh3.Hash128(buffer).Bytes()
}

// contentDigest digests what a row says, as parsed: rows of one id are duplicates when it is
// equal. merchant_id is left out, it can only name the folder. Ids, dates, currency and
// reason have one spelling each, so their text stands for their value; and text is what counts
// of a column that the kind does not take. An absent value has no bytes and so differs from a
// default that is written out.
func (v *Validator) contentDigest(record *settlement.Record, row *settlement.Transaction) settlement.Digest {
	buffer := append(v.scratch[:0], byte(row.Kind))
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(row.Points))
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(row.OccurredAt))
	for _, column := range contentColumns {
		buffer = appendText(buffer, record.Values[column])
	}
	buffer = appendAmount(buffer, v.amount)
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
