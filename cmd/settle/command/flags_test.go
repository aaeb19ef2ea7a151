package command

import "testing"

// TestWrongValues says of a flag that was given what it does not take what it takes, wherever it was given.
func TestWrongValues(t *testing.T) {
	for _, c := range []struct{ command, variable, value, message string }{
		{"status", "SETTLE_JSON", "yes", `settle: SETTLE_JSON="yes" in the environment: write true or false`},
		{"run", "SETTLE_STRICT", "", `settle: SETTLE_STRICT="" in the environment: write true or false`},
		{"run", "SETTLE_WORKERS", "two", `settle: SETTLE_WORKERS="two" in the environment: write a whole number`},
		{"run", "SETTLE_WORKERS", "99999999999999999999", `settle: SETTLE_WORKERS="99999999999999999999" in the environment: the number is too large or too small`},
		{"generate", "SETTLE_SEED", "-1", `settle: SETTLE_SEED="-1" in the environment: write a whole number, 0 or larger`},
		{"pull", "SETTLE_WAIT", "5", `settle: SETTLE_WAIT="5" in the environment: write a duration, such as 90m or 1h30m`},
	} {
		t.Run(c.variable+" "+c.value, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			if code, _, stderr := settle(c.command); code != exitUsage || stderr != c.message+"\n" {
				t.Errorf("exit code %d: %s", code, stderr)
			}
		})
	}
	for _, c := range []struct {
		arguments []string
		message   string
	}{
		{[]string{"status", "--json=yes"}, `settle: --json "yes": write true or false; see settle status --help`},
		{[]string{"pull", "--wait", "soon"}, `settle: --wait "soon": write a duration, such as 90m or 1h30m; see settle pull --help`},
		{[]string{"pull", "--wait", "-5s", "--date", "2026-01-05", "--merchant", "A", "--to", "x"}, `settle: --wait -5s: write a duration such as 90s, or 0s to wait for nothing`},
		{[]string{"verify", "--partitions", "9999999"}, "settle: --workers and --partitions are numbers from 1 to 1024, or 0 for the default"},
		{[]string{"verify", "--partitions", "8"}, "settle: --partitions belongs to --deep: without it nothing is computed"},
		{[]string{"verify", "--workers", "8"}, "settle: --workers belongs to --deep: without it nothing is computed"},
	} {
		if code, _, stderr := settle(c.arguments...); code != exitUsage || stderr != c.message+"\n" {
			t.Errorf("%q: exit code %d: %s", c.arguments, code, stderr)
		}
	}
}

// TestTheEnvironmentIsForManyCommands has variables do no harm where they have no meaning.
func TestTheEnvironmentIsForManyCommands(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	t.Setenv("SETTLE_WORKERS", "2")
	t.Setenv("SETTLE_DELAY", "5m")
	t.Setenv("SETTLE_AT", "2026-02-01T00:00:00Z")
	w.run(exitDone, "run", "--date", "2026-01-05")
	w.run(exitDone, "verify")
}

// TestStrictCountsOneException speaks of one exception as one.
func TestStrictCountsOneException(t *testing.T) {
	w := newWorld(t)
	for _, merchant := range []string{"A", "B"} {
		w.deliver(merchant, "2026-01-05", "sales.csv", merchant+"1,m1,issue,100,2026-01-05T08:00:00Z,,,,")
	}
	w.deliver("C", "2026-01-05", "sales.csv", "c1,m1,issue,12.5,2026-01-05T08:00:00Z,,,,")
	contains(t, w.run(exitRefused, "run", "--date", "2026-01-05", "--strict"), "--strict, and there is 1 exception: merchant=C/date=2026-01-05/sales.csv, row 1: invalid_value: ")
}
