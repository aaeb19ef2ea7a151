package statement

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"

	"alliance/settlement"

	"golang.org/x/sync/semaphore"
)

// DefaultDetailRowsPerFile is how many rows a detail file has at most unless Options say otherwise.
const DefaultDetailRowsPerFile = 1_000_000

// Options of [Write]. The zero value is what a night in production uses.
type Options struct {
	// DetailRowsPerFile is the most rows one detail file holds; 0 stands for [DefaultDetailRowsPerFile].
	DetailRowsPerFile int
	// Workers is how many files are encoded at a time; 0 stands for the number of processors.
	// It has no influence on any byte.
	Workers int
	// Earlier returns the version of a folder that is on record: the merchant's of an id, the
	// alliance's of "". It returns nil if there is none, and is nil itself on the first run of a date.
	Earlier func(merchant string) Opener
	// editions are those of Earlier, read.
	editions map[string]*edition

	// tamperRows and tamperAmounts change what is encoded behind the checks' back, in tests.
	tamperRows    func(path string, rows any)
	tamperAmounts func(amounts []int64)
}

// A Sink takes a finished file. Path is below the statements' prefix, with "/" between its
// parts; body is at its start. Write stops at the first error.
type Sink func(ctx context.Context, path string, body io.ReadSeeker) error

// A Folder is what was published for one merchant, or for the alliance.
type Folder struct {
	// Merchant is the merchant's id, "" for the alliance's folder.
	Merchant string
	// Path is the folder's, below the statements' prefix, without a "/" at its end.
	Path string
	// StatementNo is "" for the alliance's folder.
	StatementNo string
	Version     int
	// Supersedes is the version before, or 0.
	Supersedes int
	// Files are in the order in which the sink got them; the last one is [ManifestFile].
	Files []File
	// Unchanged says that the version on record says the same. Version and StatementNo are that
	// one's, Files is empty, and the sink got nothing of the folder.
	Unchanged bool
	// Change is set when a date is restated, for a merchant's folder that is not Unchanged.
	Change *Change
}

// A File is one file of a folder.
type File struct {
	// Name within the folder.
	Name string
	// Bytes is the file's size.
	Bytes int64
	// SHA256 of the file, in hex.
	SHA256 string
	// Rows of the table; 0 for [ManifestFile].
	Rows int64
}

// Write encodes every table of a night and hands each file to the sink: the merchants' folders
// in order of merchant, then the alliance's; in each folder the tables in the order of the
// package's documentation, then [ManifestFile]. Files are encoded several at a time but the
// sink is called by one goroutine, in that order, and the bytes depend on the night alone.
//
// Before the sink sees a file, it has been read back and compared with the night. An error says
// which file and which sum differ; it is our own mistake or the memory's. An amount that does not
// fit DECIMAL(18,4) is an error that wraps [settlement.ErrOutOfRange]. After an error nothing
// that the sink got is of any use.
//
// With Options.Earlier the date is restated: a folder whose tables are those on record in all that
// [Difference] compares is [Folder].Unchanged. Any other one gets the version after the one on
// record, whatever versions the night has, and a merchant's that has one gets [ChangesFile].
func Write(ctx context.Context, night *settlement.Night, options Options, sink Sink) ([]Folder, error) {
	if options.DetailRowsPerFile == 0 {
		options.DetailRowsPerFile = DefaultDetailRowsPerFile
	}
	if options.Workers == 0 {
		options.Workers = runtime.GOMAXPROCS(0)
	}
	if options.DetailRowsPerFile < 0 || options.Workers < 0 {
		return nil, fmt.Errorf("writing the tables of %s: %d rows a file and %d workers cannot be", night.Date, options.DetailRowsPerFile, options.Workers)
	}
	var err error
	if options.editions, err = readEditions(night, &options); err != nil {
		return nil, err
	}
	night = numbered(night, &options)
	plans, err := planMerchants(night, &options)
	if err != nil {
		return nil, fmt.Errorf("writing the tables of %s: %w", night.Date, err)
	}
	if options.Earlier == nil {
		return writeFolders(ctx, append(plans, planAlliance(night, &options)), options.Workers, sink)
	}
	folders, err := writeFolders(ctx, plans, options.Workers, sink)
	if err != nil {
		return nil, err
	}
	// The alliance's payments name the statements in force, which are known only now.
	for i := range folders {
		night.Statements[i].Version = folders[i].Version
	}
	last, err := writeFolders(ctx, []folderPlan{planAlliance(night, &options)}, options.Workers, sink)
	return append(folders, last...), err
}

func writeFolders(ctx context.Context, plans []folderPlan, workers int, sink Sink) ([]Folder, error) {
	ctx, cancel := context.WithCancel(ctx)
	ahead := encodeAhead(ctx, plans, workers)
	// No encoder is left running, whether or not all went well.
	defer ahead.wait()
	defer cancel()
	folders := make([]Folder, len(plans))
	for i := range plans {
		folders[i] = plans[i].folder
		if err := writeFolder(ctx, &plans[i], &folders[i], ahead, sink); err != nil {
			return nil, fmt.Errorf("writing %s: %w", folders[i].Path, err)
		}
	}
	return folders, nil
}

// writeFolder hands the files of one folder to the sink as they come out of the encoders, or, if
// the date is restated, when it is clear that they say something new.
func writeFolder(ctx context.Context, plan *folderPlan, folder *Folder, ahead *encoders, sink Sink) error {
	kept := &withheld{bodies: make(map[string][]byte)}
	var sums detailSums
	for range plan.jobs {
		done, err := ahead.next(ctx)
		if err != nil {
			return err
		}
		if done.err != nil {
			return fmt.Errorf("%s: %w", done.file.Name, done.err)
		}
		sums = sums.plus(done.detail)
		if plan.options.Earlier != nil {
			kept.bodies[done.file.Name] = done.body
		} else if err := sink(ctx, folder.Path+"/"+done.file.Name, bytes.NewReader(done.body)); err != nil {
			return fmt.Errorf("%s: %w", done.file.Name, err)
		}
		folder.Files = append(folder.Files, done.file)
	}
	if plan.view != nil {
		if err := sums.compare(plan.view.wantedDetail()); err != nil {
			return fmt.Errorf("the detail: %w", err)
		}
	}
	if plan.options.Earlier != nil {
		if err := kept.settle(ctx, plan, folder, sink); err != nil || folder.Unchanged {
			return err
		}
	}
	body, err := manifest(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", ManifestFile, err)
	}
	if err := sink(ctx, folder.Path+"/"+ManifestFile, bytes.NewReader(body)); err != nil {
		return fmt.Errorf("%s: %w", ManifestFile, err)
	}
	folder.Files = append(folder.Files, describe(ManifestFile, body, 0))
	return nil
}

func describe(name string, body []byte, rows int64) File {
	sum := sha256.Sum256(body)
	return File{Name: name, Bytes: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Rows: rows}
}

// A job encodes one file.
type job struct {
	name string
	// rows is how many rows of detail it encodes.
	rows int64
	run  func() (encoded, error)
}

// An encoded file, and what its rows come to if it is a detail.
type encoded struct {
	body   []byte
	rows   int64
	detail detailSums
}

// A finished job.
type finished struct {
	encoded
	file File
	err  error
}

// Encoders run jobs several at a time and give their results in the order of the jobs. What waits to be
// taken, because a large file before it takes its time, is bounded in files and in rows of detail.
type encoders struct {
	results chan pending
	waiting *semaphore.Weighted // in rows of detail
	running sync.WaitGroup
}

// A pending result holds room for so many rows until it is taken.
type pending struct {
	result chan finished
	rows   int64
}

const (
	filesAhead = 64
	rowsAhead  = 4 * DefaultDetailRowsPerFile
)

func encodeAhead(ctx context.Context, plans []folderPlan, workers int) *encoders {
	e := &encoders{results: make(chan pending, filesAhead), waiting: semaphore.NewWeighted(rowsAhead)}
	atWork := semaphore.NewWeighted(int64(workers))
	e.running.Go(func() {
		defer close(e.results)
		for i := range plans {
			for _, job := range plans[i].jobs {
				next := pending{make(chan finished, 1), min(job.rows, rowsAhead)}
				if e.waiting.Acquire(ctx, next.rows) != nil || atWork.Acquire(ctx, 1) != nil {
					return // ctx tells why
				}
				e.running.Go(func() {
					defer atWork.Release(1)
					next.result <- job.finish()
				})
				select {
				case <-ctx.Done():
					return
				case e.results <- next:
				}
			}
		}
	})
	return e
}

// finish runs the job. A panic of an encoder, ours or a library's, is its error: nothing may be
// published then, but the process must say so itself.
func (j *job) finish() (result finished) {
	defer func() {
		if failed := recover(); failed != nil {
			result = finished{err: fmt.Errorf("internal error: %v\n\n%s", failed, debug.Stack())}
		}
	}()
	done, err := j.run()
	return finished{encoded: done, file: describe(j.name, done.body, done.rows), err: err}
}

// next returns the next job's result.
func (e *encoders) next(ctx context.Context) (finished, error) {
	next, open := <-e.results
	if !open || ctx.Err() != nil {
		return finished{}, context.Cause(ctx)
	}
	defer e.waiting.Release(next.rows)
	return <-next.result, nil
}

func (e *encoders) wait() { e.running.Wait() }
