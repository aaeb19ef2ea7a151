package batch_test

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/faults"

	"golang.org/x/sync/errgroup"
)

// hostileSample is how many files there are for each one that make test takes.
const hostileSample = 43

func (f *hostileFile) folder() string {
	return "merchant=" + f.merchant + "/date=" + hostileDateText + "/"
}

// A hostileTally counts the files of one format and mutation by what became of them.
type hostileTally struct {
	files, accepted, rejected int64
	held                      map[settlement.Code]int64
	slowest                   time.Duration
}

func (n *hostileNight) count(file *hostileFile, verdict *settlement.Input, took time.Duration) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	key := [2]string{file.format, file.mutation}
	tally := n.tally[key]
	if tally == nil {
		tally = &hostileTally{held: map[settlement.Code]int64{}}
		n.tally[key] = tally
	}
	tally.files++
	tally.slowest = max(tally.slowest, took)
	switch {
	case verdict.State == settlement.Held:
		tally.held[verdict.Code]++
	case verdict.Rejected > 0:
		tally.rejected++
	default:
		tally.accepted++
	}
}

// all adds up what became of the files.
func (n *hostileNight) all() (all hostileTally) {
	for _, tally := range n.tally {
		all.files += tally.files
		all.accepted += tally.accepted
		all.rejected += tally.rejected
	}
	return all
}

// log prints what became of the files.
func (n *hostileNight) log(t *testing.T) {
	t.Helper()
	var text strings.Builder
	row := func(columns ...any) { fmt.Fprintf(&text, "\n%-18s %-12s %7v %9v %9v %9v  %s", columns...) }
	row("format", "mutation", "files", "accepted", "rejected", "slowest", "held")
	keys := slices.SortedFunc(maps.Keys(n.tally), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, key := range keys {
		tally := n.tally[key]
		var held []string
		for _, code := range slices.SortedFunc(maps.Keys(tally.held), func(a, b settlement.Code) int { return cmp.Compare(a, b) }) {
			held = append(held, fmt.Sprintf("%d %s", tally.held[code], code))
		}
		row(key[0], key[1], tally.files, tally.accepted, tally.rejected, tally.slowest.Round(time.Millisecond), strings.Join(held, ", "))
	}
	all := n.all()
	row("all", "", all.files, all.accepted, all.rejected, "", fmt.Sprint(all.files-all.accepted-all.rejected))
	t.Log(text.String())
}

// TestHostileFiles settles a good night with each of many bad files in it: the file is held with
// a code, or its rows are taken or rejected with codes, and nobody else's statement changes.
// make hostile runs all of them, make test some.
func TestHostileFiles(t *testing.T) {
	n := newHostileNight(t)
	for _, seed := range millSeeds(t) {
		good := hostileFile{merchant: seed.merchant, name: seed.name, content: seed.content}
		verdict, err := n.examine(&good, memoryOf(n.good, map[string]string{good.folder() + good.name: good.content}), true)
		if err != nil || verdict.State != settlement.Consumed || verdict.Accepted < 2 || verdict.Rejected+verdict.Deferred > 0 {
			t.Errorf("the good file of %s: %+v, %v", seed.format, verdict, err)
		}
	}
	every, number := hostileSample, 0
	if os.Getenv("SETTLE_HOSTILE") == "all" {
		every = 1
	}
	var violations atomic.Int64
	group, _ := errgroup.WithContext(t.Context())
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, files := range []iter.Seq[hostileFile]{mutated(t), odd(t), noise(), names(t)} {
		for file := range files {
			if number++; number%every != 0 {
				continue
			}
			number := number / every
			group.Go(func() error {
				if file.merchant == "" {
					file.merchant = "Mill"
				}
				if err := n.deliver(&file, number%3 == 0); err != nil {
					violations.Add(1)
					t.Errorf("%s, %s, %s: %v", file.format, file.mutation, file.what, err)
				}
				return nil
			})
		}
	}
	group.Wait()
	n.log(t)
	all := n.all()
	faults.Record(t, "H", "hostile files of one merchant in a good night", int(all.files+violations.Load()), int(violations.Load()), fmt.Sprintf(
		"CSV, JSON lines, Parquet, gzip, zstd, profiles, names, noise: %d held with a code, %d with rows rejected, %d taken as they are; nobody else's statement changes",
		all.files-all.accepted-all.rejected, all.rejected, all.accepted))
}

// FuzzHostileFile settles the good night with whatever bytes in it.
func FuzzHostileFile(f *testing.F) {
	n := newHostileNight(f)
	seeds := millSeeds(f)
	for which, seed := range seeds {
		f.Add([]byte(seed.content), uint8(which))
	}
	f.Fuzz(func(t *testing.T, content []byte, which uint8) {
		seed := &seeds[int(which)%len(seeds)]
		file := hostileFile{merchant: seed.merchant, name: seed.name, content: string(content)}
		if err := n.deliver(&file, false); err != nil {
			t.Error(err)
		}
	})
}
