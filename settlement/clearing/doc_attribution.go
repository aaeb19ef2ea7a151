// # Attribution
//
// An [Attributor] settles one member's rows of one settlement date D against the member's
// [settlement.Account]. The account after D is a function of the account after D-1, of what was put away before, and of what
// D settles, and of nothing else: not of the order in which rows were read, nor of other members.
//
// Rows apply in the order (occurred_at, kind, merchant, transaction id), kinds in the order
// issue, redeem, redeem_reversal, issue_reversal; ids and merchants compare as bytes. Reversals
// that wait for their original, and open claims of earlier nights, are tried again every night,
// each in its own place in that order, a claim in the place of its redeem row. A row of a
// business date after D waits and is applied by the run of its date, which checks nothing of it
// again; it is reported as deferred with code future on the night it is read.
//
// # Lots
//
// A lot is the points issued by one row. It is keyed (merchant, business date, transaction id).
// Its points are at all times
//
//	issued = open + spent + expired + reversed + voided
//
// each at least 0. Its shortfall, at most spent, is how much of spent an issue reversal asked
// back in vain.
//
// An issue opens a lot. Its issuer is the row's issuer_id, or else the merchant. It expires on
// the row's expires_on; else as many months after the business date as the rulebook's expiry
// says, the day clamped to the length of that month, or on that month's last day with
// end_of_month; else never. The expiry date is the last business date of use.
//
// # Redemptions
//
// A redeem takes from the lots that the member could have used at that moment:
//
//   - issued at or before occurred_at,
//   - expiring on or after the redemption's business date,
//   - of an issuer that is the redeemer itself or one of which it may redeem, by the rulebook
//     that settles D,
//   - of the issuer that the row names, if it names one, under every policy,
//   - with points available: open ones, and, while the lot's expiry is not before
//     D - accept_late_days, expired ones, so that a row which arrives late finds the points that
//     were there in its time. The expired movement of that day is reduced by them and may be
//     negative.
//
// Each lot taken from makes one allocation of activity redemption, its open points going first.
// Allocations of one row in one night are numbered from 0. The policy decides which lots:
//
//   - fifo: in order of (issued_at, issuer, merchant, transaction id).
//   - first_expiring: in order of expiry, those that never expire last; then as fifo.
//   - own_first: the redeemer's own lots, then all others, each as fifo.
//   - pro_rata: min(points, all available) is shared among the issuers in proportion to their
//     available points: each share is floored, and the points left are given one by one to the
//     largest remainders, ties in order of issuer id. Then issuers in order of id, the lots of
//     one as fifo. Products are of 128 bits, so shares are exact.
//   - stated: only lots of the issuer that the row names, as fifo.
//
// An allocation has the price of the redemption's business date and reason, also when it is made
// on a later night; it has none if issuer and redeemer are the same.
//
// What no lot covers is an open claim. It is reported once, as uncovered, on the night the row is
// settled, with the points that no lot covered when the row was applied; the row is accepted. The
// claim is given up wait_days nights later, after all rows of that night and before lots expire;
// if wait_days is 0 that is the same night, and there is no uncovered. What is left then is
// reported as unfunded. With `unfunded: suspense` nobody pays it. With `unfunded: alliance` the
// alliance does: one more allocation, with the alliance as issuer, the price of the table for
// that issuer, and no lot; it is in no issuer's roll-forward. Claims are given up in the order of
// their rows. If a later rulebook shortens wait_days, claims that are older are given up on the
// first night that it settles.
//
// # Reversals
//
// A reversal looks for its original among the rows of this member and this merchant that are on
// record: settled on an earlier night, or applied tonight before it. The original of a
// redeem_reversal is a redeem, that of an issue_reversal an issue; a reversal is never one, nor
// is a lot from a file of opening lots. Its business date is not before D - reversal_days, and is
// original_date if the reversal names that. Of several the one of the latest business date is
// meant. Then
//
//   - if there is none, but the id is on record as the other kind, within the same limits, the
//     row is rejected: original_mismatch;
//   - if there is none at all, the row is deferred: unknown_original. With n the night on which
//     it was first read, it is tried on the nights n … n + wait_days, and a row that waited for
//     its own business date at least on that. The last try that fails rejects it;
//   - if it is for more points than the original has left after all accepted reversals, the row
//     is rejected: reversal_exceeds_original.
//
// A deferred row is reported on the night it is read, and once more if it is rejected in the end.
//
// A redeem_reversal first reduces what no lot covered, be it an open claim or already unfunded;
// then what the alliance paid; then it gives back the original's allocations, from the last to
// the first. Each is an allocation of activity redemption_reversal, numbered from 0, with
// negative points and the lot, the issuer and the price of the original; business date,
// occurred_at and transaction id are the reversal's. The points return to their lot with its
// issue and its expiry; if that is past, they expire when D closes.
//
// An issue_reversal takes from that very lot: first open points; then expired ones, which moves
// nothing, but they can neither be claimed nor taken again; the rest is spent already and is
// reported as clawback_shortfall, which only informs: the issuer bears it. Points that return to
// the lot later are taken back at once, up to the shortfall: they count as restored and as
// issue_reversed.
//
// # Close of the date
//
// When all rows of the member are applied, the open points of lots that expire on D or before
// expire. For every issuer, always,
//
//	opening + issued - issue_reversed - redeemed + restored - expired = closing
//
// and closing is the sum of its open lots. Redeemed is gross, at the issuer itself and elsewhere,
// by the merchant of the redeem row. A merchant that left the alliance changes nothing: its lots
// stay redeemable and it keeps paying.
//
// The account then keeps what rows of any kind may ask for: lots with open points, or with expired ones that late rows may
// still claim (until accept_late_days, or reversal_days if these are more, after their last date), redemptions with
// an open claim, and rows that wait. What is left are settled redemptions and used-up lots, which only reversals ask for:
// they are put away, and later nights find them in the [Past], of each the newest version. If a later rulebook lets rows come later than
// any did when lots with expired points were put away ([ExpiredBefore]), those that late rows may claim come back with the member's first redemption.
//
// # Ledgers without lots
//
// With `lots: untracked` there are no lots and no balances, and originals are not looked up. A
// redeem is one allocation to the issuer that it names; a redeem_reversal is one negative
// allocation to the issuer that it names, priced by its own business date and reason. An issue
// counts as issued by its issuer, an issue_reversal as issue_reversed. Rows of a future business
// date wait as they do else.
//
// # Errors of attribution
//
// [Attributor.Attribute] and [Outcome.Add] return errors that wrap [settlement.ErrOutOfRange]:
// a sum of points does not fit into 64 bits, and the night is refused. If the past cannot be read, Attribute returns its error. What is wrong with a row
// is no error but a [settlement.Exception]. Points that are not conserved, in a lot, in a
// redemption or for an issuer, two records of one key, and a row given to another member's
// account are mistakes of the program: they panic.
package clearing
