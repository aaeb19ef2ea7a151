package clearing

import (
	"fmt"
	"slices"

	"alliance/settlement"

	"github.com/shopspring/decimal"
)

func sortLines(lines []settlement.Line) {
	slices.SortFunc(lines, func(a, b settlement.Line) int { return settlement.CompareLineKeys(&a.LineKey, &b.LineKey) })
}

// assertLinesInOrder panics unless the lines are in order, each key once, none on-us.
func assertLinesInOrder(lines []settlement.Line) {
	for i := range lines {
		if i > 0 && settlement.CompareLineKeys(&lines[i-1].LineKey, &lines[i].LineKey) >= 0 {
			panic(fmt.Sprintf("lines %+v and %+v are not in order", lines[i-1].LineKey, lines[i].LineKey))
		}
		if lines[i].Issuer == lines[i].Redeemer {
			panic(fmt.Sprintf("line %+v is on-us", lines[i].LineKey))
		}
	}
}

// A PartyTotal is what a party's lines come to.
type PartyTotal struct {
	// Receivable is the sum of the values of the lines where the party is the redeemer, Payable
	// of those where it is the issuer; adjustments are in both, reversals count against them.
	Receivable, Payable decimal.Decimal
}

// addPairs adds up lines, which must be in order, by issuer and redeemer.
func addPairs(lines []settlement.Line) []settlement.PairTotal {
	var pairs []settlement.PairTotal
	for i := range lines {
		line := &lines[i]
		last := len(pairs) - 1
		if last < 0 || pairs[last].Issuer != line.Issuer || pairs[last].Redeemer != line.Redeemer {
			pairs = append(pairs, settlement.PairTotal{Issuer: line.Issuer, Redeemer: line.Redeemer})
			last++
		}
		pair := &pairs[last]
		if line.Activity == settlement.AdjustmentActivity {
			pair.Adjustments = pair.Adjustments.Add(line.Value)
			continue
		}
		pair.Value = pair.Value.Add(line.Value)
		pair.Transactions += line.Transactions
		pair.Lines++
	}
	return pairs
}

// assertPairs panics unless totals on record know of the lines that they add up: without them
// a merchant would be spared its fee.
func assertPairs(pairs []settlement.PairTotal) {
	for i := range pairs {
		pair := &pairs[i]
		if pair.Lines < 0 || pair.Lines == 0 && (pair.Transactions != 0 || !pair.Value.IsZero()) {
			panic(fmt.Sprintf("the totals of a cycle add up other than %d lines: %+v", pair.Lines, *pair))
		}
	}
}

// mergePairs adds the totals of a day to those of the cycle so far. Both are in order.
func mergePairs(before, today []settlement.PairTotal) []settlement.PairTotal {
	all := slices.Concat(before, today)
	slices.SortStableFunc(all, func(a, b settlement.PairTotal) int { return comparePairs(&a, &b) })
	merged := all[:0]
	for _, pair := range all {
		last := len(merged) - 1
		if last < 0 || comparePairs(&merged[last], &pair) != 0 {
			merged = append(merged, pair)
			continue
		}
		into := &merged[last]
		into.Value = into.Value.Add(pair.Value)
		into.Adjustments = into.Adjustments.Add(pair.Adjustments)
		into.Transactions += pair.Transactions
		into.Lines += pair.Lines
	}
	return merged
}

func comparePairs(a, b *settlement.PairTotal) int {
	if a.Issuer != b.Issuer {
		return int(a.Issuer - b.Issuer)
	}
	return int(a.Redeemer - b.Redeemer)
}

// totalsOf adds pairs up by party. The result has an entry for every party. The error wraps
// [settlement.ErrOutOfRange].
func totalsOf(parties settlement.Parties, pairs []settlement.PairTotal) ([]PartyTotal, error) {
	totals := make([]PartyTotal, parties.Len())
	for i := range pairs {
		pair := &pairs[i]
		value := owed(pair)
		totals[pair.Issuer].Payable = totals[pair.Issuer].Payable.Add(value)
		totals[pair.Redeemer].Receivable = totals[pair.Redeemer].Receivable.Add(value)
	}
	for party := range totals {
		for _, amount := range []decimal.Decimal{totals[party].Receivable, totals[party].Payable} {
			if err := settlement.CheckMoney(amount); err != nil {
				return nil, fmt.Errorf("sum of the lines of %s: %w", parties.ID(settlement.Party(party)), err)
			}
		}
	}
	return totals, nil
}

// owed returns what the issuer of a pair owes the redeemer.
func owed(pair *settlement.PairTotal) decimal.Decimal { return pair.Value.Add(pair.Adjustments) }
