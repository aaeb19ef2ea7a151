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
	"alliance/settlement/intake"
	"alliance/settlement/storage"
)

// A recordedInbox is the inbox as a date found it: it lists what is on record, with the sizes and
// versions on record, and takes the content from the inbox of today.
type recordedInbox struct {
	storage.Bucket
	objects []storage.Object
	// closed is what could not be opened then: files and control files by key, folders by key with a slash at its end.
	closed map[string]*intake.ClosedError
}

// A recordedUnread is what the exceptions of a date say of what it did not read: the folders and files that it noticed, and the message of
// each file that it held, by key.
type recordedUnread struct {
	noticed []recordedNotice
	held    map[string]string
}

// A recordedNotice is a folder or file that was noticed, by its key, with what was said of it.
type recordedNotice struct{ key, message string }

// newRecordedInbox returns the inbox of a date. missing says what of it is gone or has another
// content by now: then the date cannot be computed again.
func newRecordedInbox(ctx context.Context, inbox storage.Bucket, ledger *books.Ledger, settled *books.DateRecord, acceptLateDays int, unread recordedUnread) (recorded *recordedInbox, missing []string, err error) {
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
	recorded = &recordedInbox{Bucket: inbox, closed: make(map[string]*intake.ClosedError)}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		input := wanted[key]
		if input.SHA256 == "" {
			if intake.ChangedWhileRead(unread.held[key]) {
				missing = append(missing, fmt.Sprintf("%s changed while it was read, so its content is not on record", key))
			}
			recorded.addClosed(input, unread.held[key])
			continue
		}
		recorded.objects = append(recorded.objects, storage.Object{Key: key, Size: input.Bytes, Version: input.Version})
		sum, err := sumOfObject(ctx, inbox, key)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			missing = append(missing, fmt.Sprintf("%s is gone from the inbox", key))
		case errors.Is(err, storage.ErrIrregular):
			missing = append(missing, fmt.Sprintf("%s can no longer be opened: %v", key, err))
		case err != nil:
			return nil, nil, err
		case sum != input.SHA256:
			missing = append(missing, fmt.Sprintf("%s has another content by now (SHA-256 %s instead of %s)", key, sum, input.SHA256))
		}
	}
	// Folders and files that were noticed and not read are there by their names.
	alike := make(map[string]int)
	for _, notice := range unread.noticed {
		recorded.addNoticed(notice, alike[notice.key])
		alike[notice.key]++
	}
	slices.SortFunc(recorded.objects, func(a, b storage.Object) int { return strings.Compare(a.Key, b.Key) })
	return recorded, missing, nil
}

// addNoticed adds a folder or file of which nothing but its name was looked at. So many before it were published under the same key, as
// their names are not UTF-8: each gets another name that is published so.
func (r *recordedInbox) addNoticed(notice recordedNotice, before int) {
	key := notice.key
	if before > 0 {
		key = keyOutOfText(key, before)
	}
	if closed, ok := intake.ClosedThen(notice.message); ok {
		r.closed[key] = closed
	}
	if strings.HasSuffix(key, "/") {
		key += "unread.csv"
	}
	r.objects = append(r.objects, storage.Object{Key: key})
}

// addClosed adds a file of which no content is on record: it was held for what could be seen from outside, or for another reason that
// needs no content. It is held for the same again, whatever lies there by now.
func (r *recordedInbox) addClosed(input books.InputRecord, message string) {
	closed, _ := intake.ClosedThen(message)
	key := input.Key
	if input.Code != settlement.ReplacedFile && (input.Code != settlement.UnreadableFile || closed.ByName()) {
		key = keyBefore(input)
	}
	r.closed[key] = closed
	r.objects = append(r.objects, storage.Object{Key: key, Size: input.Bytes, Version: input.Version})
}

// keyBefore returns a key that intake publishes as that of the input, one that is not UTF-8 if the input's may have been none. Of several
// that are published alike, intake marks each but the first by one "~" more, which does not belong to the name's ending.
func keyBefore(input books.InputRecord) string {
	plain := input.Key
	if input.Code != settlement.UnknownFormat {
		plain = strings.TrimRight(plain, "~")
	}
	before := keyOutOfText(plain, 1+len(input.Key)-len(plain))
	if before == plain {
		return input.Key
	}
	return before
}

// keyOutOfText returns a key that is not UTF-8, with so many bytes where the published one shows that it was not; the same if it does not.
func keyOutOfText(key string, bytes int) string {
	return strings.Replace(key, "\uFFFD", strings.Repeat("\xff", bytes), 1)
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
	if closed := r.closed[prefix]; closed != nil {
		return nil, closed
	}
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
	if closed := r.closed[prefix]; closed != nil {
		return nil, closed
	}
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
	if closed := r.closed[key]; closed != nil {
		return nil, storage.Object{}, closed
	}
	reader, _, err := r.Bucket.Open(ctx, key, "")
	return reader, r.objects[at], err
}
