package spool

import "testing"

// TestBriefBlobs fills the memory with what stays, which leaves room for what is brief, and for that alone.
func TestBriefBlobs(t *testing.T) {
	pool := NewPool(t.TempDir(), 16*PieceBytes)
	defer func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}()
	spilled := func(blob *Blob, pieces int) bool {
		if _, err := blob.Write(make([]byte, pieces*PieceBytes)); err != nil {
			t.Fatal(err)
		}
		if err := blob.Close(); err != nil {
			t.Fatal(err)
		}
		return len(blob.disk.starts) > 0
	}
	if lasting := pool.NewBlob(); spilled(lasting, 13) || pool.Full() {
		t.Error("13 of 14 pieces do not stay")
	}
	if lasting := pool.NewBlob(); spilled(lasting, 1) || !pool.Full() {
		t.Error("the last of 14 pieces does not stay, or leaves room")
	}
	if !spilled(pool.NewBlob(), 1) {
		t.Error("what stays took the place of what is brief")
	}
	brief := pool.NewBriefBlob()
	if spilled(brief, 2) {
		t.Error("what is brief went to the disk although there is room")
	}
	if !spilled(pool.NewBriefBlob(), 1) {
		t.Error("what is brief took more memory than there is")
	}
	if brief.Release(); spilled(pool.NewBriefBlob(), 2) {
		t.Error("room that was given back was not used again")
	}
}
