package command

import (
	"os"
	"path/filepath"
	"testing"
)

// TestStoresThatOverlap has runs refused whose stores overlap, and others not, and looks at what the
// refusals name.
func TestStoresThatOverlap(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	below := func(name string) string { return filepath.Join(w.root, name) }
	if err := os.Symlink(below("inbox"), below("linked")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(below("inbox/temporary"), 0o755); err != nil {
		t.Fatal(err)
	}
	night := func(code int, flags ...string) string {
		t.Helper()
		return w.run(code, append([]string{"run", "--date=2026-01-05", "--dry-run"}, flags...)...)
	}
	inbox := "the inbox (" + below("inbox") + ", below --root " + w.root + ")"

	contains(t, night(exitUsage, "--acks="+below("linked")), "the acknowledgements (--acks "+below("linked")+") and "+inbox+" are the same place",
		"leave --acks out for "+below("inbox/ack"))
	contains(t, night(exitUsage, "--acks="+below("linked/merchant=NEW/told")), inbox+" overlap, the first lies in the second at merchant=NEW/told, so that")
	contains(t, night(exitUsage, "--inbox="+below("linked"), "--statements="+below("inbox/published")),
		"the statements (--statements "+below("inbox/published")+") and the inbox (--inbox "+below("linked")+") overlap, the first lies in the second at published")
	contains(t, night(exitUsage, "--acks="+w.root), inbox+" and the acknowledgements (--acks "+w.root+") overlap, the first lies in the second at inbox")
	contains(t, night(exitUsage, "--ledger="+w.root), inbox+" and the ledger (--ledger "+w.root+") overlap, the first lies in the second at inbox")

	t.Setenv("SETTLE_ACKS", below("inbox"))
	contains(t, night(exitUsage), "the acknowledgements (SETTLE_ACKS="+below("inbox")+" in the environment) and "+inbox)
	night(exitDone, "--acks="+below("told"))
	night(exitDone, "--acks="+below("linked/told"))
	os.Unsetenv("SETTLE_ACKS")

	contains(t, night(exitUsage, "--spill-directory="+below("inbox/temporary")), "--spill-directory "+below("inbox/temporary")+" lies in "+inbox)
	night(exitDone, "--spill-directory="+w.root)
	lots := below("lots.csv")
	w.write("lots.csv", "member_id,issuer_id,lot_id,issued_at,expires_on,points\nm1,A,l1,2025-12-31T08:00:00Z,,100\n")
	contains(t, w.run(exitUsage, "open", "--lots="+lots, "--spill-directory="+below("inbox/temporary")), "lies in "+inbox)
	if _, err := os.Stat(below("ledger")); !os.IsNotExist(err) {
		t.Errorf("a ledger was made: %v", err)
	}
}

// TestPullIntoAStore has pull make no directory where the program looks for its own.
func TestPullIntoAStore(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-05")
	pull := []string{"pull", "--root", w.root, "--merchant=A", "--date=2026-01-05", "--to"}
	for _, store := range []string{"inbox", "ledger", "statements"} {
		to := filepath.Join(w.root, store, "copy")
		code, _, stderr := settle(append(pull, to)...)
		if code != exitUsage {
			t.Errorf("into the %s: exit code %d, want %d", store, code, exitUsage)
		}
		contains(t, stderr, "--to "+to+" lies in the "+store)
	}
	if code, _, stderr := settle(append(pull, filepath.Join(w.root, "copy"))...); code != exitDone {
		t.Errorf("beside them: exit code %d: %s", code, stderr)
	}
}
