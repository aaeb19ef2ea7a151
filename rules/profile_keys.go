package rules

import (
	"alliance/settlement"
	"alliance/settlement/layout"
)

// profileKeys are those of a merchant's layout.
var profileKeys = []key{
	{name: "columns", shape: tableShape, of: columnKeys(), about: "The names that columns have in the files; those left out keep their own."},
	{name: "ignore", shape: textsShape, least: 0, most: maxFields, about: "Columns of the files that are known to have no meaning here; they are not reported as unknown."},
	{name: "header", shape: truthShape, standard: "true", about: "Whether CSV files begin with the names of their columns."},
	{name: "fields", shape: textsShape, least: 1, most: maxFields, about: "The columns of CSV files without a header, in order."},
	choice("delimiter", "What is between the fields of CSV.", ",", ";", "\t", "|"),
	{name: "quote", shape: truthShape, standard: "true", about: "Whether quotes in CSV enclose fields; false: a quote is a character like any other."},
	choice("encoding", "The encoding of CSV and JSON lines.", layout.Encodings()...),
	{name: "trim", shape: truthShape, standard: "false", about: "Whether blanks around names and values are stripped."},
	{name: "empty", shape: textsShape, least: 0, most: maxWords, about: "Values that stand for no value, such as NULL."},
	{name: "kinds", shape: kindsShape, least: 1, most: maxWords, choices: kindNames(), about: "What the merchant's words for kinds mean."},
	{name: "points", shape: tableShape, of: pointsKeys, about: "How points are written."},
	{name: "amount", shape: tableShape, of: amountKeys, about: "How amounts are written."},
	{name: "occurred_at", shape: tableShape, of: occurredAtKeys, about: "How instants are written."},
	{name: "dates", shape: patternShape, about: "How original_date and expires_on are written."},
	{name: "constants", shape: tableShape, of: constantKeys, about: "Values of columns that the files do not have."},
}

// columnKeys has a key for each column.
func columnKeys() []key {
	keys := make([]key, settlement.Columns)
	for column := range settlement.Columns {
		keys[column] = key{name: column.String(), shape: columnShape, about: "The name of " + column.String() + " in the files."}
	}
	return keys
}

func kindNames() []string {
	var names []string
	for kind := settlement.Issue; kind <= settlement.IssueReversal; kind++ {
		names = append(names, kind.String())
	}
	return names
}

func numberKeys(rest ...key) []key {
	return append([]key{
		choice("decimal", "What stands before decimals.", ".", ","),
		{name: "group", shape: choiceShape, choices: []string{",", ".", " ", "'"}, about: "What may stand between groups of three digits; left out, nothing."},
	}, rest...)
}

var pointsKeys = numberKeys(
	key{name: "scale", shape: wholeShape, standard: "1", least: 1, most: maxScale, about: "How many of the file's units are one point; points must come out whole."},
	choice("sign", "What a minus means.", string(layout.Positive), string(layout.Absolute), string(layout.NegativeIsReversal), string(layout.NegativeIsRedeem)),
)

var amountKeys = numberKeys(
	key{name: "scale", shape: wholeShape, standard: "1", least: 1, most: maxScale, about: "How many of the file's units are one of the currency, such as 100 for cents."},
)

var occurredAtKeys = []key{
	{name: "pattern", shape: patternShape, about: "The form of date and time, such as DD.MM.YYYY hh:mm:ss."},
	{name: "date_column", shape: columnShape, about: "The column of the date, if it has one of its own; the pattern is of date, blank, time then."},
	{name: "time_column", shape: columnShape, about: "The column of the time of day, together with date_column."},
	{name: "zone", shape: zoneShape, about: "The time zone of times without an offset; left out, the alliance's."},
	{name: "epoch", shape: choiceShape, choices: []string{string(layout.Seconds), string(layout.Milliseconds), string(layout.Microseconds)}, about: "The unit of instants that are counted from 1970-01-01T00:00:00Z."},
}

var constantKeys = []key{
	{name: "kind", shape: choiceShape, choices: kindNames(), about: "The kind of every row."},
	{name: "issuer_id", shape: partyShape, about: "The issuer that every row names."},
	{name: "currency", shape: currencyShape, about: "The currency of every amount."},
	{name: "reason", shape: reasonShape, about: "The reason of every row."},
	{name: "store_id", shape: nameShape, about: "The store of every row."},
}
