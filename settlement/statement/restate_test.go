package statement

import (
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
)

// opener opens the files of one published folder.
func (p *published) opener(folder string) Opener {
	return func(name string) ([]byte, error) { return p.files[folder+"/"+name], nil }
}

// restate publishes a night as the next version of what was published.
func restate(t *testing.T, night *settlement.Night, was published) published {
	t.Helper()
	return publish(t, night, Options{Earlier: func(merchant string) Opener {
		folder := "merchant=" + merchant + "/date=2026-06-16"
		if merchant == "" {
			folder = "alliance/date=2026-06-16"
		}
		if _, found := was.files[folder+"/"+ManifestFile]; !found {
			return nil
		}
		return was.opener(folder)
	}})
}

func TestRestatingTheSameChangesNothing(t *testing.T) {
	was := publish(t, smallNight(), Options{})
	night := smallNight()
	night.RulebookDigest, night.ComputationID = "r01", "c01"
	for i := range night.Inputs {
		night.Inputs[i].Version += "-again"
	}
	night.AllianceVersion = 7
	for i := range night.Statements {
		night.Statements[i].Version = 9
	}
	is := restate(t, night, was)
	if len(is.files) > 0 {
		t.Errorf("published %q", is.order)
	}
	for i, folder := range is.folders {
		if before := was.folders[i]; !folder.Unchanged || folder.Version != before.Version || folder.StatementNo != before.StatementNo || folder.Change != nil {
			t.Errorf("%s: unchanged %t, version %d, number %s, want those of %+v", folder.Path, folder.Unchanged, folder.Version, folder.StatementNo, before)
		}
	}
}

func TestRestatingWhatChanged(t *testing.T) {
	was := publish(t, smallNight(), Options{})
	night := smallNight()
	// B restores 77 points less to A: that line is gone, so nothing of it is left on both sides.
	of := inMemory(night).Of
	night.Lines, inMemory(night).Of = append(night.Lines[:3:3], night.Lines[4]), append(of[:3:3], of[4])
	for i, sign := range []int64{1, -1} {
		amount := money("0.77").Mul(money([]string{"1", "-1"}[i]))
		head := &night.Statements[i]
		if sign > 0 {
			head.Receivable, head.CycleReceivable = head.Receivable.Add(amount), head.CycleReceivable.Add(amount)
		} else {
			head.Payable, head.CyclePayable = head.Payable.Sub(amount), head.CyclePayable.Sub(amount)
		}
	}
	is := restate(t, night, was)
	wantVersions := map[string]int{"A": 3, "B": 2, "C": 1, "": 2}
	for _, folder := range is.folders {
		if folder.Version != wantVersions[folder.Merchant] || folder.Unchanged != (folder.Merchant == "C") {
			t.Errorf("%s has version %d, unchanged %t", folder.Path, folder.Version, folder.Unchanged)
		}
		if changes := is.files[folder.Path+"/"+ChangesFile]; (changes != nil) != (folder.Merchant == "A" || folder.Merchant == "B") {
			t.Errorf("%s has changes: %t", folder.Path, changes != nil)
		}
	}
	var types []string
	for _, column := range strings.Fields(`statement_no:s version:i supersedes:i role:s counterparty_id:s activity:s business_date:d price_id:s
		price:p? per_points:n? currency:s transactions_was:n transactions_is:n transactions_difference:n points_was:n points_is:n
		points_difference:n value_was:m value_is:m value_difference:m`) {
		name, kind, _ := strings.Cut(column, ":")
		repetition := "required"
		if strings.HasSuffix(kind, "?") {
			repetition, kind = "optional", kind[:1]
		}
		types = append(types, name+": "+repetition+" "+typeNames[kind])
	}
	if got := columnTypes(t, is.files["merchant=A/date=2026-06-16/"+ChangesFile]); !slices.Equal(got, types) {
		t.Errorf("%s has the columns\n%s\ninstead of\n%s", ChangesFile, strings.Join(got, "\n"), strings.Join(types, "\n"))
	}
	change := is.folders[0].Change
	if change.Lines != 1 || change.Receivable.Difference().String() != "0.77" || !change.Payable.Difference().IsZero() || !change.Due.Difference().IsZero() {
		t.Errorf("A's change is %+v", change)
	}
	got := is.dump(t, "merchant=B/date=2026-06-16/"+ChangesFile)
	want := `statement_no,version,supersedes,role,counterparty_id,activity,business_date,price_id,price,per_points,currency,transactions_was,transactions_is,transactions_difference,points_was,points_is,points_difference,value_was,value_is,value_difference
ST-B-20260616-2,2,1,issuer,A,redemption_reversal,2026-06-16,base,1.00000000,100,CNY,0,0,0,-77,0,77,0.7700,0.0000,-0.7700
`
	if got != want {
		t.Errorf("B's changes are\n%s\nwant\n%s", got, want)
	}
	for path, body := range is.files {
		if strings.HasSuffix(path, ManifestFile) && strings.HasPrefix(path, "merchant=") && !strings.Contains(string(body), `"name": "`+ChangesFile+`"`) {
			t.Errorf("%s does not list %s", path, ChangesFile)
		}
	}
}

func TestRestatingFirstAndLastStatements(t *testing.T) {
	was := publish(t, smallNight(), Options{})
	for path := range was.files {
		if strings.HasPrefix(path, "merchant=A/") {
			delete(was.files, path)
		}
	}
	is := restate(t, smallNight(), was)
	first := is.folders[0]
	if first.Version != 1 || first.Supersedes != 0 || first.Unchanged || first.Change.Lines != 5 || is.files[first.Path+"/"+ChangesFile] != nil {
		t.Errorf("A's first statement is %+v, %+v", first, first.Change)
	}
}

func TestDifferenceSaysWhere(t *testing.T) {
	was := publish(t, smallNight(), Options{})
	for _, c := range []struct {
		change func(*settlement.Night)
		folder string
		want   string
	}{
		{func(n *settlement.Night) { n.ComputationID = "other" }, "merchant=A/date=2026-06-16", ""},
		{func(n *settlement.Night) { n.Statements[0].Complete = true }, "merchant=A/date=2026-06-16", "summary.parquet, column is_complete"},
		{func(n *settlement.Night) { inMemory(n).Of[1][0].OccurredAt++ }, "merchant=B/date=2026-06-16", "detail.parquet, column occurred_at"},
		{func(n *settlement.Night) { n.Exceptions[1].Column = "" }, "merchant=A/date=2026-06-16", "exceptions.parquet, column column"},
		{func(n *settlement.Night) { n.Inputs = n.Inputs[1:] }, "merchant=A/date=2026-06-16", "inputs.parquet has 0 rows, had 1"},
		{func(n *settlement.Night) { n.Statements[0].Version = 5 }, "alliance/date=2026-06-16", ""},
		{func(n *settlement.Night) { n.Payments[0].Amount = money("8.35") }, "alliance/date=2026-06-16", "payments.parquet, column amount"},
	} {
		night := smallNight()
		c.change(night)
		is := publish(t, night, Options{})
		got, err := Difference(was.opener(c.folder), is.opener(c.folder))
		if err != nil || got != c.want {
			t.Errorf("%s: the difference is %q (%v), want %q", c.folder, got, err, c.want)
		}
	}
	split := publish(t, smallNight(), Options{DetailRowsPerFile: 3})
	if got, err := Difference(was.opener("merchant=A/date=2026-06-16"), split.opener("merchant=A/date=2026-06-16")); err != nil || got != "detail-00001.parquet is new" {
		t.Errorf("a split detail: %q (%v)", got, err)
	}
	torn := published{files: map[string][]byte{}}
	if _, err := Difference(was.opener("merchant=A/date=2026-06-16"), torn.opener("x")); err == nil {
		t.Error("a folder without a manifest is no error")
	}
}
