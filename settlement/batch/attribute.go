package batch

import (
	"context"
	"fmt"

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

// attributePartition attributes the members of one partition and returns the accounts that still
// have something on record. In which order the members come does not matter: whatever is made of
// them is sorted later.
func attributePartition(attributor *clearing.Attributor, r *run, accounts []settlement.Account, rows []settlement.Transaction, outcome *clearing.Outcome) ([]settlement.Account, error) {
	groups := groupByMember(accounts, rows)
	kept := make([]settlement.Account, 0, groups.count())
	var mine []settlement.Transaction
	for member := range groups.count() {
		account := settlement.Account{}
		if member < len(accounts) {
			account = accounts[member]
		}
		mine = mine[:0]
		for _, row := range groups.rowsOf(member) {
			mine = append(mine, rows[row])
		}
		if account.Member == "" {
			account.Member = mine[0].Member
		}
		if len(mine) > 0 || clearing.NeedsNight(&account, r.Date, r.Rulebook) {
			if err := attributor.Attribute(&account, mine, outcome); err != nil {
				return nil, err
			}
		}
		if len(account.Lots)+len(account.Redemptions)+len(account.Deferred) > 0 {
			kept = append(kept, account)
		}
	}
	return kept, nil
}

// memberGroups says which rows belong to which member: first the members that have an account, in
// the order of the accounts, then the others, in the order in which their first rows come.
type memberGroups struct {
	ends  []int32 // by member, where in order its rows end
	order []int32 // places of rows, member by member
}

func (g *memberGroups) count() int { return len(g.ends) }

func (g *memberGroups) rowsOf(member int) []int32 {
	start := int32(0)
	if member > 0 {
		start = g.ends[member-1]
	}
	return g.order[start:g.ends[member]]
}

// groupByMember groups rows by counting, which is a good deal cheaper than sorting them.
func groupByMember(accounts []settlement.Account, rows []settlement.Transaction) memberGroups {
	members := make(map[string]int32, len(accounts)+len(rows)/4)
	for i := range accounts {
		members[accounts[i].Member] = int32(i)
	}
	counts := make([]int32, len(accounts), len(members))
	memberOf := make([]int32, len(rows))
	for i := range rows {
		member, known := members[rows[i].Member]
		if !known {
			member = int32(len(counts))
			members[rows[i].Member] = member
			counts = append(counts, 0)
		}
		memberOf[i] = member
		counts[member]++
	}
	groups := memberGroups{ends: make([]int32, len(counts)), order: make([]int32, len(rows))}
	end := int32(0)
	for member, count := range counts {
		groups.ends[member] = end // where the next row of the member goes
		end += count
	}
	for i, member := range memberOf {
		groups.order[groups.ends[member]] = int32(i)
		groups.ends[member]++
	}
	return groups
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
