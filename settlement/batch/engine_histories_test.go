package batch_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"sync/atomic"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/faults"
)

var (
	historiesFlag = flag.Uint64("histories", 2000, "how many random histories the engine is compared with the model on")
	seedFlag      = flag.Uint64("seed", 1, "the seed of the first random history")
)

// TestEngineEqualsModel settles random histories with the engine and with the model, which
// share no code, and compares everything they decided, night by night.
func TestEngineEqualsModel(t *testing.T) {
	const shards = 8
	t.Logf("%d histories from seed %d", *historiesFlag, *seedFlag)
	count := *historiesFlag / shards
	var compared, nights, different atomic.Int64
	t.Run("shards", func(t *testing.T) {
		for shard := range uint64(shards) {
			from := *seedFlag + shard*count
			t.Run(fmt.Sprintf("seeds_%d_to_%d", from, from+count-1), func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Failed() {
						different.Add(1)
					}
				}()
				checkHistories(t, from, count, func(h *history) string {
					said := engineDifference(t, h)
					if said == "" {
						compared.Add(1)
						nights.Add(int64(len(h.nights)))
					}
					return said
				})
			})
		}
	})
	faults.Record(t, "I", "replays, duplicates, reorders, late files, corrections, against the second model", int(compared.Load()+different.Load()), int(different.Load()),
		fmt.Sprintf("random histories of %d nights, from seed %d: lines, detail, positions, fees, payments, points, lots, claims, deferred rows, exceptions, inputs and summaries are equal every night", nights.Load(), *seedFlag))
}

// engineDifference says where the engine departs from the model on a history.
func engineDifference(t testing.TB, h *history) (said string) {
	defer func() {
		if failed := recover(); failed != nil {
			said = fmt.Sprintf("panic: %v", failed)
		}
	}()
	expected := modelResults(h)
	engine := newEngine(1+int(h.seed%3), 1+int(h.seed%7))
	rulebooks := make(map[string]*rules.Rulebook)
	for i := range h.nights {
		text := h.configOf(i).yaml()
		if rulebooks[text] == nil {
			rulebook, err := rules.Parse("rulebook.yaml", []byte(text))
			if err != nil {
				return fmt.Sprintf("the rulebook is refused: %v\n%s", err, text)
			}
			rulebooks[text] = rulebook
		}
		date := h.first + day(i)
		engine.deliver(t, &h.nights[i], date)
		result, err := engine.settle(t, rulebooks[text], settlement.Date(date))
		if err != nil {
			return fmt.Sprintf("night %s: %v", date, err)
		}
		if difference := expected[i].difference(result); difference != "" {
			return fmt.Sprintf("night %s\n%s", date, difference)
		}
	}
	return ""
}

// deliver puts a night's files into the inbox.
func (e *engine) deliver(t testing.TB, n *night, date day) {
	put := func(key string, content []byte) {
		if err := e.inbox.Replace(context.Background(), key, bytes.NewReader(content)); err != nil {
			t.Fatalf("deliver %s: %v", key, err)
		}
	}
	for _, file := range n.files {
		put(file.key(), file.bytes())
	}
	if len(n.adjustments) > 0 {
		put(adjustmentsKey(date), adjustmentsCSV(n.adjustments))
	}
}
