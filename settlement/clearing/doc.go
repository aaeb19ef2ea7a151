// Package clearing is the pure core of a settlement: values in, values out. It decides which
// rows of a night count, to which lots their points are charged, what the lines are worth and
// who owes whom. It knows no file, no clock, no map order and no goroutine; the settlement date
// is an argument, and the same values give the same result.
//
// A night passes through it in this order:
//
//	Validator.Check   one row against its form and the rulebook
//	Deduplicate       the rows of one partition of ids against the ids taken
//	Attributor        the rows of one member against its lots
//	Tally             the allocations of whole members, added up by line
//	MergeTallies      the tallies of all partitions
//	PriceLines        each line priced and rounded once
//	LinePricer        a line's value divided among its allocations
//	Net               the cycle: fees, tax, positions, payments
//
// # Rows
//
// A row names its values by column. Empty, null and absent are the same. A column that the
// row's kind does not take is not looked at, only remembered as text.
//
//	transaction_id, member_id   all kinds, required: 1 to 128 bytes of UTF-8 in Unicode form NFC
//	                            without characters of category Cc; never a JSON number
//	kind                        all, required: issue, redeem, redeem_reversal, issue_reversal
//	points                      all, required: [1-9][0-9]{0,12} up to 1,000,000,000,000
//	occurred_at                 all, required: YYYY-MM-DDThh:mm:ss[.digits] and Z or ±hh:mm; years 1970 to
//	                            2200 as written, seconds 00 to 59, offset 00:00 to 23:59; digits
//	                            beyond the microsecond are cut off
//	merchant_id                 all: the id of the folder's merchant
//	issuer_id                   issue: who funds the points, else the merchant; redeem: only lots of
//	                            that issuer; on an untracked ledger also both reversals
//	original_transaction_id     reversals of a tracked ledger, required: as transaction_id
//	original_date               reversals of a tracked ledger: YYYY-MM-DD, the original's business date
//	expires_on                  issue: YYYY-MM-DD, not before the business date
//	amount                      all: -?digits[.d[d]], information only
//	currency                    all: three capitals, information only
//	reason                      all: [a-z][a-z0-9_]{0,31}
//	store_id                    all: as transaction_id
//
// The business date of a row is the date on the alliance's wall clock at occurred_at, or the day
// before if that clock shows a time before day_starts_at.
//
// # Codes of rows
//
// D is the settlement date. A row is rejected with the first code that applies. Those that
// [Validator.Check] finds:
//
//	malformed          the reader could not take the row apart
//	missing_field      a required value is absent; of a kind that does not exist only the values that
//	                   all kinds require. The first such column in the order above is named
//	invalid_value      a value that the kind takes is not of its form, or of a type that the column does
//	                   not take. The first such column is named; expires_on before the business date
//	                   is one too
//	wrong_merchant     merchant_id is given and not that of the folder
//	inactive_merchant  not joined <= business date <= left; reversals are taken until left + reversal_days
//	future             business date after D + accept_early_days. Up to that date the row passes; it
//	                   takes its id tonight and is deferred ([DeferredFuture]) to the run of its date
//	too_late           business date before D - accept_late_days
//	unknown_issuer     issuer_id is neither a registered merchant nor the alliance
//	not_agreed         issue: issuer_id is not the merchant nor in its may_issue_for; redeem: issuer_id
//	                   is not the merchant nor in its may_redeem_from, if it has one
//	issuer_required    no issuer_id on a redeem under the policy stated, or on a reversal of an
//	                   untracked ledger
//
// and those that [Deduplicate] finds:
//
//	conflict           the transaction id is taken by a row of the merchant with other content
//	duplicate          it is taken by rows with the same content only
//
// The codes that come after these belong to attribution. An exception names the file, the row,
// the transaction id if it has the form of one, the column and the value found: never a member id,
// nothing of a malformed row, and at most 64 bytes, cut between characters.
//
// # Taken ids
//
// A transaction id of a merchant is taken by rows of earlier nights, if they are still deferred,
// or were settled on the dates D - duplicate_days to D-1, or have the business date of the row
// that wants the id; and by the first row of this night, in order of file and row, that passed all
// checks before, even if it is rejected later. A row that is refused takes nothing.
//
// Content is what the row says: its kind, id, member, points, instant in UTC, issuer_id, original
// and its date, expires_on, amount by value, currency, reason and store_id; columns that the kind
// does not take as their text; not merchant_id, and no unknown column. A value that is left out
// differs from its default written out. Contents are compared by a digest of 128 bits.
//
// # Lines and prices
//
// A line is all allocations of the night with the same issuer, redeemer, activity, business date,
// price id, price and per_points, in that order. Allocations whose issuer is the redeemer are on
// no line. A line counts its distinct redeem rows as transactions; a line of reversals counts none
// and its points and value are negative. An adjustment of the alliance is a line of its own: issuer
// the payer, redeemer the payee, business date D, price id the adjustment's, points 0, one
// transaction.
//
// The value of a line is points × price / per_points, rounded once to the currency's minor unit:
// half_up away from zero, or half_even. What the issuer owes and what the redeemer receives is
// that one number. The amount of a line's k-th allocation, in order of occurred_at, merchant,
// transaction id and allocation number, is round(P_k) - round(P_k-1), P_k being the value of the
// first k: the detail always adds up to its line.
//
// # Fees and tax
//
// At the close of a cycle each merchant pays each fee whose from and to hold the cycle's last day
// and in whose role, redeemer or issuer, it has lines for which `when` holds under tonight's rulebook.
//
//	base  = sum of the values of those lines over the cycle; reversals count, adjustments do not
//	count = sum of their transactions
//	fee   = clamp(round(base × rate) + per_transaction × count, min, max), or 0 if base <= 0
//	tax   = round(fee × tax_rate)
//
// Both go to the alliance, which pays none. What was paid in earlier cycles is not given back.
//
// # Netting
//
// A cycle is the settlement dates of one day, of one week from Monday to Sunday or of one calendar
// month; it is netted with its last date. For every party
//
//	net = receivable - payable - fees - tax
//	carried_in + net + released = held + carried_out + due
//
// Receivable and payable are the sums of the party's lines as redeemer and as issuer. The
// alliance's fees, tax, carried_in, held, released, carried_out and due are minus the merchants'
// sums, so that each column sums to zero, receivable against payable.
//
// Multilateral: let b = carried_in + net of a merchant.
//
//   - If |b| < payout_threshold, or b > 0 and a hold covers D, all of b is carried_out.
//   - Else held = round(max(b, 0) × holdback.rate) and b - held is due.
//   - What was held release_after closes ago, or before, is released: it is due whatever b is,
//     or, if a hold covers D, carried.
//   - From the first close with D after the merchant's last date, threshold and rate are 0 and all
//     that was held is released. Holds still apply.
//   - A merchant with due < 0 pays it to the alliance, one with due > 0 is paid by it.
//
// Bilateral: of each two merchants the one that owes more pays the net of the lines between them,
// adjustments included. Between a merchant and the alliance their lines, adjustments, fees, tax and
// what was carried or held from before are one payment. There is no threshold, holdback or hold:
// due = carried_in + net + released, and released is all that was held.
//
// No payment is made of zero. A payment belongs to the statement of the merchant, between
// merchants to the payer's.
//
// # Errors
//
// A bad row is a [settlement.Exception], never an error. The errors of this package wrap
// [settlement.ErrOutOfRange]: points beyond a 64-bit integer, money beyond DECIMAL(18,4). They refuse the
// night before anything is published. What can only be a mistake of this program is a panic: lines
// out of order, a detail that does not add up to its line, positions or payments that are not a
// zero sum, ids on record from the future.
package clearing
