package books

import (
	"context"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// AcknowledgementName is the file of an acknowledgement that is written last.
const AcknowledgementName = "ack.json"

// acknowledgedKey holds up to which record every acknowledgement was projected.
const acknowledgedKey = "_projected.json"

// ProjectAcknowledgements copies the acknowledgements that are on record and not yet in their
// bucket, also what earlier runs left undone. It may be repeated, and does next to nothing then.
func (l *Ledger) ProjectAcknowledgements(ctx context.Context, acknowledgements storage.Bucket) error {
	return l.projectAcknowledgements(ctx, acknowledgements, false)
}

// RebuildAcknowledgements compares every file of the bucket of acknowledgements with what is on
// record and writes those that are missing or differ. [ErrLeft] as in [Ledger.Rebuild].
func (l *Ledger) RebuildAcknowledgements(ctx context.Context, acknowledgements storage.Bucket) error {
	return l.projectAcknowledgements(ctx, acknowledgements, true)
}

func (l *Ledger) projectAcknowledgements(ctx context.Context, acknowledgements storage.Bucket, deep bool) error {
	p := projection{ctx: ctx, ledger: l, bucket: acknowledgements, deep: deep, what: "acknowledgements", last: AcknowledgementName, packs: new(packs), leaving: deep, left: new(leftFolders)}
	return p.all(acknowledgedKey, p.acknowledge)
}

// acknowledge projects the acknowledgements of a settled date.
func (p *projection) acknowledge(date settlement.Date) error {
	if err := p.ledger.readDate(p.ctx, date); err != nil {
		return err
	}
	settled, _ := p.ledger.Settled(date)
	inForce := make(map[string]bool)
	earlier := p.ledger.acknowledgedFiles(date)
	var folders []folder
	for _, acknowledgement := range settled.Acknowledgements {
		inForce[acknowledgement.Merchant] = true
		key := StatementFolder(acknowledgement.Merchant, date)
		folders = append(folders, folder{key, acknowledgement.Files, earlier[acknowledgement.Merchant]})
	}
	if err := p.folders(folders); err != nil {
		return err
	}
	for merchant, files := range earlier {
		if inForce[merchant] {
			continue
		}
		for _, file := range files {
			if err := p.leave(p.bucket.Delete(p.ctx, StatementFolder(merchant, date)+"/"+file.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// acknowledgedFiles returns the files of every record's acknowledgements of a date, by merchant.
func (l *Ledger) acknowledgedFiles(date settlement.Date) map[string][]FileRecord {
	files := make(map[string][]FileRecord)
	l.eachOf(date, func(settled *DateRecord, _ *Record) {
		for _, acknowledgement := range settled.Acknowledgements {
			files[acknowledgement.Merchant] = append(files[acknowledgement.Merchant], acknowledgement.Files...)
		}
	})
	return files
}
