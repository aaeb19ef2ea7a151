package command

import (
	"fmt"
	"strings"

	"alliance/settlement"
	"alliance/settlement/batch"
)

// describeExplanation prints an explanation for a person with a pencil.
func describeExplanation(out *strings.Builder, x *batch.Explanation) {
	describeRow(out, x)
	describeBasis(out, x.Rulebook, x.Record, x.Notes)
	if x.Recomputed {
		out.WriteString("  computed again from state and files: the same as published\n")
	}
	describeExceptions(out, x.Exceptions)
	for i := range x.Steps {
		describeStep(out, &x.Steps[i])
	}
	for i := range x.Allocations {
		describeAllocation(out, &x.Allocations[i], x.Recomputed)
	}
	if x.Row != nil {
		describeLots(out, "The member's lots before the date", x.LotsBefore)
		describeLots(out, "The member's lots after the date", x.LotsAfter)
	}
	describeNight(out, x.Night)
	if len(x.AlsoOn) > 0 {
		var dates []string
		for _, date := range x.AlsoOn {
			dates = append(dates, date.String())
		}
		fmt.Fprintf(out, "\nmore of its points were settled on %s: explain it with --date\n", strings.Join(dates, ", "))
	}
}

func describeRow(out *strings.Builder, x *batch.Explanation) {
	if x.Row == nil {
		fmt.Fprintf(out, "%s of %s, settlement date %s\n", printable(x.TransactionID), x.Merchant, x.Date)
		return
	}
	row := x.Row
	fmt.Fprintf(out, "%s of %s, settlement date %s\n", printable(row.TransactionID), x.Merchant, x.Date)
	fmt.Fprintf(out, "  %s of %d points at %s, business date %s\n", row.Kind, row.Points, row.OccurredAt, row.BusinessDate)
	if x.Member != "" {
		fmt.Fprintf(out, "  member %s\n", printable(x.Member))
	}
	for _, part := range [][2]string{{"issuer", row.Issuer}, {"original", row.OriginalID}, {"reason", row.Reason}} {
		if part[1] != "" {
			fmt.Fprintf(out, "  %s %s\n", part[0], printable(part[1]))
		}
	}
	fmt.Fprintf(out, "  from %s\n", source(row.Source))
	if row.Source.SHA256 != "" {
		fmt.Fprintf(out, "  SHA-256 of the file %s\n", row.Source.SHA256)
	}
}

// source says where something was delivered.
func source(at batch.SourceFacts) string {
	text := fmt.Sprintf("%s, row %d", printable(at.File), at.Row)
	if at.ReadOn != nil {
		text += ", read on " + at.ReadOn.String()
	}
	return text
}

func describeBasis(out *strings.Builder, rulebook batch.RulebookFacts, record int64, notes []string) {
	same := "the one given"
	if !rulebook.Same {
		same = "NOT the one given, " + rulebook.Given
	}
	fmt.Fprintf(out, "  settled by record %d of the log with rulebook %s, %s\n", record, rulebook.OnRecord, same)
	for _, note := range notes {
		fmt.Fprintf(out, "  note: %s\n", printable(note))
	}
}

func describeExceptions(out *strings.Builder, exceptions []batch.ExceptionFacts) {
	for _, one := range exceptions {
		where := printable(one.File)
		if one.Row != "" {
			where += ", row " + one.Row
		}
		fmt.Fprintf(out, "\nException %s (%s): %s\n  %s\n", one.Code, one.State, printable(one.Message), where)
		if one.Column != "" {
			fmt.Fprintf(out, "  column %s, value %q\n", printable(one.Column), one.Value)
		}
	}
}

var decisions = map[string]string{
	"applied": "Applied", "retried": "The claim of an earlier night, tried again", "waits": "Waits for a later night",
	"refused": "Rejected", "given_up": "The claim is given up",
}

func describeStep(out *strings.Builder, step *batch.StepFacts) {
	fmt.Fprintf(out, "\n%s\n", decisions[step.Decision])
	if step.Reason != "" {
		fmt.Fprintf(out, "  %s\n", printable(step.Reason))
	}
	if step.Policy != "" {
		fmt.Fprintf(out, "  policy %s: %d points to be taken, %d covered, %d not\n", step.Policy, step.Asked, step.Asked-step.Uncovered, step.Uncovered)
		describeCandidates(out, step)
		for _, share := range step.Shares {
			fmt.Fprintf(out, "  share of %s: %d points available, exactly %s of those taken, so %d\n", share.Issuer, share.Available, share.Exact, share.Taken)
		}
	}
	for i := range step.Changes {
		change := &step.Changes[i]
		if change.Before == nil {
			fmt.Fprintf(out, "  opens lot %s: %d points of %s, good until %s\n", lotName(&change.After), change.After.Issued, change.After.Issuer, change.After.ExpiresOn)
			continue
		}
		fmt.Fprintf(out, "  lot %s: %s\n", lotName(&change.After), changes(change.Before, &change.After))
	}
}

func describeCandidates(out *strings.Builder, step *batch.StepFacts) {
	rows := newTable(out)
	rows.row("  order", "lot", "issuer", "issued at", "expires on", "available", "taken")
	for i := range step.Candidates {
		candidate := &step.Candidates[i]
		rows.row(fmt.Sprintf("  %d", i+1), lotName(&candidate.Lot), candidate.Lot.Issuer, candidate.Lot.IssuedAt, candidate.Lot.ExpiresOn, candidate.Available, candidate.Taken)
	}
	for i := range step.Excluded {
		lot := &step.Excluded[i].Lot
		rows.row("  -", lotName(lot), lot.Issuer, lot.IssuedAt, lot.ExpiresOn, step.Excluded[i].Reason)
	}
	rows.end()
}

func lotName(lot *batch.LotFacts) string {
	name := fmt.Sprintf("%s of %s, %s", lot.ID, lot.Merchant, lot.IssuedOn)
	if lot.Imported {
		name += " (opening lot)"
	}
	return printable(name)
}

// changes says which amounts of a lot changed.
func changes(before, after *batch.LotFacts) string {
	var list []string
	for _, one := range []struct {
		name    string
		was, is int64
	}{
		{"open", before.Open, after.Open}, {"spent", before.Spent, after.Spent}, {"expired", before.Expired, after.Expired},
		{"reversed", before.Reversed, after.Reversed}, {"voided", before.Voided, after.Voided}, {"shortfall", before.Shortfall, after.Shortfall},
	} {
		if one.was != one.is {
			list = append(list, fmt.Sprintf("%s %d -> %d", one.name, one.was, one.is))
		}
	}
	return strings.Join(list, ", ")
}

func describeAllocation(out *strings.Builder, a *batch.AllocationFacts, recomputed bool) {
	fmt.Fprintf(out, "\nAllocation %s\n", a.ID)
	verb := "redeemed"
	if a.Points < 0 {
		verb = "given back"
	}
	fmt.Fprintf(out, "  %d points of %s, %s at %s", a.Points, a.Issuer, verb, a.Redeemer)
	if a.OnUs {
		out.WriteString(" itself: counted, not settled in money")
	}
	out.WriteString("\n")
	switch {
	case a.Lot != nil:
		fmt.Fprintf(out, "  lot %s: from %s\n", lotName(a.Lot), source(a.Lot.Source))
	case a.LotName != "":
		fmt.Fprintf(out, "  lot %s\n", printable(a.LotName))
	case recomputed:
		out.WriteString("  charged to no lot\n")
	default:
		out.WriteString("  its lot is not known\n")
	}
	if a.Price != nil {
		describePrice(out, a.Price)
	}
	if a.Line != nil {
		describeShare(out, a)
	}
}

func describePrice(out *strings.Builder, price *batch.PriceFacts) {
	fmt.Fprintf(out, "  price %s: %s per %d points; %s\n", printable(price.ID), trimmed(price.Price), price.PerPoints, printable(price.Why))
	for _, step := range price.Steps {
		if step.DatesHold && step.ConditionHolds {
			continue
		}
		why := "its dates, " + span(step.From, step.To) + ", do not hold"
		if step.DatesHold {
			why = "not true: " + step.When
		}
		fmt.Fprintf(out, "    not %s: %s\n", printable(step.ID), printable(why))
	}
}

// trimmed drops the zeros at the end of a decimal, but for two of them.
func trimmed(decimal string) string {
	whole, fraction, found := strings.Cut(decimal, ".")
	if !found {
		return decimal
	}
	fraction = strings.TrimRight(fraction, "0")
	return whole + "." + fraction + strings.Repeat("0", max(0, 2-len(fraction)))
}

func span(from, to settlement.Date) string {
	switch {
	case from == settlement.NoDate:
		return "until " + to.String()
	case to == settlement.Never:
		return "from " + from.String()
	default:
		return from.String() + " to " + to.String()
	}
}

func describeShare(out *strings.Builder, a *batch.AllocationFacts) {
	line, share := a.Line, &a.Line.Share
	fmt.Fprintf(out, "  line %d of %s", line.RedeemerLine, line.RedeemerStatement)
	if line.IssuerStatement != "" {
		fmt.Fprintf(out, ", line %d of %s", line.IssuerLine, line.IssuerStatement)
	}
	fmt.Fprintf(out, ": %d points × %s / %d = %s, rounded %s\n", line.Points, trimmed(a.Price.Price), a.Price.PerPoints, line.Exact, line.Value)
	fmt.Fprintf(out, "  allocation %d of %d on it: points %d to %d, %s -> %s, rounded %s -> %s, so its share is %s\n",
		share.Place, line.Of, share.PointsBefore, share.PointsUpTo, share.ExactBefore, share.ExactUpTo, share.RoundedBefore, share.RoundedUpTo, share.Amount)
}

func describeLots(out *strings.Builder, title string, lots []batch.LotFacts) {
	fmt.Fprintf(out, "\n%s: %s\n", title, count(int64(len(lots)), "lot"))
	if len(lots) == 0 {
		return
	}
	rows := newTable(out)
	rows.row("  lot", "issuer", "expires on", "issued", "open", "spent", "expired", "taken back", "shortfall", "from")
	for i := range lots {
		lot := &lots[i]
		rows.row("  "+lotName(lot), lot.Issuer, lot.ExpiresOn, lot.Issued, lot.Open, lot.Spent, lot.Expired, lot.Reversed+lot.Voided, lot.Shortfall, source(lot.Source))
	}
	rows.end()
}

func describeNight(out *strings.Builder, night []batch.NightStep) {
	if len(night) == 0 {
		return
	}
	out.WriteString("\nThe member's night, in order\n")
	rows := newTable(out)
	for i := range night {
		step := &night[i]
		if step.Merchant == "" {
			rows.row("  close of the date", "", "", "", "", step.Reason)
			continue
		}
		rows.row("  "+step.OccurredAt, step.Merchant, step.TransactionID, step.Kind, step.Points, strings.ReplaceAll(step.Decision, "_", " ")+"; "+count(int64(step.Allocations), "allocation"))
	}
	rows.end()
}
