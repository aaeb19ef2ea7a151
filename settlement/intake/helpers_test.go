package intake

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
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
	return discoverAfter(t, inbox, NewHistory())
}

func discoverAfter(t testing.TB, inbox storage.Bucket, history *History) *Listing {
	t.Helper()
	listing, err := Discover(context.Background(), inbox, parties, register(), Window{day, 3}, history)
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
	}, limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	readAgain(t, inbox, &object, limits, records, facts)
	return records, facts
}

// lenders have read other files before.
var lenders = sync.Pool{New: func() any { return new(Reader) }}

// readAgain reads an object in memory in which others were read before, and expects what came out before.
func readAgain(t testing.TB, inbox storage.Bucket, object *Object, limits *limits, records []settlement.Record, facts FileFacts) {
	t.Helper()
	reader := lenders.Get().(*Reader)
	defer lenders.Put(reader)
	next := 0
	again, err := read(context.Background(), inbox, object, func(record *settlement.Record) error {
		if next == len(records) || !reflect.DeepEqual(*record, records[next]) {
			return fmt.Errorf("record %d of %d is %+v in memory that was used before", next+1, len(records), record)
		}
		next++
		return nil
	}, limits, reader)
	if err != nil || next != len(records) || !reflect.DeepEqual(again, facts) {
		t.Errorf("in memory that was used before: %d of %d records, %+v instead of %+v, %v", next, len(records), again, facts, err)
	}
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
