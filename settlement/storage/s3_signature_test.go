package storage_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// A summedBody says what it likes about itself.
type summedBody struct {
	*strings.Reader
	bytes int64
	sum   [sha256.Size]byte
}

func (b summedBody) Summed() (int64, [sha256.Size]byte) { return b.bytes, b.sum }

// TestS3SignatureUsesKnownDigest stores bodies that know their digest, or only that of a part of them. That a known one is not reckoned
// once more is seen by one that is wrong.
func TestS3SignatureUsesKnownDigest(t *testing.T) {
	const content = "what is stored"
	right, other := sha256.Sum256([]byte(content)), sha256.Sum256([]byte("something else"))
	for name, test := range map[string]struct {
		bytes     int64
		sum, want [sha256.Size]byte
	}{
		"known":             {int64(len(content)), right, right},
		"taken as it is":    {int64(len(content)), other, other},
		"known of its head": {4, other, right},
		"unknown":           {-1, other, right},
	} {
		var given string
		bucket, _ := scriptedBucket(t, func(w http.ResponseWriter, r *http.Request) { given = r.Header.Get("X-Amz-Content-Sha256") })
		if err := bucket.Create(t.Context(), "key", summedBody{strings.NewReader(content), test.bytes, test.sum}); err != nil {
			t.Fatal(err)
		}
		if want := hex.EncodeToString(test.want[:]); given != want {
			t.Errorf("%s: the signature covers SHA-256 %s, want %s", name, given, want)
		}
	}
}
