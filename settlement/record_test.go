package settlement

import (
	"math"
	"testing"
)

func TestRecordText(t *testing.T) {
	record := Record{Typed: 1<<PointsColumn | 1<<OccurredAt | 1<<OriginalDate | 1<<ExpiresOn | 1<<Amount,
		Points: -5, OccurredAt: 1_500_000, OriginalDate: 0, ExpiresOn: 365}
	record.Values[MemberID] = "m"
	want := map[Column]string{MemberID: "m", Reason: "", PointsColumn: "-5", OccurredAt: "1970-01-01T00:00:01.5Z", OriginalDate: "1970-01-01", ExpiresOn: "1971-01-01"}
	for column, text := range want {
		if got := record.Text(column); got != text || record.Has(column) != (text != "") || record.Said()>>column&1 != 0 != (text != "") {
			t.Errorf("%s is %q, want %q", column, got, text)
		}
	}
	for hundredths, text := range map[int64]string{0: "0.00", 5: "0.05", -5: "-0.05", 123456: "1234.56", math.MinInt64: "-92233720368547758.08"} {
		record.AmountHundredths = hundredths
		if got := record.Text(Amount); got != text {
			t.Errorf("%d hundredths are %q, want %q", hundredths, got, text)
		}
	}
}
