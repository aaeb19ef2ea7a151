package batch

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"alliance/settlement"
	"alliance/settlement/clearing"
	"alliance/settlement/intake"
	"alliance/settlement/spool"
	"alliance/settlement/storage"

	"github.com/shopspring/decimal"
)

// read lists the inbox, reads what no date has consumed yet and decides about each file. The
// rows of consumed files are on their way to the partition of their member afterwards, and what decides about their ids to that of the id.
func (r *run) read(ctx context.Context) (err error) {
	r.stage(stageRead, 0)
	defer r.finish(stageRead)
	window := intake.Window{Date: r.Date, AcceptLateDays: r.Rulebook.Intake.AcceptLateDays}
	r.listing, err = intake.Discover(ctx, r.Inbox, r.Rulebook.Parties, merchantsOn(r.Rulebook, r.Date), window, r.opening.History)
	if err != nil {
		return err
	}
	r.exceptions = append(r.exceptions, r.listing.Exceptions...)
	if err := r.readAdjustments(ctx); err != nil {
		return err
	}
	r.complete = true
	if err := r.checkMissing(); err != nil {
		return err
	}
	r.readControls()
	if err := r.readObjects(ctx); err != nil {
		return err
	}
	slices.SortFunc(r.inputs, func(a, b settlement.Input) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), strings.Compare(a.Key, b.Key))
	})
	return nil
}

// readAdjustments reads what the alliance booked by hand. Its files are inputs of the alliance.
func (r *run) readAdjustments(ctx context.Context) error {
	adjustments, err := intake.ReadAdjustments(ctx, r.Inbox, r.Rulebook.Parties, r.Rulebook.Money, r.Date, r.opening.Adjustments)
	var faulty *intake.AdjustmentError
	if errors.As(err, &faulty) {
		return refuse("%s", faulty)
	}
	if err != nil {
		return err
	}
	if err := r.noticeFolders(ctx); err != nil {
		return err
	}
	r.adjustments = adjustments.List
	for _, input := range adjustments.Inputs {
		input.Merchant = r.Rulebook.Alliance
		r.inputs = append(r.inputs, input)
	}
	return nil
}

// noticeFolders reports folders of adjustments that no run would read, since their names are no dates.
func (r *run) noticeFolders(ctx context.Context) error {
	const adjustments = "alliance/adjustments/"
	names, err := r.Inbox.Folders(ctx, adjustments)
	if err != nil {
		return fmt.Errorf("list the adjustments: %w", err)
	}
	for _, name := range names {
		text, found := strings.CutPrefix(name, "date=")
		if _, err := settlement.ParseDate(text); found && err == nil {
			continue
		}
		r.exceptions = append(r.exceptions, settlement.Exception{
			Merchant: r.Rulebook.Alliance, File: adjustments + name + "/", Code: settlement.UnknownFolder, State: settlement.Noticed, Value: name,
			Message: "the folder's name is not date=YYYY-MM-DD, so its adjustments are not booked; rename it",
		})
	}
	return nil
}

// checkMissing notes the merchants that did not deliver, and refuses the night if it cannot do
// without one of them.
func (r *run) checkMissing() error {
	var ids, needed, named []string
	for _, delivery := range r.listing.Missing(r.Rulebook.Parties) {
		r.inputs = append(r.inputs, settlement.Input{Merchant: delivery.Merchant, State: settlement.Missing, Reason: delivery.Reason})
		r.complete = false
		id := r.Rulebook.Parties.ID(delivery.Merchant)
		ids = append(ids, id)
		named = append(named, id+" ("+delivery.Reason+")")
		if r.Rulebook.Merchant(delivery.Merchant).Required {
			needed = append(needed, id)
		}
	}
	if r.AllowMissing || len(ids) == 0 {
		return nil
	}
	all := strings.Join(named, ", ") + "; deliver, or run again with --allow-missing"
	if len(needed) > 0 {
		return &MissingError{ids, RefusedError{fmt.Sprintf("%s may not be missing on %s; missing: %s", strings.Join(needed, ", "), r.Date, all)}}
	}
	expected := 0
	for i := range r.listing.Merchants {
		if r.listing.Merchants[i].Expected {
			expected++
		}
	}
	share := r.Rulebook.Intake.MissingMaxShare
	if decimal.NewFromInt(int64(len(ids))).GreaterThan(share.Mul(decimal.NewFromInt(int64(max(expected, len(ids)))))) {
		return &MissingError{ids, RefusedError{fmt.Sprintf("%d of %d expected merchants are missing on %s, more than the share of %s that missing.max_share bears; missing: %s",
			len(ids), expected, r.Date, share, all)}}
	}
	return nil
}

func (r *run) readControls() {
	for _, control := range r.listing.Controls {
		verdict := r.listing.DecideControl(control)
		if verdict.State == settlement.Consumed && r.opening.History.Unchanged(control.Key, control.SHA256) {
			continue
		}
		r.inputs = append(r.inputs, verdict.ControlInput(control))
		r.exceptions = append(r.exceptions, verdict.Exceptions...)
		r.noteHeld(verdict.State, control.Date)
	}
}

// noteHeld makes the night incomplete if a file of its own date is held.
func (r *run) noteHeld(state settlement.State, folder settlement.Date) {
	if state == settlement.Held && folder == r.Date {
		r.complete = false
	}
}

func (r *run) readObjects(ctx context.Context) error {
	objects := r.listing.Objects
	r.stage(stageRead, int64(len(objects)))
	var places []int32
	r.files, places = newNightFiles(objects)
	r.codec = rowCodec{r.files, r.Date}
	r.Partitions = orDefault(r.Partitions, partitionsFor(r.bytesToRead(), r.Pool.Budget(), r.Workers))
	r.rows, r.claimants = r.Pool.NewSpool(r.Partitions), r.Pool.NewSpool(r.Partitions)
	readers := make([]*fileReader, r.Workers)
	order := largestFirst(objects)
	var mutex sync.Mutex
	err := each(ctx, r.Workers, len(objects), func(ctx context.Context, worker, turn int) error {
		if readers[worker] == nil {
			readers[worker] = newFileReader(r)
		}
		i := order[turn]
		file, err := readers[worker].read(ctx, &objects[i], places[i])
		r.advance(stageRead, 1)
		if err != nil || file == nil {
			return err
		}
		mutex.Lock()
		defer mutex.Unlock()
		r.inputs = append(r.inputs, file.input)
		r.exceptions = append(r.exceptions, file.exceptions...)
		r.noteHeld(file.input.State, objects[i].Date)
		return nil
	})
	if err != nil {
		return err
	}
	for _, reader := range readers {
		if reader != nil {
			if err := reader.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// largestFirst returns the places of objects in the order in which they are read: nobody shall be left alone at the
// end with a file that takes long.
func largestFirst(objects []intake.Object) []int {
	order := make([]int, len(objects))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(objects[b].Size, objects[a].Size) })
	return order
}

// rowsPerPartition is about how many rows a partition holds, so that each worker has one in memory; bytesPerRow is how few bytes a row
// of a packed file takes.
const (
	rowsPerPartition = 1 << 16
	bytesPerRow      = 24
	fewestPartitions = 16
	// Each row goes to another of the usualPartitions: with more of them the processor finds less of where it writes in its caches. So
	// those of a larger night hold up to mostRowsPerPartition, of rowBytes each, as far as those in workers' hands take one part of
	// partitionShare of the memory.
	usualPartitions      = 256
	mostRowsPerPartition = 1 << 19
	rowBytes             = 64
	partitionShare       = 4
	mostPartitions       = 1024
)

// partitionsFor returns into how many partitions the rows of files of so many bytes go, with so much memory for what is on its way.
func partitionsFor(bytes, memory int64, workers int) int {
	rows := bytes / bytesPerRow
	partitions := fewestPartitions
	for partitions < usualPartitions && int64(partitions)*rowsPerPartition < rows {
		partitions *= 2
	}
	largest := min(max(memory/partitionShare/int64(max(workers, 1))/rowBytes, rowsPerPartition), mostRowsPerPartition)
	for partitions < mostPartitions && int64(partitions)*largest < rows {
		partitions *= 2
	}
	return partitions
}

// bytesToRead returns how large the files are whose rows are read. Most of those that are listed were settled on the nights before.
func (r *run) bytesToRead() (bytes int64) {
	for i := range r.listing.Objects {
		if object := &r.listing.Objects[i]; r.listing.Action(r.opening.History, object) == intake.ReadRows {
			bytes += object.Size
		}
	}
	return bytes
}

// A readFile is what one object came to.
type readFile struct {
	input      settlement.Input
	exceptions []settlement.Exception
}

// A fileReader reads files for one worker and sends their rows on their way.
type fileReader struct {
	run       *run
	validator *clearing.Validator
	rows      *spool.Writer
	claimants *spool.Writer
	repeated  repeatedIDs
	buffer    []byte
	objects   intake.Reader
}

func newFileReader(r *run) *fileReader {
	return &fileReader{run: r, validator: clearing.NewValidator(r.Rulebook, r.Date), rows: r.rows.NewWriter(), claimants: r.claimants.NewWriter()}
}

func (f *fileReader) flush() error { return errors.Join(f.rows.Flush(), f.claimants.Flush()) }

// read reads an object and decides about it; nil if it is on record and unchanged.
func (f *fileReader) read(ctx context.Context, object *intake.Object, place int32) (*readFile, error) {
	r := f.run
	if r.listing.Action(r.opening.History, object) == intake.Skip {
		return nil, nil
	}
	found, err := examine(ctx, &r.Computation, r.listing, r.opening.History, f.validator, &f.objects, object, &f.repeated, func(row *settlement.Transaction, id settlement.Digest) error {
		return f.send(place, row, id)
	})
	// What is not consumed has nevertheless sent rows; whoever meets them passes over them.
	r.files.discarded[place] = err != nil || found.verdict.Unchanged || found.verdict.State != settlement.Consumed
	if err != nil || found.verdict.Unchanged {
		return nil, err
	}
	file := &readFile{input: found.verdict.Input(object, &found.facts), exceptions: found.verdict.Exceptions}
	if found.verdict.State != settlement.Consumed {
		return file, nil
	}
	facts := &found.facts
	file.input.Rows, file.input.IssuedPoints, file.input.RedeemedPoints = facts.Rows, facts.IssuedPoints, facts.RedeemedPoints
	file.exceptions = append(found.rejected, found.verdict.Exceptions...)
	return file, nil
}

// send sends a row to its member's partition, and what decides about its id to that of its id.
func (f *fileReader) send(place int32, row *settlement.Transaction, id settlement.Digest) error {
	r := f.run
	row.Member = r.opening.nameOf(row.Member)
	f.buffer = r.codec.append(f.buffer[:0], place, row)
	if err := f.rows.Append(partitionOf(row.Member, r.Partitions), f.buffer); err != nil {
		return err
	}
	f.buffer = r.codec.appendClaimant(f.buffer[:0], &id, &row.Content, row.BusinessDate, rowName{place, row.Source.Row})
	return f.claimants.Append(partitionOfID(id, r.Partitions), f.buffer)
}

// An examination is what reading an object, and deciding about it, came to.
type examination struct {
	facts   intake.FileFacts
	verdict intake.Verdict
	// rejected are the rows that failed a check before `conflict`, whatever the verdict; at most
	// maxRejected of them.
	rejected []settlement.Exception
}

// maxRejected is how many rows of one file may be rejected before it is read no further but
// held: a file of complaints must not take the memory or the time of everybody else's night. It is a
// limit of what is seen of a row alone; of rows that are rejected or deferred later, the operator is told.
const maxRejected = 250_000

var errTooManyRejected = errors.New("too many rows are rejected")

// examine reads an object, checks its rows by all that needs only the row and the rulebook, and
// decides about it. accept gets the rows that passed; they count only if the object is consumed, and have the strings that reader lends.
func examine(ctx context.Context, c *Computation, listing *intake.Listing, history *intake.History, validator *clearing.Validator, reader *intake.Reader,
	object *intake.Object, repeated *repeatedIDs, accept func(row *settlement.Transaction, id settlement.Digest) error) (found examination, err error) {
	rejects := intake.Rejects{MaxShare: c.Rulebook.Intake.MaxRejectedShare, MaxRows: c.Rulebook.Intake.MaxRejectedRows}
	var sink func(*settlement.Record) error
	if listing.Action(history, object) == intake.ReadRows {
		repeated.nextFile()
		merchant := c.Rulebook.Parties.ID(object.Merchant)
		var row settlement.Transaction // one for all, since accept might keep it from living on the stack
		var kept keptTexts
		sink = func(record *settlement.Record) error {
			rejection := validator.Check(object.Merchant, object.Key, record, &row)
			if rejection == nil {
				id := clearing.IDDigest(merchant, row.ID)
				if repeated.add(id) > maxRepeated {
					return errTooManyRejected
				}
				return accept(&row, id)
			}
			if len(found.rejected) == maxRejected {
				return errTooManyRejected
			}
			found.rejected = append(found.rejected, kept.keep(*rejection))
			if isBad(rejection.Code) {
				rejects.Bad++
			}
			return nil
		}
	}
	found.facts, err = reader.Read(ctx, c.Inbox, object, sink)
	if err == nil && sink != nil && repeated.total() > maxRepeated {
		err = errTooManyRejected
	}
	if errors.Is(err, errTooManyRejected) {
		if found.facts, err = intake.Read(ctx, c.Inbox, object, nil); err == nil {
			limit := fmt.Sprintf("more rows would be rejected than the limit of %d", maxRejected)
			if repeated.count > maxRepeated {
				limit = fmt.Sprintf("more rows repeat the id of a row not far before than the limit of %d", maxRepeated)
			}
			found.facts.Code, found.facts.Message = settlement.UnreadableFile, limit+"; correct the file, or deliver it in parts"
		}
	}
	if errors.Is(err, storage.ErrChanged) || errors.Is(err, storage.ErrNotFound) {
		// Somebody is still writing it. That must not stop everybody else's night.
		found.facts = intake.FileFacts{Bytes: object.Size, Code: settlement.UnreadableFile, Message: intake.FileChanged}
		err = nil
	}
	if err == nil {
		found.verdict = listing.Decide(history, object, &found.facts, rejects)
	}
	return found, err
}

// maxRepeated is how many rows of one file may repeat the id of a row not far before. They are on their way before
// anybody knows that they are rejected, and so cost more than those that are rejected at once.
const maxRepeated = 100_000

// repeatedIDs counts the rows of a file whose id a row of the file shortly before had. A few bytes can be
// packed to millions of equal rows; they are all rejected, and must be stopped before they are anywhere. Rows further apart are found when ids are compared, but cannot be packed so well.
//
// An id is remembered by 64 bits of its digest together with the file's number. That two ids look the same by
// chance counts as one repetition of a hundred thousand.
type repeatedIDs struct {
	recent []uint64
	file   uint64
	count  int
	// next[:waiting] are ids to look for. They are looked for together, as each look goes to a place of
	// memory that probably is in no cache: a processor waits for many of them as long as for one.
	next    [64]repeatedID
	waiting int
}

// A repeatedID is an id to look for: what is remembered of it, and where.
type repeatedID struct {
	seen uint64
	slot uint32
}

// recentIDs is how many rows back, about, an id is remembered.
const recentIDs = 1 << 17

func (r *repeatedIDs) nextFile() {
	if r.recent == nil {
		r.recent = make([]uint64, recentIDs)
	}
	r.file += 0x9E3779B97F4A7C15 // an odd number: files have different ones
	r.count, r.waiting = 0, 0
}

// add takes the next row's id and returns how many were repeated so far, perhaps but for the last few.
func (r *repeatedIDs) add(id settlement.Digest) int {
	r.next[r.waiting] = repeatedID{binary.LittleEndian.Uint64(id[:]) ^ r.file, uint32(binary.LittleEndian.Uint64(id[8:]) % recentIDs)}
	r.waiting++
	if r.waiting == len(r.next) {
		return r.total()
	}
	return r.count
}

// total returns how many ids were repeated.
func (r *repeatedIDs) total() int {
	for _, id := range r.next[:r.waiting] {
		if r.recent[id.slot] == id.seen {
			r.count++
		}
		r.recent[id.slot] = id.seen
	}
	r.waiting = 0
	return r.count
}

// isBad reports whether a code counts towards too_many_rejects.
func isBad(code settlement.Code) bool {
	return code == settlement.Malformed || code == settlement.MissingField || code == settlement.InvalidValue
}

// countRows fills in, for each consumed file, how many of its rows were accepted, deferred
// and rejected tonight, and checks that each row was exactly one of them.
func (r *run) countRows() {
	rejected := make(map[string]int64)
	for i := range r.exceptions {
		if r.exceptions[i].State == settlement.Rejected {
			rejected[r.exceptions[i].File]++
		}
	}
	counts := make(map[string]clearing.FileRows)
	for _, counted := range r.counted {
		counts[counted.File] = counted
	}
	for i := range r.inputs {
		input := &r.inputs[i]
		if input.Merchant == r.Rulebook.Alliance {
			continue
		}
		counted := counts[input.Key]
		input.Accepted, input.Deferred, input.Rejected = counted.Accepted, counted.Deferred, counted.Rejected+rejected[input.Key]
		if input.State == settlement.Consumed && !isControl(input.Key) && input.Accepted+input.Deferred+input.Rejected != input.Rows {
			panic(fmt.Sprintf("%s has %d rows, but %d accepted, %d deferred and %d rejected",
				input.Key, input.Rows, input.Accepted, input.Deferred, input.Rejected))
		}
	}
}

func isControl(key string) bool { return strings.HasSuffix(key, "/_control.json") }
