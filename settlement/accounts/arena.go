package accounts

import "alliance/settlement"

// An Arena is the memory in which accounts are decoded. Its zero value is ready; it is not safe
// for concurrent use. Texts are not in it: they stay valid as long as somebody refers to them.
type Arena struct {
	accounts    slab[settlement.Account]
	lots        slab[settlement.Lot]
	redemptions slab[settlement.Redemption]
	charges     slab[settlement.Charge]
	deferred    slab[settlement.Transaction]
}

// Reset makes all memory available again: accounts that were decoded in it are lost. It may be
// called from a visit function.
func (a *Arena) Reset() {
	a.accounts.reset()
	a.lots.reset()
	a.redemptions.reset()
	a.charges.reset()
	a.deferred.reset()
}

// slabItems is how many items are allocated at once.
const slabItems = 2048

// A slab hands out slices of memory that it allocates piece by piece.
type slab[T any] struct {
	// free is what is left of the piece in use.
	free   []T
	pieces [][]T
	// used is the number of pieces in use.
	used int
}

// take returns n items of any content. Appending to them does not write into the next ones.
func (s *slab[T]) take(n int) []T {
	if n > len(s.free) {
		return s.more(n)
	}
	taken := s.free[:n:n]
	s.free = s.free[n:]
	return taken
}

func (s *slab[T]) more(n int) []T {
	if n > slabItems/4 {
		// It would waste what is left, and keep much for long.
		return make([]T, n)
	}
	if s.used == len(s.pieces) {
		s.pieces = append(s.pieces, make([]T, slabItems))
	}
	piece := s.pieces[s.used]
	s.used++
	s.free = piece[n:]
	return piece[:n:n]
}

func (s *slab[T]) reset() {
	s.used, s.free = 0, nil
	if len(s.pieces) > 0 {
		s.free, s.used = s.pieces[0], 1
	}
}
