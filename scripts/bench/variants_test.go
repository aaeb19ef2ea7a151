package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Every variant settles, each in its shape, and is measured. SETTLE_S3=1 adds the one with an S3 server.
func TestVariantsAreMeasured(t *testing.T) {
	t.Setenv("SETTLE_BENCH_CACHE", t.TempDir())
	var names []string
	for _, v := range variants {
		if !v.inStore || os.Getenv("SETTLE_S3") == "1" {
			names = append(names, v.name)
		}
	}
	o, err := parseVariantOptions([]string{"-divide", "1000", "-merchants", "5", "-cases", strings.Join(names, ",")})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := chosenVariants(o.cases)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := setUp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	results, err := measureVariants(t.Context(), o, machine, chosen, &text)
	if err != nil {
		t.Fatal(err)
	}
	printVariants(&text, results)
	t.Log(text.String())
	byName := make(map[string]*result)
	for _, r := range results {
		byName[r.name] = r
		if r.spent.wall <= 0 || r.spent.processor() <= 0 || r.spent.peak < 1<<20 || r.stateBytes <= r.accountBytes || r.accountBytes <= 0 || len(r.stages[0]) == 0 {
			t.Errorf("%s: %+v", r.name, r)
		}
		// Six files at least for each merchant.
		if merchants := r.world(&o.sizes).merchants; r.written < 6*int64(merchants) || r.files < int64(merchants) || r.delivered <= r.files {
			t.Errorf("%s: %d objects written, %d delivered, of these %d files", r.name, r.written, r.delivered, r.files)
		}
	}
	if len(results) != len(names) {
		t.Errorf("%d results of %v", len(results), names)
	}
	if many := byName["many-merchants"]; many.files != 20 || many.delivered != 22 || many.rows != 100 {
		t.Errorf("many-merchants has %d rows in %d files, %d objects", many.rows, many.files, many.delivered)
	}
	// 20,000 members: 20 of them are 0.1 %, 1,000 are 5 %. Another tenth of the lots expires at the end of the month.
	few, some := byName["touch-0.1"], byName["touch-5"]
	if few.touched != 20 || some.touched != 1_000 || few.accountBytes >= some.accountBytes || byName["month-end"].accountBytes <= few.accountBytes {
		t.Errorf("%d members touched write %d bytes of accounts, %d write %d; the end of the month %d",
			few.touched, few.accountBytes, some.touched, some.accountBytes, byName["month-end"].accountBytes)
	}
	// The same lots before the night are put on record once.
	ledgers, err := filepath.Glob(filepath.Join(machine.cache, "lots", "*", "ledgers", "*"))
	if err != nil || len(ledgers) >= len(names) {
		t.Errorf("%d ledgers for %d nights: %v", len(ledgers), len(names), err)
	}
	if stored := byName["s3"]; stored != nil && (stored.served <= 0 || !strings.Contains(text.String(), "the server took CPU")) {
		t.Errorf("the server took %s", stored.served)
	}
	for _, want := range []string{`(?m)^one-member +\d+\.\d\d x of the wall clock per row of base \(at most 2\)`, `(?m)^touch-0\.1 +\d+\.\d\d x of the wall clock of touch-0\.1-of-few \(at most 2\)`,
		`(?m)^many-merchants +\d+\.\d\d x of \d+\.\d\d s: 2 times .* for each of 20 files \(at most 1\)`, `of \d+ bounds held`, `(?m)^base +2000 +6 `} {
		if !regexp.MustCompile(want).MatchString(text.String()) {
			t.Errorf("the table has no %s", want)
		}
	}
}

// A bound that does not hold is called so.
func TestBoundsAreJudged(t *testing.T) {
	took := func(name string, rows int64, wall time.Duration, peak int64) *result {
		for i := range variants {
			if variants[i].name == name {
				return &result{variant: &variants[i], rows: rows, spent: cost{wall: wall, user: wall, peak: peak}, delivered: 1_000, touched: 10, accountBytes: 100 * int64(wall.Seconds()),
					files: 1_000, stages: [][]stepTime{{}}}
			}
		}
		t.Fatalf("no variant %s", name)
		return nil
	}
	for _, of := range []struct {
		name, against string
		rows          int64
		wall          time.Duration
		peak          int64
		want          string
	}{
		{"one-member", "base", 1_000, 19 * time.Second, 1 << 30, "1.90 x of the wall clock per row of base (at most 2)\n"},
		{"one-member", "base", 1_000, 21 * time.Second, 1 << 30, "2.10 x of the wall clock per row of base (at most 2): OVER\n"},
		{"one-member", "base", 2_000, 21 * time.Second, 1 << 30, "1.05 x of the wall clock per row of base (at most 2)\n"},
		{"one-member", "base", 1_000, 19 * time.Second, 3 << 30, "peak memory 3.00 GiB (at most 2.00 GiB): OVER\n"},
		{"s3", "base", 1_000, 14 * time.Second, 1 << 30, "1.40 x of the wall clock of base (at most 1.5)\n"},
		{"s3", "base", 1_000, 16 * time.Second, 1 << 30, "1.60 x of the wall clock of base (at most 1.5): OVER\n"},
		// 100 rows may take 2 s, and 1,000 files another 2 s.
		{"many-merchants", "base", 100, 3 * time.Second, 1 << 30, "0.75 x of 4.00 s: 2 times the wall clock per row of base, and 2 ms for each of 1000 files (at most 1)\n"},
		{"many-merchants", "base", 100, 5 * time.Second, 1 << 30, "1.25 x of 4.00 s: 2 times the wall clock per row of base, and 2 ms for each of 1000 files (at most 1): OVER\n"},
		{"touch-5", "touch-5-of-few", 1_000, 30 * time.Second, 1 << 30, "3.00 x of the bytes of accounts per member touched of touch-5-of-few: 300 and 100 (at most 2): OVER\n"},
	} {
		var text strings.Builder
		printVariants(&text, []*result{took(of.against, 1_000, 10*time.Second, 1<<30), took(of.name, of.rows, of.wall, of.peak)})
		if !strings.Contains(text.String(), of.want) {
			t.Errorf("no %q in\n%s", of.want, text.String())
		}
		held := 3 - strings.Count(of.want, "OVER")
		if want := fmt.Sprintf("%d of 3 bounds held", held); !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

func TestVariantOptions(t *testing.T) {
	for want, arguments := range map[string][]string{
		`no case "two-members"`: {"-cases", "base,two-members"},
		"at least 1":            {"-divide", "0"},
		"99 rows cannot touch":  {"-touch-lots", "10000", "-touch-rows", "99"},
		"divided rows":          {"-divide", "100000"},
		`"more" is no flag`:     {"more"},
	} {
		if err := runVariants(t.Context(), arguments); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", arguments, err, want)
		}
	}
	for wanted, want := range map[string]string{"touch-5 one-file": "base-large one-file touch-5-of-few touch-5", "hundredfold": "base tenfold hundredfold"} {
		chosen, err := chosenVariants(wanted)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, v := range chosen {
			names = append(names, v.name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("chosen for %s: %s", wanted, got)
		}
	}
	if name := variantsName("touch-5 one-file"); name != "variants-touch-5-one-file.txt" || variantsName("") != "variants.txt" {
		t.Errorf("the results are written to %s", name)
	}
}
