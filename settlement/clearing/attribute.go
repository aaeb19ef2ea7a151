package clearing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
)

// An Attributor applies the rows of one settlement date, a member at a time. It keeps scratch
// space between members, so each worker needs one of its own.
type Attributor struct {
	// Trace, if not nil, is told every step of every member: see [Step]. It slows the
	// Attributor down a lot and is meant for explaining single members.
	Trace func(Step)
	// UsedUp are lots that were put away, in order of key, which Trace is told of as well when lots are chosen.
	UsedUp []settlement.Lot
	// Settled, if not nil, is called for every row that is accepted and applied, those deferred on
	// an earlier night among them: their ids are taken from now on. The row is only lent.
	Settled func(row *settlement.Transaction)
	// Past is where reversals find what earlier nights put away.
	Past Past
	// ExpiredBefore is the last of the dates before which lots had to expire to be put away by nights of the Past with points that expired: see [ExpiredBefore]. Late rows may claim such
	// points again, if tonight's rulebook lets rows come later than those of these nights. NoDate if there was no such night.
	ExpiredBefore settlement.Date

	rulebook *rules.Rulebook
	ledger   rules.Ledger
	waitDays settlement.Date
	pricer   *rules.Pricer
	date     settlement.Date
	// claimableSince is the first ExpiresOn of lots whose expired points late rows may claim.
	claimableSince settlement.Date
	// originalsSince is the first business date on which a reversal finds its original.
	originalsSince settlement.Date

	account *settlement.Account
	outcome *Outcome
	// failure is the first sum that did not fit, or why the past cannot be read; nothing after it matters.
	failure error

	// applied is the last row that was accepted.
	applied *settlement.Transaction

	work    []task
	waiting []settlement.Transaction
	claims  []openClaim
	// sortedLots and sortedRedemptions count the records in order of key; tonight's come after
	// them in order of application until the end of the member's night.
	sortedLots, sortedRedemptions int
	indexed                       bool
	// recalledExpired says that lots whose expired points can be claimed again are on the account.
	recalledExpired           bool
	lotsByID, redemptionsByID chains
	order                     lotOrder
	takes                     []take
	shares                    []share
	shareOf                   []int32
	// slab is what is left of slabs, the memory of charges.
	slab, slabs      []settlement.Charge
	drift            []int64
	lotSorter        tailSorter[settlement.Lot]
	redemptionSorter tailSorter[settlement.Redemption]
	// away is what was put away of the last member; awayLots is its lots' memory.
	away     settlement.Account
	awayLots []settlement.Lot
	reason   string
	// recalled are the lots that were put away and are on the account again, if there is a Trace.
	recalled []recalledLot
	// lastDates remembers the last date of use of points by business date.
	lastDates [64]lastDate
}

// NewAttributor returns an Attributor for the rows that are settled on date by rulebook.
func NewAttributor(rulebook *rules.Rulebook, date settlement.Date) *Attributor {
	a := &Attributor{
		Past:           NothingPast{},
		ExpiredBefore:  settlement.NoDate,
		rulebook:       rulebook,
		ledger:         rulebook.Ledger,
		waitDays:       settlement.Date(rulebook.Intake.WaitDays),
		pricer:         rulebook.NewPricer(),
		date:           date,
		claimableSince: date - settlement.Date(rulebook.Intake.AcceptLateDays),
		originalsSince: date - settlement.Date(rulebook.Ledger.ReversalDays),
		shareOf:        make([]int32, rulebook.Parties.Len()),
		drift:          make([]int64, rulebook.Parties.Len()),
	}
	a.order = lotOrder{expiring: a.ledger.Attribution == rules.FirstExpiring, claimableSince: a.claimableSince}
	return a
}

// Attribute applies one member's rows of the night to the member's account, which becomes that
// after the close of the date, and appends what was decided to outcome.
//
// rows are those read tonight that passed every check up to duplicate, rows of a future
// business date among them, in any order; they are not changed. The rows deferred earlier and
// the open claims on the account are tried too, so a member for whom [NeedsNight] holds must
// be attributed even without rows. The account's slices must be its own: spare capacity is used. What
// only reversals can ask for is not left on the account: [Attributor.PutAway] returns it, and Past has it in later nights.
//
// The error wraps [settlement.ErrOutOfRange] if a sum of points does not fit, or is that of the Past; account,
// outcome and Attributor are then of no use. A broken invariant, in what was given or in what was done, panics.
func (a *Attributor) Attribute(account *settlement.Account, rows []*settlement.Transaction, outcome *Outcome) error {
	a.begin(account, rows, outcome)
	for i := range a.work {
		if a.Trace != nil {
			a.traceTask(&a.work[i])
		} else {
			a.apply(&a.work[i])
		}
		if a.failure != nil {
			return a.failure
		}
	}
	a.giveUpClaims()
	a.expire()
	a.finish()
	return a.failure
}

// A task is a row to apply, or an open claim to try again.
type task struct {
	occurredAt settlement.Instant
	// row is nil for a claim, which is that of account.Redemptions[redemption].
	row        *settlement.Transaction
	redemption int
}

func (a *Attributor) compareTasks(x, y task) int {
	if x.occurredAt != y.occurredAt {
		return cmp.Compare(x.occurredAt, y.occurredAt)
	}
	xKind, xMerchant, xID := a.nameOf(&x)
	yKind, yMerchant, yID := a.nameOf(&y)
	return cmp.Or(cmp.Compare(xKind, yKind), cmp.Compare(xMerchant, yMerchant), strings.Compare(xID, yID))
}

// nameOf returns what decides about the place of a task among those of the same time.
func (a *Attributor) nameOf(work *task) (kind settlement.Kind, merchant settlement.Party, id string) {
	if work.row != nil {
		return work.row.Kind, work.row.Merchant, work.row.ID
	}
	redemption := &a.account.Redemptions[work.redemption]
	return settlement.Redeem, redemption.Merchant, redemption.TransactionID
}

func (a *Attributor) begin(account *settlement.Account, rows []*settlement.Transaction, outcome *Outcome) {
	outcome.prepare(a.rulebook.Parties.Len())
	a.account, a.outcome = account, outcome
	a.sortedLots, a.sortedRedemptions = len(account.Lots), len(account.Redemptions)
	a.indexed, a.recalledExpired = false, false
	a.order.forget()
	a.claims, a.waiting, a.recalled = a.claims[:0], a.waiting[:0], a.recalled[:0]
	for i := range account.Lots {
		lot := &account.Lots[i]
		a.drift[lot.Issuer] += lot.Open
		a.add(&outcome.Movements[lot.Issuer].Opening, lot.Open, "opening", lot.Issuer)
	}
	a.gather(rows)
}

// usualAllocations is about how many lots a redemption takes from, with something to spare.
const usualAllocations = 2

// gather lists the night's work in the order in which it applies.
func (a *Attributor) gather(rows []*settlement.Transaction) {
	var kinds [4]int
	// Of a member with a million rows it is not moved from one memory to a larger one, time and again.
	a.work = slices.Grow(a.work[:0], len(rows)+len(a.account.Deferred))
	add := func(row *settlement.Transaction) {
		if row.Member != a.account.Member {
			panic(fmt.Sprintf("row %d of %s was given to another member", row.Source.Row, row.Source.File))
		}
		kinds[row.Kind]++
		a.work = append(a.work, task{row.OccurredAt, row, 0})
	}
	for _, row := range rows {
		add(row)
	}
	for i := range a.account.Deferred {
		add(&a.account.Deferred[i])
	}
	for i := range a.account.Redemptions {
		r := &a.account.Redemptions[i]
		if r.OpenClaim > 0 {
			a.work = append(a.work, task{r.OccurredAt, nil, i})
		}
	}
	if len(a.work) > 1 {
		slices.SortFunc(a.work, a.compareTasks)
	}
	a.outcome.Allocations = slices.Grow(a.outcome.Allocations, usualAllocations*kinds[settlement.Redeem])
	if !a.ledger.Tracked {
		return
	}
	reversals := kinds[settlement.RedeemReversal] + kinds[settlement.IssueReversal]
	a.indexed = reversals*(len(a.account.Lots)+len(a.account.Redemptions)+len(rows)) > worthIndexing
	if a.indexed {
		a.index()
	}
	a.account.Lots = reserve(a.account.Lots, kinds[settlement.Issue])
	a.account.Redemptions = reserve(a.account.Redemptions, kinds[settlement.Redeem])
}

func (a *Attributor) apply(work *task) {
	row := work.row
	switch {
	case row == nil:
		a.retryClaim(work.redemption)
	case row.BusinessDate > a.date:
		a.postpone(row)
	case !a.ledger.Tracked:
		a.applyUntracked(row)
	case row.Kind == settlement.Issue:
		a.issue(row)
	case row.Kind == settlement.Redeem:
		a.redeem(row)
	case row.Kind == settlement.RedeemReversal:
		a.reverseRedeem(row)
	default:
		a.reverseIssue(row)
	}
}

func (a *Attributor) issue(row *settlement.Transaction) {
	expiresOn := row.ExpiresOn
	if expiresOn == settlement.NoDate {
		expiresOn = a.usableThrough(row.BusinessDate)
	}
	lot := settlement.Lot{
		Key:       settlement.LotKey{Merchant: row.Merchant, BusinessDate: row.BusinessDate, TransactionID: row.ID},
		Issuer:    issuerOf(row),
		IssuedAt:  row.OccurredAt,
		ExpiresOn: expiresOn,
		Issued:    row.Points,
		Open:      row.Points,
		Source:    row.Source,
	}
	a.account.Lots = append(a.account.Lots, lot)
	index := len(a.account.Lots) - 1
	if a.indexed {
		a.lotsByID.add(row.Merchant, row.ID, index)
	}
	a.order.refill(a.account.Lots, index)
	a.add(&a.outcome.Movements[lot.Issuer].Issued, row.Points, "issued", lot.Issuer)
	a.drift[lot.Issuer] += row.Points
	a.settle(row)
}

// usableThrough returns the last business date of use of points issued on a business date. Nearly all rows of
// a night are of the same few dates, and the calendar takes its time.
func (a *Attributor) usableThrough(business settlement.Date) settlement.Date {
	last := &a.lastDates[uint32(business)%uint32(len(a.lastDates))]
	if !last.known || last.business != business {
		*last = lastDate{business, a.ledger.ExpiresOn(business), true}
	}
	return last.through
}

type lastDate struct {
	business, through settlement.Date
	known             bool
}

// issuerOf returns who funds the points of a row: who it names, else the merchant.
func issuerOf(row *settlement.Transaction) settlement.Party {
	if row.Issuer != settlement.NoParty {
		return row.Issuer
	}
	return row.Merchant
}

func (a *Attributor) redeem(row *settlement.Transaction) {
	a.account.Redemptions = append(a.account.Redemptions, settlement.Redemption{
		Source:        row.Source,
		Merchant:      row.Merchant,
		BusinessDate:  row.BusinessDate,
		TransactionID: row.ID,
		OccurredAt:    row.OccurredAt,
		Issuer:        row.Issuer,
		Reason:        row.Reason,
		Points:        row.Points,
		OpenClaim:     row.Points,
		SettledOn:     a.date,
	})
	index := len(a.account.Redemptions) - 1
	if a.indexed {
		a.redemptionsByID.add(row.Merchant, row.ID, index)
	}
	a.cover(index)
	if left := a.account.Redemptions[index].OpenClaim; left > 0 && a.waitDays > 0 {
		a.reportUncovered(row, left)
	}
	a.settle(row)
}

// cover takes from lots what it can of a redemption's open claim and notes what is left.
func (a *Attributor) cover(index int) {
	redemption := &a.account.Redemptions[index]
	a.pick(redemption)
	a.reserveCharges(redemption, len(a.takes))
	for number, take := range a.takes {
		a.charge(redemption, take, int32(number))
	}
	if redemption.OpenClaim > 0 {
		a.claims = append(a.claims, openClaim{index, int32(len(a.takes))})
	}
}

// charge takes points from one lot: open ones, then expired ones.
func (a *Attributor) charge(redemption *settlement.Redemption, take take, number int32) {
	lot := &a.account.Lots[take.lot]
	open := min(take.points, lot.Open)
	late := take.points - open
	lot.Open -= open
	lot.Expired -= late
	lot.Spent += take.points
	redemption.OpenClaim -= take.points

	movement := &a.outcome.Movements[lot.Issuer]
	a.countRedeemed(movement, redemption.Merchant, take.points)
	a.add(&movement.Expired, -late, "expired", lot.Issuer)
	a.drift[lot.Issuer] -= open

	charge := settlement.Charge{
		Lot:    lot.Key,
		Issuer: lot.Issuer,
		Points: take.points,
		Price:  a.price(lot.Issuer, redemption.Merchant, redemption.BusinessDate, redemption.Reason),
	}
	redemption.Charges = append(redemption.Charges, charge)
	a.allocate(redemption, &charge, number)
}

// countRedeemed adds a redemption of an issuer's points to both sides.
func (a *Attributor) countRedeemed(movement *settlement.IssuerPoints, redeemer settlement.Party, points int64) {
	if movement.Issuer == redeemer {
		a.add(&movement.RedeemedOwn, points, "redeemed", movement.Issuer)
	} else {
		a.add(&movement.RedeemedElsewhere, points, "redeemed", movement.Issuer)
	}
	a.add(&a.outcome.RedeemedHere[redeemer], points, "redeemed here", redeemer)
}

// allocate appends the allocation of a charge just made.
func (a *Attributor) allocate(redemption *settlement.Redemption, charge *settlement.Charge, number int32) {
	a.outcome.Allocations = append(a.outcome.Allocations, settlement.Allocation{
		Activity:      settlement.RedemptionActivity,
		Issuer:        charge.Issuer,
		Redeemer:      redemption.Merchant,
		BusinessDate:  redemption.BusinessDate,
		Price:         charge.Price,
		Points:        charge.Points,
		Number:        number,
		TransactionID: redemption.TransactionID,
		OccurredAt:    redemption.OccurredAt,
		HasLot:        !charge.ByAlliance,
		Lot:           charge.Lot,
	})
}

// price returns the price of a redemption; points redeemed at their issuer have none.
func (a *Attributor) price(issuer, redeemer settlement.Party, business settlement.Date, reason string) settlement.Price {
	if issuer == redeemer {
		return settlement.Price{}
	}
	return a.pricer.Price(issuer, redeemer, business, reason)
}

const slabCharges = 256

// Recycle says that no account that was attributed so far is needed any more: it was written, or its charges were copied.
// What they took of memory serves the next ones.
func (a *Attributor) Recycle() { a.slab = a.slabs }

// reserveCharges makes room for n more charges, from a slab that many redemptions share.
func (a *Attributor) reserveCharges(redemption *settlement.Redemption, n int) {
	has := len(redemption.Charges)
	if cap(redemption.Charges)-has >= n {
		return
	}
	if len(a.slab) < has+n {
		a.slabs = make([]settlement.Charge, max(slabCharges, has+n))
		a.slab = a.slabs
	}
	grown := a.slab[: has : has+n]
	a.slab = a.slab[has+n:]
	copy(grown, redemption.Charges)
	redemption.Charges = grown
}

// settle puts an accepted row on record.
func (a *Attributor) settle(row *settlement.Transaction) {
	a.applied = row
	if row.FirstRead == a.date {
		a.outcome.file(row.Source.File, row.Merchant).Accepted++
	}
	if a.Settled != nil {
		a.Settled(row)
	}
}

// add adds points to a sum of a party, or notes that it does not fit.
func (a *Attributor) add(sum *int64, points int64, what string, party settlement.Party) {
	total, err := settlement.AddPoints(*sum, points)
	if err != nil {
		a.fail(fmt.Errorf("points %s of %s on %s: %w", what, a.rulebook.Parties.ID(party), a.date, err))
	}
	*sum = total
}

// fail notes why the night fails, of several reasons the first.
func (a *Attributor) fail(err error) {
	if a.failure == nil {
		a.failure = err
	}
}

// finish puts tonight's records in order, checks them and puts away what only reversals can ask for.
func (a *Attributor) finish() {
	account := a.account
	account.Deferred = replace(account.Deferred, a.waiting)
	a.lotSorter.sort(account.Lots, a.sortedLots, lotMerchant, compareLots)
	a.redemptionSorter.sort(account.Redemptions, a.sortedRedemptions, redemptionMerchant, compareRedemptions)
	a.check()
	a.putAway()
	clear(a.work)
	clear(a.waiting)
	a.account, a.outcome, a.applied = nil, nil, nil
}
