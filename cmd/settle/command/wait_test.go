package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alliance/settlement/batch"
)

// A slowClock shows the time that a run has slept so far.
type slowClock struct {
	t     *testing.T
	at    time.Time
	slept []time.Duration
	// during is what happens in each sleep, by its number from 1.
	during map[int]func()
}

func (c *slowClock) clock() clock {
	return clock{func() time.Time { return c.at }, func(_ context.Context, span time.Duration) {
		if len(c.slept) == 1000 {
			c.t.Fatal("the run sleeps for ever")
		}
		c.at = c.at.Add(span)
		c.slept = append(c.slept, span)
		if happens := c.during[len(c.slept)]; happens != nil {
			happens()
		}
	}}
}

func (c *slowClock) minutes() int {
	var all time.Duration
	for _, span := range c.slept {
		all += span
	}
	return int(all / time.Minute)
}

const waitingRules = `alliance: {id: HUB, name: Hub, currency: EUR, time_zone: UTC, cycle: daily}
intake: {accept_late_days: 3, wait_days: 2, missing: {max_share: "0.5"}}
ledger: {attribution: fifo, expiry: {months: 1}, reversal_days: 30}
prices:
  - {id: base, price: "1.00", per_points: 150}
merchants:
  - {id: A, name: Alder, joined: 2026-01-01}
  - {id: B, name: Birch, joined: 2026-01-01, control: required}
  - {id: C, name: Cedar, joined: 2026-01-01, delivers: on_activity}
  - {id: D, name: Daisy, joined: 2026-01-01, delivers: [tue, wed]}
  - {id: E, name: Elm, joined: 2026-01-06}
`

func newWaitingWorld(t *testing.T) *world {
	w := newWorld(t)
	w.write("rules.yaml", waitingRules)
	return w
}

// Whoever is not expected is not waited for; whoever is, until all of it is there: the data, the
// control file that the register requires, and the files that it names. 2026-01-05 is a Monday.
func TestWaitingIsForWhatTheRulebookExpects(t *testing.T) {
	w := newWaitingWorld(t)
	slow := &slowClock{t: t, at: instant(t, "2026-01-06T03:00:00Z"), during: map[int]func(){
		2: func() { w.deliver("B", "2026-01-05", "b.csv", "b1,m1,issue,5,2026-01-05T10:00:00Z,,,,") },
		4: func() {
			w.write("inbox/merchant=B/date=2026-01-05/_control.json", `{"files":[{"name":"b.csv"},{"name":"b2.csv","rows":1}]}`)
		},
		5: func() { w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue,100,2026-01-05T08:00:00Z,,,,") },
		7: func() { w.deliver("B", "2026-01-05", "b2.csv", "b2,m1,redeem,7,2026-01-05T10:00:00Z,,,,") },
	}}
	code, report, stderr := w.runBy(context.Background(), slow.clock(), "--date", "last", "--wait-for-merchants", "2h")
	if code != exitDone || datesOf(report) != "2026-01-05" || !report.Dates[0].Totals.Complete || report.Dates[0].Totals.RowsAccepted != 3 {
		t.Fatalf("exit code %d, %+v\n%s", code, report, stderr)
	}
	if len(slow.slept) != 7 || slow.minutes() != 7 {
		t.Errorf("slept %v", slow.slept)
	}
	contains(t, stderr,
		"waiting for merchants", "date=2026-01-05", "until=2026-01-06T05:00:00Z", `missing="A, B"`,
		"waiting for merchants", "missing=B",
		"every merchant that is expected has delivered")
	if lines := strings.Count(stderr, "waiting for merchants"); lines != 2 {
		t.Errorf("%d lines say who is missing, although it changed once:\n%s", lines, stderr)
	}
}

// At the deadline the run does what the rulebook says.
func TestWaitingEnds(t *testing.T) {
	atFour := func(w *world, extra ...string) (*slowClock, int, string, string) {
		slow := &slowClock{t: t, at: instant(t, "2026-01-06T04:00:00Z")}
		code, report, stderr := w.runBy(context.Background(), slow.clock(),
			append(extra, "--date", "last", "--wait-for-merchants", "45m", "--poll-interval", "20m")...)
		missing := ""
		if len(report.Dates) == 1 {
			missing = strings.Join(report.Dates[0].Totals.Missing, " ")
		}
		return slow, code, missing, stderr
	}
	t.Run("the share is borne", func(t *testing.T) {
		w := newWaitingWorld(t)
		w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue,100,2026-01-05T08:00:00Z,,,,")
		slow, code, missing, stderr := atFour(w)
		if code != exitDone || missing != "B" || fmt.Sprint(slow.slept) != "[20m0s 20m0s 5m0s]" {
			t.Fatalf("exit code %d, missing %q, slept %v\n%s", code, missing, slow.slept, stderr)
		}
		contains(t, stderr, "the time to wait for merchants is over", "until=2026-01-06T04:45:00Z", "B (no file under merchant=B/date=2026-01-05/)")
	})
	t.Run("too many are missing", func(t *testing.T) {
		_, code, _, stderr := atFour(newWaitingWorld(t))
		if code != exitRefused {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		contains(t, stderr, "the time to wait for merchants is over", "A (no file", "2 of 2 expected merchants are missing on 2026-01-05", "missing: A (no file", "B (no file")
	})
	t.Run("one is required", func(t *testing.T) {
		w := newWaitingWorld(t)
		w.write("rules.yaml", strings.Replace(waitingRules, "control: required", "required: true", 1))
		w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue,100,2026-01-05T08:00:00Z,,,,")
		_, code, _, stderr := atFour(w)
		if code != exitRefused {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		contains(t, stderr, "the time to wait for merchants is over", "B (no file", "which is required", "refused: B may not be missing")
		if slow, code, missing, stderr := atFour(w, "--allow-missing"); code != exitDone || missing != "B" || slow.minutes() != 45 {
			t.Fatalf("exit code %d, missing %q, slept %v\n%s", code, missing, slow.slept, stderr)
		}
	})
}

// The time counts from the instant that the run is made for, however often it is tried.
func TestWaitingCountsFromTheSchedule(t *testing.T) {
	for _, c := range []struct {
		why, at, now string
		minutes      int
	}{
		{"started on time", "2026-01-06T04:00:00Z", "2026-01-06T04:00:00Z", 120},
		{"a second try after 90 minutes", "2026-01-06T04:00:00Z", "2026-01-06T05:30:00Z", 30},
		{"a second try the day after", "2026-01-06T04:00:00Z", "2026-01-07T01:00:00Z", 0},
		{"by hand", "", "2026-01-06T09:00:00Z", 120},
	} {
		w := newWaitingWorld(t)
		slow := &slowClock{t: t, at: instant(t, c.now)}
		arguments := []string{"--date", "2026-01-05", "--wait-for-merchants", "2h", "--allow-missing"}
		if c.at != "" {
			arguments = append(arguments, "--at", jobOf(t, "settle", c.at))
		}
		code, _, stderr := w.runBy(context.Background(), slow.clock(), arguments...)
		if code != exitDone || slow.minutes() != c.minutes {
			t.Errorf("%s: exit code %d, slept %d minutes, not %d\n%s", c.why, code, slow.minutes(), c.minutes, stderr)
		}
	}
}

// What cannot come to anything is not waited for.
func TestNoWaiting(t *testing.T) {
	w := newWaitingWorld(t)
	for why, c := range map[string]struct {
		before    func(*world)
		arguments []string
		code      int
		message   string
	}{
		"the date is settled": {func(w *world) { w.run(exitDone, "run", "--date", "2026-01-05", "--allow-missing") },
			[]string{"--date", "2026-01-05"}, exitDone, ""},
		"the date before is not settled": {func(w *world) { w.run(exitDone, "run", "--date", "2026-01-03", "--allow-missing") },
			[]string{"--date", "2026-01-05"}, exitRefused, "2026-01-05 cannot be settled before 2026-01-04 is"},
		"the rulebook does not fit": {func(w *world) {
			w.run(exitDone, "run", "--date", "2026-01-04", "--allow-missing")
			w.write("rules.yaml", strings.Replace(waitingRules, "currency: EUR", "currency: USD", 1))
		}, []string{"--date", "2026-01-05"}, exitUsage, "this rulebook does not fit the ledger"},
		"a restatement": {func(w *world) { w.run(exitDone, "run", "--date", "2026-01-05", "--allow-missing") },
			[]string{"--date", "2026-01-05", "--restate", "--reason", "x", "--allow-missing"}, exitDone, ""},
		"nobody is missing": {func(w *world) {
			w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue,100,2026-01-05T08:00:00Z,,,,")
			w.write("inbox/merchant=B/date=2026-01-05/_control.json", `{"files":[]}`)
		}, []string{"--date", "2026-01-05"}, exitDone, ""},
	} {
		w = newWaitingWorld(t)
		c.before(w)
		code, _, stderr := w.runAt("2026-01-06T04:00:00Z", append(c.arguments, "--wait-for-merchants", "2h")...)
		if code != c.code || !strings.Contains(stderr, c.message) {
			t.Errorf("%s: exit code %d\n%s", why, code, stderr)
		}
	}
}

// On a new ledger the inbox may still be empty: the first files are waited for too.
func TestWaitingForTheFirstDelivery(t *testing.T) {
	w := newWaitingWorld(t)
	slow := &slowClock{t: t, at: instant(t, "2026-01-06T04:00:00Z"), during: map[int]func(){3: func() {
		w.deliver("A", "2026-01-05", "a.csv", "a1,m1,issue,100,2026-01-05T08:00:00Z,,,,")
		w.write("inbox/merchant=B/date=2026-01-05/_control.json", `{"files":[]}`)
	}}}
	code, report, stderr := w.runBy(context.Background(), slow.clock(), "--date", "last", "--catch-up", "--wait-for-merchants", "2h")
	if code != exitDone || datesOf(report) != "2026-01-05" || slow.minutes() != 3 {
		t.Errorf("exit code %d, %s, slept %v\n%s", code, datesOf(report), slow.slept, stderr)
	}
}

// A signal ends the waiting; nothing is written.
func TestWaitingIsStopped(t *testing.T) {
	w := newWaitingWorld(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	slow := &slowClock{t: t, at: instant(t, "2026-01-06T04:00:00Z"), during: map[int]func(){2: func() { cancel(&interruption{syscall.SIGTERM}) }}}
	code, _, stderr := w.runBy(ctx, slow.clock(), "--date", "last", "--wait-for-merchants", "2h")
	if code != exitFailed || len(slow.slept) != 2 {
		t.Errorf("exit code %d, slept %v\n%s", code, slow.slept, stderr)
	}
	contains(t, stderr, "stopped by a signal (terminated); nothing of what was under way is on record", "waiting for merchants (A, B)")
	if _, err := os.Stat(filepath.Join(w.root, "ledger")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a ledger: %v", err)
	}
}

// An inbox that cannot be listed at first is an error; later it is looked at again.
func TestWaitingOutlivesAnInboxThatIsAway(t *testing.T) {
	away := errors.New("connection refused")
	birch := []batch.MissingMerchant{{Merchant: "B", Reason: "no file"}}
	for why, c := range map[string]struct {
		looks []look
		fails error
		slept int
		warns int
	}{
		"away at first":        {[]look{{nil, away}}, away, 0, 0},
		"away for two looks":   {[]look{{birch, nil}, {nil, away}, {nil, away}, {birch, nil}, {nil, nil}}, nil, 4, 2},
		"away at the deadline": {[]look{{birch, nil}, {birch, nil}, {birch, nil}, {birch, nil}, {birch, nil}, {nil, away}}, nil, 5, 1},
	} {
		var log bytes.Buffer
		slow := &slowClock{t: t, at: instant(t, "2026-01-06T04:00:00Z")}
		looks := c.looks
		waiting := wait{date: 0, until: slow.at.Add(5 * time.Minute), interval: time.Minute, clock: slow.clock(), tell: newProgress(&log, "json"),
			missing: func(context.Context) ([]batch.MissingMerchant, error) {
				next := looks[0]
				looks = looks[1:]
				return next.missing, next.err
			}}
		err := waiting.wait(context.Background())
		if !errors.Is(err, c.fails) || len(slow.slept) != c.slept || len(looks) > 0 || strings.Count(log.String(), "could not be listed") != c.warns {
			t.Errorf("%s: %v, slept %v, %d looks left\n%s", why, err, slow.slept, len(looks), &log)
		}
	}
}

type look struct {
	missing []batch.MissingMerchant
	err     error
}
