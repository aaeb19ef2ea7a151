package batch

import (
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/clearing"
)

// TestManyExceptionsAreToldOf gathers what workers rejected and deferred, and is told if it is much.
func TestManyExceptionsAreToldOf(t *testing.T) {
	var told []string
	r := &run{Computation: Computation{Rulebook: must[*rules.Rulebook](t)(rules.Parse("chain.yaml", []byte(chainRules))), Observe: func(now Progress) { told = append(told, string(now.Stage)+": "+now.Warning) }}}
	for range 2 {
		r.workers = append(r.workers, &attribution{refused: make([]settlement.Exception, 200_000)})
	}
	r.workers[1].outcome.Exceptions = make([]settlement.Exception, 500_000)
	r.exceptions = make([]settlement.Exception, 99_999)
	r.refusals = newRefusals([][]clearing.Refusal{{{Row: 1}, {Row: 2}}})
	if r.gatherExceptions(); len(told) > 0 || len(r.exceptions) != 499_999 || len(r.attributed) != 500_000 {
		t.Errorf("told of %v, %d and %d exceptions", told, len(r.exceptions), len(r.attributed))
	}
	r.workers[0].refused = make([]settlement.Exception, 500_001)
	r.gatherExceptions()
	if len(told) != 1 || !strings.HasPrefix(told[0], "attribute: 1000000 exceptions are reported tonight, 2 of them of rows whose id is taken; ") {
		t.Errorf("told of %q", told)
	}
}
