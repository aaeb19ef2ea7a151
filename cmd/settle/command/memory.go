package command

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/pflag"
)

// memoryFlags say how much memory a command that settles may take.
type memoryFlags struct{ memory, spill string }

func (f *memoryFlags) flags(set *pflag.FlagSet) {
	set.StringVar(&f.memory, "memory", "", "about how much memory to use, such as 1GiB (default GOMEMLIMIT, or half of what the container or the machine has, at most 2GiB); what is more goes to --spill-directory; changes no result")
	set.StringVar(&f.spill, "spill-directory", "", "where temporary files go (default: the system's directory for them)")
}

const (
	// mostByDefault is enough for a night of 20 million rows: what of it is spilled stays in memory, too, where the system caches files, and
	// that with twice as much is not sooner done.
	mostByDefault = 2 << 30
	// defaultMemory is for systems that do not say how much memory they have.
	defaultMemory = 2 << 30
	leastMemory   = 64 << 20
)

// usual returns how much memory to use if nobody says: half of what the process may have, as the container's
// other half is where the system keeps what was read and written last.
func usual(has memlimit.Provider) int64 {
	available, err := has()
	if err != nil {
		return defaultMemory
	}
	return int64(min(max(available/2, leastMemory), mostByDefault))
}

// available is the memory of the container, or of the machine if there is no container or it is not limited.
var available = memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)

// bound returns how many bytes of what is on its way may stay in memory, after telling the runtime how
// much the whole process may take.
func (f *memoryFlags) bound() (int64, error) {
	limit, ours := debug.SetMemoryLimit(-1), true // GOMEMLIMIT
	if f.memory != "" {
		var err error
		if limit, err = parseBytes("memory", f.memory); err != nil {
			return 0, err
		}
	} else if limit == math.MaxInt64 {
		limit = usual(available)
	} else {
		ours = false
	}
	if limit < leastMemory {
		return 0, usage("%d MiB of memory, by --memory or GOMEMLIMIT, are less than the %d MiB that any run needs; give it more", limit>>20, leastMemory>>20)
	}
	if f.spill != "" {
		if info, err := os.Stat(f.spill); err != nil || !info.IsDir() {
			return 0, usage("--spill-directory %s is no directory", f.spill)
		}
	}
	debug.SetMemoryLimit(limit)
	if ours {
		relief.watch(limit)
	} else {
		relief.watch(0)
	}
	return onTheWay(limit), nil
}

// besides is about what workers have in their hands, and garbage, when there is room for all of a large night.
const besides = 1536 << 20

// onTheWay returns how much of a limit is for what is on its way: half, and of large limits all that is not used otherwise, but
// no more than five eighths, as more memory often means more workers.
func onTheWay(limit int64) int64 { return max(limit/2, min(limit/8*5, limit-besides)) }

// A collectorRelief raises the limit that the runtime was given, while what is alive comes near it: a single member
// with a million rows has to be in memory, and the collector would work without end and win nothing. It also says how much
// garbage may gather, unless GOGC does. A limit that came by GOMEMLIMIT is the operator's, who knows what the container has, and stays.
type collectorRelief struct {
	limit atomic.Int64
	once  sync.Once
	// garbage is how much may gather until the next collection, peak how much memory that and what was alive have taken at most; alive
	// and allocated are those of the last time. They are for one collection after the other.
	garbage, peak, alive, allocated int64
}

var relief collectorRelief

// watch looks after every collection from now on; a limit of 0 leaves all as it is.
func (c *collectorRelief) watch(limit int64) {
	c.limit.Store(limit)
	c.once.Do(func() { c.afterNext() })
}

// afterNext has a new object collected, which tells when that was.
func (c *collectorRelief) afterNext() {
	type sentinel struct{ _ [64]byte }
	runtime.AddCleanup(new(sentinel), func(struct{}) {
		if limit := c.limit.Load(); limit > 0 {
			alive, allocated := heapBytes()
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(c.growthPercent(limit, alive, allocated))
			}
			debug.SetMemoryLimit(relieved(limit, alive))
		}
		c.afterNext()
	}, struct{}{})
}

// relieved returns the limit that leaves half of what is alive to the collector.
func relieved(limit, alive int64) int64 { return max(limit, alive+alive/2) }

// mostGarbage is how much garbage may gather at most, and newGarbage the part of it that may take memory which was not used before.
const (
	mostGarbage = 512 << 20
	newGarbage  = 4
)

// growthPercent returns by how much the heap may grow until the next collection, in percent of what is alive, of which so much was
// allocated in all until now. As much garbage may gather as is alive, which is Go's own measure, but no more than half of the limit and
// mostGarbage, and only a part of that where it would take memory that was never used before. Most of what is alive are bytes that the
// collector need not look at, so it is soon done; while each page of new memory costs the system its time, and somebody his memory.
// Where more is alive than the limit, half of what is alive stands for half of the limit: a few more pages are little then, while
// collections that each win a small part of what they look at would take most of the time.
//
// If most of what was allocated lately is still alive, as while rows are read, the heap may grow by more: a collection would find little.
func (c *collectorRelief) growthPercent(limit, alive, allocated int64) int {
	c.peak = max(c.peak, alive+c.garbage)
	most := min(max(limit, alive)/2, mostGarbage)
	c.garbage = min(alive, max(min(most, c.peak-alive), most/newGarbage))
	growth := c.garbage
	if lately := allocated - c.allocated; lately > 0 {
		stayed := min(max(alive-c.alive, 0), lately)
		growth = max(growth, int64(min(float64(most/2), float64(growth)*float64(lately)/float64(max(lately-stayed, 1)))))
	}
	c.alive, c.allocated = alive, allocated
	return int(max(growth*100/max(alive, 1), 1))
}

// heapBytes returns what the last collection found to be in use, and how much was allocated until now.
func heapBytes() (alive, allocated int64) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64()), int64(sample[1].Value.Uint64())
}

// parseBytes reads a number of bytes with a unit: 512MiB, 1GiB, 1500000000.
func parseBytes(flag, text string) (int64, error) {
	number, unit := text, int64(1)
	for _, known := range []struct {
		name string
		size int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}} {
		if rest, found := strings.CutSuffix(text, known.name); found {
			number, unit = strings.TrimSpace(rest), known.size
		}
	}
	value, err := strconv.ParseInt(number, 10, 64)
	if err != nil || value <= 0 || value > math.MaxInt64/unit {
		return 0, usage("--%s %s: write a whole number of bytes, KiB, MiB, GiB or TiB, such as 1GiB", flag, text)
	}
	return value * unit, nil
}
