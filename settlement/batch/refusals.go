package batch

import (
	"math/bits"
	"slices"
	"sort"

	"alliance/settlement/clearing"
)

// A rowSet is a set of rows of tonight: a bit for each row of some thousand that follow each other, if one of them is in the set. It
// is asked about every row, and often holds very many.
type rowSet struct {
	// files are, by place of the file, the pages of its rows; nil where no row of the page is in the set.
	files [][]*rowPage
	count int
}

// rowsPerPage is a multiple of the bits of a word.
const rowsPerPage = 1 << 12

type rowPage [rowsPerPage / 64]uint64

// add adds a row.
func (s *rowSet) add(name rowName) {
	if grow := int(name.file) + 1 - len(s.files); grow > 0 {
		s.files = append(s.files, make([][]*rowPage, grow)...)
	}
	pages, page := s.files[name.file], int(name.row/rowsPerPage)
	if grow := page + 1 - len(pages); grow > 0 {
		pages = append(pages, make([]*rowPage, grow)...)
		s.files[name.file] = pages
	}
	if pages[page] == nil {
		pages[page] = new(rowPage)
	}
	word, bit := &pages[page][name.row%rowsPerPage/64], uint64(1)<<(name.row%64)
	if *word&bit == 0 {
		*word |= bit
		s.count++
	}
}

// has reports whether a row is in the set.
func (s *rowSet) has(name rowName) bool {
	if s.count == 0 || int(name.file) >= len(s.files) {
		return false
	}
	pages, page := s.files[name.file], int(name.row/rowsPerPage)
	return page < len(pages) && pages[page] != nil && pages[page][name.row%rowsPerPage/64]>>(name.row%64)&1 != 0
}

// addAll adds the rows of another set.
func (s *rowSet) addAll(other *rowSet) {
	for file, pages := range other.files {
		for page, words := range pages {
			if words == nil {
				continue
			}
			for i, word := range words {
				for ; word != 0; word &= word - 1 {
					s.add(rowName{int32(file), int64(page*rowsPerPage + i*64 + bits.TrailingZeros64(word))})
				}
			}
		}
	}
}

// refusals are the rows of tonight that may not have their id.
type refusals struct {
	rowSet
	// why is in order of file and row. It is forgotten when it was told.
	why []clearing.Refusal
}

// newRefusals takes the refusals of all partitions, and leaves none in them.
func newRefusals(partitions [][]clearing.Refusal) refusals {
	var r refusals
	total := 0
	for _, partition := range partitions {
		total += len(partition)
	}
	r.why = make([]clearing.Refusal, 0, total)
	for i, partition := range partitions {
		r.why = append(r.why, partition...)
		partitions[i] = nil
	}
	slices.SortFunc(r.why, clearing.CompareRefusals)
	for i := range r.why {
		r.add(rowName{r.why[i].File, r.why[i].Row})
	}
	return r
}

// find returns the refusal of a row that is refused.
func (r *refusals) find(name rowName) *clearing.Refusal {
	at := sort.Search(len(r.why), func(i int) bool {
		refusal := &r.why[i]
		return refusal.File > name.file || refusal.File == name.file && refusal.Row >= name.row
	})
	return &r.why[at]
}
