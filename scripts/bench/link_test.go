package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nights share the files of a ledger, so one that writes to them is found, and what is put aside after one stays there for the
// others.
func TestWhatNightsShareStaysAsItIs(t *testing.T) {
	folder := t.TempDir()
	kept := filepath.Join(folder, "kept", "log", "000001.json")
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte("first"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &prepared{place: &place{work: folder}, ledger: filepath.Join(folder, "kept"), opening: folder}
	for _, night := range []string{"one", "two"} {
		if err := p.linkLedger(filepath.Join(folder, night)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.putAside(filepath.Join(folder, "one")); err != nil {
		t.Fatal(err)
	}
	if err := p.untouched(); err != nil {
		t.Errorf("a night that is over is in the way: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "two", "ledger", "log", "000001.json"), []byte("second"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.untouched(); err == nil || !strings.Contains(err.Error(), kept) {
		t.Errorf("a file of all nights was written to, and the error is %v", err)
	}
}
