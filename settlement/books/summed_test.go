package books

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	"alliance/settlement/storage"
)

// TestBodiesKnowTheirDigest reads bodies as stores do: in parts, again from the start, from the middle on.
func TestBodiesKnowTheirDigest(t *testing.T) {
	content := bytes.Repeat([]byte("a body of some length "), 1000)
	sum := sha256.Sum256(content)
	bucket := storage.NewMemory()
	if err := bucket.Create(t.Context(), "object", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	stored := FileRecord{Object: "object", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	for name, body := range map[string]interface {
		io.ReadSeeker
		storage.Summed
	}{
		"what is sent":   newSentBody(bytes.NewReader(content)),
		"what is copied": &objectBody{ctx: t.Context(), ledger: &Ledger{bucket: bucket}, file: stored},
	} {
		t.Run(name, func(t *testing.T) {
			if known, _ := body.Summed(); known == int64(len(content)) {
				t.Error("it knows its digest unread")
			}
			for range 2 {
				if _, err := io.CopyN(io.Discard, body, 5000); err != nil {
					t.Fatal(err)
				}
				head := sha256.Sum256(content[:5000])
				if known, found := body.Summed(); known != 5000 || found != head {
					t.Errorf("after 5000 bytes it knows %d of them: %x", known, found)
				}
				if _, err := body.Seek(0, io.SeekStart); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, body); err != nil {
					t.Fatal(err)
				}
				if known, found := body.Summed(); known != int64(len(content)) || found != sum {
					t.Errorf("read whole it knows %d bytes of %d: %x", known, len(content), found)
				}
				if _, err := body.Seek(0, io.SeekStart); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
