package identifiers

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"alliance/settlement"
)

// TestFormatStays compares runs with what this format has given since the first one: a writer that gives other bytes
// needs another magic, and changes what a date is recomputed to.
func TestFormatStays(t *testing.T) {
	manyDates := entries(rand.New(rand.NewPCG(7, 7)), 3000, 64)
	for i := range manyDates {
		manyDates[i].BusinessDate = settlement.Date(i % 700)
	}
	oneDate := entries(rand.New(rand.NewPCG(8, 8)), 5*blockEntries, 64)
	for i := range oneDate {
		oneDate[i].BusinessDate, oneDate[i].SettledOn = 20_000, 20_000
	}
	slices.SortFunc(oneDate, func(a, b settlement.TakenID) int { return Compare(&a, &b) })
	oneDate = slices.Compact(oneDate)
	for _, c := range []struct {
		name  string
		taken []settlement.TakenID
		want  string
	}{
		{"none", nil, "500a0319645bfc835e200fee11d3d7f4bdc2bf801945998fccb564b1018c5c5b"},
		{"one", entries(rand.New(rand.NewPCG(1, 1)), 1, 64), "8639c03171387ba6ee2eb5b3a9510ec0cb7f22ca50ebc557d30b8b05c294d86a"},
		{"a part of a block", entries(rand.New(rand.NewPCG(2, 2)), 1000, 64), "d23ecd557d54fa0ea15fe5e7c7a841d5fa5987e2d5ba6610a8721edc07be3d52"},
		{"some blocks", entries(rand.New(rand.NewPCG(3, 3)), 5000, 64), "c0d1355bc38238d043da8e5e6b806f6d77f3d660f373dd751095ce2e2fcab278"},
		{"ids that begin alike", entries(rand.New(rand.NewPCG(4, 4)), 5000, 3), "6a693ddf2e5b33454f022ccddb0fa31cf75de68c7e173ee8772bcb0af812bcf1"},
		{"many dates", manyDates, "0da322147d3efb7abbcea36d8aa24a16bae563d475cb4bff96bd10a7fbde9740"},
		{"one date", oneDate, "ddc093656d944d711ab249e0738e51bcc8ce6b56c51723e4c365520bdd55d031"},
	} {
		content, _ := write(t, c.taken)
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != c.want {
			t.Errorf("%s: %d entries give a run of SHA-256 %x, want %s", c.name, len(c.taken), sum, c.want)
		}
	}
}
