package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"

	"github.com/klauspost/compress/gzip"
)

func TestFormats(t *testing.T) {
	for name, want := range map[string]Format{
		"a.csv": {CSV, Unpacked}, "a.csv.gz": {CSV, Gzip}, "a.csv.zst": {CSV, Zstandard}, "a.jsonl": {JSONLines, Unpacked}, "a.jsonl.gz": {JSONLines, Gzip},
		"a.jsonl.zst": {JSONLines, Zstandard}, "a.parquet": {Parquet, Unpacked}, "a.parquet.gz": {}, "a.CSV": {}, "a.csv.gz.gz": {}, "a": {}, "a.gz": {}, "csv": {}, "a.csv ": {}, "a.json": {},
	} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPacked(t *testing.T) {
	text := manyRows("csv", 5000)
	plain, facts := readText(t, "a.csv", text, &standard)
	for name, packed := range map[string]string{
		"a.csv.gz": gzipped(t, text), "a.csv.zst": zstandard(t, text),
		"b.csv.gz": gzipped(t, text[:1000]) + gzipped(t, text[1000:]), "b.csv.zst": zstandard(t, text[:1000]) + zstandard(t, text[1000:]),
	} {
		records, got := readText(t, name, packed, &standard)
		if show(records) != show(plain) || got.Rows != facts.Rows || got.IssuedPoints != facts.IssuedPoints {
			t.Errorf("%s: %+v, want %+v", name, got, facts)
		}
		if got.SHA256 != digestOf(packed) {
			t.Errorf("%s: the digest is not that of the bytes as stored", name)
		}
	}
}

// TestTruncated cuts packed files at every byte, and flips every one: none may be taken for whole.
func TestTruncated(t *testing.T) {
	text := goodHeader + strings.Repeat("1,m,issue,5,x\n", 20)
	for name, packed := range map[string]string{"a.csv.gz": gzipped(t, text), "a.csv.zst": zstandard(t, text), "a.jsonl.gz": gzipped(t, "{}\n"), "a.jsonl.zst": zstandard(t, "{}\n")} {
		for cut := range len(packed) {
			if _, facts := readText(t, name, packed[:cut], &standard); facts.Code != settlement.UnreadableFile || facts.Message == "" || facts.SHA256 != digestOf(packed[:cut]) {
				t.Errorf("%s cut at %d of %d: %s", name, cut, len(packed), facts.Code)
			}
		}
		if _, facts := readText(t, name, packed+"rubbish", &standard); facts.Code != settlement.UnreadableFile {
			t.Errorf("%s with something behind it: %s", name, facts.Code)
		}
		whole, _ := readText(t, name, packed, &standard)
		for at := range len(packed) {
			flipped := []byte(packed)
			flipped[at] ^= 0x10
			if records, facts := readText(t, name, string(flipped), &standard); facts.Code == settlement.NoCode && show(records) != show(whole) {
				t.Errorf("%s with byte %d flipped is taken with other rows", name, at)
			}
		}
	}
}

func TestExpansion(t *testing.T) {
	limits := standard
	limits.expansionFree = 1000
	bomb := goodHeader + strings.Repeat("\n", 1_000_000)
	for name, packed := range map[string]string{"a.csv.gz": gzipped(t, bomb), "a.csv.zst": zstandard(t, bomb)} {
		_, facts := readText(t, name, packed, &limits)
		if facts.Code != settlement.UnreadableFile || !strings.Contains(facts.Message, "250 times") {
			t.Errorf("%s: %s %s", name, facts.Code, facts.Message)
		}
		if _, facts := readText(t, name, packed, &standard); facts.Code != settlement.NoCode {
			t.Errorf("%s: %s %s", name, facts.Code, facts.Message)
		}
	}
	limits = standard
	limits.fileBytes, limits.expansionFree = 2000, 2000
	if _, facts := readText(t, "a.csv.gz", gzipped(t, bomb), &limits); !strings.Contains(facts.Message, "limit of 2000 bytes") {
		t.Error(facts.Message)
	}
	if _, facts := readText(t, "a.csv", bomb, &limits); facts.Code != settlement.UnreadableFile || !strings.Contains(facts.Message, "limit of 2000") || facts.SHA256 != "" {
		t.Errorf("%+v", facts)
	}
	for _, stored := range []int64{0, 1, 1 << 20, 1 << 30, 64 << 30} {
		if allowed := standard.expandedBytes(stored); allowed < stored || allowed > standard.fileBytes {
			t.Errorf("%d bytes may become %d", stored, allowed)
		}
	}
}

// brokenStore answers as an unreliable store does.
type brokenStore struct {
	storage.Bucket
	body func(io.Reader) io.Reader
	shut error
}

func (b *brokenStore) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	body, object, err := b.Bucket.Open(ctx, key, version)
	if err != nil {
		return nil, object, err
	}
	return brokenBody{b.body(body), b.shut}, object, nil
}

type brokenBody struct {
	io.Reader
	shut error
}

func (b brokenBody) Close() error { return b.shut }

func TestBrokenStore(t *testing.T) {
	broken := errors.New("connection reset")
	same := func(body io.Reader) io.Reader { return body }
	text := manyRows("csv", 100)
	for _, name := range []string{"a.csv", "a.csv.gz", "a.jsonl.zst", "a.txt", "_control.json"} {
		content := map[string]string{"a.csv": text, "a.csv.gz": gzipped(t, text), "a.jsonl.zst": zstandard(t, "{}"), "a.txt": text, "_control.json": `{"files":[]}`}[name]
		for _, fault := range []struct {
			name string
			body func(io.Reader) io.Reader
			shut error
			want error
		}{
			{"short", func(body io.Reader) io.Reader { return io.LimitReader(body, int64(len(content))-1) }, nil, storage.ErrChanged},
			{"empty", func(io.Reader) io.Reader { return strings.NewReader("") }, nil, storage.ErrChanged},
			{"long", func(body io.Reader) io.Reader { return io.MultiReader(body, strings.NewReader("x")) }, nil, storage.ErrChanged},
			{"broken", func(body io.Reader) io.Reader {
				return io.MultiReader(io.LimitReader(body, 5), &errorReader{broken})
			}, nil, broken},
			{"changed at the end", same, storage.ErrChanged, storage.ErrChanged},
		} {
			good := inboxOf(t, map[string]string{"merchant=A/date=2026-03-10/" + name: content})
			bad := &brokenStore{good, fault.body, fault.shut}
			listing, err := Discover(context.Background(), bad, parties, register(), Window{day, 3}, NewHistory())
			if name != controlName {
				if err != nil {
					t.Fatal(err)
				}
				_, err = Read(context.Background(), bad, &listing.Objects[0], func(*settlement.Record) error { return nil })
			}
			if name == controlName && fault.want == storage.ErrChanged {
				if err != nil || !strings.Contains(listing.Controls[0].Fault, "changed") {
					t.Errorf("%s, %s: %v", name, fault.name, err)
				}
				continue
			}
			if !errors.Is(err, fault.want) || err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s: %v", name, fault.name, err)
			}
		}
	}
}

type errorReader struct{ err error }

func (e *errorReader) Read([]byte) (int, error) { return 0, e.err }

func TestReadEnds(t *testing.T) {
	inbox := inboxOf(t, map[string]string{"merchant=A/date=2026-03-10/a.csv": goodFile})
	object := discover(t, inbox).Objects[0]
	enough := errors.New("enough")
	if _, err := Read(context.Background(), inbox, &object, func(*settlement.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("what sink returns: %v", err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := Read(ended, inbox, &object, func(*settlement.Record) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	if err := inbox.Replace(context.Background(), object.Key, strings.NewReader(goodFile+"\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), inbox, &object, nil); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("a file edited after listing: %v", err)
	}
	if err := inbox.Delete(context.Background(), object.Key); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), inbox, &object, nil); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestExpandPanic shows that what a library of others does with a broken file ends with the file.
func TestExpandPanic(t *testing.T) {
	body := expandedBody{name: "gzip", source: panicking{}, left: 10, limits: &standard}
	_, err := body.Read(make([]byte, 10))
	if fault, ok := err.(*fileFault); !ok || fault.code != settlement.UnreadableFile {
		t.Error(err)
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("index out of range") }

// TestIdleSource shows that a source without progress ends in an error.
func TestIdleSource(t *testing.T) {
	if err := newChunks(idle{}, &standard).more(); err != io.ErrNoProgress {
		t.Error(err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestGzipWithName(t *testing.T) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	writer.Name, writer.Comment = "../../etc/passwd", "x"
	if _, err := io.WriteString(writer, goodFile); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if records, facts := readText(t, "a.csv.gz", packed.String(), &standard); len(records) != 2 || facts.Code != settlement.NoCode {
		t.Errorf("%+v", facts)
	}
}
