// Package statement publishes a night: it encodes a [settlement.Night] as the tables that the
// finance departments of the merchants and of the alliance open, checks them, and renders them
// for people.
//
// # What is published
//
// [Write] makes one folder for every merchant with a statement and one for the alliance:
//
//	merchant=<merchant id>/date=<YYYY-MM-DD>/    summary, statement, detail, exceptions, inputs
//	alliance/date=<YYYY-MM-DD>/                  lines, positions, fees, payments, points, exceptions, inputs
//
// The date is the settlement date. Every table is a Parquet file compressed by Zstandard, and is
// there even if it has no rows. Its schema is for ever; columns may only be added. Each folder has
// a [ManifestFile], written last.
//
// Types: money is DECIMAL(18,4) of the ledger's currency; prices and rates are DECIMAL(18,8); dates
// are DATE; instants are TIMESTAMP in microseconds, UTC; ids and names are UTF-8 strings; counts are
// 64-bit integers, version, supersedes and line_no 32-bit ones. A column may be null only where that
// is said below. Nothing published holds a clock, a host, a random number or a member: the same
// night gives the same bytes.
//
// Each side sees its own references only. A transaction id is on the redeemer's copy of an
// allocation, a lot on the issuer's; what a merchant redeemed of its own points shows both.
//
// # summary.parquet: one row
//
//	statement_no                 ST-<merchant>-<YYYYMMDD>-<version>
//	version, supersedes          1, 2, … and the version before, null for the first
//	merchant_id
//	settlement_date
//	cycle_start, cycle_end       first and last settlement date of the running cycle
//	cycle_closed                 whether it closes with this date
//	currency                     ISO 4217
//	receivable, payable          of the day: the values of the lines where the merchant redeems, where it issues
//	cycle_receivable,            the same over the running cycle, this day included
//	cycle_payable
//	fees, tax                    of the cycle; these and all up to due are 0 unless cycle_closed
//	net                          cycle_receivable - cycle_payable - fees - tax
//	carried_in                   owed to the merchant from earlier closes, negative if by it
//	held                         held back at this close
//	released                     held earlier, released at this close
//	carried_out                  carried to the next close
//	due                          to be paid to the merchant, negative if by it;
//	                             carried_in + net + released = held + carried_out + due
//	points_opening, …_closing    the roll-forward of the points the merchant issued:
//	                             opening + issued - issue_reversed - redeemed_own - redeemed_elsewhere
//	                             + restored - expired = closing; opening and closing are null on a
//	                             ledger that keeps no lots
//	points_redeemed_here         points redeemed at this merchant, its own and others'
//	rows_accepted, …_deferred,   rows read this night
//	…_rejected
//	is_complete                  false if a merchant has not delivered, or a file of this date is held
//	rulebook_digest              of the rulebook in force
//	computation_id               digest of the state before, the inputs, the rulebook and the program
//
// # statement.parquet: one row per line
//
//	statement_no, version        as in the summary
//	line_no                      from 1
//	role                         issuer (the merchant pays) or redeemer (it receives)
//	counterparty_id              the other side
//	activity                     redemption, redemption_reversal or adjustment
//	business_date, late          late: it is before the settlement date
//	price_id, price, per_points  so much money for so many points; an adjustment's price_id is its own
//	                             id, its price and per_points are null
//	currency
//	transactions                 distinct redemptions; 0 on reversals, 1 on an adjustment
//	points                       negative on reversals, 0 on an adjustment
//	value                        positive: receivable, negative: payable
//
// Lines where the merchant is issuer come first, then those where it is redeemer; within a role by
// counterparty, activity, business date, price id, price, per points.
//
// # detail.parquet: one row per allocation
//
//	statement_no
//	line_no                      the line it belongs to; null for the merchant's own points
//	allocation_id                32 hex digits, the same on both sides
//	role                         issuer, redeemer, or own: points redeemed where they were issued
//	counterparty_id              the other side; the merchant itself for its own points
//	activity                     redemption or redemption_reversal
//	business_date, occurred_at,  of the row that redeemed or reversed
//	late
//	transaction_id               of that row; null on the issuer's copy
//	lot_merchant_id, lot_id,     the lot charged: who issued it, by which row, on which business date;
//	lot_issued_on                null on the redeemer's copy, and where there is no lot
//	points                       negative when given back
//	price, per_points            null for own points
//	amount                       the allocation's part of its line's value, signed as that; 0 for own points
//
// In order of line_no (own points last), occurred_at, merchant, transaction id and the allocation's
// number within its row. The amounts of a line's allocations add up to its value. A detail of more
// than [Options].DetailRowsPerFile rows is detail-00001.parquet, detail-00002.parquet, … in order.
//
// # exceptions.parquet: one row per exception
//
//	file                         the object's key below the inbox
//	row                          from 1; null if it is about the whole file
//	transaction_id               null if there is none
//	code, state                  from closed lists: what it is, and what became of the row or file
//	column, value                what was found, at most 64 bytes, never a member id; null if nothing was
//	points                       null but for uncovered, unfunded and clawback_shortfall
//	message                      for people
//
// In order of file, row (null first), code. Text is data and written as it is, but for bytes that
// are no UTF-8: each run of them is replaced by U+FFFD.
//
// # inputs.parquet: one row per object of the merchant
//
//	key                          below the inbox
//	version, bytes, sha256       of the object; version and sha256 are null if they are not known
//	state, code                  consumed, duplicate, held or pending; the code says why, else null
//	rows, accepted, deferred,    of this night; 0 unless it was consumed this night
//	rejected, issued_points, redeemed_points
//
// In order of key.
//
// # changes.parquet: one row per line that a restatement changed
//
// It is only in the folder of a statement that supersedes another.
//
//	statement_no, version,       of this statement, and the version that it supersedes
//	supersedes
//	role, counterparty_id,       the line, as in statement.parquet; price and per_points are null for
//	activity, business_date,     an adjustment. A line whose price changed is another line: the one
//	price_id, price, per_points, under the old price goes to 0, the one under the new price comes from 0
//	currency
//	transactions_was, …_is,      what the line had in the superseded version, has now, and what was
//	…_difference                 added; 0 where there was, or is, no such line
//	points_was, …_is, …_difference
//	value_was, …_is,             signed as the statement's value
//	…_difference
//
// In the order of statement.parquet. A table without rows says that no line changed, but something
// else on the statement: compare the summaries. The lines of version 1 and all changes since add up
// to the lines in force.
//
// # The alliance's tables
//
// lines.parquet holds every line of the night once: issuer_id, redeemer_id, activity,
// business_date, late, price_id, price, per_points, currency, transactions, points, value, all as
// above, but the value is positive where the issuer owes the redeemer. By issuer, redeemer, and the
// rest of the line's key.
//
// positions.parquet has a row for every party when a cycle closes: party_id, currency, receivable,
// payable, fees, tax, net, carried_in, held, released, carried_out, due. The alliance's fees, tax
// and what follows them are minus the merchants' sums, so that each of these columns adds up to
// zero. By party.
//
// fees.parquet has a row for every merchant and fee when a cycle closes: merchant_id, fee_id,
// currency, base (the value that the fee is taken of), transactions, fee, tax_rate, tax. By
// merchant, fee.
//
// payments.parquet has a row for every payment: payment_id (the same in every version of the
// date), payer_id, payee_id, currency, amount, statement_no (the merchant's; between merchants the
// payer's). By payment id. Payments are provisional until their date is closed.
//
// points.parquet has a row for every issuer: issuer_id, opening, issued, issue_reversed,
// redeemed_own, redeemed_elsewhere, restored, expired, closing; opening and closing are null on a
// ledger that keeps no lots. By issuer.
//
// exceptions.parquet and inputs.parquet are all merchants', with merchant_id first, null for what
// belongs to nobody in the register. A merchant that should have delivered and did not is a row of
// inputs with state missing, whose key, version, bytes and sha256 are null; its own folder does not
// repeat it. Exceptions are in order of file, row, code; inputs of merchant, key.
//
// # _statement.json
//
// Version, statement_no and, for every other file of the folder in the order written, name, sha256
// (hex) and rows. The alliance has no statement: its manifest has no statement_no, and its version
// counts the changes of the alliance's tables of the date. As the file is written last, a reader
// that compares hashes notices a folder caught in the middle of a change.
//
// # What is checked
//
// The detail is written by Apache Arrow, all other tables by xitongsys/parquet-go. Every table but
// the detail is read back by the other library before the sink sees it: its rows, and for every
// column the number of values, the sum of the numbers and a digest of the texts, are compared with
// the night. A detail's footer is read back, and the sums of the points and amounts that were
// encoded are compared with the lines they belong to; the summary's receivable and payable with
// the lines. Hashes in manifests and in [File] are of the bytes that were checked.
//
// Tables other than the detail carry neither statistics nor page indexes: the library's are wrong
// where nulls and dictionaries meet. Importing this package replaces Arrow's Zstandard encoder, for
// the whole process, by one that is kept between pages.
//
// # Versions
//
// [Write] restates a date if Options say how the versions on record are opened. [Difference] compares
// two versions of a folder: their tables but changes.parquet, column by column, without version,
// supersedes, statement_no, rulebook_digest and computation_id. A folder that has none is unchanged
// and is not written; any other one becomes the next version. That the changes of the lines come to
// those of receivable and payable is checked. [LineChanges] compares the lines of any two statements.
//
// # Reading
//
// [Show] and [ShowJSON] render a merchant's statement from its files, [Dump] any table as CSV. They
// read by Arrow's low-level readers on the caller's goroutine; a file that is not whole is an error,
// never a panic.
//
// # Errors
//
// [settlement.ErrOutOfRange] is wrapped by the error for an amount beyond DECIMAL(18,4): the night
// must be refused. [ErrChanging] is wrapped by the error for a folder caught in the middle of a
// change: read it again. Errors of the sink are returned as they came, with the file's name before
// them. Any other error of [Write] names the file, and the sum that differs: it is a mistake of this
// program or of the machine, and nothing may be committed.
package statement
