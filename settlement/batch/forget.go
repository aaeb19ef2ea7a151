package batch

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// A ForgetJob removes a person from everything that the ledger holds.
type ForgetJob struct {
	Ledger storage.Bucket
	// Member is the member's id; it goes nowhere but into a digest.
	Member string
	// Operator is who does it, as claimed; Reason why. Neither may hold the id.
	Operator, Reason string
	// Now is the clock for the log's record.
	Now func() time.Time
}

// A ForgetReport says what was forgotten.
type ForgetReport struct {
	// Found is false if nothing on record holds the member: then nothing was put on record.
	Found bool `json:"found"`
	// Pseudonym is the member's name from now on; if nothing was found, the one that it got when it was
	// forgotten last, in the record Before.
	Pseudonym string `json:"pseudonym,omitempty"`
	Before    int64  `json:"forgotten_before,omitempty"`
	// Objects is how many objects of the ledger were replaced by ones without the member.
	Objects int64 `json:"objects"`
	// Deleted is how many objects that held a forgotten member were deleted, of this one or of
	// one before; Attempts how many abandoned attempts, whose objects may hold it, are gone.
	Deleted  int64      `json:"deleted"`
	Attempts int64      `json:"attempts_removed"`
	Head     HeadReport `json:"head"`
}

// ForgetMember replaces a member's id by a pseudonym in every state on record, puts that on
// record and deletes what held the id: see the package's documentation. It may be repeated, and
// finishes what one before left undone. Errors: [RefusedError], those that wrap [books.ErrLost]
// and [books.ErrUnknown], and those of the store.
func ForgetMember(ctx context.Context, job ForgetJob) (report ForgetReport, err error) {
	if job.Member == "" {
		return report, refuse("no member to forget was named")
	}
	if names(job.Reason, job.Member) || names(job.Operator, job.Member) {
		return report, refuse("the reason or the operator contains the member's id, and the log keeps both for ever; name the request's number instead")
	}
	ledger, err := books.Open(ctx, job.Ledger)
	if err != nil {
		return report, err
	}
	defer func() { report.Head.Sequence, report.Head.SHA256 = ledger.Head() }()
	if head, _ := ledger.Head(); head == 0 {
		return report, refuse("nothing is on record in this ledger, so nobody was forgotten; is it the right one?")
	}
	forgetting := &forgetting{job: &job, ledger: ledger}
	if err := forgetting.find(ctx); err != nil {
		return report, err
	}
	if len(forgetting.objects)+len(forgetting.rejected) > 0 {
		if err := forgetting.commit(ctx, &report); err != nil {
			return report, err
		}
	}
	if !report.Found {
		report.recall(ledger, job.Member)
	}
	if err := report.cleanUp(ctx, ledger); err != nil {
		if report.Found {
			return report, &CommittedError{report.Head.Sequence, fmt.Errorf("but objects that hold the member are left; run again to remove them: %w", err)}
		}
		return report, err
	}
	return report, nil
}

// recall says whether a member that nothing holds was forgotten before.
func (r *ForgetReport) recall(ledger *books.Ledger, member string) {
	for _, record := range ledger.Records() {
		if one := record.Forgotten; one != nil && one.MemberDigest == books.MemberDigest(record.Attempt, member) {
			r.Pseudonym, r.Before = printablePseudonym(one.Pseudonym), record.Seq
		}
	}
}

// cleanUp deletes what still holds forgotten members.
func (r *ForgetReport) cleanUp(ctx context.Context, ledger *books.Ledger) error {
	r.Head.Sequence, r.Head.SHA256 = ledger.Head()
	deleted, err := ledger.RemoveReplaced(ctx)
	r.Deleted = int64(len(deleted))
	if err != nil {
		return err
	}
	attempts, err := ledger.CleanUp(ctx)
	r.Attempts = int64(len(attempts))
	if err != nil {
		return err
	}
	_, err = ledger.Sweep(ctx, attempts)
	return err
}

// A forgetting is under way.
type forgetting struct {
	job     *ForgetJob
	ledger  *books.Ledger
	objects []books.StateObject
	// rejected are rejected rows that name the member, with the acknowledgements that go with them.
	rejected []rewriting
	// partitions are all numbers of partitions that the ledger's states have.
	partitions map[int]bool
}

// find gathers the objects that hold the member.
func (f *forgetting) find(ctx context.Context) error {
	f.partitions = make(map[int]bool)
	for _, record := range f.ledger.Records() {
		if record.Opening != nil {
			f.partitions[max(1, record.Opening.Partitions)] = true
		}
		for i := range record.Dates {
			f.partitions[max(1, record.Dates[i].State.Partitions)] = true
		}
	}
	for _, object := range f.ledger.MemberObjects() {
		found, err := f.holds(ctx, object)
		if err != nil {
			return err
		}
		if found {
			f.objects = append(f.objects, object)
		}
	}
	return f.findRejected(ctx)
}

// holds reports whether an object names the member.
func (f *forgetting) holds(ctx context.Context, object books.StateObject) (found bool, err error) {
	runs, _, err := readRuns(ctx, f.ledger, object)
	if err != nil {
		return false, err
	}
	var arena accounts.Arena
	for _, run := range runs {
		if run == nil || found {
			continue
		}
		err = run.Entries(&arena, func(member string, account *settlement.Account, _ settlement.Date) error {
			defer arena.Reset()
			found = found || member == f.job.Member || account != nil && slices.ContainsFunc(account.Deferred, func(row settlement.Transaction) bool {
				return row.Member == f.job.Member
			})
			return nil
		})
		if err != nil {
			return false, fmt.Errorf("%s: %w", object.Object, err)
		}
	}
	return found, nil
}

// pseudonym returns a name that nobody has and that lies in the member's partition whatever the
// number of partitions is: so the objects of the other partitions stay as they are.
func (f *forgetting) pseudonym(record int64) string {
	for try := 0; ; try++ {
		name := fmt.Sprintf("\x01forgotten-%d-%d", record, try)
		same := true
		for partitions := range f.partitions {
			same = same && partitionOf(name, partitions) == partitionOf(f.job.Member, partitions)
		}
		if same {
			return name
		}
	}
}

// commit writes the substitutes and puts them on record.
func (f *forgetting) commit(ctx context.Context, report *ForgetReport) error {
	attempt, err := f.ledger.Begin(ctx)
	if err != nil {
		return err
	}
	head, _ := f.ledger.Head()
	forgotten := &books.Forgotten{Pseudonym: f.pseudonym(head + 1), MemberDigest: books.MemberDigest(attempt.ID(), f.job.Member)}
	if last, settled := f.ledger.LastSettled(); settled {
		forgotten.Through = last.String()
	}
	for at, object := range f.objects {
		substitute, err := f.substitute(ctx, attempt, at, object, forgotten.Pseudonym)
		if err != nil {
			return err
		}
		forgotten.Substitutes = append(forgotten.Substitutes, books.Substitute{Object: object.Object, By: substitute})
	}
	for at, one := range f.rejected {
		stored, err := attempt.Create(ctx, fmt.Sprintf("acknowledgements/forgotten-%05d", at), bytes.NewReader(one.content))
		if err != nil {
			return err
		}
		stored.Rows = one.file.Rows
		forgotten.Substitutes = append(forgotten.Substitutes, books.Substitute{Object: one.file.Object, By: stored})
	}
	record := books.Record{Kind: books.Forget, Operator: f.job.Operator, Reason: f.job.Reason, Program: Program, Forgotten: forgotten}
	if f.job.Now != nil {
		record.Time = f.job.Now().UTC().Format(time.RFC3339)
	}
	if err := attempt.Commit(ctx, record); err != nil {
		return err
	}
	report.Found, report.Pseudonym, report.Objects = true, printablePseudonym(forgotten.Pseudonym), int64(len(forgotten.Substitutes))
	return nil
}

// An accountEntry is an entry of a run; account is nil if it says that the member's account is gone.
type accountEntry struct {
	member  string
	account *settlement.Account
	due     settlement.Date
}

// substitute stores an object with the member renamed.
func (f *forgetting) substitute(ctx context.Context, attempt *books.Attempt, at int, object books.StateObject, pseudonym string) (books.FileRecord, error) {
	runs, parties, err := readRuns(ctx, f.ledger, object)
	if err != nil {
		return books.FileRecord{}, err
	}
	var buffer bytes.Buffer
	facts := make([]accounts.Facts, len(runs))
	for i, run := range runs {
		if run == nil {
			continue
		}
		if facts[i], err = f.rewrite(&buffer, run, parties, pseudonym); err != nil {
			return books.FileRecord{}, fmt.Errorf("%s: %w", object.Object, err)
		}
	}
	index := facts[0].IndexSHA256
	if object.Role == books.PutAway {
		var directory []byte
		night, err := settlement.ParseDate(object.Night)
		if err != nil {
			return books.FileRecord{}, fmt.Errorf("%s: %w", object.Object, err)
		}
		directory, index = accounts.EncodeDirectory(night, object.Partition, facts)
		buffer.Write(directory)
	}
	stored, err := attempt.Create(ctx, fmt.Sprintf("state/forgotten-%05d.run", at), bytes.NewReader(buffer.Bytes()))
	stored.Rows, stored.IndexSHA256 = object.Rows, index
	return stored, err
}

// rewrite writes a run with the member renamed, in order of member again.
func (f *forgetting) rewrite(to io.Writer, run *accounts.Run, parties settlement.Parties, pseudonym string) (facts accounts.Facts, err error) {
	var entries []accountEntry
	err = run.Entries(new(accounts.Arena), func(member string, account *settlement.Account, due settlement.Date) error {
		entries = append(entries, f.renamed(member, account, due, pseudonym))
		return nil
	})
	if err != nil {
		return facts, err
	}
	slices.SortFunc(entries, func(a, b accountEntry) int { return cmp.Compare(a.member, b.member) })
	writer := accounts.NewWriter(to, parties)
	for _, entry := range entries {
		if entry.account == nil {
			err = writer.Remove(entry.member)
		} else {
			err = writer.Add(entry.account, entry.due)
		}
		if err != nil {
			return facts, err
		}
	}
	return writer.Close()
}

// renamed returns an entry with the member under another name.
func (f *forgetting) renamed(member string, account *settlement.Account, due settlement.Date, name string) accountEntry {
	entry := accountEntry{member, nil, due}
	if member == f.job.Member {
		entry.member = name
	}
	if account == nil {
		return entry
	}
	one := *account
	one.Member = entry.member
	for i := range one.Deferred {
		if one.Deferred[i].Member == f.job.Member {
			one.Deferred[i].Member = name
		}
	}
	entry.account = &one
	return entry
}

// names reports whether a text has the member's id in it, by itself and not as a part of a word.
func names(text, member string) bool {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	for at := 0; ; at++ {
		found := strings.Index(text[at:], member)
		if found < 0 {
			return false
		}
		at += found
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(member):])
		if !inWord(before) && !inWord(after) {
			return true
		}
	}
}

// printablePseudonym leaves out the character that keeps pseudonyms apart from members' ids.
func printablePseudonym(name string) string { return strings.TrimPrefix(name, "\x01") }

// nameOf returns what a row's member is called in the state: a pseudonym, if it was forgotten
// after the date was settled.
func (o *Opening) nameOf(member string) string {
	for _, pseudonym := range o.Pseudonyms {
		if name, found := pseudonym.Name(member); found {
			return name
		}
	}
	return member
}
