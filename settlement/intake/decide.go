package intake

import (
	"fmt"
	"strings"

	"alliance/settlement"

	"github.com/shopspring/decimal"
)

// A Verdict is what becomes of an object tonight.
type Verdict struct {
	// Unchanged says that the object's content is on record under its key: nothing is to be done
	// or reported. Everything else is zero then.
	Unchanged bool
	// State is Consumed, DuplicateState or Held. Only the rows of a consumed object count.
	State settlement.State
	// Code is the first that applied, or NoCode.
	Code settlement.Code
	// Exceptions are what the merchant is told about the object: at most one for the code, then
	// hold_expired, or one for unknown columns.
	Exceptions []settlement.Exception
}

// Rejects is what the checks of a file's rows found, and how much of it the rulebook bears.
type Rejects struct {
	// Bad is the number of rows that are malformed, or rejected as missing_field or invalid_value.
	Bad int64
	// A file is held if Bad is more than both MaxShare of its rows and MaxRows.
	MaxShare decimal.Decimal
	MaxRows  int64
}

// TooMany reports whether a file of so many rows is to be held.
func (r Rejects) TooMany(rows int64) bool {
	return r.Bad > r.MaxRows && decimal.NewFromInt(r.Bad).GreaterThan(r.MaxShare.Mul(decimal.NewFromInt(rows)))
}

// Decide gives an object's verdict: the first code that applies, in the order of
// [settlement.Code]. facts are those of [Read]; an object that [Listing.Action] let skip needs
// no verdict.
func (l *Listing) Decide(history *History, object *Object, facts *FileFacts, rejects Rejects) Verdict {
	if history.Unchanged(object.Key, facts.SHA256) {
		return Verdict{Unchanged: true}
	}
	finding := l.finding(history, object, facts, rejects)
	switch finding.code {
	case settlement.NoCode:
		verdict := Verdict{State: settlement.Consumed}
		if len(facts.UnknownColumns) > 0 {
			verdict.Exceptions = []settlement.Exception{unknownColumn(object, facts)}
		}
		return verdict
	case settlement.DuplicateFile:
		return Verdict{State: settlement.DuplicateState, Code: finding.code,
			Exceptions: []settlement.Exception{finding.exception(object.Merchant, object.Key, settlement.Noticed)}}
	default:
		return l.hold(finding, object.Merchant, object.Date, object.Key)
	}
}

// DecideControl gives the verdict on a control file. It is read anew every night on which
// a file of its folder is looked at, so what it says may be corrected as long as anything depends on it. It belongs on record on each night on
// which its content is new ([History.Unchanged]).
func (l *Listing) DecideControl(control *Control) Verdict {
	if control.Fault == "" {
		return Verdict{State: settlement.Consumed}
	}
	found := finding{code: settlement.BadControl, message: controlBroken + control.Fault + controlHolds}
	return l.hold(found, control.Merchant, control.Date, control.Key)
}

// Input returns what goes on record about an object, but for the counts of its rows, which are
// its caller's to fill if the state is consumed.
func (v *Verdict) Input(object *Object, facts *FileFacts) settlement.Input {
	return settlement.Input{Merchant: object.Merchant, Key: object.Key, Version: object.Version,
		Bytes: object.Size, SHA256: facts.SHA256, State: v.State, Code: v.Code}
}

// ControlInput returns what goes on record about a control file.
func (v *Verdict) ControlInput(control *Control) settlement.Input {
	return settlement.Input{Merchant: control.Merchant, Key: control.Key, Version: control.Version,
		Bytes: control.Size, SHA256: control.SHA256, State: v.State, Code: v.Code}
}

// A finding is what is the matter with a file.
type finding struct {
	code                   settlement.Code
	column, value, message string
}

func (f *finding) exception(merchant settlement.Party, file string, state settlement.State) settlement.Exception {
	return settlement.Exception{Merchant: merchant, File: file, Code: f.code, State: state,
		Column: f.column, Value: f.value, Message: f.message}
}

func (l *Listing) hold(found finding, merchant settlement.Party, folder settlement.Date, key string) Verdict {
	exceptions := []settlement.Exception{found.exception(merchant, key, settlement.Held)}
	if folder == l.Window.First() {
		expired := finding{code: settlement.HoldExpired, message: fmt.Sprintf(
			"this was the last night on which files under %s%s are read; deliver what is still due under a later date", datePrefix, folder)}
		exceptions = append(exceptions, expired.exception(merchant, key, settlement.Held))
	}
	return Verdict{State: settlement.Held, Code: found.code, Exceptions: exceptions}
}

func (l *Listing) finding(history *History, object *Object, facts *FileFacts, rejects Rejects) finding {
	if !object.Format.Readable() {
		return finding{code: settlement.UnknownFormat, message: "the name must end in .parquet, or in .csv or .jsonl, plain or with .gz or .zst, all in lower case; " +
			"rename the file, or begin its name with _ if it is not data"}
	}
	if before, consumed := history.consumedBefore(object.Key); consumed && object.Fault == "" {
		return finding{code: settlement.ReplacedFile, message: fmt.Sprintf(
			"the run of %s consumed this key with other content (SHA-256 %s); restate that date, or, if it is closed, deliver the rest under a new name",
			before.settled, before.input.SHA256)}
	}
	if before, repeated := history.original(object.Merchant, facts.SHA256, l.Window); repeated {
		return finding{code: settlement.DuplicateFile, message: fmt.Sprintf(
			"the content is that of %s, which the run of %s settled in full; nothing is read from this copy", before.input.Key, before.settled)}
	}
	if code, _, message := l.controlVerdict(object); code != settlement.NoCode {
		return finding{code: code, message: message}
	}
	if facts.Code != settlement.NoCode {
		return finding{facts.Code, facts.Column, facts.Value, facts.Message}
	}
	if control := l.controls[Folder{object.Merchant, object.Date}]; control != nil {
		if found := compareWithControl(control.Names(object.Name), facts); found.code != settlement.NoCode {
			return found
		}
	}
	if rejects.TooMany(facts.Rows) {
		return finding{code: settlement.TooManyRejects, message: fmt.Sprintf(
			"%d of %d rows are malformed, lack a required value or have an invalid one; the rulebook bears %s of the rows or %d; correct the file",
			rejects.Bad, facts.Rows, rejects.MaxShare, rejects.MaxRows)}
	}
	return finding{}
}

// controlVerdict returns the code that the folder's control file, or the lack of one, gives a
// file before it is read.
func (l *Listing) controlVerdict(object *Object) (code settlement.Code, control *Control, message string) {
	control = l.controls[Folder{object.Merchant, object.Date}]
	switch {
	case control == nil:
		if merchant := l.merchant(object.Merchant); merchant != nil && merchant.ControlRequired {
			return settlement.NotInControl, nil, "the register requires a control file, and the folder has no " + controlName + "; deliver one that names this file"
		}
		return settlement.NoCode, nil, ""
	case control.Fault != "":
		return settlement.BadControl, control, "the folder's " + controlName + " cannot be read: " + control.Fault + "; mend it"
	case control.Names(object.Name) == nil:
		return settlement.NotInControl, control, "the folder's " + controlName + " does not name this file; add it there, or remove the file"
	default:
		return settlement.NoCode, control, ""
	}
}

func compareWithControl(said *ControlFile, facts *FileFacts) finding {
	mismatch := func(column, value, promised string) finding {
		return finding{settlement.ControlMismatch, column, value, fmt.Sprintf(
			"the control file says %s %s, the file has %s; correct whichever is wrong", column, promised, value)}
	}
	if said.SHA256 != "" && said.SHA256 != facts.SHA256 {
		return mismatch("sha256", facts.SHA256, said.SHA256)
	}
	for _, total := range []struct {
		column      string
		said, found int64
	}{
		{"rows", said.Rows, facts.Rows},
		{"issued_points", said.IssuedPoints, facts.IssuedPoints},
		{"redeemed_points", said.RedeemedPoints, facts.RedeemedPoints},
	} {
		if total.said >= 0 && total.said != total.found {
			return mismatch(total.column, fmt.Sprint(total.found), fmt.Sprint(total.said))
		}
	}
	return finding{}
}

func unknownColumn(object *Object, facts *FileFacts) settlement.Exception {
	names := strings.Join(facts.UnknownColumns, ", ")
	if facts.MoreUnknownColumns {
		names += " and more"
	}
	found := finding{code: settlement.UnknownColumn, column: facts.UnknownColumns[0], message: "columns that are not known, and not read: " + names}
	return found.exception(object.Merchant, object.Key, settlement.Noticed)
}
