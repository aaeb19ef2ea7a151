package statement

import (
	"encoding/json"
	"fmt"
	"slices"
)

// An Opener returns a file of one published folder by name.
type Opener func(name string) ([]byte, error)

// versionColumns are those in which two versions may differ that say the same. In inputs.parquet
// version is the object's: one that was delivered again with the same bytes says the same.
var versionColumns = []string{"version", "supersedes", "statement_no", "rulebook_digest", "computation_id"}

// Difference compares two versions of a folder, of a merchant or of the alliance, from their
// files: every table that their manifests list but [ChangesFile], column by column, without
// version, supersedes, statement_no, rulebook_digest and computation_id. It returns "" if they
// say the same, else where it came upon the first difference. An error says which file cannot be
// opened or is not whole.
func Difference(was, is Opener) (string, error) {
	var manifests [2]Manifest
	for i, open := range []Opener{was, is} {
		var err error
		if manifests[i], err = ReadManifest(open); err != nil {
			return "", err
		}
	}
	return differenceOf(manifests[0].Files, manifests[1].Files, was, is)
}

// ReadManifest reads a folder's [ManifestFile].
func ReadManifest(open Opener) (Manifest, error) {
	var read Manifest
	body, err := open(ManifestFile)
	if err != nil {
		return read, fmt.Errorf("opening %s: %w", ManifestFile, err)
	}
	if err := json.Unmarshal(body, &read); err != nil {
		return read, fmt.Errorf("reading %s: %w", ManifestFile, err)
	}
	return read, nil
}

// differenceOf is [Difference] for tables that need not be listed in a manifest yet.
func differenceOf(was, is []ManifestEntry, openWas, openIs Opener) (string, error) {
	was, is = withoutChanges(was), withoutChanges(is)
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(was) || i < len(is) && was[i].Name != is[i].Name:
			return is[i].Name + " is new", nil
		case i >= len(is):
			return was[i].Name + " is no more", nil
		case was[i].SHA256 == is[i].SHA256:
			continue
		case was[i].Rows != is[i].Rows:
			return fmt.Sprintf("%s has %d rows, had %d", was[i].Name, is[i].Rows, was[i].Rows), nil
		}
		where, err := differenceOfTables(was[i].Name, openWas, openIs)
		if where != "" || err != nil {
			return where, err
		}
	}
	return "", nil
}

func withoutChanges(entries []ManifestEntry) []ManifestEntry {
	return slices.DeleteFunc(slices.Clone(entries), func(entry ManifestEntry) bool { return entry.Name == ChangesFile })
}

func differenceOfTables(name string, openWas, openIs Opener) (string, error) {
	was, err := openWas(name)
	if err != nil {
		return "", fmt.Errorf("opening %s: %w", name, err)
	}
	is, err := openIs(name)
	if err != nil {
		return "", fmt.Errorf("opening %s: %w", name, err)
	}
	where, err := differenceOfColumns(was, is)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if where != "" {
		where = name + ", " + where
	}
	return where, nil
}

// differenceOfColumns compares two files of as many rows, with one column of each in memory at a
// time: a detail may be large.
func differenceOfColumns(was, is []byte) (where string, err error) {
	// The library panics on pages that are corrupt. All of it runs on this goroutine.
	defer func() {
		if fault := recover(); fault != nil {
			where, err = "", fmt.Errorf("reading back: %v", fault)
		}
	}()
	before, err := openSource(was)
	if err != nil {
		return "", fmt.Errorf("reading back: %w", err)
	}
	after, err := openSource(is)
	if err != nil {
		return "", fmt.Errorf("reading back: %w", err)
	}
	for place := range max(before.footer.Schema.NumColumns(), after.footer.Schema.NumColumns()) {
		if place >= before.footer.Schema.NumColumns() || place >= after.footer.Schema.NumColumns() ||
			before.footer.Schema.Column(place).Name() != after.footer.Schema.Column(place).Name() {
			return "other columns", nil
		}
		name := after.footer.Schema.Column(place).Name()
		if slices.Contains(versionColumns, name) {
			continue
		}
		old, err := before.readColumn(place)
		if err != nil {
			return "", err
		}
		now, err := after.readColumn(place)
		if err != nil {
			return "", err
		}
		if !old.equal(&now) {
			return "column " + name, nil
		}
	}
	return "", nil
}

// equal reports whether two columns have the same type and the same values in the same rows.
func (c *column) equal(other *column) bool {
	return c.meaning == other.meaning && c.scale == other.scale && slices.Equal(c.null, other.null) &&
		slices.Equal(c.numbers, other.numbers) && slices.Equal(c.texts, other.texts)
}
