package accounts

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"alliance/settlement"
	"alliance/settlement/sections"
)

// bundleMagic says that a file is a bundle of runs.
const bundleMagic = "BUNDLES1"

// EncodeDirectory returns what comes behind the runs of a bundle, which lie back to back in this order, given
// their facts; a run of no bytes is none. indexSHA256 is its SHA-256, in hex: it has that of every run's index, so it stands for
// the bundle. Bundles of another night or group are never the same bytes.
func EncodeDirectory(night settlement.Date, group int, runs []Facts) (directory []byte, indexSHA256 string) {
	directory = binary.AppendUvarint(nil, sections.Zigzag(int64(night)))
	directory = binary.AppendUvarint(directory, uint64(group))
	directory = binary.AppendUvarint(directory, uint64(len(runs)))
	var offset int64
	for i := range runs {
		directory = binary.AppendUvarint(directory, uint64(runs[i].Bytes))
		if runs[i].Bytes == 0 {
			continue
		}
		digest, err := hex.DecodeString(runs[i].IndexSHA256)
		if err != nil || len(digest) != digestBytes {
			panic(fmt.Sprintf("accounts: %q is no SHA-256 of a run", runs[i].IndexSHA256))
		}
		directory = append(directory, digest...)
		offset += runs[i].Bytes
	}
	directory = sections.AppendFooter(directory, offset, bundleMagic)
	return directory, sections.IndexSHA256(directory)
}

// digestBytes is the length of a SHA-256.
const digestBytes = 32

// A Bundle is runs in one file, each of another partition. It is safe for concurrent use.
type Bundle struct {
	r           io.ReaderAt
	night       settlement.Date
	group       int
	runs        []bundledRun
	indexSHA256 string
}

type bundledRun struct {
	offset, bytes int64
	indexSHA256   string
}

// OpenBundle opens a bundle of a number of bytes. It reads the directory only. Errors: r's; bytes that are no bundle.
func OpenBundle(r io.ReaderAt, size int64) (*Bundle, error) {
	directory, offset, digest, err := sections.ReadIndex(r, size, bundleMagic)
	if err != nil {
		return nil, fmt.Errorf("open a bundle of accounts: %w", err)
	}
	bundle := &Bundle{r: r, indexSHA256: digest}
	scan := sections.Scanner{Data: directory}
	bundle.night, bundle.group = settlement.Date(scan.Date()), int(scan.Integer())
	bundle.runs = make([]bundledRun, scan.Count(1))
	var at int64
	for i := range bundle.runs {
		run := &bundle.runs[i]
		if run.offset, run.bytes = at, scan.Integer(); run.bytes == 0 {
			continue
		}
		run.indexSHA256 = hex.EncodeToString(scan.Bytes(digestBytes))
		if scan.Bad || run.bytes > offset-at {
			return nil, damagedDirectory(&scan, directory)
		}
		at += run.bytes
	}
	if scan.Bad || scan.At != len(directory) || at != offset || len(bundle.runs) == 0 {
		return nil, damagedDirectory(&scan, directory)
	}
	return bundle, nil
}

func damagedDirectory(scan *sections.Scanner, directory []byte) error {
	return sections.Damaged("the directory of a bundle of accounts is of no form that this program knows, at byte %d of %d", scan.At, len(directory))
}

// Night returns the night whose bundle it is.
func (b *Bundle) Night() settlement.Date { return b.night }

// Group returns which of its night's bundles it is, from 0.
func (b *Bundle) Group() int { return b.group }

// Runs returns how many runs the bundle has room for, those of no bytes included.
func (b *Bundle) Runs() int { return len(b.runs) }

// IndexSHA256 returns what [EncodeDirectory] did.
func (b *Bundle) IndexSHA256() string { return b.indexSHA256 }

// Distant reports whether the bundle is read from far away: see [sections.Distant].
func (b *Bundle) Distant() bool { return sections.Distant(b.r) }

// part returns the bytes of a run; nil if it has none.
func (b *Bundle) part(number int) io.ReaderAt {
	run := &b.runs[number]
	if run.bytes == 0 {
		return nil
	}
	if all, inMemory := b.r.(sections.InMemory); inMemory {
		return all[run.offset : run.offset+run.bytes : run.offset+run.bytes]
	}
	return sections.Part(b.r, run.offset, run.bytes)
}

// Open opens a run under a register; it is nil if the bundle has none of this number. Errors: those of [Open]; a run
// that is not the one in the directory.
func (b *Bundle) Open(number int, parties settlement.Parties) (*Run, error) {
	part := b.part(number)
	if part == nil {
		return nil, nil
	}
	run, err := Open(part, b.runs[number].bytes, parties)
	if err == nil && run.facts.IndexSHA256 != b.runs[number].indexSHA256 {
		err = sections.Damaged("run %d of a bundle has an index with SHA-256 %s, its directory says %s", number, run.facts.IndexSHA256, b.runs[number].indexSHA256)
	}
	if err != nil {
		return nil, err
	}
	return run, nil
}

// NamedParties returns the parties that the accounts of all runs name.
func (b *Bundle) NamedParties() (settlement.Parties, error) {
	named := make(map[string]bool)
	var ids []string
	for number := range b.runs {
		part := b.part(number)
		if part == nil {
			continue
		}
		run, err := open(part, b.runs[number].bytes)
		if err != nil {
			return settlement.Parties{}, err
		}
		for _, party := range run.named {
			if party.required && !named[party.id] {
				named[party.id] = true
				ids = append(ids, party.id)
			}
		}
	}
	return settlement.NewParties(ids), nil
}
