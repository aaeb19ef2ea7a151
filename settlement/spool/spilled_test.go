package spool

import (
	"math"
	"testing"
)

// TestSpilled says of spools with and without room whether they are on the disk.
func TestSpilled(t *testing.T) {
	for _, c := range []struct {
		budget  int64
		record  int
		spilled bool
	}{{math.MaxInt64, 100, false}, {0, 100, true}, {0, 2 * extentBytes, true}, {0, 0, false}} {
		pool := NewPool(t.TempDir(), c.budget)
		spool := pool.NewSpool(3)
		writer := spool.NewWriter()
		if err := writer.Append(1, make([]byte, c.record)); err != nil {
			t.Fatal(err)
		}
		if err := writer.Flush(); err != nil {
			t.Fatal(err)
		}
		if spool.Spilled() != c.spilled {
			t.Errorf("a record of %d bytes with a budget of %d: spilled is %t", c.record, c.budget, !c.spilled)
		}
		if spool.Release(1); spool.Spilled() {
			t.Errorf("a record of %d bytes with a budget of %d: spilled after it was released", c.record, c.budget)
		}
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
