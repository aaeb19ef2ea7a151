package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// checkStatements compares the bucket of statements with the record.
func (v *verifier) checkStatements(ctx context.Context, dates []settlement.Date) error {
	statements := copies{where: "statements", bucket: v.job.Statements, readMark: v.ledger.StatementsMark, pulled: true, sums: statementSums}
	if err := statements.begin(ctx); err != nil {
		return err
	}
	wanted := make(map[string]string) // SHA-256 by key
	var prefixes []string
	for _, date := range dates {
		prefixes = append(prefixes, v.addWanted(wanted, date)...)
	}
	if v.job.Date == settlement.NoDate {
		prefixes = []string{"merchant=", "alliance/date="}
	}
	found := make(map[string]bool)
	for _, prefix := range prefixes {
		objects, err := v.job.Statements.List(ctx, prefix)
		if err != nil {
			return fmt.Errorf("list the statements: %w", err)
		}
		for _, object := range objects {
			found[object.Key] = true
			if wanted[object.Key] == "" {
				statements.differs(object.Key, content{kind: unread}, "%s is not on record; find out how it came there and remove it", object.Key)
			}
		}
	}
	keys := slices.Sorted(maps.Keys(wanted))
	sums, faults, err := contentSums(ctx, v.job.Statements, slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !found[key] }))
	if err != nil {
		return err
	}
	for _, key := range keys {
		err := faults[key]
		switch {
		case errors.Is(err, storage.ErrChanged), errors.Is(err, storage.ErrNotFound):
			statements.differs(key, content{kind: changing}, "%s was changed while it was read; is a run publishing? Verify again", key)
		case errors.Is(err, storage.ErrIrregular):
			statements.differs(key, content{kind: irregular}, "%v: remove it and run settle repair", err)
		case !found[key]:
			statements.differs(key, content{kind: absent}, "%s is missing; settle repair brings it back", key)
		case sums[key] != wanted[key]:
			statements.differs(key, content{summed, sums[key]}, "%s has SHA-256 %s instead of %s; settle repair mends it", key, sums[key], wanted[key])
		}
	}
	return v.reportPublished(ctx, &statements)
}

// addWanted adds the files that a date has in the statements, and returns where they lie.
func (v *verifier) addWanted(wanted map[string]string, date settlement.Date) []string {
	var folders []string
	add := func(folder string, files []books.FileRecord) {
		folders = append(folders, folder+"/")
		for _, file := range files {
			wanted[folder+"/"+file.Name] = file.SHA256
		}
	}
	settled, _ := v.ledger.Settled(date)
	for _, statement := range settled.Statements {
		versions := v.ledger.Versions(statement.Merchant, date)
		for _, version := range versions[:len(versions)-1] {
			add(books.VersionFolder(statement.Merchant, date, version.Version), version.Files)
		}
		add(books.StatementFolder(statement.Merchant, date), statement.Files)
	}
	add(books.AllianceFolder(date), settled.Alliance.Files)
	return folders
}

// dateOfKey returns the date in a key, or NoDate.
func dateOfKey(key string) settlement.Date {
	for segment := range strings.SplitSeq(key, "/") {
		if text, found := strings.CutPrefix(segment, "date="); found {
			if date, err := settlement.ParseDate(text); err == nil {
				return date
			}
		}
	}
	return settlement.NoDate
}

// contentSums returns the SHA-256 of objects by key, and the errors by key of those that are not there, are changed while they are read,
// or are no regular files. Another error is the store's.
func contentSums(ctx context.Context, bucket storage.Bucket, keys []string) (sums map[string]string, faults map[string]error, err error) {
	found, failed := make([]string, len(keys)), make([]error, len(keys))
	err = each(ctx, askedTogether, len(keys), func(ctx context.Context, _, i int) (err error) {
		found[i], err = sumOfObject(ctx, bucket, keys[i])
		if errors.Is(err, storage.ErrChanged) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrIrregular) {
			failed[i], err = err, nil
		}
		return err
	})
	sums, faults = make(map[string]string), make(map[string]error)
	for i, key := range keys {
		sums[key], faults[key] = found[i], failed[i]
	}
	return sums, faults, err
}

func sumOfObject(ctx context.Context, bucket storage.Bucket, key string) (string, error) {
	reader, _, err := bucket.Open(ctx, key, "")
	if err != nil {
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	hash := sha256.New()
	_, err = io.Copy(hash, reader)
	if err := errors.Join(err, reader.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", key, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
