package spool

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"
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
	free    []int64
	spilled int64
}

// pieces are buffers with room for pieceBytes, of all pools.
var pieces sync.Pool

// pieceBytes is the size of the pieces in which memory is taken and the disk is written.
const pieceBytes = 32 << 10

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

// Spilled returns how many bytes went to the disk so far.
func (p *Pool) Spilled() int64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.spilled
}

// A piece is a run of bytes, in memory or in the file.
type piece struct {
	memory   []byte
	offset   int64
	length   int
	checksum uint64
}

// take returns an empty buffer with room for at least size bytes.
func (p *Pool) take(size int) []byte {
	if size <= pieceBytes {
		if buffer, _ := pieces.Get().(*[]byte); buffer != nil {
			return (*buffer)[:0]
		}
		size = pieceBytes
	}
	return make([]byte, 0, size)
}

func (p *Pool) giveBack(buffer []byte) {
	if cap(buffer) == pieceBytes {
		buffer = buffer[:0]
		pieces.Put(&buffer)
	}
}

// keep takes over a full buffer: it stays in memory if the budget allows, or goes to the file, to the place
// that is asked for then, and the buffer is given back.
func (p *Pool) keep(buffer []byte, place func(length int) int64) (piece, error) {
	if p.held.Add(int64(cap(buffer))) <= p.budget {
		return piece{memory: buffer, length: len(buffer)}, nil
	}
	p.held.Add(-int64(cap(buffer)))
	kept := piece{length: len(buffer), checksum: xxh3.Hash(buffer), offset: place(len(buffer))}
	if err := p.spill(buffer, kept.offset); err != nil {
		return kept, err
	}
	p.giveBack(buffer)
	return kept, nil
}

func (p *Pool) spill(content []byte, offset int64) error {
	file, err := p.spillFile(int64(len(content)))
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(content, offset); err != nil {
		return fmt.Errorf("spill to the disk at %s, after %d bytes: %w", file.Name(), offset, err)
	}
	return nil
}

// spillFile returns the file, which is made when it is needed for the first time, and counts what goes there.
func (p *Pool) spillFile(length int64) (*os.File, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.spilled += length
	if p.file == nil {
		file, err := os.CreateTemp(p.directory, "settle-spill-*")
		if err != nil {
			return nil, fmt.Errorf("spill to the disk: %w", err)
		}
		// An open file lives on without a name; where that cannot be, Close removes it.
		p.file, p.unlink = file, os.Remove(file.Name()) != nil
	}
	return p.file, nil
}

// extentBytes is the size of the stretches of the file that belong to one partition or blob: what is read
// together lies together, though it was written piece by piece between others.
const extentBytes = 16 * pieceBytes

// Extents are the stretches of the file that a partition or blob has. They are not safe for concurrent use.
type extents struct {
	starts []int64
	// pieces counts the pieces in them.
	pieces int
}

// place returns where in the file the next piece goes.
func (e *extents) place(pool *Pool, length int) int64 {
	if length > pieceBytes {
		return pool.extend(int64(length)) // one huge record; its place is not used again
	}
	within := e.pieces % (extentBytes / pieceBytes)
	if within == 0 {
		e.starts = append(e.starts, pool.extent())
	}
	e.pieces++
	return e.starts[len(e.starts)-1] + int64(within)*pieceBytes
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

// read copies a piece, from an offset within it, to the whole of buffer.
func (p *Pool) read(from *piece, offset int, buffer []byte) error {
	if from.memory != nil {
		copy(buffer, from.memory[offset:])
		return nil
	}
	if offset != 0 || len(buffer) != from.length {
		whole := p.take(from.length)[:from.length]
		defer p.giveBack(whole)
		if err := p.read(from, 0, whole); err != nil {
			return err
		}
		copy(buffer, whole[offset:])
		return nil
	}
	p.mutex.Lock()
	file := p.file
	p.mutex.Unlock()
	if file == nil {
		return errors.New("read what was spilled to the disk: it was given back already")
	}
	if _, err := file.ReadAt(buffer, from.offset); err != nil {
		return fmt.Errorf("read what was spilled to the disk at %s: %w", file.Name(), err)
	}
	if xxh3.Hash(buffer) != from.checksum {
		return fmt.Errorf("%d bytes that were spilled to the disk at %s came back changed", from.length, file.Name())
	}
	return nil
}

// readsAtOnce is how many pieces are read from the disk at a time: they lie scattered over the file, and a disk
// that is asked for one after the other takes its time for each.
const readsAtOnce = 8

// readAll copies pieces one after the other to the whole of buffer.
func (p *Pool) readAll(pieces []piece, buffer []byte) error {
	var reads errgroup.Group
	reads.SetLimit(readsAtOnce)
	for i := range pieces {
		from, to := &pieces[i], buffer[:pieces[i].length]
		buffer = buffer[len(to):]
		if from.memory != nil {
			copy(to, from.memory)
			continue
		}
		reads.Go(func() error { return p.read(from, 0, to) })
	}
	return reads.Wait()
}

// release gives back the memory of pieces, and their extents of the file.
func (p *Pool) release(pieces []piece, disk *extents) {
	for i := range pieces {
		if memory := pieces[i].memory; memory != nil {
			p.held.Add(-int64(cap(memory)))
			p.giveBack(memory)
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.free = append(p.free, disk.starts...)
	*disk = extents{}
}
