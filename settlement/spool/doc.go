// Package spool holds what is on its way between the stages of a night: bytes that are written
// once, in order, and read once or twice. So much of it stays in memory as a budget allows; the rest
// goes to a spill file on the local disk, compressed where that saves two fifths. What is released is given back to
// the disk at once, where the system allows that, or else written over.
//
// A [Pool] is the budget and the file. A [Spool] spreads records over partitions: several goroutines
// append to it, each with a [Writer] of its own, and whoever takes a partition gets the records of
// all writers. In which order the pieces of different writers come is not said; the records of one
// writer keep their order. A [Blob] is one sequence of bytes that can be read from any offset.
//
// The spill file is several temporary files, since the system lets one at a time write to a file. They have no names in their
// directory once they are open, where the system allows that, so a process that is killed leaves nothing behind. Bytes come back as they were written, or it is an error: each
// piece that goes to the disk has a checksum.
//
// # Errors
//
// Those of the local disk, with what was being done and the directory: a full one ends the run.
package spool
