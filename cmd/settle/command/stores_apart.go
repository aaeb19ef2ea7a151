package command

import (
	"context"
	"fmt"
	"strings"

	"alliance/settlement/storage"
)

// A knownStore is one of the stores that a command's flags say where to find.
type knownStore struct {
	// title is what messages call it, flag the one that names it.
	title, flag string
	location    string
	// said is where the location comes from.
	said string
}

func (k *knownStore) String() string { return k.title + " (" + k.said + ")" }

// all returns the four stores as the command's flags name them.
func (s *stores) all() []knownStore {
	return []knownStore{
		{title: "the inbox", flag: "inbox", location: s.inbox},
		{title: "the ledger", flag: "ledger", location: s.ledger},
		{title: "the statements", flag: "statements", location: s.statements},
		{title: "the acknowledgements", flag: "acks", location: s.acknowledgements},
	}
}

// known returns the stores that the command has flags for and that lie somewhere. What --root says of
// others is left out: they may lie elsewhere, which this command is not told.
func (s *stores) known() (known []knownStore) {
	for _, store := range s.all() {
		if s.set.Lookup(store.flag) != nil && s.locate(&store) {
			known = append(known, store)
		}
	}
	return known
}

// locate completes a store, unless nothing says where it lies. Acknowledgements without a place of their own
// lie in the inbox.
func (s *stores) locate(store *knownStore) bool {
	switch {
	case store.location != "":
		store.said = s.given(store.flag, store.location)
	case s.root != "" && store.flag != "acks":
		store.location = storage.Below(s.root, store.flag)
		store.said = withoutOptions(store.location) + ", below " + s.given("root", s.root)
	default:
		return false
	}
	return true
}

// given says by which flag, or which variable of the environment, a location was given.
func (s *stores) given(flag, location string) string {
	if variable := s.set.Lookup(flag).Annotations[fromEnvironment]; len(variable) > 0 {
		return variable[0] + "=" + withoutOptions(location) + " in the environment"
	}
	return "--" + flag + " " + withoutOptions(location)
}

// withoutOptions returns a location without the options of an s3:// URL, which messages do not repeat.
func withoutOptions(location string) string {
	if strings.HasPrefix(location, "s3://") {
		location, _, _ = strings.Cut(location, "?")
	}
	return location
}

// checkApart refuses stores that overlap: what is written to the one would be read from the other.
// Acknowledgements in a merchant's folder of the inbox, for example, would be taken for deliveries, and
// rows that were rejected be settled the next night.
func (s *stores) checkApart(ctx context.Context) error {
	known := s.known()
	for i := range known {
		for j := range known[:i] {
			if err := checkTwoApart(ctx, &known[i], &known[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkTwoApart(ctx context.Context, one, other *knownStore) error {
	if key, inside := storage.Inside(ctx, one.location, other.location); inside {
		return overlap(one, other, key)
	}
	if key, inside := storage.Inside(ctx, other.location, one.location); inside {
		return overlap(other, one, key)
	}
	return nil
}

// overlap says what is wrong with a store at a key of another one, unless nothing is.
func overlap(inner, outer *knownStore, key string) error {
	advice := "give each a place of its own"
	if inner.flag == "acks" && outer.flag == "inbox" {
		if !isDelivery(key) {
			return nil
		}
		advice = fmt.Sprintf("name a place beside what is delivered, or leave --acks out for %s", withoutOptions(storage.Below(outer.location, "ack")))
	}
	relation := fmt.Sprintf("overlap, the first lies in the second at %s", key)
	if key == "" {
		relation = "are the same place"
	}
	return usage("%s and %s %s, so that what is written to the one would be read from the other: %s", inner, outer, relation, advice)
}

// isDelivery reports whether what lies below a key of the inbox would be read as delivered.
func isDelivery(key string) bool {
	folder, _, _ := strings.Cut(key, "/")
	return folder == "" || folder == "alliance" || strings.HasPrefix(folder, "merchant=")
}

// checkOutside refuses a directory that a flag names for other files if it lies in a store, also in one
// that the command has no flag for, where --root says that it lies.
func (s *stores) checkOutside(ctx context.Context, flag, directory string) error {
	if directory == "" {
		return nil
	}
	for _, store := range s.all() {
		if !s.locate(&store) {
			continue
		}
		if _, inside := storage.Inside(ctx, directory, store.location); inside {
			return usage("--%s %s lies in %s, which holds nothing but what belongs there: name a directory outside of it", flag, directory, &store)
		}
	}
	return nil
}
