package accounts

// A Size is how large a run is, or will be.
type Size struct {
	Accounts int64
	// Bytes is what decides. To count accounts instead, give their number: it stays the same if a
	// member is forgotten, bytes do not.
	Bytes int64
}

// A Policy says when runs are merged. The zero value is the policy to use.
//
// Runs are kept in tiers of size: a night's run is merged with the next older one as long as that
// is no larger than Growth times what is merged already. So the runs of a stack grow at least
// by that factor from each to the next older one, and an account is rewritten only
// when it moves to a run that is larger by a factor of 1 + 1/Growth at least: O(log(base / night))
// times in its life, not every night. The base is rewritten when what lies over it has
// reached a part of 1/Growth of it, which also bounds what overtaken accounts waste.
//
// A night looks into every run, and each costs it a read of the index and, for every member it
// touches, a look: so there are at most MaxRuns. If the tiers would be more, those that cost the least to
// merge are merged: the newest.
type Policy struct {
	// Growth is by how much runs grow; 0 stands for 2.
	Growth int64
	// MaxRuns is the most runs that a stack may have, at least 1; 0 stands for 8.
	MaxRuns int
}

// smallRun is up to how much a run counts as if it had so much, also where accounts are counted: a
// block's worth of accounts is read and written at once, however many of them there are.
const smallRun = 64

// Merge returns how many of the newest runs of a stack are to be merged with a night's run of
// about a size: 0 to lay it over them as it is, len(runs) to make a new base. runs are the
// newest first.
func (p Policy) Merge(runs []Size, night Size) int {
	growth, most := p.Growth, p.MaxRuns
	if growth == 0 {
		growth = 2
	}
	if most == 0 {
		most = 8
	}
	merged, count := max(night.Bytes, smallRun), 0
	for count < len(runs) && max(runs[count].Bytes, smallRun)/growth <= merged {
		merged += runs[count].Bytes
		count++
	}
	return max(count, len(runs)+1-most)
}
