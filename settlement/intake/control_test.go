package intake

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// A movingBucket changes the control files when they are opened, or while they are read.
type movingBucket struct {
	storage.Bucket
	move func(bucket storage.Bucket, key string) error
	// late moves only after the object was opened.
	late bool
}

func (b movingBucket) Open(ctx context.Context, key, version string) (io.ReadCloser, storage.Object, error) {
	isControl := strings.HasSuffix(key, controlName)
	if isControl && !b.late {
		if err := b.move(b.Bucket, key); err != nil {
			return nil, storage.Object{}, err
		}
	}
	reader, object, err := b.Bucket.Open(ctx, key, version)
	if err == nil && isControl && b.late {
		err = b.move(b.Bucket, key)
	}
	return reader, object, err
}

// TestControlsThatDecideNothing settles a folder and changes one thing in it: its control file is read again only where something depends
// on what it says.
func TestControlsThatDecideNothing(t *testing.T) {
	const before, tonight = "merchant=A/date=2026-03-09/", "merchant=A/date=2026-03-10/"
	for name, test := range map[string]struct {
		folder string
		// data is the state that went on record of a.csv; then changed gets text.
		data          settlement.State
		changed, text string
		read          bool
	}{
		"nothing changed":               {folder: before, data: settlement.Consumed},
		"the file is a duplicate":       {folder: before, data: settlement.DuplicateState},
		"a file that is no data":        {folder: before, data: settlement.Consumed, changed: before + "_x.csv"},
		"another file in another place": {folder: before, data: settlement.Consumed, changed: tonight + "b.csv", text: goodFile},
		"of the night itself":           {folder: tonight, data: settlement.Consumed, read: true},
		"the file is held":              {folder: before, data: settlement.Held, read: true},
		"the file was replaced":         {folder: before, data: settlement.Consumed, changed: before + "a.csv", text: goodFile + " ", read: true},
		"another file":                  {folder: before, data: settlement.Consumed, changed: before + "b.csv", text: goodFile, read: true},
		"a name that is no UTF-8":       {folder: before, data: settlement.Consumed, changed: before + "\xff.csv", text: goodFile, read: true},
		"another control":               {folder: before, data: settlement.Consumed, changed: before + controlName, text: `{"files":[]}`, read: true},
	} {
		root := t.TempDir()
		write := func(key, text string) {
			path := filepath.Join(root, key)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		write(test.folder+"a.csv", goodFile)
		write(test.folder+controlName, `{"files":[{"name":"a.csv"}]}`)
		inbox, err := storage.OpenDirectory(root)
		if err != nil {
			t.Fatal(err)
		}
		first := discover(t, inbox)
		history, verdict, object := NewHistory(), first.DecideControl(first.Controls[0]), &first.Objects[0]
		history.Add(day-1, verdict.ControlInput(first.Controls[0]))
		history.Add(day-1, settlement.Input{Merchant: partyA, Key: object.Key, Version: object.Version, Bytes: object.Size, SHA256: digestOf(goodFile), State: test.data})
		if test.changed != "" {
			write(test.changed, test.text)
		}
		second := discoverAfter(t, inbox, history)
		if read := len(second.Controls) > 0; read != test.read {
			t.Errorf("%s: read %t", name, read)
		}
		if all := discover(t, inbox); !reflect.DeepEqual(second.Objects, all.Objects) {
			t.Errorf("%s: %+v instead of %+v", name, second.Objects, all.Objects)
		}
	}
}

func TestControlThatChangesWhileItIsRead(t *testing.T) {
	const key = "merchant=A/date=2026-03-10/_control.json"
	replace := func(bucket storage.Bucket, key string) error {
		return bucket.Replace(context.Background(), key, strings.NewReader(`{"files":[]} `))
	}
	remove := func(bucket storage.Bucket, key string) error { return bucket.Delete(context.Background(), key) }
	broken := errors.New("the disk is broken")
	for name, test := range map[string]struct {
		move func(storage.Bucket, string) error
		late bool
		err  error
	}{
		"replaced":              {replace, false, nil},
		"removed":               {remove, false, nil},
		"changes after opening": {func(storage.Bucket, string) error { return storage.ErrChanged }, true, nil},
		"the store fails":       {func(storage.Bucket, string) error { return broken }, false, broken},
	} {
		inbox := inboxOf(t, map[string]string{key: `{"files":[]}`, "merchant=A/date=2026-03-10/a.csv": goodFile})
		listing, err := Discover(context.Background(), movingBucket{inbox, test.move, test.late}, parties, register(), Window{day, 3}, NewHistory())
		if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		verdict := listing.DecideControl(listing.Controls[0])
		if verdict.State != settlement.Held || verdict.Code != settlement.BadControl || !strings.Contains(verdict.Exceptions[0].Message, "looked at again on the next night") {
			t.Errorf("%s: %+v", name, verdict)
		}
	}
}
