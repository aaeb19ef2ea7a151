package batch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/sections"
	"alliance/settlement/spool"
	"alliance/settlement/storage"
)

// An AccountState is the accounts on record at one time: by partition of members, a stack of runs.
// The zero AccountState has no accounts.
type AccountState struct {
	stacks [][]stateRun
	// after is the date whose closing it is, or NoDate.
	after settlement.Date
}

// A stateRun is one run, of accounts or ids, on record or still in the pool.
type stateRun struct {
	// object is what goes on record; its Object is "" while the run is not stored, and so is its SHA256 until it is
	// asked for: see [stateRun.sum]. Of ids that are gathered it says no more than whose they are until that was done once.
	object books.StateObject
	blob   pooled
	// gathering has the run if it is one of ids that is put together when it is wanted.
	gathering *idGathering
	// ledger has the run if it is on record.
	ledger *books.Ledger
}

// pooled is a run in the pool.
type pooled interface {
	io.ReaderAt
	Size() int64
	NewReader() io.ReadSeeker
	Release()
}

// content returns what a run is read from: for parts of it, or, if nearly all of it is going to be
// read, in one piece. It has to be closed.
func (r *stateRun) content(ctx context.Context, whole bool) (storage.ReadAtCloser, error) {
	if r.blob != nil {
		return nothingToClose{r.blob}, nil
	}
	if r.gathering != nil {
		blob, err := r.gathering.inOnePiece(ctx)
		r.learn()
		return nothingToClose{blob}, err
	}
	if !whole {
		return r.ledger.ReaderAt(ctx, r.object.FileRecord), nil
	}
	content, err := r.ledger.Read(ctx, r.object.FileRecord)
	return sections.InMemory(content), err
}

// settledOn returns when the rows of a run of ids were settled, NoDate if they wait.
func (r *stateRun) settledOn() (settlement.Date, error) {
	if r.object.Role == books.WaitingIDs {
		return settlement.NoDate, nil
	}
	date, err := settlement.ParseDate(r.object.Night)
	if err != nil {
		return date, fmt.Errorf("%w: %s: the night that wrote it: %w", books.ErrBroken, r.object.Object, err)
	}
	return date, nil
}

// body returns a run that is not on record as what is stored. It has to be closed.
func (r *stateRun) body(ctx context.Context) readSeekCloser {
	if r.gathering != nil {
		return r.gathering.body(ctx)
	}
	return nothingToEnd{r.blob.NewReader()}
}

// learn fills in what is known of ids once they were gathered.
func (r *stateRun) learn() {
	if r.gathering == nil {
		return
	}
	if found := r.gathering.found.Load(); found != nil {
		r.object.Bytes, r.object.Rows, r.object.IndexSHA256 = found.Bytes, found.IDs, found.IndexSHA256
	}
}

// sum returns the run's SHA-256, in hex. That of one that is not on record is reckoned when it is asked for: nearly
// always it is stored first, which tells it without reading the run once more.
func (r *stateRun) sum(ctx context.Context) (string, error) {
	if r.object.SHA256 == "" {
		hash, body := sha256.New(), r.body(ctx)
		_, err := io.Copy(hash, body)
		body.Close()
		if err != nil {
			return "", fmt.Errorf("sum up a run of %s: %w", r.object.Role, err)
		}
		r.object.SHA256 = hex.EncodeToString(hash.Sum(nil))
		r.learn()
	}
	return r.object.SHA256, nil
}

// moveTo makes a ledger what the run is read from, and gives back its place in the pool.
func (r *stateRun) moveTo(ledger *books.Ledger) {
	r.giveBack()
	r.ledger = ledger
}

// giveBack gives back the run's place in the pool, if it has one. Nobody reads it there again.
func (r *stateRun) giveBack() {
	if r.gathering != nil {
		r.gathering.releaseAll()
	}
	if r.blob != nil {
		r.blob.Release()
	}
	r.gathering, r.blob = nil, nil
}

// giveBack gives back what the runs have in the pool, but for those that a later state has, too.
func (s *AccountState) giveBack(later *AccountState) {
	needed := make(map[pooled]bool)
	for _, stack := range later.stacks {
		for i := range stack {
			if stack[i].blob != nil {
				needed[stack[i].blob] = true
			}
		}
	}
	for _, stack := range s.stacks {
		for i := range stack {
			if !needed[stack[i].blob] {
				stack[i].giveBack()
			}
		}
	}
}

type nothingToClose struct{ io.ReaderAt }

func (nothingToClose) Close() error { return nil }

// partitions is the number of partitions, a power of two.
func (s *AccountState) partitions() int { return max(1, len(s.stacks)) }

// runs returns the runs of a partition.
func (s *AccountState) runs(partition int) []stateRun {
	if len(s.stacks) == 0 {
		return nil
	}
	return s.stacks[partition]
}

// entries returns how many accounts the runs have, those counted again that newer runs have overtaken.
func (s *AccountState) entries() (count int64) {
	for _, runs := range s.stacks {
		for i := range runs {
			count += runs[i].object.Rows
		}
	}
	return count
}

// An openedStack is a stack that has to be closed.
type openedStack struct {
	accounts.Stack
	contents []storage.ReadAtCloser
}

func (s *openedStack) close() {
	for _, content := range s.contents {
		content.Close()
	}
}

// openStack opens runs under a register, to read parts of them, or nearly everything.
func openStack(ctx context.Context, runs []stateRun, parties settlement.Parties, whole bool) (*openedStack, error) {
	stack := &openedStack{}
	for i := range runs {
		run := &runs[i]
		content, err := run.content(ctx, whole)
		if err != nil {
			stack.close()
			return nil, err
		}
		stack.contents = append(stack.contents, content)
		opened, err := accounts.Open(content, run.object.Bytes, parties)
		if err == nil && opened.Facts().IndexSHA256 != run.object.IndexSHA256 {
			err = fmt.Errorf("%w: its index has SHA-256 %s, on record is %s", books.ErrBroken, opened.Facts().IndexSHA256, run.object.IndexSHA256)
		}
		if err != nil {
			stack.close()
			return nil, broken(fmt.Errorf("%s: %w", cmp.Or(run.object.Object, run.object.Name), err))
		}
		stack.Stack = append(stack.Stack, opened)
	}
	return stack, nil
}

// broken says that the ledger is damaged if what was read of the state is not what is on record. Else, as for want of a party or
// of the store, it returns the error as it is.
func broken(err error) error {
	if errors.Is(err, sections.ErrDamaged) && !errors.Is(err, books.ErrBroken) {
		return fmt.Errorf("%w: %w", books.ErrBroken, err)
	}
	return err
}

// All visits every account, a partition after the other, in byte order of member within each. The
// account is valid during the call only.
func (s *AccountState) All(ctx context.Context, parties settlement.Parties, visit func(*settlement.Account) error) error {
	return s.visit(ctx, parties, true, func(stack accounts.Stack, arena *accounts.Arena, visit func(*settlement.Account, settlement.Date) error) error {
		return stack.All(arena, visit)
	}, visit)
}

// Due visits every account that has to be looked at on a date or before, whoever has rows.
func (s *AccountState) Due(ctx context.Context, parties settlement.Parties, date settlement.Date, visit func(*settlement.Account) error) error {
	return s.visit(ctx, parties, false, func(stack accounts.Stack, arena *accounts.Arena, visit func(*settlement.Account, settlement.Date) error) error {
		return stack.Select(nil, date, arena, visit)
	}, visit)
}

func (s *AccountState) visit(ctx context.Context, parties settlement.Parties, whole bool,
	each func(accounts.Stack, *accounts.Arena, func(*settlement.Account, settlement.Date) error) error, visit func(*settlement.Account) error) error {
	var arena accounts.Arena
	for _, runs := range s.stacks {
		stack, err := openStack(ctx, runs, parties, whole)
		if err != nil {
			return err
		}
		err = each(stack.Stack, &arena, func(account *settlement.Account, _ settlement.Date) error {
			defer arena.Reset()
			return visit(account)
		})
		stack.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Account returns a member's account, nil if there is none.
func (s *AccountState) Account(ctx context.Context, parties settlement.Parties, member string) (found *settlement.Account, err error) {
	stack, err := openStack(ctx, s.runs(partitionOf(member, s.partitions())), parties, false)
	if err != nil {
		return nil, err
	}
	defer stack.close()
	err = stack.Select([]string{member}, settlement.NoDate, new(accounts.Arena), func(account *settlement.Account, _ settlement.Date) error {
		if account.Member == member {
			one := *account
			found = &one
		}
		return nil
	})
	return found, err
}

// RecordedAccounts returns the accounts of a state on record.
func RecordedAccounts(ledger *books.Ledger, state *books.StateRecord, after settlement.Date) AccountState {
	found := AccountState{after: after}
	objects := ledger.CurrentState(state).Of(books.Accounts)
	if len(objects) == 0 && state.Partitions <= 1 {
		return found
	}
	found.stacks = make([][]stateRun, max(1, state.Partitions))
	for _, object := range objects {
		run := stateRun{object: object, ledger: ledger}
		found.stacks[object.Partition] = append(found.stacks[object.Partition], run)
	}
	return found
}

// A runWriter writes a run into the pool, where it stays only if there is room for it.
type runWriter struct {
	*accounts.Writer
	blob *spool.Blob
}

func newRunWriter(pool *spool.Pool, parties settlement.Parties) *runWriter {
	w := &runWriter{blob: pool.NewBriefBlob()}
	w.Writer = accounts.NewWriter(w.blob, parties)
	return w
}

// finish closes the run. It has no entries if entries is 0; then nothing of it is wanted.
func (w *runWriter) finish(partition int) (run stateRun, entries int64, err error) {
	facts, err := w.Close()
	if err != nil {
		return run, 0, err
	}
	if err := w.blob.Close(); err != nil {
		return run, 0, err
	}
	run.blob = w.blob
	run.object = books.StateObject{Role: books.Accounts, Partition: partition, FileRecord: books.FileRecord{
		Bytes: w.blob.Size(), Rows: facts.Accounts, IndexSHA256: facts.IndexSHA256}}
	return run, facts.Accounts + facts.Removed, nil
}

// membersPerPartition and statePartitionRows are about how many accounts, and rows of a night, a partition of
// the state has before there are more partitions.
const (
	membersPerPartition = 1 << 16
	statePartitionRows  = 1 << 18
	mostStatePartitions = 1 << 14
)

// statePartitions returns into how many partitions the accounts after a night go. It depends on the
// inputs alone, and never becomes less.
func statePartitions(opening *AccountState, rows int64) int {
	partitions, entries := opening.partitions(), opening.entries()
	for partitions < mostStatePartitions && (int64(partitions)*membersPerPartition < entries || int64(partitions)*statePartitionRows < rows) {
		partitions *= 2
	}
	return partitions
}

// dueAfter returns the first date after one on which an account has to be looked at although its member
// has no rows. Claims are tried every night. Rows that wait are looked at every night too, so that the
// ids that wait are known from the accounts of one night.
func dueAfter(account *settlement.Account, date settlement.Date) settlement.Date {
	if len(account.Deferred) > 0 {
		return date + 1
	}
	for i := range account.Redemptions {
		if account.Redemptions[i].OpenClaim > 0 {
			return date + 1
		}
	}
	due := settlement.Never
	for i := range account.Lots {
		if account.Lots[i].Open > 0 {
			due = min(due, account.Lots[i].ExpiresOn)
		}
	}
	return due
}

// asRulebookError tells a register that lacks somebody from a ledger that cannot be read.
func asRulebookError(err error) error {
	if errors.Is(err, books.ErrUnknownParty) || errors.Is(err, accounts.ErrUnknownParty) {
		return &RulebookError{[]string{err.Error() + "; a party with lots, a balance or redemptions that can still be reversed cannot be dropped, give it a `left` date instead"}}
	}
	return err
}

// readRuns reads an object that holds members by itself, with the parties that it names: the run of accounts that it is, or those
// that were put away, by number, nil where there is none.
func readRuns(ctx context.Context, ledger *books.Ledger, object books.StateObject) ([]*accounts.Run, settlement.Parties, error) {
	if object.Role != books.PutAway {
		run, parties, err := readRun(ctx, ledger, object.FileRecord)
		return []*accounts.Run{run}, parties, err
	}
	content, err := ledger.Read(ctx, object.FileRecord)
	if err != nil {
		return nil, settlement.Parties{}, err
	}
	bundle, err := accounts.OpenBundle(sections.InMemory(content), object.Bytes)
	if err != nil {
		return nil, settlement.Parties{}, &contentError{fmt.Errorf("%s: %w", object.Object, err)}
	}
	parties, err := bundle.NamedParties()
	runs := make([]*accounts.Run, bundle.Runs())
	for i := 0; i < len(runs) && err == nil; i++ {
		runs[i], err = bundle.Open(i, parties)
	}
	if err != nil {
		return nil, parties, &contentError{fmt.Errorf("%s: %w", object.Object, err)}
	}
	return runs, parties, nil
}

// readRun reads a run on record by itself, with the parties that it names.
func readRun(ctx context.Context, ledger *books.Ledger, file books.FileRecord) (*accounts.Run, settlement.Parties, error) {
	content, err := ledger.Read(ctx, file)
	if err != nil {
		return nil, settlement.Parties{}, err
	}
	parties, err := accounts.NamedParties(bytes.NewReader(content), file.Bytes)
	if err != nil {
		return nil, parties, &contentError{fmt.Errorf("%s: %w", file.Object, err)}
	}
	run, err := accounts.Open(bytes.NewReader(content), file.Bytes, parties)
	if err != nil {
		return nil, parties, &contentError{fmt.Errorf("%s: %w", file.Object, err)}
	}
	return run, parties, nil
}
