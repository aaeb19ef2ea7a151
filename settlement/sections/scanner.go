package sections

import (
	"encoding/binary"
	"math"
)

// A Scanner reads numbers and texts one after another: varints (LEB128, as encoding/binary has them),
// zigzag where they have a sign, texts behind their length. After a failure it is Bad and returns zeros.
type Scanner struct {
	// Data is what is read, At how far it was.
	Data []byte
	At   int
	Bad  bool
}

// Fail makes the scanner bad.
func (s *Scanner) Fail() { s.Bad, s.At = true, len(s.Data) }

// Uvarint reads a number.
func (s *Scanner) Uvarint() uint64 {
	if s.At < len(s.Data) && s.Data[s.At] < 0x80 {
		s.At++
		return uint64(s.Data[s.At-1])
	}
	return s.long()
}

func (s *Scanner) long() uint64 {
	value, length := binary.Uvarint(s.Data[s.At:])
	if length <= 0 {
		s.Fail()
		return 0
	}
	s.At += length
	return value
}

// Varint reads a number with a sign.
func (s *Scanner) Varint() int64 { return Unzigzag(s.Uvarint()) }

// Integer reads a number that is no larger than MaxInt64 / 2, so that two of them can be added.
func (s *Scanner) Integer() int64 {
	value := s.Uvarint()
	if value > math.MaxInt64/2 {
		s.Fail()
		return 0
	}
	return int64(value)
}

// Date reads a number of days that fits 32 bits.
func (s *Scanner) Date() int32 {
	value := s.Varint()
	if value != int64(int32(value)) {
		s.Fail()
		return 0
	}
	return int32(value)
}

// Count reads a number of items that take at least size bytes each: not more than can be there.
func (s *Scanner) Count(size int) int {
	n := s.Uvarint()
	if n > uint64((len(s.Data)-s.At)/size) {
		s.Fail()
		return 0
	}
	return int(n)
}

// Fixed reads 8 bytes, little endian.
func (s *Scanner) Fixed() uint64 {
	if bytes := s.Bytes(8); bytes != nil {
		return binary.LittleEndian.Uint64(bytes)
	}
	return 0
}

// Bytes reads a number of bytes, nil if they are not there. They are part of Data.
func (s *Scanner) Bytes(n int) []byte {
	if n < 0 || n > len(s.Data)-s.At {
		s.Fail()
		return nil
	}
	s.At += n
	return s.Data[s.At-n : s.At : s.At]
}

// Text reads a text. It is part of Data.
func (s *Scanner) Text() []byte {
	n := s.Uvarint()
	if n > uint64(len(s.Data)-s.At) {
		s.Fail()
		return nil
	}
	return s.Bytes(int(n))
}

// Zigzag maps small numbers of either sign to small unsigned ones.
func Zigzag(value int64) uint64 { return uint64(value)<<1 ^ uint64(value>>63) }

// Unzigzag is the inverse of [Zigzag].
func Unzigzag(value uint64) int64 { return int64(value>>1) ^ -int64(value&1) }

// Resize returns a slice of n items of any content, in the same memory if it is large enough.
func Resize[T any](items []T, n int) []T {
	if cap(items) < n {
		return make([]T, n, n+n/4)
	}
	return items[:n]
}
