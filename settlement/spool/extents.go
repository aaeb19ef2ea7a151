package spool

import "slices"

// extentBytes is the size of the stretches of the file that belong to one partition or blob: what is read
// together lies together, though it was written piece by piece between others.
const extentBytes = 16 * PieceBytes

// Extents are the stretches of the file that a partition or blob has. They are not safe for concurrent use.
type extents struct {
	starts []int64
	// left is how many bytes are left in the last of them.
	left int
	// huge are places of pieces that are larger than an extent.
	huge []stretch
	// last is what has its place there and is not written yet.
	last chunk
}

// A stretch is a part of the file.
type stretch struct{ start, length int64 }

// A chunk is what is written to the file together. The memory that files are cached in is given to large chunks that begin
// where its pages do in less than half of the time that it takes for pieces as they come.
type chunk struct {
	start   int64
	content []byte
	// lent is true if content is somebody else's memory.
	lent bool
}

// mostChunk is the size of chunks where memory allows, leastChunk that of those that are worth their memory.
const (
	mostChunk  = 128 << 10
	leastChunk = PieceBytes
	// chunkShare is the part of the budget that the chunks of all partitions of a spool take at most: one of so many.
	chunkShare = 8
)

// chunkBytes returns the size of the chunks of so many partitions, a part of an extent, or 0 if there is no memory for
// them.
func (p *Pool) chunkBytes(partitions int) int {
	size := mostChunk
	for size > leastChunk && int64(size) > p.budget/chunkShare/int64(partitions) {
		size /= 2
	}
	if int64(size) > p.budget/chunkShare/int64(partitions) {
		return 0
	}
	return size
}

func (p *Pool) newChunk(start int64, size int) chunk {
	p.held.Add(int64(size))
	if buffer, _ := p.chunks.Get().(*[]byte); buffer != nil && cap(*buffer) == size {
		return chunk{start: start, content: (*buffer)[:0]}
	}
	return chunk{start: start, content: make([]byte, 0, size)}
}

// giveBack gives back the memory of a chunk that nobody needs any more.
func (c *chunk) giveBack(pool *Pool) {
	if !c.lent && c.content != nil {
		pool.held.Add(-int64(cap(c.content)))
		buffer := c.content[:0]
		pool.chunks.Put(&buffer)
	}
	*c = chunk{}
}

// add gives content its place, the one after what was added before or in the next extent if it is not going to fit. It
// returns which chunks have to be written by now. What is left over of an extent costs nothing, as nothing is
// ever written there. With a size of chunks of 0, everything is written at once.
func (e *extents) add(pool *Pool, content []byte, size int) (offset int64, full []chunk) {
	if len(content) > extentBytes {
		// Its place is not used again. What comes after it begins where an extent does.
		length := int64(len(content))
		start := pool.extend((length + extentBytes - 1) / extentBytes * extentBytes)
		e.huge = append(e.huge, stretch{start, length})
		return start, []chunk{{start, content, true}}
	}
	if e.left < len(content) {
		if e.last.content != nil {
			full = append(full, e.last)
			e.last = chunk{}
		}
		e.starts, e.left = append(e.starts, pool.extent()), extentBytes
	}
	offset = e.starts[len(e.starts)-1] + int64(extentBytes-e.left)
	e.left -= len(content)
	if size == 0 {
		return offset, []chunk{{offset, content, true}}
	}
	for at := offset; len(content) > 0; {
		if e.last.content == nil {
			e.last = pool.newChunk(at, size)
		}
		n := min(len(content), size-len(e.last.content))
		e.last.content = append(e.last.content, content[:n]...)
		content, at = content[n:], at+int64(n)
		if len(e.last.content) == size {
			full = append(full, e.last)
			e.last = chunk{}
		}
	}
	return offset, full
}

// writeLast writes what is not written yet, before the first of all that is read.
func (e *extents) writeLast(pool *Pool) error {
	if e.last.content == nil {
		return nil
	}
	last := []chunk{e.last}
	e.last = chunk{}
	return pool.write(last)
}

// extent returns where an extent begins that is nobody's: the one that was released last if there is one, as what it held
// is still cached, and is written over in a fraction of the time that it takes to cache another.
func (p *Pool) extent() int64 {
	p.mutex.Lock()
	for _, free := range []*[]int64{&p.released, &p.dropped} {
		if last := len(*free) - 1; last >= 0 {
			defer p.mutex.Unlock()
			start := (*free)[last]
			*free = (*free)[:last]
			return start
		}
	}
	p.mutex.Unlock()
	return p.extend(extentBytes)
}

// extend makes the file longer and returns where the new part begins.
func (p *Pool) extend(length int64) int64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	start := p.end
	p.end += length
	return start
}

// release gives back the memory of pieces, and their extents of the file.
func (p *Pool) release(pieces []piece, disk *extents) {
	for i := range pieces {
		if memory := pieces[i].memory; memory != nil {
			p.held.Add(-int64(cap(*memory)))
			p.giveBack(*memory)
		}
	}
	disk.last.giveBack(p)
	if len(disk.starts)+len(disk.huge) > 0 {
		p.releaseDisk(disk)
	}
	*disk = extents{}
}

// mostReleased is how many extents are not dropped when they are released: about as many as are written while as many
// are released.
const mostReleased = 256 << 20 / extentBytes

// releaseDisk gives back extents. The content of the last ones stays for a while, as its place is about to be written over. That
// of all others is dropped at once: what the system has not written yet it need not write any more, and the disk has
// room for the results.
func (p *Pool) releaseDisk(disk *extents) {
	p.mutex.Lock()
	file := p.file
	p.released = append(p.released, disk.starts...)
	surplus := max(len(p.released)-p.mostReleased, 0)
	dropped := slices.Clone(p.released[:surplus])
	p.released = slices.Delete(p.released, 0, surplus)
	p.mutex.Unlock()
	if file != nil {
		for _, start := range dropped {
			file.drop(stretch{start, extentBytes})
		}
		for _, one := range disk.huge {
			file.drop(one)
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.dropped = append(p.dropped, dropped...)
}
