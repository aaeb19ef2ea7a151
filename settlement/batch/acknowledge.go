package batch

import (
	"bytes"
	"context"
	"fmt"

	"alliance/settlement"
	"alliance/settlement/acknowledgement"
	"alliance/settlement/books"
	"alliance/settlement/layout"
)

// acknowledge copies what merchants are told about their deliveries to where they find it.
func (j *Job) acknowledge(ctx context.Context, ledger *books.Ledger) error {
	if j.Acknowledgements == nil {
		return nil
	}
	if err := ledger.ProjectAcknowledgements(ctx, j.Acknowledgements); err != nil {
		return fmt.Errorf("the merchants' acknowledgements could not be written; "+
			"if the inbox must not be written to, name another place with --acks (or SETTLE_ACKS), and run again: %w", err)
	}
	return nil
}

// writeAcknowledgements stores what each merchant is told about its delivery, and the rejected
// rows, which are read again for it. statements are those of the night.
func (p *publication) writeAcknowledgements(ctx context.Context, statements []books.StatementRecord) ([]books.AcknowledgementRecord, error) {
	if err := p.timeline.readSince(ctx, earliestFolder(p.night)); err != nil {
		return nil, err
	}
	source := acknowledgement.Source{Inbox: p.job.Inbox, Consumed: func(key string) (settlement.Date, settlement.Input, bool) {
		return p.timeline.consumedBefore(p.night, key)
	}, Layout: func(merchant settlement.Party) *layout.Layout { return p.job.Rulebook.Merchant(merchant).Layout }}
	versions := make(map[string]int)
	for _, statement := range statements {
		versions[statement.Merchant] = statement.Version
	}
	merchants := acknowledgement.Merchants(p.night)
	forgotten := p.timeline.ledger.Pseudonyms(p.night.Date)
	records := make([]books.AcknowledgementRecord, len(merchants))
	letters := p.newLetters(ctx)
	// Reading rejected rows again takes memory, storing what was made of them does not.
	encoding := make(chan struct{}, storesAtOnce)
	err := letters.each(len(merchants), func(ctx context.Context, i int) error {
		encoded, err := func() (acknowledgement.Encoded, error) {
			encoding <- struct{}{}
			defer func() { <-encoding }()
			return acknowledgement.Encode(ctx, p.night, merchants[i], versions[p.night.Parties.ID(merchants[i])], source)
		}()
		if err != nil {
			return err
		}
		if err := withoutForgotten(&encoded, source.Layout(merchants[i]), forgotten); err != nil {
			return err
		}
		record := &records[i]
		record.Merchant = encoded.Merchant
		store := func(name string, content []byte, rows int64) error {
			file, err := p.createUnlessStanding(ctx, p.objectName("acknowledgements", books.StatementFolder(encoded.Merchant, p.night.Date)+"/"+name), bytes.NewReader(content))
			file.Name, file.Rows = name, rows
			record.Files = append(record.Files, file)
			return err
		}
		if encoded.Rejected != nil {
			if err := store(acknowledgement.RejectedName, encoded.Rejected, encoded.RejectedRows); err != nil {
				return err
			}
		}
		if encoded.Rejected == nil && letters.keep(i, encoded.Merchant, encoded.Acknowledgement) {
			return nil
		}
		return store(acknowledgement.Name, encoded.Acknowledgement, 0)
	})
	if err == nil {
		letters.record(records)
	}
	return records, err
}

// earliestFolder returns the date of the earliest folder with a file that a row was rejected of tonight; the night's if there is none. A row
// may have waited for years.
func earliestFolder(night *settlement.Night) settlement.Date {
	earliest, last := night.Date, ""
	for i := range night.Exceptions {
		exception := &night.Exceptions[i]
		if exception.State != settlement.Rejected || exception.File == last {
			continue
		}
		last = exception.File
		if folder := folderOf(last); folder != settlement.NoDate {
			earliest = min(earliest, folder)
		}
	}
	return earliest
}

// consumedBefore returns which date before a night consumed an object, and what is on record of it. What lies under a date was consumed on that date or later.
func (t *timeline) consumedBefore(night *settlement.Night, key string) (settlement.Date, settlement.Input, bool) {
	for date := night.Date - 1; date >= folderOf(key); date-- {
		passed := t.passed[date]
		if passed == nil {
			break
		}
		inputs := passed.Inputs()
		for i := range inputs {
			if input := &inputs[i]; input.Key == key && input.State == settlement.Consumed {
				return date, input.Input(night.Parties), true
			}
		}
	}
	return settlement.NoDate, settlement.Input{}, false
}
