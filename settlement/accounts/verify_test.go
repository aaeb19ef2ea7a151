package accounts

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/sections"
)

func TestVerify(t *testing.T) {
	random := newSources(t)
	content, _ := write(t, testParties, random.items(200))
	if err := openRun(t, content, testParties).Verify(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		says  string
		alter func(run *Run)
	}{
		{"its index says", func(run *Run) { run.facts.Lots++ }},
		{"its index says", func(run *Run) { run.facts.Removed-- }},
		{"open points", func(run *Run) { run.named[1].open++ }},
		{"due on", func(run *Run) { run.dues[0].list += "\x00" }},
		{"due on", func(run *Run) { run.dues = run.dues[1:] }},
		{"due on", func(run *Run) { run.dues[0].date -= 100 }},
	} {
		run := openRun(t, content, testParties)
		test.alter(run)
		if err := run.Verify(); !errors.Is(err, sections.ErrDamaged) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v does not say %q", err, test.says)
		}
	}
}

func TestRename(t *testing.T) {
	random := newSources(t)
	items := random.items(60)
	items[7].removed = false // a removal carries no rows
	items[7].account.Deferred = []settlement.Transaction{random.deferred(items[7].account.Member), random.deferred("somebody else")}
	content, _ := write(t, testParties, items)
	for _, i := range []int{0, 7, 30, 59} {
		for _, to := range []string{"\x01first", "member-000305x", "zzz"} {
			want := slices.Clone(items)
			was := want[i].account.Member
			want[i].account.Member = to
			want[i].account.Deferred = slices.Clone(want[i].account.Deferred)
			for j := range want[i].account.Deferred {
				if want[i].account.Deferred[j].Member == was {
					want[i].account.Deferred[j].Member = to
				}
			}
			slices.SortFunc(want, func(a, b item) int { return strings.Compare(a.account.Member, b.account.Member) })
			var buffer bytes.Buffer
			writer := NewWriter(&buffer, testParties)
			found, err := openRun(t, content, testParties).Rename(writer, was, to)
			if err != nil || !found {
				t.Fatal(found, err)
			}
			if _, err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			compareItems(t, "renamed to "+to, readBack(t, openRun(t, buffer.Bytes(), testParties)), want)
		}
	}
	var buffer bytes.Buffer
	writer := NewWriter(&buffer, testParties)
	if found, err := openRun(t, content, testParties).Rename(writer, "nobody", "x"); found || err != nil {
		t.Error(found, err)
	}
	if _, err := writer.Close(); err != nil || !bytes.Equal(buffer.Bytes(), content) {
		t.Error("without the member the run is not the same:", err)
	}
}
