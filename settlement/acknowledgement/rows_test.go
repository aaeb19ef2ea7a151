package acknowledgement

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"alliance/settlement"
)

// manyRejected are rows whose columns and lengths vary, some of them malformed; so many that their texts are in several chunks.
func manyRejected(rows int) (content string, rejected []settlement.Exception) {
	var text strings.Builder
	for i := range rows {
		switch i % 5 {
		case 0:
			fmt.Fprintf(&text, `{"transaction_id":"t%d","points":-%d,"till":"%s"}`, i, i+1, strings.Repeat("x", i%200))
		case 1:
			fmt.Fprintf(&text, `{"till":%d,"transaction_id":"t%d"`, i, i) // not closed
		default:
			fmt.Fprintf(&text, `{"transaction_id":"t%d","member_id":"m","note":""}`, i)
		}
		text.WriteByte('\n')
		exception := invalid(int64(i + 1))
		if i%5 == 1 {
			exception.Code = settlement.Malformed
		}
		rejected = append(rejected, exception)
	}
	return text.String(), rejected
}

func TestManyRejectedRowsAreGivenBack(t *testing.T) {
	const rows = 20_000
	content, exceptions := manyRejected(rows)
	inbox, night := deliver(t, file{"a.jsonl", content, exceptions})
	_, rejected := encode(t, night, Source{Inbox: inbox})
	records, err := csv.NewReader(strings.NewReader(rejected)).ReadAll()
	if err != nil || len(records) != rows+1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	lines := strings.Split(content, "\n")
	place := make(map[string]int)
	for i, name := range records[0] {
		place[name] = i
	}
	for i, record := range records[1:] {
		got := map[string]string{}
		for name, at := range place {
			if cell := record[at]; cell != "" && name != "file" && name != "code" && name != "message" && name != "column" {
				got[name] = cell
			}
		}
		want := map[string]string{"row": fmt.Sprint(i + 1), "transaction_id": fmt.Sprint("t", i)}
		switch i % 5 {
		case 0:
			want["points"] = fmt.Sprint(-i - 1)
			want["till"] = strings.Repeat("x", i%200)
		case 1:
			want = map[string]string{"row": fmt.Sprint(i + 1), "raw": lines[i]}
		default:
			want["member_id"] = "m"
		}
		for name, cell := range want {
			if cell == "" {
				delete(want, name)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("row %d is %v, want %v", i+1, got, want)
		}
	}
}

// BenchmarkGiveBack gives very many rows of a file back.
func BenchmarkGiveBack(b *testing.B) {
	const rows = 100_000
	var content strings.Builder
	content.WriteString("transaction_id,member_id,kind,points,occurred_at\n")
	exceptions := make([]settlement.Exception, rows)
	for i := range exceptions {
		fmt.Fprintf(&content, "A%08d,m%06d,issue,%d,2026-03-10T08:00:00+08:00\n", i, i%1000, 100+i%50)
		exceptions[i] = settlement.Exception{Row: int64(i + 1), Code: settlement.Duplicate, Column: "transaction_id",
			Message: "the same as a row of business date 2026-03-09 that was settled on 2026-03-09; nothing to do"}
	}
	inbox, night := deliver(b, file{"a.csv", content.String(), exceptions})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(b.Context(), night, partyA, 1, Source{Inbox: inbox}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/rows, "ns/row")
}
