package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

// TestDescribeSample compares with testdata/sample.txt, which is there to be read.
func TestDescribeSample(t *testing.T) {
	book, err := Parse("sample.yaml", sample)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := book.Describe(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/sample.txt", out.Bytes())
	text, err := book.DescribeJSON()
	if err != nil || !json.Valid(text) {
		t.Fatalf("%v: %s", err, text)
	}
	golden(t, "testdata/sample.json", text)
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestDescribeReportsWriteErrors(t *testing.T) {
	book, err := Parse("sample.yaml", sample)
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Describe(fullDisk{}); err == nil {
		t.Error("no error")
	}
}
