package books

import (
	"context"
	"errors"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// commitWith prepares a commit over a good store and sends it over hook, which sees only calls
// about the slot. It returns what Commit said and the ledger as it is on the good store.
func commitWith(t *testing.T, ctx context.Context, hook func(good storage.Bucket, operation string, run func() error) error) (*Attempt, error, *Ledger) {
	t.Helper()
	good := storage.NewMemory()
	armed := false
	ledger := open(t, faulty(good, func(operation, key string, run func() error) error {
		if !armed || !strings.HasPrefix(key, logPrefix) {
			return run()
		}
		return hook(good, operation, run)
	}))
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, firstDate, "one")
	if err != nil {
		t.Fatal(err)
	}
	armed = true
	err = attempt.Commit(ctx, record)
	return attempt, err, open(t, good)
}

func rival(t *testing.T, good storage.Bucket) {
	t.Helper()
	settle(t, open(t, good), firstDate, "rival")
}

func TestCommitOutcomes(t *testing.T) {
	calls := 0
	creates := func(operation string) bool {
		if operation == "create" {
			calls++
		}
		return operation == "create"
	}
	for _, test := range []struct {
		name string
		hook func(good storage.Bucket, operation string, run func() error) error
		want error
		kind Kind // of the record in the slot, "" for none
		mine bool
	}{
		{"clean", func(_ storage.Bucket, _ string, run func() error) error { return run() }, nil, Publish, true},
		{"answer lost", func(_ storage.Bucket, operation string, run func() error) error {
			err := run()
			if creates(operation) {
				return errTimeout
			}
			return err
		}, nil, Publish, true},
		{"taken, by its own write", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				run() // the client library sent it twice
			}
			return run()
		}, nil, Publish, true},
		{"not confirmed once", func(_ storage.Bucket, operation string, run func() error) error {
			if err := run(); !creates(operation) || calls > 1 {
				return err
			}
			return storage.ErrUnforced
		}, nil, Publish, true},
		{"never confirmed", func(_ storage.Bucket, operation string, run func() error) error {
			if err := run(); !creates(operation) {
				return err
			}
			return storage.ErrUnforced
		}, ErrUnknown, Publish, true},
		{"not confirmed, and then refused for other reasons", func(_ storage.Bucket, operation string, run func() error) error {
			if err := run(); !creates(operation) {
				return err
			}
			if calls == 1 {
				return storage.ErrUnforced
			}
			return errTimeout
		}, ErrUnknown, Publish, true},
		{"fails once", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) && calls == 1 {
				return errTimeout
			}
			return run()
		}, nil, Publish, true},
		{"another was first", func(good storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				rival(t, good)
			}
			return run()
		}, ErrLost, Publish, false},
		{"fails, and another was first", func(good storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				if calls == 1 {
					rival(t, good)
				}
				return errTimeout
			}
			return run()
		}, ErrLost, Publish, false},
		{"never takes the record, takes the abort", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) && calls <= tries {
				return errTimeout
			}
			return run()
		}, ErrAborted, Abort, true},
		{"the abort's answer is lost", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				if calls <= tries {
					return errTimeout
				}
				run()
				return errTimeout
			}
			return run()
		}, ErrAborted, Abort, true},
		{"never takes anything", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				return errTimeout
			}
			return run()
		}, ErrUnknown, "", false},
		{"unreachable, not arrived", func(storage.Bucket, string, func() error) error { return errTimeout }, ErrUnknown, "", false},
		{"unreachable, arrived", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				run()
			}
			return errTimeout
		}, ErrUnknown, Publish, true},
		{"looking fails twice", func(_ storage.Bucket, operation string, run func() error) error {
			if creates(operation) {
				run()
				calls = 0
				return errTimeout
			}
			if calls--; calls >= -2 {
				return errTimeout
			}
			return run()
		}, nil, Publish, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls = 0
			attempt, err, ledger := commitWith(t, t.Context(), test.hook)
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if again := errors.Is(err, ErrLost) || errors.Is(err, ErrUnknown); again && !strings.Contains(err.Error(), "run again") {
				t.Errorf("it does not say what to do: %v", err)
			}
			head, _ := ledger.Head()
			if (head == 1) != (test.kind != "") {
				t.Fatalf("head is %d", head)
			}
			if head == 1 {
				record := ledger.Records()[0]
				if record.Kind != test.kind || (record.Attempt == attempt.ID()) != test.mine {
					t.Errorf("the slot holds a %s of attempt %s", record.Kind, record.Attempt)
				}
			}
		})
	}
}

// TestLateCommit lets the record arrive after it was reported missing: while it is sent again,
// while the abort is on its way, after the abort.
// TestCommitAfterReadingOn lets the ledger read a rival's record of the same date before the attempt commits: it
// has lost, and its statements are not compared with the rival's.
func TestCommitAfterReadingOn(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, firstDate, "late")
	if err != nil {
		t.Fatal(err)
	}
	rival(t, bucket)
	if err := ledger.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := attempt.Commit(t.Context(), record); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
}

func TestLateCommit(t *testing.T) {
	for _, test := range []struct {
		name    string
		arrives int // before which create the first one arrives
		want    error
	}{
		{"before the second", 2, nil},
		{"before the abort", tries + 1, nil},
		{"after the abort", tries + 2, ErrAborted},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			var late func() error
			attempt, err, ledger := commitWith(t, t.Context(), func(_ storage.Bucket, operation string, run func() error) error {
				if operation != "create" {
					return run()
				}
				calls++
				if calls == 1 {
					late = run
				}
				if calls == test.arrives {
					late()
				}
				if calls <= tries && calls != test.arrives {
					return errTimeout
				}
				return run()
			})
			if test.want == nil && err != nil || !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			late()
			ledger = open(t, ledger.bucket)
			if record := ledger.Records()[0]; record.Attempt != attempt.ID() || (record.Kind == Publish) != (err == nil) {
				t.Errorf("reported %v, but there is a %s", err, record.Kind)
			}
		})
	}
}

func TestCanceledCommit(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err, ledger := commitWith(t, ctx, func(_ storage.Bucket, _ string, run func() error) error { return run() })
	if head, _ := ledger.Head(); !errors.Is(err, context.Canceled) || head != 0 {
		t.Errorf("canceled before: %v, head %d", err, head)
	}
	ctx, cancel = context.WithCancel(t.Context())
	_, err, ledger = commitWith(t, ctx, func(_ storage.Bucket, operation string, run func() error) error {
		if operation == "create" {
			cancel()
			run()
			return context.Canceled
		}
		return run()
	})
	if head, _ := ledger.Head(); err != nil || head != 1 {
		t.Errorf("canceled while it was sent: %v, head %d", err, head)
	}
}

func TestAttemptAfterAbort(t *testing.T) {
	calls := 0
	_, err, ledger := commitWith(t, t.Context(), func(_ storage.Bucket, operation string, run func() error) error {
		if operation == "create" {
			if calls++; calls <= tries {
				return errTimeout
			}
		}
		return run()
	})
	if !errors.Is(err, ErrAborted) || !errors.Is(err, errTimeout) {
		t.Fatalf("got %v", err)
	}
	settle(t, ledger, firstDate, "again")
	ledger = open(t, ledger.bucket)
	if head, _ := ledger.Head(); head != 2 {
		t.Errorf("head is %d", head)
	}
	removed, err := ledger.CleanUp(t.Context())
	if err != nil || len(removed) != 1 {
		t.Errorf("removed %v, %v", removed, err)
	}
	verifyAll(t, ledger)
}

func TestObjectsSurviveFaults(t *testing.T) {
	calls := 0
	ledger := open(t, faulty(storage.NewMemory(), func(operation, _ string, run func() error) error {
		if operation != "create" {
			return run()
		}
		calls++
		switch calls % 3 {
		case 0:
			return errTimeout
		case 1:
			run()
			return errTimeout
		}
		return run()
	}))
	ledger.probed = true
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, firstDate, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	verifyAll(t, ledger)
}
