package books

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// markKey holds up to which record everything was projected.
const markKey = "alliance/_projected.json"

type mark struct {
	Seq int64 `json:"seq"`
	// SHA256 is that of the record, for acknowledgements: inboxes are shared by ledgers that are
	// tried out.
	SHA256 string `json:"sha256,omitempty"`
}

// A projection copies folders to the bucket of statements, or of acknowledgements.
type projection struct {
	ctx    context.Context
	ledger *Ledger
	bucket storage.Bucket
	// deep compares every file instead of trusting the last one.
	deep bool
	// what is copied, and the last file of each folder, which says that it is finished.
	what, last string
}

func (l *Ledger) statementProjection(ctx context.Context, statements storage.Bucket) projection {
	return projection{ctx: ctx, ledger: l, bucket: statements, what: "statements", last: statementName}
}

// StatementFolder returns the key of a merchant's folder of a date in the bucket of statements.
func StatementFolder(merchant string, date settlement.Date) string {
	return fmt.Sprintf("merchant=%s/date=%s", merchant, date)
}

// VersionFolder returns the key of the folder of a superseded version.
func VersionFolder(merchant string, date settlement.Date, version int) string {
	return fmt.Sprintf("merchant=%s/versions/date=%s/version=%d", merchant, date, version)
}

// AllianceFolder returns the key of the operator's folder of a date.
func AllianceFolder(date settlement.Date) string { return fmt.Sprintf("alliance/date=%s", date) }

// Project copies the dates of one record, as they are on record by now, to the bucket of
// statements. It may be repeated.
func (l *Ledger) Project(ctx context.Context, statements storage.Bucket, record *Record) error {
	p := l.statementProjection(ctx, statements)
	return p.run(func() error {
		for i := range record.Dates {
			if err := p.date(record.Dates[i].Date); err != nil {
				return err
			}
		}
		return nil
	})
}

// ProjectAll copies whatever is on record and not yet in the bucket of statements, also what
// earlier runs left undone. It may be repeated, and does next to nothing then.
func (l *Ledger) ProjectAll(ctx context.Context, statements storage.Bucket) error {
	return l.projectFrom(ctx, statements, false)
}

// Rebuild compares every file of the bucket of statements with what is on record and writes
// those that are missing or differ.
func (l *Ledger) Rebuild(ctx context.Context, statements storage.Bucket) error {
	return l.projectFrom(ctx, statements, true)
}

func (l *Ledger) projectFrom(ctx context.Context, statements storage.Bucket, deep bool) error {
	p := l.statementProjection(ctx, statements)
	p.deep = deep
	before, err := p.readMark()
	if err != nil {
		return fmt.Errorf("project the statements: %w", err)
	}
	err = p.run(func() error {
		for _, date := range l.datesAfter(before, deep) {
			if err := p.date(date); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	head, _ := l.Head()
	if head == before {
		return nil
	}
	return p.replace(markKey, mark{Seq: head})
}

// datesAfter returns the dates that records after a number settled, or all dates, in order.
func (l *Ledger) datesAfter(seq int64, all bool) []settlement.Date {
	var dates []settlement.Date
	for i := range l.records {
		if l.records[i].Seq <= seq && !all {
			continue
		}
		for j := range l.records[i].Dates {
			dates = append(dates, l.records[i].Dates[j].Date)
		}
	}
	slices.Sort(dates)
	return slices.Compact(dates)
}

var errNewer = errors.New("there are newer records")

// run repeats work until no newer record came up meanwhile.
func (p *projection) run(work func() error) error {
	for {
		err := work()
		if err == nil {
			err = p.checkNewer()
		}
		if !errors.Is(err, errNewer) {
			if err != nil {
				err = fmt.Errorf("project the %s: %w", p.what, err)
			}
			return err
		}
		// What this process wrote meanwhile may be out of date, even beside a new last file of
		// another one.
		p.deep = true
	}
}

// checkNewer returns errNewer, and has read them, if there are newer records.
func (p *projection) checkNewer() error {
	before, _ := p.ledger.Head()
	if err := p.ledger.refresh(p.ctx); err != nil {
		return err
	}
	if after, _ := p.ledger.Head(); after != before {
		return errNewer
	}
	return nil
}

func (p *projection) readMark() (int64, error) {
	found, err := p.mark(markKey)
	return found.Seq, err
}

// mark reads a mark; it is zero if there is none. One that cannot be read, or of another ledger,
// costs only time.
func (p *projection) mark(key string) (mark, error) {
	text, err := p.read(key)
	if errors.Is(err, storage.ErrNotFound) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	var found mark
	if head, _ := p.ledger.Head(); json.Unmarshal(text, &found) != nil || found.Seq < 0 || found.Seq > head {
		return mark{}, nil
	}
	return found, nil
}

func (p *projection) read(key string) ([]byte, error) {
	reader, _, err := p.bucket.Open(p.ctx, key, "")
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(reader)
	return content, errors.Join(err, reader.Close())
}

// sum returns the SHA-256 of what lies under a key.
func (p *projection) sum(key string) (string, error) {
	reader, _, err := p.bucket.Open(p.ctx, key, "")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, reader)
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, reader.Close())
}

func (p *projection) replace(key string, value any) error {
	text, err := encodeLine(value)
	if err == nil {
		err = p.bucket.Replace(p.ctx, key, bytes.NewReader(text))
	}
	if err != nil {
		err = fmt.Errorf("project the %s: %w", p.what, err)
	}
	return err
}

// date projects every folder of a settled date.
func (p *projection) date(date settlement.Date) error {
	settled, _ := p.ledger.Settled(date)
	for i := range settled.Statements {
		merchant := settled.Statements[i].Merchant
		versions := p.ledger.Versions(merchant, date)
		var earlier []FileRecord
		for _, version := range versions[:len(versions)-1] {
			if err := p.folder(VersionFolder(merchant, date, version.Version), version.Files, nil); err != nil {
				return err
			}
			earlier = append(earlier, version.Files...)
		}
		if err := p.folder(StatementFolder(merchant, date), settled.Statements[i].Files, earlier); err != nil {
			return err
		}
	}
	return p.folder(AllianceFolder(date), settled.Alliance.Files, p.allianceFiles(date))
}

// allianceFiles returns the operator's files of every record of a date.
func (p *projection) allianceFiles(date settlement.Date) []FileRecord {
	var files []FileRecord
	for i := range p.ledger.records {
		for j := range p.ledger.records[i].Dates {
			if p.ledger.records[i].Dates[j].Date == date {
				files = append(files, p.ledger.records[i].Dates[j].Alliance.Files...)
			}
		}
	}
	return files
}

// folder makes a folder hold these files, unless it does; earlier are files that it may hold
// from earlier versions.
func (p *projection) folder(folder string, files, earlier []FileRecord) error {
	finished, err := p.finished(folder, files, earlier)
	if err != nil || finished {
		return err
	}
	if err := p.checkNewer(); err != nil {
		return err
	}
	names := make(map[string]bool)
	var last FileRecord
	for _, file := range files {
		names[file.Name] = true
		if file.Name == p.last {
			last = file
		} else if err := p.copy(folder, file); err != nil {
			return err
		}
	}
	for _, file := range earlier {
		if names[file.Name] {
			continue
		}
		names[file.Name] = true
		if err := p.bucket.Delete(p.ctx, folder+"/"+file.Name); err != nil {
			return err
		}
	}
	return p.copy(folder, last)
}

// finished reports whether the folder's last file, and on a deep look every file, is as on record.
func (p *projection) finished(folder string, files, earlier []FileRecord) (bool, error) {
	kept := make(map[string]bool)
	for _, file := range files {
		kept[file.Name] = true
		if file.Name != p.last && !p.deep {
			continue
		}
		sum, err := p.sum(folder + "/" + file.Name)
		if errors.Is(err, storage.ErrNotFound) {
			return false, nil
		}
		if err != nil || sum != p.ledger.Current(file).SHA256 {
			return false, err
		}
	}
	if !p.deep {
		return true, nil
	}
	objects, err := p.bucket.List(p.ctx, folder+"/")
	if err != nil {
		return false, err
	}
	for _, file := range earlier {
		gone := func(object storage.Object) bool { return object.Key == folder+"/"+file.Name }
		if !kept[file.Name] && slices.ContainsFunc(objects, gone) {
			return false, nil
		}
	}
	return true, nil
}

func (p *projection) copy(folder string, file FileRecord) error {
	body := &objectBody{ctx: p.ctx, bucket: p.ledger.bucket, file: p.ledger.Current(file)}
	err := p.bucket.Replace(p.ctx, folder+"/"+file.Name, body)
	return errors.Join(err, body.Close())
}
