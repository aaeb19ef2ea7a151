package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/intake"
)

// A CheckJob is files of one merchant that a run has not seen yet.
type CheckJob struct {
	Rulebook *rules.Rulebook
	// Merchant is the merchant's id.
	Merchant string
	// Date is the settlement date to check for; [settlement.NoDate] for the business date of the
	// newest row up to Today, of the newest row if all are later, or Today if there is none.
	Date, Today settlement.Date
	// Files are paths on this machine. A control file beside them counts.
	Files []string
}

// A CheckReport says what a run would do with the files, as far as it can be known without the
// ledger: every check up to `issuer_required`, and ids that are there twice in the files.
type CheckReport struct {
	Merchant string          `json:"merchant_id"`
	Date     settlement.Date `json:"settlement_date"`
	// Newest is where the settlement date comes from; nil if it was given.
	Newest *CheckedPlace `json:"newest_row,omitempty"`
	// Files are in the order in which a run reads them: by name.
	Files []CheckedFile `json:"files"`
	// Rows are what would be rejected, or deferred as `future`, in order of file and row.
	Rows []CheckedRow `json:"rows"`
}

// A CheckedPlace is a row of a file.
type CheckedPlace struct {
	File string `json:"file"`
	Row  int64  `json:"row"`
}

// A CheckedFile is the verdict on one file.
type CheckedFile struct {
	File   string           `json:"file"`
	State  settlement.State `json:"state"`
	Bytes  int64            `json:"bytes"`
	SHA256 string           `json:"sha256,omitempty"`
	Rows   int64            `json:"rows"`
	// Good rows would be settled or wait for the ledger's word; Deferred are dated ahead.
	Good     int64 `json:"good"`
	Deferred int64 `json:"deferred"`
	Rejected int64 `json:"rejected"`
	// The points are those that a control file would state.
	IssuedPoints   int64         `json:"issued_points"`
	RedeemedPoints int64         `json:"redeemed_points"`
	Findings       []FileFinding `json:"findings,omitempty"`
}

// A FileFinding is something about a whole file.
type FileFinding struct {
	Code    string           `json:"code"`
	State   settlement.State `json:"state"`
	Column  string           `json:"column,omitempty"`
	Value   string           `json:"value,omitempty"`
	Message string           `json:"message"`
}

// A CheckedRow is a row that would not be settled tonight.
type CheckedRow struct {
	File          string           `json:"file"`
	Row           int64            `json:"row"`
	TransactionID string           `json:"transaction_id,omitempty"`
	Code          string           `json:"code"`
	State         settlement.State `json:"state"`
	Column        string           `json:"column,omitempty"`
	Value         string           `json:"value,omitempty"`
	Message       string           `json:"message"`
}

// Good reports whether nothing would be held or rejected.
func (r *CheckReport) Good() bool {
	held := func(file CheckedFile) bool { return file.State == settlement.Held }
	rejected := func(row CheckedRow) bool { return row.State == settlement.Rejected }
	return !slices.ContainsFunc(r.Files, held) && !slices.ContainsFunc(r.Rows, rejected)
}

// A CheckError says that files cannot be checked as they were named.
type CheckError struct{ Reason string }

func (e *CheckError) Error() string { return e.Reason }

// Check gives the verdicts of a run on some files, with the code that a run reads and checks
// them with. Errors: [CheckError] for what was asked, others for files that cannot be read.
func Check(ctx context.Context, job CheckJob) (report CheckReport, err error) {
	party := job.Rulebook.Parties.Find(job.Merchant)
	if party == settlement.NoParty || job.Rulebook.Merchant(party) == nil {
		return report, &CheckError{fmt.Sprintf("the rulebook has no merchant %q", job.Merchant)}
	}
	folders, err := openFolders(job.Merchant, job.Files)
	if err != nil {
		return report, err
	}
	c := &check{CheckJob: job, party: party, report: &report, paths: make(map[string]string)}
	report.Merchant, report.Rows = job.Merchant, []CheckedRow{}
	if c.Date == settlement.NoDate {
		if err := c.findDate(ctx, folders); err != nil {
			return report, err
		}
	}
	report.Date = c.Date
	c.validator = clearing.NewValidator(c.Rulebook, c.Date)
	for _, folder := range folders {
		if err := c.folder(ctx, folder); err != nil {
			return report, err
		}
	}
	c.conclude()
	return report, nil
}

// A check is under way.
type check struct {
	CheckJob
	party     settlement.Party
	validator *clearing.Validator
	// accepted are the rows of consumed files, rejections the others'.
	accepted   []settlement.Transaction
	rejections []settlement.Exception
	// paths are what the files are called on this machine, by key.
	paths  map[string]string
	report *CheckReport
}

// discover lists a folder as if it were delivered for a date.
func (c *check) discover(ctx context.Context, folder *checkFolder, date settlement.Date) (*intake.Listing, error) {
	folder.date = date
	window := intake.Window{Date: date, AcceptLateDays: c.Rulebook.Intake.AcceptLateDays}
	var merchants []intake.Merchant
	for _, merchant := range merchantsOn(c.Rulebook, date) {
		if merchant.Party == c.party {
			merchants = append(merchants, merchant)
		}
	}
	listing, err := intake.Discover(ctx, folder, c.Rulebook.Parties, merchants, window, intake.NewHistory())
	if err != nil {
		return nil, err
	}
	for i := range listing.Objects {
		object := &listing.Objects[i]
		object.Key = folder.key(object.Name)
		c.paths[object.Key] = folder.path(object.Name)
	}
	return listing, nil
}

// findDate takes the business date of the newest row that may have happened: one mistyped date must not
// make all others too late.
func (c *check) findDate(ctx context.Context, folders []*checkFolder) error {
	dates := clearing.NewValidator(c.Rulebook, c.Today)
	newest := settlement.NoDate
	isBetter := func(date settlement.Date) bool {
		if newest == settlement.NoDate || (date <= c.Today) != (newest <= c.Today) {
			return newest == settlement.NoDate || date <= c.Today
		}
		return date > newest
	}
	for _, folder := range folders {
		listing, err := c.discover(ctx, folder, c.Today)
		if err != nil {
			return err
		}
		for i := range listing.Objects {
			object := &listing.Objects[i]
			_, err := intake.Read(ctx, folder, object, func(record *settlement.Record) error {
				if date, ok := dates.BusinessDate(record); ok && isBetter(date) {
					newest = date
					c.report.Newest = &CheckedPlace{c.paths[object.Key], record.Row}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	c.Date = newest
	if newest == settlement.NoDate {
		c.Date = c.Today
	}
	return nil
}

// folder examines the files of a folder.
func (c *check) folder(ctx context.Context, folder *checkFolder) error {
	listing, err := c.discover(ctx, folder, c.Date)
	if err != nil {
		return err
	}
	for _, control := range listing.Controls {
		c.control(listing, control, folder)
	}
	computation := &Computation{Inbox: folder, Rulebook: c.Rulebook, Date: c.Date}
	for i := range listing.Objects {
		object := &listing.Objects[i]
		before := len(c.accepted)
		found, err := examine(ctx, computation, listing, intake.NewHistory(), c.validator, nil, object, &repeatedIDs{}, func(row *settlement.Transaction, _ settlement.Digest) error {
			c.accepted = append(c.accepted, *row)
			return nil
		})
		if err != nil {
			return err
		}
		facts := &found.facts
		file := CheckedFile{File: c.paths[object.Key], State: found.verdict.State, Bytes: object.Size, SHA256: facts.SHA256, Rows: facts.Rows,
			IssuedPoints: facts.IssuedPoints, RedeemedPoints: facts.RedeemedPoints}
		file.addFindings(found.verdict.Exceptions)
		c.report.Files = append(c.report.Files, file)
		if found.verdict.State != settlement.Consumed {
			c.accepted = c.accepted[:before]
		}
		c.rejections = append(c.rejections, found.rejected...)
	}
	return nil
}

func (f *CheckedFile) addFindings(exceptions []settlement.Exception) {
	for i := range exceptions {
		e := &exceptions[i]
		f.Findings = append(f.Findings, FileFinding{e.Code.String(), e.State, e.Column, e.Value, e.Message})
	}
}

// control gives the verdict on a control file.
func (c *check) control(listing *intake.Listing, control *intake.Control, folder *checkFolder) {
	verdict := listing.DecideControl(control)
	file := CheckedFile{File: folder.path(path.Base(control.Key)), State: verdict.State, Bytes: control.Size, SHA256: control.SHA256}
	file.addFindings(verdict.Exceptions)
	var absent []string
	for _, named := range control.Files {
		if !slices.ContainsFunc(listing.Objects, func(object intake.Object) bool { return object.Name == named.Name }) {
			absent = append(absent, named.Name)
		}
	}
	if len(absent) > 0 {
		file.Findings = append(file.Findings, FileFinding{State: settlement.Missing,
			Message: "it names files that were not given to be checked: " + strings.Join(absent, ", ") + "; without them the merchant counts as missing"})
	}
	c.report.Files = append(c.report.Files, file)
}

// conclude finds ids that are there twice, and counts.
func (c *check) conclude() {
	passed, repeated := clearing.Deduplicate(c.Date, c.Rulebook.Parties, c.Rulebook.Intake.DuplicateDays, c.accepted, nil)
	exceptions := append(c.rejections, ownNames(c.Rulebook, repeated)...)
	counts := make(map[string]*CheckedFile)
	for i := range c.report.Files {
		counts[c.report.Files[i].File] = &c.report.Files[i]
	}
	for i := range passed {
		row := &passed[i]
		file := counts[c.paths[row.Source.File]]
		if row.BusinessDate > c.Date {
			exceptions = append(exceptions, ownNames(c.Rulebook, []settlement.Exception{clearing.DeferredFuture(row)})...)
		} else {
			file.Good++
		}
	}
	slices.SortFunc(exceptions, func(a, b settlement.Exception) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
	})
	for i := range exceptions {
		e := &exceptions[i]
		row := CheckedRow{c.paths[e.File], e.Row, e.TransactionID, e.Code.String(), e.State, e.Column, e.Value, c.named(e.Message)}
		if e.State == settlement.Rejected {
			counts[row.File].Rejected++
		} else {
			counts[row.File].Deferred++
		}
		c.report.Rows = append(c.report.Rows, row)
	}
}

// named puts the files' own names in the place of their keys.
func (c *check) named(message string) string {
	if !strings.Contains(message, merchantFolder+c.Merchant+"/") {
		return message
	}
	// A key may be the beginning of another.
	keys := slices.SortedFunc(maps.Keys(c.paths), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, key := range keys {
		message = strings.ReplaceAll(message, key, c.paths[key])
	}
	return message
}

const merchantFolder = "merchant="

var errReadOnly = errors.New("files that are checked are not written to")
