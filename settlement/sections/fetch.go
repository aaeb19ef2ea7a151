package sections

import (
	"bytes"
	"fmt"
	"io"
	"sort"

	"github.com/zeebo/xxh3"
)

// A Section is a part of a file.
type Section struct {
	// Offset is where it starts.
	Offset int64
	// Length is in bytes.
	Length int
	// Digest is the XXH3-64 of its bytes.
	Digest uint64
}

const (
	// chunkBytes is about how much is read at once, where sections are smaller.
	chunkBytes = 1 << 20
	// gapBytes is how much is read in vain rather than to read twice, of a reader that does not say.
	gapBytes = 32 << 10
	// aheadBytes and aheadReads bound what is being read that nobody asked for yet.
	aheadBytes = 4 << 20
	aheadReads = 16
)

// A Costly reader says what a read costs, apart from its bytes: as much as to read RequestBytes more. So
// much is read in vain rather than to read twice.
type Costly interface {
	RequestBytes() int64
}

// InMemory is a file of which all bytes are in memory, where they stay as they are.
type InMemory []byte

// ReadAt copies bytes from an offset on.
func (m InMemory) ReadAt(to []byte, offset int64) (int, error) {
	return bytes.NewReader(m).ReadAt(to, offset)
}

// Close does nothing.
func (m InMemory) Close() error { return nil }

// Part returns the part of a reader from an offset on, of a number of bytes, as a reader that starts
// at 0: so small files can lie together in one object. It costs what the reader costs.
func Part(reader io.ReaderAt, offset, size int64) io.ReaderAt {
	return part{io.NewSectionReader(reader, offset, size), reader}
}

type part struct {
	*io.SectionReader
	of io.ReaderAt
}

func (p part) RequestBytes() int64 { return requestBytes(p.of) }

func requestBytes(reader io.ReaderAt) int64 {
	if costly, ok := reader.(Costly); ok {
		return costly.RequestBytes()
	}
	return gapBytes
}

// Distant reports whether a reader reads from far away, so that it is better to ask for several things at a time.
func Distant(reader io.ReaderAt) bool { return requestBytes(reader) >= distantBytes }

// distantBytes is how many bytes more are read rather than to ask a second time of what is far away.
const distantBytes = 128 << 10

// A Fetcher reads sections of a file, in ascending order as a rule: it is told first which ones will be
// wanted, and reads them at once and ahead. It is not safe for concurrent use; the reader must be,
// since a few reads are on their way at a time.
type Fetcher struct {
	// Onward is for who cannot tell: with a section that was not wanted, those that follow are read for as many bytes as
	// a read costs, so that at worst it costs twice as much.
	Onward bool

	reader   io.ReaderAt
	sections []Section
	// lasting is all bytes, if they are in memory.
	lasting InMemory
	// gap is how much is read in vain rather than to read twice.
	gap int64
	// plan is what was not asked to be read yet, in order.
	plan []chunk
	// ahead is being read, in order.
	ahead      []*read
	aheadBytes int64
	current    *read
	// idle holds buffers that nobody uses.
	idle [][]byte
}

// A chunk is neighbouring sections that are read at once, by number.
type chunk struct{ from, to int }

// A read is a chunk that is being read, or was.
type read struct {
	chunk
	buffer []byte
	done   chan error
}

// NewFetcher returns a Fetcher of the sections of a file, which follow each other.
func NewFetcher(reader io.ReaderAt, sections []Section) *Fetcher {
	f := &Fetcher{reader: reader, sections: sections, gap: requestBytes(reader)}
	f.lasting, _ = reader.(InMemory)
	return f
}

// Lasts reports whether what is fetched stays as it is even after the next call.
func (f *Fetcher) Lasts() bool { return f.lasting != nil }

// Want plans to read a section, which is not before the one that was wanted last. Nothing was
// fetched yet.
func (f *Fetcher) Want(number int) {
	if last := len(f.plan) - 1; last >= 0 {
		from, to := f.plan[last].from, f.plan[last].to
		if number < to {
			return
		}
		gap := f.sections[number].Offset - f.end(to-1)
		if gap <= f.gap && f.end(number)-f.sections[from].Offset <= max(chunkBytes, 4*f.gap) {
			f.plan[last].to = number + 1
			return
		}
	}
	f.plan = append(f.plan, chunk{number, number + 1})
}

// WantAll plans to read every section.
func (f *Fetcher) WantAll() {
	for i := range f.sections {
		f.Want(i)
	}
}

func (f *Fetcher) end(number int) int64 {
	return f.sections[number].Offset + int64(f.sections[number].Length)
}

// Fetch returns the bytes of a section, which are those that were written, until the next call. A
// section that was not wanted is read alone. Errors: ErrDamaged, the reader's.
func (f *Fetcher) Fetch(number int) ([]byte, error) {
	content, err := f.bytes(number)
	if section := &f.sections[number]; err == nil && xxh3.Hash(content) != section.Digest {
		return nil, Damaged("the %d bytes at %d are not what was written: the digest differs", section.Length, section.Offset)
	}
	return content, err
}

func (f *Fetcher) bytes(number int) ([]byte, error) {
	section := &f.sections[number]
	if f.Lasts() {
		if f.end(number) > int64(len(f.lasting)) {
			return nil, fmt.Errorf("section %d: %w", number, io.ErrUnexpectedEOF)
		}
		return f.lasting[section.Offset:f.end(number):f.end(number)], nil
	}
	if f.current == nil || number < f.current.from || f.current.to <= number {
		if err := f.goTo(number); err != nil {
			return nil, err
		}
	}
	from := section.Offset - f.sections[f.current.from].Offset
	return f.current.buffer[from : from+int64(section.Length)], nil
}

// goTo makes the read that has a section the current one.
func (f *Fetcher) goTo(number int) error {
	f.release(f.current)
	f.current = nil
	for len(f.ahead) > 0 && f.ahead[0].to <= number {
		if err := f.take(); err != nil {
			return err
		}
		f.release(f.current)
		f.current = nil
	}
	passed := sort.Search(len(f.plan), func(i int) bool { return f.plan[i].to > number })
	f.plan = f.plan[passed:]
	f.readAhead()
	if len(f.ahead) > 0 && f.ahead[0].from <= number {
		if err := f.take(); err != nil {
			return err
		}
		f.readAhead()
		return nil
	}
	alone := f.start(chunk{number, f.endOfRead(number)})
	if err := <-alone.done; err != nil {
		return err
	}
	f.current = alone
	return nil
}

// endOfRead returns up to which section, exclusively, one is read that was not wanted.
func (f *Fetcher) endOfRead(number int) int {
	to := number + 1
	for f.Onward && to < len(f.sections) && f.end(to)-f.end(number) <= f.gap {
		to++
	}
	return to
}

// take waits for the first read ahead and makes it the current one.
func (f *Fetcher) take() error {
	first := f.ahead[0]
	f.ahead = f.ahead[1:]
	f.aheadBytes -= int64(len(first.buffer))
	if err := <-first.done; err != nil {
		return err
	}
	f.current = first
	return nil
}

// readAhead starts to read what is planned, as much as is allowed at a time.
func (f *Fetcher) readAhead() {
	for len(f.plan) > 0 && len(f.ahead) < aheadReads && (len(f.ahead) == 0 || f.aheadBytes < aheadBytes) {
		started := f.start(f.plan[0])
		f.plan = f.plan[1:]
		f.ahead = append(f.ahead, started)
		f.aheadBytes += int64(len(started.buffer))
	}
}

func (f *Fetcher) start(part chunk) *read {
	offset := f.sections[part.from].Offset
	length := int(f.end(part.to-1) - offset)
	var buffer []byte
	if last := len(f.idle) - 1; last >= 0 {
		buffer, f.idle = f.idle[last], f.idle[:last]
	}
	started := &read{chunk: part, buffer: Resize(buffer, length), done: make(chan error, 1)}
	go func() {
		err := readFull(f.reader, started.buffer, offset)
		if err != nil {
			err = fmt.Errorf("sections %d to %d: %w", part.from, part.to-1, err)
		}
		started.done <- err
	}()
	return started
}

func (f *Fetcher) release(done *read) {
	if done != nil {
		f.idle = append(f.idle, done.buffer)
	}
}

// Close waits for what is being read: after it the reader is used no more.
func (f *Fetcher) Close() {
	for _, pending := range f.ahead {
		<-pending.done
	}
	f.ahead, f.plan, f.current = nil, nil, nil
}
