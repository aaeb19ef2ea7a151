// Package batch settles dates on one machine: it leads the rows from the inbox through the pure
// core to the ledger and the published statements.
//
// # What a run does
//
// [Run] settles one date D, or with CatchUp every unsettled date up to D, each by itself and in
// order:
//
//  1. It opens the ledger, verifies the log and finishes what an earlier run left of the projection.
//  2. If D is settled it does nothing but say which record stands and what has changed since:
//     files that go to the next date, the rulebook, the program.
//  3. It refuses a rulebook that does not fit the ledger ([RulebookError]): one that changes what is
//     fixed for ever (alliance id, currency, time_zone, day_starts_at, lots, rounding, cycle), that
//     lacks a party which is still on record, be it used up but not for reversal_days yet, or that gives a price or fee id that was used another
//     content.
//  4. The date before D must be settled, unless the ledger is empty ([RefusedError]). On an empty
//     ledger CatchUp begins with the earliest date that a merchant delivered for.
//  5. [Compute] settles the date in memory, see below. It refuses the night if a merchant is missing
//     that the rulebook requires, or more than missing.max_share of those expected ([MissingError];
//     AllowMissing overrides), if an adjustment is bad, if a sum is out of range, and under Strict
//     if there is any exception. Nothing has been written then, or, of a night that is larger than the memory, nothing is
//     left: the accounts of such a night are stored as objects of the attempt as soon as they are whole, and taken back.
//  6. State, tables and detail are stored as objects of an attempt; the tables are read back and
//     compared before; one record commits all of it; the projection copies it to the statements.
//     With them go the merchants' acknowledgements, for which files with rejected rows are read a
//     second time; they are copied to where merchants find them, last.
//
// # Stages
//
// [Compute] reads nothing but its arguments, the inbox and the state on record, and writes nothing
// but into the pool of what is on its way ([spool.Pool]), which holds as much in memory as it may and
// spills the rest to the local disk; accounts that would be spilled it hands to whoever puts them on record. Its stages meet through partitions there:
//
//	read         file by file: hash, parse, validate; a file is consumed, held or a duplicate
//	  -> rows by member; ids, with what decides about them, by id
//	deduplicate  id by id: the first row of (file, row) takes the id; the others are noted
//	attribute    member by member: lots, claims, reversals, expiry; the accounts as they are on record
//	             now go into new runs of the state, a partition of members after the other, and what
//	             only reversals can ask for is put away, for good
//	  -> allocations by line
//	price        line by line: one value; its allocations stand together, in order
//	net          fees, tax, positions, payments, when the cycle closes
//
// A partition is given by a stable hash, and whoever takes one sorts it by a key of its own, so
// neither the number of workers nor that of partitions changes a byte.
//
// Of the state a night reads the members that have rows and those that are due (a lot expires, a claim is
// tried, a row waits), and lays a run with these over the runs before; now and then runs are merged. If
// most members of a partition are concerned, or the state gets more partitions, the whole partition is
// written anew. How many partitions the state has depends on the numbers of accounts and rows alone.
//
// Redemptions that are settled and lots that are used up do not stay on the accounts: each night puts them away in objects of its own,
// one for every 16 partitions of the state, which are never written again (unless a member is forgotten). A reversal looks for its original, and for
// the lots that it was charged to, from the newest night back to the original's business date; without an original_date, or where there is no
// original, back to reversal_days. A member's night thus costs what its rows and what it can still spend come to, however often it came before.
//
// # Counts and invariants
//
// Every row of a consumed file is in exactly one of accepted, deferred and rejected; rows of held
// files are never read into anything. A file of which more than 250,000 rows would be rejected by
// checks before `conflict`, or more than 100,000 repeat the id of a row not far before, is read no further and
// held as unreadable_file. Statements count the
// rows read tonight: a row that was deferred earlier and is settled or rejected tonight is counted
// on the night it was read. These are asserted on every run, and a breach is a panic: each file's counts add up; for every issuer
// opening + issued - issue_reversed - redeemed + restored - expired = closing = the sum of its open
// lots; the detail adds up to its line; positions sum to zero.
//
// A statement is written for every merchant that is active on D, or has lines, open lots, a balance,
// movement of points, or objects or exceptions in this run. A missing merchant, or a held file under
// date=D, makes every statement of the night incomplete.
//
// # Restating
//
// With Restate, [Run] recomputes D and every later settled date, in order, from the state before D,
// with the inbox and the rulebook as they are now, and publishes them in one commit. It needs a
// reason, which goes on record, and refuses ([RefusedError]) a date that was never settled, one
// that is closed, and dates of which an object that they consumed is gone from the inbox, or lies in a
// folder that accept_late_days, being less by now, lets none of them look into. What only
// the recomputed dates consumed counts as not consumed: a file that was replaced under its name is
// read anew, one that came late goes to the first recomputed date whose window holds it, and so do
// the ids of rows and of adjustments. What is fixed for ever stays fixed; prices and fees may get
// another content under their old ids. What counts as used from then on is what the dates use as
// they stand. Each date is settled against a timeline: what is on record before D, overlaid by
// the dates recomputed so far.
//
// A statement whose tables equal those on record, column by column but for version, supersedes,
// statement_no, rulebook_digest and computation_id, is unchanged: its files stay, and the new record
// names them again. (In inputs.parquet version is the object's: a file that was delivered again with
// the same bytes changes nothing.) Any other one becomes the version after the last one of that
// merchant and date, so that versions are 1 to N, and carries changes.parquet. A merchant that has a
// statement of the date for the first time gets version 1. One that has nothing to say any more gets an
// empty next version, so that finance finds that nothing is due instead of a folder that is gone; a
// register that lacks such a merchant is refused ([RulebookError]). The alliance's tables likewise:
// they stay, with the statement_no of their payments, or are replaced. A payment's id is the same
// in every version. If every date comes to what is on record in every respect, state and computation
// ids included, nothing is written, so a restatement may be repeated after any failure.
//
// DryRun computes and compares all dates and writes nothing. Its report, as that of the restatement
// itself, has every statement that changes: number of lines that differ; receivable, payable and due
// as they were, are, and their difference.
//
// What is stored for a date that did not change is compared and thrown away; what is kept in the pool
// from date to date is the state after the last one, the ids of as many as [IDDays] says, and what was put away in the last
// reversal_days; what is on record by then is read there.
//
// # Comparing
//
// [Difference] says what is different between two versions of a statement, the records that published
// them included: numbers of the summary; lines; allocations by id, but for their line numbers; the
// objects of the inbox, on this date and those before it, that stood otherwise after one record than
// after the other; prices and fees whose content was another; rulebook and program. Between two
// dates it compares numbers and lines, lines of different business dates being the same one.
//
// # Closing
//
// [CloseDates] makes every date up to one final. A date that is not settled cannot be closed, one
// that is final stays so. Nothing published changes; restating a final date is refused. Done again with
// the same date, it tells which payments became final then.
//
// # Verifying
//
// [Verify] reads everything on record: the log's chain, every object's SHA-256, no closed date settled
// again, the versions of each statement 1 to N. On what stands of each date: _statement.json lists the
// files on record; a statement's lines come to the day's receivable and payable, its detail to each
// line; the alliance's lines are those of the statements, on both sides, with the same allocations;
// fees, tax, net and all that follows sum to zero over the parties, every position adds up, the
// summary repeats it; payments come to each party's due; points roll forward, closing is the next
// date's opening and the sum of the open lots in the state; lots and redemptions, those put away among them, add up; running totals and what is carried lead
// from date to date; the counts of rows and exceptions agree; an object of the inbox is consumed, or
// a duplicate, on one date only. And the bucket of statements holds what is on record and nothing else;
// what merchants are told about their deliveries is there as it is on record, if the job says where.
//
// Runs may be at work meanwhile. What is published differs from the record for that reason only if it is of a date that a record
// settled after the one up to which everything was published when this began, and if it is missing, or is what any record says of that date: then it is said
// once for each date, and nobody is told to mend or to remove it. It is a fault if neither the log nor the mark of what is published has moved since.
//
// Deep computes a date again, from an inbox that lists what the record lists, with the versions on
// record, and takes each content from the inbox of today if it has the SHA-256 on record. The
// rulebook must have the digest on record. State and all published files must come out byte for
// byte; of a statement that a restatement left alone, as the record wrote it that gave it its version.
// A control file that was read on an earlier date, and changed since, cannot be told from one that
// is gone: then the date cannot be computed again, if it settled a file that came late to the control's folder. Nor can one be of which a
// file changed while it was read; but what could not be opened at all, or was not for its size, is held again with the verdict on
// record. Acknowledgements are not compared.
//
// # Forgetting a member
//
// [ForgetMember] gives the member's account, and what was put away of it, another name in every state on record, also in those
// that were superseded, and takes the id out of rejected rows (and their digest out of the
// acknowledgement beside them). The name is "forgotten-", the record's number and a counter, chosen
// so that the member stays in its partition; U+0001 before it keeps it apart from any id that a row
// can hold. Lots, claims and deferred rows stay, so every sum does. When a date up to the last one
// settled by then is computed again, its rows of the member go to the account; later dates know the
// id no more. When such a date is restated, its rejected rows are read from the inbox once more and lose
// the id again: the salted digest on record finds it where it is a cell, or stands between separators
// (, ; : vertical bar, tab, quotes, brackets, the layout's own) in a malformed row. What a run that lost left
// behind is cleaned up as well, as it may hold the id.
//
// # Errors
//
// [RefusedError], [MissingError], [RulebookError]; [CommittedError] for what fails after a commit; errors that wrap [settlement.ErrOutOfRange],
// [books.ErrLost] and [books.ErrUnknown]; others come from the stores.
package batch
