package intake

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/shopspring/decimal"
)

const goodHeader = "transaction_id,member_id,kind,points,occurred_at\n"

// day is the settlement date of the tests.
var day = settlement.NewDate(2026, 3, 10)

var parties = settlement.NewParties([]string{"A", "B", "C", "HUB"})

const (
	partyA settlement.Party = iota
	partyB
	partyC
)

func register() []Merchant {
	return []Merchant{
		{Party: partyA, Active: true, Expected: true},
		{Party: partyB, Active: true, Expected: true, ControlRequired: true},
		{Party: partyC, Active: true},
	}
}

func inboxOf(t testing.TB, files map[string]string) storage.Bucket {
	t.Helper()
	bucket := storage.NewMemory()
	for key, text := range files {
		if err := bucket.Create(context.Background(), key, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	return bucket
}

func discover(t testing.TB, inbox storage.Bucket) *Listing {
	t.Helper()
	listing, err := Discover(context.Background(), inbox, parties, register(), Window{day, 3})
	if err != nil {
		t.Fatal(err)
	}
	return listing
}

// readText reads a text as a file of that name.
func readText(t testing.TB, name, text string, limits *limits) ([]settlement.Record, FileFacts) {
	t.Helper()
	key := "merchant=A/date=2026-03-10/" + name
	inbox := inboxOf(t, map[string]string{key: text})
	objects, err := inbox.List(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	object := Object{Merchant: partyA, Date: day, Name: name, Format: FormatOf(name), Object: objects[0]}
	var records []settlement.Record
	facts, err := read(context.Background(), inbox, &object, func(record *settlement.Record) error {
		records = append(records, *record)
		return nil
	}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return records, facts
}

// small are limits that tests can reach, with chunks that cut rows anywhere.
func small(chunk int) *limits {
	limits := standard
	limits.chunkBytes = chunk
	return &limits
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

func zstandard(t testing.TB, text string) string {
	t.Helper()
	writer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(writer.EncodeAll([]byte(text), nil))
}

func noRejects() Rejects {
	return Rejects{MaxShare: decimal.RequireFromString("0.05"), MaxRows: 10}
}
