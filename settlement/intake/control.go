package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"alliance/settlement"
	"alliance/settlement/storage"
)

// A Control is a folder's control file: the merchant's own statement of what it delivered.
type Control struct {
	Merchant settlement.Party
	Date     settlement.Date
	storage.Object
	// SHA256 is the digest of its content in hex.
	SHA256 string
	// Fault says why it cannot be read; "" if it can. Every file of its folder is held then.
	Fault string
	// Files are those it names, in its order; none if the merchant says there was no activity.
	Files []ControlFile
}

// A ControlFile is what a control file says about one file. What it does not say is "" or -1.
type ControlFile struct {
	Name string
	// SHA256 is in lower-case hex.
	SHA256 string
	// Rows counts every record. The points are sums over every record with a valid kind and
	// points, of the kinds issue and redeem, before any other check.
	Rows, IssuedPoints, RedeemedPoints int64
}

// Names returns what the control says about a file, or nil.
func (c *Control) Names(name string) *ControlFile {
	for i := range c.Files {
		if c.Files[i].Name == name {
			return &c.Files[i]
		}
	}
	return nil
}

func readControl(ctx context.Context, inbox storage.Bucket, object storage.Object, folder Folder, limits *limits) (*Control, error) {
	control := &Control{Merchant: folder.Merchant, Date: folder.Date, Object: object}
	if object.Size > limits.controlBytes {
		control.Fault = fmt.Sprintf("it has %d bytes, more than the limit of %d", object.Size, limits.controlBytes)
		return control, nil
	}
	body, err := openExactly(ctx, inbox, object)
	if errors.Is(err, storage.ErrIrregular) {
		control.Fault = whyClosed(err)
		return control, nil
	}
	var text []byte
	if err == nil {
		defer body.Close()
		text, control.SHA256, err = body.all()
	}
	if errors.Is(err, storage.ErrChanged) || errors.Is(err, storage.ErrNotFound) {
		// Somebody is still writing it. That must not stop everybody else's night.
		control.Fault = controlChanged
		return control, nil
	}
	if err != nil {
		return nil, err
	}
	control.Files, control.Fault = parseControl(text, limits)
	return control, nil
}

// all reads the whole content.
func (b *exactBody) all() (text []byte, sha256 string, err error) {
	if text, err = io.ReadAll(b); err != nil {
		return nil, "", err
	}
	if sha256, err = b.finish(); err != nil {
		return nil, "", err
	}
	return text, sha256, nil
}

// parseControl reads the text of a control file strictly: a key that is not known, or is there
// twice, may be a misspelt promise, and a promise must not get lost. fault says what is wrong.
func parseControl(text []byte, limits *limits) (files []ControlFile, fault string) {
	if !utf8.Valid(text) {
		return nil, "it is not valid UTF-8"
	}
	text = bytes.TrimRight(text, " \t\r\n")
	parser := jsonParser{text: string(text), limits: limits, multiline: true}
	parser.distinct(func(name string) {
		if name != "files" {
			parser.fail("unknown key %q", cutValue(name))
			return
		}
		files = []ControlFile{}
		parser.array(func() { files = append(files, parser.controlFile()) })
	})
	parser.end()
	if parser.fault == "" && files == nil {
		parser.fail(`it has no list "files"`)
	}
	if parser.fault != "" {
		return nil, parser.fault
	}
	seen := make(map[string]bool, len(files))
	for _, file := range files {
		switch {
		case file.Name == "":
			return nil, `an entry of "files" has no "name"`
		case !isData(file.Name) || strings.Contains(file.Name, "/"):
			return nil, fmt.Sprintf("%q cannot be the name of a data file", cutValue(file.Name))
		case seen[file.Name]:
			return nil, fmt.Sprintf("it names %q twice", cutValue(file.Name))
		}
		seen[file.Name] = true
	}
	return files, ""
}

// controlKeys are what an entry of a control file may say.
var controlKeys = []string{"name", "sha256", "rows", "issued_points", "redeemed_points"}

func (p *jsonParser) controlFile() ControlFile {
	file := ControlFile{Rows: -1, IssuedPoints: -1, RedeemedPoints: -1}
	p.distinct(func(name string) {
		if !slices.Contains(controlKeys, name) {
			p.fail("unknown key %q in an entry of \"files\"", cutValue(name))
		}
		value := p.value()
		if p.fault != "" || value.kind == jsonNull && name != "name" {
			return
		}
		switch name {
		case "name":
			file.Name = p.stringOf("name", value)
		case "sha256":
			file.SHA256 = strings.ToLower(p.stringOf("sha256", value))
			if digest, err := hex.DecodeString(file.SHA256); p.fault == "" && (err != nil || len(digest) != sha256.Size) {
				p.fail(`"sha256" of %q is not 64 hexadecimal digits`, cutValue(file.Name))
			}
		case "rows":
			file.Rows = p.count(name, value)
		case "issued_points":
			file.IssuedPoints = p.count(name, value)
		case "redeemed_points":
			file.RedeemedPoints = p.count(name, value)
		}
	})
	return file
}

func (p *jsonParser) stringOf(name string, value jsonValue) string {
	if value.kind != jsonString {
		p.fail("%q is not a string", name)
	}
	return value.text
}

func (p *jsonParser) count(name string, value jsonValue) int64 {
	number, err := strconv.ParseInt(value.text, 10, 64)
	if value.kind != jsonNumber || err != nil || number < 0 || value.text[0] == '-' {
		p.fail("%q is not a whole number of 0 or more: %s", name, cutValue(value.text))
	}
	return number
}
