package spool

import (
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// A Pool bounds the memory of spools and blobs. It is safe for concurrent use.
type Pool struct {
	directory string
	budget    int64
	held      atomic.Int64

	mutex sync.Mutex
	file  *stripes
	end   int64
	// released are the extents of the file that were released last, dropped those whose content was dropped since.
	released, dropped []int64
	mostReleased      int
	// spilled and stored are how many bytes went to the disk until now, before and after they were compressed.
	spilled, stored int64
	// chunks are buffers for what is written together.
	chunks sync.Pool
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
	return &Pool{directory: directory, budget: budget, mostReleased: mostReleased}
}

// Budget returns up to how many bytes are kept in memory.
func (p *Pool) Budget() int64 { return p.budget }

// Close gives back the disk. Nothing of the pool may be used any more.
func (p *Pool) Close() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.file == nil {
		return nil
	}
	err := p.file.close()
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
// pays, by store, which returns where it will be there, and the buffer is given back.
func (p *Pool) keep(buffer []byte, room int64, pays *compression, store func(content []byte) (offset int64, err error)) (piece, error) {
	if p.held.Add(int64(cap(buffer))) <= room {
		return piece{memory: &buffer, length: len(buffer)}, nil
	}
	p.held.Add(-int64(cap(buffer)))
	packed := packedBuffers.take()
	defer packedBuffers.giveBack(packed)
	content := pays.pack(buffer, packed)
	kept := piece{length: len(buffer), stored: len(content), checksum: xxh3.Hash(content)}
	var err error
	if kept.offset, err = store(content); err != nil {
		return kept, err
	}
	p.mutex.Lock()
	p.spilled += int64(kept.length)
	p.stored += int64(kept.stored)
	p.mutex.Unlock()
	p.giveBack(buffer)
	return kept, nil
}

// write writes chunks to the file and gives back their memory.
func (p *Pool) write(chunks []chunk) error {
	for i := range chunks {
		if err := p.writeAt(chunks[i].content, chunks[i].start); err != nil {
			return err
		}
		chunks[i].giveBack(p)
	}
	return nil
}

func (p *Pool) writeAt(content []byte, offset int64) error {
	file, before, err := p.spillFile()
	if err != nil {
		return err
	}
	return file.write(content, offset, before)
}

// spillFile returns the file, which is made when it is needed for the first time, and how many bytes went there before.
func (p *Pool) spillFile() (file *stripes, before int64, err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.file == nil {
		if p.file, err = newStripes(p.directory); err != nil {
			return nil, 0, err
		}
	}
	return p.file, p.stored, nil
}
