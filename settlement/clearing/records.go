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

func compareLots(a, b *settlement.Lot) int { return settlement.CompareLotKeys(&a.Key, &b.Key) }

func compareRedemptions(a, b *settlement.Redemption) int {
	switch {
	case a.Merchant != b.Merchant:
		return cmp.Compare(a.Merchant, b.Merchant)
	case a.BusinessDate != b.BusinessDate:
		return cmp.Compare(a.BusinessDate, b.BusinessDate)
	default:
		return cmp.Compare(a.TransactionID, b.TransactionID)
	}
}

// A tailSorter sorts lists whose first elements are in order already. Records are large, so places are sorted and
// each record is moved once; the memory serves one list after the other.
type tailSorter[T any] struct {
	tail  []T
	order []recordPlace
}

// A recordPlace is where a record is, below the merchant, which comes first in every order of records: to compare most of
// two they need not be looked at, and of a list of very many they are far apart.
type recordPlace uint64

func placeOf(merchant settlement.Party, at int) recordPlace {
	return recordPlace(uint32(merchant)^1<<31)<<32 | recordPlace(uint32(at))
}

func (p recordPlace) at() uint32 { return uint32(p) }

func (p recordPlace) ofSameMerchant(other recordPlace) bool { return p>>32 == other>>32 }

func lotMerchant(lot *settlement.Lot) settlement.Party { return lot.Key.Merchant }

func redemptionMerchant(redemption *settlement.Redemption) settlement.Party {
	return redemption.Merchant
}

// sort sorts a list whose first n elements are in order. compare goes by merchant first.
func (s *tailSorter[T]) sort(list []T, n int, merchant func(*T) settlement.Party, compare func(a, b *T) int) {
	if sortedFrom(list, n, compare) {
		return
	}
	s.tail = append(s.tail[:0], list[n:]...)
	s.order = slices.Grow(s.order[:0], len(s.tail))
	for i := range s.tail {
		s.order = append(s.order, placeOf(merchant(&s.tail[i]), i))
	}
	slices.Sort(s.order)
	for from := 0; from < len(s.order); {
		to := from + 1
		for to < len(s.order) && s.order[to].ofSameMerchant(s.order[from]) {
			to++
		}
		if to > from+1 {
			slices.SortFunc(s.order[from:to], func(a, b recordPlace) int { return compare(&s.tail[a.at()], &s.tail[b.at()]) })
		}
		from = to
	}
	to := len(list) - 1
	for i := len(s.order) - 1; i >= 0; {
		next := &s.tail[s.order[i].at()]
		if n > 0 && compare(&list[n-1], next) > 0 {
			list[to] = list[n-1]
			n--
		} else {
			list[to] = *next
			i--
		}
		to--
	}
	clear(s.tail)
}

// sortedFrom reports whether the elements from the n-th on are in their places.
func sortedFrom[T any](list []T, n int, compare func(a, b *T) int) bool {
	for i := max(n, 1); i < len(list); i++ {
		if compare(&list[i-1], &list[i]) > 0 {
			return false
		}
	}
	return true
}
