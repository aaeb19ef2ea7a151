package batch

import (
	"context"
	"errors"
	"fmt"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// price adds the allocations up to lines, prices each line once and puts the allocations of all
// members together by line.
func (r *run) price(ctx context.Context) error {
	r.stage(stagePrice, int64(r.Partitions))
	defer r.finish(stagePrice)
	if err := r.priceLines(); err != nil {
		return err
	}
	r.detail = newSpooledDetail(r)
	// The detail lives until all is published; what it was sorted in need not.
	defer func() { r.detail.sorters = nil }()
	return each(ctx, r.Workers, r.Partitions, func(_ context.Context, worker, i int) error {
		err := r.detail.gather(r, worker, i)
		r.advance(stagePrice, 1)
		return err
	})
}

// namingParties says whose line cannot be priced.
func (r *run) namingParties(err error) error {
	var line *clearing.LineError
	if errors.As(err, &line) {
		return fmt.Errorf("what %s owes %s for a %w", r.Rulebook.Parties.ID(line.Key.Issuer), r.Rulebook.Parties.ID(line.Key.Redeemer), err)
	}
	return err
}

// priceLines merges the workers' tallies and tells each of them which lines theirs became. Nothing else is left of
// them: the rows and accounts that they had in their hands are most of the memory besides the pool's.
func (r *run) priceLines() error {
	tallies := make([][]clearing.LineTally, len(r.workers))
	for worker := range r.workers {
		tallies[worker] = r.workers[worker].tally.Lines()
	}
	merged, err := clearing.MergeTallies(tallies...)
	if err != nil {
		return err
	}
	r.lines, err = clearing.PriceLines(r.Rulebook.Money, merged, r.adjustments, r.Date)
	if err != nil {
		return r.namingParties(err)
	}
	lineOf := make(map[settlement.LineKey]int32, len(r.lines))
	for i := range r.lines {
		lineOf[r.lines[i].LineKey] = int32(i)
	}
	for worker, lines := range tallies {
		after := &attribution{lines: make([]int32, len(lines))}
		for place := range lines {
			after.lines[place] = lineOf[lines[place].Key]
		}
		r.workers[worker] = after
	}
	return nil
}

func (r *run) net() (err error) {
	r.stage(stageNet, 1)
	defer r.finish(stageNet)
	r.netted, err = clearing.Net(r.Rulebook, r.Date, r.opening.Balances, r.lines)
	return err
}
