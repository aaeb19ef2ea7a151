package intake

import (
	"strings"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/layout"
	"alliance/settlement/storage"
)

// Rows says how the rows of a file are written.
type Rows uint8

// The ways in which rows are written.
const (
	// UnknownRows is any ending that is not one of the others.
	UnknownRows Rows = iota
	CSV
	JSONLines
	Parquet
)

// A Packing says how a file is compressed.
type Packing uint8

// The packings of CSV and JSON lines.
const (
	Unpacked Packing = iota
	Gzip
	Zstandard
)

// A Format is what the ending of a file's name says about its content.
type Format struct {
	Rows    Rows
	Packing Packing
}

// FormatOf returns the format that a name's ending stands for. Endings are in lower case.
func FormatOf(name string) Format {
	packing := Unpacked
	plain := name
	if cut, found := strings.CutSuffix(name, ".gz"); found {
		packing, plain = Gzip, cut
	} else if cut, found := strings.CutSuffix(name, ".zst"); found {
		packing, plain = Zstandard, cut
	}
	switch {
	case strings.HasSuffix(plain, ".csv"):
		return Format{CSV, packing}
	case strings.HasSuffix(plain, ".jsonl"):
		return Format{JSONLines, packing}
	case strings.HasSuffix(name, ".parquet"):
		return Format{Parquet, Unpacked}
	default:
		return Format{}
	}
}

// Readable reports whether [Read] can read rows of the format; what it cannot is held as
// unknown_format.
func (f Format) Readable() bool { return f.Rows != UnknownRows }

// An Object is one data object of the inbox.
type Object struct {
	Merchant settlement.Party
	// Date is that of the folder, which need not be that of any row.
	Date settlement.Date
	// Name is the part of the key after the folder.
	Name   string
	Format Format
	// Layout is how the merchant writes its files, nil for the common form.
	Layout *layout.Layout
	// Object has the key below the inbox, the size in bytes and the store's version.
	storage.Object
	// Fault says why the object's name is none by which it can be opened; Key and Name are then
	// what is published of them. "" for nearly all.
	Fault string
}

// isData reports whether a name in a folder is that of data, not of a control file or of
// something that a tool left there.
func isData(name string) bool {
	return name != "" && name[0] != '_' && name[0] != '.'
}

// cutValue cuts a value found to the length that an exception may show, at the boundary of a
// character, and makes it valid UTF-8.
func cutValue(value string) string {
	const longest_bytes = 64
	if len(value) > longest_bytes {
		end := longest_bytes
		for end > longest_bytes-utf8.UTFMax && !utf8.RuneStart(value[end]) {
			end--
		}
		value = value[:end]
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}
