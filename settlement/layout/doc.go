// Package layout turns the rows of a merchant's own files into the common form: the columns, the
// words and the notations in which all rows are validated and settled. A row that is delivered in
// the common form, and the same row in a layout, come to the same: same statement, and each is the
// duplicate of the other.
//
// A [Layout] is data; the rulebook's profiles are read into it. Reading a file is done with its help
// elsewhere: its columns are found by [Layout.Places], its text is decoded by [Layout.Decode], and
// a [Mapper] turns each row, in order. What the layout says nothing of is as in the common form.
//
// # Names
//
// A column is found by the name that the layout gives it, else by its own; a name given to one column
// does not stand for another, even if that is its own name in the common form. Names compare as
// they are written, after decoding; with Trim, without the blanks around them. A CSV file without a
// header has the columns of Fields in their order. Columns that are constants are not looked for.
//
// # Encoding
//
// Of CSV and JSON lines: decoding comes first, so delimiters, quotes and line ends are those of the
// text. A byte order mark at the beginning is no part of the text, and decides the order of bytes in
// utf-16, utf-16le and utf-16be; without one, utf-16 is little endian. A row with bytes that are no
// character in the encoding is malformed, and so is one with U+FFFD, the character that says so.
// Parquet has an encoding of its own.
//
// # Values
//
// With Trim the blanks around a value (white space of Unicode) are stripped. A text of Empty
// stands for no value. Both happen before anything else is made of a value.
//
// Kinds: the text is one of the layout's words, which compare as they are written; no other text
// is taken, not even the common name of a kind.
//
// Numbers: an optional sign, digits, then perhaps Decimal and decimals. If Group is given, it may
// stand between groups of three digits; then it stands between all of them, and only the first group
// may be shorter. Leading zeros, and zeros at the end of the decimals, mean nothing. There are at most
// 18 digits without those. The number divided by Scale is the value, exactly: points must come
// out whole, and amounts have no part finer than a hundredth. There is no rounding.
//
// The sign of points:
//
//	positive              a minus is an invalid value
//	absolute              the sign has no meaning
//	negative_is_reversal  negative, issue is issue_reversal, and redeem is redeem_reversal;
//	                      a negative reversal is an invalid value
//	negative_is_redeem    negative, issue is redeem; any other negative row has an invalid value
//
// Instants are written by a pattern, or counted in seconds, milliseconds or microseconds from
// 1970-01-01T00:00:00Z, as digits, perhaps with decimals after a point. They are cut to the
// microsecond, and are in the years 1970 to 2200. A wall clock without an offset is one of the
// layout's zone: if it was shown twice, when the clocks went back, the first time counts; if it was
// never shown, when they went forward, it is an invalid value. If date and time have a column each,
// the text is that of the date, a blank, and that of the time; the date alone, if the time is empty;
// and no value, if the date is.
//
// # Patterns
//
// A pattern is written with the parts
//
//	YYYY  a year            hh    an hour, two digits        f     a fraction of a second,
//	YY    2000 to 2099      h     an hour, one or two              one or more digits
//	MM    a month, two      mm    a minute                   A     AM or PM, in small letters too,
//	M     one or two        ss    a second                         上午 or 下午; hours are 1 to 12
//	DD    a day, two                                         Z     Z, ±hh:mm or ±hhmm
//	D     one or two
//
// each at most once. Between single quotes is text that stands for itself, and so do T and everything
// that is neither a letter nor a digit: 年, a blank, a colon. What is between brackets may be
// left out; it begins with a text or with Z, by which it is recognised: "hh:mm[:ss[.f]]". Seconds
// that are not there are 0. A date must exist; hours are 00 to 23, minutes and seconds 00 to 59.
//
// # Types
//
// JSON: a whole or decimal number, as it is written, is taken where the common form takes one, in
// columns that the layout converts, and in those that it gives another name. Other values that are
// no strings are mistyped. Parquet: columns have the types of the common form, typed instants, dates
// and amounts are taken as they are, and typed points are divided by Scale, with the meaning of Sign.
//
// # What is kept
//
// The record has the merchant's names and texts beside the values ([settlement.Written]), so that
// what is wrong is said in the merchant's own words. Nothing else of a layout is left in a row.
package layout
