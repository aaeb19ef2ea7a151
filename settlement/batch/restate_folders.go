package batch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/statement"
)

// earlier returns how the published versions of the date's folders are opened if the date is
// restated, else nil.
func (p *publication) earlier(ctx context.Context) func(merchant string) statement.Opener {
	if p.standing == nil {
		return nil
	}
	p.versions = p.attempt.ledger.LatestVersions(p.night.Date)
	return func(merchant string) statement.Opener {
		files := p.standing.Alliance.Files
		if merchant != "" {
			before := p.versions[merchant]
			if before == nil {
				return nil
			}
			files = before.Files
		}
		return openerOf(ctx, p.attempt.ledger, files)
	}
}

// openerOf opens the files of a folder on record.
func openerOf(ctx context.Context, ledger *books.Ledger, files []books.FileRecord) statement.Opener {
	return func(name string) ([]byte, error) {
		at := slices.IndexFunc(files, func(file books.FileRecord) bool { return file.Name == name })
		if at < 0 {
			return nil, &missingFileError{name}
		}
		return ledger.Read(ctx, files[at])
	}
}

// A missingFileError says that a folder on record has no such file.
type missingFileError struct{ name string }

func (e *missingFileError) Error() string { return "the folder on record has no " + e.name }

// nameAgain puts a folder on record as it was: nothing in it has changed.
func (p *publication) nameAgain(date *books.DateRecord, merchant string) {
	if merchant == "" {
		date.Alliance = p.standing.Alliance
		return
	}
	date.Statements = append(date.Statements, *p.versions[merchant])
}

// keepStatements gives an empty statement to every merchant that had one of the date and has
// nothing to say on it any more: finance must find that nothing is due, not that a folder is gone.
func (p *publication) keepStatements() error {
	parties := p.night.Parties
	has := make([]bool, parties.Len())
	for i := range p.night.Statements {
		has[p.night.Statements[i].Merchant] = true
	}
	for i := range p.standing.Statements {
		id := p.standing.Statements[i].Merchant
		merchant := parties.Find(id)
		if merchant == settlement.NoParty || p.job.Rulebook.Merchant(merchant) == nil {
			return &RulebookError{[]string{"the register lacks " + id + ", which has a statement of " + p.night.Date.String() +
				" on record; give it a `left` date instead"}}
		}
		if has[merchant] {
			continue
		}
		p.night.Statements = append(p.night.Statements, settlement.Statement{
			Merchant: merchant, Version: 1, Complete: isComplete(p.night), Points: settlement.IssuerPoints{Issuer: merchant}})
	}
	slices.SortFunc(p.night.Statements, func(a, b settlement.Statement) int {
		return cmp.Compare(a.Merchant, b.Merchant)
	})
	return nil
}

// isComplete reports whether nobody is missing and no file under the night's date is held.
func isComplete(night *settlement.Night) bool {
	return !slices.ContainsFunc(night.Inputs, func(input settlement.Input) bool {
		return input.State == settlement.Missing || input.State == settlement.Held && folderOf(input.Key) == night.Date
	})
}

// createUnlessStanding stores what a merchant is told, unless it was told that already when the
// date was settled before.
func (p *publication) createUnlessStanding(ctx context.Context, name string, body io.ReadSeeker) (books.FileRecord, error) {
	if p.standing == nil {
		return p.attempt.create(ctx, name, body)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, body); err != nil {
		return books.FileRecord{}, err
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if current, known := p.toldBefore(sum); known {
		return current, nil
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return books.FileRecord{}, err
	}
	return p.attempt.create(ctx, name, body)
}

// toldBefore returns the file of a content that a merchant was told when the date was settled before.
func (p *publication) toldBefore(sha256 string) (file books.FileRecord, known bool) {
	if p.standing != nil {
		file, known = p.standingAcknowledgements()[sha256]
	}
	return file, known
}

// standingAcknowledgements returns the files of the acknowledgements on record, by SHA-256; of those that are
// alike the first.
func (p *publication) standingAcknowledgements() map[string]books.FileRecord {
	p.told.Do(func() {
		p.toldFiles = make(map[string]books.FileRecord)
		for i := range p.standing.Acknowledgements {
			for _, file := range p.standing.Acknowledgements[i].Files {
				current := p.attempt.ledger.Current(file)
				if _, known := p.toldFiles[current.SHA256]; !known {
					p.toldFiles[current.SHA256] = current
				}
			}
		}
	})
	return p.toldFiles
}
