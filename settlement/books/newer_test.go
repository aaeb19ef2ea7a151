package books

import (
	"errors"
	"io"
	"strings"
	"testing"

	"alliance/settlement/storage"
)

// TestWhatAnotherRunRemovedIsNoDamage reads what a forget has replaced and deleted since the log was read, and what an attempt stored that
// another run has passed and cleaned up. The same without a newer record is damage.
func TestWhatAnotherRunRemovedIsNoDamage(t *testing.T) {
	bucket := storage.NewMemory()
	ledger := open(t, bucket)
	settle(t, ledger, firstDate, "anna")
	settled, _ := ledger.Settled(firstDate)
	old := settled.State.Objects[0].FileRecord
	late := open(t, bucket)
	attempt := begin(t, late)
	stored, err := attempt.Create(t.Context(), "own", strings.NewReader("own"))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := attempt.CreatePack(t.Context(), "pack", []Packed{{"a", []byte("a")}, {"b", []byte("b")}})
	if err != nil {
		t.Fatal(err)
	}

	forget(t, ledger, old.Object, "somebody")
	if removed, err := ledger.RemoveReplaced(t.Context()); err != nil || len(removed) != 1 {
		t.Fatal(removed, err)
	}
	if removed, err := ledger.CleanUp(t.Context()); err != nil || len(removed) != 1 {
		t.Fatal(removed, err)
	}
	expect := func(ledger *Ledger, want, not error) {
		t.Helper()
		for _, file := range []FileRecord{old, stored, packed[1]} {
			_, read := ledger.Read(t.Context(), file)
			reader := ledger.ReaderAt(t.Context(), file)
			_, readPart := reader.ReadAt(make([]byte, 1), 0)
			_, readBriefly := ledger.BriefReaderAt(t.Context(), file).ReadAt(make([]byte, 1), 0)
			_, copied := io.ReadAll(&objectBody{ctx: t.Context(), ledger: ledger, packs: new(packs), file: file})
			for _, err := range []error{read, readPart, readBriefly, copied} {
				if !errors.Is(err, want) || errors.Is(err, not) || !strings.Contains(err.Error(), file.Object) {
					t.Errorf("%s: %v", file.Place(), err)
				}
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		}
		reported := 0
		report := func(fault error) {
			if reported++; !errors.Is(fault, want) {
				t.Error(fault)
			}
		}
		if err := errors.Join(ledger.Verify(t.Context(), report), ledger.verifyPack(t.Context(), packed[0].Object, report)); err != nil || reported != 2 {
			t.Errorf("%d faults, %v", reported, err)
		}
	}
	expect(late, ErrLost, ErrBroken)
	if err := bucket.Delete(t.Context(), logKey(2)); err != nil {
		t.Fatal(err)
	}
	expect(open(t, bucket), ErrBroken, ErrLost)
}

// TestProjectWhatAnotherRunReplaced lets a forget replace and delete what is about to be published: it is published as it is now.
func TestProjectWhatAnotherRunReplaced(t *testing.T) {
	bucket, statements := storage.NewMemory(), storage.NewMemory()
	settle(t, open(t, bucket), firstDate, "anna")
	late, another := open(t, bucket), open(t, bucket)
	settled, _ := late.Settled(firstDate)
	forget(t, another, settled.Statements[0].Files[1].Object, "somebody")
	if _, err := another.RemoveReplaced(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := late.ProjectAll(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	expectProjected(t, another, statements)
}
