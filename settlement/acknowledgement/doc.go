// Package acknowledgement tells each merchant, night by night, what became of what it delivered, and
// gives it back the rows that were rejected, to be mended and sent again.
//
// Whoever delivered, or should have, gets a folder for the settlement date D:
//
//	merchant=<id>/date=<D>/rejected.csv   only if rows were rejected
//	merchant=<id>/date=<D>/ack.json       written last: once it is there, the folder is whole
//
// A merchant gets one if it had objects in the run, or was missing, or if a row of it that had been
// waiting was rejected, or a folder of it noticed. They say what the statement's exceptions and inputs
// say; a later version of the statement replaces them. They hold no clock, host or random number: the
// same inputs give the same bytes.
//
// # ack.json
//
//	merchant_id, settlement_date   whose, and of which date
//	statement_no, version          the statement that belongs to it
//	rows_accepted, rows_deferred,
//	rows_rejected                  of the rows read on this date, as in the statement's summary
//	files                          an entry for each object that the run looked at, in order of key; a
//	                               missing merchant's first entry has no key and the state missing:
//	    key, bytes, sha256             which object; the digest in hex
//	    state                          consumed, duplicate, held, missing
//	    code, column, value, message   why it was not consumed, and what to do
//	    rows, accepted, deferred, rejected, issued_points, redeemed_points
//	                                   as in the inputs of the statement
//	    rows_by_code                   how many of its rows have each code; those that are uncovered or
//	                                   have a clawback_shortfall are accepted
//	    notices                        code, column, value, message: what else there is to know
//	earlier_files                  files read on an earlier date of which rows were rejected only now:
//	                               key, settlement_date, sha256, rejected, rows_by_code
//	notices                        key, code, message: folders that nobody reads
//	rejected_file                  name, rows, columns_left_out, sha256 of rejected.csv
//	not_available                  key, rows, message: rejected rows that could not be given back, as
//	                               their file is gone or has changed since it was read
//
// What is empty is left out, but for the counts.
//
// # rejected.csv
//
// One CSV file (RFC 4180, UTF-8, LF, with a header) of all rejected rows, in order of file and row. Its
// columns: those of the merchant's files, first the ones that have a meaning, in the order in which
// they are documented, then the others in order of first appearance, as the merchant wrote them and
// with what it wrote; then
//
//	file, row   where the row was read: the object's key, the record's number
//	code        why it was rejected
//	column      which column that is about, if it is about one
//	message     what is wrong, and what to do
//	raw         the text of a row with code malformed, which has no columns
//
// Mend the rows and deliver the file under a new name, in the folder of a date that is still read; the
// ids of rejected rows are free again on the next date. The six columns may stay: they have no meaning
// in a delivery and cost one notice (unknown_column). A row with code malformed has to be taken apart
// by hand, from raw into the columns. Rows that need no mending (duplicate) are to be left out.
//
// A merchant with a layout of its own gets the file in that layout: its columns, its texts, its
// delimiter and encoding; a column of ours whose name it gives a meaning begins with settle_. If its
// files have no header, take away the first line and the six columns before it is delivered; if
// quotes have no meaning in them, delimiters and line ends in the six columns are blanks.
//
// Columns of the merchant's that have one of the six names are left out, so that a mended file can
// itself be rejected. Of columns without a meaning the first 100 are given back; rejected_file says how
// many were left out. A raw text is cut after 32,000 bytes, which the message says, and has U+FFFD in
// place of bytes that are not UTF-8. Nested JSON values are given as their JSON text.
//
// # Formulas
//
// Spreadsheets take some texts for formulas. A cell that begins with = + - @, a tab or a carriage
// return, and is not a number, is therefore written with an apostrophe before it, and so is one that
// begins with apostrophes and then one of these. To undo it, take away one apostrophe from each cell
// that begins with one or more apostrophes and then one of these characters. Numbers (an optional sign,
// digits, perhaps a point and digits) stay as they are: an amount of -12.34 is not touched.
//
// # Errors
//
// Only those of the inbox. That a file changed or went away after it was read is no error.
package acknowledgement
