package batch

import (
	"context"
	"fmt"
	"slices"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"
)

// attribute applies tonight's rows, the claims and the rows that wait to the lots, a member at
// a time, and closes the date's lots.
func (r *run) attribute(ctx context.Context) error {
	r.stage(stageAttribute, int64(r.Partitions))
	defer r.finish(stageAttribute)
	r.accounts = r.accountsByPartition()
	r.workers = make([]*attribution, min(r.Workers, r.Partitions))
	r.allocations = r.Pool.NewSpool(r.Partitions)
	for worker := range r.workers {
		r.workers[worker] = newAttribution(r)
	}
	err := each(ctx, len(r.workers), r.Partitions, func(_ context.Context, worker, i int) error {
		err := r.workers[worker].partition(i)
		r.advance(stageAttribute, 1)
		return err
	})
	if err != nil {
		return err
	}
	for _, worker := range r.workers {
		if err := worker.allocations.Flush(); err != nil {
			return err
		}
		r.attributed = append(r.attributed, worker.outcome.Exceptions...)
		r.exceptions = append(r.exceptions, ownNames(r.Rulebook, worker.refused)...)
		r.waited = append(r.waited, worker.waited)
	}
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

// An attribution is one worker's part of the stage.
type attribution struct {
	run         *run
	attributor  *clearing.Attributor
	outcome     clearing.Outcome
	tally       clearing.Tally
	allocations *spool.Writer
	codec       allocationCodec
	// homes is, by place of a line in tally, where its allocations go.
	homes []int32
	// lines is, by place of a line in tally, its place among the lines of the night.
	lines []int32
	// refused are the rows whose id is taken.
	refused []settlement.Exception
	// waited are the ids of rows deferred earlier that were settled tonight.
	waited []settlement.TakenID
	rows   []settlement.Transaction
	buffer []byte
}

func newAttribution(r *run) *attribution {
	a := &attribution{run: r, attributor: clearing.NewAttributor(r.Rulebook, r.Date), allocations: r.allocations.NewWriter(), codec: allocationCodec{r.Date}}
	a.attributor.Settled = func(row *settlement.Transaction) {
		if row.FirstRead != r.Date {
			a.waited = append(a.waited, r.takenBy(row, r.Date))
		}
	}
	return a
}

// partition attributes the members of one partition. In which order the members come does not
// matter: whatever is made of them is sorted later.
func (a *attribution) partition(i int) error {
	r := a.run
	if err := a.load(i); err != nil {
		return err
	}
	kept, err := a.members(r.accounts[i])
	if err != nil {
		return err
	}
	r.accounts[i] = kept
	r.rows.Release(i)
	return a.sendAllocations()
}

// load reads the partition's rows and sets apart those whose id is taken.
func (a *attribution) load(i int) error {
	r := a.run
	content, err := r.rows.Load(i, nil)
	if err != nil {
		return err
	}
	a.rows = a.rows[:0]
	for len(content) > 0 {
		var row settlement.Transaction
		var file int32
		file, content = r.codec.read(content, &row)
		if r.files.discarded[file] {
			continue
		}
		if refusal, refused := r.refusals[rowName{file, row.Source.Row}]; refused {
			a.refused = append(a.refused, withoutFile(refusal.Exception(&row, r.files.key)))
			continue
		}
		a.rows = append(a.rows, row)
	}
	return nil
}

// members attributes each member's rows and returns the accounts that still have something on record.
func (a *attribution) members(accounts []settlement.Account) ([]settlement.Account, error) {
	r := a.run
	groups := groupByMember(accounts, a.rows)
	kept := make([]settlement.Account, 0, groups.count())
	var mine []settlement.Transaction
	for member := range groups.count() {
		account := settlement.Account{}
		if member < len(accounts) {
			account = accounts[member]
		}
		mine = mine[:0]
		for _, row := range groups.rowsOf(member) {
			mine = append(mine, a.rows[row])
		}
		if account.Member == "" {
			account.Member = mine[0].Member
		}
		if len(mine) > 0 || clearing.NeedsNight(&account, r.Date, r.Rulebook) {
			if err := a.attributor.Attribute(&account, mine, &a.outcome); err != nil {
				return nil, err
			}
		}
		if len(account.Lots)+len(account.Redemptions)+len(account.Deferred) > 0 {
			kept = append(kept, account)
		}
	}
	return kept, nil
}

// sendAllocations sends the allocations of the partition's members on to their lines.
func (a *attribution) sendAllocations() error {
	allocations := a.outcome.Allocations
	var failed error
	send := func(allocation *settlement.Allocation, reference uint64, home int32) {
		a.buffer = a.codec.append(a.buffer[:0], reference, allocation)
		if err := a.allocations.Append(int(home), a.buffer); err != nil && failed == nil {
			failed = err
		}
	}
	worker := a.number()
	err := a.tally.Add(allocations, func(i int, place int32) {
		if int(place) == len(a.homes) {
			a.homes = append(a.homes, homeOf(&allocations[i], a.run.Partitions))
		}
		send(&allocations[i], lineReference(worker, place), a.homes[place])
	})
	if err != nil {
		return err
	}
	for i := range allocations {
		if allocations[i].OnUs() {
			send(&allocations[i], ownReference(allocations[i].Issuer), homeOf(&allocations[i], a.run.Partitions))
		}
	}
	a.outcome.Allocations = allocations[:0]
	return failed
}

func (a *attribution) number() int { return slices.Index(a.run.workers, a) }

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
