package clearing

import (
	"fmt"
	"strings"
	"testing"

	"alliance/rules"
	"alliance/settlement"
)

// A register with someone who may do little, someone who left and someone who comes.
const checkedMerchants = `[{id: A, name: A, may_issue_for: [HUB]}, {id: B, name: B, may_redeem_from: [A]},
  {id: C, name: C, joined: 2026-06-10, left: 2026-06-12}]`

func checkedRulebook(t testing.TB) *rules.Rulebook {
	return testRulebook{merchants: checkedMerchants, ledger: "{lots: tracked, attribution: fifo, reversal_days: 5}"}.parse(t)
}

// recordOf reads "column=value column=value"; ! instead of = marks a mistyped value. It starts
// from a valid redeem at noon of 15 June.
func recordOf(t testing.TB, changes string) *settlement.Record {
	t.Helper()
	record := &settlement.Record{Row: 7}
	set := func(pairs string) {
		for pair := range strings.FieldsSeq(pairs) {
			at := strings.IndexAny(pair, "=!")
			column, known := settlement.FindColumn(pair[:at])
			if !known {
				t.Fatalf("no column %s", pair[:at])
			}
			record.Values[column] = pair[at+1:]
			if pair[at] == '!' {
				record.Mistyped |= 1 << column
			}
		}
	}
	set("transaction_id=T1 member_id=M1 kind=redeem points=500 occurred_at=2026-06-15T12:00:00+08:00")
	set(changes)
	return record
}

func TestCheckRejectsByTheFirstCodeThatApplies(t *testing.T) {
	rulebook := checkedRulebook(t)
	const issue, reversal, reverseIssue = "kind=issue ", "kind=redeem_reversal original_transaction_id=T0 ", "kind=issue_reversal original_transaction_id=T0 "
	for _, test := range []struct{ merchant, changes, want string }{
		{"A", "", ""},
		// What is missing, in the order of the columns; an unknown kind requires the common ones.
		{"A", "transaction_id= member_id=", "missing_field transaction_id"},
		{"A", "member_id= points=0", "missing_field member_id"},
		{"A", "kind= occurred_at=", "missing_field kind"},
		{"A", "points= transaction_id=\x01", "missing_field points"},
		{"A", "kind=gift occurred_at=", "missing_field occurred_at"},
		{"A", "kind=redeem_reversal points=0", "missing_field original_transaction_id"},
		{"A", "kind=issue_reversal", "missing_field original_transaction_id"},
		// What is not of its form, in the order of the columns.
		{"A", "transaction_id=\x01 member_id=M\x01", "invalid_value transaction_id \x01"},
		{"A", "member_id=e\u0301", "invalid_value member_id"},
		{"A", "kind=gift points=0", "invalid_value kind gift"},
		{"A", "kind=Issue", "invalid_value kind Issue"},
		{"A", "kind!redeem", "invalid_value kind redeem"},
		{"A", "points=0500", "invalid_value points 0500"},
		{"A", "points=1000000000001", "invalid_value points 1000000000001"},
		{"A", "points=1000000000000", ""},
		{"A", "points!5.0", "invalid_value points 5.0"},
		{"A", "points!500", "invalid_value points 500"},
		{"A", "points!", "invalid_value points"},
		{"A", "member_id!120045", "invalid_value member_id"},
		{"A", "occurred_at=2026-06-15T12:00:00 points=1", "invalid_value occurred_at 2026-06-15T12:00:00"},
		{"A", "merchant_id!1", "invalid_value merchant_id 1"},
		{"A", "issuer_id!1 reason=X", "invalid_value issuer_id 1"},
		{"A", reversal + "original_date=2026-6-1", "invalid_value original_date 2026-6-1"},
		{"A", reversal + "original_transaction_id=\u0080", "invalid_value original_transaction_id \u0080"},
		{"A", issue + "expires_on=2026-06-14", "invalid_value expires_on 2026-06-14"},
		{"A", issue + "expires_on=2026-06-15", ""},
		{"A", issue + "expires_on=2026-06-31", "invalid_value expires_on 2026-06-31"},
		{"A", "amount=1.234", "invalid_value amount 1.234"},
		{"A", "currency=cny", "invalid_value currency cny"},
		{"A", "reason=Purchase", "invalid_value reason Purchase"},
		{"A", "store_id=" + strings.Repeat("ü", 65), "invalid_value store_id " + strings.Repeat("ü", 32)},
		{"A", "store_id=x" + strings.Repeat("ü", 65), "invalid_value store_id x" + strings.Repeat("ü", 31)},
		// Columns that the kind does not take are not looked at.
		{"A", "expires_on=soon original_date=x original_transaction_id=\x01", ""},
		{"A", issue + "original_date!x original_transaction_id!1", ""},
		{"A", reversal + "issuer_id=nobody expires_on!1", ""},
		// The rulebook.
		{"A", "merchant_id=A", ""},
		{"A", "merchant_id=B occurred_at=1969-12-31T23:59:59Z", "invalid_value occurred_at 1969-12-31T23:59:59Z"},
		{"A", "merchant_id=B occurred_at=2020-01-01T00:00:00Z", "wrong_merchant merchant_id B"},
		{"C", "occurred_at=2026-06-09T23:59:59+08:00", "inactive_merchant occurred_at 2026-06-09T23:59:59+08:00"},
		{"C", "occurred_at=2026-06-10T00:00:00+08:00", ""},
		{"C", "occurred_at=2026-06-12T23:59:59+08:00", ""},
		{"C", "occurred_at=2026-06-13T00:00:00+08:00", "inactive_merchant occurred_at 2026-06-13T00:00:00+08:00"},
		{"C", reversal + "occurred_at=2026-06-17T23:59:59+08:00", ""},
		{"C", reverseIssue + "occurred_at=2026-06-17T23:59:59+08:00", ""},
		{"C", reversal + "occurred_at=2026-06-18T00:00:00+08:00", "inactive_merchant occurred_at 2026-06-18T00:00:00+08:00"},
		{"C", "occurred_at=2030-01-01T00:00:00Z", "inactive_merchant occurred_at 2030-01-01T00:00:00Z"},
		{"A", "occurred_at=2026-06-17T23:59:59+08:00", ""},
		{"A", "occurred_at=2026-06-18T00:00:00+08:00 issuer_id=X", "future occurred_at 2026-06-18T00:00:00+08:00"},
		{"A", "occurred_at=2026-05-11T00:00:00+08:00", ""},
		{"A", "occurred_at=2026-05-10T23:59:59+08:00 issuer_id=X", "too_late occurred_at 2026-05-10T23:59:59+08:00"},
		{"A", "issuer_id=X", "unknown_issuer issuer_id X"},
		{"A", "issuer_id=a", "unknown_issuer issuer_id a"},
		{"A", "issuer_id=HUB", ""},
		{"A", "issuer_id=B", ""},
		{"A", issue + "issuer_id=HUB", ""},
		{"A", issue + "issuer_id=A", ""},
		{"A", issue + "issuer_id=B", "not_agreed issuer_id B"},
		{"B", "issuer_id=A", ""},
		{"B", "issuer_id=B", ""},
		{"B", "issuer_id=HUB", "not_agreed issuer_id HUB"},
		{"B", issue + "issuer_id=HUB", "not_agreed issuer_id HUB"},
	} {
		checkOne(t, rulebook, test.merchant, test.changes, test.want)
	}
}

func TestCheckUnderStatedPolicies(t *testing.T) {
	tracked := testRulebook{merchants: checkedMerchants, ledger: "{lots: tracked, attribution: stated}"}.parse(t)
	checkOne(t, tracked, "A", "", "issuer_required issuer_id")
	checkOne(t, tracked, "A", "kind=issue", "")
	checkOne(t, tracked, "A", "kind=redeem_reversal original_transaction_id=T0", "")
	untracked := testRulebook{merchants: checkedMerchants, ledger: "{lots: untracked, attribution: stated}"}.parse(t)
	checkOne(t, untracked, "A", "", "issuer_required issuer_id")
	checkOne(t, untracked, "A", "kind=issue", "")
	checkOne(t, untracked, "A", "kind=redeem_reversal", "issuer_required issuer_id")
	checkOne(t, untracked, "A", "kind=issue_reversal original_transaction_id=\x01 original_date=x", "issuer_required issuer_id")
	checkOne(t, untracked, "A", "kind=issue_reversal issuer_id=X", "unknown_issuer issuer_id X")
	checkOne(t, untracked, "B", "kind=redeem_reversal issuer_id=HUB", "")
}

// checkOne checks a record for 15 June; want is "code column value", or "" for a row that passes.
func checkOne(t *testing.T, rulebook *rules.Rulebook, merchant, changes, want string) {
	t.Helper()
	validator := NewValidator(rulebook, dateOf(t, "2026-06-15"))
	party := rulebook.Parties.Find(merchant)
	record := recordOf(t, changes)
	row, rejection := check(validator, party, "f.csv", record)
	if rejection == nil {
		if want != "" {
			t.Errorf("%s: %q passes, want %s", merchant, changes, want)
		}
		if row.Source != (settlement.Source{File: "f.csv", Row: 7}) || row.Merchant != party || row.FirstRead.String() != "2026-06-15" {
			t.Errorf("%s: %q is read as %+v", merchant, changes, row)
		}
		return
	}
	got := strings.TrimSpace(fmt.Sprintf("%s %s %s", rejection.Code, rejection.Column, rejection.Value))
	if got != strings.TrimSpace(want) && rejection.Code.String()+" "+rejection.Column+" "+rejection.Value != want {
		t.Errorf("%s: %q is %q, want %q", merchant, changes, got, want)
	}
	if rejection.State != settlement.Rejected || rejection.Merchant != party || rejection.File != "f.csv" || rejection.Row != 7 ||
		rejection.Message == "" || rejection.Points != 0 {
		t.Errorf("%s: %q is %+v", merchant, changes, rejection)
	}
	if strings.Contains(rejection.Message+rejection.Value, record.Values[settlement.MemberID]) && record.Values[settlement.MemberID] != "" {
		t.Errorf("%s: %q tells the member id: %+v", merchant, changes, rejection)
	}
}

func TestCheckTellsTheTransactionIDOnlyIfItIsOne(t *testing.T) {
	validator := NewValidator(checkedRulebook(t), dateOf(t, "2026-06-15"))
	for changes, want := range map[string]string{"points=0": "T1", "transaction_id=\x01": "", "transaction_id!5": "", "transaction_id=": ""} {
		if _, rejection := check(validator, 0, "f.csv", recordOf(t, changes+" points=0")); rejection.TransactionID != want {
			t.Errorf("%q: transaction id %q, want %q", changes, rejection.TransactionID, want)
		}
	}
}

func TestCheckOfAMalformedRow(t *testing.T) {
	validator := NewValidator(checkedRulebook(t), dateOf(t, "2026-06-15"))
	_, rejection := check(validator, 0, "f.csv", &settlement.Record{Row: 3, Fault: "5 fields where 6 are due"})
	if rejection == nil || *rejection != (settlement.Exception{File: "f.csv", Row: 3, Code: settlement.Malformed,
		State: settlement.Rejected, Message: "5 fields where 6 are due"}) {
		t.Errorf("%+v", rejection)
	}
}

func TestCheckFillsTheTransaction(t *testing.T) {
	validator := NewValidator(checkedRulebook(t), dateOf(t, "2026-06-15"))
	check := func(changes string) settlement.Transaction {
		t.Helper()
		row, rejection := check(validator, 0, "f.csv", recordOf(t, changes))
		if rejection != nil {
			t.Fatalf("%q: %+v", changes, rejection)
		}
		row.Content = settlement.Digest{}
		return row
	}
	want := settlement.Transaction{
		Source: settlement.Source{File: "f.csv", Row: 7}, ID: "T1", Member: "M1", Kind: settlement.Issue, Points: 500,
		OccurredAt: 1_781_496_000_000_000, BusinessDate: dateOf(t, "2026-06-15"), Issuer: validator.rulebook.Alliance,
		OriginalDate: settlement.NoDate, ExpiresOn: dateOf(t, "2027-01-31"), Reason: "campaign", FirstRead: dateOf(t, "2026-06-15"),
	}
	if got := check("kind=issue issuer_id=HUB expires_on=2027-01-31 reason=campaign original_date=2026-06-01"); got != want {
		t.Errorf("issue\n got %+v\nwant %+v", got, want)
	}
	want.Kind, want.Issuer, want.ExpiresOn, want.Reason = settlement.RedeemReversal, settlement.NoParty, settlement.NoDate, ""
	want.OriginalID, want.OriginalDate = "T0", dateOf(t, "2026-06-01")
	if got := check("kind=redeem_reversal issuer_id=HUB original_transaction_id=T0 original_date=2026-06-01 expires_on=2027-01-31"); got != want {
		t.Errorf("reversal\n got %+v\nwant %+v", got, want)
	}
}

func TestContentIsComparedByValue(t *testing.T) {
	validator := NewValidator(checkedRulebook(t), dateOf(t, "2026-06-15"))
	content := func(changes string) settlement.Digest {
		t.Helper()
		row, rejection := check(validator, 0, "f.csv", recordOf(t, changes))
		if rejection != nil {
			t.Fatalf("%q: %+v", changes, rejection)
		}
		return row.Content
	}
	for _, same := range [][2]string{
		{"", "merchant_id=A"},
		{"", "occurred_at=2026-06-15T04:00:00Z"},
		{"", "occurred_at=2026-06-14T23:30:00.0000009-04:30"},
		{"amount=7.50", "amount=007.5"},
		{"amount=-0", "amount=0.00"},
		{"expires_on=5", "expires_on!5"},
	} {
		if content(same[0]) != content(same[1]) {
			t.Errorf("%q and %q differ", same[0], same[1])
		}
	}
	texts := []string{"", "transaction_id=T2", "member_id=M2", "kind=issue", "points=501", "occurred_at=2026-06-15T12:00:00.000001+08:00",
		"issuer_id=A", "issuer_id=B", "original_transaction_id=T0", "original_transaction_id=2026-06-01", "original_date=2026-06-01",
		"expires_on=2026-06-01", "kind=issue expires_on=2027-06-01", "kind=issue issuer_id=A", "amount=0", "amount=7", "amount=-7", "amount=0.7", "amount=0.07",
		"currency=CNY", "reason=a", "store_id=a", "store_id=CNY", "expires_on=x", "expires_on=X",
		"kind=redeem_reversal original_transaction_id=T0", "kind=issue_reversal original_transaction_id=T0",
		"kind=redeem_reversal original_transaction_id=T0 issuer_id=A", "kind=redeem_reversal original_transaction_id=T0 original_date=2026-06-15"}
	seen := make(map[settlement.Digest]string)
	for _, text := range texts {
		digest := content(text)
		if other, found := seen[digest]; found {
			t.Errorf("%q and %q are the same", other, text)
		}
		seen[digest] = text
	}
}

func TestIDDigestKeepsIDsApart(t *testing.T) {
	if IDDigest("A", "BC") == IDDigest("AB", "C") || IDDigest("A", "B") == IDDigest("B", "A") {
		t.Error("ids run into each other")
	}
	// What is on record was digested by an earlier program: it must come out the same for ever.
	if got := fmt.Sprintf("%x", IDDigest("A", "T1")); got != "56d5fd19a0873d9198e7b2eb192f0f4a" {
		t.Errorf("digest of A, T1 is %s", got)
	}
}

// TestContentDigestStaysTheSame holds digests against those that an earlier program put on record: with others, every row
// that is sent again would be a conflict.
func TestContentDigestStaysTheSame(t *testing.T) {
	validator := NewValidator(checkedRulebook(t), dateOf(t, "2026-06-15"))
	for changes, want := range map[string]string{
		"": "e4a70619c1d320bb313760b10e21a332",
		"merchant_id=A issuer_id=HUB amount=012.50 currency=CNY reason=purchase store_id=S-17": "3dda26adaff6ec5027c93a392f371ddc",
		"amount=-0.00 expires_on=soon original_transaction_id=T0":                              "15341c0b3400385eb5a7645de53aeebd",
		"kind=issue expires_on=2026-12-31 amount=-7.05":                                        "d6c23c938c938c34eb3a6bca15fd9435",
		"kind=redeem_reversal original_transaction_id=T0 original_date=2026-06-01":             "35ef3b980c49ca2a19e57249cd7b933d",
	} {
		row, rejection := check(validator, 0, "f.csv", recordOf(t, changes))
		if rejection != nil {
			t.Fatalf("%s: %+v", changes, rejection)
		}
		if got := fmt.Sprintf("%x", row.Content); got != want {
			t.Errorf("digest of %q is %s, was %s", changes, got, want)
		}
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	rulebook := checkedRulebook(t)
	validator := NewValidator(rulebook, dateOf(t, "2026-06-15"))
	record := recordOf(t, "merchant_id=A issuer_id=HUB amount=12.50 currency=CNY reason=purchase store_id=门店 member_id=會員é")
	allocations := testing.AllocsPerRun(200, func() {
		row, rejection := check(validator, 0, "f.csv", record)
		if rejection != nil || IDDigest("A", row.ID) == (settlement.Digest{}) {
			t.Fatal(rejection)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations per row", allocations)
	}
}

func BenchmarkCheck(b *testing.B) {
	rulebook := checkedRulebook(b)
	validator := NewValidator(rulebook, dateOf(b, "2026-06-15"))
	record := recordOf(b, "transaction_id=POS-004711-20260615-000123 member_id=M000000123456 issuer_id=B amount=12.50 currency=CNY reason=purchase store_id=S-17")
	b.ReportAllocs()
	for b.Loop() {
		if _, rejection := check(validator, 0, "f.csv", record); rejection != nil {
			b.Fatal(rejection)
		}
	}
}

// BenchmarkCheckTyped checks rows as they come from a Parquet file, one unlike the other.
func BenchmarkCheckTyped(b *testing.B) {
	rulebook := checkedRulebook(b)
	validator := NewValidator(rulebook, dateOf(b, "2026-06-15"))
	records := make([]settlement.Record, 1<<12)
	for i := range records {
		record := recordOf(b, fmt.Sprintf("transaction_id=t0001-%09d member_id=m%08d points= occurred_at= amount=%d.%02d currency=CNY reason=purchase store_id=store-%09d",
			i*7919, i*104729%1e8, i*i%(11<<(i%9)), i%100, i*15485863%1e9))
		record.Typed = 1<<settlement.PointsColumn | 1<<settlement.OccurredAt
		record.Points, record.OccurredAt = int64(i+1), settlement.Instant(1_781_500_000_000_000+int64(i)*1_000_000)
		records[i] = *record
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, rejection := check(validator, 0, "f.parquet", &records[i%len(records)]); rejection != nil {
			b.Fatal(rejection)
		}
	}
}

func check(validator *Validator, merchant settlement.Party, file string, record *settlement.Record) (row settlement.Transaction, rejection *settlement.Exception) {
	if rejection = validator.Check(merchant, file, record, &row); rejection != nil {
		return settlement.Transaction{}, rejection
	}
	return row, nil
}
