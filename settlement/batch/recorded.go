package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"alliance/settlement"
	"alliance/settlement/books"
	"alliance/settlement/storage"
)

// A recordedInbox is the inbox as a date found it: it lists what is on record, with the sizes and
// versions on record, and takes the content from the inbox of today.
type recordedInbox struct {
	storage.Bucket
	objects []storage.Object
}

// newRecordedInbox returns the inbox of a date. missing says what of it is gone or has another
// content by now: then the date cannot be computed again.
func newRecordedInbox(ctx context.Context, inbox storage.Bucket, ledger *books.Ledger, settled *books.DateRecord, acceptLateDays int, noticed []string) (recorded *recordedInbox, missing []string, err error) {
	wanted := make(map[string]books.InputRecord)
	folders := make(map[string]bool)
	for _, input := range settled.Inputs {
		if input.Key != "" {
			wanted[input.Key] = input
			folders[folderOfKey(input.Key)] = true
		}
	}
	for date := settled.Date - settlement.Date(acceptLateDays); date < settled.Date; date++ {
		addControls(wanted, folders, ledger, date, settled)
	}
	recorded = &recordedInbox{Bucket: inbox}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		input := wanted[key]
		recorded.objects = append(recorded.objects, storage.Object{Key: key, Size: input.Bytes, Version: input.Version})
		if input.SHA256 == "" {
			missing = append(missing, fmt.Sprintf("%s changed while it was read, so its content is not on record", key))
			continue
		}
		sum, err := sumOfObject(ctx, inbox, key)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			missing = append(missing, fmt.Sprintf("%s is gone from the inbox", key))
		case err != nil:
			return nil, nil, err
		case sum != input.SHA256:
			missing = append(missing, fmt.Sprintf("%s has another content by now (SHA-256 %s instead of %s)", key, sum, input.SHA256))
		}
	}
	// Folders and files that were noticed and not read are there by their names.
	for _, key := range noticed {
		if strings.HasSuffix(key, "/") {
			key += "unread.csv"
		}
		recorded.objects = append(recorded.objects, storage.Object{Key: key})
	}
	slices.SortFunc(recorded.objects, func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) })
	return recorded, missing, nil
}

// addControls adds the control files of an earlier date that the date looked at again: they are
// on record where their content was new, and decide about the files beside them.
func addControls(wanted map[string]books.InputRecord, folders map[string]bool, ledger *books.Ledger, date settlement.Date, settled *books.DateRecord) {
	before, _ := ledger.Settled(date)
	if before == nil {
		return
	}
	for _, input := range before.Inputs {
		if !isControl(input.Key) || input.State != settlement.Consumed || !folders[folderOfKey(input.Key)] {
			continue
		}
		tonight := slices.ContainsFunc(settled.Inputs, func(one books.InputRecord) bool { return one.Key == input.Key })
		if !tonight {
			wanted[input.Key] = input
		}
	}
}

func folderOfKey(key string) string { return key[:strings.LastIndexByte(key, '/')+1] }

// List lists what is on record.
func (r *recordedInbox) List(_ context.Context, prefix string) ([]storage.Object, error) {
	var found []storage.Object
	for _, object := range r.objects {
		if strings.HasPrefix(object.Key, prefix) {
			found = append(found, object)
		}
	}
	return found, nil
}

// Folders returns the folders of what is on record.
func (r *recordedInbox) Folders(_ context.Context, prefix string) ([]string, error) {
	var found []string
	for _, object := range r.objects {
		rest, below := strings.CutPrefix(object.Key, prefix)
		if name, _, folder := strings.Cut(rest, "/"); below && folder {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Open opens an object under the version on record.
func (r *recordedInbox) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	at, known := slices.BinarySearchFunc(r.objects, key, func(object storage.Object, key string) int { return strings.Compare(object.Key, key) })
	if !known {
		return nil, storage.Object{}, fmt.Errorf("%s: %w", key, storage.ErrNotFound)
	}
	if version != "" && version != r.objects[at].Version {
		return nil, storage.Object{}, fmt.Errorf("%s: %w", key, storage.ErrChanged)
	}
	reader, _, err := r.Bucket.Open(ctx, key, "")
	return reader, r.objects[at], err
}
