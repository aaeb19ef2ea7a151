package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// lettersFor returns the letters of a publication on a new ledger, which has some on record already if standing is given.
func lettersFor(t *testing.T, standing *books.DateRecord) (*letters, *books.Ledger) {
	t.Helper()
	ledger, err := books.Open(t.Context(), storage.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	p := &publication{stateStore: stateStore{attempt: &attempt{ledger: ledger}}, night: &settlement.Night{Date: 20_000}, standing: standing}
	return p.newLetters(t.Context()), ledger
}

func letterOf(i int) []byte { return fmt.Appendf(nil, "letter of %d", i) }

// TestLetters packs the letters of more merchants than are in memory at a time, in the order of the merchants, and names those
// again that merchants were told before. Large ones are left to be stored otherwise.
func TestLetters(t *testing.T) {
	known := books.FileRecord{Name: "ack.json", Object: "old", SHA256: sha256Hex(letterOf(3))}
	letters, ledger := lettersFor(t, &books.DateRecord{Acknowledgements: []books.AcknowledgementRecord{{Merchant: "M3", Files: []books.FileRecord{known}}}})
	const merchants = 2*lettersAtHand + 10
	records := make([]books.AcknowledgementRecord, merchants)
	err := letters.each(merchants, func(_ context.Context, i int) error {
		content := letterOf(i)
		if i == 5 {
			content = make([]byte, packedFileBytes+1)
		}
		if kept := letters.keep(i, fmt.Sprint("M", i), content); kept != (i != 5) {
			t.Errorf("letter %d is kept: %t", i, kept)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	letters.record(records)
	var before books.FileRecord
	for i := range records {
		files := records[i].Files
		switch {
		case i == 5:
			if len(files) > 0 {
				t.Errorf("the large letter is %v", files)
			}
			continue
		case i == 3:
			if !slices.Equal(files, []books.FileRecord{known}) {
				t.Errorf("the letter on record is named as %v", files)
			}
			continue
		}
		if len(files) != 1 || files[0].Name != "ack.json" {
			t.Fatalf("merchant %d: %v", i, files)
		}
		if content, err := ledger.Read(t.Context(), files[0]); err != nil || string(content) != string(letterOf(i)) {
			t.Errorf("merchant %d: %q, %v", i, content, err)
		}
		if i > 0 && (files[0].Object != before.Object || files[0].Offset != before.Offset+before.Bytes) {
			t.Errorf("the letter of merchant %d lies at %s, the one before at %s", i, files[0].Place(), before.Place())
		}
		before = files[0]
	}
	if !strings.HasSuffix(before.Object, "/acknowledgements/date=2024-10-04/pack-00001") {
		t.Errorf("the letters lie in %s", before.Object)
	}
}

// TestLettersOfAFailedNight says what failed, and nothing else.
func TestLettersOfAFailedNight(t *testing.T) {
	failed := errors.New("failed")
	letters, _ := lettersFor(t, nil)
	err := letters.each(10, func(_ context.Context, i int) error {
		letters.keep(i, fmt.Sprint("M", i), letterOf(i))
		if i == 7 {
			return failed
		}
		return nil
	})
	if err != failed {
		t.Errorf("got %v", err)
	}
}
