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
			small := shrink(h, difference, time.Minute)
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
		// Candidates are made one by one, since each one taken changes those after it.
		for i := 0; time.Now().Before(until); i++ {
			candidate := h.without(i)
			if candidate == nil {
				break
			}
			if difference(candidate) != "" {
				h, smaller = candidate, true
				i--
			}
		}
	}
	return h
}

func (h *history) clone() *history {
	other := *h
	other.nights = slices.Clone(h.nights)
	return &other
}

// without leaves out the i-th thing that can be left out: the nights after one, the first night, then
// files, adjustments, rows, rules; nil if there is no i-th.
func (h *history) without(i int) *history {
	other := h.clone()
	if i < len(h.nights)-1 {
		other.nights = other.nights[:i+1]
		return other
	}
	i -= len(h.nights) - 1
	if i == 0 && len(h.nights) > 1 {
		other.nights, other.first, other.lateFrom = other.nights[1:], h.first+1, max(0, h.lateFrom-1)
		return other
	}
	i--
	for at := range other.nights {
		n := &other.nights[at]
		if i >= 0 && i < len(n.files) {
			n.files = slices.Delete(slices.Clone(n.files), i, i+1)
			return other
		}
		i -= len(n.files)
		if i >= 0 && i < len(n.adjustments) {
			n.adjustments = slices.Delete(slices.Clone(n.adjustments), i, i+1)
			return other
		}
		i -= len(n.adjustments)
	}
	for at := range other.nights {
		for number, f := range other.nights[at].files {
			if f.table == nil {
				continue
			}
			if i >= 0 && i < len(f.table.rows) {
				changed, rows := *f, *f.table
				rows.rows = slices.Delete(slices.Clone(rows.rows), i, i+1)
				changed.table = &rows
				other.nights[at].files = slices.Clone(other.nights[at].files)
				other.nights[at].files[number] = &changed
				return other
			}
			i -= len(f.table.rows)
		}
	}
	return other.withoutRule(i)
}

func (h *history) withoutRule(i int) *history {
	c := *h.config
	h.config = &c
	choices := []struct {
		count int
		drop  func(i int)
	}{
		{min(1, h.lateFrom), func(int) { h.later, h.lateFrom = nil, 0 }},
		{len(c.fees), func(i int) { c.fees = slices.Delete(slices.Clone(c.fees), i, i+1) }},
		{len(c.holds), func(i int) { c.holds = slices.Delete(slices.Clone(c.holds), i, i+1) }},
		{len(c.prices) - 1, func(i int) { c.prices = slices.Delete(slices.Clone(c.prices), i, i+1) }},
	}
	for _, choice := range choices {
		if i < choice.count {
			choice.drop(i)
			return h
		}
		i -= choice.count
	}
	return nil
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
				fmt.Fprintf(&out, "(compressed; cut at byte %d, 0: whole)\n", f.cutAt)
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
