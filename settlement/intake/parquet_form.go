package intake

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"

	"alliance/settlement"
)

// A parquetForm says how a column's values become those of a record.
type parquetForm uint8

const (
	// noForm is that of a type which the column may not have.
	noForm parquetForm = iota
	textForm
	signedForm
	unsigned32Form
	unsigned64Form
	// decimalForm is a DECIMAL of integers, wideForm one of bytes.
	decimalForm
	wideForm
	dateForm
	millisForm
	microsForm
	nanosForm
	// nullForm is the type of columns that a writer has seen no value of.
	nullForm
)

const textTypes = "a string (BYTE_ARRAY with UTF-8 text)"

// parquetTypes says which types each column may have.
var parquetTypes = func() (types [settlement.Columns]string) {
	for column := range types {
		types[column] = textTypes
	}
	types[settlement.PointsColumn] = "INT32, INT64, signed or not, or DECIMAL of scale 0"
	types[settlement.OccurredAt] = "TIMESTAMP adjusted to UTC or " + textTypes
	types[settlement.OriginalDate] = "DATE or " + textTypes
	types[settlement.ExpiresOn] = "DATE or " + textTypes
	types[settlement.Amount] = "DECIMAL of scale 0 to 2 or " + textTypes
	return types
}()

// formFor returns how the field's values are read as those of a column, or noForm.
func (f *parquetField) formFor(column settlement.Column) parquetForm {
	if !f.isLeaf || f.repetition != required && f.repetition != optional {
		return noForm
	}
	if f.logical == logicalNull && f.repetition == optional && (f.physical == physicalInt32 || f.physical == physicalInt64 || f.physical == physicalByteArray) {
		return nullForm
	}
	switch column {
	case settlement.PointsColumn:
		return f.pointsForm()
	case settlement.OccurredAt:
		if form := f.timestampForm(); form != noForm {
			return form
		}
	case settlement.OriginalDate, settlement.ExpiresOn:
		if f.physical == physicalInt32 && f.logical == logicalDate {
			return dateForm
		}
	case settlement.Amount:
		if form := f.decimalForm(2); form != noForm {
			return form
		}
	}
	if f.physical == physicalByteArray && (f.logical == logicalNone || f.logical == logicalString || f.logical == logicalEnum) {
		return textForm
	}
	return noForm
}

func (f *parquetField) pointsForm() parquetForm {
	integer := f.physical == physicalInt32 || f.physical == physicalInt64
	switch {
	case integer && (f.logical == logicalNone || f.logical == logicalInteger && f.isSigned):
		return signedForm
	case f.logical == logicalInteger && f.physical == physicalInt32:
		return unsigned32Form
	case f.logical == logicalInteger && f.physical == physicalInt64:
		return unsigned64Form
	default:
		return f.decimalForm(0)
	}
}

// longestDecimal is more than any DECIMAL of bytes needs; a longer type is none.
const longestDecimal_bytes = 64

func (f *parquetField) decimalForm(maxScale int64) parquetForm {
	if f.logical != logicalDecimal || f.scale < 0 || f.scale > maxScale {
		return noForm
	}
	switch f.physical {
	case physicalInt32, physicalInt64:
		return decimalForm
	case physicalFixed:
		if f.length < 1 || f.length > longestDecimal_bytes {
			return noForm
		}
		return wideForm
	case physicalByteArray:
		return wideForm
	default:
		return noForm
	}
}

func (f *parquetField) timestampForm() parquetForm {
	if f.physical != physicalInt64 || f.logical != logicalTimestamp || !f.isUTC {
		return noForm
	}
	switch f.unit {
	case unitMillis:
		return millisForm
	case unitMicros:
		return microsForm
	case unitNanos:
		return nanosForm
	default:
		return noForm
	}
}

// putInteger puts a value into the record: as what it is, or, if that is out of the range of the
// record's types, as text.
func (c *parquetColumn) putInteger(record *settlement.Record, value int64) {
	switch c.form {
	case signedForm:
		c.putPoints(record, value)
	case unsigned32Form:
		c.putPoints(record, int64(uint32(value)))
	case unsigned64Form:
		if value < 0 {
			record.Values[c.column] = strconv.FormatUint(uint64(value), 10)
			return
		}
		c.putPoints(record, value)
	case decimalForm:
		c.putDecimal(record, value)
	case dateForm:
		c.putDate(record, value)
	case millisForm:
		if value < math.MinInt64/1000 || value > math.MaxInt64/1000 {
			record.Values[c.column] = strconv.FormatInt(value, 10) + " ms after 1970"
			return
		}
		c.putInstant(record, value*1000)
	case microsForm:
		c.putInstant(record, value)
	case nanosForm:
		instant_us := value / 1000
		if value%1000 < 0 {
			instant_us-- // cut towards the past, as digits are
		}
		c.putInstant(record, instant_us)
	}
}

func (c *parquetColumn) putPoints(record *settlement.Record, points int64) {
	record.Typed |= 1 << settlement.PointsColumn
	record.Points = points
}

func (c *parquetColumn) putInstant(record *settlement.Record, instant_us int64) {
	record.Typed |= 1 << settlement.OccurredAt
	record.OccurredAt = settlement.Instant(instant_us)
}

func (c *parquetColumn) putDate(record *settlement.Record, days int64) {
	const firstDay, lastDay = -719_528, 2_932_896 // 0000-01-01, 9999-12-31
	if days < firstDay || days > lastDay {
		record.Values[c.column] = strconv.FormatInt(days, 10) + " days after 1970-01-01"
		return
	}
	record.Typed |= 1 << c.column
	if c.column == settlement.OriginalDate {
		record.OriginalDate = settlement.Date(days)
	} else {
		record.ExpiresOn = settlement.Date(days)
	}
}

func (c *parquetColumn) putDecimal(record *settlement.Record, unscaled int64) {
	if c.column == settlement.PointsColumn {
		c.putPoints(record, unscaled)
		return
	}
	factor := [...]int64{100, 10, 1}[c.field.scale]
	if unscaled > math.MaxInt64/factor || unscaled < -math.MaxInt64/factor {
		record.Values[c.column] = scaledText(big.NewInt(unscaled), c.field.scale)
		return
	}
	record.Typed |= 1 << settlement.Amount
	record.AmountHundredths = unscaled * factor
}

// putWide puts a decimal of bytes, a number in two's complement from its highest byte on.
func (c *parquetColumn) putWide(record *settlement.Record, text string) {
	if unscaled, ok := narrow(text); ok {
		c.putDecimal(record, unscaled)
		return
	}
	if len(text) == 0 || len(text) > longestDecimal_bytes {
		record.Values[c.column] = "0x" + hex.EncodeToString([]byte(text[:min(len(text), longestDecimal_bytes)]))
		return
	}
	unscaled := new(big.Int).SetBytes([]byte(text))
	if text[0] >= 0x80 {
		unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(text))))
	}
	record.Values[c.column] = scaledText(unscaled, c.field.scale)
}

// narrow returns the number in 64 bits, if it has room there.
func narrow(text string) (value int64, ok bool) {
	var buffer [8]byte
	if len(text) == 0 {
		return 0, false
	}
	sign := byte(int8(text[0]) >> 7)
	for len(text) > len(buffer) {
		if text[0] != sign || text[1]&0x80 != sign&0x80 {
			return 0, false
		}
		text = text[1:]
	}
	for i := range len(buffer) - len(text) {
		buffer[i] = sign
	}
	copy(buffer[len(buffer)-len(text):], text)
	return int64(binary.BigEndian.Uint64(buffer[:])), true
}

// scaledText writes a decimal with its point.
func scaledText(unscaled *big.Int, scale int64) string {
	digits, sign := new(big.Int).Abs(unscaled).String(), ""
	if unscaled.Sign() < 0 {
		sign = "-"
	}
	for int64(len(digits)) <= scale {
		digits = "0" + digits
	}
	if scale == 0 {
		return sign + digits
	}
	whole := int64(len(digits)) - scale
	return sign + digits[:whole] + "." + digits[whole:]
}
