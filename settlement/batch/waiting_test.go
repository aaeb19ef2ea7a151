package batch

import (
	"context"
	"sync"
	"testing"

	"alliance/settlement/spool"

	"golang.org/x/sync/errgroup"
)

// TestAccountsWaitUpToALimit has runs wait in memory until there are too many bytes of them, or no room for any, and then has them put
// on record at once. Those of a rehearsal always wait.
func TestAccountsWaitUpToALimit(t *testing.T) {
	const third = mostWaiting_bytes / 3
	for name, test := range map[string]struct {
		sizes     []int64
		budget    int64
		rehearsal bool
		kept      []bool
	}{
		"few":            {[]int64{third, third}, 1 << 40, false, []bool{false, false}},
		"many":           {[]int64{third, third, third, third, third}, 1 << 40, false, []bool{false, false, false, true, true}},
		"large":          {[]int64{mostWaiting_bytes + 1, third}, 1 << 40, false, []bool{true, false}},
		"without memory": {[]int64{third, third}, 0, false, []bool{true, true}},
		"a rehearsal":    {[]int64{mostWaiting_bytes + 1, third}, 0, true, []bool{false, false}},
	} {
		pool := spool.NewPool(t.TempDir(), test.budget)
		var mutex sync.Mutex
		kept := make(map[*stateRun]bool)
		r := &run{Computation: Computation{Pool: pool}}
		if !test.rehearsal {
			r.keep = func(_ context.Context, run *stateRun) error {
				mutex.Lock()
				defer mutex.Unlock()
				kept[run] = true
				return nil
			}
		}
		var keeping errgroup.Group
		var stacks [][]stateRun
		for _, size := range test.sizes {
			blob := pool.NewBlob()
			if _, err := blob.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			if err := blob.Close(); err != nil {
				t.Fatal(err)
			}
			stacks = append(stacks, []stateRun{{blob: blob}})
			r.keepNew(t.Context(), &keeping, &stacks[len(stacks)-1][0])
		}
		if err := keeping.Wait(); err != nil {
			t.Error(err)
		}
		for i := range stacks {
			if kept[&stacks[i][0]] != test.kept[i] {
				t.Errorf("%s: run %d is put on record: %v, want %v", name, i+1, kept[&stacks[i][0]], test.kept[i])
			}
		}
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}
}
