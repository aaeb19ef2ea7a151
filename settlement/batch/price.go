package batch

import (
	"context"
	"slices"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// price adds the allocations up to lines, prices each line once and shares its value out
// among its allocations.
func (r *run) price(ctx context.Context) error {
	r.stage(stagePrice, int64(r.Partitions))
	defer r.finish(stagePrice)
	if err := r.priceLines(ctx); err != nil {
		return err
	}
	if err := r.spreadAllocations(); err != nil {
		return err
	}
	return each(ctx, r.Workers, len(r.lines), func(_ context.Context, _, i int) error {
		slices.SortFunc(r.detail[i], func(a, b settlement.Allocation) int { return settlement.CompareAllocations(&a, &b) })
		if r.lines[i].Activity == settlement.AdjustmentActivity {
			return nil
		}
		return clearing.PriceAllocations(r.Rulebook.Money, &r.lines[i], r.detail[i])
	})
}

func (r *run) priceLines(ctx context.Context) error {
	tallies := make([][]clearing.LineTally, r.Partitions)
	err := each(ctx, r.Workers, r.Partitions, func(_ context.Context, _, i int) (err error) {
		tallies[i], err = clearing.TallyLines(r.outcomes[i].Allocations)
		r.advance(stagePrice, 1)
		return err
	})
	if err != nil {
		return err
	}
	merged, err := clearing.MergeTallies(tallies...)
	if err != nil {
		return err
	}
	r.lines, err = clearing.PriceLines(r.Rulebook.Money, merged, r.adjustments, r.Date)
	return err
}

// spreadAllocations brings the allocations of all members together by line.
func (r *run) spreadAllocations() error {
	lineOf := make(map[settlement.LineKey]int, len(r.lines))
	for i := range r.lines {
		lineOf[r.lines[i].LineKey] = i
	}
	r.detail = make([][]settlement.Allocation, len(r.lines))
	for _, outcome := range r.outcomes {
		for i := range outcome.Allocations {
			allocation := &outcome.Allocations[i]
			if allocation.OnUs() {
				r.onUs = append(r.onUs, *allocation)
				continue
			}
			line := lineOf[allocation.LineKey()]
			r.detail[line] = append(r.detail[line], *allocation)
		}
		outcome.Allocations = nil
	}
	slices.SortFunc(r.onUs, func(a, b settlement.Allocation) int {
		if a.Issuer != b.Issuer {
			return int(a.Issuer - b.Issuer)
		}
		return settlement.CompareAllocations(&a, &b)
	})
	return nil
}

func (r *run) net() (err error) {
	r.stage(stageNet, 1)
	defer r.finish(stageNet)
	r.netted, err = clearing.Net(r.Rulebook, r.Date, r.opening.Balances, r.lines)
	return err
}
