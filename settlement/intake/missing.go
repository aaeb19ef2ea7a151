package intake

import (
	"fmt"
	"strings"

	"alliance/settlement"
)

// A MissingDelivery is a merchant that did not deliver what was due for the settlement date.
type MissingDelivery struct {
	Merchant settlement.Party
	// Files are those that the merchant's control names and that are not there.
	Files []string
	// Reason says what is missing.
	Reason string
}

// Missing returns the merchants, in order, that are active, and expected to deliver, on the
// settlement date and have no data object there, or lack the control file that the register requires, or a file
// that their control file names. A control file that names no files says that there was no
// activity; one that cannot be read says nothing.
func (l *Listing) Missing(parties settlement.Parties) []MissingDelivery {
	var missing []MissingDelivery
	for i := range l.Merchants {
		merchant := &l.Merchants[i]
		if !merchant.Active || !merchant.Expected {
			continue
		}
		files, reason := l.lacks(merchant, merchantPrefix+parties.ID(merchant.Party)+"/"+datePrefix+l.Window.Date.String()+"/")
		if reason != "" {
			missing = append(missing, MissingDelivery{merchant.Party, files, reason})
		}
	}
	return missing
}

func (l *Listing) lacks(merchant *Merchant, place string) (files []string, reason string) {
	folder := Folder{merchant.Party, l.Window.Date}
	control, objects := l.controls[folder], len(l.objects[folder])
	switch {
	case control != nil && control.Fault == "":
		if files = l.absent(control); len(files) > 0 {
			reason = fmt.Sprintf("the control file names %s, not found under %s", strings.Join(files, ", "), place)
		}
	case control != nil && objects == 0:
		reason = "no file under " + place + " but a control file that cannot be read"
	case objects == 0:
		reason = "no file under " + place
	case control == nil && merchant.ControlRequired:
		reason = "no control file " + place + controlName + ", which the register requires"
	}
	return files, reason
}

// absent returns the files that a control names and that are not in its folder.
func (l *Listing) absent(control *Control) []string {
	present := map[string]bool{}
	for _, at := range l.objects[Folder{control.Merchant, control.Date}] {
		present[l.Objects[at].Name] = true
	}
	var absent []string
	for _, file := range control.Files {
		if !present[file.Name] {
			absent = append(absent, file.Name)
		}
	}
	return absent
}
