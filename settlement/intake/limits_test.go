package intake

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"alliance/settlement"

	"github.com/klauspost/compress/zstd"
)

// TestZstandardWindow refuses a file that needs more memory to be expanded than is given to it, and says so.
func TestZstandardWindow(t *testing.T) {
	pack := func(window int) string {
		var packed bytes.Buffer
		writer, err := zstd.NewWriter(&packed, zstd.WithWindowSize(window))
		if err != nil {
			t.Fatal(err)
		}
		// Flushed, so that the writer does not know the size, and states the window.
		for _, text := range []string{goodHeader, "1,m,issue,5,x\n"} {
			if _, err := writer.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := writer.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		return packed.String()
	}
	if records, facts := readText(t, "a.csv.zst", pack(128<<20), &standard); facts.Code != settlement.NoCode || len(records) != 1 {
		t.Errorf("a window of the limit's size: %s %s", facts.Code, facts.Message)
	}
	_, facts := readText(t, "a.csv.zst", pack(256<<20), &standard)
	if facts.Code != settlement.UnreadableFile || !strings.Contains(facts.Message, "more than the limit of 134217728 bytes") {
		t.Errorf("a larger window: %s %s", facts.Code, facts.Message)
	}
}

// TestPointsTotals refuses a file whose points do not fit 64 bits. No file is as long, so it begins near the end.
func TestPointsTotals(t *testing.T) {
	for _, kind := range []string{"issue", "redeem"} {
		facts := FileFacts{IssuedPoints: math.MaxInt64 - 10, RedeemedPoints: math.MaxInt64 - 10}
		r := &rowReader{limits: &standard, facts: &facts}
		r.record.Row = 7
		r.record.Values[settlement.KindColumn], r.record.Values[settlement.PointsColumn] = kind, "10"
		if err := r.tally(); err != nil {
			t.Errorf("%s up to the limit: %v", kind, err)
		}
		r.record.Values[settlement.PointsColumn] = "1"
		if err := r.tally(); err == nil || !strings.Contains(err.Error(), "row 7 brings the file's "+kind+" points to more than the limit of 9223372036854775807") {
			t.Errorf("%s over the limit: %v", kind, err)
		}
	}
}

// TestParquetPageHeader refuses headers of pages that are too long, and takes those that are just not.
func TestParquetPageHeader(t *testing.T) {
	lowered := standard
	lowered.pageHeaderBytes = 5000
	for _, c := range []struct {
		filler int
		want   string
	}{{10, ""}, {3000, ""}, {6000, "the header of a page is longer than the limit of 5000 bytes"}, {60_000, "the header of a page is longer than the limit of 5000 bytes"}} {
		file := good(2).change(func(column *craftedColumn) { column.pages[1].filler = c.filler })
		records, facts := readText(t, "a.parquet", file.write(), &lowered)
		if c.want == "" {
			if facts.Code != settlement.NoCode || len(records) != 2 {
				t.Errorf("%d bytes in a header: %s %s", c.filler, facts.Code, facts.Message)
			}
		} else if facts.Code != settlement.UnreadableFile || !strings.Contains(facts.Message, c.want) {
			t.Errorf("%d bytes in a header: %s %s", c.filler, facts.Code, facts.Message)
		}
	}
}

// TestParquetDepth refuses structures that nest deeper than any writer's.
func TestParquetDepth(t *testing.T) {
	nested := func(levels int) []byte {
		w := &thriftText{}
		w.begin()
		for range levels - 1 {
			w.structure(7)
		}
		for range levels {
			w.end()
		}
		return w.text
	}
	for levels, want := range map[int]string{32: "", 33: "it nests structures deeper than the limit of 32"} {
		reader := &thriftReader{data: nested(levels)}
		reader.structure(thriftStruct, func(int, byte) bool { return false })
		if got := reader.err; (got == nil) != (want == "") || got != nil && got.Error() != want {
			t.Errorf("%d levels: %v", levels, got)
		}
	}
}

// TestDeltaBlock refuses blocks of numbers that are larger than any writer's.
func TestDeltaBlock(t *testing.T) {
	for size, want := range map[uint64]string{1 << 20: "", 1<<20 + 8: "a block of 1048584 numbers is more than the limit of 1048576"} {
		page := binary.AppendUvarint(nil, size)
		page = binary.AppendUvarint(page, 1)
		page = append(page, 1, 2) // one number, which is 1
		if _, err := newDelta(page); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("a block of %d: %v", size, err)
		}
	}
}
