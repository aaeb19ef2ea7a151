package batch_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"alliance/settlement/batch"
	"alliance/settlement/faults"
)

// TestFaultE_FullDiskOfAStore lets the stores be full from the k-th call on, for every k: each write
// fails from then on, and reading still works.
func TestFaultE_FullDiskOfAStore(t *testing.T) {
	scene := faultScenes(t)[0]
	trials, violations, outcomes := 0, 0, make(map[string]int)
	for k, done := int64(1), false; !done; k += int64(faults.Count(11, 1)) {
		synctest.Test(t, func(t *testing.T) {
			tr := &trial{t: t, scene: scene, stores: scene.before.clone(t), name: fmt.Sprintf("full from call %d", k)}
			injector := faults.NewInjector(func(number int64, _ faults.Call) faults.Kind {
				if number >= k {
					return faults.DiskFull
				}
				return faults.Fine
			})
			_, err := batch.Run(t.Context(), scene.job(tr.stores.wrapped(injector)))
			if done = len(injector.Hits()) == 0; done {
				return
			}
			if err == nil {
				tr.violated("it says that it is done")
			}
			tr.reported(err)
			tr.finished()
			trials++
			outcomes[outcomeOf(err)]++
			if tr.failed {
				violations++
			}
		})
	}
	faults.Record(t, "E", "every store full from the k-th call on", trials, violations, describeOutcomes(outcomes))
}
