package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/layout"
	"alliance/settlement/storage"

	"golang.org/x/sync/errgroup"
)

const (
	merchantPrefix = "merchant="
	datePrefix     = "date="
	controlName    = "_control.json"
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
	// Controls are the control files of the window, in order of merchant and date.
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

// Discover lists what the merchants delivered under the dates of a window, and reads their
// control files. inbox has the inbox's keys at its root; merchants are those of the register,
// in any order. Only their ids ever become part of a key.
//
// The result depends on what is there, not on the order in which the store tells it. An error
// is one of the store.
func Discover(ctx context.Context, inbox storage.Bucket, parties settlement.Parties, merchants []Merchant, window Window) (*Listing, error) {
	listing := &Listing{
		Window:    window,
		Merchants: slices.SortedFunc(slices.Values(merchants), func(a, b Merchant) int { return cmp.Compare(a.Party, b.Party) }),
		controls:  map[Folder]*Control{},
		objects:   map[Folder][]int{},
	}
	unknown, err := unknownMerchants(ctx, inbox, parties, listing)
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
			var err error
			found[i], err = discoverMerchant(groupContext, inbox, parties.ID(merchant.Party), merchant.Party, window.Holds)
			if err != nil {
				return err
			}
			return found[i].noticeAstray(groupContext, inbox, parties.ID(merchant.Party), merchant.Party)
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
			return found[i].listAll(ctx, inbox, merchantPrefix+parties.ID(merchant.Party)+"/", merchant.Party)
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

// listAll finds the data objects of one merchant, and nothing else of what lies there.
func (d *delivery) listAll(ctx context.Context, inbox storage.Bucket, root string, merchant settlement.Party) error {
	objects, err := inbox.List(ctx, root)
	if errors.Is(err, storage.ErrIrregular) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", root, err)
	}
	byKey(objects)
	for name, objects := range folders(objects, root) {
		if date, ok := parseFolder(name); ok {
			d.addData(objects, root+name+"/", Folder{merchant, date})
		}
	}
	return nil
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

func unknownMerchants(ctx context.Context, inbox storage.Bucket, parties settlement.Parties, listing *Listing) ([]settlement.Exception, error) {
	// Whatever other folders lie at the root are nobody's, and not looked into.
	ids, err := storage.FoldersOf(ctx, inbox, merchantPrefix, func(id string) bool { return listing.merchant(parties.Find(id)) == nil })
	if err != nil {
		return nil, fmt.Errorf("list the inbox: %w", err)
	}
	var exceptions []settlement.Exception
	for _, id := range ids {
		name := validText(merchantPrefix + id)
		exceptions = append(exceptions, settlement.Exception{
			Merchant: settlement.NoParty,
			File:     name + "/",
			Code:     settlement.UnknownMerchant,
			State:    settlement.Noticed,
			Value:    cutValue(name),
			Message:  "the register has no merchant of this id, so nothing in the folder is read; correct the folder's name or add the merchant to the rulebook",
		})
	}
	return exceptions, nil
}

// A delivery is what one merchant's part of the inbox holds.
type delivery struct {
	objects    []Object
	controls   []*Control
	exceptions []settlement.Exception
}

func discoverMerchant(ctx context.Context, inbox storage.Bucket, id string, merchant settlement.Party, holds func(settlement.Date) bool) (delivery, error) {
	var found delivery
	root := merchantPrefix + id + "/"
	// Years of folders may lie there, of which a few dates are read tonight.
	names, err := storage.FoldersOf(ctx, inbox, root, func(name string) bool {
		date, ok := parseFolder(name)
		return !ok || holds(date)
	})
	if errors.Is(err, storage.ErrIrregular) {
		found.closedFolder(merchant, root, strings.TrimSuffix(root, "/"), err)
		return found, nil
	}
	if err != nil {
		return found, fmt.Errorf("list %s: %w", root, err)
	}
	names = slices.Sorted(slices.Values(names))
	listed, err := listDates(ctx, inbox, root, names)
	if err != nil {
		return found, err
	}
	for _, name := range names {
		date, ok := parseFolder(name)
		if !ok {
			found.unknownFolder(merchant, root+name+"/", name, "not of the form date=YYYY-MM-DD")
			continue
		}
		if err := found.list(ctx, inbox, root+name+"/", Folder{merchant, date}, listed); err != nil {
			return found, err
		}
	}
	return found, nil
}

// listDates lists those of some folders that are of dates together, by name, where that is worth it; else it returns nil.
func listDates(ctx context.Context, inbox storage.Bucket, root string, names []string) (map[string][]storage.Object, error) {
	dates := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := parseFolder(name); return !ok })
	if len(dates) < 2 {
		return nil, nil
	}
	objects, together, err := storage.ListFolders(ctx, inbox, root, dates[0], dates[len(dates)-1])
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", root, err)
	}
	if !together {
		return nil, nil
	}
	byKey(objects)
	return maps.Collect(folders(objects, root)), nil
}

func parseFolder(name string) (settlement.Date, bool) {
	text, ok := strings.CutPrefix(name, datePrefix)
	if !ok {
		return settlement.NoDate, false
	}
	date, err := settlement.ParseDate(text)
	return date, err == nil
}

// list adds what lies in the folder of a date. listed is what lies in all of them, nil if they were not listed together.
func (d *delivery) list(ctx context.Context, inbox storage.Bucket, prefix string, folder Folder, listed map[string][]storage.Object) error {
	name := datePrefix + folder.Date.String()
	objects := listed[name]
	if listed == nil {
		var err error
		objects, err = inbox.List(ctx, prefix)
		if errors.Is(err, storage.ErrIrregular) {
			d.closedFolder(folder.Merchant, prefix, name, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		byKey(objects)
	}
	for _, object := range objects {
		if object.Key != prefix+controlName {
			continue
		}
		control, err := readControl(ctx, inbox, object, folder, &standard)
		if err != nil {
			return err
		}
		d.controls = append(d.controls, control)
	}
	d.addData(objects, prefix, folder)
	return nil
}

// addData adds those of a folder's objects, which are in order of key, that are data.
func (d *delivery) addData(objects []storage.Object, prefix string, folder Folder) {
	lastFolder := ""
	for _, object := range objects {
		name := strings.TrimPrefix(object.Key, prefix)
		if !isData(name) {
			continue
		}
		if below, _, nested := strings.Cut(name, "/"); nested {
			if below != lastFolder {
				d.unknownFolder(folder.Merchant, prefix+below+"/", below, "a folder inside the folder of a date")
			}
			lastFolder = below
			continue
		}
		d.objects = append(d.objects, Object{Merchant: folder.Merchant, Date: folder.Date, Name: name, Format: FormatOf(name), Object: object})
	}
	if slices.ContainsFunc(objects, func(object storage.Object) bool { return !utf8.ValidString(object.Key) }) {
		d.nameInText(prefix)
	}
}

// nameInText gives objects whose names are not UTF-8 names that can be published and that no other
// object has.
func (d *delivery) nameInText(prefix string) {
	taken := map[string]bool{}
	for i := range d.objects {
		taken[d.objects[i].Key] = true
	}
	for i := range d.objects {
		object := &d.objects[i]
		if utf8.ValidString(object.Key) {
			continue
		}
		object.Fault = nameFault
		for object.Key = validText(object.Key); taken[object.Key]; {
			object.Key += "~"
		}
		taken[object.Key] = true
		object.Name = strings.TrimPrefix(object.Key, prefix)
	}
	slices.SortFunc(d.objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
}

// filesAstray notices files that lie where only folders are read, and belong to nobody.
func filesAstray(ctx context.Context, inbox storage.Bucket) ([]settlement.Exception, error) {
	var exceptions []settlement.Exception
	for _, place := range []struct{ prefix, mend string }{
		{"", "deliveries lie in merchant=<id>/date=<YYYY-MM-DD>/"},
		{"alliance/", "adjustments lie in alliance/adjustments/date=<YYYY-MM-DD>/"},
		{"alliance/adjustments/", "adjustments lie in alliance/adjustments/date=<YYYY-MM-DD>/"},
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

// noticeAstray notices files that lie in a merchant's folder and in no folder of a date.
func (d *delivery) noticeAstray(ctx context.Context, inbox storage.Bucket, id string, merchant settlement.Party) error {
	root := merchantPrefix + id + "/"
	objects, err := storage.Files(ctx, inbox, root)
	if errors.Is(err, storage.ErrIrregular) {
		return nil // noticed already
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", root, err)
	}
	for i := range objects {
		if isData(strings.TrimPrefix(objects[i].Key, root)) {
			d.exceptions = append(d.exceptions, astray(merchant, objects[i].Key, root, "deliveries lie in "+root+"date=<YYYY-MM-DD>/"))
		}
	}
	return nil
}

func astray(merchant settlement.Party, key, prefix, mend string) settlement.Exception {
	return settlement.Exception{Merchant: merchant, File: validText(key), Code: settlement.UnknownFolder, State: settlement.Noticed,
		Value: cutValue(strings.TrimPrefix(validText(key), prefix)), Message: "the file lies in no folder of a date, so it is not read; " + mend}
}

func (d *delivery) unknownFolder(merchant settlement.Party, key, name, problem string) {
	d.noticeFolder(merchant, key, name, "the folder is "+problem+", so nothing in it is read; move its files into the folder of their date")
}

// closedFolder notices a folder in the place of deliveries that cannot be listed.
func (d *delivery) closedFolder(merchant settlement.Party, key, name string, err error) {
	d.noticeFolder(merchant, key, name, "nothing is read from here: "+whyClosedFolder(err))
}

func (d *delivery) noticeFolder(merchant settlement.Party, key, name, message string) {
	d.exceptions = append(d.exceptions, settlement.Exception{Merchant: merchant, File: validText(key), Code: settlement.UnknownFolder,
		State: settlement.Noticed, Value: cutValue(name), Message: message})
}
