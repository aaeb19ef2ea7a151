package accounts

import (
	"bytes"
	"unsafe"

	"alliance/settlement"
)

// A Finder finds accounts in a run, one after the other. It is not safe for concurrent use.
type Finder struct {
	cursor *cursor
	found  bool
}

// NewFinder returns a Finder of a run. It has to be closed.
func NewFinder(run *Run) *Finder {
	finder := &Finder{cursor: newCursor(run)}
	finder.cursor.fetcher.Onward = true
	return finder
}

// Find goes to a member's entry, and reports whether the run has one. Members must not descend by byte from call to call.
func (f *Finder) Find(member string) (found bool, err error) {
	f.found, err = f.cursor.find([]byte(member))
	return f.found, err
}

// entry returns the entry that was found, as the block has it.
func (f *Finder) entry() []byte {
	if !f.found {
		panic("accounts: a Finder was asked for what it did not find")
	}
	body := f.cursor.block.entries[f.cursor.at].body
	return f.cursor.block.raw[body.from:body.to]
}

// Bytes returns how many bytes the entry that was found has.
func (f *Finder) Bytes() int { return len(f.entry()) }

// Mentions reports whether a text is among the bytes of the entry that was found, as that of every transaction id is that the account
// names.
func (f *Finder) Mentions(text string) bool {
	return bytes.Contains(f.entry(), unsafe.Slice(unsafe.StringData(text), len(text)))
}

// Account returns the account that was found, nil if the entry says that it is gone. It is valid until the arena is reset.
func (f *Finder) Account(arena *Arena) (*settlement.Account, error) {
	f.entry()
	return f.cursor.block.decode(f.cursor.at, arena)
}

// Close waits for what is being read: after it the run's reader is used no more.
func (f *Finder) Close() { f.cursor.fetcher.Close() }
