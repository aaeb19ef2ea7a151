package spool

import "sync"

// A Spool holds records by partition. Writers may append at the same time; reading begins when all
// of them are flushed.
type Spool struct {
	pool       *Pool
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
	return &Spool{pool: p, partitions: make([]partition, partitions)}
}

// Bytes returns how many bytes a partition holds.
func (s *Spool) Bytes(partition int) int64 { return s.partitions[partition].bytes }

// A Writer appends records for one goroutine.
type Writer struct {
	spool   *Spool
	buffers [][]byte
}

// NewWriter returns a writer. It has to be flushed.
func (s *Spool) NewWriter() *Writer {
	return &Writer{spool: s, buffers: make([][]byte, len(s.partitions))}
}

// Append adds a record to a partition. Where a record ends must be seen from its bytes.
func (w *Writer) Append(partition int, record []byte) error {
	buffer := w.buffers[partition]
	if cap(buffer)-len(buffer) < len(record) {
		if len(buffer)+len(record) <= firstBytes {
			buffer = make([]byte, 0, firstBytes)
		} else if cap(buffer) == firstBytes {
			buffer = append(w.spool.pool.take(len(buffer)+len(record)), buffer...)
		} else {
			if err := w.hand(partition); err != nil {
				return err
			}
			buffer = w.spool.pool.take(len(record))
		}
	}
	w.buffers[partition] = append(buffer, record...)
	return nil
}

// firstBytes is the size of the first buffer of a partition: most nights are small.
const firstBytes = 1 << 10

// Flush hands over what is still with the writer, which can be used again.
func (w *Writer) Flush() error {
	for partition := range w.buffers {
		if err := w.hand(partition); err != nil {
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
	kept, err := s.pool.keep(buffer, func(length int) int64 {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		return to.disk.place(s.pool, length)
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
	start := len(buffer)
	if need := start + int(from.bytes); cap(buffer) < need {
		buffer = append(make([]byte, 0, need+need/8), buffer...)
	}
	buffer = buffer[:start+int(from.bytes)]
	return buffer, s.pool.readAll(from.pieces, buffer[start:])
}

// Release forgets the records of a partition.
func (s *Spool) Release(partition int) {
	from := &s.partitions[partition]
	s.pool.release(from.pieces, &from.disk)
	from.pieces, from.bytes = nil, 0
}
