package clearing

import (
	"cmp"
	"slices"

	"alliance/settlement"
)

// reserve makes room for n more, and not more than that: accounts live until they are written.
func reserve[T any](list []T, n int) []T {
	if cap(list)-len(list) >= n {
		return list
	}
	grown := make([]T, len(list), len(list)+n)
	copy(grown, list)
	return grown
}

// replace puts content into list's room, or into new room of just its size.
func replace(list, content []settlement.Transaction) []settlement.Transaction {
	if len(content) == 0 {
		clear(list)
		return list[:0]
	}
	if cap(list) < len(content) {
		return slices.Clone(content)
	}
	kept := append(list[:0], content...)
	if len(list) > len(kept) {
		clear(list[len(kept):])
	}
	return kept
}

func compareLots(a, b settlement.Lot) int { return settlement.CompareLotKeys(&a.Key, &b.Key) }

func compareRedemptions(a, b settlement.Redemption) int {
	switch {
	case a.Merchant != b.Merchant:
		return cmp.Compare(a.Merchant, b.Merchant)
	case a.BusinessDate != b.BusinessDate:
		return cmp.Compare(a.BusinessDate, b.BusinessDate)
	default:
		return cmp.Compare(a.TransactionID, b.TransactionID)
	}
}

// sortTail sorts a list whose first n elements are in order already. scratch holds the rest
// for as long as that takes.
func sortTail[T any](list []T, n int, scratch *[]T, compare func(a, b T) int) {
	if n == len(list) {
		return
	}
	tail := append((*scratch)[:0], list[n:]...)
	slices.SortFunc(tail, compare)
	to := len(list) - 1
	for i := len(tail) - 1; i >= 0; {
		if n > 0 && compare(list[n-1], tail[i]) > 0 {
			list[to] = list[n-1]
			n--
		} else {
			list[to] = tail[i]
			i--
		}
		to--
	}
	clear(tail)
	*scratch = tail
}
