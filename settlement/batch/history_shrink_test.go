package batch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkHistories runs difference over the random histories of some seeds. Of the first one
// where it says something it prints the seed, and the smallest history found that still
// makes it say something, as files.
func checkHistories(t *testing.T, from, count uint64, difference func(*history) string) {
	t.Helper()
	for seed := from; seed < from+count; seed++ {
		h := randomHistory(seed)
		if said := difference(h); said != "" {
			small := shrink(h, difference, 10*time.Second)
			t.Fatalf("history of seed %d differs:\n%s\nshrunk to this history:\n%s\nwhich differs so:\n%s", seed, said, small, difference(small))
		}
	}
}

// shrink leaves out of a failing history whatever it can while it still fails, for at most
// about the given time.
func shrink(h *history, difference func(*history) string, limit time.Duration) *history {
	until := time.Now().Add(limit)
	for smaller := true; smaller; {
		smaller = false
		for i := 0; time.Now().Before(until); {
			candidates := h.smaller()
			if i >= len(candidates) {
				break
			}
			candidate := h.clone()
			candidates[i](candidate)
			if difference(candidate) != "" {
				h, smaller = candidate, true // the i-th candidate is another one now
			} else {
				i++
			}
		}
	}
	return h
}

// clone copies a history so far that what [history.smaller] does to it leaves the first alone.
func (h *history) clone() *history {
	other := *h
	c := *h.config
	other.config = &c
	other.nights = slices.Clone(h.nights)
	for i := range other.nights {
		n := &other.nights[i]
		n.files, n.adjustments = slices.Clone(n.files), slices.Clone(n.adjustments)
	}
	return &other
}

// smaller lists what can be left out of a history: the nights after one, the first night or only its run, then
// files, adjustments, rows, rules.
func (h *history) smaller() []func(*history) {
	var list []func(*history)
	for i := range len(h.nights) - 1 {
		list = append(list, func(h *history) { h.nights = h.nights[:i+1] })
	}
	if len(h.nights) > 1 {
		list = append(list, func(h *history) { h.nights, h.first, h.lateFrom = h.nights[1:], h.first+1, max(0, h.lateFrom-1) })
		list = append(list, (*history).startLater)
	}
	for at, n := range h.nights {
		for i := range n.files {
			list = append(list, func(h *history) { h.nights[at].files = slices.Delete(h.nights[at].files, i, i+1) })
		}
		for i := range n.adjustments {
			list = append(list, func(h *history) { h.nights[at].adjustments = slices.Delete(h.nights[at].adjustments, i, i+1) })
		}
	}
	for at, n := range h.nights {
		for number, f := range n.files {
			if f.table == nil {
				continue
			}
			for i := range f.table.rows {
				list = append(list, func(h *history) { h.nights[at].files[number] = f.withoutRow(i) })
			}
		}
	}
	return append(list, h.fewerRules()...)
}

// startLater lets what arrived before the first run arrive before the second, which becomes
// the first.
func (h *history) startLater() {
	early, next := h.nights[0], &h.nights[1]
	next.files = slices.Concat(slices.DeleteFunc(early.files, func(f *file) bool {
		return slices.ContainsFunc(next.files, func(g *file) bool { return g.key() == f.key() })
	}), next.files)
	next.adjustments = append(early.adjustments, next.adjustments...)
	h.nights, h.first, h.lateFrom = h.nights[1:], h.first+1, max(0, h.lateFrom-1)
}

func (f *file) withoutRow(i int) *file {
	changed, t := *f, *f.table
	t.rows = slices.Delete(slices.Clone(t.rows), i, i+1)
	changed.table = &t
	return &changed
}

func (h *history) fewerRules() []func(*history) {
	var list []func(*history)
	if h.later != nil {
		list = append(list, func(h *history) { h.later, h.lateFrom = nil, 0 })
	}
	for i := range h.config.fees {
		list = append(list, func(h *history) { h.config.fees = slices.Delete(slices.Clone(h.config.fees), i, i+1) })
	}
	for i := range h.config.holds {
		list = append(list, func(h *history) { h.config.holds = slices.Delete(slices.Clone(h.config.holds), i, i+1) })
	}
	for i := range len(h.config.prices) - 1 {
		list = append(list, func(h *history) { h.config.prices = slices.Delete(slices.Clone(h.config.prices), i, i+1) })
	}
	return list
}

// String prints the history as files: the rulebook, and what arrives before each run.
// Compressed files are shown as they are inside.
func (h *history) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "seed %d, first settlement date %s\n-- rules.yaml --\n%s", h.seed, h.first, h.config.yaml())
	for i, n := range h.nights {
		d := h.first + day(i)
		fmt.Fprintf(&out, "==== before the run of %s\n", d)
		if h.later != nil && i == h.lateFrom {
			fmt.Fprintf(&out, "-- rules.yaml --\n%s", h.later.yaml())
		}
		for _, f := range n.files {
			fmt.Fprintf(&out, "-- %s --\n", f.key())
			inside := *f
			inside.name = strings.TrimSuffix(f.name, ".gz")
			if inside.name != f.name {
				fmt.Fprintf(&out, "(compressed; without its last %d bytes)\n", f.cut)
			}
			text := string(inside.bytes())
			fmt.Fprint(&out, strings.ReplaceAll(text, "\r", "\\r"))
			if !strings.HasSuffix(text, "\n") {
				fmt.Fprint(&out, "(no line end)\n")
			}
		}
		if len(n.adjustments) > 0 {
			fmt.Fprintf(&out, "-- %s --\n%s", adjustmentsKey(d), adjustmentsCSV(n.adjustments))
		}
	}
	return out.String()
}
