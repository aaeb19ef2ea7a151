package intake

import (
	"context"
	"errors"
	"strings"
	"testing"

	"alliance/settlement"
)

const adjustmentFolder = "alliance/adjustments/date=2026-03-10/"

var yuan = settlement.Money{Currency: "CNY", MinorDigits: 2, Rounding: settlement.HalfUp}

func readAdjustments(t *testing.T, files map[string]string) (Adjustments, error) {
	t.Helper()
	return ReadAdjustments(context.Background(), inboxOf(t, files), parties, yuan, day, map[string]bool{"old": true})
}

func TestAdjustments(t *testing.T) {
	got, err := readAdjustments(t, map[string]string{
		adjustmentFolder + "b.csv": "\uFEFFadjustment_id,payer_id,payee_id,amount,reason,reference\r\nadj-2,A,HUB,12.5,\"late, agreed\",T-1\r\n\r\nadj-3,B,A,0.010,,\r\n",
		adjustmentFolder + "a.csv": "payee_id,amount,adjustment_id,payer_id\nB,99999999999999.99,adj-1,HUB\n",
		adjustmentFolder + "_x":    "", adjustmentFolder + ".y": "",
		"alliance/adjustments/date=2026-03-09/a.csv": "broken",
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range got.List {
		lines = append(lines, strings.Join([]string{strings.TrimPrefix(a.Source.File, adjustmentFolder), a.ID, parties.ID(a.Payer), parties.ID(a.Payee), a.Amount.String(), a.Reason, a.Reference}, "|"))
	}
	want := "a.csv|adj-1|HUB|B|99999999999999.99|| b.csv|adj-2|A|HUB|12.5|late, agreed|T-1 b.csv|adj-3|B|A|0.01||"
	if strings.Join(lines, " ") != want || got.List[2].Source.Row != 2 {
		t.Errorf("got %s, want %s", strings.Join(lines, " "), want)
	}
	if len(got.Inputs) != 2 || got.Inputs[1].Key != adjustmentFolder+"b.csv" || got.Inputs[1].Rows != 2 || len(got.Inputs[1].SHA256) != 64 || got.Inputs[1].Merchant != settlement.NoParty {
		t.Errorf("%+v", got.Inputs)
	}
	if none, err := readAdjustments(t, nil); err != nil || none.List != nil || none.Inputs != nil {
		t.Error(none, err)
	}
}

func TestBadAdjustments(t *testing.T) {
	const header = "adjustment_id,payer_id,payee_id,amount,reason,reference\n"
	for text, want := range map[string]string{
		"":                                  "no header line",
		"adjustment_id,payer_id,payee_id\n": "no column amount",
		"adjustment_id,payer_id,payee_id,amount,reson\n":     `unknown column "reson"`,
		"adjustment_id,payer_id,payee_id,amount,amount\n":    `column "amount" twice`,
		"adjustment_id,,payee_id,amount\n":                   `unknown column ""`,
		strings.Repeat("adjustment_id,", 2000) + "\n":        "twice",
		header + "a,A,B,1\n":                                 "row 1: 4 fields, but the header has 6",
		header + "a,A,B,1,\"x\n":                             "row 1: malformed: a quoted field is not closed",
		header + strings.Repeat("x", 1<<20+1):                "row 1: a record is longer than the limit",
		header + "a,A,B,1,,\n,A,B,1,,\n":                     `row 2, adjustment_id "": it is required`,
		header + "a,A,B,1,,\na,A,B,1,,\n":                    `row 2, adjustment_id "a": the id is taken by ` + adjustmentFolder + "a.csv, row 1",
		header + "old,A,B,1,,\n":                             `row 1, adjustment_id "old": the id is taken by an adjustment of an earlier date`,
		header + "a,Z,B,1,,\n":                               `row 1, payer_id "Z": neither a merchant`,
		header + "a,A,,1,,\n":                                `row 1, payee_id "": neither a merchant`,
		header + "a,A,A,1,,\n":                               `row 1, payee_id "A": the payer is the payee`,
		header + "a,A,B,0.00,,\n":                            `amount "0.00": an amount is positive`,
		header + "a,A,B,-1,,\n":                              `amount "-1": not an amount`,
		header + "a,A,B,1e3,,\n":                             `amount "1e3": not an amount`,
		header + "a,A,B,1.,,\n":                              `amount "1.": not an amount`,
		header + "a,A,B,.5,,\n":                              `amount ".5": not an amount`,
		header + "a,A,B,,,\n":                                `amount "": not an amount`,
		header + "a,A,B,1.005,,\n":                           `amount "1.005": CNY has 2 decimals`,
		header + "a,A,B,100000000000000,,\n":                 "out of range",
		header + "a,A,B," + strings.Repeat("9", 40) + ",,\n": "not an amount",
		header + strings.Repeat("a", 129) + ",A,B,1,,\n":     "longer than 128 bytes",
		header + "e\u0301,A,B,1,,\n":                         "normal form",
		header + "a,A,B,1,\"x\ny\",\n":                       "control character",
	} {
		_, err := readAdjustments(t, map[string]string{adjustmentFolder + "a.csv": text})
		var fault *AdjustmentError
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) || fault.File != adjustmentFolder+"a.csv" {
			t.Errorf("%.60q: got %v, want %s", text, err, want)
		}
	}
	for _, name := range []string{"a.csv.gz", "a.txt", "sub/a.csv"} {
		if _, err := readAdjustments(t, map[string]string{adjustmentFolder + name: header}); err == nil {
			t.Errorf("%s is passed over in silence", name)
		}
	}
}
