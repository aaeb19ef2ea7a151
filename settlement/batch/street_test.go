package batch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// stores are what a run works on.
type stores struct {
	inbox, ledger, statements storage.Bucket
}

func memoryStores() stores {
	return stores{storage.NewMemory(), storage.NewMemory(), storage.NewMemory()}
}

func directoryStores(t *testing.T) stores {
	open := func() storage.Bucket {
		bucket, err := storage.OpenDirectory(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return bucket
	}
	return stores{open(), open(), open()}
}

// job is a run over the stores, as another operator at another time each time.
func (s stores) job(rulebook *rules.Rulebook, date settlement.Date) batch.Job {
	return batch.Job{Inbox: s.inbox, Ledger: s.ledger, Statements: s.statements, Rulebook: rulebook, Date: date,
		Operator: fmt.Sprintf("operator %d", rand.IntN(1000)), Now: time.Now}
}

func (s stores) clone(t testing.TB) stores {
	copied := memoryStores()
	fill(t, copied.inbox, contentsOf(t, s.inbox))
	fill(t, copied.ledger, contentsOf(t, s.ledger))
	fill(t, copied.statements, contentsOf(t, s.statements))
	return copied
}

// fill puts objects into a bucket.
func fill(t testing.TB, bucket storage.Bucket, objects map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if err := bucket.Replace(context.Background(), key, strings.NewReader(objects[key])); err != nil {
			t.Fatal(err)
		}
	}
}

// contentsOf returns every object of a bucket.
func contentsOf(t testing.TB, bucket storage.Bucket) map[string]string {
	objects, err := bucket.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	contents := make(map[string]string)
	for _, object := range objects {
		reader, _, err := bucket.Open(context.Background(), object.Key, "")
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err := errors.Join(err, reader.Close()); err != nil {
			t.Fatal(err)
		}
		contents[object.Key] = string(content)
	}
	return contents
}

// expectSame compares two buckets' objects, byte by byte.
func expectSame(t *testing.T, found, wanted map[string]string) {
	t.Helper()
	sum := func(contents map[string]string, key string) string {
		content, there := contents[key]
		if !there {
			return "absent"
		}
		digest := sha256.Sum256([]byte(content))
		return fmt.Sprintf("%d bytes, SHA-256 %s", len(content), hex.EncodeToString(digest[:]))
	}
	all := maps.Clone(wanted)
	maps.Copy(all, found)
	different := 0
	for _, key := range slices.Sorted(maps.Keys(all)) {
		content, there := found[key]
		if expected, wantedThere := wanted[key]; there == wantedThere && content == expected {
			continue
		}
		if different++; different <= 10 {
			t.Errorf("%s: %s, want %s", key, sum(found, key), sum(wanted, key))
		}
	}
	if different > 10 {
		t.Errorf("and %d more of %d objects", different-10, len(all))
	}
}

// stateSums returns the SHA-256 of every object of the state after each settled date.
func stateSums(t *testing.T, bucket storage.Bucket) map[string]string {
	ledger, err := books.Open(context.Background(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]string)
	for _, record := range ledger.Records() {
		for i := range record.Dates {
			for j, object := range record.Dates[i].State.Objects {
				sums[fmt.Sprintf("%s %02d %s", record.Dates[i].Date, j, object.Role)] = object.SHA256
			}
		}
	}
	return sums
}

// streetRulebook is the agreement of six merchants, with a cycle that closes every night unless
// the text says otherwise.
const streetRulebook = `
alliance: {id: HUB, currency: EUR, time_zone: Europe/Berlin, day_starts_at: "04:00", cycle: daily}
rounding: half_even
intake:
  accept_late_days: 3
  accept_early_days: 1
  duplicate_days: 3
  wait_days: 1
  missing: {max_share: "1"}
  max_rejected: {share: "0.2", rows: 10}
ledger: {lots: tracked, attribution: pro_rata, unfunded: alliance, expiry: {months: 1}, reversal_days: 30}
prices:
  - {id: fuel, when: redeemer.category == "fuel", price: "0.95", per_points: 100}
  - {id: campaign, when: reason == "campaign", price: "1.05", per_points: 150}
  - {id: base, price: "1.00", per_points: 100}
fees:
  - {id: clearing, payer: redeemer, rate: "0.015", per_transaction: "0.02", min: "0.10", max: "20.00", tax_rate: "0.19"}
  - {id: reach, payer: issuer, rate: "0.005", tax_rate: "0.19"}
netting: {mode: multilateral, payout_threshold: "1.00", holdback: {rate: "0.05", release_after: 2}}
merchants:
  - {id: Bakery, category: food, joined: 2026-01-01, may_issue_for: [HUB, Fuel]}
  - {id: Cinema, category: fun, joined: 2026-01-01, may_redeem_from: [Bakery, Fuel, HUB]}
  - {id: Fuel, category: fuel, joined: 2026-01-01}
  - {id: books, category: fun, joined: 2026-01-01, delivers: on_activity}
  - {id: 0pen-air, category: fun, joined: 2026-01-01}
  - {id: Zoo_1, category: fun, joined: 2026-01-01}
`

var streetMerchants = []string{"Bakery", "Cinema", "Fuel", "books", "0pen-air", "Zoo_1"}

// streetStart is the first date of the nights below: a Tuesday.
var streetStart = func() settlement.Date {
	date, err := settlement.ParseDate("2026-06-30")
	if err != nil {
		panic(err)
	}
	return date
}()

func mustRulebook(t testing.TB, text string) *rules.Rulebook {
	t.Helper()
	rulebook, err := rules.Parse("rulebook.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return rulebook
}

// A street makes nights of its merchants' files, the same ones every time. Instants are few, so
// that many rows share one, and ids are now and then used twice, in two files of one night.
type street struct {
	*rand.Rand
	members int
	count   int
	rows    []map[string]string // those delivered so far
}

func newStreet(members int) *street {
	return &street{Rand: rand.New(rand.NewPCG(6, 30)), members: members}
}

// night returns the objects that arrive before the run of a date: by merchant a file of each
// format, with so many rows each, some of them late, and whatever else may lie in an inbox.
func (s *street) night(date settlement.Date, merchants []string, rows int) map[string]string {
	inbox := make(map[string]string)
	put := func(merchant string, day settlement.Date, name string, content string) {
		if strings.HasSuffix(name, ".gz") {
			content = zipped(content)
		}
		inbox[fmt.Sprintf("merchant=%s/date=%s/%s", merchant, day, name)] = content
	}
	for i, merchant := range merchants {
		shared := s.row(date, merchant)
		suffix := []string{"", ".gz"}[i%2]
		put(merchant, date, fmt.Sprintf("tills-%s.csv%s", date, suffix), asCSV(append(s.several(date, merchant, rows), shared)))
		conflicting := maps.Clone(shared)
		conflicting["points"] = shared["points"] + "0"
		put(merchant, date, "web.jsonl", asJSONLines(append(s.several(date, merchant, rows), shared, conflicting)))
		if s.IntN(2) == 0 && date > streetStart {
			put(merchant, date-1, fmt.Sprintf("late-%s.csv", date), asCSV(s.several(date-1, merchant, 3)))
		}
	}
	first, last := merchants[0], merchants[len(merchants)-1]
	put(first, date, "broken.csv", "transaction_id,member_id\nx,y\n")
	put(last, date, "bad.csv", "transaction_id,member_id,kind,points,occurred_at,till\nbad,\"m\"x,issue\nworse,m1,issue,0,yesterday,7\n")
	inbox[fmt.Sprintf("merchant=nobody-%d/date=%s/a.csv", s.IntN(3), date)] = "who?"
	inbox[fmt.Sprintf("merchant=%s/date=soon/a.csv", first)] = "when?"
	inbox[fmt.Sprintf("alliance/adjustments/date=%s/by-hand.csv", date)] = fmt.Sprintf(
		"adjustment_id,payer_id,payee_id,amount,reason,reference\nadj-%s,%s,%s,1.25,posters,none\n", date, first, last)
	return inbox
}

func (s *street) several(date settlement.Date, merchant string, rows int) []map[string]string {
	list := make([]map[string]string, rows)
	for i := range list {
		list[i] = s.row(date, merchant)
	}
	return list
}

// row makes a row of any kind, mostly a good one.
func (s *street) row(date settlement.Date, merchant string) map[string]string {
	s.count++
	row := map[string]string{
		"transaction_id": fmt.Sprintf("t%d", s.count), "member_id": fmt.Sprintf("member-%d", s.IntN(s.members)), "kind": "issue",
		"points": fmt.Sprint(50 + s.IntN(700)), "occurred_at": fmt.Sprintf("%sT%02d:00:00+02:00", date, 5+2*s.IntN(9)),
	}
	switch roll := s.IntN(100); {
	case roll < 45:
		if merchant == "Bakery" {
			row["issuer_id"] = []string{"", "HUB", "Fuel"}[s.IntN(3)]
		}
		if s.IntN(4) == 0 {
			row["expires_on"] = (date + settlement.Date(s.IntN(3))).String()
		}
	case roll < 78:
		row["kind"] = "redeem"
		row["reason"] = []string{"", "purchase", "campaign"}[s.IntN(3)]
	default:
		s.reverse(row, merchant)
	}
	switch s.IntN(60) {
	case 0:
		row["points"] = "many"
	case 1:
		row["occurred_at"] = fmt.Sprintf("%sT12:00:00+02:00", date+1)
	case 2:
		row["occurred_at"] = fmt.Sprintf("%sT03:59:59+02:00", date)
	}
	row["merchant_id"] = merchant
	s.rows = append(s.rows, row)
	return row
}

// reverse makes the row the reversal of a row delivered before, or of one that comes later.
func (s *street) reverse(row map[string]string, merchant string) {
	for range 30 {
		if len(s.rows) == 0 {
			break
		}
		original := s.rows[s.IntN(len(s.rows))]
		if original["merchant_id"] != merchant || strings.HasSuffix(original["kind"], "_reversal") {
			continue
		}
		row["kind"] = original["kind"] + "_reversal"
		row["member_id"], row["original_transaction_id"] = original["member_id"], original["transaction_id"]
		if s.IntN(2) == 0 {
			row["points"] = original["points"]
		}
		return
	}
	row["kind"], row["original_transaction_id"] = "redeem_reversal", fmt.Sprintf("t%d", s.count+s.IntN(40))
}

var streetColumns = []string{"transaction_id", "member_id", "kind", "points", "occurred_at", "merchant_id", "issuer_id", "original_transaction_id", "expires_on", "reason"}

func asCSV(rows []map[string]string) string {
	text := strings.Join(streetColumns, ",") + "\n"
	for _, row := range rows {
		for i, column := range streetColumns {
			if i > 0 {
				text += ","
			}
			text += row[column]
		}
		text += "\n"
	}
	return text
}

func asJSONLines(rows []map[string]string) string {
	var text strings.Builder
	for _, row := range rows {
		line, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		text.Write(append(line, '\n'))
	}
	return text.String()
}

func zipped(content string) string {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(content)); err != nil {
		panic(err)
	}
	if err := writer.Close(); err != nil {
		panic(err)
	}
	return packed.String()
}
