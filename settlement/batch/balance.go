package batch

import (
	"fmt"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// addUp adds the movements of all partitions to the opening balances.
func (r *run) addUp() error {
	var total clearing.Outcome
	for _, worker := range r.workers {
		sums := worker.outcome
		sums.Allocations, sums.Exceptions = nil, nil
		if err := total.Add(&sums); err != nil {
			return err
		}
	}
	parties := r.Rulebook.Parties.Len()
	r.points = make([]settlement.IssuerPoints, parties)
	r.here = make([]int64, parties)
	for party := range r.points {
		points := &r.points[party]
		if party < len(total.Movements) {
			*points = total.Movements[party]
			r.here[party] = total.RedeemedHere[party]
		}
		points.Issuer = settlement.Party(party)
		// Members that were not touched are in neither sum of the movements.
		untouched := r.opening.Points[points.Issuer] - points.Opening
		points.Opening += untouched
		closing, err := settlement.AddPoints(points.Closing, untouched)
		if err != nil {
			return fmt.Errorf("points of %s: %w", r.Rulebook.Parties.ID(points.Issuer), err)
		}
		points.Closing = closing
	}
	for _, counted := range total.Files {
		r.counted = append(r.counted, counted)
	}
	return nil
}

// checkPoints panics unless every issuer's points roll forward. That they end as the sum of the open lots
// is checked member by member when they are attributed.
func (r *run) checkPoints() {
	if !r.Rulebook.Ledger.Tracked {
		return
	}
	for _, p := range r.points {
		rolled := p.Opening + p.Issued - p.IssueReversed - p.RedeemedOwn - p.RedeemedElsewhere + p.Restored - p.Expired
		if rolled != p.Closing {
			panic(fmt.Sprintf("points of %s on %s: opening %d + issued %d - issue_reversed %d - redeemed_own %d - redeemed_elsewhere %d + restored %d - expired %d = %d, closing %d",
				r.Rulebook.Parties.ID(p.Issuer), r.Date, p.Opening, p.Issued, p.IssueReversed, p.RedeemedOwn, p.RedeemedElsewhere, p.Restored, p.Expired, rolled, p.Closing))
		}
	}
}
