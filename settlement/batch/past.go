package batch

import (
	"context"
	"fmt"
	"io"
	"sync"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
)

// recordedPutAway returns what a date put away, whose objects these are.
func recordedPutAway(ledger *books.Ledger, objects []books.StateObject) []stateRun {
	return recorded(ledger, ledger.CurrentObjects(objects))
}

// A pastNight is what a night put away, by group of partitions.
type pastNight struct {
	date   settlement.Date
	groups []*pastGroup
}

// A pastGroup is one object of what a night put away. Its directory is read once for all partitions.
type pastGroup struct {
	run    stateRun
	once   sync.Once
	bundle *accounts.Bundle
	err    error
}

// pastNights returns the nights that put something away, the newest first. Those of each follow each other, in order of group.
func pastNights(runs []stateRun) (nights []pastNight, err error) {
	for i := range runs {
		group := &pastGroup{run: runs[i]}
		date, err := settlement.ParseDate(group.run.object.Night)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: the night that wrote it: %w", books.ErrBroken, group.run.object.Object, err)
		}
		if last := len(nights) - 1; last < 0 || nights[last].date != date {
			nights = append(nights, pastNight{date: date})
		}
		night := &nights[len(nights)-1]
		if group.run.object.Partition != len(night.groups) {
			return nil, fmt.Errorf("%w: %s: it is group %d of what was put away, not %d", books.ErrBroken, group.run.object.Object, group.run.object.Partition, len(night.groups))
		}
		night.groups = append(night.groups, group)
	}
	return nights, nil
}

// open reads the directory. The context must live as long as what is read of the bundle.
func (g *pastGroup) open(ctx context.Context) (*accounts.Bundle, error) {
	g.once.Do(func() { g.bundle, g.err = openBundle(ctx, &g.run) })
	return g.bundle, g.err
}

// openBundle opens a group of what a night put away. It holds nothing that has to be closed: there is one for each of many nights.
func openBundle(ctx context.Context, run *stateRun) (*accounts.Bundle, error) {
	var content io.ReaderAt = run.blob
	if run.blob == nil {
		content = run.ledger.BriefReaderAt(ctx, run.object.FileRecord)
	}
	bundle, err := accounts.OpenBundle(content, run.object.Bytes)
	if err == nil && (bundle.IndexSHA256() != run.object.IndexSHA256 || bundle.Night().String() != run.object.Night || bundle.Group() != run.object.Partition) {
		err = fmt.Errorf("%w: its directory, of %s and group %d, has SHA-256 %s, on record is %s", books.ErrBroken, bundle.Night(), bundle.Group(),
			bundle.IndexSHA256(), run.object.IndexSHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run.object.Object, err)
	}
	return bundle, nil
}

// A past is what nights put away of the members of one partition of the state, read when it is asked for. It implements
// [clearing.Past], and is for one goroutine. Members ascend.
type past struct {
	ctx       context.Context
	nights    []pastNight
	partition int
	parties   settlement.Parties
	// arena is where accounts are decoded, and nothing else: it is reset when another member is asked about.
	arena  *accounts.Arena
	opened []openedNight
	// member is who was asked about last, found what there is of it, by night. together is how many nights are asked next, of a store
	// that is far away.
	member   string
	found    []foundPast
	together int
	// lent is what was returned last.
	lent settlement.Account
}

type openedNight struct {
	open, distant bool
	// finder is nil if nothing was put away in the partition.
	finder *accounts.Finder
}

// A foundPast is what a night put away of the member. Nearly always it does not have what is looked for, which its bytes tell.
type foundPast struct {
	// asked says that it was looked for, there that there is something, err what went wrong.
	asked, there bool
	err          error
	// searched is how many bytes were gone through.
	searched int
	// account is what there is, once something was found or it was gone through often; places are those of its lots by transaction
	// id, and -1 less those of its redemptions, if it was gone through often.
	account *settlement.Account
	places  map[string][]int
}

var _ clearing.Past = (*past)(nil)

// newPast returns the past of the members of a partition, of at least as many as any of the nights had. It has to be closed.
func newPast(ctx context.Context, nights []pastNight, partition int, parties settlement.Parties, arena *accounts.Arena) *past {
	return &past{ctx: ctx, nights: nights, partition: partition, parties: parties, arena: arena}
}

// Nights returns how many nights there are.
func (p *past) Nights() int { return len(p.nights) }

// Night returns the date of a night.
func (p *past) Night(night int) settlement.Date { return p.nights[night].date }

// PutAway returns what a night put away of a member that has a transaction id.
func (p *past) PutAway(night int, member, transactionID string) (*settlement.Account, error) {
	if p.opened == nil {
		p.opened, p.found = make([]openedNight, len(p.nights)), make([]foundPast, len(p.nights))
	}
	if p.member != member {
		clear(p.found)
		p.arena.Reset()
		p.member, p.together = member, 1
	}
	away, err := p.putAway(night, transactionID)
	if err != nil {
		return nil, broken(fmt.Errorf("what was put away on %s: %w", p.nights[night].date, err))
	}
	return away, nil
}

func (p *past) putAway(night int, transactionID string) (_ *settlement.Account, err error) {
	found := &p.found[night]
	if !found.asked {
		p.ask(night)
	}
	if found.err != nil || !found.there {
		return nil, found.err
	}
	if found.account == nil {
		// A member has one entry a night, so it stays the one that the finder is at.
		finder := p.opened[night].finder
		if found.searched += finder.Bytes(); found.searched <= worthPlaces_bytes && !finder.Mentions(transactionID) {
			return nil, nil
		}
		if found.account, err = finder.Account(p.arena); err != nil {
			return nil, err
		}
	}
	if transactionID == "" {
		return found.account, nil
	}
	return found.having(transactionID, &p.lent), nil
}

// ask looks for the member among what a night put away. Where each answer takes its time, older nights are asked together with it, since
// they probably come next: twice as many each time, so that in the end not more than twice as many are asked as have to be.
func (p *past) ask(night int) {
	if p.together == 1 {
		p.look(night)
	} else {
		var looks sync.WaitGroup
		for older := night; older < min(night+p.together, len(p.nights)); older++ {
			if !p.found[older].asked {
				looks.Go(func() { p.look(older) })
			}
		}
		looks.Wait()
	}
	if p.opened[night].distant {
		p.together = min(2*p.together, askedTogether)
	}
}

// look looks for the member among what a night put away.
func (p *past) look(night int) {
	found := &p.found[night]
	found.asked = true
	found.err = guarded(func() error {
		opened, err := p.open(night)
		if err != nil || opened.finder == nil {
			return err
		}
		found.there, err = opened.finder.Find(p.member)
		return err
	})
}

const (
	// worthPlaces_bytes is how many bytes are gone through before it is cheaper to remember where each transaction id is.
	worthPlaces_bytes = 256 << 10
	// idBytes is about how many bytes a transaction id is.
	idBytes = 16
)

// having puts what has a transaction id into some, and returns it.
func (f *foundPast) having(transactionID string, some *settlement.Account) *settlement.Account {
	some.Lots, some.Redemptions = some.Lots[:0], some.Redemptions[:0]
	if f.places == nil && f.searched > worthPlaces_bytes {
		f.places = make(map[string][]int, len(f.account.Lots)+len(f.account.Redemptions))
		f.each(func(id string, place int) { f.places[id] = append(f.places[id], place) })
	}
	take := func(place int) {
		if place >= 0 {
			some.Lots = append(some.Lots, f.account.Lots[place])
		} else {
			some.Redemptions = append(some.Redemptions, f.account.Redemptions[-1-place])
		}
	}
	if f.places != nil {
		for _, place := range f.places[transactionID] {
			take(place)
		}
		return some
	}
	f.searched += idBytes * (len(f.account.Lots) + len(f.account.Redemptions))
	f.each(func(id string, place int) {
		if id == transactionID {
			take(place)
		}
	})
	return some
}

// each visits the transaction ids of lots and redemptions with their places.
func (f *foundPast) each(visit func(id string, place int)) {
	for i := range f.account.Lots {
		visit(f.account.Lots[i].Key.TransactionID, i)
	}
	for i := range f.account.Redemptions {
		visit(f.account.Redemptions[i].TransactionID, -1-i)
	}
}

// open opens what a night put away of the partition. The night may have had fewer partitions, but each of them has all members
// of some of those that there are now.
func (p *past) open(night int) (*openedNight, error) {
	opened := &p.opened[night]
	if opened.open {
		return opened, nil
	}
	groups := p.nights[night].groups
	bundle, err := groups[p.partition%len(groups)].open(p.ctx)
	if err != nil {
		return nil, err
	}
	partitions := bundle.Runs() * len(groups)
	run, err := bundle.Open(p.partition%partitions/len(groups), p.parties)
	if err != nil {
		return nil, err
	}
	opened.open, opened.distant = true, bundle.Distant()
	if run != nil {
		opened.finder = accounts.NewFinder(run)
	}
	return opened, nil
}

// allPutAway visits all that nights put away. What is visited is valid during the call only.
func allPutAway(ctx context.Context, runs []stateRun, parties settlement.Parties, visit func(*settlement.Account)) error {
	var arena accounts.Arena
	for i := range runs {
		bundle, err := openBundle(ctx, &runs[i])
		if err != nil {
			return broken(err)
		}
		for number := range bundle.Runs() {
			run, err := bundle.Open(number, parties)
			if err == nil && run != nil {
				err = accounts.Stack{run}.All(&arena, func(account *settlement.Account, _ settlement.Date) error {
					defer arena.Reset()
					visit(account)
					return nil
				})
			}
			if err != nil {
				return broken(err)
			}
		}
	}
	return nil
}

// close waits for what is being read.
func (p *past) close() {
	for i := range p.opened {
		if p.opened[i].finder != nil {
			p.opened[i].finder.Close()
		}
	}
	p.opened, p.found, p.member = nil, nil, ""
}
