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

// What the messages of exceptions about what is not read begin with, or are.
const (
	fileClosed       = "the file cannot be opened: "
	controlBroken    = "the control file cannot be read: "
	controlHolds     = "; every file of the folder is held until it is mended"
	folderClosed     = "nothing is read from here: "
	changedWhileRead = "was changed or removed while it was read; it is looked at again on the next night"
	// FileChanged is the message of a file that somebody was still writing.
	FileChanged = "the file " + changedWhileRead
	// controlChanged is what is the matter with a control file that somebody was still writing.
	controlChanged = "it " + changedWhileRead
)

// ChangedWhileRead reports whether the message of an exception is that of a file, or a control file, that changed while it was read.
func ChangedWhileRead(message string) bool {
	return message == FileChanged || message == controlBroken+controlChanged+controlHolds
}

// A ClosedError is [storage.ErrIrregular] as it was met when a date was settled. An inbox that shows what that date found returns it, so
// that the same is said of what was closed then, whatever lies there by now.
type ClosedError struct {
	// Why is what was said then.
	Why string
}

// ClosedThen returns the error that led to the message of an exception about a file, a control file or a folder that could not be
// opened; ok is false for any other message.
func ClosedThen(message string) (closed *ClosedError, ok bool) {
	why, ok := strings.CutPrefix(message, fileClosed)
	if !ok {
		why, ok = strings.CutPrefix(message, folderClosed)
	}
	if !ok {
		why, ok = strings.CutPrefix(strings.TrimSuffix(message, controlHolds), controlBroken)
	}
	return &ClosedError{why}, ok
}

func (e *ClosedError) Error() string { return e.Why }

// Is says that it is [storage.ErrIrregular].
func (e *ClosedError) Is(target error) bool { return target == storage.ErrIrregular }

// ByName reports whether the name alone was what could not be opened.
func (e *ClosedError) ByName() bool { return e.Why == nameFault }

// whyClosed says why an object cannot be opened, and what to do. err is [storage.ErrIrregular].
func whyClosed(err error) string {
	var then *ClosedError
	switch {
	case errors.As(err, &then):
		return then.Why
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
	var then *ClosedError
	switch {
	case errors.As(err, &then):
		return then.Why
	case errors.Is(err, fs.ErrPermission):
		return "the run has no permission to look into the folder; give it to the user that the run works as"
	default:
		return "it is a symbolic link, pipe, socket or device, which are not read; put a folder in its place"
	}
}
