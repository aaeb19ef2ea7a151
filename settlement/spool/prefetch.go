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
		fetch(file, part)
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
