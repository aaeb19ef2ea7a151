package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"alliance/settlement/batch"
)

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// jobOf returns the name that a CronJob gives the Job of a minute.
func jobOf(t *testing.T, cronJob, scheduled string) string {
	return fmt.Sprintf("job:%s-%d", cronJob, instant(t, scheduled).Unix()/60)
}

// runAt runs settle run on the world while the clock shows an instant.
func (w *world) runAt(now string, arguments ...string) (code int, report batch.Report, stderr string) {
	w.t.Helper()
	at := instant(w.t, now)
	never := func(context.Context, time.Duration) { w.t.Error("the run sleeps") }
	return w.runBy(context.Background(), clock{func() time.Time { return at }, never}, arguments...)
}

// runBy runs settle run on the world by a clock.
func (w *world) runBy(ctx context.Context, clock clock, arguments ...string) (code int, report batch.Report, stderr string) {
	w.t.Helper()
	command := newRunBy(clock)
	command.SilenceUsage, command.SilenceErrors = true, true
	var out, errors bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&errors)
	command.SetArgs(append(arguments, "--root", w.root, "--rules", w.rules, "--json"))
	err := interrupted(ctx, command.ExecuteContext(ctx))
	if err != nil {
		fmt.Fprintln(&errors, err)
	} else if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		w.t.Fatalf("%v in %s", err, out.String())
	}
	return exitCode(err), report, errors.String()
}

// datesOf returns the dates of a report, those that were settled before in brackets.
func datesOf(report batch.Report) string {
	var dates []string
	for i := range report.Dates {
		text := report.Dates[i].Date.String()
		if report.Dates[i].Already {
			text = "(" + text + ")"
		}
		dates = append(dates, text)
	}
	return strings.Join(dates, " ")
}

func TestTheNewestDateThatIsOver(t *testing.T) {
	job := func(scheduled string) string { return jobOf(t, "settle", scheduled) }
	for _, c := range []struct {
		why, zone, dayStartsAt, now string
		arguments                   []string
		date                        string
	}{
		{"by the clock", "Asia/Shanghai", "00:00", "2026-06-08T04:30:00+08:00", nil, "2026-06-07"},
		{"a moment before midnight", "Asia/Shanghai", "00:00", "2026-06-07T23:59:59+08:00", nil, "2026-06-06"},
		{"at midnight", "Asia/Shanghai", "00:00", "2026-06-08T00:00:00+08:00", nil, "2026-06-07"},
		{"the day starts at four", "Asia/Shanghai", "04:00", "2026-06-08T03:59:59+08:00", nil, "2026-06-06"},
		{"the day has started at four", "Asia/Shanghai", "04:00", "2026-06-08T04:00:00+08:00", nil, "2026-06-07"},
		{"the delay is not over", "Asia/Shanghai", "04:00", "2026-06-08T05:59:59+08:00", []string{"--delay", "2h"}, "2026-06-06"},
		{"the delay is over", "Asia/Shanghai", "04:00", "2026-06-08T06:00:00+08:00", []string{"--delay", "2h"}, "2026-06-07"},
		{"a delay of days", "Asia/Shanghai", "04:00", "2026-06-08T06:00:00+08:00", []string{"--delay", "49h"}, "2026-06-05"},
		{"a second try after midnight", "Asia/Shanghai", "00:00", "2026-06-09T00:10:00+08:00", []string{"--at", "2026-06-08T04:30:00+08:00"}, "2026-06-07"},
		{"a Job tried again after midnight", "Asia/Shanghai", "00:00", "2026-06-09T00:10:00+08:00", []string{"--at", job("2026-06-08T04:30:00+08:00")}, "2026-06-07"},
		{"a Job that started late", "Asia/Shanghai", "00:00", "2026-06-12T00:10:00+08:00", []string{"--at", job("2026-06-08T04:30:00+08:00")}, "2026-06-07"},
		{"a Job whose controller's clock is ahead", "Asia/Shanghai", "00:00", "2026-06-08T04:29:30+08:00", []string{"--at", job("2026-06-08T04:30:00+08:00")}, "2026-06-07"},
		{"a Job made by hand", "Asia/Shanghai", "00:00", "2026-06-09T04:30:00+08:00", []string{"--at", "job:settle-by-hand"}, "2026-06-08"},
		{"a Job made by hand, with a date in its name", "Asia/Shanghai", "00:00", "2026-06-09T04:30:00+08:00", []string{"--at", "job:settle-20260601"}, "2026-06-08"},
		{"clocks go forward to 03:00 tonight: 01:59 is not 03:00", "Europe/Berlin", "02:30", "2026-03-29T00:59:59Z", nil, "2026-03-27"},
		{"clocks went forward past 02:30", "Europe/Berlin", "02:30", "2026-03-29T01:00:00Z", nil, "2026-03-28"},
		{"02:30 for the first time", "Europe/Berlin", "02:30", "2026-10-25T00:45:00Z", nil, "2026-10-23"},
		{"02:10 for the second time, and 02:30 is to come again", "Europe/Berlin", "02:30", "2026-10-25T01:10:00Z", nil, "2026-10-23"},
		{"02:30 for the second time", "Europe/Berlin", "02:30", "2026-10-25T01:30:00Z", nil, "2026-10-24"},
		{"two hours after the cut-off, in hours that pass", "Europe/Berlin", "00:00", "2026-03-29T01:00:00Z", []string{"--delay", "2h"}, "2026-03-28"},
		{"an hour of the day does not count if it is skipped", "Europe/Berlin", "00:00", "2026-03-29T00:59:59Z", []string{"--delay", "2h"}, "2026-03-27"},
		{"midnight is skipped", "America/Sao_Paulo", "00:00", "2018-11-04T03:00:00Z", nil, "2018-11-03"},
	} {
		w := newWorld(t)
		text := strings.Replace(rulebook, "time_zone: UTC", fmt.Sprintf("time_zone: %s, day_starts_at: %q", c.zone, c.dayStartsAt), 1)
		w.write("rules.yaml", strings.ReplaceAll(text, "joined: 2026-01-01", "joined: 2018-01-01"))
		code, report, stderr := w.runAt(c.now, append(c.arguments, "--date", "last")...)
		if code != exitDone || datesOf(report) != c.date {
			t.Errorf("%s: %s at %s settles %s, not %s: exit code %d, %s", c.why, c.zone, c.now, datesOf(report), c.date, code, stderr)
		}
		contains(t, stderr, "the newest date that is over", "date="+c.date)
	}
}

func TestWrongMoments(t *testing.T) {
	for why, c := range map[string]struct {
		arguments []string
		message   string
	}{
		"no instant":            {[]string{"--date", "last", "--at", "yesterday"}, `"yesterday" is neither an instant of the form 2026-06-08T04:30:00+08:00 nor job:NAME`},
		"no offset":             {[]string{"--date", "last", "--at", "2026-06-08T04:30:00"}, "neither an instant"},
		"ahead of the clock":    {[]string{"--date", "last", "--at", "2027-06-08T04:30:00Z"}, "lies ahead of this machine's clock, which shows 2026-06-08T00:00:00Z"},
		"a delay of less":       {[]string{"--date", "last", "--delay", "-1h"}, "--delay"},
		"no time between looks": {[]string{"--date", "last", "--poll-interval", "0s"}, "--poll-interval is one above 0"},
		"another word":          {[]string{"--date", "newest"}, `"newest" is not a date of the form YYYY-MM-DD, nor the word "last"`},
		"a delay of a date":     {[]string{"--date", "2026-06-03", "--delay", "5m"}, "--delay belongs to --date last"},
		"an instant for nothing": {[]string{"--date", "2026-06-03", "--at", "2026-06-08T00:00:00Z"},
			"--at belongs to --date last and to --wait-for-merchants"},
		"an instant for a restatement": {[]string{"--date", "2026-06-03", "--at", "2026-06-08T00:00:00Z", "--wait-for-merchants", "1h", "--restate", "--reason", "x"},
			"leave --at out"},
		"restating the last": {[]string{"--date", "last", "--restate", "--reason", "x"}, "--restate needs the --date"},
	} {
		w := newWorld(t)
		code, _, stderr := w.runAt("2026-06-08T00:00:00Z", c.arguments...)
		if code != exitUsage || !strings.Contains(stderr, c.message) {
			t.Errorf("%s: exit code %d: %s", why, code, stderr)
		}
	}
}

func TestScheduledTimes(t *testing.T) {
	now := instant(t, "2026-11-22T02:00:00Z")
	for name, want := range map[string]string{
		"settle-29689395":                 "2026-06-13T15:15:00Z",
		"settle-2-29689395":               "2026-06-13T15:15:00Z",
		"settle-29921761":                 "2026-11-22T00:01:00Z",
		"settle-29921889":                 "2026-11-22T02:09:00Z", // within the skew of two clocks
		"settle-29921891":                 "",                     // ahead
		"settle-29000000":                 "",                     // more than 400 days ago
		"settle":                          "",
		"":                                "",
		"29689395":                        "",
		"-29689395":                       "",
		"settle-":                         "",
		"settle-029689395":                "",
		"settle-+29689395":                "",
		"settle--29689395":                "2026-06-13T15:15:00Z",
		"settle-29689395x":                "",
		"settle-29689395.5":               "",
		"settle-20261121":                 "",
		"settle-153722867280912931":       "",
		"settle-18446744073709551615":     "",
		"settle-99999999999999999999999":  "",
		"settle-rerun-2026-06-13":         "",
		"settle-\u0662\u0669\u0666\u0668": "",
	} {
		at, found := scheduledTime(name, now)
		if got := utc(at); found != (want != "") || found && got != want {
			t.Errorf("%q says %s, %t, not %q", name, got, found, want)
		}
	}
}

// What was missed while nothing ran is settled in order, and a run that is started again, or twice,
// settles nothing else.
func TestMissedNightsAreCaughtUp(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	nightly := func(scheduled, now string) string {
		t.Helper()
		code, report, stderr := w.runAt(now, "--date", "last", "--catch-up", "--at", jobOf(t, "settle", scheduled))
		if code != exitDone {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		return datesOf(report)
	}
	for _, c := range []struct{ scheduled, now, dates string }{
		{"2026-01-06T03:00:00Z", "2026-01-06T03:00:05Z", "2026-01-05"},
		{"2026-01-06T03:00:00Z", "2026-01-07T00:10:00Z", "(2026-01-05)"},                     // again, after midnight
		{"2026-01-09T03:00:00Z", "2026-01-09T05:00:00Z", "2026-01-06 2026-01-07 2026-01-08"}, // nothing ran for two nights
		{"2026-01-09T03:00:00Z", "2026-01-09T05:01:00Z", "(2026-01-08)"},
		{"2026-01-07T03:00:00Z", "2026-01-09T05:02:00Z", "(2026-01-06)"}, // a Job of a night that was caught up
		{"2026-01-10T03:00:00Z", "2026-01-10T03:00:00Z", "2026-01-09"},
	} {
		if got := nightly(c.scheduled, c.now); got != c.dates {
			t.Errorf("the Job of %s settles %s at %s, not %s", c.scheduled, got, c.now, c.dates)
		}
	}
}
