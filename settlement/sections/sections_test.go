package sections

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/zeebo/xxh3"
)

type countingReader struct {
	*bytes.Reader
	reads, bytes, running atomic.Int64
	most                  atomic.Int64
	fault                 error
}

func (r *countingReader) ReadAt(buffer []byte, offset int64) (int, error) {
	running := r.running.Add(1)
	defer r.running.Add(-1)
	for most := r.most.Load(); running > most && !r.most.CompareAndSwap(most, running); most = r.most.Load() {
	}
	r.reads.Add(1)
	r.bytes.Add(int64(len(buffer)))
	if r.fault != nil {
		return 0, r.fault
	}
	return r.Reader.ReadAt(buffer, offset)
}

// file makes a file of sections.
func file(random *rand.Rand, n, longest int) ([]byte, []Section) {
	var content []byte
	sections := make([]Section, n)
	for i := range sections {
		part := make([]byte, 1+random.IntN(longest), longest+8)
		for j := 0; j < len(part); j += 8 {
			binary.LittleEndian.PutUint64(part[j:j+8], random.Uint64())
		}
		sections[i] = Section{int64(len(content)), len(part), xxh3.Hash(part)}
		content = append(content, part...)
	}
	return content, sections
}

// TestFetch fetches random sections, wanted or not, and compares them with the file.
func TestFetch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		content, sections := file(random, 1+random.IntN(100), []int{10, 3000, 60_000}[random.IntN(3)])
		reader := &countingReader{Reader: bytes.NewReader(content)}
		fetcher := NewFetcher(reader, sections)
		if random.IntN(3) == 0 {
			fetcher = NewFetcher(InMemory(content), sections)
		}
		wanted, asked := 1+random.IntN(20), 1+random.IntN(20)
		for i := range sections {
			if random.IntN(wanted) == 0 {
				fetcher.Want(i)
			}
		}
		for i := range sections {
			if random.IntN(asked) != 0 {
				continue
			}
			number := i
			if random.IntN(50) == 0 {
				number = random.IntN(len(sections))
			}
			got, err := fetcher.Fetch(number)
			if err != nil || !bytes.Equal(got, content[sections[number].Offset:][:sections[number].Length]) {
				t.Fatalf("section %d of %d: %v", number, len(sections), err)
			}
		}
		fetcher.Close()
		if running := reader.running.Load(); running != 0 {
			t.Fatalf("%d reads after Close", running)
		}
		if most := reader.most.Load(); most > aheadReads+1 {
			t.Fatalf("%d reads at a time", most)
		}
	}
}

func TestFetchReadsNeighboursAtOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	content, sections := file(random, 500, 20_000)
	reader := &countingReader{Reader: bytes.NewReader(content)}
	fetcher := NewFetcher(reader, sections)
	fetcher.WantAll()
	for i := range sections {
		if _, err := fetcher.Fetch(i); err != nil {
			t.Fatal(err)
		}
	}
	if reads := reader.reads.Load(); reads > int64(len(content))*2/chunkBytes+1 || reader.bytes.Load() != int64(len(content)) {
		t.Errorf("%d reads of %d bytes for a file of %d", reads, reader.bytes.Load(), len(content))
	}
}

type costlyReader struct {
	*countingReader
	gap int64
}

func (r costlyReader) RequestBytes() int64 { return r.gap }

// TestCostlyReads wants every tenth section.
func TestCostlyReads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	content, sections := file(random, 500, 20_000)
	for _, test := range []struct{ gap, reads, bytes int64 }{{0, 50, 50 * 20_000}, {1 << 20, 6, int64(len(content))}} {
		reader := &countingReader{Reader: bytes.NewReader(append([]byte("before"), append(content, "after"...)...))}
		fetcher := NewFetcher(Part(costlyReader{reader, test.gap}, int64(len("before")), int64(len(content))), sections)
		for i := 0; i < len(sections); i += 10 {
			fetcher.Want(i)
		}
		for i := 0; i < len(sections); i += 10 {
			if got, err := fetcher.Fetch(i); err != nil || !bytes.Equal(got, content[sections[i].Offset:][:sections[i].Length]) {
				t.Fatal(err)
			}
		}
		if reads, read := reader.reads.Load(), reader.bytes.Load(); reads > test.reads || read > test.bytes {
			t.Errorf("if a read costs %d bytes: %d reads of %d bytes", test.gap, reads, read)
		}
	}
}

// TestOnwardReads asks for sections without having wanted any.
func TestOnwardReads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	content, sections := file(random, 500, 20_000)
	for _, test := range []struct{ every, gap, most int }{{1, 1 << 20, 5}, {1, 0, 500}, {100, 1 << 20, 3}, {499, 100 << 20, 1}} {
		reader := &countingReader{Reader: bytes.NewReader(content)}
		fetcher := NewFetcher(costlyReader{reader, int64(test.gap)}, sections)
		fetcher.Onward = true
		for i := 0; i < len(sections); i += test.every {
			if got, err := fetcher.Fetch(i); err != nil || !bytes.Equal(got, content[sections[i].Offset:][:sections[i].Length]) {
				t.Fatal(err)
			}
		}
		reads, read := reader.reads.Load(), reader.bytes.Load()
		if reads != int64(test.most) || read > reads*int64(test.gap+20_000) {
			t.Errorf("every %d. section, if a read costs %d bytes: %d reads of %d bytes", test.every, test.gap, reads, read)
		}
	}
}

func TestFetchErrors(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	content, sections := file(random, 20, 20_000)
	content[sections[7].Offset] ^= 1
	for _, reader := range []io.ReaderAt{bytes.NewReader(content), InMemory(content)} {
		fetcher := NewFetcher(reader, sections)
		fetcher.WantAll()
		for i := range sections {
			if _, err := fetcher.Fetch(i); (i == 7) != errors.Is(err, ErrDamaged) {
				t.Errorf("section %d: %v", i, err)
			}
		}
	}
	if _, err := NewFetcher(InMemory(content[:len(content)-1]), sections).Fetch(len(sections) - 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a section that is cut off: %v", err)
	}
	broken := errors.New("broken")
	fetcher := NewFetcher(&countingReader{Reader: bytes.NewReader(content), fault: broken}, sections)
	fetcher.WantAll()
	if _, err := fetcher.Fetch(3); !errors.Is(err, broken) {
		t.Error(err)
	}
	fetcher.Close()
}

func TestScannerBearsAnyBytes(t *testing.T) {
	for _, data := range [][]byte{{}, {0x80}, bytes.Repeat([]byte{0xff}, 11), {5, 1, 2}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}} {
		for what, scan := range map[string]func(*Scanner){
			"text":  func(s *Scanner) { s.Text() },
			"count": func(s *Scanner) { s.Count(1) },
			"bytes": func(s *Scanner) { s.Bytes(math.MaxInt) },
		} {
			scanner := Scanner{Data: data}
			scan(&scanner)
			if !scanner.Bad || scanner.At != len(data) || scanner.Uvarint() != 0 {
				t.Errorf("%s of % x: %+v", what, data, scanner)
			}
		}
	}
	scanner := Scanner{Data: []byte{0xff, 0xff, 0xff, 0xff, 0x1f}}
	if scanner.Date(); !scanner.Bad {
		t.Error("a date of 33 bits")
	}
	for _, value := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		if Unzigzag(Zigzag(value)) != value {
			t.Errorf("%d", value)
		}
	}
}

func TestReadIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, length := range []int{0, 1, 1000, tailBytes, 3 * tailBytes} {
		content, _ := file(random, 10, 1000)
		index, _ := file(random, 1+length/500, 1000)
		offset := int64(len(content))
		end := AppendFooter(bytes.Clone(index), offset, "EXAMPLE1")
		content = append(content, end...)
		got, at, digest, err := ReadIndex(bytes.NewReader(content), int64(len(content)), "EXAMPLE1")
		if err != nil || !bytes.Equal(got, index) || at != offset || digest != IndexSHA256(end) {
			t.Fatalf("index of %d bytes: %d bytes at %d, %v", len(index), len(got), at, err)
		}
		for range 60 {
			altered := bytes.Clone(content)
			altered[int(offset)+random.IntN(len(end))] ^= 1 << random.IntN(8)
			if _, _, _, err := ReadIndex(bytes.NewReader(altered), int64(len(altered)), "EXAMPLE1"); !errors.Is(err, ErrDamaged) {
				t.Fatal("an altered index:", err)
			}
			cut := content[:random.IntN(len(content))]
			if _, _, _, err := ReadIndex(bytes.NewReader(cut), int64(len(cut)), "EXAMPLE1"); !errors.Is(err, ErrDamaged) {
				t.Fatal("a cut file:", err)
			}
		}
	}
}
