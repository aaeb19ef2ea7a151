package batch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// TestPacking stores small files together in their order, as many as a pack takes, and large ones alone.
func TestPacking(t *testing.T) {
	ledger, err := books.Open(t.Context(), storage.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	attempt := &attempt{ledger: ledger}
	storing := storeMany(t.Context())
	packing := (&publication{stateStore: stateStore{attempt: attempt}, night: &settlement.Night{Date: 20_000}}).newPacking("statements", storing)
	content := func(i, size int) []byte { return bytes.Repeat([]byte{byte(i)}, size) }
	sizes := []int{1, packedFileBytes, packedFileBytes + 1}
	for range books.PackBytes/packedFileBytes - 1 {
		sizes = append(sizes, packedFileBytes-1)
	}
	sizes = append(sizes, 100, 200)
	for i, size := range sizes {
		if err := packing.add(fmt.Sprint("merchant=", i, "/file"), bytes.NewReader(content(i, size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := packing.flush(); err != nil {
		t.Fatal(err)
	}
	if err := storing.wait(); err != nil {
		t.Fatal(err)
	}
	var objects []string
	for i, size := range sizes {
		file := packing.stored[fmt.Sprint("merchant=", i, "/file")]
		_, object, _ := strings.Cut(file.Object, attempt.id()+"/statements/date=2024-10-04/")
		objects = append(objects, object)
		if read, err := ledger.Read(t.Context(), file); err != nil || !bytes.Equal(read, content(i, size)) {
			t.Errorf("file %d of %d bytes: %+v, %v", i, size, file, err)
		}
		if (file.Offset == 0) != (size > packedFileBytes) {
			t.Errorf("file %d of %d bytes lies at %d", i, size, file.Offset)
		}
	}
	// 1, 65536 and 15 of 65535 bytes leave room for fourteen bytes, not for a hundred.
	want := slices.Repeat([]string{"pack-00001"}, len(sizes))
	want[2], want[len(want)-2], want[len(want)-1] = "merchant=2.file", "pack-00002", "pack-00002"
	if !slices.Equal(objects, want) {
		t.Errorf("the files lie in %q, want %q", objects, want)
	}
}
