package batch

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

var chainSeed = flag.Uint64("chain-seed", 0, "the seed of the chain of nights (default: the clock's)")

const (
	chainNights  = 60
	chainMembers = 120
	// Lots expire on every fifth night only. Of ten nights two have no deliveries: the last claims are
	// given up on the first of them, and nothing at all happens on the second.
	expiryEvery, quiet = 5, 3
)

const chainRules = `alliance: {id: HUB, name: Hub, currency: EUR, time_zone: UTC, cycle: weekly}
intake: {accept_late_days: 2, wait_days: 1, duplicate_days: 3}
ledger: {attribution: fifo, reversal_days: 5}
prices: [{id: base, price: "1.00", per_points: 150}]
fees: [{id: clearing, payer: redeemer, rate: "0.015"}]
merchants:
  - {id: A, delivers: on_activity}
  - {id: B, delivers: on_activity}
`

// TestChainOfNights settles two months of nights, computes some of them again, and looks at what the
// ledger takes. A night on which nothing happens stores no account, whatever is on record; any other
// stores at most the accounts once; and a night of the second month takes no more than one of the
// first, once as many lots expire as are issued. Otherwise the ledger would grow with
// nights times lots.
func TestChainOfNights(t *testing.T) {
	seed := *chainSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("to repeat this: go test ./settlement/batch -run TestChainOfNights -args -chain-seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	w := &verifiedWorld{inbox: storage.NewMemory(), ledger: storage.NewMemory(), statements: storage.NewMemory()}
	w.rulebook = must[*rules.Rulebook](t)(rules.Parse("chain.yaml", []byte(chainRules)))
	first := settlement.NewDate(2026, 1, 1)
	rows := make([]int, chainNights)
	for night := range chainNights {
		rows[night] = w.deliverNight(t, random, first, night)
	}
	last := first + chainNights - 1
	w.settle(t, last.String())

	ledger := must[*books.Ledger](t)(books.Open(t.Context(), w.ledger))
	stored := storedByNight(t, ledger, first)
	for night, space := range stored {
		if night%10 == 9 || night%10 == quiet {
			t.Logf("night %2d: %3d rows, %3d accounts with %4d lots on record: %6d bytes of accounts in force, %6d stored, %5d of ids and balances, %6d of statements and the rest",
				night+1, rows[night], space.members, space.lots, space.inForce, space.accounts, space.standing, space.published)
		}
		switch {
		case night%10 == quiet && space.accounts > 0:
			t.Errorf("night %d: nothing happened, and %d bytes of accounts were stored", night+1, space.accounts)
		case space.accounts > space.inForce:
			t.Errorf("night %d stored %d bytes of accounts, and all of them are %d", night+1, space.accounts, space.inForce)
		case rows[night] > 0 && space.accounts == 0:
			t.Errorf("night %d: %d rows, and no accounts were stored", night+1, rows[night])
		}
	}
	early, late := total(stored[20:40]), total(stored[40:60])
	t.Logf("nights 21 to 40 took %d bytes, nights 41 to 60 %d", early, late)
	if late > early*5/4 {
		t.Errorf("the ledger took %d bytes for nights 41 to 60, after %d for nights 21 to 40, with as many rows", late, early)
	}

	dates := []settlement.Date{first, first + quiet, last}
	for range 5 {
		dates = append(dates, first+settlement.Date(random.IntN(chainNights)))
	}
	for _, date := range dates {
		report := w.verify(t, func(job *VerifyJob) { job.Date, job.Deep = date, true })
		for _, fault := range report.Faults {
			t.Error(fault)
		}
		if !slices.Equal(report.Recomputed, []settlement.Date{date}) {
			t.Errorf("%s was not computed again", date)
		}
	}
	t.Logf("computed again with the same bytes: %v", dates)
}

// deliverNight delivers a night's rows, some of them late or too early, and returns how many. A's lots
// expire, B's never.
func (w *verifiedWorld) deliverNight(t *testing.T, random *rand.Rand, first settlement.Date, night int) int {
	if night%10 == quiet-1 || night%10 == quiet {
		return 0
	}
	date := first + settlement.Date(night)
	expires := first + settlement.Date((night/expiryEvery+2)*expiryEvery)
	issued, redeemed := []string{}, []string{}
	for number := range 24 {
		member := fmt.Sprintf("member-%03d", random.IntN(chainMembers))
		if number%2 == 0 {
			issued = append(issued, fmt.Sprintf("i%d-%d,%s,issue,%d,%sT08:%02d:00Z,%s", night, number, member, 50+random.IntN(200), date, number, expires))
		} else {
			redeemed = append(redeemed, fmt.Sprintf("r%d-%d,%s,redeem,%d,%sT12:%02d:00Z,", night, number, member, 1+random.IntN(150), date, number))
		}
	}
	header := "transaction_id,member_id,kind,points,occurred_at,expires_on\n"
	for merchant, rows := range map[string][]string{"A": issued, "B": redeemed} {
		key := fmt.Sprintf("merchant=%s/date=%s/rows.csv", merchant, date)
		if err := w.inbox.Create(t.Context(), key, strings.NewReader(header+strings.Join(rows, "\n")+"\n")); err != nil {
			t.Fatal(err)
		}
	}
	return len(issued) + len(redeemed)
}

// nightSpace is what a night stored in the ledger, in bytes.
type nightSpace struct {
	// accounts is what it stored of them, inForce what all are that the state names after it.
	accounts, inForce int64
	standing          int64 // ids and balances
	published         int64
	members, lots     int
}

func total(nights []nightSpace) (bytes int64) {
	for _, night := range nights {
		bytes += night.accounts + night.standing + night.published
	}
	return bytes
}

// storedByNight adds up what each night stored that was not on record before.
func storedByNight(t *testing.T, ledger *books.Ledger, first settlement.Date) []nightSpace {
	nights := make([]nightSpace, chainNights)
	known := make(map[string]bool)
	added := func(file books.FileRecord) int64 {
		if known[file.Object] {
			return 0
		}
		known[file.Object] = true
		return file.Bytes
	}
	parties := must[*rules.Rulebook](t)(rules.Parse("chain.yaml", []byte(chainRules))).Parties
	for i := range nights {
		date, _ := ledger.Settled(first + settlement.Date(i))
		night := &nights[i]
		for _, object := range date.State.Objects {
			if object.Role == books.IDs || object.Role == books.BalancesRole {
				night.standing += added(object.FileRecord)
			} else {
				night.inForce += object.Bytes
				night.accounts += added(object.FileRecord)
			}
		}
		for _, statement := range date.Statements {
			for _, file := range statement.Files {
				night.published += added(file)
			}
		}
		for _, file := range date.Alliance.Files {
			night.published += added(file)
		}
		for _, acknowledgement := range date.Acknowledgements {
			for _, file := range acknowledgement.Files {
				night.published += added(file)
			}
		}
		state := RecordedAccounts(ledger, &date.State, date.Date)
		err := state.All(t.Context(), parties, func(account *settlement.Account) error {
			night.members++
			night.lots += len(account.Lots)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return nights
}
