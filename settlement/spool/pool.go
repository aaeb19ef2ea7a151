package spool

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// A Pool bounds the memory of spools and blobs. It is safe for concurrent use.
type Pool struct {
	directory string
	budget    int64
	held      atomic.Int64

	mutex  sync.Mutex
	file   *os.File
	end    int64
	unlink bool
	// free are the extents of the file that were released.
	free []int64
	// spilled and stored are how many bytes went to the disk until now, before and after they were compressed.
	spilled, stored int64
}

// pieces are buffers with room for PieceBytes, of all pools.
var pieces sync.Pool

// PieceBytes is the size of the pieces in which memory is taken and the disk is written. Of a [Blob], pieces begin at
// its multiples, and a part of one costs as much to read as all of it.
const PieceBytes = 32 << 10

// NewPool returns a pool that keeps up to budget bytes in memory and puts what is more into a
// file in directory; "" stands for the system's directory of temporary files. The file is made
// when it is needed for the first time.
func NewPool(directory string, budget int64) *Pool {
	return &Pool{directory: directory, budget: budget}
}

// Close gives back the disk. Nothing of the pool may be used any more.
func (p *Pool) Close() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	if p.unlink {
		err = errors.Join(err, os.Remove(p.file.Name()))
	}
	p.file = nil
	return err
}

// A piece is a run of bytes, in memory or in the file.
type piece struct {
	// memory has the bytes, or is nil if they are in the file.
	memory *[]byte
	// offset is where they begin in the file.
	offset int64
	// length is how many bytes there are, stored how many they take in the file: less if they are compressed.
	length, stored int
	// checksum is that of what is stored.
	checksum uint64
}

// take returns an empty buffer with room for at least size bytes.
func (p *Pool) take(size int) []byte {
	if size <= PieceBytes {
		if buffer, _ := pieces.Get().(*[]byte); buffer != nil {
			return (*buffer)[:0]
		}
		size = PieceBytes
	}
	return make([]byte, 0, size)
}

func (p *Pool) giveBack(buffer []byte) {
	if cap(buffer) == PieceBytes {
		buffer = buffer[:0]
		pieces.Put(&buffer)
	}
}

// briefShare is the part of the budget that is kept free for brief blobs: one of so many.
const briefShare = 8

// room returns up to how many bytes all together may be in memory for something to stay there.
func (p *Pool) room(brief bool) int64 {
	if brief {
		return p.budget
	}
	return p.budget - p.budget/briefShare
}

// Full reports whether memory is left for nothing but brief blobs.
func (p *Pool) Full() bool { return p.held.Load()+PieceBytes > p.room(false) }

// keep takes over a full buffer: it stays in memory if there is room, or goes to the file, compressed if that
// pays, to the place that is asked for then, and the buffer is given back.
func (p *Pool) keep(buffer []byte, room int64, pays *compression, place func(length int) int64) (piece, error) {
	if p.held.Add(int64(cap(buffer))) <= room {
		return piece{memory: &buffer, length: len(buffer)}, nil
	}
	p.held.Add(-int64(cap(buffer)))
	packed := packedBuffers.take()
	defer packedBuffers.giveBack(packed)
	content := pays.pack(buffer, packed)
	kept := piece{length: len(buffer), stored: len(content), checksum: xxh3.Hash(content), offset: place(len(content))}
	if err := p.spill(content, &kept); err != nil {
		return kept, err
	}
	p.giveBack(buffer)
	return kept, nil
}

// spill writes a piece to the file.
func (p *Pool) spill(content []byte, kept *piece) error {
	file, before, err := p.spillFile(kept)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(content, kept.offset); err != nil {
		return fmt.Errorf("spill to the disk at %s, after %d bytes: %w", file.Name(), before, err)
	}
	return nil
}

// spillFile returns the file, which is made when it is needed for the first time, and counts what goes there;
// before is how many bytes went there before.
func (p *Pool) spillFile(kept *piece) (file *os.File, before int64, err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.file == nil {
		file, err := os.CreateTemp(p.directory, "settle-spill-*")
		if err != nil {
			return nil, 0, fmt.Errorf("spill to the disk: %w", err)
		}
		// An open file lives on without a name; where that cannot be, Close removes it.
		p.file, p.unlink = file, os.Remove(file.Name()) != nil
		scattered(file)
	}
	before = p.stored
	p.spilled += int64(kept.length)
	p.stored += int64(kept.stored)
	return p.file, before, nil
}

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
}

// A stretch is a part of the file.
type stretch struct{ start, length int64 }

// place returns where in the file the next piece goes: after the one before, or into the next extent if it is
// not going to fit. What is left over costs nothing, as nothing is ever written there.
func (e *extents) place(pool *Pool, length int) int64 {
	if length > extentBytes {
		start := pool.extend(int64(length)) // its place is not used again
		e.huge = append(e.huge, stretch{start, int64(length)})
		return start
	}
	if e.left < length {
		e.starts, e.left = append(e.starts, pool.extent()), extentBytes
	}
	start := e.starts[len(e.starts)-1] + int64(extentBytes-e.left)
	e.left -= length
	return start
}

// extent returns where an extent begins that is nobody's.
func (p *Pool) extent() int64 {
	p.mutex.Lock()
	if last := len(p.free) - 1; last >= 0 {
		defer p.mutex.Unlock()
		start := p.free[last]
		p.free = p.free[:last]
		return start
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
	if len(disk.starts)+len(disk.huge) > 0 {
		p.releaseDisk(disk)
	}
	*disk = extents{}
}

// releaseDisk gives back extents. Their content is dropped at once: what the system has not written yet it need not
// write any more, and the disk has room for the results.
func (p *Pool) releaseDisk(disk *extents) {
	p.mutex.Lock()
	file := p.file
	p.mutex.Unlock()
	if file != nil {
		for _, start := range disk.starts {
			drop(file, stretch{start, extentBytes})
		}
		for _, one := range disk.huge {
			drop(file, one)
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.free = append(p.free, disk.starts...)
}
