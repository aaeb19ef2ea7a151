package clearing

import (
	"reflect"
	"testing"

	"alliance/settlement"

	"pgregory.net/rapid"
)

// asText returns the record with its typed values as text, as CSV has them.
func asText(typed *settlement.Record) *settlement.Record {
	record := *typed
	record.Typed = 0
	for column := range settlement.Columns {
		record.Values[column] = typed.Text(column)
	}
	return &record
}

// TestTypedValuesAreCheckedAsTheirText draws rows with typed values: they are accepted, rejected
// and digested exactly as the same rows with text.
func TestTypedValuesAreCheckedAsTheirText(outer *testing.T) {
	rulebook := checkedRulebook(outer)
	typedColumns := []settlement.Column{settlement.PointsColumn, settlement.OccurredAt, settlement.OriginalDate, settlement.ExpiresOn, settlement.Amount}
	accepted := 0
	rapid.Check(outer, func(t *rapid.T) {
		record := recordOf(outer, "")
		record.Values[settlement.KindColumn] = rapid.SampledFrom([]string{"issue", "redeem", "redeem_reversal", "issue_reversal", "gift"}).Draw(t, "kind")
		record.Values[settlement.OriginalTransactionID] = rapid.SampledFrom([]string{"", "T0"}).Draw(t, "original")
		for _, column := range typedColumns {
			if rapid.IntRange(0, 3).Draw(t, "typed") == 0 {
				continue
			}
			record.Values[column] = ""
			record.Typed |= 1 << column
		}
		record.Points = rapid.OneOf(rapid.Int64Range(-1, 3), rapid.Int64Range(settlement.MaxPoints-1, settlement.MaxPoints+1), rapid.Int64()).Draw(t, "points")
		noon, _ := parseInstant("2026-06-15T12:00:00Z")
		record.OccurredAt = settlement.Instant(rapid.OneOf(rapid.Int64Range(int64(noon)-1e12, int64(noon)+1e12), rapid.Int64Range(-3, 3),
			rapid.Int64Range(maxInstant-3, maxInstant+3)).Draw(t, "instant"))
		dates := rapid.OneOf(rapid.Int32Range(20_610, 20_640), rapid.Int32Range(-719_528, 2_932_896))
		record.OriginalDate, record.ExpiresOn = settlement.Date(dates.Draw(t, "original date")), settlement.Date(dates.Draw(t, "expiry"))
		record.AmountHundredths = rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64()).Draw(t, "amount")

		date, _ := settlement.ParseDate("2026-06-15")
		typed, rejection := check(NewValidator(rulebook, date), 0, "a.parquet", record)
		same, sameRejection := check(NewValidator(rulebook, date), 0, "a.parquet", asText(record))
		if typed != same || !reflect.DeepEqual(rejection, sameRejection) {
			t.Fatalf("%+v\ntyped: %+v %+v\ntext:  %+v %+v", record, typed, rejection, same, sameRejection)
		}
		if rejection == nil {
			accepted++
		}
	})
	if accepted == 0 {
		outer.Error("no row was accepted")
	}
}

func TestTypedAmountsHaveOneContent(t *testing.T) {
	for hundredths, texts := range map[int64][]string{0: {"0", "0.00", "-0", "00.0"}, 5: {"0.05", "00.05"}, -5: {"-0.05"}, 1250: {"12.5", "12.50"}, 1200: {"12", "12.0"}, -1: {"-0.01"}} {
		typed := recordOf(t, "")
		typed.Typed, typed.AmountHundredths = 1<<settlement.Amount, hundredths
		validator := NewValidator(checkedRulebook(t), dateOf(t, "2026-06-15"))
		want, rejection := check(validator, 0, "a", typed)
		if rejection != nil {
			t.Fatal(rejection)
		}
		for _, text := range texts {
			if got, _ := check(validator, 0, "a", recordOf(t, "amount="+text)); got.Content != want.Content {
				t.Errorf("amount %s and %d hundredths have different content", text, hundredths)
			}
		}
		if got, _ := check(validator, 0, "a", recordOf(t, "")); got.Content == want.Content {
			t.Errorf("no amount and %d hundredths have the same content", hundredths)
		}
	}
}
