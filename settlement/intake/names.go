package intake

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"alliance/settlement/storage"
)

// columnName returns what is published about a column without a meaning: its name if that looks
// like the name of a column, else its position, from 1. A file without a header has data where
// the names should be, a member's id among it.
func columnName(name string, position int) string {
	if looksLikeName(name) {
		return name
	}
	return fmt.Sprintf("column %d", position)
}

// looksLikeName reports whether a text is a letter and up to 63 bytes of letters, digits, and any
// of "_.- ".
func looksLikeName(text string) bool {
	const longest_bytes = 64
	if len(text) > longest_bytes || !utf8.ValidString(text) {
		return false
	}
	for at, r := range text {
		letter := unicode.IsLetter(r)
		if !letter && (at == 0 || !unicode.In(r, unicode.M, unicode.Nd) && !strings.ContainsRune("_.- ", r)) {
			return false
		}
	}
	return text != ""
}

// nameTwice is the fault of a header or schema whose name number at, from 0, was there before.
func (r *rowReader) nameTwice(where string, names []string, at int) *fileFault {
	name := r.tidyName(names[at])
	first := slices.IndexFunc(names, func(other string) bool { return r.tidyName(other) == name })
	shown := "a column"
	if _, known := r.find(name); known {
		shown = fmt.Sprintf("column %q", cutValue(name))
	}
	return unreadable("the %s names %s twice: columns %d and %d have the same name", where, shown, first+1, at+1)
}

// described says what a header or schema is, without any text of it.
func (r *rowReader) described(where string, columns int) string {
	text := fmt.Sprintf("it has %d columns", columns)
	if columns == 1 {
		text = "it has 1 column"
	}
	switch l := r.layout(); {
	case where != "header" || l != nil && l.Fields != nil:
		return text
	case columns == 1 && l == nil:
		text += " (commas separate columns)"
	}
	return text + "; the file's first line must be the header, with the names of the columns"
}

// validText returns a key or name as it is published.
func validText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

const nameFault = "its name is not UTF-8, or longer than keys may be; rename it"

// whyClosed says why an object cannot be opened, and what to do. err is [storage.ErrIrregular].
func whyClosed(err error) string {
	switch {
	case errors.Is(err, storage.ErrInvalidKey):
		return nameFault
	case errors.Is(err, fs.ErrPermission):
		return "the run has no permission to read it; give it to the user that the run works as"
	default:
		return storage.ErrIrregular.Error() + "; replace it with a regular file"
	}
}

// whyClosedFolder is whyClosed of a folder that cannot be listed.
func whyClosedFolder(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "the run has no permission to look into the folder; give it to the user that the run works as"
	default:
		return "it is a symbolic link, pipe, socket or device, which are not read; put a folder in its place"
	}
}
