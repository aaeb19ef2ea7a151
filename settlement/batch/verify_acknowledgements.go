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
	for _, date := range dates {
		settled, _ := v.ledger.Settled(date)
		for _, acknowledgement := range settled.Acknowledgements {
			folder := books.StatementFolder(acknowledgement.Merchant, date)
			for _, file := range acknowledgement.Files {
				if err := v.checkAcknowledgement(ctx, date, folder+"/"+file.Name, file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (v *verifier) checkAcknowledgement(ctx context.Context, date settlement.Date, key string, file books.FileRecord) error {
	sum, err := sumOfObject(ctx, v.job.Acknowledgements, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		v.fault("acknowledgements", date, "%s is missing; settle repair brings it back", key)
	case errors.Is(err, storage.ErrChanged):
		v.fault("acknowledgements", date, "%s was changed while it was read; is a run publishing? Verify again", key)
	case errors.Is(err, storage.ErrIrregular):
		v.fault("acknowledgements", date, "%v", err)
	case err != nil:
		return err
	// Forgetting a member does not reach what merchants were told before.
	case sum != file.SHA256 && sum != v.ledger.Current(file).SHA256:
		v.fault("acknowledgements", date, "%s has SHA-256 %s instead of %s; settle repair mends it", key, sum, v.ledger.Current(file).SHA256)
	}
	return nil
}
