package batch

import (
	"context"

	"alliance/settlement"
	"alliance/settlement/clearing"
)

// deduplicate lets the first row of each id pass and sends it on to its member's partition.
func (r *run) deduplicate(ctx context.Context) error {
	r.stage(stageDeduplicate, int64(r.Partitions))
	defer r.finish(stageDeduplicate)
	taken := r.takenByPartition()
	r.members = newShuffle[settlement.Transaction](r.Partitions)
	rejected := newShuffle[settlement.Exception](1)
	err := each(ctx, r.Workers, r.Partitions, func(_ context.Context, _, i int) error {
		passed, exceptions := clearing.Deduplicate(r.Date, r.Rulebook.Parties, r.Rulebook.Intake.DuplicateDays, r.rows.take(i), taken[i])
		buffer := r.members.buffer()
		for _, row := range passed {
			to := partitionOf(row.Member, r.Partitions)
			buffer[to] = append(buffer[to], row)
		}
		r.members.add(buffer)
		rejected.add([][]settlement.Exception{exceptions})
		r.advance(stageDeduplicate, 1)
		return nil
	})
	r.exceptions = append(r.exceptions, ownNames(r.Rulebook, rejected.take(0))...)
	return err
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
	for i := range r.opening.Accounts {
		for j := range r.opening.Accounts[i].Deferred {
			add(r.takenBy(&r.opening.Accounts[i].Deferred[j], settlement.NoDate))
		}
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
