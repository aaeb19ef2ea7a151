package command

import (
	"fmt"
	"strings"

	"alliance/settlement/batch"
)

// allocationsShown is how many allocations of a line are printed one by one; --json has all.
const allocationsShown = 100

// describeLine prints how a line came to its value.
func describeLine(out *strings.Builder, x *batch.LineExplanation) {
	fmt.Fprintf(out, "Line %d of %s\n", x.Line, x.StatementNo)
	late := ""
	if x.Late {
		late = ", late"
	}
	fmt.Fprintf(out, "  %s as %s, with %s, business date %s%s\n", x.Activity, x.Role, x.Counterparty, x.BusinessDate, late)
	describeBasis(out, x.Rulebook, x.Record, x.Notes)
	if x.Adjustment != nil {
		describeAdjustment(out, x)
		return
	}
	describePrice(out, x.Price)
	product := fmt.Sprintf("%d points × %s / %d", x.Points, trimmed(x.Price.Price), x.Price.PerPoints)
	if x.Role == "issuer" {
		product = "to be paid: -(" + product + ")"
	}
	fmt.Fprintf(out, "  %s, %s = %s, rounded (%s) %s %s\n", count(x.Transactions, "transaction"), product, x.Exact, x.Rounding, x.Value, x.Currency)
	fmt.Fprintf(out, "\n%s; the share of each is what the rounded value of all points up to it grows by\n", count(int64(len(x.Allocations)), "allocation"))
	rows := newTable(out)
	rows.row("  no", "occurred at", "transaction", "lot", "points", "points so far", "exact", "rounded", "share", "allocation")
	for i := range x.Allocations[:min(len(x.Allocations), allocationsShown)] {
		a := &x.Allocations[i]
		rows.row(fmt.Sprintf("  %d", a.Share.Place), a.OccurredAt, a.TransactionID, lotOfLine(a), a.Points, a.Share.PointsUpTo, a.Share.ExactUpTo, a.Share.RoundedUpTo, a.Share.Amount, a.ID)
	}
	rows.end()
	if more := len(x.Allocations) - allocationsShown; more > 0 {
		fmt.Fprintf(out, "  and %d more; --json has all\n", more)
	}
}

func lotOfLine(a *batch.LineAllocation) string {
	if a.LotID == "" {
		return "-"
	}
	return fmt.Sprintf("%s of %s, %s", a.LotID, a.LotMerchant, a.LotIssuedOn)
}

func describeAdjustment(out *strings.Builder, x *batch.LineExplanation) {
	a := x.Adjustment
	fmt.Fprintf(out, "  adjustment %s, booked by the alliance: %s pays %s %s %s\n", printable(a.ID), a.Payer, a.Payee, strings.TrimPrefix(x.Value, "-"), x.Currency)
	for _, part := range [][2]string{{"reason", a.Reason}, {"reference", a.Reference}} {
		if part[1] != "" {
			fmt.Fprintf(out, "  %s: %s\n", part[0], printable(part[1]))
		}
	}
	if a.Source.File != "" {
		fmt.Fprintf(out, "  from %s\n", source(a.Source))
	}
}
