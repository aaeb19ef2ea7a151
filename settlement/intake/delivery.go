package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// A delivery is what one merchant's part of the inbox holds.
type delivery struct {
	merchant settlement.Party
	// root is the merchant's folder, with a slash at its end.
	root       string
	objects    []Object
	controls   []*Control
	exceptions []settlement.Exception
}

func newDelivery(parties settlement.Parties, merchant settlement.Party) delivery {
	return delivery{merchant: merchant, root: merchantPrefix + parties.ID(merchant) + "/"}
}

// discover finds what lies under the dates of a window, and reads those control files of which something depends tonight.
func (d *delivery) discover(ctx context.Context, inbox storage.Bucket, window Window, history *History) error {
	// Years of folders may lie there, of which a few dates are read tonight.
	names, err := storage.FoldersOf(ctx, inbox, d.root, func(name string) bool {
		date, ok := parseFolder(name)
		return !ok || window.Holds(date)
	})
	if errors.Is(err, storage.ErrIrregular) {
		d.closedFolder(d.root, strings.TrimSuffix(d.root, "/"), err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", d.root, err)
	}
	names = slices.Sorted(slices.Values(names))
	listed, err := listDates(ctx, inbox, d.root, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		date, ok := parseFolder(name)
		if !ok {
			d.unknownFolder(d.root+name+"/", name, "not of the form date=YYYY-MM-DD")
			continue
		}
		objects, err := d.list(ctx, inbox, name, listed)
		if err != nil {
			return err
		}
		data := d.addData(objects, d.root+name+"/", date)
		control := controlAmong(objects, d.root+name+"/")
		if control == nil || date < window.Date && history.isFinal(control) && !slices.ContainsFunc(data, history.isOpen) {
			// A control that is on record as it is, like every file of its folder, decides nothing more. To read those of all dates
			// would be a request each, every night.
			continue
		}
		read, err := readControl(ctx, inbox, *control, Folder{d.merchant, date}, &standard)
		if err != nil {
			return err
		}
		d.controls = append(d.controls, read)
	}
	return nil
}

// listAll finds the data objects of all dates, and nothing else of what lies there.
func (d *delivery) listAll(ctx context.Context, inbox storage.Bucket) error {
	objects, err := inbox.List(ctx, d.root)
	if errors.Is(err, storage.ErrIrregular) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", d.root, err)
	}
	byKey(objects)
	for name, objects := range folders(objects, d.root) {
		if date, ok := parseFolder(name); ok {
			d.addData(objects, d.root+name+"/", date)
		}
	}
	return nil
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

// list returns what lies in the folder of a date, in order of key. listed is what lies in all of them, nil if they were not listed together.
func (d *delivery) list(ctx context.Context, inbox storage.Bucket, name string, listed map[string][]storage.Object) ([]storage.Object, error) {
	if listed != nil {
		return listed[name], nil
	}
	prefix := d.root + name + "/"
	objects, err := inbox.List(ctx, prefix)
	if errors.Is(err, storage.ErrIrregular) {
		d.closedFolder(prefix, name, err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	byKey(objects)
	return objects, nil
}

// controlAmong returns the control file among the objects in a folder, or nil.
func controlAmong(objects []storage.Object, prefix string) *storage.Object {
	at := slices.IndexFunc(objects, func(object storage.Object) bool { return object.Key == prefix+controlName })
	if at < 0 {
		return nil
	}
	return &objects[at]
}

// addData adds, and returns, those of the objects in a date's folder, which are in order of key, that are data.
func (d *delivery) addData(objects []storage.Object, prefix string, date settlement.Date) []Object {
	before, lastFolder := len(d.objects), ""
	for _, object := range objects {
		name := strings.TrimPrefix(object.Key, prefix)
		if !isData(name) {
			continue
		}
		if below, _, nested := strings.Cut(name, "/"); nested {
			if below != lastFolder {
				d.unknownFolder(prefix+below+"/", below, "a folder inside the folder of a date")
			}
			lastFolder = below
			continue
		}
		d.objects = append(d.objects, Object{Merchant: d.merchant, Date: date, Name: name, Format: FormatOf(name), Object: object})
	}
	if slices.ContainsFunc(objects, func(object storage.Object) bool { return !utf8.ValidString(object.Key) }) {
		nameInText(d.objects[before:], prefix)
	}
	return d.objects[before:]
}

// nameInText gives those of a folder's objects whose names are not UTF-8 names that can be published and that no other
// object has, and puts all in order of key again.
func nameInText(objects []Object, prefix string) {
	taken := map[string]bool{}
	for i := range objects {
		taken[objects[i].Key] = true
	}
	for i := range objects {
		object := &objects[i]
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
	slices.SortFunc(objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
}

// noticeAstray notices files that lie in a merchant's folder and in no folder of a date.
func (d *delivery) noticeAstray(ctx context.Context, inbox storage.Bucket) error {
	objects, err := storage.Files(ctx, inbox, d.root)
	if errors.Is(err, storage.ErrIrregular) {
		return nil // noticed already
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", d.root, err)
	}
	for i := range objects {
		if isData(strings.TrimPrefix(objects[i].Key, d.root)) {
			d.exceptions = append(d.exceptions, astray(d.merchant, objects[i].Key, d.root, "deliveries lie in "+d.root+"date=<YYYY-MM-DD>/"))
		}
	}
	return nil
}

func (d *delivery) unknownFolder(key, name, problem string) {
	d.noticeFolder(key, name, "the folder is "+problem+", so nothing in it is read; move its files into the folder of their date")
}

// closedFolder notices a folder in the place of deliveries that cannot be listed.
func (d *delivery) closedFolder(key, name string, err error) {
	d.noticeFolder(key, name, folderClosed+whyClosedFolder(err))
}

func (d *delivery) noticeFolder(key, name, message string) {
	d.exceptions = append(d.exceptions, settlement.Exception{Merchant: d.merchant, File: validText(key), Code: settlement.UnknownFolder,
		State: settlement.Noticed, Value: cutValue(name), Message: message})
}
