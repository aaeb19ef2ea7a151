package accounts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/sections"

	"github.com/pierrec/lz4/v4"
	"github.com/zeebo/xxh3"
)

// readWhole opens and reads a run, and returns the first error.
func readWhole(content []byte) error {
	run, err := Open(bytes.NewReader(content), int64(len(content)), testParties)
	if err != nil {
		return err
	}
	var arena Arena
	if err := run.Entries(&arena, func(string, *settlement.Account, settlement.Date) error { return nil }); err != nil {
		return err
	}
	return Stack{run}.Select([]string{"a", "member-000100", "member-000400"}, 20510, &arena, func(*settlement.Account, settlement.Date) error { return nil })
}

func TestEveryDamageIsFound(t *testing.T) {
	random := newSources(t)
	content, _ := write(t, testParties, random.items(40))
	if err := readWhole(content); err != nil {
		t.Fatal(err)
	}
	for length := range content {
		if length > 200 && length < len(content)-200 && length%37 != 0 {
			continue
		}
		if err := readWhole(content[:length]); !errors.Is(err, sections.ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", length, len(content), err)
		}
	}
	for at := range content {
		if at < len(content)-1500 && at%23 != 0 {
			continue
		}
		flipped := bytes.Clone(content)
		flipped[at] ^= 1 << random.IntN(8)
		if err := readWhole(flipped); !errors.Is(err, sections.ErrDamaged) {
			t.Fatalf("byte %d of %d altered: %v", at, len(content), err)
		}
	}
}

// TestShorterFileIsFound opens a run of which the store has less than it says.
func TestShorterFileIsFound(t *testing.T) {
	random := newSources(t)
	content, _ := write(t, testParties, random.items(50))
	_, err := Open(bytes.NewReader(content[:len(content)/2]), int64(len(content)), testParties)
	if err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Error(err)
	}
}

// reseal gives altered blocks and an altered index the digests that they would have had, so that
// the decoders themselves are tested. blocks are the raw bytes of each.
func reseal(named []namedParty, blocks [][]byte, infos []blockInfo, facts Facts) []byte {
	var content []byte
	builder := indexBuilder{facts: facts}
	for i, raw := range blocks {
		stored := make([]byte, lz4.CompressBlockBound(len(raw)))
		size, err := lz4.CompressBlock(raw, stored, nil)
		if stored = stored[:size]; err != nil || size == 0 || size >= len(raw) || len(raw) > maxRatio*size {
			stored = raw
		}
		content = append(content, stored...)
		builder.addBlock(blockFacts{stored: len(stored), raw: len(raw), entries: infos[i].entries, due: infos[i].due, digest: xxh3.Hash(stored)}, []byte(infos[i].first))
	}
	return append(content, builder.encode(named)...)
}

// rawBlocks returns the blocks of a run, decompressed.
func rawBlocks(t testing.TB, content []byte) (*Run, [][]byte) {
	run := openRun(t, content, testParties)
	var blocks [][]byte
	cursor := newCursor(run)
	for i := range run.blocks {
		if err := cursor.load(i); err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, bytes.Clone(cursor.block.raw))
	}
	return run, blocks
}

// TestDecodersBearAnyBytes alters blocks and seals them again.
func TestDecodersBearAnyBytes(t *testing.T) {
	random := newSources(t)
	content, _ := write(t, testParties, random.items(60))
	run, blocks := rawBlocks(t, content)
	failed := 0
	const rounds = 1500
	for range rounds {
		altered := make([][]byte, len(blocks))
		copy(altered, blocks)
		i := random.IntN(len(blocks))
		altered[i] = bytes.Clone(blocks[i])
		for range 1 + random.IntN(3) {
			altered[i][random.IntN(len(altered[i]))] = byte(random.Uint32())
		}
		if err := readWhole(reseal(run.named, altered, run.blocks, run.facts)); err != nil {
			failed++
			if !errors.Is(err, sections.ErrDamaged) && !errors.Is(err, ErrUnknownParty) {
				t.Fatal(err)
			}
		}
	}
	if failed < rounds/20 {
		t.Errorf("only %d of %d altered runs failed", failed, rounds)
	}
}

// FuzzOpen gives any index to Open: the input is index and blocks, its digests are mended.
func FuzzOpen(f *testing.F) {
	random := newSources(f)
	content, _ := write(f, testParties, random.items(20))
	f.Add(content)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) >= 32 {
			content = bytes.Clone(content)
			footer := content[len(content)-32:]
			copy(footer[24:], magic)
			length := binary.LittleEndian.Uint64(footer[8:]) % uint64(len(content)-32+1)
			offset := uint64(len(content)) - 32 - length
			binary.LittleEndian.PutUint64(footer, offset)
			binary.LittleEndian.PutUint64(footer[8:], length)
			binary.LittleEndian.PutUint64(footer[16:], xxh3.Hash(content[offset:len(content)-16]))
		}
		if err := readWhole(content); err != nil && !errors.Is(err, sections.ErrDamaged) && !errors.Is(err, ErrUnknownParty) {
			t.Fatal(err)
		}
	})
}

// FuzzBlock gives any bytes to the decoder of blocks.
func FuzzBlock(f *testing.F) {
	random := newSources(f)
	content, _ := write(f, testParties, random.items(20))
	run, blocks := rawBlocks(f, content)
	f.Add(blocks[0], run.blocks[0].entries, run.blocks[0].first)
	named := run.named
	f.Fuzz(func(t *testing.T, raw []byte, entries int, first string) {
		info := blockInfo{first: first, blockFacts: blockFacts{entries: entries, due: settlement.Never}}
		if len(raw) == 0 || entries < 1 || entries > len(raw)/entryBytes {
			return
		}
		sealed := reseal(named, [][]byte{raw}, []blockInfo{info}, Facts{Accounts: int64(entries)})
		if err := readWhole(sealed); err != nil && !errors.Is(err, sections.ErrDamaged) && !errors.Is(err, ErrUnknownParty) {
			t.Fatal(err)
		}
	})
}

// TestCountsAreBounded checks that a number of items that the bytes cannot hold is refused before
// anything is allocated for it.
func TestCountsAreBounded(t *testing.T) {
	random := newSources(t)
	content, _ := write(t, testParties, []item{{account: random.account("anna"), due: settlement.Never}})
	run, blocks := rawBlocks(t, content)
	huge := binary.AppendUvarint(nil, 1<<40)
	for at := range min(len(blocks[0]), 40) {
		altered := append(append(bytes.Clone(blocks[0][:at]), huge...), blocks[0][at:]...)
		sealed := reseal(run.named, [][]byte{altered}, run.blocks, run.facts)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = readWhole(sealed)
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
			t.Errorf("a huge number at byte %d of %d: %d bytes allocated", at, len(altered), allocated)
		}
	}
}
