package batch

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// The copies of what is on record lie in a place of their own, and are compared with the record. Another process may copy to it meanwhile, or have
// died on the way: what differs for that reason is not for anybody to mend or to remove.
type copies struct {
	where  string
	bucket storage.Bucket
	// readMark reads up to which record all is published; mark is what it said before anything else was looked at.
	readMark func(context.Context, storage.Bucket) (books.Mark, error)
	mark     books.Mark
	// pulled says that others rely on what was copied: it must be of this log.
	pulled bool
	// sums adds the SHA-256 of all that any record puts there of a date, by key.
	sums  func(ledger *books.Ledger, date settlement.Date, sums map[string][]string)
	found []difference
}

// A difference is something that is not as on record.
type difference struct {
	key string
	// of is what was found there, as far as it was read.
	of content
	// message says what to do if nobody is publishing.
	message string
}

// A content is what was found under a key.
type content struct {
	kind contentKind
	sum  string
}

type contentKind int

const (
	// unread is a file that no record in force names.
	unread contentKind = iota
	absent
	// changing is one that was written while it was read.
	changing
	irregular
	// summed has a sum that is not the one on record.
	summed
)

// begin reads how far everything is published.
func (p *copies) begin(ctx context.Context) (err error) {
	p.mark, err = p.readMark(ctx, p.bucket)
	return err
}

func (p *copies) differs(key string, of content, format string, arguments ...any) {
	p.found = append(p.found, difference{key, of, fmt.Sprintf(format, arguments...)})
}

// reportPublished says of all differences what they are: a fault, or what a process has not published yet.
func (v *verifier) reportPublished(ctx context.Context, p *copies) error {
	if len(p.found) == 0 && v.ledger.IsMarkOf(p.mark) {
		return nil
	}
	now, err := v.sinceThen(ctx, p)
	if err != nil {
		return err
	}
	if now.otherLog != nil {
		v.fault(p.where, settlement.NoDate, "%v", now.otherLog)
	}
	unfinished := make(map[settlement.Date][]string)
	for _, one := range p.found {
		date := dateOfKey(one.key)
		if now.explains(date, &one) {
			unfinished[date] = append(unfinished[date], one.key)
		} else {
			v.fault(p.where, date, "%s", one.message)
		}
	}
	for _, date := range slices.Sorted(maps.Keys(unfinished)) {
		keys := unfinished[date]
		message := fmt.Sprintf("%d files are not as on record, such as %s: %s", len(keys), keys[0], now.reason)
		if now.atWork {
			v.meanwhile(p.where, date, "%s", message)
		} else {
			v.fault(p.where, date, "%s", message)
		}
	}
	return nil
}

// A publishing is what is known of a process that publishes, or of one that died while it did.
type publishing struct {
	// atWork says that something was put on record, or published, since the verification began; reason says what.
	atWork bool
	reason string
	// otherLog, if not nil, says that what is published is of another log than the one that was read.
	otherLog error
	// sums are of what may lie there meanwhile: of the dates that are not all published, what any record says, by key.
	sums map[settlement.Date]map[string][]string
}

// sinceThen finds out which dates were not all published when this began to look, with what was put on record until now.
func (v *verifier) sinceThen(ctx context.Context, p *copies) (*publishing, error) {
	ledger, head := v.ledger, v.report.Head.Sequence
	newer, err := ledger.Newer(ctx)
	if err != nil {
		return nil, err
	}
	if newer > 0 {
		if ledger, err = books.Open(ctx, v.job.Ledger); err != nil {
			return nil, err
		}
	}
	after, err := p.readMark(ctx, p.bucket)
	if err != nil {
		return nil, err
	}
	through := int64(0)
	if ledger.IsMarkOf(p.mark) {
		through = min(p.mark.Seq, head)
	}
	now := &publishing{sums: make(map[settlement.Date]map[string][]string)}
	if p.pulled {
		now.otherLog = ledger.CheckMark(p.mark)
	}
	switch {
	case now.otherLog != nil:
		now.reason = books.ErrOtherLog.Error()
	case newer > 0:
		now.atWork, now.reason = true, fmt.Sprintf("record %d was written while this looked; verify again", newer)
	case after != p.mark:
		now.atWork, now.reason = true, "a run published while this looked; verify again"
	default:
		now.reason = fmt.Sprintf("record %d is not all published yet, by a run that is at work or one that died; if none is at work, the next run or settle repair finishes it", through+1)
	}
	for _, date := range ledger.SettledAfter(through) {
		now.sums[date] = make(map[string][]string)
		p.sums(ledger, date, now.sums[date])
	}
	return now, nil
}

// explains reports whether a difference is what publishing leaves until it is finished: something that is missing, or what another record says. What
// was published from another log may be anything.
func (n *publishing) explains(date settlement.Date, one *difference) bool {
	sums := n.sums[date][one.key]
	if n.otherLog != nil {
		return one.of.kind != irregular
	}
	switch one.of.kind {
	case absent, changing, unread:
		return len(sums) > 0
	case summed:
		return slices.Contains(sums, one.of.sum)
	}
	return false
}

// statementSums adds the SHA-256 of all that any record publishes of a date in the statements.
func statementSums(ledger *books.Ledger, date settlement.Date, sums map[string][]string) {
	eachRecordOf(ledger, date, func(settled *books.DateRecord) {
		for _, statement := range settled.Statements {
			addSums(sums, books.StatementFolder(statement.Merchant, date), statement.Files)
			addSums(sums, books.VersionFolder(statement.Merchant, date, statement.Version), statement.Files)
		}
		addSums(sums, books.AllianceFolder(date), settled.Alliance.Files)
	})
}

// acknowledgementSums adds the SHA-256 of all that any record tells merchants of a date, also of what it was before a member was forgotten.
func acknowledgementSums(ledger *books.Ledger, date settlement.Date, sums map[string][]string) {
	eachRecordOf(ledger, date, func(settled *books.DateRecord) {
		for _, acknowledgement := range settled.Acknowledgements {
			folder := books.StatementFolder(acknowledgement.Merchant, date)
			addSums(sums, folder, acknowledgement.Files)
			for _, file := range acknowledgement.Files {
				addSums(sums, folder, []books.FileRecord{ledger.Current(file)})
			}
		}
	})
}

func addSums(sums map[string][]string, folder string, files []books.FileRecord) {
	for _, file := range files {
		key := folder + "/" + file.Name
		sums[key] = append(sums[key], file.SHA256)
	}
}

// eachRecordOf visits what every record says of a date, in order.
func eachRecordOf(ledger *books.Ledger, date settlement.Date, visit func(*books.DateRecord)) {
	records := ledger.Records()
	for i := range records {
		for j := range records[i].Dates {
			if records[i].Dates[j].Date == date {
				visit(&records[i].Dates[j])
			}
		}
	}
}
