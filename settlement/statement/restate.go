package statement

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"alliance/settlement"
)

// A Change is what a restatement changed in the numbers of a merchant's statement.
type Change struct {
	// Lines is how many lines differ: those of [ChangesFile], or all of a statement that is new.
	Lines int64
	// Receivable and Payable are the day's, Due what is to be paid at the close of the cycle.
	Receivable, Payable, Due Moved
}

// A Moved amount was one and is another.
type Moved struct{ Was, Is decimal.Decimal }

// Difference returns what was added.
func (m Moved) Difference() decimal.Decimal { return m.Is.Sub(m.Was) }

// An edition is the version of a folder that is on record.
type edition struct {
	manifest Manifest
	open     Opener
}

// newEdition reads the tables that are looked at first, and are small, ahead of that: folders are
// compared one after the other.
func newEdition(manifest Manifest, open Opener) (*edition, error) {
	ahead := make(map[string][]byte)
	for _, entry := range manifest.Files {
		if entry.Name != summaryTable.file && entry.Name != statementTable.file {
			continue
		}
		body, err := open(entry.Name)
		if err != nil {
			return nil, fmt.Errorf("opening %s of the version on record: %w", entry.Name, err)
		}
		ahead[entry.Name] = body
	}
	return &edition{manifest, func(name string) ([]byte, error) {
		if body, found := ahead[name]; found {
			return body, nil
		}
		return open(name)
	}}, nil
}

// readsAtOnce is how many folders on record are looked at at a time: they wait for the store.
const readsAtOnce = 16

// readEditions reads which version of every folder of a night is on record.
func readEditions(night *settlement.Night, options *Options) (map[string]*edition, error) {
	if options.Earlier == nil {
		return nil, nil
	}
	ids := []string{""}
	for i := range night.Statements {
		ids = append(ids, night.Parties.ID(night.Statements[i].Merchant))
	}
	found := make([]*edition, len(ids))
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for i, id := range ids {
		open := options.Earlier(id)
		if open == nil {
			continue
		}
		group.Go(func() error {
			manifest, err := ReadManifest(open)
			if err != nil {
				return fmt.Errorf("the version on record of the folder of %q for %s: %w", id, night.Date, err)
			}
			found[i], err = newEdition(manifest, open)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	editions := make(map[string]*edition, len(ids))
	for i, id := range ids {
		editions[id] = found[i]
	}
	return editions, nil
}

// numbered returns the night with the versions that its folders get if they say something else
// than those on record.
func numbered(night *settlement.Night, options *Options) *settlement.Night {
	if options.Earlier == nil {
		return night
	}
	renumbered := *night
	renumbered.Statements = slices.Clone(night.Statements)
	for i := range renumbered.Statements {
		head := &renumbered.Statements[i]
		head.Version, head.Supersedes = 1, 0
		if before := options.editions[night.Parties.ID(head.Merchant)]; before != nil {
			head.Version, head.Supersedes = before.manifest.Version+1, before.manifest.Version
		}
	}
	renumbered.AllianceVersion = 1
	if before := options.editions[""]; before != nil {
		renumbered.AllianceVersion = before.manifest.Version + 1
	}
	return &renumbered
}

// A withheld folder's files are kept until it is known whether they say anything new.
type withheld struct {
	bodies map[string][]byte
}

func (w *withheld) open(name string) ([]byte, error) {
	body, found := w.bodies[name]
	if !found {
		return nil, fmt.Errorf("%s was not written", name)
	}
	return body, nil
}

// settle compares a folder's encoded files with the version on record, and either marks it as
// unchanged or hands everything to the sink, with the changes.
func (w *withheld) settle(ctx context.Context, plan *folderPlan, folder *Folder, sink Sink) error {
	same := false
	if before := plan.earlier; before != nil {
		where, err := differenceOf(before.manifest.Files, entriesOf(folder), before.open, w.open)
		if err != nil {
			return fmt.Errorf("comparing with version %d on record: %w", before.manifest.Version, err)
		}
		same = where == ""
	}
	if same {
		folder.Unchanged, folder.Files = true, nil
		folder.Version, folder.Supersedes = plan.earlier.manifest.Version, 0
		folder.StatementNo = plan.earlier.manifest.StatementNo
		return nil
	}
	if err := w.addChanges(plan, folder); err != nil {
		return fmt.Errorf("%s: %w", ChangesFile, err)
	}
	for _, file := range folder.Files {
		if err := sink(ctx, folder.Path+"/"+file.Name, bytes.NewReader(w.bodies[file.Name])); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	return nil
}

func entriesOf(folder *Folder) []ManifestEntry {
	entries := make([]ManifestEntry, len(folder.Files))
	for i, file := range folder.Files {
		entries[i] = ManifestEntry{file.Name, file.SHA256, file.Rows}
	}
	return entries
}

// addChanges works out what is different on a merchant's statement, and adds changes.parquet to
// one that supersedes another.
func (w *withheld) addChanges(plan *folderPlan, folder *Folder) error {
	v := plan.view
	if v == nil {
		return nil
	}
	folder.Change = &Change{Receivable: Moved{Is: v.head.Receivable}, Payable: Moved{Is: v.head.Payable}, Due: Moved{Is: v.head.Position.Due}}
	if plan.earlier == nil {
		folder.Change.Lines = int64(len(v.places))
		return nil
	}
	if err := folder.Change.readWas(plan.earlier.open); err != nil {
		return err
	}
	before, err := plan.earlier.open(statementTable.file)
	if err != nil {
		return fmt.Errorf("opening %s of the version on record: %w", statementTable.file, err)
	}
	changes, err := LineChanges(before, w.bodies[statementTable.file], true)
	if err != nil {
		return err
	}
	if err := folder.Change.check(changes); err != nil {
		return err
	}
	folder.Change.Lines = int64(len(changes))
	encode := tableJob(changeTable, folder.Path, plan.options, func() ([]changeRow, error) { return v.changeRows(changes) },
		func() tallies { return v.tallyChanges(changes) })
	done, err := encode.run()
	if err != nil {
		return err
	}
	w.bodies[ChangesFile] = done.body
	folder.Files = append(folder.Files, describe(ChangesFile, done.body, done.rows))
	return nil
}

// readWas reads the amounts of the version on record.
func (c *Change) readWas(open Opener) error {
	body, err := open(summaryTable.file)
	if err != nil {
		return fmt.Errorf("opening %s of the version on record: %w", summaryTable.file, err)
	}
	read, err := readFrame(body, "receivable", "payable", "due")
	if err == nil && read.rows != 1 {
		err = fmt.Errorf("it has %d rows instead of one", read.rows)
	}
	if err != nil {
		return fmt.Errorf("%s of the version on record: %w", summaryTable.file, err)
	}
	for i, amount := range []*Moved{&c.Receivable, &c.Payable, &c.Due} {
		amount.Was = decimal.New(read.columns[i].numbers[0], -settlement.MoneyDecimals)
	}
	return nil
}

// check returns an error unless the changes of the lines come to that of the summaries.
func (c *Change) check(changes []LineChange) error {
	var sum decimal.Decimal
	for i := range changes {
		sum = sum.Add(changes[i].Is.Amount()).Sub(changes[i].Was.Amount())
	}
	if wanted := c.Receivable.Difference().Sub(c.Payable.Difference()); !sum.Equal(wanted) {
		return fmt.Errorf("the lines changed by %s, the summaries by %s", sum, wanted)
	}
	return nil
}
