package batch

import (
	"context"
	"fmt"

	"alliance/settlement"
	"alliance/settlement/accounts"
	"alliance/settlement/books"
	"alliance/settlement/clearing"
	"alliance/settlement/storage"
)

// recordedPutAway returns what a date put away, as its state has it on record.
func recordedPutAway(ledger *books.Ledger, state *books.StateRecord) (runs []stateRun) {
	for _, object := range ledger.CurrentState(state).Of(books.PutAway) {
		runs = append(runs, stateRun{object: object, ledger: ledger})
	}
	return runs
}

// A pastNight is what a night put away, by group of partitions.
type pastNight struct {
	date   settlement.Date
	groups []stateRun
}

// pastNights returns the nights that put something away, the newest first. Those of each follow each other, in order of group.
func pastNights(runs []stateRun) (nights []pastNight, err error) {
	for i := range runs {
		date, err := settlement.ParseDate(runs[i].object.Night)
		if err != nil {
			return nil, broken(fmt.Errorf("%s: the night that wrote it: %w", runs[i].object.Object, err))
		}
		if last := len(nights) - 1; last < 0 || nights[last].date != date {
			nights = append(nights, pastNight{date: date})
		}
		night := &nights[len(nights)-1]
		if runs[i].object.Partition != len(night.groups) {
			return nil, broken(fmt.Errorf("%s: it is group %d of what was put away, not %d", runs[i].object.Object, runs[i].object.Partition, len(night.groups)))
		}
		night.groups = append(night.groups, runs[i])
	}
	return nights, nil
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
	// member is who was asked about last, found what there is of it, by night.
	member string
	found  []foundPast
}

type openedNight struct {
	open bool
	// finder is nil if nothing was put away in the partition.
	finder  *accounts.Finder
	content storage.ReadAtCloser
}

type foundPast struct {
	asked   bool
	account *settlement.Account
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

// PutAway returns what a night put away of a member.
func (p *past) PutAway(night int, member string) (*settlement.Account, error) {
	if p.opened == nil {
		p.opened, p.found = make([]openedNight, len(p.nights)), make([]foundPast, len(p.nights))
	}
	if p.member != member {
		clear(p.found)
		p.arena.Reset()
		p.member = member
	}
	found := &p.found[night]
	if found.asked {
		return found.account, nil
	}
	opened, err := p.open(night)
	if err == nil && opened.finder != nil {
		found.account, err = opened.finder.Find(member, p.arena)
	}
	if err != nil {
		return nil, broken(fmt.Errorf("what was put away on %s: %w", p.nights[night].date, err))
	}
	found.asked = true
	return found.account, nil
}

// open opens what a night put away of the partition. The night may have had fewer partitions, but each of them has all members
// of some of those that there are now.
func (p *past) open(night int) (*openedNight, error) {
	opened := &p.opened[night]
	if opened.open {
		return opened, nil
	}
	groups := p.nights[night].groups
	content, bundle, err := openBundle(p.ctx, &groups[p.partition%len(groups)])
	if err != nil {
		return nil, err
	}
	partitions := bundle.Runs() * len(groups)
	run, err := bundle.Open(p.partition%partitions/len(groups), p.parties)
	if err != nil {
		content.Close()
		return nil, err
	}
	opened.open, opened.content = true, content
	if run != nil {
		opened.finder = accounts.NewFinder(run)
	}
	return opened, nil
}

// allPutAway visits all that nights put away. What is visited is valid during the call only.
func allPutAway(ctx context.Context, runs []stateRun, parties settlement.Parties, visit func(*settlement.Account)) error {
	var arena accounts.Arena
	for i := range runs {
		content, bundle, err := openBundle(ctx, &runs[i])
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
				content.Close()
				return broken(err)
			}
		}
		content.Close()
	}
	return nil
}

// openBundle opens a group of what a night put away. The content has to be closed.
func openBundle(ctx context.Context, run *stateRun) (storage.ReadAtCloser, *accounts.Bundle, error) {
	content, err := run.content(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	bundle, err := accounts.OpenBundle(content, run.object.Bytes)
	if err == nil && bundle.IndexSHA256() != run.object.IndexSHA256 {
		err = fmt.Errorf("%w: its directory has SHA-256 %s, on record is %s", books.ErrBroken, bundle.IndexSHA256(), run.object.IndexSHA256)
	}
	if err != nil {
		content.Close()
		return nil, nil, fmt.Errorf("%s: %w", run.object.Object, err)
	}
	return content, bundle, nil
}

// close closes what was opened.
func (p *past) close() {
	for i := range p.opened {
		if p.opened[i].finder != nil {
			p.opened[i].finder.Close()
		}
		if p.opened[i].open {
			p.opened[i].content.Close()
		}
	}
	p.opened, p.found, p.member = nil, nil, ""
}
