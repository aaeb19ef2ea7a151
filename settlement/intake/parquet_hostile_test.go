package intake

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"alliance/settlement"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// smallFiles are small good files that differ in how they are encoded.
func smallFiles(t testing.TB) map[string]string {
	fields := fiveColumns()
	rows := threeRows
	return map[string]string{
		"plain": arrowFile(t, fields, rows, parquet.WithDictionaryDefault(false), parquet.WithStats(false)),
		"dictionary, version 2, zstd": arrowFile(t, fields, rows, parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithCompression(compress.Codecs.Zstd),
			parquet.WithStats(false), 2),
		"delta, snappy": arrowFile(t, fields, rows, parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Snappy), parquet.WithStats(false),
			parquet.WithEncodingFor("transaction_id", parquet.Encodings.DeltaByteArray), parquet.WithEncodingFor("member_id", parquet.Encodings.DeltaLengthByteArray),
			parquet.WithEncodingFor("points", parquet.Encodings.DeltaBinaryPacked)),
	}
}

func TestParquetTruncatedAnywhere(t *testing.T) {
	for name, content := range smallFiles(t) {
		for length := range len(content) {
			if records, facts := readText(t, "a.parquet", content[:length], &standard); facts.Code != settlement.UnreadableFile {
				t.Errorf("%s, cut to %d of %d bytes: %s", name, length, len(content), showRows(records, facts))
			}
		}
	}
}

// TestParquetFlippedAnywhere flips every bit. Parquet has no checksums that all writers write, so
// not every flip can be seen; but what is read is never less than the file.
func TestParquetFlippedAnywhere(t *testing.T) {
	for name, content := range smallFiles(t) {
		seen := 0
		for at := range len(content) {
			for bit := range 8 {
				flipped := []byte(content)
				flipped[at] ^= 1 << bit
				records, facts := readText(t, "a.parquet", string(flipped), &standard)
				if facts.Code != settlement.NoCode {
					seen++
				} else if facts.Rows != 3 || len(records) != 3 {
					t.Errorf("%s, bit %d of byte %d: %s", name, bit, at, showRows(records, facts))
				}
			}
		}
		t.Logf("%s: of %d flips %d were seen", name, len(content)*8, seen)
	}
}

// TestParquetThatLies shows what becomes of files that say what is not so, and that none of them
// costs time or memory for what it says.
func TestParquetThatLies(t *testing.T) {
	texts := plainTexts("a", "b")
	levels := func(runs ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(runs))), runs...)
	}
	delta := func(numbers ...uint64) (body []byte) {
		for _, number := range numbers {
			body = binary.AppendUvarint(body, number)
		}
		return body
	}
	deltaInts := func(numbers ...uint64) *crafted {
		file := good(2)
		file.columns[4].pages = []craftedPage{{values: 2, encoding: encodingDelta, body: delta(numbers...)}}
		return file
	}
	optional := func(page craftedPage) *crafted {
		return good(2).change(func(c *craftedColumn) { c.repetition, c.pages = optional, []craftedPage{page} })
	}
	codec := func(codec int64, page craftedPage) *crafted {
		return good(2).change(func(c *craftedColumn) { c.codec, c.pages = codec, []craftedPage{page} })
	}
	for name, test := range map[string]struct {
		file *crafted
		want string
	}{
		"more rows than row groups have":     {&crafted{rows: 3, groupRows: 2, groups: 1, columns: good(2).columns}, "footer says 3 rows"},
		"negative rows":                      {&crafted{rows: -2, groupRows: -2, groups: 1, columns: good(2).columns}, "-2 rows"},
		"rows that overflow":                 {&crafted{rows: -2, groupRows: math.MaxInt64, groups: 2, columns: good(2).columns}, "9223372036854775807 rows"},
		"quintillions of rows":               {good(1 << 60), "1152921504606846976 rows, more than the limit of"},
		"billions of rows":                   {good(1 << 31), "2147483648 rows, more than the limit of"},
		"a quintillion of schema fields":     {&crafted{schemaCount: 1 << 60, groups: 1, columns: good(2).columns}, "footer cannot be read"},
		"a quintillion of row groups":        {&crafted{rows: 2, groupRows: 2, groupCount: 1 << 60, groups: 1, columns: good(2).columns}, "footer cannot be read"},
		"too many row groups":                {&crafted{rows: 40000, groupRows: 1, groups: 40000, columns: good(1).columns}, "more row groups than the limit of 32767"},
		"columns on top of each other":       {good(2).change(func(c *craftedColumn) { c.at = 40 }), "on top of each other"},
		"a negative offset":                  {good(2).change(func(c *craftedColumn) { c.at = -40 }), "not in the file"},
		"an offset behind the file":          {good(2).change(func(c *craftedColumn) { c.at = 1 << 40 }), "not in the file"},
		"a length behind the file":           {good(2).change(func(c *craftedColumn) { c.size = math.MaxInt64 }), "not in the file"},
		"a negative length":                  {good(2).change(func(c *craftedColumn) { c.size = -1 }), "not in the file"},
		"another number of values":           {good(2).change(func(c *craftedColumn) { c.values = 3 }), "3 values for 2 rows"},
		"values in another file":             {good(2).change(func(c *craftedColumn) { c.elsewhere = "/etc/passwd" }), "in another file"},
		"a codec that is none":               {good(2).change(func(c *craftedColumn) { c.codec = 77 }), "codec number 77"},
		"LZO":                                {good(2).change(func(c *craftedColumn) { c.codec = 3 }), "LZO, which is not read"},
		"no pages":                           {good(2).with(), "fewer values than rows"},
		"too few values":                     {good(2).with(craftedPage{values: 1, body: plainTexts("a")}), "fewer values than rows"},
		"a page that says too much":          {good(2).with(craftedPage{values: 2, body: plainTexts("a")}), "fewer values than it says"},
		"a page that has too much":           {good(2).with(craftedPage{values: 2, body: plainTexts("a", "b", "c")}), "more values than it says"},
		"empty pages only":                   {good(2).with(make([]craftedPage, 10_000)...), "fewer values than rows"},
		"an encoding that is none":           {good(2).with(craftedPage{values: 2, encoding: 9, body: texts}), "BYTE_STREAM_SPLIT, which is not read"},
		"a page larger than the column":      {good(2).with(craftedPage{values: 2, body: texts, packed: 1 << 20}), "larger than its column"},
		"a page of negative size":            {good(2).with(craftedPage{values: 2, body: texts, size: -5}), "larger than its column"},
		"a page of another size":             {good(2).with(craftedPage{values: 2, body: texts, size: 11}), "said to have 11"},
		"a page of gigabytes":                {codec(codecZstd, craftedPage{values: 2, body: texts, size: 1 << 40}), "more than the limit of 134217728"},
		"a text of gigabytes":                {good(2).with(craftedPage{values: 2, body: []byte("\xff\xff\xff\xff....")}), "fewer values than it says"},
		"a wrong checksum":                   {good(2).with(craftedPage{values: 2, body: texts, isWrong: true}), "checksum of a page is wrong"},
		"a dictionary of billions":           {good(2).with(craftedPage{kind: dictionaryPage, values: 1 << 31, body: texts}), "fewer values than it says"},
		"two dictionaries":                   {good(2).with(same(1, "a")[0], same(1, "b")[0]), "two dictionaries"},
		"no dictionary":                      {good(2).with(same(2, "a")[1]), "dictionary that is not there"},
		"an index out of the dictionary":     {good(2).with(same(1, "a")[0], craftedPage{values: 2, encoding: encodingDictionary, body: []byte{32, 4, 255, 255, 255, 127}}), "do not follow their encoding"},
		"an index of too many bits":          {good(2).with(same(1, "a")[0], craftedPage{values: 2, encoding: encodingDictionary, body: []byte{33, 4, 0, 0, 0, 0, 0}}), "do not follow their encoding"},
		"indexes cut short":                  {good(2).with(same(1, "a")[0], craftedPage{values: 2, encoding: encodingDictionary, body: []byte{32, 3, 0}}), "fewer values than it says"},
		"indexes of endless runs of nothing": {good(2).with(same(1, "a")[0], craftedPage{values: 2, encoding: encodingDictionary, body: bytes.Repeat([]byte{1, 0}, 100_000)}), "fewer values than it says"},
		"no levels":                          {optional(craftedPage{values: 2, body: levels()}), "fewer values than it says"},
		"fewer levels than values":           {optional(craftedPage{values: 2, body: append(levels(2, 1), texts...)}), "fewer values than it says"},
		"a level that is none":               {optional(craftedPage{values: 2, body: append(levels(4, 2), texts...)}), "do not follow their encoding"},
		"nulls with values":                  {optional(craftedPage{values: 2, body: append(levels(4, 0), texts...)}), "more values than it says"},
		"levels larger than the page":        {optional(craftedPage{values: 2, body: []byte{255, 255, 255, 255}}), "smaller than its levels"},
		"levels larger than the page, v2":    {optional(craftedPage{kind: dataPageV2, values: 2, levels: 1 << 40, body: texts}), "smaller than its levels"},
		"negative levels":                    {optional(craftedPage{kind: dataPageV2, values: 2, levels: -1, body: texts}), "smaller than its levels"},
		"deltas of endless blocks":           {deltaInts(1<<40, 1, 2, 0), "more than the limit of 1048576"},
		"deltas of no blocks":                {deltaInts(128, 0, 2, 0), "do not follow their encoding"},
		"deltas of quintillions":             {deltaInts(128, 4, 1<<60, 0), "do not follow their encoding"},
		"deltas of many small blocks":        {deltaInts(1<<20, 1<<17, 2, 0), "fewer values than it says"},
		"too few deltas":                     {deltaInts(128, 4, 1, 0), "fewer values than it says"},
		"too many deltas":                    {deltaInts(128, 4, 3, 0, 0, 0, 0, 0, 0), "more values than it says"},
		"deltas of too many bits":            {deltaInts(128, 1, 2, 0, 0, 65), "do not follow their encoding"},
		"a header without end":               {good(2).with(craftedPage{header: strings.Repeat("\x1c", 100_000)}), "header of a page cannot be read"},
		"a header of endless binary":         {good(2).with(craftedPage{header: "\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f"}), "header of a page cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			content := test.file.write()
			began, before := time.Now(), allocated()
			records, facts := readText(t, "a.parquet", content, &standard)
			if got := showRows(records, facts); facts.Code != settlement.UnreadableFile || !strings.Contains(got, test.want) {
				t.Errorf("got %.300s, want unreadable_file with %q", got, test.want)
			}
			if cost, limit := allocated()-before, uint64(8<<20+20*len(content)); cost > limit {
				t.Errorf("%d bytes were allocated for a file of %d", cost, len(content))
			}
			if cost := time.Since(began); cost > 5*time.Second {
				t.Errorf("it took %s", cost)
			}
		})
	}
	if got := readParquetFile(t, good(2).write()); !strings.HasPrefix(got, "1: issue issue issue 0 issue\n2: issue") {
		t.Errorf("the file that the others are made of: %s", got)
	}
}

// TestParquetSaysOneThingToDo: where an encoding is not read the file may be sound, and delivering it again does not help.
func TestParquetSaysOneThingToDo(t *testing.T) {
	texts := plainTexts("issue", "issue")
	unread := craftedPage{values: 2, encoding: 9, body: texts}
	for want, page := range map[string]craftedPage{
		"its values are encoded by BYTE_STREAM_SPLIT, which is not read; use PLAIN or a dictionary": unread,
		"its dictionary's values are encoded by BYTE_STREAM_SPLIT, which is not read; use PLAIN":    {kind: dictionaryPage, values: 2, encoding: 9, body: texts},
		"a page has fewer values than it says; the file is truncated or broken, deliver it again":   {values: 2, body: plainTexts("a")},
	} {
		_, facts := readText(t, "a.parquet", good(2).with(page).write(), &standard)
		if !strings.HasSuffix(facts.Message, want) {
			t.Errorf("got %q, want %q at its end", facts.Message, want)
		}
	}
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// TestParquetBombs reads small files that say little and expand a great deal: what they cost is
// bounded by the size of the file, whatever they expand to.
func TestParquetBombs(t *testing.T) {
	const memory = 96 << 20
	zeros := make([]byte, 100<<20)
	packed := zstandard(t, string(zeros))
	long := strings.Repeat("x", 1<<20)
	bombs := map[string]struct {
		file *crafted
		want string
	}{
		"zstd": {good(2).change(func(c *craftedColumn) {
			c.codec, c.pages = codecZstd, []craftedPage{{values: 2, body: []byte(packed), size: int64(len(zeros))}}
		}), "expands to more than"},
		"zstd that hides its size": {good(2).change(func(c *craftedColumn) {
			c.codec, c.pages = codecZstd, []craftedPage{{values: 2, body: []byte(packed), size: 1000}}
		}), "ZSTD"},
		"gzip that hides its size": {good(2).change(func(c *craftedColumn) {
			c.codec, c.pages = codecGzip, []craftedPage{{values: 2, body: []byte(gzipped(t, string(zeros))), size: 1000}}
		}), "GZIP"},
		"snappy that claims": {good(2).change(func(c *craftedColumn) {
			c.codec, c.pages = codecSnappy, []craftedPage{{values: 2, body: []byte("\xff\xff\xff\xff\x0fabcd"), size: 1000}}
		}), "SNAPPY"},
		"long texts again and again": {good(400_000).with(same(400_000, long[:1<<16])...), "expands to more than"},
		"a text over the limit":      {good(2).with(same(2, long+"x")...), "value of 1048577 bytes, more than the limit of 1048576"},
		"a row over the limit":       {good(2).with(same(2, long)...), "row 1 is longer than the limit of 1048576"},
		"many rows":                  {good(300_000), ""},
		"prefixes that grow": {good(300_000).with(craftedPage{values: 300_000, encoding: encodingDeltaBytes,
			body: growing(300_000)}), "expands to more than"},
	}
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			content := bomb.file.write()
			inboxKey := "a.parquet"
			runtime.GC()
			peak, stop := watchHeap()
			rows := int64(0)
			facts := readCounting(t, inboxKey, content, &rows)
			stop()
			if bomb.want == "" && (facts.Code != settlement.NoCode || rows != bomb.file.rows) || bomb.want != "" && (facts.Code != settlement.UnreadableFile || !strings.Contains(facts.Message, bomb.want)) {
				t.Errorf("%d rows, %s %s", rows, facts.Code, facts.Message)
			}
			if got := peak(); got > memory {
				t.Errorf("%d MiB of heap for a file of %d bytes, want at most %d", got>>20, len(content), memory>>20)
			}
		})
	}
}

// growing returns texts of which each repeats the one before and adds a byte.
func growing(count uint64) (body []byte) {
	deltas := func(first uint64, step int64) {
		for _, number := range []uint64{1 << 20, 1, count, first} {
			body = binary.AppendUvarint(body, number)
		}
		body = binary.AppendVarint(body, step)
		body = append(body, 0)
	}
	deltas(0, 1) // prefixes of 0, 1, 2 …
	deltas(2, 0) // suffixes of 1
	return append(body, make([]byte, count)...)
}

// watchHeap watches how large the heap grows from now on.
func watchHeap() (peak func() uint64, stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	var highest uint64
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	base := stats.HeapAlloc
	go func() {
		defer close(stopped)
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			highest = max(highest, stats.HeapAlloc)
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() uint64 { return highest - min(base, highest) }, func() { close(done); <-stopped }
}

// readCounting reads a text as a file, and only counts its rows.
func readCounting(t testing.TB, name, content string, rows *int64) FileFacts {
	t.Helper()
	inbox := inboxOf(t, map[string]string{name: content})
	objects, err := inbox.List(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	object := Object{Name: name, Format: FormatOf(name), Object: objects[0]}
	facts, err := Read(t.Context(), inbox, &object, func(*settlement.Record) error {
		*rows++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

func FuzzParquet(f *testing.F) {
	for _, content := range smallFiles(f) {
		f.Add([]byte(content))
	}
	f.Add([]byte(good(3).write()))
	f.Add([]byte(good(3).change(func(c *craftedColumn) { c.repetition = optional }).write()))
	f.Fuzz(func(t *testing.T, content []byte) {
		records, facts := readText(t, "a.parquet", string(content), &standard)
		switch {
		case facts.Code == settlement.NoCode && int64(len(records)) != facts.Rows:
			t.Errorf("%d rows of %d without a code", len(records), facts.Rows)
		case facts.Code != settlement.NoCode && facts.Message == "":
			t.Errorf("%s without a message", facts.Code)
		}
		for i := range records {
			if records[i].Row != int64(i+1) {
				t.Errorf("row %d has the number %d", i+1, records[i].Row)
			}
		}
	})
}

// TestParquetLimits reads good files under limits that they pass.
func TestParquetLimits(t *testing.T) {
	rows := strings.Repeat("x", 3000)
	content := leafFile(t, twoRows(t, leaf{node: mustNode(t, "store_id", parquet.Repetitions.Required, schema.StringLogicalType{}, parquet.Types.ByteArray, -1),
		values: []string{rows + "1", rows + "2"}}), parquet.WithDictionaryDefault(false), parquet.WithStats(false))
	for want, lower := range map[string]func(*limits){
		"the footer has":                     func(l *limits) { l.footerBytes = 100 },
		"row groups than":                    func(l *limits) { l.rowGroups = 0 },
		"more fields than":                   func(l *limits) { l.schemaFields = 6 },
		"6 columns":                          func(l *limits) { l.columns = 5 },
		"a page has 60":                      func(l *limits) { l.pageBytes = 5000 },
		"pages that belong":                  func(l *limits) { l.heldPageBytes = 6050 },
		"expands to more":                    func(l *limits) { l.expansionFree, l.expansion = -13000, 2 },
		"a value of 3001":                    func(l *limits) { l.recordBytes = 3000 },
		"row 1 is longer":                    func(l *limits) { l.recordBytes = 3010 },
		"more than the limit of 10; deliver": func(l *limits) { l.fileBytes = 10 },
	} {
		lowered := standard
		lower(&lowered)
		records, facts := readText(t, "a.parquet", content, &lowered)
		if got := showRows(records, facts); facts.Code != settlement.UnreadableFile || !strings.Contains(got, want) {
			t.Errorf("got %s, want %q", got, want)
		}
	}
	// From a temporary file, the same.
	spooled := standard
	spooled.spoolBytes = 10
	_, inMemory := readText(t, "a.parquet", content, &standard)
	records, facts := readText(t, "a.parquet", content, &spooled)
	if len(records) != 2 || !reflect.DeepEqual(facts, inMemory) {
		t.Errorf("from a temporary file %+v, from memory %+v", facts, inMemory)
	}
	t.Setenv("TMPDIR", "/nowhere")
	inbox := inboxOf(t, map[string]string{"a.parquet": content})
	objects, err := inbox.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	object := Object{Name: "a.parquet", Format: FormatOf("a.parquet"), Object: objects[0]}
	if _, err := read(t.Context(), inbox, &object, func(*settlement.Record) error { return nil }, &spooled, nil); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("no room for a temporary file: %v", err)
	}
	sinkError := errors.New("enough")
	if _, err := Read(t.Context(), inbox, &object, func(*settlement.Record) error { return sinkError }); !errors.Is(err, sinkError) {
		t.Errorf("the sink's error came back as %v", err)
	}
	many := good(10 * batchRows).write()
	inbox = inboxOf(t, map[string]string{"b.parquet": many})
	if objects, err = inbox.List(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	object.Object = objects[0]
	ended, cancel := context.WithCancel(t.Context())
	if _, err := Read(ended, inbox, &object, func(*settlement.Record) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in the middle: %v", err)
	}
}
