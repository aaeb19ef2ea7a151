package accounts

import "alliance/settlement"

// A Finder finds accounts in a run, one after the other. It is not safe for concurrent use.
type Finder struct{ cursor *cursor }

// NewFinder returns a Finder of a run. It has to be closed.
func NewFinder(run *Run) *Finder {
	finder := &Finder{newCursor(run)}
	finder.cursor.fetcher.Onward = true
	return finder
}

// Find returns a member's account, nil if the run has none. Members must ascend by byte from call to call. The account is
// valid until the arena is reset.
func (f *Finder) Find(member string, arena *Arena) (*settlement.Account, error) {
	found, err := f.cursor.find([]byte(member))
	if err != nil || !found {
		return nil, err
	}
	return f.cursor.block.decode(f.cursor.at, arena)
}

// Close waits for what is being read: after it the run's reader is used no more.
func (f *Finder) Close() { f.cursor.fetcher.Close() }
