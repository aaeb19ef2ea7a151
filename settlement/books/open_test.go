package books

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// logOf is a log of so many nights of some merchants, each with seven files in packs of hundreds. The objects are not there.
func logOf(t testing.TB, nights, merchants int) storage.Bucket {
	t.Helper()
	bucket, previous := storage.NewMemory(), ""
	for night := range nights {
		attempt := fmt.Sprintf("%032x", night+1)
		record := Record{Seq: int64(night + 1), Previous: previous, Attempt: attempt, Kind: Publish}
		date := DateRecord{Date: firstDate + settlement.Date(night), ComputationID: digest([]byte(attempt))}
		for merchant := range merchants {
			statement := StatementRecord{Merchant: fmt.Sprintf("M%03d", merchant), Version: 1}
			for file := range 7 {
				number := merchant*7 + file
				statement.Files = append(statement.Files, FileRecord{Name: fmt.Sprintf("table-%d.parquet", file), Object: fmt.Sprintf("%sstatements/pack-%d", attemptPrefix(attempt), number/200),
					Offset: int64(number%200)*5000 + 5, Bytes: 5000, SHA256: digest(fmt.Append(nil, night, number)), Rows: int64(number)})
			}
			date.Statements = append(date.Statements, statement)
			date.Inputs = append(date.Inputs, InputRecord{Merchant: statement.Merchant, Key: fmt.Sprintf("merchant=%s/date=%s/sales.parquet", statement.Merchant, date.Date),
				Version: "1795480325796754295-38160159", Bytes: 38160159, SHA256: digest(fmt.Append(nil, night, statement.Merchant)), State: settlement.Consumed, Rows: 2648974, Accepted: 2648974})
		}
		record.Dates = []DateRecord{date}
		text, err := record.seal()
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.Create(t.Context(), logKey(record.Seq), bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		previous = digest(text)
	}
	return bucket
}

// TestRecordsShareTexts: all records of all nights stay in memory.
func TestRecordsShareTexts(t *testing.T) {
	ledger := open(t, logOf(t, 1, 3))
	statements := ledger.Records()[0].Dates[0].Statements
	first, second := &statements[0].Files[0], &statements[2].Files[0]
	if first.Object != second.Object || unsafe.StringData(first.Object) != unsafe.StringData(second.Object) {
		t.Errorf("two files of pack %q have its name twice", first.Object)
	}
	if first.Name != second.Name || unsafe.StringData(first.Name) != unsafe.StringData(second.Name) {
		t.Errorf("two files have the name %q twice", first.Name)
	}
	if known := ledger.files[second.place()]; known != second {
		t.Errorf("what is known of %s is %+v, not its place in the record", second.Place(), known)
	}
}

// BenchmarkOpen opens a ledger of a year of nights of 200 merchants, as all of it is read or as the next night asks for it, and reports what stays in
// memory of each night.
func BenchmarkOpen(b *testing.B) {
	const nights = 365
	bucket := logOf(b, nights, 200)
	for name, recent := range map[string]int{"whole": -1, "recent": 35} {
		b.Run(name, func(b *testing.B) {
			before := alive()
			var ledger *Ledger
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if ledger, err = openBy(b.Context(), bucket, recordsAtOnce, recent); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/nights, "us/night")
			b.ReportMetric(float64(alive()-before)/nights/1024, "KiB/night")
			runtime.KeepAlive(ledger)
		})
	}
	runtime.KeepAlive(bucket)
}

// alive is how many bytes are in use.
func alive() uint64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

// TestMemoryOfTheLog compares what a ledger says that it takes with what it takes.
func TestMemoryOfTheLog(t *testing.T) {
	bucket := logOf(t, 20, 200)
	before := alive()
	ledger := open(t, bucket)
	took := int64(alive() - before)
	if said := ledger.MemoryBytes(); said < took/2 || said > 2*took {
		t.Errorf("the ledger takes %d bytes and says %d", took, said)
	}
	runtime.KeepAlive(bucket)
}
