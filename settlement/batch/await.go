package batch

import (
	"context"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A MissingMerchant has not delivered what is due for a settlement date.
type MissingMerchant struct {
	Merchant string
	// Reason says what is missing.
	Reason string
	// Required says that the rulebook cannot do without the merchant.
	Required bool
}

// ReadMissing lists the inbox and returns, in order, the merchants that a run of the date would
// find missing now. Errors are those of the store.
func ReadMissing(ctx context.Context, inbox storage.Bucket, rulebook *rules.Rulebook, date settlement.Date) ([]MissingMerchant, error) {
	// What is due lies in the folders of the date itself; nothing else is looked at.
	window := intake.Window{Date: date}
	listing, err := intake.Discover(ctx, inbox, rulebook.Parties, merchantsOn(rulebook, date), window, intake.NewHistory())
	if err != nil {
		return nil, err
	}
	var missing []MissingMerchant
	for _, delivery := range listing.Missing(rulebook.Parties) {
		missing = append(missing, MissingMerchant{
			Merchant: rulebook.Parties.ID(delivery.Merchant),
			Reason:   delivery.Reason,
			Required: rulebook.Merchant(delivery.Merchant).Required,
		})
	}
	return missing, nil
}

// Preflight finds out what would make [Run] do nothing or refuse the job whatever the merchants
// still deliver: settled says that the date is on record already. Its errors are those of Run.
// It writes nothing.
func Preflight(ctx context.Context, job Job) (settled bool, err error) {
	ledger, err := books.OpenRecent(ctx, job.Ledger, 0)
	if err != nil || ledger.IsSettled(job.Date) {
		return err == nil, err
	}
	if err := checkRulebook(ledger, job.Rulebook); err != nil {
		return false, err
	}
	if _, any := ledger.LastSettled(); !any && job.CatchUp {
		return false, nil // the first date comes from the inbox, which may still be empty
	}
	_, err = job.dates(ctx, ledger)
	return false, err
}
