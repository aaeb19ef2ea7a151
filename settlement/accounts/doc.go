// Package accounts keeps the accounts of members in runs: immutable files, sorted by member, of which
// a part can be read without the rest. A night reads and writes what it touches: a base holds
// everybody, each night adds a run with the accounts that changed, and now and then runs are
// merged ([Merge], when: [Policy]).
//
// What nobody but a reversal asks for, settled redemptions and lots that are used up, a night puts away in a run of its own, which
// is laid over nothing and merged with nothing. In it an account is what the night put away of a member, and never due.
//
// # A stack of runs
//
// A [Stack] is runs from the newest to the oldest. An entry of a run is an account, or says that
// the member's account is gone. Of each member the newest entry counts. An entry also has a due
// date: the first date on which the account has to be looked at even if the member has no rows,
// because a lot expires, a claim is tried again, or something can be forgotten. [Stack.Select] gives a
// night the accounts of the members that have rows and those that are due.
//
// An older run still says when accounts were due that newer ones have overtaken. Whoever selects
// with "on or before" looks at them again every night, up to the next merge; [Stack.SelectDue]
// with the night's own date does not, and is right if every account that is due is written again,
// with a later due date, in the night on which it is due.
//
// There is no filter of the members of a run: the base has nearly all members that are asked for,
// and small runs are read whole or nearly so; a filter would cost more than it spares.
//
// # Format
//
// A run is blocks, index and footer, back to back. Integers of fixed size are little endian. A
// number is an unsigned LEB128 varint of at most 64 bits in its shortest form; a signed number n is the
// number (n<<1) XOR (n>>63), called zigzag here; a count of points is the number of its 64 bits taken as unsigned. A
// text is a number, its length in bytes, and the bytes. A date is days since 1970-01-01, with
// -2147483648 for none and 2147483647 for never; an instant is microseconds since then. Sums and
// differences are of 64-bit integers and wrap.
//
//	footer (32 bytes)
//	  8 bytes  offset of the index, which is the total length of the blocks
//	  8 bytes  length of the index
//	  8 bytes  XXH3-64 of the index and the 16 bytes before
//	  8 bytes  "ACCOUNT1"
//
//	index
//	  number   of entries that are accounts
//	  number   of entries that say that an account is gone
//	  number   of lots
//	  number   of parties, then each:
//	    text     id
//	    byte     1: an account names it; 0: only the names of files do
//	    zigzag   sum of the open points of the accounts' lots that it issued
//	  number   of blocks, then each, in order:
//	    number   stored length
//	    number   raw length less stored length
//	    8 bytes  XXH3-64 of the stored bytes
//	    number   of entries
//	    number   0 if none of its accounts is ever due, else 1 + zigzag of their earliest due date
//	    text     member of the first entry
//	  number   of due dates, then each, ascending:
//	    zigzag   date
//	    number   length of what follows for this date: the blocks that have an account due on it, ascending.
//	             Each is a number: how many blocks lie between it and the one before
//
// Parties are numbered from 1 in the order of this list, which is the order in which they came;
// 0 is no party. They are kept by id, so that a later register can read them.
//
// A block is stored as one LZ4 block (without frame), or as it is if the raw length equals the stored one.
// A raw block is at most 1 GiB and 256 times the stored one, with at most 2^24-1 texts; the writer closes a block when it reaches
// 16 KiB. It holds:
//
//	zigzag   base: a date to which others are relative
//	number   of texts, then each: text, not empty
//	number   of files, then each, 5 bytes:
//	  2 bytes  party; if it is 0 the file's name is a text whose number is in the other 3 bytes
//	  2 bytes  else the name is merchant=<party>/date=<date>/<text>: date less base, with a sign
//	           (two's complement); the date is of the years 1970 to 2399, written YYYY-MM-DD
//	  1 byte   text, of at most 1024 bytes; the party's id is of at most 128
//	number   of prices, then each:
//	  number   id: a text, 0 is the empty one
//	  zigzag   amount, in units of 10^-8
//	  zigzag   per points
//	entries, up to the end, each behind a number, its length; ascending by bytes of member:
//	  text     member
//	  number   0 if never due, else 1 + zigzag of (due date less base)
//	  number   0: the account is gone and the entry ends here; else 1 + number of lots
//	  number   of redemptions
//	  number   of deferred rows
//	  the lots, the redemptions, the deferred rows
//
// Texts, files and prices are numbered from 1 in the order of their list; 0 is the empty text, the
// empty file name, the zero price. Party, text, file and price below are such numbers. A parent date is the
// business date of the item before in the same account, the base for the first.
//
//	lot
//	  byte     bits 0 to 5: open, spent, expired, reversed, voided, shortfall are not 0;
//	           bit 6: issued = open + spent + expired + reversed + voided; bit 7: imported
//	  byte     bit 0: the issuer is the merchant; bit 1: the instant is in seconds; bit 2: never expires; others 0
//	  party    merchant
//	  zigzag   business date less parent date
//	  text     transaction id
//	  party    issuer (unless bit 0)
//	  zigzag   issued at less midnight UTC of the business date, in seconds or microseconds
//	  zigzag   (unless bit 2) last date of use less business date
//	  points   issued (unless bit 6)
//	  points   open, spent, expired, reversed, voided, shortfall, each only if its bit is set
//	  file, number: source, row
//
//	redemption
//	  byte     bit 0: names an issuer; bits 1 to 3: reversed, open claim, unfunded are not 0;
//	           bit 4: the instant is in seconds; bit 5: settled on the business date;
//	           bit 6: has one charge; bit 7: has a reason
//	  party    merchant
//	  zigzag   business date less parent date
//	  text     transaction id
//	  zigzag   occurred at less midnight UTC of the business date, in seconds or microseconds
//	  points   points
//	  party    issuer (bit 0)
//	  points   reversed, open claim, unfunded (bits 1 to 3)
//	  zigzag   (unless bit 5) settled on less business date
//	  text number  reason (bit 7)
//	  file, number: source, row
//	  number   of charges (unless bit 6), then each charge
//
//	charge
//	  byte     bit 0: the lot is one of the account's; bit 1: the alliance pays, there is no lot;
//	           bit 2: the issuer is the account's lot's (bit 0), none (bit 1), or the lot's merchant;
//	           bit 3: all points of the redemption; bit 4: the lot is imported; others 0
//	  number   (bit 0) place of the lot in the account, from 0
//	  party, zigzag, text  (neither bit 0 nor 1) merchant, business date less that of the redemption, transaction id
//	  party    issuer (unless bit 2)
//	  points   points (unless bit 3)
//	  price
//
//	deferred row
//	  byte     bits 0 and 1: kind (0 issue, 1 redeem, 2 redeem_reversal, 3 issue_reversal);
//	           bit 2: its member is the account's; others 0
//	  party    merchant
//	  text     transaction id
//	  text     member (unless bit 2)
//	  points   points
//	  zigzag   business date less base
//	  zigzag   occurred at less midnight UTC of the business date, in microseconds
//	  party    issuer, 0 if it names none
//	  text     original's transaction id
//	  zigzag   original's date less base
//	  zigzag   expires on less base
//	  text number  reason
//	  16 bytes digest of the content
//	  zigzag   first read on less base
//	  file, number: source, row
//
// # A bundle
//
// A [Bundle] is runs of several partitions in one file, back to back, and behind them a directory:
//
//	zigzag   the night that put the accounts away, a date
//	number   of the bundle among the night's, from 0
//	number   of runs, then each, in order:
//	  number   length; 0 if there is none, and then nothing follows
//	  32 bytes SHA-256 of its index and footer
//	footer (32 bytes), as that of a run, of the directory, and "BUNDLES1"
//
// # What is free
//
// The base is free; the writer takes the business date of the first redemption, or lot, of the
// block's first account. Same entries give the same bytes, whatever the numbers of the parties in
// memory; LZ4 is by code that is the same on every kind of processor.
//
// # What is believed
//
// Every block's digest is in the index, the index's in the footer, and [Facts] has a SHA-256 of both, as the directory of a bundle
// has of each of its runs: so
// a byte that changed is found when it is read. Bytes that somebody made up do no harm: they
// give an error, never a panic, and never more memory than some hundred times their length.
//
// # Errors
//
// [ErrUnknownParty], [ErrTooLarge], [settlement.ErrOutOfRange]; test with errors.Is. Other errors come
// from the reader or writer, or say that bytes are no run, or not what was written.
package accounts
