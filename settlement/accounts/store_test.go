package accounts_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/storage"
	"alliance/settlement/storage/s3test"
)

// TestRunsInAStore writes a run into a directory and reads parts of it.
func TestRunsInAStore(t *testing.T) {
	bucket, err := storage.OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	testRunsInAStore(t, bucket)
}

// TestRunsInAnS3Store does the same with a real server.
func TestRunsInAnS3Store(t *testing.T) {
	if !s3test.Enabled(t) {
		return
	}
	server := s3test.Start(t)
	bucket, err := storage.OpenURL(t.Context(), server.URL(server.NewBucket(), "ledger", s3test.Root))
	if err != nil {
		t.Fatal(err)
	}
	testRunsInAStore(t, bucket)
}

func testRunsInAStore(t *testing.T, bucket storage.Bucket) {
	const members = 30_000
	parties := settlement.NewParties([]string{"BAKERY", "CEDAR"})
	var buffer bytes.Buffer
	writer := accounts.NewWriter(&buffer, parties)
	for i := range members {
		account := settlement.Account{Member: fmt.Sprintf("member-%06d", i), Lots: []settlement.Lot{{
			Key: settlement.LotKey{Merchant: settlement.Party(i % 2), BusinessDate: 20000, TransactionID: fmt.Sprintf("T%d", i*i)}, Issuer: 1,
			ExpiresOn: 21000, Issued: int64(i), Open: int64(i), Source: settlement.Source{File: "merchant=CEDAR/date=2024-10-04/sales.csv", Row: int64(i)}}}}
		if err := writer.Add(&account, settlement.Date(21000+i)); err != nil {
			t.Fatal(err)
		}
	}
	facts, err := writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(t.Context(), "runs/1/accounts-00000", bytes.NewReader(buffer.Bytes())); err != nil {
		t.Fatal(err)
	}
	listed, err := bucket.List(t.Context(), "runs/1/")
	if err != nil || len(listed) != 1 {
		t.Fatal(listed, err)
	}
	reader := storage.ReaderAt(t.Context(), bucket, listed[0])
	defer reader.Close()
	run, err := accounts.Open(reader, listed[0].Size, parties)
	if err != nil || run.Facts() != facts {
		t.Fatal(run, err)
	}
	if err := run.Verify(); err != nil {
		t.Fatal(err)
	}
	var chosen []string
	for i := 0; i < members; i += 997 {
		chosen = append(chosen, fmt.Sprintf("member-%06d", i))
	}
	var arena accounts.Arena
	visited := 0
	visit := func(account *settlement.Account, due settlement.Date) error {
		if i := account.Lots[0].Open; account.Member != fmt.Sprintf("member-%06d", i) || due != settlement.Date(21000+i) {
			t.Errorf("%+v", account)
		}
		visited++
		return nil
	}
	err = accounts.Stack{run}.SelectDue(chosen, 21000+500, 21000+502, &arena, visit)
	if err != nil || visited != len(chosen)+2 {
		t.Fatalf("%d accounts, %v", visited, err)
	}
	// A run that was replaced meanwhile is found out, or read as it was.
	if err := bucket.Replace(t.Context(), listed[0].Key, bytes.NewReader(make([]byte, buffer.Len()))); err != nil {
		t.Fatal(err)
	}
	if err := run.Verify(); err != nil && !errors.Is(err, storage.ErrChanged) {
		t.Error(err)
	}
}
