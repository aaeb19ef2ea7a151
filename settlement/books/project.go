package books

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"alliance/settlement"
	"alliance/settlement/crash"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// markKey holds up to which record everything was projected.
const markKey = "alliance/_projected.json"

// A projection copies folders to the bucket of statements, or of acknowledgements.
type projection struct {
	ctx    context.Context
	ledger *Ledger
	bucket storage.Bucket
	// deep compares every file instead of trusting the last one.
	deep bool
	// what is copied, and the last file of each folder, which says that it is finished.
	what, last string
	// pulled says that others rely on what was copied: it is not replaced by what another log says.
	pulled bool
	// leaving says to go on where a folder cannot be written; left is why each of them could not.
	leaving bool
	left    *leftFolders
	packs   *packs
}

func (l *Ledger) statementProjection(ctx context.Context, statements storage.Bucket) projection {
	return projection{ctx: ctx, ledger: l, bucket: statements, what: "statements", last: statementName, pulled: true, packs: new(packs), left: new(leftFolders)}
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
// earlier runs left undone. It may be repeated, and does next to nothing then. [ErrOtherLog]: the statements are of records
// that the log does not have; nothing was written.
func (l *Ledger) ProjectAll(ctx context.Context, statements storage.Bucket) error {
	return l.projectFrom(ctx, statements, false)
}

// Rebuild compares every file of the bucket of statements with what is on record and writes
// those that are missing or differ. [ErrLeft]: some folders could not be written, all others are. [ErrOtherLog] as in [Ledger.ProjectAll].
func (l *Ledger) Rebuild(ctx context.Context, statements storage.Bucket) error {
	return l.projectFrom(ctx, statements, true)
}

func (l *Ledger) projectFrom(ctx context.Context, statements storage.Bucket, deep bool) error {
	p := l.statementProjection(ctx, statements)
	p.deep, p.leaving = deep, deep
	return p.all(markKey, p.date)
}

// all projects every date that records after the mark settled, or every date on a deep look, and
// sets the mark.
func (p *projection) all(markKey string, project func(settlement.Date) error) error {
	before, err := p.mark(markKey)
	if err != nil {
		return fmt.Errorf("project the %s: %w", p.what, err)
	}
	deep := p.deep
	err = p.run(func() error {
		p.left.forget()
		for _, date := range p.ledger.datesAfter(before.Seq, deep) {
			if err := project(date); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.left.err(); err != nil {
		return fmt.Errorf("project the %s: %w", p.what, err)
	}
	head, _ := p.ledger.Head()
	if head == before.Seq {
		return nil
	}
	crash.At(crash.FoldersProjected)
	if err := p.replace(markKey, Mark{head, p.ledger.computationAt(head)}); err != nil {
		return err
	}
	crash.At(crash.ProjectionMarked)
	return nil
}

// SettledAfter returns the dates that records after a number settled, in order.
func (l *Ledger) SettledAfter(seq int64) []settlement.Date { return l.datesAfter(seq, false) }

// datesAfter returns the dates that records after a number settled, or all dates, in order.
func (l *Ledger) datesAfter(seq int64, all bool) []settlement.Date {
	var dates []settlement.Date
	for i := range l.records {
		if l.records[i].Seq > seq || all {
			l.settledBy(i, func(date settlement.Date, _ string) { dates = append(dates, date) })
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
		if err == nil || errors.Is(err, ErrLost) {
			// What is gone from the ledger since a newer record has been replaced: that record says by what.
			err = cmp.Or(p.checkNewer(), err)
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

// mark reads a mark; it is zero if there is none. One that cannot be read costs only time. So does one of another
// log where nobody relies on what was copied; else it is [ErrOtherLog].
func (p *projection) mark(key string) (Mark, error) {
	found, err := readMark(p.ctx, p.bucket, key)
	if err != nil {
		return Mark{}, err
	}
	if head, _ := p.ledger.Head(); found.Seq > head {
		// Another process may have put more on record, and published it, since the log was read.
		if err := p.ledger.refresh(p.ctx); err != nil {
			return Mark{}, err
		}
	}
	switch {
	case p.ledger.IsMarkOf(found):
		return found, nil
	case p.pulled:
		return Mark{}, p.ledger.CheckMark(found)
	}
	return Mark{}, nil
}

// computationAt returns the computation id of the newest date that the records up to a number
// settled. It depends on those of all dates before.
func (l *Ledger) computationAt(seq int64) string {
	newest, id := settlement.NoDate, ""
	for i := range l.records[:seq] {
		l.settledBy(i, func(date settlement.Date, computation string) {
			if date >= newest {
				newest, id = date, computation
			}
		})
	}
	return id
}

// sum returns the SHA-256 of what lies under a key.
func (p *projection) sum(ctx context.Context, key string) (string, error) {
	reader, _, err := p.bucket.Open(ctx, key, "")
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
		err = advised(p.bucket.Replace(p.ctx, key, bytes.NewReader(text)))
	}
	if err != nil {
		err = fmt.Errorf("project the %s: %w", p.what, err)
	}
	return err
}

// date projects every folder of a settled date.
func (p *projection) date(date settlement.Date) error {
	if err := p.ledger.readDate(p.ctx, date); err != nil {
		return err
	}
	settled, _ := p.ledger.Settled(date)
	var superseded, inForce []folder
	all := p.ledger.versionsByMerchant(date)
	for i := range settled.Statements {
		merchant := settled.Statements[i].Merchant
		versions := all[merchant]
		var earlier []FileRecord
		for _, version := range versions[:len(versions)-1] {
			superseded = append(superseded, folder{VersionFolder(merchant, date, version.Version), version.Files, nil})
			earlier = append(earlier, version.Files...)
		}
		inForce = append(inForce, folder{StatementFolder(merchant, date), settled.Statements[i].Files, earlier})
	}
	inForce = append(inForce, folder{AllianceFolder(date), settled.Alliance.Files, p.allianceFiles(date)})
	if err := p.folders(superseded); err != nil {
		return err
	}
	return p.folders(inForce)
}

// allianceFiles returns the operator's files of every record of a date.
func (p *projection) allianceFiles(date settlement.Date) []FileRecord {
	var files []FileRecord
	p.ledger.eachOf(date, func(settled *DateRecord, _ *Record) { files = append(files, settled.Alliance.Files...) })
	return files
}

// A folder of the projection holds files; earlier are those that it may hold from earlier
// versions.
type folder struct {
	key            string
	files, earlier []FileRecord
}

// foldersAtOnce is how many folders are looked at, or written, at a time, and largeFoldersAtOnce how
// many with a file of more than largeBytes. They wait for the store, not for a processor; only the large
// ones need memory. After foldersPerLook the log is asked for newer records; tests that count calls do so after each.
// filesAtOnce is how many files of a folder are open at a time.
const (
	foldersAtOnce      = 64
	foldersPerLook     = 256
	filesAtOnce        = 16
	largeFoldersAtOnce = 16
	largeBytes         = 1 << 20
)

// folders makes each folder hold its files, unless it does. Before every few folders the log is
// asked for newer records.
func (p *projection) folders(all []folder) error {
	for some := range slices.Chunk(all, p.ledger.foldersPerLook) {
		unfinished := make([]bool, len(some))
		err := p.together(some, func(ctx context.Context, i int) (err error) {
			finished, err := p.finished(ctx, &some[i])
			unfinished[i] = !finished
			return err
		})
		if err != nil {
			return err
		}
		if !slices.Contains(unfinished, true) {
			continue
		}
		if err := p.checkNewer(); err != nil {
			return err
		}
		var unwritten []folder
		for i := range some {
			if unfinished[i] {
				unwritten = append(unwritten, some[i])
			}
		}
		if unwritten, err = p.writeTogether(unwritten); err != nil {
			return err
		}
		err = p.together(unwritten, func(ctx context.Context, i int) error { return p.leave(p.write(ctx, &unwritten[i])) })
		if err != nil {
			return err
		}
	}
	return nil
}

// together calls work for every folder at the same time and returns the first error.
func (p *projection) together(folders []folder, work func(ctx context.Context, i int) error) error {
	if len(folders) == 1 {
		return work(p.ctx, 0)
	}
	group, ctx := errgroup.WithContext(p.ctx)
	group.SetLimit(foldersAtOnce)
	large := make(chan struct{}, largeFoldersAtOnce)
	for i := range folders {
		group.Go(func() error {
			if folders[i].isLarge() {
				large <- struct{}{}
				defer func() { <-large }()
			}
			return work(ctx, i)
		})
	}
	return group.Wait()
}

// bytes returns how large all files are together.
func (f *folder) bytes() (sum int64) {
	for _, file := range f.files {
		sum += file.Bytes
	}
	return sum
}

func (f *folder) isLarge() bool {
	return slices.ContainsFunc(f.files, func(file FileRecord) bool { return file.Bytes > largeBytes })
}

// write writes the files of a folder, those of earlier versions away, and its last file last.
func (p *projection) write(ctx context.Context, folder *folder) error {
	others, last := p.inOrder(folder.files)
	for some := range slices.Chunk(others, filesAtOnce) {
		if err := p.copy(ctx, folder.key, some); err != nil {
			return err
		}
	}
	if err := p.removeEarlier(ctx, folder); err != nil {
		return err
	}
	if err := p.copy(ctx, folder.key, last); err != nil {
		return err
	}
	crash.At(crash.FolderFinished)
	return nil
}

// removeEarlier removes the files of earlier versions that a folder has no more.
func (p *projection) removeEarlier(ctx context.Context, folder *folder) error {
	for _, name := range folder.gone() {
		if err := p.bucket.Delete(ctx, folder.key+"/"+name); err != nil {
			return err
		}
		crash.At(crash.FileRemoved)
	}
	return nil
}

// gone are the names of files that only earlier versions have, each once.
func (f *folder) gone() (names []string) {
	seen := make(map[string]bool)
	for _, file := range f.files {
		seen[file.Name] = true
	}
	for _, file := range f.earlier {
		if !seen[file.Name] {
			names = append(names, file.Name)
		}
		seen[file.Name] = true
	}
	return names
}

// inOrder returns the files that are written first and the one that is written last.
func (p *projection) inOrder(files []FileRecord) (others, last []FileRecord) {
	for _, file := range files {
		if file.Name == p.last {
			last = append(last, file)
		} else {
			others = append(others, file)
		}
	}
	return others, last
}

// finished reports whether the folder's last file, and on a deep look every file, is as on record.
// Of what this process has just put on record, nobody has published anything yet.
func (p *projection) finished(ctx context.Context, folder *folder) (bool, error) {
	if !p.deep && slices.ContainsFunc(folder.files, func(file FileRecord) bool {
		return file.Name == p.last && p.ledger.kept.has(p.ledger.currentPlace(file))
	}) {
		return false, nil
	}
	kept := make(map[string]bool)
	for _, file := range folder.files {
		kept[file.Name] = true
		if file.Name != p.last && !p.deep {
			continue
		}
		sum, err := p.sum(ctx, folder.key+"/"+file.Name)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrIrregular) {
			return false, nil
		}
		if err != nil || sum != p.ledger.Current(file).SHA256 {
			return false, err
		}
	}
	if !p.deep {
		return true, nil
	}
	objects, err := p.bucket.List(ctx, folder.key+"/")
	if errors.Is(err, storage.ErrIrregular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, file := range folder.earlier {
		gone := func(object storage.Object) bool { return object.Key == folder.key+"/"+file.Name }
		if !kept[file.Name] && slices.ContainsFunc(objects, gone) {
			return false, nil
		}
	}
	return true, nil
}

// copy writes some files of a folder.
func (p *projection) copy(ctx context.Context, folder string, files []FileRecord) (err error) {
	objects := make([]storage.Named, len(files))
	bodies := make([]*objectBody, len(files))
	for i, file := range files {
		bodies[i] = p.body(ctx, file)
		objects[i] = storage.Named{Name: file.Name, Body: bodies[i]}
	}
	err = storage.ReplaceAll(ctx, p.bucket, folder, objects)
	for _, body := range bodies {
		err = errors.Join(err, body.Close())
		if err == nil {
			p.copied(body)
		}
	}
	return err
}

// body returns what is to be copied of a file.
func (p *projection) body(ctx context.Context, file FileRecord) *objectBody {
	return &objectBody{ctx: ctx, ledger: p.ledger, kept: p.ledger.kept, packs: p.packs, file: p.ledger.Current(file)}
}

// copied gives up what was kept of a file that is published.
func (p *projection) copied(body *objectBody) {
	p.ledger.kept.remove(body.file.place())
	if body.file.Name != p.last {
		crash.At(crash.FileProjected)
	}
}
