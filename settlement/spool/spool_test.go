package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestSpoolGivesBackWhatWasAppended appends from several goroutines, under budgets from nothing to
// plenty, and compares each partition's records as sets, and those of each writer in order.
func TestSpoolGivesBackWhatWasAppended(t *testing.T) {
	for _, budget := range []int64{0, 100 << 10, 1 << 30} {
		t.Run(fmt.Sprint(budget), func(t *testing.T) {
			pool := NewPool(t.TempDir(), budget)
			spool := pool.NewSpool(7)
			wanted := make([][]string, 7*3)
			var group sync.WaitGroup
			for writer := range 3 {
				group.Go(func() {
					random := rand.New(rand.NewPCG(uint64(writer), 7))
					w := spool.NewWriter()
					for i := range 20000 {
						to := random.IntN(7)
						record := fmt.Sprintf("%d:%d:%s\n", writer, i, strings.Repeat("x", random.IntN(40)))
						if i == 5000 {
							record = fmt.Sprintf("%d:%d:%s\n", writer, i, strings.Repeat("y", 3*PieceBytes))
						}
						wanted[to*3+writer] = append(wanted[to*3+writer], record)
						if err := w.Append(to, []byte(record)); err != nil {
							t.Error(err)
						}
					}
					if err := w.Flush(); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			for partition := range 7 {
				content, err := spool.Load(partition, []byte("before"))
				if err != nil {
					t.Fatal(err)
				}
				if int64(len(content)) != spool.Bytes(partition)+6 {
					t.Fatalf("partition %d has %d bytes, loaded %d", partition, spool.Bytes(partition), len(content))
				}
				var each []byte
				visited := 0
				err = spool.Each(partition, func(records []byte) error {
					if visited++; len(records) == 0 || records[len(records)-1] != '\n' {
						t.Errorf("%d bytes that do not end with a record", len(records))
					}
					each = append(each, records...)
					return nil
				})
				if err != nil || !bytes.Equal(each, content[6:]) {
					t.Fatalf("partition %d: %d of %d bytes were visited, or others: %v", partition, len(each), len(content)-6, err)
				}
				if broken := errors.New("broken"); visited > 0 && spool.Each(partition, func([]byte) error { return broken }) != broken {
					t.Error("an error is not returned")
				}
				found := make([][]string, 3)
				for record := range strings.Lines(string(content[6:])) {
					writer := record[0] - '0'
					found[writer] = append(found[writer], record)
				}
				for writer := range 3 {
					if !slices.Equal(found[writer], wanted[partition*3+writer]) {
						t.Fatalf("partition %d: the records of writer %d differ", partition, writer)
					}
				}
				spool.Release(partition)
			}
			if held := pool.held.Load(); held != 0 {
				t.Errorf("%d bytes are still held after everything was released", held)
			}
			if spilled := pool.spilled; (spilled == 0) != (budget == 1<<30) {
				t.Errorf("with a budget of %d, %d bytes were spilled", budget, spilled)
			}
			if err := pool.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestBlobReadsFromAnyOffset(t *testing.T) {
	for _, budget := range []int64{0, 1 << 30} {
		directory := t.TempDir()
		pool := NewPool(directory, budget)
		blob := pool.NewBlob()
		random := rand.New(rand.NewPCG(1, 2))
		var content []byte
		for len(content) < 5*PieceBytes+123 {
			part := make([]byte, random.IntN(50000))
			for i := range part {
				part[i] = byte(random.Uint32())
			}
			content = append(content, part...)
			if _, err := blob.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := blob.Close(); err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(blob.NewReader())
		if err != nil || !bytes.Equal(whole, content) {
			t.Fatalf("read %d bytes of %d, %v", len(whole), len(content), err)
		}
		for range 200 {
			from := random.IntN(len(content))
			part := make([]byte, random.IntN(len(content)-from)+1)
			if n, err := blob.ReadAt(part, int64(from)); err != nil || !bytes.Equal(part[:n], content[from:from+n]) || n != len(part) {
				t.Fatalf("%d bytes from %d: %d, %v", len(part), from, n, err)
			}
		}
		if _, err := blob.ReadAt(make([]byte, 2), blob.Size()-1); err != io.EOF {
			t.Fatalf("reading over the end: %v", err)
		}
		if names, err := os.ReadDir(directory); err != nil || len(names) != 0 {
			t.Errorf("the directory of the spill file shows %v, %v", names, err)
		}
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpilledBytesThatChangeAreFound damages a byte of the second piece, as it is and compressed.
func TestSpilledBytesThatChangeAreFound(t *testing.T) {
	for name, content := range map[string][]byte{"random": randomBytes(2 * PieceBytes), "repeating": bytes.Repeat([]byte("repeating"), 2*PieceBytes/9+1)[:2*PieceBytes]} {
		t.Run(name, func(t *testing.T) {
			pool := NewPool(t.TempDir(), 0)
			defer pool.Close()
			blob := pool.NewBlob()
			if _, err := blob.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := blob.Close(); err != nil {
				t.Fatal(err)
			}
			second := blob.pieces[1]
			if compressed := second.stored < second.length; compressed != (name == "repeating") {
				t.Errorf("%d bytes are stored in %d", second.length, second.stored)
			}
			for at := range 3 {
				var one [1]byte
				if err := pool.file.read(one[:], second.offset+int64(at)); err != nil {
					t.Fatal(err)
				}
				if err := pool.file.write([]byte{one[0] + 1}, second.offset+int64(at), 0); err != nil {
					t.Fatal(err)
				}
				if _, err := blob.ReadAt(make([]byte, 10), 0); err != nil {
					t.Errorf("the first piece was not touched: %v", err)
				}
				for _, length := range []int{10, PieceBytes} {
					if _, err := blob.ReadAt(make([]byte, length), PieceBytes); err == nil || !strings.Contains(err.Error(), "came back changed") {
						t.Errorf("a changed piece, %d bytes of it: %v", length, err)
					}
				}
				if err := pool.file.write(one[:], second.offset+int64(at), 0); err != nil {
					t.Fatal(err)
				}
			}
			if whole, err := io.ReadAll(blob.NewReader()); err != nil || !bytes.Equal(whole, content) {
				t.Errorf("restored: %v", err)
			}
		})
	}
}

func randomBytes(length int) []byte {
	random, content := rand.New(rand.NewPCG(3, 4)), make([]byte, length)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	return content
}

// TestWhatCompressesTakesLess spills content of both kinds, and of one kind after the other.
func TestWhatCompressesTakesLess(t *testing.T) {
	random, records := randomBytes(3<<20), []byte(nil)
	for i := 0; len(records) < 3<<20; i++ {
		records = fmt.Appendf(records, "t0001-%09d m%09d purchase;", i, i*7919%10000)
	}
	for _, test := range []struct {
		name        string
		content     []byte
		least, most float64 // of what was spilled
	}{
		{"records", records, 0.05, 0.6},
		{"random", random, 1, 1},
		// Half of it is found to compress, a few pieces late.
		{"random, then records", append(slices.Clone(random), records...), 0.55, 0.9},
		{"records, then random", append(slices.Clone(records), random...), 0.55, 0.85},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := NewPool(t.TempDir(), 0)
			defer pool.Close()
			spool := pool.NewSpool(2)
			writer := spool.NewWriter()
			for at := 0; at < len(test.content); at += 100 {
				if err := writer.Append(1, test.content[at:min(at+100, len(test.content))]); err != nil {
					t.Fatal(err)
				}
			}
			if err := writer.Flush(); err != nil {
				t.Fatal(err)
			}
			if share := float64(pool.stored) / float64(pool.spilled); share < test.least || share > test.most || pool.spilled != int64(len(test.content)) {
				t.Errorf("%d bytes were stored in %d: %.3f of it, want %.2f to %.2f", pool.spilled, pool.stored, share, test.least, test.most)
			}
			if content, err := spool.Load(1, nil); err != nil || !bytes.Equal(content, test.content) {
				t.Errorf("%d bytes came back as %d, %v", len(test.content), len(content), err)
			}
		})
	}
}

func TestADirectoryThatCannotBeWrittenIsNamed(t *testing.T) {
	pool := NewPool("/nonexistent/settle", 0)
	writer := pool.NewSpool(1).NewWriter()
	if err := writer.Append(0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Flush(); err == nil || !strings.Contains(err.Error(), "/nonexistent/settle") {
		t.Errorf("the error is %v", err)
	}
}

// TestReleasedPlacesAreUsedAgain writes and releases many times what the file then holds once, and leaves
// something else where it is.
func TestReleasedPlacesAreUsedAgain(t *testing.T) {
	pool := NewPool(t.TempDir(), 0)
	defer pool.Close()
	kept, record := pool.NewBlob(), bytes.Repeat([]byte("kept"), 1000)
	for round := range 40 {
		spool := pool.NewSpool(2)
		writer := spool.NewWriter()
		for i := range 500 {
			if err := writer.Append(i%2, bytes.Repeat([]byte{byte(round), byte(i)}, 501)); err != nil {
				t.Fatal(err)
			}
		}
		if err := writer.Flush(); err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Write(record); err != nil {
			t.Fatal(err)
		}
		for partition := range 2 {
			content, err := spool.Load(partition, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 250 {
				if one := content[i*1002 : (i+1)*1002]; !bytes.Equal(one, bytes.Repeat([]byte{byte(round), byte(2*i + partition)}, 501)) {
					t.Fatalf("round %d: record %d of partition %d came back as %x", round, i, partition, one[:8])
				}
			}
			spool.Release(partition)
		}
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(kept.NewReader())
	if err != nil || !bytes.Equal(content, bytes.Repeat(record, 40)) {
		t.Errorf("what was kept is %d bytes: %v", len(content), err)
	}
	if file, spilled := pool.end, pool.spilled; file > 3<<20 || spilled < 19<<20 {
		t.Errorf("%d bytes were spilled into a file of %d", spilled, file)
	}
}

// TestEachReadsAFewAtATime visits a partition of several megabytes, in memory and spilled.
func TestEachReadsAFewAtATime(t *testing.T) {
	for _, budget := range []int64{0, 3 << 20, 1 << 30} {
		pool := NewPool(t.TempDir(), budget)
		spool := pool.NewSpool(2)
		w := spool.NewWriter()
		const records = 100_000
		for i := range records {
			if err := w.Append(i%2, fmt.Appendf(nil, "%099d\n", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		visits, next := 0, 1
		err := spool.Each(1, func(some []byte) error {
			if visits++; len(some) > eachBytes+PieceBytes {
				t.Errorf("%d bytes at a time", len(some))
			}
			for record := range strings.Lines(string(some)) {
				if record != fmt.Sprintf("%099d\n", next) {
					t.Fatalf("record %q, want %d", record, next)
				}
				next += 2
			}
			return nil
		})
		if err != nil || next != records+1 || visits < 2 {
			t.Errorf("budget %d: %d visits, next is %d: %v", budget, visits, next, err)
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}
}
