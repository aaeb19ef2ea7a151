package batch

import (
	"context"
	"errors"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// checkAcknowledgements compares what merchants are told about their deliveries with the record.
// Other files there are not looked at: the place lies among the merchants' own.
func (v *verifier) checkAcknowledgements(ctx context.Context, dates []settlement.Date) error {
	if v.job.Acknowledgements == nil {
		return nil
	}
	acknowledgements := copies{where: "acknowledgements", bucket: v.job.Acknowledgements, readMark: v.ledger.AcknowledgementsMark, sums: acknowledgementSums}
	if err := acknowledgements.begin(ctx); err != nil {
		return err
	}
	type told struct {
		key  string
		file books.FileRecord
	}
	var all []told
	var keys []string
	for _, date := range dates {
		settled, _ := v.ledger.Settled(date)
		for _, acknowledgement := range settled.Acknowledgements {
			folder := books.StatementFolder(acknowledgement.Merchant, date)
			for _, file := range acknowledgement.Files {
				all = append(all, told{folder + "/" + file.Name, file})
				keys = append(keys, folder+"/"+file.Name)
			}
		}
	}
	sums, faults, err := contentSums(ctx, v.job.Acknowledgements, keys)
	if err != nil {
		return err
	}
	for _, one := range all {
		v.compareAcknowledgement(&acknowledgements, one.key, one.file, sums[one.key], faults[one.key])
	}
	return v.reportPublished(ctx, &acknowledgements)
}

// compareAcknowledgement compares what a file comes to, or why it cannot be read, with the record.
func (v *verifier) compareAcknowledgement(acknowledgements *copies, key string, file books.FileRecord, sum string, err error) {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		acknowledgements.differs(key, content{kind: absent}, "%s is missing; settle repair brings it back", key)
	case errors.Is(err, storage.ErrChanged):
		acknowledgements.differs(key, content{kind: changing}, "%s was changed while it was read; is a run publishing? Verify again", key)
	case errors.Is(err, storage.ErrIrregular):
		acknowledgements.differs(key, content{kind: irregular}, "%v: remove it and run settle repair", err)
	// Forgetting a member does not reach what merchants were told before.
	case sum != file.SHA256 && sum != v.ledger.Current(file).SHA256:
		acknowledgements.differs(key, content{summed, sum}, "%s has SHA-256 %s instead of %s; settle repair mends it", key, sum, v.ledger.Current(file).SHA256)
	}
}
