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

// Missing returns the merchants, in order, whose delivery for the settlement date is missing:
// those expected that have no data object and no control file, or lack the control file that
// the register requires; and those whose control file names a file that is not there.
func (l *Listing) Missing(parties settlement.Parties) []MissingDelivery {
	var missing []MissingDelivery
	for i := range l.Merchants {
		merchant := &l.Merchants[i]
		files, reason := l.lacks(merchant, merchantPrefix+parties.ID(merchant.Party)+"/"+datePrefix+l.Window.Date.String()+"/")
		if reason != "" {
			missing = append(missing, MissingDelivery{merchant.Party, files, reason})
		}
	}
	return missing
}

func (l *Listing) lacks(merchant *Merchant, place string) (files []string, reason string) {
	folder := Folder{merchant.Party, l.Window.Date}
	control := l.controls[folder]
	broken := control != nil && control.Fault != ""
	if broken {
		// It cannot say that there was no activity, nor which files there are.
		control = nil
	}
	switch {
	case !merchant.Active:
		return nil, ""
	case control != nil:
		files = l.absent(control)
		if len(files) > 0 {
			return files, fmt.Sprintf("the control file names %s, not found under %s", strings.Join(files, ", "), place)
		}
		return nil, ""
	case !merchant.Expected:
		return nil, ""
	case len(l.objects[folder]) == 0 && broken:
		return nil, "no file under " + place + " but a control file that cannot be read"
	case len(l.objects[folder]) == 0:
		return nil, "no file under " + place
	case merchant.ControlRequired && broken:
		return nil, "the required control file " + place + controlName + " cannot be read"
	case merchant.ControlRequired:
		return nil, "no control file " + place + controlName + ", which the register requires"
	}
	return nil, ""
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
