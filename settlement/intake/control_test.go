package intake

import (
	"context"
	"errors"
	"io"
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
		listing, err := Discover(context.Background(), movingBucket{inbox, test.move, test.late}, parties, register(), Window{day, 3})
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
