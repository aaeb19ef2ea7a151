package spool

import (
	"errors"
	"slices"
	"sync"
)

// A Spool holds records by partition. Writers may append at the same time; reading begins when all
// of them are flushed.
type Spool struct {
	pool       *Pool
	pays       compression
	chunkBytes int
	mutex      sync.Mutex
	partitions []partition
}

type partition struct {
	pieces []piece
	bytes  int64
	disk   extents
}

// NewSpool returns an empty spool of so many partitions.
func (p *Pool) NewSpool(partitions int) *Spool {
	return &Spool{pool: p, chunkBytes: p.chunkBytes(partitions), partitions: make([]partition, partitions)}
}

// Bytes returns how many bytes a partition holds.
func (s *Spool) Bytes(partition int) int64 { return s.partitions[partition].bytes }

// A Writer appends records for one goroutine.
type Writer struct {
	spool *Spool
	// staged are the last records of each partition, of which each has room for stageBytes; used says how much of it is
	// filled. One record after the other goes to another partition: all stages together stay in the processor's
	// cache, where the partitions' buffers would not, and each store would wait for memory.
	staged     []byte
	stageBytes int
	used       []int
	buffers    [][]byte
}

// allStagesBytes is about the size of all stages of a writer together.
const (
	allStagesBytes = 256 << 10
	leastStage     = 256
	mostStage      = 1 << 10
)

// NewWriter returns a writer. It has to be flushed.
func (s *Spool) NewWriter() *Writer {
	partitions := len(s.partitions)
	size := min(max(allStagesBytes/max(partitions, 1), leastStage), mostStage)
	return &Writer{spool: s, staged: make([]byte, partitions*size), stageBytes: size, used: make([]int, partitions), buffers: make([][]byte, partitions)}
}

// Append adds a record to a partition. Where a record ends must be seen from its bytes.
func (w *Writer) Append(partition int, record []byte) error {
	used := w.used[partition]
	if used+len(record) > w.stageBytes {
		if err := w.unstage(partition); err != nil {
			return err
		}
		if used = 0; len(record) > w.stageBytes {
			return w.buffer(partition, record)
		}
	}
	start := partition * w.stageBytes
	w.used[partition] = used + copy(w.staged[start+used:start+w.stageBytes], record)
	return nil
}

// unstage moves what is staged of a partition to its buffer.
func (w *Writer) unstage(partition int) error {
	start := partition * w.stageBytes
	content := w.staged[start : start+w.used[partition]]
	w.used[partition] = 0
	return w.buffer(partition, content)
}

// buffer adds records to a partition's buffer.
func (w *Writer) buffer(partition int, records []byte) error {
	buffer := w.buffers[partition]
	if cap(buffer)-len(buffer) < len(records) {
		if err := w.hand(partition); err != nil {
			return err
		}
		buffer = w.spool.pool.take(len(records))
	}
	w.buffers[partition] = append(buffer, records...)
	return nil
}

// Flush hands over what is still with the writer, which can be used again.
func (w *Writer) Flush() error {
	for partition := range w.buffers {
		if w.buffers[partition] == nil {
			// Most nights are small, and have no more than this.
			w.buffers[partition] = make([]byte, 0, w.used[partition])
		}
		if err := errors.Join(w.unstage(partition), w.hand(partition)); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) hand(partition int) error {
	buffer := w.buffers[partition]
	w.buffers[partition] = nil
	if len(buffer) == 0 {
		return nil
	}
	if len(buffer) < cap(buffer)/2 {
		// Memory is counted by what it takes, so what is left over gets room of its size.
		small := append(make([]byte, 0, len(buffer)), buffer...)
		w.spool.pool.giveBack(buffer)
		buffer = small
	}
	s := w.spool
	to := &s.partitions[partition]
	kept, err := s.pool.keep(buffer, s.pool.room(false), &s.pays, func(content []byte) (int64, error) {
		s.mutex.Lock()
		offset, full := to.disk.add(s.pool, content, s.chunkBytes)
		s.mutex.Unlock()
		return offset, s.pool.write(full)
	})
	if err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	to.pieces = append(to.pieces, kept)
	to.bytes += int64(kept.length)
	return nil
}

// Load appends the records of a partition to buffer and returns it.
func (s *Spool) Load(partition int, buffer []byte) ([]byte, error) {
	from := &s.partitions[partition]
	s.mutex.Lock()
	err := from.disk.writeLast(s.pool)
	s.mutex.Unlock()
	if err != nil {
		return buffer, err
	}
	start := len(buffer)
	if need := start + int(from.bytes); cap(buffer) < need {
		buffer = append(make([]byte, 0, need+need/8), buffer...)
	}
	buffer = buffer[:start+int(from.bytes)]
	return buffer, s.pool.readAll(from.pieces, buffer[start:])
}

// eachBytes is about how much of a partition Each reads at a time.
const eachBytes = 64 * PieceBytes

// Each visits the records of a partition that is too large to be loaded, many whole ones at a time, in memory that is used again.
func (s *Spool) Each(partition int, visit func(records []byte) error) error {
	from := &s.partitions[partition]
	s.mutex.Lock()
	err := from.disk.writeLast(s.pool)
	s.mutex.Unlock()
	if err != nil {
		return err
	}
	var buffer []byte
	for left := from.pieces; len(left) > 0; {
		count, bytes := 0, 0
		for ; count < len(left) && bytes < eachBytes; count++ {
			bytes += left[count].length
		}
		some := left[:count]
		left = left[count:]
		s.pool.prefetch(left[:min(count, len(left))])
		buffer = slices.Grow(buffer[:0], bytes)[:bytes]
		if err := s.pool.readAll(some, buffer); err != nil {
			return err
		}
		if err := visit(buffer); err != nil {
			return err
		}
	}
	return nil
}

// Release forgets the records of a partition.
func (s *Spool) Release(number int) {
	s.mutex.Lock()
	from := s.partitions[number]
	s.partitions[number] = partition{}
	s.mutex.Unlock()
	s.pool.release(from.pieces, &from.disk)
}
