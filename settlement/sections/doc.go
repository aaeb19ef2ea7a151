// Package sections is what files have in common that are read in parts: sections, each with a digest, an
// index of them, and a footer that leads to the index. It knows nothing of what sections hold.
//
//	sections, back to back from the start of the file
//	index
//	footer (32 bytes, little endian)
//	  8 bytes  offset of the index, which is the total length of the sections
//	  8 bytes  length of the index
//	  8 bytes  XXH3-64 of the index and the 16 bytes before
//	  8 bytes  what file it is
//
// A [Scanner] reads indexes; a [Fetcher] reads sections, neighbours at once and ahead of whoever
// uses them, so that the latency of an object store is not waited for again and again.
//
// # Errors
//
// [ErrDamaged] says that bytes are no such file, or not what was written. Other errors are those of the
// reader.
package sections
