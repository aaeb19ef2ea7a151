package command

import (
	"bytes"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "64MiB": 64 << 20, "1 GiB": 1 << 30, "3KiB": 3 << 10, "2TiB": 2 << 40} {
		if got, err := parseBytes("memory", text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "1GB", "-1GiB", "0", "1.5GiB", "9999999999TiB", "99999999999999999999"} {
		if got, err := parseBytes("memory", text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestMemoryBound(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	defer relief.watch(0)
	debug.SetMemoryLimit(math.MaxInt64)
	for _, test := range []struct {
		flags memoryFlags
		want  int64 // 0 if it is refused
	}{
		{memoryFlags{}, onTheWay(usual(available))},
		{memoryFlags{memory: "1GiB"}, 512 << 20},
		{memoryFlags{memory: "1MiB"}, 0},
		{memoryFlags{memory: "1GiB", spill: "memory_test.go"}, 0},
		{memoryFlags{spill: t.TempDir(), memory: "64MiB"}, 32 << 20},
	} {
		got, err := test.flags.bound()
		if got != test.want || (err == nil) != (test.want > 0) {
			t.Errorf("%+v: %d, %v; want %d", test.flags, got, err, test.want)
		}
	}
	debug.SetMemoryLimit(50 << 20)
	if got, err := (&memoryFlags{}).bound(); err == nil {
		t.Errorf("with a GOMEMLIMIT of 50 MiB: %d", got)
	}
	debug.SetMemoryLimit(300 << 20)
	if got, err := (&memoryFlags{}).bound(); err != nil || got != 150<<20 {
		t.Errorf("with GOMEMLIMIT: %d, %v", got, err)
	}
}

func TestShares(t *testing.T) {
	const mebi = 1 << 20
	for limit, want := range map[int64]int64{64 * mebi: 32 * mebi, 1024 * mebi: 512 * mebi, 3072 * mebi: 1536 * mebi, 3584 * mebi: 2048 * mebi, 4096 * mebi: 2560 * mebi, 8192 * mebi: 5120 * mebi} {
		if got := onTheWay(limit); got != want {
			t.Errorf("of %d MiB, %d are for what is on its way, want %d", limit/mebi, got/mebi, want/mebi)
		}
	}
}

// TestGrowth has more and less alive from collection to collection. Of what was allocated since the one before, the rest was garbage.
func TestGrowth(t *testing.T) {
	const mebi = 1 << 20
	for _, test := range []struct {
		limit                  int64
		alive, allocated, want []int64
	}{
		{4096, []int64{16, 64, 128, 512, 2048, 1024, 512, 100}, nil, []int64{100, 100, 100, 25, 6, 50, 100, 100}},
		{4096, []int64{3000, 2900, 2400}, nil, []int64{4, 4, 21}},
		{1024, []int64{512, 700, 600}, nil, []int64{25, 18, 38}},
		{64, []int64{16, 64, 3200, 100_000}, nil, []int64{50, 12, 4, 1}},
		// Two thirds, none and four fifths of what was allocated lately is garbage.
		{4096, []int64{1000, 1100, 1200, 1250}, []int64{5000, 5300, 5400, 5650}, []int64{16, 17, 21, 12}},
		{4096, []int64{1000, 900}, []int64{5000, 5100}, []int64{16, 14}},
	} {
		var relief collectorRelief
		for i, alive := range test.alive {
			allocated := int64(i+1) << 40 // next to all of it is garbage
			if test.allocated != nil {
				allocated = test.allocated[i] * mebi
			}
			if got := relief.growthPercent(test.limit*mebi, alive*mebi, allocated); int64(got) != test.want[i] {
				t.Errorf("with %d MiB and %v alive, growth of %d %%, want %d", test.limit, test.alive[:i+1], got, test.want[i])
			}
		}
	}
}

func TestUsualMemory(t *testing.T) {
	for has, want := range map[uint64]int64{100 << 20: leastMemory, 1 << 30: 512 << 20, 3 << 30: 1536 << 20, 6 << 30: 2 << 30, 1 << 40: mostByDefault, math.MaxUint64: mostByDefault} {
		if got := usual(memlimit.Limit(has)); got != want {
			t.Errorf("of %d MiB: %d MiB, want %d", has>>20, got>>20, want>>20)
		}
	}
	unknown := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	if got := usual(unknown); got != defaultMemory {
		t.Errorf("of a system that does not say: %d", got)
	}
	if runtime.GOOS == "linux" {
		if has, err := available(); err != nil || has < leastMemory {
			t.Errorf("this system has %d bytes, %v", has, err)
		}
	}
}

// TestCollectorRelief keeps more alive than the limit, which is raised then and comes back to what it was.
func TestCollectorRelief(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	defer relief.watch(0)
	debug.SetMemoryLimit(math.MaxInt64)
	flags := memoryFlags{memory: "64MiB"}
	if _, err := flags.bound(); err != nil {
		t.Fatal(err)
	}
	limitBecomes := func(what string, right func(limit int64) bool) {
		t.Helper()
		for range 500 {
			runtime.GC()
			if right(debug.SetMemoryLimit(-1)) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s the limit is %d MiB", what, debug.SetMemoryLimit(-1)>>20)
	}
	t.Setenv("GOGC", "")
	percent := debug.SetGCPercent(100)
	defer debug.SetGCPercent(percent)
	alive := bytes.Repeat([]byte{1}, 96<<20)
	limitBecomes("with 96 MiB alive", func(limit int64) bool { return limit >= 128<<20 && limit < 256<<20 })
	if got := debug.SetGCPercent(100); got < 7 || got > 33 {
		t.Errorf("with 96 MiB alive and a limit of 64, garbage of %d %% may gather, which is not an eighth to half of the limit", got)
	}
	t.Setenv("GOGC", "77")
	for range 2 { // the first time may have begun before GOGC was set
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
		limitBecomes("with GOGC and 96 MiB alive", func(limit int64) bool { return limit < 256<<20 })
	}
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("GOGC was set, and yet garbage of %d %% may gather", got)
	}
	runtime.KeepAlive(alive)
	alive = nil
	limitBecomes("with next to nothing alive", func(limit int64) bool { return limit == 64<<20 })
}
