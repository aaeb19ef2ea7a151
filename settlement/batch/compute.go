package batch

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A Computation says what to settle: the inbox as it is, under a rulebook, on a date.
type Computation struct {
	Inbox    storage.Bucket
	Rulebook *rules.Rulebook
	Date     settlement.Date
	// AllowMissing settles although merchants are missing that the rulebook cannot do without.
	AllowMissing bool
	// Workers is how many goroutines compute; Partitions into how many parts rows, members and
	// lines are split. Neither changes a byte of what is published. Zero means the default.
	Workers, Partitions int
	// Observe, if not nil, is told how the work gets on. It is called from several goroutines.
	Observe func(Progress)
}

// An Opening is what is on record before a settlement date. The zero Opening is an empty ledger.
type Opening struct {
	Accounts []settlement.Account
	// Taken holds the ids that rows of tonight could meet; those of deferred rows are found in
	// the accounts.
	Taken    []settlement.TakenID
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
	Accounts []settlement.Account
	// Settled holds the ids of the rows settled on this date, in order.
	Settled  []settlement.TakenID
	Balances settlement.Balances
	Points   map[settlement.Party]int64
	// Adjustments are the ids booked on this date.
	Adjustments []string
}

// Compute settles a date and returns what is to be published and what is to be kept. It
// writes nothing. The opening's accounts are used up. An error that is a [RefusedError], or
// wraps [settlement.ErrOutOfRange], is a refusal; any other is a failure of the world.
func Compute(ctx context.Context, computation Computation, opening Opening) (*settlement.Night, *Closing, error) {
	run := &run{Computation: computation, opening: opening}
	run.Workers = orDefault(run.Workers, defaultWorkers)
	run.Partitions = orDefault(run.Partitions, defaultPartitions)
	if err := run.read(ctx); err != nil {
		return nil, nil, err
	}
	if err := run.deduplicate(ctx); err != nil {
		return nil, nil, err
	}
	if err := run.attribute(ctx); err != nil {
		return nil, nil, err
	}
	if err := run.price(ctx); err != nil {
		return nil, nil, err
	}
	if err := run.net(); err != nil {
		return nil, nil, err
	}
	night := run.assemble()
	return night, run.closing(), nil
}

const (
	defaultWorkers    = 2
	defaultPartitions = 16
)

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
	rows        *shuffle[settlement.Transaction] // by id
	// deduplicate
	members *shuffle[settlement.Transaction] // by member
	// attribute
	outcomes []*clearing.Outcome // by partition
	accounts [][]settlement.Account
	settled  [][]settlement.TakenID
	points   []settlement.IssuerPoints // by party
	here     []int64                   // points redeemed at each party
	counted  []clearing.FileRows
	// price
	lines  []settlement.Line
	detail [][]settlement.Allocation
	onUs   []settlement.Allocation
	// net
	netted clearing.Closing

	started     map[Stage]time.Time
	done, total atomic.Int64
}

// Program identifies what computes: it changes when the same inputs may give other results.
const Program = "settle/1"

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
