package layout

import (
	"strings"

	"alliance/settlement"
)

// A SampleValue is a column of a sample row.
type SampleValue struct {
	Column settlement.Column
	// Names are the merchant's, none if the value is a constant.
	Names []string
	// Written are the texts of the row in the file, by name, and Read what they mean.
	Written []string
	Read    string
}

// Sample returns a made-up row: as it stands in a file of this layout, and what is read from it.
// currency is that of the ledger.
func (l *Layout) Sample(currency string) []SampleValue {
	written := l.sampleTexts(currency)
	record := settlement.Record{Row: 1}
	mapper := NewMapper(l)
	var values []SampleValue
	for column := range settlement.Columns {
		names := l.Sources(column)
		value := SampleValue{Column: column, Names: names}
		switch {
		case len(names) == 0:
		case written[column] == "":
			continue
		case len(names) == 2:
			date, clock, _ := strings.Cut(written[column], " ")
			value.Written = []string{date, clock}
			record.Values[column] = date
			mapper.SetTimeOfDay(clock)
		default:
			value.Written = []string{written[column]}
			record.Values[column] = written[column]
		}
		values = append(values, value)
	}
	mapper.Map(&record)
	for i := range values {
		column := values[i].Column
		values[i].Read = record.Text(column)
		if fault := record.Written.Faults[column]; fault != "" {
			panic("layout: the sample of " + column.String() + " " + fault)
		}
	}
	return values
}

// sampleTexts returns what a sample row has in each column; "" where the profile says nothing of
// it and rows need not have it.
func (l *Layout) sampleTexts(currency string) [settlement.Columns]string {
	now := wall{year: 2026, month: 3, day: 31, hour: 14, minute: 5, second: 9, fraction_us: 250_000, offset_s: 8 * 3600}
	texts := [settlement.Columns]string{
		settlement.TransactionID: "T-1001", settlement.MemberID: "M-42", settlement.KindColumn: "issue",
		settlement.PointsColumn: "1250", settlement.OccurredAt: "2026-03-31T14:05:09+08:00",
	}
	if l.Kinds != nil {
		texts[settlement.KindColumn] = l.kindWord()
	}
	if l.Points != nil {
		texts[settlement.PointsColumn] = l.samplePoints()
	}
	if l.OccurredAt != nil {
		texts[settlement.OccurredAt] = "1774937109"
		switch l.OccurredAt.Epoch {
		case Milliseconds:
			texts[settlement.OccurredAt] += "250"
		case Microseconds:
			texts[settlement.OccurredAt] += "250000"
		case NoEpoch:
			texts[settlement.OccurredAt] = l.OccurredAt.Pattern.format(now)
		}
	}
	optional := [settlement.Columns]string{
		settlement.MerchantID: "", settlement.IssuerID: "", settlement.OriginalTransactionID: "T-0990",
		settlement.OriginalDate: "2026-03-29", settlement.ExpiresOn: "2027-12-31", settlement.Amount: "1234.50",
		settlement.CurrencyColumn: currency, settlement.Reason: "purchase", settlement.StoreID: "S-7",
	}
	if l.Dates != nil {
		optional[settlement.OriginalDate] = l.Dates.format(wall{year: 2026, month: 3, day: 29})
		optional[settlement.ExpiresOn] = l.Dates.format(wall{year: 2027, month: 12, day: 31})
	}
	if l.Amount != nil {
		optional[settlement.Amount] = l.sampleAmount()
	}
	for column, text := range optional {
		if column := settlement.Column(column); column > settlement.OccurredAt && l.speaksOf(column) {
			texts[column] = text
		}
	}
	return texts
}

// speaksOf reports whether the layout says anything of an optional column.
func (l *Layout) speaksOf(column settlement.Column) bool {
	switch {
	case l.Names[column] != "":
		return true
	case column == settlement.OriginalDate || column == settlement.ExpiresOn:
		return l.Dates != nil
	case column == settlement.Amount:
		return l.Amount != nil
	}
	return false
}

// kindWord returns the merchant's word for the kind that a sample shows: the first in the order of
// kinds, and of words.
func (l *Layout) kindWord() string {
	best := ""
	for word, kind := range l.Kinds {
		if best == "" || kind < l.Kinds[best] || kind == l.Kinds[best] && word < best {
			best = word
		}
	}
	return best
}

// samplePoints returns 1,250 points as the file has them; negative, if that has a meaning.
func (l *Layout) samplePoints() string {
	decimals := ""
	if l.Points.Scale == 1 {
		decimals = "00"
	}
	text := l.Points.format(1250*l.Points.Scale, decimals)
	if l.Sign == NegativeIsReversal && l.sampleKind() < settlement.RedeemReversal || l.Sign == NegativeIsRedeem && l.sampleKind() == settlement.Issue {
		text = "-" + text
	}
	return text
}

func (l *Layout) sampleKind() settlement.Kind {
	if l.Kinds != nil {
		return l.Kinds[l.kindWord()]
	}
	kind, _ := settlement.ParseKind(l.Constants[settlement.KindColumn])
	return kind
}

// sampleAmount returns 1,234.50 as the file has it.
func (l *Layout) sampleAmount() string {
	hundredths := int64(123450) * l.Amount.Scale
	if hundredths%100 == 0 && l.Amount.Scale > 1 {
		return l.Amount.format(hundredths/100, "")
	}
	return l.Amount.format(hundredths/100, string([]byte{byte('0' + hundredths/10%10), byte('0' + hundredths%10)}))
}
