package command

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
)

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code int
	}{
		"done":                                {nil, exitDone},
		"wrong use":                           {usage("no such date"), exitUsage},
		"a rulebook that does not fit":        {fmt.Errorf("2026-06-01: %w", &batch.RulebookError{Reasons: []string{"x"}}), exitUsage},
		"refused":                             {fmt.Errorf("2026-06-01: %w", &batch.RefusedError{Reason: "x"}), exitRefused},
		"missing":                             {&batch.MissingError{Merchants: []string{"A"}}, exitRefused},
		"a sum out of range":                  {fmt.Errorf("net: %w", settlement.ErrOutOfRange), exitRefused},
		"statements of another log":           {fmt.Errorf("finish what an earlier run left: %w", books.ErrOtherLog), exitRefused},
		"lost":                                {fmt.Errorf("commit: %w", books.ErrLost), exitLost},
		"unknown":                             {fmt.Errorf("commit: %w", books.ErrUnknown), exitUnknown},
		"a broken invariant":                  {&batch.BrokenError{Invariant: "x"}, exitFailed},
		"a panic":                             {guarded(func() error { panic("x") }), exitFailed},
		"stopped while opening a store":       {usage("--inbox a: %w", context.Canceled), exitFailed},
		"nothing wrong":                       {outcome(&batch.VerifyReport{}), exitDone},
		"something wrong, beside another run": {outcome(&batch.VerifyReport{Faults: []batch.Fault{{}}, Meanwhile: []batch.Fault{{}}}), exitFailed},
		"looked at beside another run":        {outcome(&batch.VerifyReport{Meanwhile: []batch.Fault{{}}}), exitLost},
		"a broken world":                      {errors.New("no space left"), exitFailed},
	} {
		if code := exitCode(c.err); code != c.code {
			t.Errorf("%s ends with %d, not %d", name, code, c.code)
		}
	}
}
