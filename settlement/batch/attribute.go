package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// attribute applies tonight's rows, the claims and the rows that wait to the lots, a member at
// a time, and closes the date's lots.
func (r *run) attribute(ctx context.Context) error {
	r.stage(stageAttribute, int64(r.Partitions))
	defer r.finish(stageAttribute)
	accounts := r.accountsByPartition()
	r.outcomes = make([]*clearing.Outcome, r.Partitions)
	r.settled = make([][]settlement.TakenID, r.Partitions)
	attributors := make([]*clearing.Attributor, r.Workers)
	err := each(ctx, r.Workers, r.Partitions, func(_ context.Context, worker, i int) error {
		if attributors[worker] == nil {
			attributors[worker] = clearing.NewAttributor(r.Rulebook, r.Date)
		}
		r.outcomes[i] = &clearing.Outcome{}
		var err error
		accounts[i], err = attributePartition(attributors[worker], r, accounts[i], r.members.take(i), r.outcomes[i])
		if err != nil {
			return err
		}
		r.keepIDs(i)
		r.advance(stageAttribute, 1)
		return nil
	})
	if err != nil {
		return err
	}
	r.accounts = accounts
	if err := r.addUp(); err != nil {
		return err
	}
	r.checkPoints()
	r.countRows()
	return nil
}

func (r *run) accountsByPartition() [][]settlement.Account {
	accounts := make([][]settlement.Account, r.Partitions)
	for _, account := range r.opening.Accounts {
		to := partitionOf(account.Member, r.Partitions)
		accounts[to] = append(accounts[to], account)
	}
	r.opening.Accounts = nil
	return accounts
}

// attributePartition attributes the members of one partition, in order of member, and returns
// the accounts that still have something on record.
func attributePartition(attributor *clearing.Attributor, r *run, accounts []settlement.Account, rows []settlement.Transaction, outcome *clearing.Outcome) ([]settlement.Account, error) {
	slices.SortFunc(accounts, func(a, b settlement.Account) int { return strings.Compare(a.Member, b.Member) })
	slices.SortStableFunc(rows, func(a, b settlement.Transaction) int { return strings.Compare(a.Member, b.Member) })
	kept := make([]settlement.Account, 0, len(accounts))
	for len(accounts) > 0 || len(rows) > 0 {
		var account settlement.Account
		if len(rows) == 0 || len(accounts) > 0 && accounts[0].Member <= rows[0].Member {
			account, accounts = accounts[0], accounts[1:]
		} else {
			account.Member = rows[0].Member
		}
		mine := 0
		for mine < len(rows) && rows[mine].Member == account.Member {
			mine++
		}
		if mine > 0 || clearing.NeedsNight(&account, r.Date, r.Rulebook) {
			if err := attributor.Attribute(&account, rows[:mine], outcome); err != nil {
				return nil, err
			}
		}
		rows = rows[mine:]
		if len(account.Lots)+len(account.Redemptions)+len(account.Deferred) > 0 {
			kept = append(kept, account)
		}
	}
	return kept, nil
}

// keepIDs notes the ids of the rows that a partition settled.
func (r *run) keepIDs(partition int) {
	outcome := r.outcomes[partition]
	for i := range outcome.Settled {
		r.settled[partition] = append(r.settled[partition], r.takenBy(&outcome.Settled[i], r.Date))
	}
	outcome.Settled = nil
}

// addUp adds the movements of all partitions to the opening balances.
func (r *run) addUp() error {
	var total clearing.Outcome
	for _, outcome := range r.outcomes {
		sums := *outcome
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

// checkPoints panics unless every issuer's points roll forward and end as the sum of its open lots.
func (r *run) checkPoints() {
	if !r.Rulebook.Ledger.Tracked {
		return
	}
	open := make([]int64, len(r.points))
	for _, accounts := range r.accounts {
		for i := range accounts {
			for j := range accounts[i].Lots {
				open[accounts[i].Lots[j].Issuer] += accounts[i].Lots[j].Open
			}
		}
	}
	for party, p := range r.points {
		rolled := p.Opening + p.Issued - p.IssueReversed - p.RedeemedOwn - p.RedeemedElsewhere + p.Restored - p.Expired
		if rolled != p.Closing || open[party] != p.Closing {
			panic(fmt.Sprintf("points of %s on %s: opening %d + issued %d - issue_reversed %d - redeemed_own %d - redeemed_elsewhere %d + restored %d - expired %d = %d, closing %d, sum of open lots %d",
				r.Rulebook.Parties.ID(p.Issuer), r.Date, p.Opening, p.Issued, p.IssueReversed, p.RedeemedOwn, p.RedeemedElsewhere, p.Restored, p.Expired, rolled, p.Closing, open[party]))
		}
	}
}
