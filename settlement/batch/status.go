package batch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A Status says how far a ledger has come and what waits.
type Status struct {
	// Settled are the settled dates, in order.
	Settled []SettledStatus `json:"settled"`
	// OpeningRecord is the number of the record of the opening lots, or 0.
	OpeningRecord int64 `json:"opening_record,omitempty"`
	// Next is the next date to be settled; on an empty ledger the first date in the inbox, or
	// absent if the inbox is empty too.
	Next *settlement.Date `json:"next,omitempty"`
	// ClosedThrough is the last date that is final, or absent.
	ClosedThrough *settlement.Date `json:"closed_through,omitempty"`
	// Pending are the objects of the inbox, the alliance's adjustments among them, that no settled
	// date has looked at and a later one will; TooLate those that none will, since they came after
	// the last night of their folder.
	Pending []ObjectStatus `json:"pending"`
	TooLate []ObjectStatus `json:"too_late,omitempty"`
	// Replaced are objects that were settled and written again since: other content under their keys is
	// held and never settled. Those of the same size may have the same content, as after a copy.
	Replaced []ReplacedStatus `json:"replaced,omitempty"`
	// Held are the files that the last settled date held.
	Held []HeldStatus `json:"held"`
	// Missing are the merchants that did not deliver for the last settled date, in order.
	Missing []string `json:"missing,omitempty"`
	// OpenClaims are redemptions that no lot has covered in full yet.
	OpenClaims ClaimStatus `json:"open_claims"`
	// Deferred are rows that wait for their date or their original.
	Deferred DeferredStatus `json:"deferred"`
	// Head is the newest record of the log; its sequence is 0 if there is none.
	Head HeadReport `json:"head"`
}

// A SettledStatus is a settled date.
type SettledStatus struct {
	Date settlement.Date `json:"date"`
	// Record is the log's newest record that settles the date; Version counts those records.
	Record      int64    `json:"record"`
	Version     int      `json:"version"`
	Complete    bool     `json:"complete"`
	CycleClosed bool     `json:"cycle_closed"`
	Final       bool     `json:"final"`
	Missing     []string `json:"missing,omitempty"`
	Held        int64    `json:"held"`
	// Time and Operator are those of the record, as claimed.
	Time     string `json:"time,omitempty"`
	Operator string `json:"operator,omitempty"`
}

// An ObjectStatus is an object of the inbox.
type ObjectStatus struct {
	Merchant string          `json:"merchant_id"`
	Key      string          `json:"key"`
	Folder   settlement.Date `json:"date"`
	Bytes    int64           `json:"bytes"`
}

// A ReplacedStatus is an object of the inbox that was written again after it was settled.
type ReplacedStatus struct {
	ObjectStatus
	// SettledOn is the date that settled it before. Final says that it is closed, so that it cannot be restated.
	SettledOn settlement.Date `json:"settled_on"`
	Final     bool            `json:"final,omitempty"`
	// SameSize says that it has as many bytes as what was settled. Then only a run, which reads it, can say
	// whether the content is another.
	SameSize bool `json:"same_size,omitempty"`
}

// A HeldStatus is a file that is held.
type HeldStatus struct {
	Merchant string          `json:"merchant_id"`
	Key      string          `json:"key"`
	Code     settlement.Code `json:"code"`
	// Until is the last settlement date that looks at it. LastLook says that it is past.
	Until    settlement.Date `json:"until"`
	LastLook bool            `json:"last_look_is_past,omitempty"`
}

// A ClaimStatus counts open claims.
type ClaimStatus struct {
	Count  int64 `json:"count"`
	Points int64 `json:"points"`
	// Oldest is the earliest settlement date that settled one of the redemptions; absent if there is none.
	Oldest *settlement.Date `json:"oldest_night,omitempty"`
}

// A DeferredStatus counts deferred rows.
type DeferredStatus struct {
	Count int64 `json:"count"`
	// Future counts those among them whose business date is yet to come.
	Future int64 `json:"future"`
	// Oldest is the earliest settlement date that read one of them; absent if there is none.
	Oldest *settlement.Date `json:"oldest_night,omitempty"`
}

// ReadStatus finds out how far a ledger has come. It writes nothing. A rulebook that lacks a
// party on record is a [RulebookError]; other errors are those of the stores.
func ReadStatus(ctx context.Context, inbox, bucket storage.Bucket, rulebook *rules.Rulebook) (*Status, error) {
	ledger, err := books.Open(ctx, bucket)
	if err != nil {
		return nil, err
	}
	status := &Status{Settled: []SettledStatus{}, Pending: []ObjectStatus{}, Held: []HeldStatus{}}
	status.Head.Sequence, status.Head.SHA256 = ledger.Head()
	closed, _ := ledger.ClosedThrough()
	status.ClosedThrough = given(closed)
	if _, record := ledger.Opening(); record != nil {
		status.OpeningRecord = record.Seq
	}
	status.addSettled(ledger, closed)
	last, any := ledger.LastSettled()
	if any {
		status.addInputs(ledger, rulebook, last)
	}
	if err := status.addObjects(ctx, inbox, ledger, rulebook); err != nil {
		return nil, err
	}
	if state, _ := lastState(ledger); state != nil {
		if err := status.addAccounts(ctx, ledger, state, rulebook, last); err != nil {
			return nil, asRulebookError(err)
		}
	}
	return status, nil
}

// given returns a date to be shown, nil for none.
func given(date settlement.Date) *settlement.Date {
	if date == settlement.NoDate || date == settlement.Never {
		return nil
	}
	return &date
}

// lastState returns the newest state on record, and after which date it is; nil if there is none.
func lastState(ledger *books.Ledger) (*books.StateRecord, settlement.Date) {
	if last, any := ledger.LastSettled(); any {
		settled, _ := ledger.Settled(last)
		return &settled.State, last
	}
	state, _ := ledger.Opening()
	return state, settlement.NoDate
}

func (s *Status) addSettled(ledger *books.Ledger, closed settlement.Date) {
	first, _ := ledger.FirstSettled()
	last, any := ledger.LastSettled()
	versions := make(map[settlement.Date]int)
	for _, record := range ledger.Records() {
		for i := range record.Dates {
			versions[record.Dates[i].Date]++
		}
	}
	for date := first; any && date <= last; date++ {
		settled, record := ledger.Settled(date)
		if settled == nil {
			continue
		}
		one := SettledStatus{Date: date, Record: record.Seq, Version: versions[date], Complete: settled.Complete,
			CycleClosed: settled.CycleClosed, Final: date <= closed, Time: record.Time, Operator: record.Operator}
		for i := range settled.Inputs {
			switch settled.Inputs[i].State {
			case settlement.Missing:
				one.Missing = append(one.Missing, settled.Inputs[i].Merchant)
			case settlement.Held:
				one.Held++
			}
		}
		s.Settled = append(s.Settled, one)
	}
}

// addInputs adds what the last settled date held and missed.
func (s *Status) addInputs(ledger *books.Ledger, rulebook *rules.Rulebook, last settlement.Date) {
	settled, _ := ledger.Settled(last)
	for _, input := range settled.Inputs {
		switch input.State {
		case settlement.Missing:
			s.Missing = append(s.Missing, input.Merchant)
		case settlement.Held:
			held := HeldStatus{Merchant: input.Merchant, Key: input.Key, Code: input.Code}
			held.Until = lastLook(input.Key, rulebook)
			held.LastLook = held.Until <= last
			s.Held = append(s.Held, held)
		}
	}
}

// lastLook returns the last settlement date that looks at an object.
func lastLook(key string, rulebook *rules.Rulebook) settlement.Date {
	return folderOf(key) + settlement.Date(rulebook.Intake.AcceptLateDays)
}

// folderOf returns the date of the folder that a key of the inbox lies in.
func folderOf(key string) settlement.Date {
	for _, segment := range strings.Split(key, "/") {
		if text, found := strings.CutPrefix(segment, "date="); found {
			if date, err := settlement.ParseDate(text); err == nil {
				return date
			}
		}
	}
	return settlement.NoDate
}

// addObjects adds what lies in the inbox and was not looked at, and the next date.
func (s *Status) addObjects(ctx context.Context, inbox storage.Bucket, ledger *books.Ledger, rulebook *rules.Rulebook) error {
	last, any := ledger.LastSettled()
	next := settlement.Never
	if any {
		next = last + 1
	}
	objects, err := intake.ListAll(ctx, inbox, rulebook.Parties, merchantsOn(rulebook, next))
	if err != nil {
		return err
	}
	known, consumed := lookedAt(ledger), consumedOn(ledger)
	for i := range objects {
		object := &objects[i]
		if !any {
			next = min(next, object.Date)
		}
		if seen := known[object.Key]; seen != nil && isAsSeen(object, seen) {
			continue
		}
		found := ObjectStatus{rulebook.Parties.ID(object.Merchant), object.Key, object.Date, object.Size}
		before, settled := consumed[object.Key]
		switch {
		case settled:
			s.Replaced = append(s.Replaced, ReplacedStatus{found, before.on, isFinal(ledger, before.on), before.bytes == object.Size})
		case any && lastLook(object.Key, rulebook) < next:
			s.TooLate = append(s.TooLate, found)
		default:
			s.Pending = append(s.Pending, found)
		}
	}
	if err := s.addAdjustments(ctx, inbox, rulebook, known, last, any); err != nil {
		return err
	}
	byFolder := func(a, b ObjectStatus) int { return cmp.Or(cmp.Compare(a.Folder, b.Folder), cmp.Compare(a.Key, b.Key)) }
	slices.SortFunc(s.Pending, byFolder)
	slices.SortFunc(s.TooLate, byFolder)
	slices.SortFunc(s.Replaced, func(a, b ReplacedStatus) int { return byFolder(a.ObjectStatus, b.ObjectStatus) })
	s.Next = given(next)
	return nil
}

// addAdjustments adds the alliance's adjustments that were not looked at: those of a settled date
// never will be.
func (s *Status) addAdjustments(ctx context.Context, inbox storage.Bucket, rulebook *rules.Rulebook, known map[string]*books.InputRecord, last settlement.Date, any bool) error {
	objects, err := unreadAdjustments(ctx, inbox, "", known)
	if err != nil {
		return err
	}
	for _, object := range objects {
		folder := folderOf(object.Key)
		found := ObjectStatus{rulebook.ID, object.Key, folder, object.Size}
		if any && folder <= last {
			s.TooLate = append(s.TooLate, found)
		} else {
			s.Pending = append(s.Pending, found)
		}
	}
	return nil
}

// unreadAdjustments returns the alliance's adjustments in the folders of dates below a prefix that no settled date has
// looked at; known is what they did look at. Names that begin with _ or . are no data.
func unreadAdjustments(ctx context.Context, inbox storage.Bucket, below string, known map[string]*books.InputRecord) (unread []storage.Object, err error) {
	objects, err := inbox.List(ctx, "alliance/adjustments/"+below)
	if err != nil {
		return nil, fmt.Errorf("list the adjustments: %w", err)
	}
	for _, object := range objects {
		name := object.Key[strings.LastIndexByte(object.Key, '/')+1:]
		isData := !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".")
		if isData && folderOf(object.Key) != settlement.NoDate && known[object.Key] == nil {
			unread = append(unread, object)
		}
	}
	return unread, nil
}

// lookedAt returns every object that a settled date looked at, as it last found it, by key.
func lookedAt(ledger *books.Ledger) map[string]*books.InputRecord {
	known := make(map[string]*books.InputRecord)
	for _, date := range settledDates(ledger) {
		settled, _ := ledger.Settled(date)
		for i := range settled.Inputs {
			known[settled.Inputs[i].Key] = &settled.Inputs[i]
		}
	}
	return known
}

// isAsSeen reports whether an object is as a settled date found it.
func isAsSeen(object *intake.Object, seen *books.InputRecord) bool {
	return seen.Bytes == object.Size && seen.Version == object.Version
}

// A consumedObject is an object as it was settled.
type consumedObject struct {
	on    settlement.Date
	bytes int64
}

// consumedOn returns every object that a date settled, by key.
func consumedOn(ledger *books.Ledger) map[string]consumedObject {
	consumed := make(map[string]consumedObject)
	for _, date := range settledDates(ledger) {
		settled, _ := ledger.Settled(date)
		for i := range settled.Inputs {
			if settled.Inputs[i].State == settlement.Consumed {
				consumed[settled.Inputs[i].Key] = consumedObject{date, settled.Inputs[i].Bytes}
			}
		}
	}
	return consumed
}

func (s *Status) addAccounts(ctx context.Context, ledger *books.Ledger, state *books.StateRecord, rulebook *rules.Rulebook, last settlement.Date) error {
	var claims claimCount
	oldestRow := settlement.Never
	recorded := RecordedAccounts(ledger, state, last)
	// Whoever has a claim, or a row that waits, is looked at on the next date.
	err := recorded.Due(ctx, rulebook.Parties, last+1, func(account *settlement.Account) error {
		for i := range account.Deferred {
			row := &account.Deferred[i]
			s.Deferred.Count++
			if row.BusinessDate > last {
				s.Deferred.Future++
			}
			oldestRow = min(oldestRow, row.FirstRead)
		}
		return claims.add(account)
	})
	if err != nil {
		return asRulebookError(err)
	}
	s.OpenClaims = claims.status()
	s.Deferred.Oldest = given(oldestRow)
	return nil
}

// A claimCount adds up open claims.
type claimCount struct {
	ClaimStatus
	oldest settlement.Date
}

func (c *claimCount) add(account *settlement.Account) error {
	for i := range account.Redemptions {
		redemption := &account.Redemptions[i]
		if redemption.OpenClaim == 0 {
			continue
		}
		if err := c.merge(&claimCount{ClaimStatus{Count: 1, Points: redemption.OpenClaim}, redemption.SettledOn}); err != nil {
			return err
		}
	}
	return nil
}

func (c *claimCount) merge(other *claimCount) (err error) {
	if c.Count == 0 || other.Count > 0 && other.oldest < c.oldest {
		c.oldest = other.oldest
	}
	c.Count += other.Count
	if c.Points, err = settlement.AddPoints(c.Points, other.Points); err != nil {
		return fmt.Errorf("open claims: %w", err)
	}
	return nil
}

func (c *claimCount) status() ClaimStatus {
	status := c.ClaimStatus
	if c.Count > 0 {
		status.Oldest = given(c.oldest)
	}
	return status
}
