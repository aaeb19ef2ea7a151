package batch

import (
	"context"
	"slices"
	"sync/atomic"

	"alliance/settlement"
	"alliance/settlement/accounts"

	"golang.org/x/sync/errgroup"
)

// countMembers counts the members that have lots.
func (o *openingLots) countMembers(ctx context.Context) (count int64, err error) {
	hands := o.handsFor(o.spooledLots, o.lotPartitions, o.lotPartitions)
	var total atomic.Int64
	err = each(ctx, len(hands), o.lotPartitions, func(_ context.Context, worker, partition int) error {
		hand := &hands[worker]
		if err := hand.load(o.spooledLots, []int{partition}); err != nil {
			return err
		}
		hand.members.reset(hand.content)
		total.Add(int64(len(hand.members.members)))
		o.advance(stageDeduplicate, 1)
		return nil
	})
	return total.Load(), err
}

// An openingState writes the accounts of a file of opening lots and puts them on record.
type openingState struct {
	*openingLots
	writer *publication
	// partitions is how many the state has, units into how many parts its writing goes: as many, or as
	// the lots on their way have if these are fewer. As both are powers of two, and both go by the lowest bits of one hash,
	// a unit is whole partitions of either.
	partitions, units int
}

// writeState writes and stores the state, with so many members.
func (o *openingLots) writeState(ctx context.Context, writer *publication, members int64) error {
	partitions := 1
	for int64(partitions)*membersPerPartition < members {
		partitions *= 2
	}
	writer.closing.State = AccountState{stacks: make([][]stateRun, partitions), after: settlement.NoDate}
	state := &openingState{openingLots: o, writer: writer, partitions: partitions, units: min(partitions, o.lotPartitions)}
	storing, stores := errgroup.WithContext(ctx)
	storing.SetLimit(storesAtOnce)
	o.stage(stageState, int64(state.units))
	defer o.finish(stageState)
	hands := o.handsFor(o.spooledLots, o.lotPartitions, state.units)
	err := each(stores, len(hands), state.units, func(ctx context.Context, worker, unit int) error {
		runs, err := state.write(ctx, &hands[worker], unit)
		for i := range runs {
			run := &runs[i]
			storing.Go(func() error {
				return guarded(func() error { return state.store(stores, run) })
			})
		}
		o.advance(stageState, 1)
		return err
	})
	if failed := storing.Wait(); failed != nil {
		return failed
	}
	return err
}

// write writes the partitions of the state that a unit is, and returns their runs.
func (s *openingState) write(ctx context.Context, hand *spoolHand, unit int) (written []stateRun, err error) {
	from := every(unit, s.units, s.lotPartitions)
	var runs map[int]*runWriter
	if len(from) > 1 && s.isLarge(s.bytes(from)) {
		runs, err = s.merge(ctx, hand, from, unit)
	} else if err = hand.load(s.spooledLots, from); err == nil {
		runs, err = s.accounts(hand, every(unit, s.units, s.partitions))
	}
	if err != nil {
		return nil, err
	}
	for _, partition := range from {
		s.spooledLots.Release(partition)
	}
	for partition, writer := range runs {
		run, _, err := writer.finish(partition)
		if err != nil {
			return nil, err
		}
		written = append(written, run)
	}
	return written, nil
}

// store puts a run on record, while others are written.
func (s *openingState) store(ctx context.Context, run *stateRun) error {
	if err := s.writer.storeRun(ctx, run); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.writer.closing.State.stacks[run.object.Partition] = []stateRun{*run}
	return nil
}

// bytes returns how many bytes partitions of lots have.
func (o *openingLots) bytes(partitions []int) (sum int64) {
	for _, partition := range partitions {
		sum += o.spooledLots.Bytes(partition)
	}
	return sum
}

// accounts writes the accounts of the lots in a hand to the run of their partition, one of those given.
func (s *openingState) accounts(hand *spoolHand, partitions []int) (map[int]*runWriter, error) {
	table := &hand.members
	table.reset(hand.content)
	slices.SortFunc(table.members, func(a, b tableMember) int {
		switch {
		case a.prefix < b.prefix:
			return -1
		case a.prefix > b.prefix:
			return 1
		}
		return compareText(a.member, b.member)
	})
	runs := make(map[int]*runWriter)
	var lots []settlement.Lot
	for i := range table.members {
		member := &table.members[i]
		lots = lots[:0]
		for number := member.last; number != 0; number = table.lots[number-1].before {
			lots = slices.Grow(lots, 1)[:len(lots)+1]
			readLot(hand.content, table.lots[number-1].at, s.job.Name, &lots[len(lots)-1])
		}
		slices.SortFunc(lots, func(a, b settlement.Lot) int { return settlement.CompareLotKeys(&a.Key, &b.Key) })
		to := partitions[0]
		if len(partitions) > 1 {
			to = partitionOf(member.member, s.partitions)
		}
		if runs[to] == nil {
			runs[to] = newRunWriter(s.pool, s.job.Rulebook.Parties)
		}
		account := settlement.Account{Member: member.member, Lots: lots}
		if err := runs[to].Add(&account, dueAfter(&account, settlement.NoDate)); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// mergedAtOnce is how many runs are merged at a time.
const mergedAtOnce = 16

// merge writes the run of a partition of the state whose lots are more than one has at hand: those of each
// partition by themselves, which are then merged. A run's bytes do not say how it was written.
func (s *openingState) merge(ctx context.Context, hand *spoolHand, from []int, partition int) (map[int]*runWriter, error) {
	var runs []stateRun
	for _, one := range from {
		if err := hand.load(s.spooledLots, []int{one}); err != nil {
			return nil, err
		}
		s.spooledLots.Release(one)
		written, err := s.accounts(hand, []int{partition})
		if err != nil {
			return nil, err
		}
		if written[partition] == nil {
			continue
		}
		run, _, err := written[partition].finish(partition)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	for {
		merged, err := s.mergeSome(ctx, runs[:min(len(runs), mergedAtOnce)])
		if err != nil {
			return nil, err
		}
		runs = runs[min(len(runs), mergedAtOnce):]
		if len(runs) == 0 {
			return map[int]*runWriter{partition: merged}, nil
		}
		run, _, err := merged.finish(partition)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
}

func (s *openingState) mergeSome(ctx context.Context, runs []stateRun) (*runWriter, error) {
	parties := s.job.Rulebook.Parties
	stack, err := openStack(ctx, runs, parties, false)
	if err != nil {
		return nil, err
	}
	defer stack.close()
	merged := newRunWriter(s.pool, parties)
	if err := accounts.Merge(merged.Writer, stack.Stack, true); err != nil {
		return nil, err
	}
	for i := range runs {
		runs[i].blob.Release()
	}
	return merged, nil
}
