package batch

import (
	"context"
	"fmt"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/spool"
)

// deduplicate decides which rows may not have their id.
func (r *run) deduplicate(ctx context.Context) error {
	r.stage(stageDeduplicate, int64(r.Partitions))
	defer r.finish(stageDeduplicate)
	taken, err := openIDs(ctx, r.opening.Taken)
	if err != nil {
		return err
	}
	defer taken.close()
	deduplicators := make([]clearing.Deduplicator, r.Workers)
	buffers := make([]claimantBuffer, r.Workers)
	wanted := make([]wantedBuffer, r.Workers)
	refused := make([][]clearing.Refusal, r.Partitions)
	err = each(ctx, r.Workers, r.Partitions, func(ctx context.Context, worker, i int) error {
		claimants, err := buffers[worker].load(r, i)
		if err != nil {
			return err
		}
		deduplicator := &deduplicators[worker]
		deduplicator.Date, deduplicator.DuplicateDays = r.Date, r.Rulebook.Intake.DuplicateDays
		refused[i], err = deduplicator.Refuse(claimants, func(visit func(settlement.TakenID)) error {
			return taken.lookUp(ctx, claimants, deduplicator.OldestSettled(), &wanted[worker], r.Partitions, visit)
		})
		if err != nil {
			return err
		}
		r.advance(stageDeduplicate, 1)
		return nil
	})
	if err != nil {
		return err
	}
	r.refusals = newRefusals(refused)
	return nil
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
	r.claimants.PrefetchAfter(partition, r.Partitions, spool.InOrder)
	b.claimants = r.codec.readClaimants(b.content, b.claimants[:0])
	return b.claimants, nil
}

// takenBy returns the id that a row takes; settled is NoDate while the row is deferred.
func (r *run) takenBy(row *settlement.Transaction, settled settlement.Date) settlement.TakenID {
	if row.Content == (settlement.Digest{}) {
		// The id would meet its own row, sent again, as a conflict.
		panic(fmt.Sprintf("row %d of %s, a %s of %s, waited without the digest of its content", row.Source.Row, row.Source.File, row.Kind, row.BusinessDate))
	}
	return settlement.TakenID{
		ID:           clearing.IDDigest(r.Rulebook.Parties.ID(row.Merchant), row.ID),
		Content:      row.Content,
		BusinessDate: row.BusinessDate,
		SettledOn:    settled,
	}
}

// addUnsettled adds the rows of tonight that got as far as their member's lots and were deferred or rejected there.
func (r *run) addUnsettled(unsettled *rowSet) {
	for i := range r.attributed {
		exception := &r.attributed[i]
		switch exception.Code {
		case settlement.Uncovered, settlement.Unfunded, settlement.ClawbackShortfall:
			continue // the row is accepted
		}
		if file, tonight := r.files.place[exception.File]; tonight {
			unsettled.add(rowName{file, exception.Row})
		}
	}
}
