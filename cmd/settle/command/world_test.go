package command

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rulebook is the agreement of the tests' alliance. 150 points are worth 1.00, so that shares have
// to be rounded.
const rulebook = `alliance: {id: HUB, name: Hub, currency: EUR, time_zone: UTC, cycle: daily}
intake: {accept_late_days: 3, wait_days: 2}
ledger: {attribution: fifo, expiry: {months: 1}, reversal_days: 30}
prices:
  - {id: gifts, when: reason == "gift", price: "1.00", per_points: 100}
  - {id: early, to: 2026-01-01, price: "2.00", per_points: 100}
  - {id: base, price: "1.00", per_points: 150}
merchants:
  - {id: A, name: Alder, joined: 2026-01-01}
  - {id: B, name: Birch, joined: 2026-01-01}
  - {id: C, name: Cedar, joined: 2026-01-01, delivers: on_activity}
`

// A world is an alliance in a directory of its own.
type world struct {
	t     *testing.T
	root  string
	rules string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, root: t.TempDir()}
	w.rules = filepath.Join(w.root, "rules.yaml")
	w.write("rules.yaml", rulebook)
	if err := os.Mkdir(filepath.Join(w.root, "inbox"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(name, content string) {
	w.t.Helper()
	path := filepath.Join(w.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// deliver puts a file of rows into the inbox.
func (w *world) deliver(merchant, date, name string, rows ...string) {
	w.t.Helper()
	header := "transaction_id,member_id,kind,points,occurred_at,issuer_id,original_transaction_id,expires_on,reason\n"
	w.write("inbox/merchant="+merchant+"/date="+date+"/"+name, header+strings.Join(rows, "\n")+"\n")
}

// settle runs the program and returns its exit code and what it printed.
func settle(arguments ...string) (code int, stdout, stderr string) {
	var out, errors bytes.Buffer
	code = Main(context.Background(), arguments, strings.NewReader(""), &out, &errors)
	return code, out.String(), errors.String()
}

// run runs a subcommand on the world, with --root and --rules, which must end with a code, and
// returns everything that it printed.
func (w *world) run(code int, arguments ...string) string {
	w.t.Helper()
	arguments = append(arguments, "--root", w.root)
	if arguments[0] != "show" {
		arguments = append(arguments, "--rules", w.rules)
	}
	got, stdout, stderr := settle(arguments...)
	if got != code {
		w.t.Fatalf("settle %s: exit code %d, want %d\n%s%s", strings.Join(arguments, " "), got, code, stdout, stderr)
	}
	return stdout + stderr
}

// json runs a subcommand with --json and reads what it printed.
func (w *world) json(into any, arguments ...string) {
	w.t.Helper()
	text := w.run(exitDone, append(arguments, "--json")...)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		w.t.Fatalf("%v in:\n%s", err, text)
	}
}

// settleTo settles every date up to one.
func (w *world) settleTo(date string) {
	w.t.Helper()
	w.run(exitDone, "run", "--catch-up", "--operator", "olga", "--date", date)
}

// contains checks that a text has all the parts, in this order.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		at := strings.Index(rest, part)
		if at < 0 {
			t.Fatalf("there is no %q, or not in its place, in:\n%s", part, text)
		}
		rest = rest[at+len(part):]
	}
}

// firstNight is a night whose numbers are small enough to work out by hand. B redeems 130 points
// of m1: 100 of A's lot a1, which is the older, and 30 of C's lot c1; and 125 of m2's, all of A's
// lot a2. At 1.00 per 150 points A owes B 225/150 = 1.50 and C owes B 30/150 = 0.20.
func (w *world) firstNight() {
	w.deliver("A", "2026-01-05", "a.csv",
		"a1,m1,issue,100,2026-01-05T08:00:00Z,,,,",
		"a2,m2,issue,200,2026-01-05T08:30:00Z,,,,")
	w.deliver("C", "2026-01-05", "c.csv", "c1,m1,issue,60,2026-01-05T09:00:00Z,,,2026-01-20,")
	w.deliver("B", "2026-01-05", "b.csv",
		"b1,m1,redeem,130,2026-01-05T10:00:00Z,,,,",
		"b2,m2,redeem,125,2026-01-05T11:00:00Z,,,,",
		"b3,m3,redeem,40,2026-01-05T11:00:00Z,,,,",
		"b4,m1,redeem_reversal,5,2026-01-05T11:00:00Z,,nothing,,",
		"b5,m1,redeem,12.5,2026-01-05T11:00:00Z,,,,")
}

func TestEveryCommandSaysHowToUseIt(t *testing.T) {
	for _, command := range newRoot().Commands() {
		if command.Name() == "help" {
			continue
		}
		if command.Short == "" || command.Long == "" && command.Name() != "version" || command.Example == "" {
			t.Errorf("settle %s has no short or long description or no example", command.Name())
		}
	}
	for _, one := range [][]string{
		{"status", "extra"}, {"status", "--nonsense"}, {"show"}, {"rules", "check"}, {"rules", "chek"}, {"explain"}, {"open"}, {"stats"}, {"version", "2"},
	} {
		if code, stdout, stderr := settle(one...); code != exitUsage || !strings.HasPrefix(stderr, "settle: ") || stdout != "" {
			t.Errorf("settle %v: exit code %d, %q, %q", one, code, stdout, stderr)
		}
	}
}
