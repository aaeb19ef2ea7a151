package books

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/faults"
	"alliance/settlement/storage"
)

// faulty returns a bucket that asks hook before every call; hook may fail it, or run it and lose the answer.
func faulty(bucket storage.Bucket, hook func(operation, key string, run func() error) error) storage.Bucket {
	return faults.Wrap(bucket, "", func(call faults.Call, run func() error) error {
		return hook(string(call.Operation), call.Key, run)
	})
}

var errTimeout = errors.New("timeout")

// open opens a ledger that does not wait between tries.
func open(t *testing.T, bucket storage.Bucket) *Ledger {
	t.Helper()
	ledger, err := Open(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	ledger.pause = func(int) {}
	ledger.foldersPerLook = 1
	return ledger
}

func begin(t *testing.T, ledger *Ledger) *Attempt {
	t.Helper()
	attempt, err := ledger.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return attempt
}

const firstDate = settlement.Date(19_800)

// prepare stores the objects of a publish of one date and returns its record. The bakery's
// statement is of the next version; text makes its content differ.
func prepare(ctx context.Context, ledger *Ledger, attempt *Attempt, date settlement.Date, text string) (Record, error) {
	var failed error
	store := func(folder, name, content string) FileRecord {
		file, err := attempt.Create(ctx, date.String()+"/"+folder+"/"+name, strings.NewReader(content))
		failed = errors.Join(failed, err)
		file.Name = name
		return file
	}
	version := 1
	if before := ledger.Version("bakery", date); before != nil {
		version = before.Version + 1
	}
	settled := DateRecord{Date: date, ComputationID: text, Complete: true,
		Inputs: []InputRecord{{Merchant: "bakery", Key: "merchant=bakery/date=2024-01-01/a.csv", State: settlement.Consumed, Rows: 3},
			{Merchant: "cinema", State: settlement.Missing}},
		Statements: []StatementRecord{{Merchant: "bakery", Version: version, Supersedes: version - 1, Files: []FileRecord{
			store("bakery", statementName, "head "+text),
			store("bakery", "summary.parquet", "summary "+text),
		}}},
		Alliance: FolderRecord{Files: []FileRecord{store("alliance", "lines.parquet", "lines "+text), store("alliance", statementName, "alliance "+text)}},
		State:    StateRecord{Partitions: 1, Objects: []StateObject{{Role: Accounts, Night: date.String(), FileRecord: store("state", "0", "state "+text)}}},
	}
	// A file that only odd versions have.
	if version%2 == 1 {
		statement := &settled.Statements[0]
		statement.Files = append(statement.Files, store("bakery", "detail-00002.parquet", "detail "+text))
	}
	return Record{Kind: Publish, Operator: "someone", Reason: "the test wants it", Time: "2024-01-02T03:04:05Z", Dates: []DateRecord{settled}}, failed
}

// settle publishes a date.
func settle(t *testing.T, ledger *Ledger, date settlement.Date, text string) {
	t.Helper()
	attempt := begin(t, ledger)
	record, err := prepare(t.Context(), ledger, attempt, date, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := attempt.Commit(t.Context(), record); err != nil {
		t.Fatal(err)
	}
}

// contents returns every object of a bucket.
func contents(t *testing.T, bucket storage.Bucket) map[string]string {
	t.Helper()
	objects, err := bucket.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, object := range objects {
		reader, _, err := bucket.Open(t.Context(), object.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err := errors.Join(err, reader.Close()); err != nil {
			t.Fatal(err)
		}
		all[object.Key] = string(content)
	}
	return all
}

func verifyAll(t *testing.T, ledger *Ledger) {
	t.Helper()
	if err := ledger.Verify(t.Context(), func(fault error) { t.Error(fault) }); err != nil {
		t.Fatal(err)
	}
}
