package spool

import "slices"

// Prefetch has the system read what is on the disk of a partition that will be loaded soon, while the caller goes on.
// It is no more than a hint, and takes no memory of the process.
func (s *Spool) Prefetch(partition int) {
	// Another goroutine may be done with it already.
	s.mutex.Lock()
	pieces := s.partitions[partition].pieces
	s.mutex.Unlock()
	s.pool.prefetch(pieces)
}

const (
	// turnsAhead is how many turns partitions are asked for before they are loaded: some disks take a second for a read, but
	// many reads at a time. aheadBytes is about how much they may have together, as it takes memory of the system.
	turnsAhead = 8
	aheadBytes = 64 << 20
)

// PrefetchAfter does so with partitions whose turn comes soon. It is called for each turn from 0 to count-1, before what
// is loaded then, the partitions that at says, is released.
func (s *Spool) PrefetchAfter(turn, count int, at func(turn int) []int) {
	var bytes int64
	for _, partition := range at(turn) {
		bytes += s.Bytes(partition)
	}
	first, last := turnsAfter(turn, count, bytes)
	for soon := first; soon <= last; soon++ {
		for _, partition := range at(soon) {
			s.Prefetch(partition)
		}
	}
}

// turnsAfter returns the turns that are asked for on a turn, in which so many bytes are loaded.
func turnsAfter(turn, count int, bytes int64) (first, last int) {
	depth := min(turnsAhead, max(1, int(aheadBytes/max(1, bytes))))
	first, last = turn+depth, min(turn+depth, count-1)
	if turn == 0 {
		first = 1 // nobody asked for these
	}
	return first, last
}

// InOrder says that partitions are loaded one by one, from the first to the last.
func InOrder(turn int) []int { return []int{turn} }

// Prefetch has the system read what is on the disk of a part of the blob that will be read soon, while the caller goes
// on. It is no more than a hint, and takes no memory of the process. The blob must be closed.
func (b *Blob) Prefetch(offset, length int64) {
	end := min(offset+length, b.size)
	if offset < 0 || offset >= end {
		return
	}
	b.pool.prefetch(b.pieces[offset/PieceBytes : (end-1)/PieceBytes+1])
}

func (p *Pool) prefetch(pieces []piece) {
	var stretches []stretch
	for i := range pieces {
		if from := &pieces[i]; from.memory == nil {
			stretches = append(stretches, stretch{from.offset, int64(from.stored)})
		}
	}
	if len(stretches) == 0 {
		return
	}
	file, err := p.openFile()
	if err != nil {
		return // whoever reads will be told
	}
	for _, part := range together(stretches) {
		file.fetch(part)
	}
}

// together returns stretches in order, as one where they adjoin.
func together(stretches []stretch) (joined []stretch) {
	slices.SortFunc(stretches, func(a, b stretch) int { return int(a.start - b.start) })
	for _, part := range stretches {
		if last := len(joined) - 1; last >= 0 && joined[last].start+joined[last].length == part.start {
			joined[last].length += part.length
			continue
		}
		joined = append(joined, part)
	}
	return joined
}
