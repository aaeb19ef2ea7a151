package batch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"

	"golang.org/x/sync/errgroup"
)

// attribute applies tonight's rows, the claims and the rows that wait to the lots, a member at
// a time, and closes the date's lots.
func (r *run) attribute(ctx context.Context) error {
	r.closingState = AccountState{stacks: make([][]stateRun, statePartitions(&r.opening.State, r.rowsRead())), after: r.Date}
	r.putAway = newPutAway(r.Date, len(r.closingState.stacks))
	nights, err := pastNights(r.opening.PutAway)
	if err != nil {
		return err
	}
	units := min(r.Partitions, len(r.closingState.stacks))
	r.stage(stageAttribute, int64(units))
	defer r.finish(stageAttribute)
	r.workers = make([]*attribution, min(r.Workers, units))
	r.allocations = r.Pool.NewSpool(r.Partitions)
	before := sharedStacks{users: len(r.closingState.stacks) / r.opening.State.partitions()}
	defer before.close()
	for worker := range r.workers {
		r.workers[worker] = newAttribution(r, worker, &before, nights)
	}
	order := r.largestUnitsFirst(units)
	keeping, kept := errgroup.WithContext(ctx)
	keeping.SetLimit(storesAtOnce)
	err = each(kept, len(r.workers), units, func(ctx context.Context, worker, turn int) error {
		r.rows.PrefetchAfter(turn, units, func(turn int) []int { return every(order[turn], units, r.Partitions) })
		err := r.workers[worker].unit(ctx, order[turn], units)
		for i := order[turn]; err == nil && i < len(r.closingState.stacks); i += units {
			if stack := r.closingState.stacks[i]; len(stack) > 0 {
				r.keepNew(kept, keeping, &stack[0])
			}
			if whole := r.putAway.done(i); whole != nil {
				r.keepNew(kept, keeping, whole)
			}
		}
		r.advance(stageAttribute, 1)
		return err
	})
	if failed := keeping.Wait(); failed != nil {
		return failed
	}
	if err != nil {
		return asRulebookError(err)
	}
	r.gatherExceptions()
	for _, worker := range r.workers {
		if err := worker.allocations.Flush(); err != nil {
			return err
		}
		r.waited = append(r.waited, worker.waited)
		r.waiting = append(r.waiting, worker.waiting...)
		if err := r.claims.merge(&worker.claims); err != nil {
			return err
		}
	}
	if err := r.addUp(); err != nil {
		return err
	}
	r.checkPoints()
	r.countRows()
	return nil
}

// gatherExceptions gathers what the workers rejected or deferred, with room for all of the night.
func (r *run) gatherExceptions() {
	refused, attributed := 0, 0
	for _, worker := range r.workers {
		refused += len(worker.refused)
		attributed += len(worker.outcome.Exceptions)
	}
	r.tellOfManyExceptions(manyExceptions, len(r.exceptions)+refused+attributed)
	r.exceptions = slices.Grow(r.exceptions, refused+attributed)
	r.attributed = make([]settlement.Exception, 0, attributed)
	for _, worker := range r.workers {
		r.attributed = append(r.attributed, worker.outcome.Exceptions...)
		r.exceptions = append(r.exceptions, ownNames(r.Rulebook, worker.refused)...)
		worker.outcome.Exceptions, worker.refused = nil, nil
	}
	r.refusals.why = nil
}

// mostWaiting_bytes is how much accounts may take all together that wait in memory until all of the night is known. Memory
// that nobody had used before costs more than taking back what a night stored that is refused in the end.
const mostWaiting_bytes = 64 << 20

// keepNew puts a run where it will be on record while the members of other partitions are attributed, unless it is there
// already, or there is room for it to wait until all is known.
func (r *run) keepNew(ctx context.Context, keeping *errgroup.Group, run *stateRun) {
	if r.keep == nil || run.blob == nil {
		return
	}
	if size := run.blob.Size(); r.waiting_bytes.Add(size) > mostWaiting_bytes || r.Pool.Full() {
		r.waiting_bytes.Add(-size)
		keeping.Go(func() error {
			return guarded(func() error { return r.keep(ctx, run) })
		})
	}
}

// largestUnitsFirst returns the units in the order in which they are attributed: a member with very many rows shall not be
// begun when everybody else is done. Units whose members are in one partition before the night follow each other, as do those
// whose members are in one object of what is put away.
func (r *run) largestUnitsFirst(units int) []int {
	opening, groups := min(units, r.opening.State.partitions()), min(units, len(r.putAway.groups))
	wide, narrow := min(opening, groups), max(opening, groups)
	order, bytes := make([]int, units), make([]int64, units)
	mostWide, mostNarrow := make([]int64, wide), make([]int64, narrow)
	for unit := range order {
		order[unit] = unit
		for i := unit; i < r.Partitions; i += units {
			bytes[unit] += r.rows.Bytes(i)
		}
		mostWide[unit%wide] = max(mostWide[unit%wide], bytes[unit])
		mostNarrow[unit%narrow] = max(mostNarrow[unit%narrow], bytes[unit])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(mostWide[b%wide], mostWide[a%wide]), cmp.Compare(a%wide, b%wide),
			cmp.Compare(mostNarrow[b%narrow], mostNarrow[a%narrow]), cmp.Compare(a%narrow, b%narrow), cmp.Compare(bytes[b], bytes[a]))
	})
	return order
}

// rowsRead is the number of rows of the files that are consumed tonight.
func (r *run) rowsRead() (rows int64) {
	for i := range r.inputs {
		rows += r.inputs[i].Rows
	}
	return rows
}

// An attribution is one worker's part of the stage.
type attribution struct {
	run    *run
	worker int
	// before are the accounts before the night, past what the nights before put away.
	before      *sharedStacks
	past        []pastNight
	attributor  *clearing.Attributor
	outcome     clearing.Outcome
	tally       clearing.Tally
	allocations *spool.Writer
	codec       allocationCodec
	// homes is, by place of a line in tally, where its allocations go.
	homes []int32
	// lines is, by place of a line in tally, its place among the lines of the night.
	lines []int32
	// refused are the rows whose id is taken, made by refuser of one row after the other.
	refused      []settlement.Exception
	refuser      clearing.Refuser
	refusedRow   settlement.Transaction
	refusedTexts textArena
	// kept has the texts of exceptions.
	kept keptTexts
	// waited are the ids of rows deferred earlier that were settled tonight, waiting those of rows that wait after it.
	waited, waiting []settlement.TakenID
	// claims are the open ones. Whoever has one is attributed every night.
	claims claimCount

	// content is the rows of the unit, rows are those of one member after the other, and mine points to them.
	content []byte
	groups  memberGroups
	rows    []settlement.Transaction
	mine    []*settlement.Transaction
	// touchedTo says up to which of the places of the groups the rows were touched.
	touchedTo int
	// touched is never read: without it the compiler would leave out the loads by which memory is touched ahead of its use.
	touched int
	// texts are those of the rows.
	texts textArena
	// arena is where the account is that is looked at, pastArena what was put away of a member.
	arena, pastArena accounts.Arena
	buffer           []byte
	// lots and redemptions are those of one account after the other.
	lots        []settlement.Lot
	redemptions []settlement.Redemption
	// cloned counts the exceptions that no longer refer to texts.
	cloned int
}

func newAttribution(r *run, worker int, before *sharedStacks, past []pastNight) *attribution {
	a := &attribution{run: r, worker: worker, before: before, past: past, attributor: clearing.NewAttributor(r.Rulebook, r.Date), allocations: r.allocations.NewWriter(),
		codec: allocationCodec{r.Date}}
	a.attributor.ExpiredBefore = r.opening.ExpiredBefore
	a.refuser.NameOf = r.files.key
	a.attributor.Settled = func(row *settlement.Transaction) {
		if row.FirstRead != r.Date {
			a.waited = append(a.waited, r.takenBy(row, r.Date))
		}
	}
	return a
}

// unit attributes the members of those partitions, of the rows and of the state, that leave the same
// remainder when divided by the number of units. All numbers are powers of two, so one of the two has
// as many partitions as there are units.
func (a *attribution) unit(ctx context.Context, unit, units int) error {
	r := a.run
	if err := a.load(unit, units); err != nil {
		return err
	}
	for partition := unit; partition < len(r.closingState.stacks); partition += units {
		from, to := a.groups.of(partition / units)
		if err := a.partition(ctx, partition, from, to); err != nil {
			return err
		}
	}
	for i := unit; i < r.Partitions; i += units {
		r.rows.Release(i)
	}
	return nil
}

// load reads the unit's rows and sets apart those whose id is taken.
func (a *attribution) load(unit, units int) (err error) {
	r := a.run
	a.content = a.content[:0]
	for i := unit; i < r.Partitions; i += units {
		if a.content, err = r.rows.Load(i, a.content); err != nil {
			return err
		}
	}
	a.groups.reset()
	a.texts.reset()
	a.touchedTo = 0
	for at := 0; at < len(a.content); {
		member, name, length := r.codec.peek(a.content[at:])
		if !r.files.discarded[name.file] {
			if r.refusals.has(name) {
				a.refuse(a.content[at:], name)
			} else {
				a.groups.add(member, at)
			}
		}
		at += length
	}
	a.groups.group(unit, units, len(r.closingState.stacks))
	a.tellOfLargeMembers(largeMember)
	return nil
}

// refuse takes down why a row may not have its id.
func (a *attribution) refuse(content []byte, name rowName) {
	if a.refused == nil {
		a.refused = make([]settlement.Exception, 0, len(a.run.refusals.why)/len(a.run.workers)+roomForMore)
	}
	a.run.codec.read(content, &a.refusedRow, &a.refusedTexts)
	a.refused = append(a.refused, a.kept.keep(a.refuser.Exception(a.run.refusals.find(name), &a.refusedRow)))
	a.refusedTexts.reset()
}

// roomForMore is about by how many refused rows one worker has more than another.
const roomForMore = 1 << 10

// partition attributes the members of one partition of the state and writes what is on record of
// them afterwards: those that were touched as a run over the runs before, or everybody as a new base.
// The members with rows are groups.names[from:to].
func (a *attribution) partition(ctx context.Context, partition, from, to int) error {
	r := a.run
	opening := partition % r.opening.State.partitions()
	before := r.opening.State.runs(opening)
	merged := mergedRuns(before, to-from)
	split := r.opening.State.partitions() != len(r.closingState.stacks)
	change := stateChange{attribution: a, next: from, end: to, out: newRunWriter(r.Pool, r.Rulebook.Parties),
		away: newRunWriter(r.Pool, r.Rulebook.Parties), anew: split || merged == len(before)}
	past := newPast(ctx, a.past, partition, r.Rulebook.Parties, &a.pastArena)
	defer past.close()
	a.attributor.Past = past
	stack, err := a.before.open(opening, func() (*openedStack, error) { return openStack(ctx, before, r.Rulebook.Parties, change.anew) })
	defer a.before.leave(opening)
	if err != nil {
		return err
	}
	if change.anew {
		err = stack.AllOf(func(member string) bool { return partitionOf(member, len(r.closingState.stacks)) == partition }, &a.arena, change.visit)
	} else {
		err = stack.SelectDue(a.groups.names[from:to], r.opening.State.after, r.Date, &a.arena, change.visit)
	}
	if err != nil && change.failed == nil {
		return broken(fmt.Errorf("the accounts of partition %d: %w", partition, err))
	}
	if err == nil {
		err = change.finish()
	}
	if err != nil {
		return err
	}
	if err := a.afterPartition(); err != nil {
		return err
	}
	if err := r.putAway.set(partition, change.away); err != nil {
		return err
	}
	run, entries, err := change.out.finish(partition)
	if err == nil && entries == 0 {
		run.giveBack()
	}
	switch {
	case err != nil:
		return err
	case entries == 0 && !change.anew:
		r.closingState.stacks[partition] = before
	case entries == 0:
	case change.anew:
		r.closingState.stacks[partition] = []stateRun{run}
	default:
		r.closingState.stacks[partition], err = a.lay(ctx, run, before, stack.Stack, merged)
	}
	return err
}

// lay lays tonight's run over the ones before, merged with so many of them.
func (a *attribution) lay(ctx context.Context, run stateRun, before []stateRun, stack accounts.Stack, merged int) ([]stateRun, error) {
	if merged > 0 {
		top, err := openStack(ctx, []stateRun{run}, a.run.Rulebook.Parties, true)
		if err != nil {
			return nil, err
		}
		out := newRunWriter(a.run.Pool, a.run.Rulebook.Parties)
		if err := accounts.Merge(out.Writer, append(top.Stack, stack[:merged]...), false); err != nil {
			return nil, err
		}
		run.blob.Release()
		if run, _, err = out.finish(run.object.Partition); err != nil {
			return nil, err
		}
	}
	return append([]stateRun{run}, before[merged:]...), nil
}

// mergedRuns returns how many of the newest runs a night's run is merged with. It goes by numbers of
// accounts alone, which stay the same if a member is forgotten.
func mergedRuns(runs []stateRun, touched int) int {
	sizes := make([]accounts.Size, len(runs))
	for i := range runs {
		sizes[i] = accounts.Size{Accounts: runs[i].object.Rows, Bytes: runs[i].object.Rows}
	}
	return accounts.Policy{}.Merge(sizes, accounts.Size{Accounts: int64(touched), Bytes: int64(touched)})
}

// A stateChange writes what is on record of a partition's members after the night.
type stateChange struct {
	*attribution
	// out takes the accounts, away what is put away of them.
	out, away *runWriter
	// anew is true if everybody is written.
	anew bool
	// next is the first of the members with rows that has not been met, end is behind the last.
	next, end int
	// failed is the error of the change itself, as against one of reading what is on record.
	failed error
}

// visit takes the next account on record, in order of member.
func (c *stateChange) visit(account *settlement.Account, due settlement.Date) error {
	c.failed = c.take(account, due)
	return c.failed
}

func (c *stateChange) take(account *settlement.Account, due settlement.Date) error {
	if err := c.newcomers(account.Member); err != nil {
		return err
	}
	c.mine = c.mine[:0]
	if c.next < c.end && c.groups.names[c.next] == account.Member {
		account.Member = c.groups.names[c.next]
		c.readMember(c.next)
		c.next++
	}
	if len(c.mine) == 0 && due > c.run.Date {
		defer c.arena.Reset()
		return c.out.Add(account, due)
	}
	return c.attribute(account, true)
}

// newcomers attributes the members with rows that come before one and have no account.
func (c *stateChange) newcomers(before string) error {
	for c.next < c.end && c.groups.names[c.next] < before {
		if err := c.newcomer(); err != nil {
			return err
		}
	}
	return nil
}

func (c *stateChange) newcomer() error {
	c.readMember(c.next)
	account := settlement.Account{Member: c.groups.names[c.next]}
	c.next++
	return c.attribute(&account, false)
}

// finish attributes the members that come after all accounts.
func (c *stateChange) finish() error {
	for c.next < c.end {
		if err := c.newcomer(); err != nil {
			return err
		}
	}
	return nil
}

// attribute attributes a member's rows and writes what is left on record.
func (c *stateChange) attribute(account *settlement.Account, onRecord bool) error {
	defer c.arena.Reset()
	defer c.attributor.Recycle()
	r := c.run
	if len(c.mine) > 0 || clearing.NeedsNight(account, r.Date, r.Rulebook) {
		c.makeRoom(account)
		if err := c.attributor.Attribute(account, c.mine, &c.outcome); err != nil {
			return err
		}
		if away := c.attributor.PutAway(); len(away.Lots)+len(away.Redemptions) > 0 {
			if err := c.away.Add(away, settlement.Never); err != nil {
				return err
			}
		}
	}
	for i := range account.Deferred {
		c.waiting = append(c.waiting, r.takenBy(&account.Deferred[i], settlement.NoDate))
	}
	if err := c.claims.add(account); err != nil {
		return err
	}
	if len(account.Lots)+len(account.Redemptions)+len(account.Deferred) > 0 {
		if err := c.out.Add(account, dueAfter(account, r.Date)); err != nil {
			return err
		}
	} else if onRecord && !c.anew {
		if err := c.out.Remove(account.Member); err != nil {
			return err
		}
	}
	if len(c.outcome.Allocations) >= sentTogether {
		if err := c.sendAllocations(); err != nil {
			return err
		}
	}
	if len(c.outcome.Allocations) == 0 {
		c.forgetTexts()
	}
	return nil
}

// sentTogether is about how many allocations of whole members are sent on together: so few that they, and the texts they
// refer to, are still in the processor's caches.
const sentTogether = 64

// makeRoom gives the lists of an account room for what tonight's rows add, which is the same for one
// account after the other.
func (a *attribution) makeRoom(account *settlement.Account) {
	var issues, redeems int
	for i := range a.mine {
		switch a.mine[i].Kind {
		case settlement.Issue:
			issues++
		case settlement.Redeem:
			redeems++
		}
	}
	if issues > 0 {
		a.lots = append(slices.Grow(a.lots[:0], len(account.Lots)+issues), account.Lots...)
		account.Lots = a.lots
	}
	if redeems > 0 {
		a.redemptions = append(slices.Grow(a.redemptions[:0], len(account.Redemptions)+redeems), account.Redemptions...)
		account.Redemptions = a.redemptions
	}
}

// afterPartition sends on what the partition's members came to, so that its memory can be used again.
func (a *attribution) afterPartition() error {
	err := a.sendAllocations()
	a.forgetTexts()
	return err
}

// forgetTexts makes room for the texts of other rows, when all that is left of those before are exceptions.
func (a *attribution) forgetTexts() {
	for i := a.cloned; i < len(a.outcome.Exceptions); i++ {
		a.outcome.Exceptions[i] = a.kept.keep(a.outcome.Exceptions[i])
	}
	a.cloned = len(a.outcome.Exceptions)
	a.texts.reset()
}

// sendAllocations sends the allocations of some members on to their lines.
func (a *attribution) sendAllocations() error {
	allocations := a.outcome.Allocations
	var failed error
	send := func(allocation *settlement.Allocation, reference uint64, home int32) {
		a.buffer = a.codec.append(a.buffer[:0], reference, allocation)
		if err := a.allocations.Append(int(home), a.buffer); err != nil && failed == nil {
			failed = err
		}
	}
	err := a.tally.Add(allocations, func(i int, place int32) {
		if int(place) == len(a.homes) {
			a.homes = append(a.homes, homeOf(&allocations[i], a.run.Partitions))
		}
		send(&allocations[i], lineReference(a.worker, place), a.homes[place])
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
