package batch

import (
	"alliance/rules"
	"alliance/settlement"
)

// ownNames names the columns of exceptions, which were found when only the rows' meaning was known,
// as their merchants do.
func ownNames(rulebook *rules.Rulebook, exceptions []settlement.Exception) []settlement.Exception {
	for i := range exceptions {
		exception := &exceptions[i]
		column, named := settlement.FindColumn(exception.Column)
		if merchant := rulebook.Merchant(exception.Merchant); named && merchant.Layout != nil {
			exception.Column = merchant.Layout.Name(column)
		}
	}
	return exceptions
}
