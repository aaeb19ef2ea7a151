package batch

import "alliance/settlement"

// keptTexts holds the texts of exceptions for as long as there is one of them. Most are short, and next to each other they
// take less memory, and less of the collector's time, than each by itself.
type keptTexts struct {
	arena textArena
	// message is that of the exception before, which is often the same.
	message string
}

// keep returns an exception whose texts are nobody else's.
func (k *keptTexts) keep(exception settlement.Exception) settlement.Exception {
	same := exception.Value == exception.TransactionID
	exception.TransactionID = k.copy(exception.TransactionID)
	if same {
		exception.Value = exception.TransactionID
	} else {
		exception.Value = k.copy(exception.Value)
	}
	if exception.Message != k.message {
		k.message = k.copy(exception.Message)
	}
	exception.Message = k.message
	return exception
}

func (k *keptTexts) copy(text string) string {
	if text == "" {
		return ""
	}
	copy(k.arena.room(len(text)), text)
	return k.arena.take(len(text))
}
