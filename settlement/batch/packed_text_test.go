package batch

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPackedTexts packs texts of all forms one after the other and finds each again, with its form.
func TestPackedTexts(t *testing.T) {
	text := rapid.OneOf(
		rapid.StringMatching(`[A-Z]{0,20}-?[0-9]{0,40}`), rapid.StringMatching(`[0-9/:]{0,24}`), rapid.StringMatching(`[a,.]{0,3}[-0-9]{0,24}`), rapid.StringMatching(`[0-9a-f]{0,36}`), rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 200), func(content []byte) string { return string(content) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(text).Draw(t, "texts")
		var content []byte
		var starts []int
		for _, text := range texts {
			starts = append(starts, len(content))
			content = appendPacked(content, text)
		}
		starts = append(starts, len(content))
		content = append(content, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "after")...)
		var arena textArena
		var found []string
		from := byteReader{content, 0}
		for i, text := range texts {
			found = append(found, from.packed(&arena))
			if from.at != starts[i+1] {
				t.Fatalf("%q is read up to %d instead of %d", text, from.at, starts[i+1])
			}
			skipping := byteReader{content, starts[i]}
			if form := skipping.skipPacked(); form != string(content[starts[i]:starts[i+1]]) || skipping.at != from.at {
				t.Fatalf("%q has form %x, not %x", text, form, content[starts[i]:starts[i+1]])
			}
		}
		for i := range texts {
			if found[i] != texts[i] {
				t.Fatalf("%q came back as %q", texts[i], found[i])
			}
		}
	})
}

// TestPackedTextsAreShort says how many bytes some ids take.
func TestPackedTextsAreShort(t *testing.T) {
	for text, want := range map[string]int{
		"": 1, "a": 2, "7": 2, "42": 2, "m0001234": 6, "BASKET-00041987764321": 1 + 6 + 8, "123456789012345": 9, "1234567890123456": 10,
		"26984851472-0-1029743": 1 + 6 + 8, "t0001-000925405": 1 + 1 + 7, "2026-06-01-0001": 9, "-": 2, "0b6b2a1e-7f9c-4d4e-9b51-2f3f5c8a11d0": 1 + 1 + 35 + 1, "store.77": 1 + 6 + 1, strings.Repeat("x", 128): 131,
	} {
		if packed := appendPacked(nil, text); len(packed) != want {
			t.Errorf("%q takes %d bytes, want %d", text, len(packed), want)
		}
	}
}

// TestTextsOfAnArena live until it is reset, also those from before it had to grow.
func TestTextsOfAnArena(t *testing.T) {
	var arena textArena
	for range 2 {
		var texts []string
		for i := range 5000 {
			from := byteReader{appendPacked(nil, fmt.Sprint("text ", i)), 0}
			texts = append(texts, from.packed(&arena))
		}
		for i, text := range texts {
			if text != fmt.Sprint("text ", i) {
				t.Fatalf("text %d became %q", i, text)
			}
		}
		arena.reset()
	}
}

func BenchmarkPackedText(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = fmt.Sprintf("t%04d-%09d", i%200, random.Int64N(1e9))
	}
	var buffer []byte
	var arena textArena
	for b.Loop() {
		buffer = buffer[:0]
		for _, text := range texts {
			buffer = appendPacked(buffer, text)
		}
		arena.reset()
		for from := (byteReader{buffer, 0}); from.at < len(buffer); {
			from.packed(&arena)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(texts)), "ns/text")
}
