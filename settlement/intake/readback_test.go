package intake

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement/storage"

	"github.com/klauspost/compress/gzip"
)

// givenBack returns how the wanted rows of a file are given back.
func givenBack(t *testing.T, name, content string, rows ...int64) string {
	t.Helper()
	inbox := storage.NewMemory()
	if err := inbox.Create(t.Context(), name, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	objects, err := inbox.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	object := &Object{Name: name, Format: FormatOf(name), Object: objects[0]}
	back, err := ReadBack(t.Context(), inbox, object, rows, func(row Delivered) error {
		fmt.Fprintf(&text, "%d %q %q %q %v\n", row.Row, row.Columns, row.Values, row.Raw, row.Cut)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	facts, err := Read(t.Context(), inbox, object, nil)
	if err != nil || facts.SHA256 != back.SHA256 {
		t.Fatalf("SHA-256 %s, want %s (%v)", back.SHA256, facts.SHA256, err)
	}
	return text.String()
}

func TestReadBackGivesRowsAsTheyAreWritten(t *testing.T) {
	const csv = "\uFEFFtransaction_id,till,member_id,kind,points,occurred_at\r\n" +
		"t1,7,m,issue,0,x\r\n\r\n" + "t2,7,m,issue,1,x\r\n" + "t3,7,m,\"is\"sue,1,x\r\n" + "t4,\"a \"\"b\"\"\",m,issue\xff,1,x\n" + "t5,\"never closed\nt6,,,,\n"
	const wantCSV = `1 ["transaction_id" "till" "member_id" "kind" "points" "occurred_at"] ["t1" "7" "m" "issue" "0" "x"] "" false
3 [] [] "t3,7,m,\"is\"sue,1,x" false
4 [] [] "t4,\"a \"\"b\"\"\",m,issue�,1,x" false
5 [] [] "t5,\"never closed\nt6,,,," false
`
	if got := givenBack(t, "a.csv", csv, 1, 3, 4, 5); got != wantCSV {
		t.Errorf("CSV is given back as\n%s, want\n%s", got, wantCSV)
	}
	const jsonl = `{"transaction_id":12,"till":{"no":7},"points":null}` + "\n\n" + `{"transaction_id":"caf\u00e9"}` + "\n" + `{"transaction_id":` + "\n"
	const wantJSON = `1 ["transaction_id" "till" "points"] ["12" "{\"no\":7}" ""] "" false
2 ["transaction_id"] ["café"] "" false
3 [] [] "{\"transaction_id\":" false
`
	if got := givenBack(t, "a.jsonl", jsonl, 1, 2, 3); got != wantJSON {
		t.Errorf("JSON is given back as\n%s, want\n%s", got, wantJSON)
	}
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	if _, err := packer.Write([]byte(jsonl)); err != nil {
		t.Fatal(err)
	}
	packer.Close()
	if got := givenBack(t, "a.jsonl.gz", packed.String(), 2); got != strings.SplitAfter(wantJSON, "\n")[1] {
		t.Errorf("packed JSON is given back as %s", got)
	}
}

func TestReadBackCutsWhatIsTooLong(t *testing.T) {
	long := goodHeader + "t1,\"" + strings.Repeat("é", 900_000)
	got := givenBack(t, "a.csv", long, 1)
	if !strings.HasSuffix(got, "é\" true\n") || len(got) > MaxRawBytes+100 {
		t.Errorf("an unclosed quote of 1.8 MB is given back as %d bytes: …%s", len(got), got[max(0, len(got)-40):])
	}
}
