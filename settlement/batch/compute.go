package batch

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/intake"
	"alliance/settlement/spool"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

// A Computation says what to settle: the inbox as it is, under a rulebook, on a date.
type Computation struct {
	Inbox    storage.Bucket
	Rulebook *rules.Rulebook
	Date     settlement.Date
	// AllowMissing settles although merchants are missing that the rulebook cannot do without.
	AllowMissing bool
	// Workers is how many goroutines compute; Partitions into how many parts rows, members and
	// lines are split, rounded up to a power of two. Neither changes a byte of what is published. Zero means the default.
	Workers, Partitions int
	// Pool holds what is on its way between the stages, and the night's detail for as long as that is
	// wanted; nil stands for one without a bound.
	Pool *spool.Pool
	// Observe, if not nil, is told how the work gets on. It is called from several goroutines.
	Observe func(Progress)

	// keep, if not nil, puts a run of accounts where it will be on record, several at a time. It is called for those that
	// shall not wait in memory, as soon as they are whole: most of those of a large night.
	keep func(context.Context, *stateRun) error
}

// An Opening is what is on record before a settlement date. The zero Opening is an empty ledger.
type Opening struct {
	State AccountState
	// PutAway is what the nights before put away that a reversal, or a late row, may still ask for, the newest first.
	PutAway []stateRun
	// ExpiredBefore is the last of those of the nights before that PutAway is of: see [clearing.Attributor].
	ExpiredBefore settlement.Date
	// Taken holds the ids that rows of tonight could meet: those settled on each earlier date, and those of
	// rows that wait.
	Taken    []stateRun
	Balances settlement.Balances
	// Points is the closing balance of each party's points.
	Points map[settlement.Party]int64
	// Digest identifies the state: the computation id of the date before.
	Digest string
	// History is what earlier dates read from the inbox.
	History *intake.History
	// Adjustments holds the ids of the adjustments booked so far.
	Adjustments map[string]bool
	// Pseudonyms are the members that were forgotten since the date was settled first.
	Pseudonyms []books.Pseudonym
}

// A Closing is what a settlement date leaves on record.
type Closing struct {
	State AccountState
	// PutAway is what the night put away: what only reversals ask for from now on. PutAwayParties are the ids of the parties that
	// it names, in order.
	PutAway        []stateRun
	PutAwayParties []string
	// ExpiredBefore is [clearing.ExpiredBefore] of the night.
	ExpiredBefore settlement.Date
	// Settled holds the ids of the rows settled on this date, Waiting those of the rows that wait.
	Settled, Waiting []stateRun
	// Claims are those that no lot has covered in full yet.
	Claims   ClaimStatus
	Balances settlement.Balances
	Points   map[settlement.Party]int64
	// Adjustments are the ids booked on this date.
	Adjustments []string
}

// Compute settles a date and returns what is to be published and what is to be kept. It
// writes nothing itself. An error that is a [RefusedError], or
// wraps [settlement.ErrOutOfRange], is a refusal; any other is a failure of the world.
func Compute(ctx context.Context, computation Computation, opening Opening) (*settlement.Night, *Closing, error) {
	run := &run{Computation: computation, opening: opening}
	run.Workers = orDefault(run.Workers, runtime.GOMAXPROCS(0))
	for run.Partitions&(run.Partitions-1) != 0 {
		run.Partitions++ // to a power of two
	}
	if run.Pool == nil {
		run.Pool = spool.NewPool("", math.MaxInt64)
	}
	if err := run.read(ctx); err != nil {
		return nil, nil, err
	}
	if err := run.deduplicate(ctx); err != nil {
		return nil, nil, err
	}
	if err := run.attribute(ctx); err != nil {
		return nil, nil, err
	}
	// Neither needs anything of the other, and the ids' one writer leaves a processor free.
	after, ctxAfter := errgroup.WithContext(ctx)
	after.Go(func() error { return guarded(func() error { return run.price(ctxAfter) }) })
	after.Go(func() error { return guarded(func() error { return run.gatherIDs(ctxAfter) }) })
	if err := after.Wait(); err != nil {
		return nil, nil, err
	}
	if err := run.net(); err != nil {
		return nil, nil, err
	}
	night := run.assemble()
	return night, run.closing(), nil
}

func orDefault(value, instead int) int {
	if value <= 0 {
		return instead
	}
	return value
}

// A run is one settlement date on its way from the inbox to the night's result. Each stage
// reads what the ones before it left here.
type run struct {
	Computation
	opening Opening

	// read
	listing     *intake.Listing
	inputs      []settlement.Input
	exceptions  []settlement.Exception
	adjustments []settlement.Adjustment
	complete    bool
	files       *nightFiles
	codec       rowCodec
	rows        *spool.Spool // by member
	claimants   *spool.Spool // by id
	// deduplicate
	refusals refusals
	// attribute
	workers                []*attribution
	allocations            *spool.Spool // by line
	closingState           AccountState
	putAway                *putAway
	waiting_bytes          atomic.Int64         // of new accounts that are not on record yet
	claims                 claimCount           // open after the night
	waiting                []settlement.TakenID // ids of the rows that wait now
	settledIDs, waitingIDs []stateRun
	attributed             []settlement.Exception
	waited                 [][]settlement.TakenID    // ids of rows deferred earlier and settled tonight
	points                 []settlement.IssuerPoints // by party
	here                   []int64                   // points redeemed at each party
	counted                []clearing.FileRows
	// price
	lines  []settlement.Line
	detail *spooledDetail
	// net
	netted clearing.Closing

	started     map[Stage]time.Time
	done, total atomic.Int64
}

// Program identifies what computes: it changes when the same inputs may give other results.
const Program = "settle/2"

// merchantsOn returns what intake must know of the register on a settlement date.
func merchantsOn(rulebook *rules.Rulebook, date settlement.Date) []intake.Merchant {
	merchants := make([]intake.Merchant, 0, len(rulebook.Merchants))
	for i := range rulebook.Merchants {
		merchant := &rulebook.Merchants[i]
		merchants = append(merchants, intake.Merchant{
			Party:           merchant.Party,
			ControlRequired: merchant.ControlRequired,
			Layout:          merchant.Layout,
			Active:          merchant.ActiveOn(date),
			Expected:        merchant.ExpectedOn(date),
		})
	}
	return merchants
}

// IDDays returns for how many settlement dates the ids settled on them have to be kept: those of
// the last IDDays dates, the one just settled included.
func IDDays(rulebook *rules.Rulebook) settlement.Date {
	return settlement.Date(max(rulebook.Intake.AcceptLateDays, rulebook.Intake.DuplicateDays))
}

// A RefusedError says why a night is not settled although nothing is broken: nothing was written.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "refused: " + e.Reason }

func refuse(format string, arguments ...any) error {
	return &RefusedError{fmt.Sprintf(format, arguments...)}
}

// A MissingError refuses a night because merchants did not deliver.
type MissingError struct {
	// Merchants are the ids of those that are missing, in order.
	Merchants []string
	RefusedError
}

// Unwrap returns the refusal.
func (e *MissingError) Unwrap() error { return &e.RefusedError }
