package batch_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/statement"
	"alliance/settlement/storage"
)

// explainedHistories is how many random histories are explained in whole.
const explainedHistories = 4

// TestRandomHistoriesCanBeExplained settles random histories and explains everything that their
// statements show: each transaction's night, computed again, must come to what was published.
func TestRandomHistoriesCanBeExplained(t *testing.T) {
	explained, recomputed := 0, 0
	for seed := range uint64(explainedHistories) {
		h := randomHistory(seed + *seedFlag)
		e := explainedHistory{t: t, seed: h.seed, inbox: newEngine(1, 1), ledger: storage.NewMemory(), statements: storage.NewMemory()}
		for i := range h.nights {
			rulebook, err := rules.Parse("rulebook.yaml", []byte(h.configOf(i).yaml()))
			if err != nil {
				t.Fatal(err)
			}
			date := h.first + day(i)
			e.inbox.deliver(t, &h.nights[i], date)
			_, err = batch.Run(context.Background(), batch.Job{Inbox: e.inbox.inbox, Ledger: e.ledger, Statements: e.statements,
				Rulebook: rulebook, Date: settlement.Date(date), AllowMissing: true})
			var misfit *batch.RulebookError
			if errors.As(err, &misfit) {
				break // the history's next rulebook is one that a ledger does not take
			}
			if err != nil {
				t.Fatalf("seed %d, %s: %v", h.seed, date, err)
			}
			e.explain(rulebook, settlement.Date(date))
		}
		explained, recomputed = explained+e.explained, recomputed+e.recomputed
	}
	t.Logf("%d explanations from seed %d, %d computed again", explained, *seedFlag, recomputed)
	if recomputed*2 < explained {
		t.Errorf("only %d of %d explanations were computed again", recomputed, explained)
	}
}

// An explainedHistory is a random history with a real ledger.
type explainedHistory struct {
	t                     *testing.T
	seed                  uint64
	inbox                 *engine
	ledger, statements    storage.Bucket
	explained, recomputed int
}

// explain explains all that the statements of a date show.
func (e *explainedHistory) explain(rulebook *rules.Rulebook, date settlement.Date) {
	for i := range rulebook.Merchants {
		merchant := rulebook.Merchants[i].ID
		seen := make(map[string]bool)
		for _, row := range e.rows(merchant, date, "detail.parquet", "transaction_id", "role") {
			if row[1] != "issuer" && !seen[row[0]] {
				seen[row[0]] = true
				e.explainOne(rulebook, date, merchant, row[0], true)
			}
		}
		for _, row := range e.rows(merchant, date, "exceptions.parquet", "transaction_id", "row") {
			if row[0] != "" && !seen[row[0]] {
				seen[row[0]] = true
				e.explainOne(rulebook, date, merchant, row[0], false)
			}
		}
		for _, row := range e.rows(merchant, date, "statement.parquet", "line_no", "points") {
			line, err := strconv.Atoi(row[0])
			if err != nil {
				e.t.Fatal(err)
			}
			x, err := batch.ExplainLine(context.Background(), batch.ExplainJob{Inbox: e.inbox.inbox, Ledger: e.ledger, Rulebook: rulebook, Merchant: merchant, Date: date, Line: line})
			if err != nil || strconv.FormatInt(x.Points, 10) != row[1] {
				e.t.Fatalf("seed %d, %s, line %d of %s: %v", e.seed, date, line, merchant, err)
			}
		}
	}
}

func (e *explainedHistory) explainOne(rulebook *rules.Rulebook, date settlement.Date, merchant, transaction string, allocated bool) {
	x, err := batch.Explain(context.Background(), batch.ExplainJob{Inbox: e.inbox.inbox, Ledger: e.ledger, Rulebook: rulebook,
		Merchant: merchant, Transaction: transaction, Date: date})
	if err != nil {
		e.t.Fatalf("seed %d, %s, %q of %s: %v", e.seed, date, transaction, merchant, err)
	}
	e.explained++
	if x.Recomputed {
		e.recomputed++
	}
	if allocated && (!x.Recomputed || len(x.Allocations) == 0 || len(x.Steps) == 0) || !allocated && len(x.Exceptions) == 0 {
		e.t.Errorf("seed %d, %s, %q of %s: %+v", e.seed, date, transaction, merchant, x)
	}
}

// rows reads two columns of a published table.
func (e *explainedHistory) rows(merchant string, date settlement.Date, name string, columns ...string) [][]string {
	reader, _, err := e.statements.Open(context.Background(), "merchant="+merchant+"/date="+date.String()+"/"+name, "")
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		e.t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		e.t.Fatal(err)
	}
	var text bytes.Buffer
	if err := statement.Dump(&text, content, columns); err != nil {
		e.t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil {
		e.t.Fatal(err)
	}
	return rows[1:]
}
