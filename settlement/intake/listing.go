package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/layout"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

const (
	merchantPrefix = "merchant="
	datePrefix     = "date="
	controlName    = "_control.json"
	alliancePrefix = "alliance/"
	// acknowledgementsName is the folder in which merchants find what became of their deliveries, if no other place is named.
	acknowledgementsName = "ack"
	deliveriesLie        = "deliveries lie in merchant=<id>/date=<YYYY-MM-DD>/"
	adjustmentsLie       = "adjustments lie in alliance/adjustments/date=<YYYY-MM-DD>/"
	// listings is how many requests for listings are under way at a time. They wait for the
	// store, not for a processor.
	listings = 16
)

// A Window is the folders that the run of a settlement date reads.
type Window struct {
	// Date is the settlement date, and the last folder.
	Date settlement.Date
	// AcceptLateDays is how many dates before it are read too.
	AcceptLateDays int
}

// First returns the first date of the window. A file that is held there is looked at for the
// last time.
func (w Window) First() settlement.Date { return w.Date - settlement.Date(w.AcceptLateDays) }

// Holds reports whether a date is in the window.
func (w Window) Holds(date settlement.Date) bool { return w.First() <= date && date <= w.Date }

// A Merchant is what intake must know of an entry of the register.
type Merchant struct {
	Party settlement.Party
	// ControlRequired holds every file that no control file names.
	ControlRequired bool
	// Layout is how it writes its files, nil for the common form.
	Layout *layout.Layout
	// Active says that the merchant is active on the settlement date.
	Active bool
	// Expected says that its entry expects a delivery for the settlement date.
	Expected bool
}

// A Folder is one merchant's files of one date.
type Folder struct {
	Merchant settlement.Party
	Date     settlement.Date
}

// A Listing is what the inbox held for one settlement date when it was looked at. It does not
// change afterwards, whatever is delivered meanwhile.
type Listing struct {
	Window Window
	// Merchants are those of the register, in order.
	Merchants []Merchant
	// Objects are the data objects of the window, in order of merchant and key.
	Objects []Object
	// Controls are the control files of the window, in order of merchant and date, but for those of earlier dates that are on record
	// as they are, as is every file of their folder: nothing depends on them any more.
	Controls []*Control
	// Exceptions are the folders, and the files outside of folders, that nobody reads
	// (unknown_merchant, unknown_folder) in order.
	Exceptions []settlement.Exception

	controls map[Folder]*Control
	objects  map[Folder][]int
}

// merchant returns the entry of a party, or nil.
func (l *Listing) merchant(party settlement.Party) *Merchant {
	at, found := slices.BinarySearchFunc(l.Merchants, party, func(m Merchant, p settlement.Party) int {
		return cmp.Compare(m.Party, p)
	})
	if !found {
		return nil
	}
	return &l.Merchants[at]
}

// Discover lists what the merchants delivered under the dates of a window, and reads the
// control files of which a verdict may depend. inbox has the inbox's keys at its root; merchants are those of the register,
// in any order. Only their ids ever become part of a key. history is what the dates before did with it.
//
// The result depends on what is there, not on the order in which the store tells it. An error
// is one of the store.
func Discover(ctx context.Context, inbox storage.Bucket, parties settlement.Parties, merchants []Merchant, window Window, history *History) (*Listing, error) {
	listing := &Listing{
		Window:    window,
		Merchants: slices.SortedFunc(slices.Values(merchants), func(a, b Merchant) int { return cmp.Compare(a.Party, b.Party) }),
		controls:  map[Folder]*Control{},
		objects:   map[Folder][]int{},
	}
	unknown, err := unknownFolders(ctx, inbox, parties, listing)
	if err != nil {
		return nil, err
	}
	astray, err := filesAstray(ctx, inbox)
	if err != nil {
		return nil, err
	}
	found := make([]delivery, len(listing.Merchants))
	group, groupContext := errgroup.WithContext(ctx)
	group.SetLimit(listings)
	for i, merchant := range listing.Merchants {
		group.Go(func() error {
			found[i] = newDelivery(parties, merchant.Party)
			if err := found[i].discover(groupContext, inbox, window, history); err != nil {
				return err
			}
			return found[i].noticeAstray(groupContext, inbox)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	listing.Exceptions = append(unknown, astray...)
	for i := range found {
		for j := range found[i].objects {
			found[i].objects[j].Layout = listing.Merchants[i].Layout
		}
		listing.add(&found[i])
	}
	slices.SortFunc(listing.Exceptions, func(a, b settlement.Exception) int { return settlement.CompareExceptions(&a, &b) })
	return listing, nil
}

// ListAll lists every data object of the register's merchants, whatever its date: what is
// pending, and what came too late to be read, besides what [Discover] finds. In order of
// merchant and key. Years of folders may lie there: each merchant's are listed in one, several merchants at a time.
func ListAll(ctx context.Context, inbox storage.Bucket, parties settlement.Parties, merchants []Merchant) ([]Object, error) {
	merchants = slices.SortedFunc(slices.Values(merchants), func(a, b Merchant) int { return cmp.Compare(a.Party, b.Party) })
	found := make([]delivery, len(merchants))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(listings)
	for i, merchant := range merchants {
		group.Go(func() error {
			found[i] = newDelivery(parties, merchant.Party)
			return found[i].listAll(ctx, inbox)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []Object
	for i := range found {
		all = append(all, found[i].objects...)
	}
	return all, nil
}

// folders returns the folders right below root and their objects, all of which are in order of key.
func folders(objects []storage.Object, root string) iter.Seq2[string, []storage.Object] {
	return func(yield func(string, []storage.Object) bool) {
		for len(objects) > 0 {
			name, _, isFolder := strings.Cut(strings.TrimPrefix(objects[0].Key, root), "/")
			count := 1
			for count < len(objects) && isFolder && strings.HasPrefix(objects[count].Key, root+name+"/") {
				count++
			}
			if isFolder && !yield(name, objects[:count]) {
				return
			}
			objects = objects[count:]
		}
	}
}

func byKey(objects []storage.Object) {
	slices.SortFunc(objects, func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) })
}

func (l *Listing) add(found *delivery) {
	for i := range found.objects {
		folder := Folder{found.objects[i].Merchant, found.objects[i].Date}
		l.objects[folder] = append(l.objects[folder], len(l.Objects)+i)
	}
	l.Objects = append(l.Objects, found.objects...)
	l.Controls = append(l.Controls, found.controls...)
	for _, control := range found.controls {
		l.controls[Folder{control.Merchant, control.Date}] = control
	}
	l.Exceptions = append(l.Exceptions, found.exceptions...)
}

// unknownFolders notices the folders at the inbox's root and in the alliance's that belong to nobody, by their names alone: whatever lies
// in them is not looked at. Only those are passed over whose names say that they are no data, and the acknowledgements.
func unknownFolders(ctx context.Context, inbox storage.Bucket, parties settlement.Parties, listing *Listing) ([]settlement.Exception, error) {
	names, err := storage.FoldersOf(ctx, inbox, "", func(name string) bool {
		if id, found := strings.CutPrefix(name, merchantPrefix); found {
			return listing.merchant(parties.Find(id)) == nil
		}
		return isData(name) && name != strings.TrimSuffix(alliancePrefix, "/") && name != acknowledgementsName
	})
	if err != nil {
		return nil, fmt.Errorf("list the inbox: %w", err)
	}
	var exceptions []settlement.Exception
	for _, name := range names {
		found := finding{code: settlement.UnknownFolder, message: "nothing in the folder is read: " + deliveriesLie + ", and " + adjustmentsLie +
			"; move its files there, or begin its name with _ if they are no data"}
		if strings.HasPrefix(name, merchantPrefix) {
			found = finding{code: settlement.UnknownMerchant,
				message: "the register has no merchant of this id, so nothing in the folder is read; correct the folder's name or add the merchant to the rulebook"}
		}
		exceptions = append(exceptions, found.folder(name, name))
	}
	names, err = storage.FoldersOf(ctx, inbox, alliancePrefix, func(name string) bool {
		return isData(name) && alliancePrefix+name+"/" != adjustmentsPrefix
	})
	// A link in the place of the alliance's folder refuses the run, where its adjustments are read.
	if err != nil && !errors.Is(err, storage.ErrIrregular) {
		return nil, fmt.Errorf("list the folders of the alliance: %w", err)
	}
	for _, name := range names {
		found := finding{code: settlement.UnknownFolder, message: "nothing in the folder is read, so no adjustment in it is booked: " + adjustmentsLie +
			"; move its files there, or begin its name with _ if they are none"}
		exceptions = append(exceptions, found.folder(alliancePrefix+name, name))
	}
	return exceptions, nil
}

// folder is the exception of a folder that belongs to nobody.
func (f *finding) folder(key, name string) settlement.Exception {
	f.value = cutValue(name)
	return f.exception(settlement.NoParty, validText(key)+"/", settlement.Noticed)
}

// filesAstray notices files that lie where only folders are read, and belong to nobody.
func filesAstray(ctx context.Context, inbox storage.Bucket) ([]settlement.Exception, error) {
	var exceptions []settlement.Exception
	for _, place := range []struct{ prefix, mend string }{
		{"", deliveriesLie},
		{alliancePrefix, adjustmentsLie},
		{adjustmentsPrefix, adjustmentsLie},
	} {
		objects, err := storage.Files(ctx, inbox, place.prefix)
		if err != nil && !errors.Is(err, storage.ErrIrregular) {
			return nil, fmt.Errorf("list the files of the inbox: %w", err)
		}
		for i := range objects {
			if isData(strings.TrimPrefix(objects[i].Key, place.prefix)) {
				exceptions = append(exceptions, astray(settlement.NoParty, objects[i].Key, place.prefix, place.mend))
			}
		}
	}
	return exceptions, nil
}

func astray(merchant settlement.Party, key, prefix, mend string) settlement.Exception {
	return settlement.Exception{Merchant: merchant, File: validText(key), Code: settlement.UnknownFolder, State: settlement.Noticed,
		Value: cutValue(strings.TrimPrefix(validText(key), prefix)), Message: "the file lies in no folder of a date, so it is not read; " + mend}
}

func parseFolder(name string) (settlement.Date, bool) {
	text, ok := strings.CutPrefix(name, datePrefix)
	if !ok {
		return settlement.NoDate, false
	}
	date, err := settlement.ParseDate(text)
	return date, err == nil
}
