package command

import (
	"bytes"
	"strings"
	"testing"

	"alliance/settlement/batch"
)

// TestWarningsOfARunAreLogged: whoever looks for why a run ended must find them, however quiet the run is otherwise.
func TestWarningsOfARunAreLogged(t *testing.T) {
	var log bytes.Buffer
	newProgress(&log, "json").observe(batch.Progress{Date: "2026-06-01", Stage: "attribute", Warning: "one member has 5000000 rows"})
	for _, part := range []string{`"level":"WARN"`, `"msg":"one member has 5000000 rows"`, `"date":"2026-06-01"`, `"stage":"attribute"`} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %s in %s", part, &log)
		}
	}
}
