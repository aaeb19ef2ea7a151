package batch

import (
	"runtime"
	"testing"
	"weak"

	"alliance/rules"
)

// TestAttributionsAreForgotten prices lines, after which nothing may hold what the workers attributed in: it would be
// in memory until all is published.
func TestAttributionsAreForgotten(t *testing.T) {
	r := &run{Computation: Computation{Rulebook: new(rules.Rulebook)}, workers: []*attribution{{worker: 0}, {worker: 1}}}
	var before []weak.Pointer[attribution]
	for _, worker := range r.workers {
		before = append(before, weak.Make(worker))
	}
	if err := r.priceLines(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	for i, worker := range before {
		if worker.Value() != nil {
			t.Errorf("worker %d is still there", i)
		}
	}
	runtime.KeepAlive(r)
}
