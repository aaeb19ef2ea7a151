package books

import (
	"context"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// TestWithdraw takes back what an attempt stored, unless an object of it may still appear: then clean-up, which goes by
// the intent, must find it.
func TestWithdraw(t *testing.T) {
	for name, c := range map[string]struct {
		fails, again, canceled bool
		left                   int // objects besides the probe
	}{
		"all is stored":              {left: 0},
		"a store was tried twice":    {again: true, left: 2},
		"a store has failed":         {fails: true, left: 2},
		"nobody waits for it longer": {canceled: true, left: 2},
	} {
		t.Run(name, func(t *testing.T) {
			good, tries := storage.NewMemory(), 0
			ledger := open(t, faulty(good, func(operation, key string, run func() error) error {
				if operation == "create" && strings.HasSuffix(key, "/lost") {
					return errTimeout
				}
				if c.again && operation == "create" && strings.HasSuffix(key, "/one") {
					if tries++; tries == 1 {
						return errTimeout // and arrives when nobody expects it
					}
				}
				return run()
			}))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			attempt := begin(t, ledger)
			if _, err := attempt.Create(ctx, "state/one", strings.NewReader("content")); err != nil {
				t.Fatal(err)
			}
			if c.fails {
				if _, err := attempt.Create(ctx, "state/lost", strings.NewReader("content")); err == nil {
					t.Fatal("a store that fails is not told")
				}
			}
			if c.canceled {
				cancel()
			}
			if err := attempt.Withdraw(ctx); err != nil {
				t.Fatal(err)
			}
			objects, err := good.List(t.Context(), runsPrefix)
			if err != nil || len(objects) != c.left {
				t.Errorf("%v are left, %v; want %d objects", objects, err, c.left)
			}
			if _, err := attempt.Create(t.Context(), "state/more", strings.NewReader("content")); err == nil {
				t.Error("an attempt that was withdrawn takes another object")
			}
			if attempt.Commit(t.Context(), Record{}) == nil || attempt.Withdraw(t.Context()) == nil {
				t.Error("an attempt that was withdrawn is ended again")
			}
		})
	}
}
