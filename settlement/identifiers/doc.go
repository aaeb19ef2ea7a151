// Package identifiers keeps the transaction ids that are taken in runs: immutable files, sorted by
// digest, in which a night looks up its own ids without reading them all. A filter says of nearly
// every id that is not there that it is not; only blocks that the filter points to are read.
//
// # Format
//
// A run is blocks, filters, index and footer (package sections; "TAKENID1"). Integers of fixed size are
// little endian. A number is an unsigned LEB128 varint; a signed number n is the number (n<<1) XOR
// (n>>63), called zigzag. A date is days since 1970-01-01, with -2147483648 for none.
//
//	index
//	  number   of entries
//	  number   of blocks, then each, in order:
//	    number   of entries
//	    16 bytes id of the first entry
//	    number   length of the block
//	    8 bytes  XXH3-64 of the block
//	    number   length of the block's filter
//	    8 bytes  XXH3-64 of the filter
//
// The blocks come first, one behind the other, then the filters in the same order.
//
// A block holds up to 1024 entries; entries ascend by id, business date, settlement date, content.
// Ids and contents are digests, random bytes, so nothing is compressed:
//
//	number   of pairs of dates, then each: zigzag business date, zigzag settled on
//	n times  16 bytes id
//	n times  16 bytes content
//	n times  place in the list of pairs, from 0: 1 byte if there are at most 256, else 2
//
// # Filters
//
// Since entries are sorted and ids spread evenly, the sorted list of their shortened ids is the filter. The
// prefix of an id is its first 8 bytes as a big-endian number; from it that of the block's first entry is subtracted,
// and what is left is shifted right by as many bits as make the last entry's value less
// than n × 2^17 (but no more). Of each value the lower 16 bits are written, and the upper ones, which ascend
// slowly, in unary (Elias and Fano's code):
//
//	byte     the shift
//	n times  2 bytes, the lower 16 bits of the value
//	bits     from the lowest of the first byte on: bit (upper bits of value i) + i is 1, for i from 0 to n-1;
//	         others are 0, up to the end of the byte of the last 1
//
// That is less than 19 bits an id. An id that is not in the run is found in its block's filter
// with a chance of at most 2^-16, as the values spread over n × 2^16 at least: of a million new ids 15
// lead to a block. A filter as tight as 2^-12 would be a fifth smaller, and of twenty million
// new ids 5,000 would each lead to a block of 33 KiB, more than all filters take. Filters are cut
// like blocks, so looking up sorted ids goes through them once, from the start to the end, in the
// processor's nearest cache. Ids that do not spread evenly cost reads, never a wrong answer.
//
// # Errors
//
// sections.ErrDamaged for bytes that are no run or not what was written; other errors come from the reader or
// writer. Bytes that somebody made up give an error or wrong entries, never a panic.
package identifiers
