package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"alliance/settlement"
	"alliance/settlement/faults"
	"alliance/settlement/statement"
	"alliance/settlement/storage"
)

// A lyingStore gives, now and then, other bytes than those that were stored, or fewer.
type lyingStore struct {
	storage.Bucket
	random *rand.Rand
	odds   int
	short  bool
	told   int
}

func (b *lyingStore) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	reader, object, err := b.Bucket.Open(ctx, key, version)
	if err != nil || object.Size == 0 || b.random.IntN(b.odds) > 0 {
		return reader, object, err
	}
	content, err := io.ReadAll(reader)
	reader.Close()
	if err != nil {
		return nil, storage.Object{}, err
	}
	b.told++
	if at := b.random.IntN(len(content)); b.short {
		content = content[:at]
	} else {
		content[at] ^= 1 << b.random.IntN(8)
	}
	return io.NopCloser(bytes.NewReader(content)), object, nil
}

// TestFaultF_PullFromAStoreThatLies pulls statements from a store that gives wrong bytes, or too few. What
// is pulled is right, or there is nothing.
func TestFaultF_PullFromAStoreThatLies(t *testing.T) {
	w := newWorld(t)
	w.firstNight()
	w.settleTo("2026-01-06")
	honest, err := storage.OpenDirectory(filepath.Join(w.root, "statements"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{}
	for _, merchant := range []string{"A", "B", "C"} {
		wanted[merchant] = filepath.Join(w.root, "honest-"+merchant)
		w.ask(exitDone, "pull", "--merchant", merchant, "--date", "2026-01-05", "--to", wanted[merchant])
	}
	for _, short := range []bool{false, true} {
		trials, violations, refused, tried := faults.Count(8, 100), 0, 0, 0
		for seed := uint64(0); tried < trials; seed++ {
			random := rand.New(rand.NewPCG(seed, 0xF2))
			lying := &lyingStore{Bucket: honest, random: random, odds: 1 + random.IntN(9), short: short}
			merchant := string("ABC"[random.IntN(3)])
			to := filepath.Join(w.root, fmt.Sprintf("pulled-%t-%d", short, seed))
			pulling := &pull{flags: &pullFlags{merchant: merchant, to: to, wait: time.Duration(random.IntN(2)) * time.Millisecond}, bucket: lying, date: settlement.NewDate(2026, 1, 5)}
			_, err := pulling.run(t.Context())
			if lying.told == 0 {
				continue
			}
			tried++
			if err != nil {
				refused++
			}
			if wrong := comparePulled(to, wanted[merchant], err); wrong != "" {
				violations++
				t.Errorf("seed %d, short %t: %s", seed, short, wrong)
			}
		}
		what := map[bool]string{false: "wrong bytes", true: "short body"}[short]
		faults.Record(t, "F", what+" where finance pulls", trials, violations, fmt.Sprintf("%d refused, and nothing left, else pulled again until right", refused))
	}
}

// comparePulled says what is wrong with what a pull left.
func comparePulled(to, wanted string, pulled error) string {
	entries, err := os.ReadDir(to)
	if pulled != nil {
		if err == nil {
			return fmt.Sprintf("the pull failed (%v), and left %d files", pulled, len(entries))
		}
		return ""
	}
	honest, otherErr := os.ReadDir(wanted)
	if err != nil || otherErr != nil || len(entries) != len(honest) {
		return fmt.Sprintf("%d files, want %d: %v %v", len(entries), len(honest), err, otherErr)
	}
	for i, entry := range entries {
		found, err := os.ReadFile(filepath.Join(to, entry.Name()))
		if err != nil {
			return err.Error()
		}
		want, err := os.ReadFile(filepath.Join(wanted, honest[i].Name()))
		if err != nil {
			return err.Error()
		}
		if entry.Name() == statement.ManifestFile {
			// Nothing vouches for how many rows it says that the tables have.
			found, want = withoutRows(found), withoutRows(want)
		}
		if entry.Name() != honest[i].Name() || !bytes.Equal(found, want) {
			return entry.Name() + " is not what was published"
		}
	}
	return ""
}

func withoutRows(text []byte) []byte {
	var manifest statement.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return text
	}
	for i := range manifest.Files {
		manifest.Files[i].Rows = 0
	}
	again, err := json.Marshal(manifest)
	if err != nil {
		return text
	}
	return again
}
