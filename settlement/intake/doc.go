// Package intake finds out what merchants delivered and reads it: files, their rows as text, and
// the alliance's adjustments. Whether a row's values make sense is decided elsewhere.
//
// A driver calls [Discover] once, then for each object [Listing.Action]; what is not to be
// skipped it gives to [Read], and the facts to [Listing.Decide]. Objects may be read
// concurrently. What is wrong with a merchant's file is never an error but a code; errors are
// those of the store, and an [AdjustmentError], which is the alliance's own to mend.
//
// # The inbox
//
//	merchant=<merchant id>/date=<YYYY-MM-DD>/<name>
//	merchant=<merchant id>/date=<YYYY-MM-DD>/_control.json
//	alliance/adjustments/date=<YYYY-MM-DD>/<name>.csv
//
// A merchant id is [A-Za-z0-9][A-Za-z0-9_-]{0,63}. Only ids of the register ever become part of a
// key: a folder of any other merchant is listed and never read, and so is any other folder but merchant=…,
// alliance and ack, where acknowledgements lie. Nothing that a merchant puts there keeps the
// others from being settled.
//
// A name ends in .parquet, .csv or .jsonl, or one of the last two and .gz or .zst, all in lower
// case. Names that start with "_" or "." are not data.
//
// The run of a settlement date D reads every data object under date=d for
// D - accept_late_days <= d <= D, its window, that no settled date before D consumed. A file
// that arrives after its night is settled by the next one. An object with the key, size and
// version of one on record, or with its key and SHA-256, is unchanged. (The version is the
// ETag of an object store, the modification time in a directory.)
//
// Every object has one state:
//
//	consumed   its rows were settled, deferred or rejected; final
//	duplicate  it repeats a consumed object and is not read; final
//	held       it has a code, and its rows do not count; looked at, and reported, again every
//	           night of its window, and on the last one with hold_expired in addition
//	pending    it lies under a later date
//
// A duplicate's key with other content is a new object.
//
// # Codes of files
//
// The first that applies decides. Each is one exception without a row, of state held, except
// duplicate_file, which is noticed and reported once.
//
//	unknown_format     another ending
//	replaced_file      a settled date consumed this key with other content: restate that date,
//	                   or, if it is closed, deliver the rest under a new name
//	duplicate_file     (state duplicate) the same SHA-256 as an object of the same merchant that a
//	                   settled date in D - accept_late_days … D-1 consumed, which had rows, none of
//	                   them rejected or deferred that night
//	bad_control        the folder's control file cannot be read, or changes while it is; the
//	                   control file itself is held with the same code
//	not_in_control     the control file does not name the file, or there is none and the register
//	                   says `control: required`
//	unreadable_file    truncated, broken, over a limit, fewer rows than its footer says, no header,
//	                   a header name twice or empty; what is not a regular file, may not be
//	                   read, or has a name that is not UTF-8 (told with U+FFFD in its place)
//	missing_column     a column that every kind requires is absent (CSV, Parquet)
//	wrong_type         a column's type is not one of those below (Parquet)
//	control_mismatch   hash or totals differ from the control file
//	too_many_rejects   more rows are malformed, missing_field or invalid_value than both
//	                   max_rejected.share of its rows and max_rejected.rows
//	hold_expired       in addition to any of them: the last night of the window
//
// What is written where names should be may be data, the member ids of a file without a header for
// one. So messages never repeat a name that is not of a column below or in the merchant's profile, but
// say how many columns there are, or at which position. unknown_column must name a column: a name of
// a letter and up to 63 bytes more of letters, digits, "_", ".", "-" and blanks (of any script) is told as it
// is, any other by its position, such as "column 3" (in JSON, among the names of its line).
//
// Three more only inform, in state noticed: unknown_column, once per consumed file, with the first
// such column, and all of them in the message; unknown_merchant, once per folder of a
// merchant that is not in the register; unknown_folder, once per folder below a merchant's that
// is not date=YYYY-MM-DD with a date that exists, that lies inside such a folder, or that cannot
// be looked into: a link or a device in its place, or no permission; and once per other folder at the inbox's
// root or in alliance/, unless its name begins with "_" or ".". Their
// file is the folder's key with a "/" at the end, their value the folder's name. A data file that lies
// in no folder of a date is an unknown_folder too, with its own key and name: directly below a merchant's
// folder, below alliance/ and alliance/adjustments/, and at the inbox's root.
//
// # Control files
//
//	{"files":[{"name":"a.csv","sha256":"…","rows":12,"issued_points":900,"redeemed_points":300}]}
//
// All but name is optional; null is as good as absent. The totals run over every record with a
// valid kind and valid points, before any other check: issued_points over kind issue,
// redeemed_points over kind redeem. rows counts every record. sha256 is that of the object as
// stored, in hex. The file is read strictly: a key that is not known or is there twice, a name
// that no data file can have, or one named twice, makes it unreadable. It is read on the
// night of its folder, and anew on every later one of its window on which it, or a file of its folder, is not on record as it is; it is
// an input on record like any other.
//
// # Missing merchants
//
// A merchant that is active on D and expected to deliver on D is missing if it has no data object
// under date=D, or lacks the control file that the register requires, or a file that its control
// file names. A control file naming no files, or files without rows, means no activity; a
// control file that cannot be read means nothing.
//
// # Rows
//
// Columns are found by name, in any order; names are the same in a CSV header and as JSON names.
// Empty, null and absent are the same. Columns of other names are unknown, and not read.
//
//	column                   taken by                         form
//	transaction_id           all, required                    1–128 bytes UTF-8, NFC, no character of
//	member_id                all, required                    category Cc; JSON: a string
//	kind                     all, required                    issue, redeem, redeem_reversal, issue_reversal
//	points                   all, required                    [1-9][0-9]{0,12} up to 10^12; JSON: an integer or
//	                                                          such a string
//	occurred_at              all, required                    YYYY-MM-DDThh:mm:ss[.digits](Z or ±hh:mm)
//	merchant_id              all                              equals the folder's
//	issuer_id                issue, redeem; untracked         an id
//	                         ledgers: reversals too
//	original_transaction_id  tracked reversals, required      as transaction_id
//	original_date            tracked reversals                YYYY-MM-DD
//	expires_on               issue                            YYYY-MM-DD
//	amount                   all                              -?digits[.d[d]]; JSON: a string
//	currency                 all                              three capitals
//	reason                   all                              [a-z][a-z0-9_]{0,31}
//	store_id                 all                              as transaction_id
//
// This package hands the texts on as they are, and the numbers, dates and instants of Parquet as
// what they are ([settlement.Record]). In JSON every value is a
// string, but points may be a number; true, false, a number elsewhere, an object or a list is
// handed on as its raw text and marked as mistyped.
//
// Lines that are empty or of blanks (spaces and tabs) only are skipped and not counted. A row's
// number counts records from 1; the header is not counted.
//
// # CSV
//
// RFC 4180: fields separated by commas, lines by LF or CRLF, UTF-8 with or without a byte order
// mark. A field that begins with a quote ends with one; quotes in it are doubled; it may hold
// commas and line breaks, which are kept as they are. Blanks are part of a field.
//
// A row is malformed if it has another number of fields than the header, a quote inside a field
// that does not begin with one, text after a closing quote, a carriage return that is neither in
// quotes nor part of a line end, or bytes that are not UTF-8. The next row begins after the next
// line end. A quote that is never closed makes the rest of the file one malformed row. A malformed
// header makes the file unreadable.
//
// # JSON lines
//
// One object a line; lines end in LF alone; UTF-8 without a byte order mark. A row is malformed if
// it is not an object, has a name twice (at any depth, compared without escapes), half of a
// surrogate pair, bytes that are not UTF-8, or anything after the object. missing_column does not
// apply.
//
// # Parquet
//
// Columns are found by the names at the top of the schema, in any order; compare as bytes.
// Those with a meaning have one of these types, required or optional, neither nested nor repeated:
//
//	points                  INT32 or INT64 (any width, signed or not), DECIMAL of scale 0
//	occurred_at             TIMESTAMP adjusted to UTC (MILLIS, MICROS, or NANOS, which are cut to the
//	                        microsecond, towards the past), or text
//	original_date,          DATE, or text
//	expires_on
//	amount                  DECIMAL of scale 0 to 2, or text
//	the others              text
//
// Text is BYTE_ARRAY with the type STRING (UTF8), ENUM or none. DECIMAL is in INT32, INT64,
// BYTE_ARRAY or FIXED_LEN_BYTE_ARRAY. The types of old files (TIMESTAMP_MILLIS and so on) count
// as what they stand for; a TIMESTAMP of theirs is in UTC. A column of type NULL, which writers give
// to one without any value, is empty in every row. Anything else is wrong_type: floating point, INT96,
// timestamps not adjusted to UTC, a UUID, a list. Columns of other names may be nested, and are
// not read.
//
// A row with text that is not UTF-8 is malformed. Rows are numbered from 1 over all row groups.
//
// Compression is SNAPPY, GZIP, BROTLI, ZSTD, LZ4_RAW or none; values are PLAIN, of a dictionary, or
// DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY; pages are of version 1 or 2. Encrypted
// files, and those whose values lie in other files, are unreadable.
//
// Nothing in the file is taken on trust. What the footer says is held against itself and the
// file's size before any page is read: each column has as many values as there are rows, lies in
// the file, and on top of no other. Checksums of pages are checked where there are any, and a
// page must hold exactly the values that it says. So a file gives all of its rows, or a code; but
// pages without a checksum may be damaged without a trace, and only a SHA-256 in the control file
// shows that.
//
// The object is put aside first: in memory up to 4 MiB, else in a temporary file in the directory
// TMPDIR, which has no name and is gone with the process.
//
// # Layouts
//
// A merchant's files may be in a layout of its own ([Object.Layout]), which the register's profile
// describes; package layout states how its names, words and notations become the common ones. Then,
// in place of what is said above:
//
//   - columns are found by the merchant's names; one of our names that it did not keep, or that
//     is a constant, is unknown, and one that the profile ignores is not reported. missing_column
//     names the merchant's column; date and time of day are required both, if they are apart
//   - CSV has the layout's delimiter, and no quotes if it says so; without a header the columns are
//     those of the profile, in order, and a row is malformed if it has another number of fields
//   - CSV and JSON lines are decoded from the layout's encoding before anything else; limits are
//     of the decoded text. Bytes that are no character make their row malformed, or, in a
//     header, the file unreadable; the message names the encoding
//   - JSON numbers are taken in every column that the layout converts or names
//
// Totals, and the values handed on, are those of the common form. What the merchant wrote, under
// which names, is handed on beside them.
//
// # Limits
//
// Over a limit, a file is unreadable_file, and the message names the limit:
//
//	a record           1 MiB (1,048,576 bytes) without its line end; in Parquet its texts together
//	columns            1,000 in a CSV header or at the top of a schema, or names in one JSON object
//	nesting            100 levels of JSON objects and lists
//	a file             64 GiB as stored, and expanded
//	expansion          16 MiB and 250 times the stored size (.gz, .zst; in Parquet the pages that are
//	                   read, and the rows written out: their texts, and 32 bytes for each row)
//	a Parquet footer   64 MiB, 10,000 fields at any depth, 32,767 row groups, 32 levels of structures
//	a Parquet page     128 MiB, its header 4 MiB; 256 MiB for those of all columns at one time;
//	                   a block of DELTA_BINARY_PACKED 1,048,576 numbers
//	zstd window        128 MiB
//	points             the totals of a file fit 64 bits
//	rejected rows      250,000 of a file, by all checks before conflict, and 100,000 that repeat the
//	                   id of one of the 100,000 rows before, about: the file is held, whatever
//	                   max_rejected says (counted by the driver; package batch)
//	a control file     1 MiB; over it, it is bad_control
//
// A quote that is never closed is a malformed row whatever its length. A list of unknown columns
// ends after 1,000 names, and says so. Of a malformed row 32,000 bytes are given back. A DECIMAL of more
// than 64 bytes is wrong_type.
//
// # Adjustments
//
// Payments that the alliance books by hand for the settlement date D, in CSV files with the columns
// adjustment_id, payer_id, payee_id, amount, reason, reference, the last two optional.
// adjustment_id is unique for ever; payer and payee are different parties, merchants or the
// alliance; the amount is positive and fits the currency's minor unit. Texts have the form of
// a transaction_id. Anything else, an unknown column too, or a file that cannot be opened, refuses the
// run with an [AdjustmentError].
package intake
