package batch

import (
	"context"
	"slices"
	"sync"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// deduplicate decides which rows may not have their id.
func (r *run) deduplicate(ctx context.Context) error {
	r.stage(stageDeduplicate, int64(r.Partitions))
	defer r.finish(stageDeduplicate)
	taken := r.takenByPartition()
	deduplicators := make([]clearing.Deduplicator, r.Workers)
	buffers := make([]claimantBuffer, r.Workers)
	var mutex sync.Mutex
	r.refusals = make(map[rowName]clearing.Refusal)
	return each(ctx, r.Workers, r.Partitions, func(_ context.Context, worker, i int) error {
		claimants, err := buffers[worker].load(r, i)
		if err != nil {
			return err
		}
		deduplicator := &deduplicators[worker]
		deduplicator.Date, deduplicator.DuplicateDays = r.Date, r.Rulebook.Intake.DuplicateDays
		refusals, err := deduplicator.Refuse(claimants, func(visit func(settlement.TakenID)) error {
			for _, id := range taken[i] {
				visit(id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		for _, refusal := range refusals {
			r.refusals[rowName{refusal.File, refusal.Row}] = refusal
		}
		r.advance(stageDeduplicate, 1)
		return nil
	})
}

// A claimantBuffer holds the claimants of one partition after the other.
type claimantBuffer struct {
	content   []byte
	claimants []clearing.Claimant
}

func (b *claimantBuffer) load(r *run, partition int) ([]clearing.Claimant, error) {
	var err error
	if b.content, err = r.claimants.Load(partition, b.content[:0]); err != nil {
		return nil, err
	}
	b.claimants = r.files.readClaimants(b.content, b.claimants[:0])
	return b.claimants, nil
}

// takenByPartition splits the ids on record, and those of rows that still wait, by id.
func (r *run) takenByPartition() [][]settlement.TakenID {
	taken := make([][]settlement.TakenID, r.Partitions)
	add := func(id settlement.TakenID) {
		to := partitionOfID(id.ID, r.Partitions)
		taken[to] = append(taken[to], id)
	}
	for _, id := range r.opening.Taken {
		add(id)
	}
	for _, id := range r.opening.Waiting {
		add(id)
	}
	return taken
}

// takenBy returns the id that a row takes; settled is NoDate while the row is deferred.
func (r *run) takenBy(row *settlement.Transaction, settled settlement.Date) settlement.TakenID {
	return settlement.TakenID{
		ID:           clearing.IDDigest(r.Rulebook.Parties.ID(row.Merchant), row.ID),
		Content:      row.Content,
		BusinessDate: row.BusinessDate,
		SettledOn:    settled,
	}
}

// gatherIDs puts together the ids that the night's rows took: of tonight's all that were not refused
// and did not end as deferred or rejected, and those of rows deferred earlier that were settled.
func (r *run) gatherIDs(ctx context.Context) error {
	unsettled := r.unsettledRows()
	waited := make([][]settlement.TakenID, r.Partitions)
	for _, ids := range r.waited {
		for _, id := range ids {
			to := partitionOfID(id.ID, r.Partitions)
			waited[to] = append(waited[to], id)
		}
	}
	r.settled = make([][]settlement.TakenID, r.Partitions)
	buffers := make([]claimantBuffer, r.Workers)
	return each(ctx, r.Workers, r.Partitions, func(_ context.Context, worker, i int) error {
		claimants, err := buffers[worker].load(r, i)
		if err != nil {
			return err
		}
		ids := append(make([]settlement.TakenID, 0, len(claimants)+len(waited[i])), waited[i]...)
		for j := range claimants {
			claimant := &claimants[j]
			name := rowName{claimant.File, claimant.Row}
			if _, refused := r.refusals[name]; refused || unsettled[name] {
				continue
			}
			ids = append(ids, settlement.TakenID{ID: claimant.ID, Content: claimant.Content, BusinessDate: claimant.BusinessDate, SettledOn: r.Date})
		}
		slices.SortFunc(ids, compareTakenIDs)
		r.settled[i] = ids
		r.claimants.Release(i)
		return nil
	})
}

// unsettledRows returns the rows of tonight that got as far as their member's lots and were deferred
// or rejected there.
func (r *run) unsettledRows() map[rowName]bool {
	unsettled := make(map[rowName]bool)
	for i := range r.attributed {
		exception := &r.attributed[i]
		switch exception.Code {
		case settlement.Uncovered, settlement.Unfunded, settlement.ClawbackShortfall:
			continue // the row is accepted
		}
		if file, tonight := r.files.place[exception.File]; tonight {
			unsettled[rowName{file, exception.Row}] = true
		}
	}
	return unsettled
}
