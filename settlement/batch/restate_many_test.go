package batch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// TestManyAreToldTheSame stores what 10,000 merchants were told already, all of them alike once more and one
// another: what stands is named again, in a time that grows with their number.
func TestManyAreToldTheSame(t *testing.T) {
	const merchants = 10_000
	ledger, err := books.Open(t.Context(), storage.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	standing := new(books.DateRecord)
	text := func(i int) string { return fmt.Sprintf("merchant %d", i) }
	for i := range merchants {
		file := books.FileRecord{Name: "ack.json", Object: fmt.Sprint("old/", i), SHA256: sha256Hex([]byte(text(i)))}
		standing.Acknowledgements = append(standing.Acknowledgements, books.AcknowledgementRecord{Merchant: fmt.Sprint(i), Files: []books.FileRecord{file}})
	}
	p := &publication{stateStore: stateStore{attempt: &attempt{ledger: ledger, discard: true}}, standing: standing}
	start := time.Now()
	for i := range merchants {
		file, err := p.createUnlessStanding(t.Context(), "new", strings.NewReader(text(i)))
		if err != nil || file.Object != fmt.Sprint("old/", i) {
			t.Fatalf("merchant %d is told %+v, %v", i, file, err)
		}
	}
	if file, err := p.createUnlessStanding(t.Context(), "new", strings.NewReader("else")); err != nil || file.Name != "new" || file.Object != "" {
		t.Errorf("what nobody was told became %+v, %v", file, err)
	}
	t.Logf("%d merchants took %v", merchants, time.Since(start))
}
