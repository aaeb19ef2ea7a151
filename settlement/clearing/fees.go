package clearing

import (
	"cmp"
	"fmt"
	"slices"

	"alliance/rules"
	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// A feeBase is what one merchant's lines in the paying role of one fee come to.
type feeBase struct {
	lines, transactions int64
	value               decimal.Decimal
}

// chargeFees returns the fees of a cycle, one per merchant and fee wherever the merchant has
// lines that the fee counts, in order of merchant, fee id. The error wraps
// [settlement.ErrOutOfRange].
func chargeFees(rulebook *rules.Rulebook, cycle settlement.Cycle, pairs []settlement.PairTotal) ([]settlement.Fee, error) {
	var fees []settlement.Fee
	for i := range rulebook.Fees {
		for party, base := range feeBases(rulebook, i, cycle, pairs) {
			if base.lines == 0 {
				continue
			}
			fee := chargeFee(rulebook.Money, &rulebook.Fees[i], &base)
			fee.Merchant = settlement.Party(party)
			for _, amount := range []decimal.Decimal{fee.Base, fee.Amount, fee.Tax} {
				if err := settlement.CheckMoney(amount); err != nil {
					return nil, fmt.Errorf("fee %s of %s: %w", fee.ID, rulebook.Parties.ID(fee.Merchant), err)
				}
			}
			fees = append(fees, fee)
		}
	}
	slices.SortFunc(fees, func(a, b settlement.Fee) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.ID, b.ID))
	})
	return fees, nil
}

// feeBases adds up what the i-th fee counts, by party. The alliance pays no fee.
func feeBases(rulebook *rules.Rulebook, i int, cycle settlement.Cycle, pairs []settlement.PairTotal) []feeBase {
	bases := make([]feeBase, rulebook.Parties.Len())
	for at := range pairs {
		pair := &pairs[at]
		payer := pair.Redeemer
		if rulebook.Fees[i].PayerIsIssuer {
			payer = pair.Issuer
		}
		if payer == rulebook.Alliance || !rulebook.FeeApplies(i, pair.Issuer, pair.Redeemer, cycle.End) {
			continue
		}
		base := &bases[payer]
		base.lines += pair.Lines
		base.transactions += pair.Transactions
		base.value = base.value.Add(pair.Value)
	}
	return bases
}

// chargeFee returns clamp(round(base × rate) + per_transaction × count, min, max) and its tax,
// or nothing if the base is not positive.
func chargeFee(money settlement.Money, rule *rules.FeeRule, base *feeBase) settlement.Fee {
	fee := settlement.Fee{ID: rule.ID, Base: base.value, Transactions: base.transactions, TaxRate: rule.TaxRate}
	if !base.value.IsPositive() {
		return fee
	}
	amount := money.Round(base.value.Mul(rule.Rate))
	amount = amount.Add(rule.PerTransaction.Mul(decimal.NewFromInt(base.transactions)))
	if amount.LessThan(rule.Min) {
		amount = rule.Min
	}
	if rule.Max.Valid && amount.GreaterThan(rule.Max.Decimal) {
		amount = rule.Max.Decimal
	}
	fee.Amount = amount
	fee.Tax = money.Round(amount.Mul(rule.TaxRate))
	return fee
}
