// Package books keeps what is on record: the log of every settlement, the objects it names, the
// state between two settlement dates, and the one write that makes a settlement happen. It also
// copies what was settled to where finance reads it.
//
// # The ledger's bucket
//
//	log/<seq>.json              the log: one record per key, seq from 1 in 20 digits
//	runs/<attempt>/intent.json  written before anything else of an attempt
//	runs/<attempt>/…            the attempt's objects: state, and the files of the statements
//	probe.json                  left by the check that the store can be trusted
//
// An object is a file, or a pack of small ones: a line that says so ("settle pack", LF), then the files one after the
// other, nothing between them. A [FileRecord] of a file in a pack has its offset, length and own SHA-256; without an
// offset it is the whole object. The small files of a date's statements lie in packs of up to [PackBytes], in the order
// of the statements, and so do the acknowledgements of merchants without rejected rows: a night of thousands of merchants would otherwise be as many objects as files. A record
// names all files of a pack that its attempt stored, so that the files on record account for every byte of a pack. What a
// forgotten member may have to be taken out of (accounts and what was put away of them, rejected rows and what is said of them) is never packed, because
// objects are replaced whole.
//
// The log is the truth. A record is never overwritten and never deleted, nor is an object that a
// record names. The statements that merchants read are a projection: copies, made again at will.
// The bucket is private to the alliance; only state objects hold member ids.
//
// # Records
//
// A [Record] is one line of JSON: the fields in the order of the type, absent ones left out, LF
// at the end. It holds the SHA-256 of the record before it (previous; "" in the first) and its
// own (seal: SHA-256 of the line as it is with an empty seal), so every altered byte is found.
// A record that is not byte for byte what this program would write is refused; if it has a field
// that this program does not know, a newer program wrote it, and the error says so.
//
// Whoever settles the next date ([OpenRecent]) reads all records, too, and verifies chain and seals, but decodes of
// dates that are longer ago than late rows may come only what later dates ask for, a [PassedDate]: a night does not cost more and
// more the longer an alliance runs. That such a record is byte for byte as it would be written again was seen while it was young,
// and is seen by all who read the log whole, as settle verify does.
//
// The kinds: open_lots puts a file of opening lots on record; publish settles one or more dates,
// each complete in itself, and supersedes earlier records of these dates; abort fills the slot
// of an attempt that gave up; close makes dates final; forget removes a person from the state.
//
// # How an attempt becomes a record
//
//  1. [Ledger.Begin] checks once per process that the store refuses to create a key a second
//     time: it creates probe.json twice, if need be, and stops with [ErrUnsafe] if that succeeds
//     or if other bytes are found there. The object stays, for the next process to be refused.
//  2. [Open] reads the records from 1 until one is absent, verifies chain and seals, and looks
//     at the listing for a record beyond the end. A hole, a foreign object below log/ or a wrong
//     hash is [ErrBroken]: nothing is done before a person has looked.
//  3. Begin draws an attempt id and creates the intent, which names the head (seq and hash) that
//     the attempt builds on. Nothing of an attempt is written before it.
//  4. [Attempt.Create] and [Attempt.CreatePack] store objects below runs/<attempt>/ and record size and SHA-256
//     of every file.
//  5. [Attempt.Commit] creates the record in the slot after the head, and in no other slot. As a
//     slot can be filled only once, that is a compare-and-swap on the head.
//  6. After any answer but success Commit reads the slot. Its own record: it is committed.
//     Another's: [ErrLost]; start again with a new attempt. Absent: it creates the same bytes
//     again. If it gives up it fills the slot with an abort record, so that a late arrival of
//     its own cannot win: [ErrAborted]. If the store cannot be reached to find out:
//     [ErrUnknown]; nothing is deleted, and the next run finds out.
//     Once the record was sent, a canceled context does not stop Commit from finding out.
//
// So: reported done means there is a record; reported as any error but ErrUnknown means there is
// none and never will be. An attempt is used once.
//
// Commit refuses a record that names a file which neither the attempt stored at that place nor a record
// before it names, names some files of a pack and not the others, settles dates out of order, a closed one or one beyond the next, gives a
// statement a version that is neither the one on record (with the same files) nor the next, lacks
// _statement.json in a folder, opens lots after a date was settled, or closes what is not settled.
//
// # The projection
//
// [Ledger.ProjectAll] copies what is on record and not yet in the bucket of statements:
//
//	merchant=<id>/date=<D>/                        the version in force
//	merchant=<id>/versions/date=<D>/version=<n>/   each superseded version
//	alliance/date=<D>/                             the operator's tables
//	alliance/_projected.json                       up to which record this was done
//
// For each folder superseded versions go to their own folders first (copied from the ledger, so
// that a crash cannot lose one), then the files are written, files of an earlier version that
// are no more are deleted, and _statement.json is written last; of small folders many at a time take these steps together where
// the store is faster then ([storage.ReplaceFolders]). A folder whose _statement.json
// is the one on record is finished. Every file is checked against its SHA-256 while it is
// copied: a damaged one never appears. Small files that this process has just stored (up to 64 MiB of
// them) it copies from memory, all others from the ledger, where a pack is read once for the files in it. A crash leaves at worst a folder whose files do not agree
// with its _statement.json; the next run finishes it. Before every few folders, and at the end, the
// log is asked for newer records, so that a slow process does not bring back an old version; one
// that is killed in the very moment in which it does so leaves a folder that
// [Ledger.Rebuild] repairs: it reads and compares every file.
//
// What lies in the place of a file or a folder, such as a directory that somebody made, stops a projection, and so does a damaged object;
// a rebuild goes on with the other folders and names all that it could not write at its end ([ErrLeft]). A link or a pipe in the place of
// a file is replaced.
//
// A mark (alliance/_projected.json) that is beyond the log's end, also when that was read once more, or has another
// computation id than the log by that record, says that the statements are of another log: most likely the ledger was
// restored from a copy that lacks the last records. To settle their dates again, and to publish over what finance has pulled, would go
// unnoticed, so that is [ErrOtherLog], and nothing is written. Whoever begins a ledger anew over old statements on purpose
// removes the mark. A mark of the acknowledgements that is not of the log counts for nothing.
//
// # Acknowledgements
//
// [Ledger.ProjectAcknowledgements] does the same for what merchants are told about their
// deliveries, in a bucket of its own, which lies in the inbox as a rule:
//
//	merchant=<id>/date=<D>/   rejected.csv, if there is one, then ack.json
//	_projected.json           up to which record this was done, and the record's SHA-256
//
// There is one acknowledgement of a date; a later record's takes its place.
//
// # State
//
// Accounts and taken ids are kept as runs, whose formats alliance/settlement/accounts and
// alliance/settlement/identifiers describe, balances as JSON. The accounts of a partition are a stack
// of runs: a night lays one with the members that it touched over those of earlier nights, which it names
// again. What a date put away, which only reversals ask for, its state alone names, as it does the ids that it settled: whoever needs
// those of earlier dates finds them with these. Parties are kept by id, not by number, so that a later register can read them; an id that it
// does not have is [ErrUnknownParty]. The same state gives the same bytes. [Ledger.Read] verifies the
// SHA-256 of a file before anything decodes it. [Ledger.ReaderAt] reads parts of a run: the record has
// the SHA-256 of the run's index, and that has digests of all blocks.
//
// # Cleaning up
//
// [Ledger.CleanUp] removes the objects of an attempt only if no record but an abort names it
// and the head has passed its slot: then it can never become a record. No clock is asked.
// Objects go first, the intent last. Objects without an intent are left alone.
//
// [Ledger.Sweep] removes the temporary files that killed processes left in a directory, but only
// below attempts that ended: those on record and those cleaned up. Others may be in use.
//
// # Forgetting a member
//
// A forget rewrites every object of accounts, or of what was put away of them, that any record names and that holds the member: the
// account stays, with its lots, claims and deferred rows, so that every sum stays, but under a
// pseudonym. The record names the substitutes; [Ledger.Read] and [Ledger.Verify] follow them, and
// the objects replaced are deleted after the commit ([Ledger.RemoveReplaced], which anybody may
// repeat). The record holds the pseudonym and a salted digest of the member's id: when a date that
// was settled before is computed again, [Ledger.Pseudonyms] lead the member's rows to the account.
// Later dates know the id no more: rows under it open a new account. Who has read the log before the forget and looks for what
// it deleted, or for what an attempt stored that it cleaned up, finds the newer record and gets [ErrLost], not [ErrBroken]. Whoever can guess a member's
// id can test the guess against the digest; the ledger is private to the alliance.
//
// # Errors
//
// [ErrUnsafe], [ErrBroken], [ErrLost], [ErrAborted], [ErrUnknown], [ErrOtherLog], [ErrLeft], [ErrUnknownParty]; test with
// errors.Is. Other errors come from the store or say what is wrong with a record that was to be
// committed; nothing was committed then.
package books
