package main

import (
	"fmt"
	"slices"
	"strings"
)

// Sizes are how large the variants are.
type variantSizes struct {
	// rows are those of the base night, which has a member for ten rows and three lots for each member.
	rows      int64
	merchants int
	// fileRows are the rows of the one file.
	fileRows int64
	// smallMerchants have ten rows each, in two files.
	smallMerchants int
	// touchLots are open, five for each member, when touchRows touch some of them.
	touchLots, touchRows int64
}

// night is the base night with so many rows.
func (s *variantSizes) night(rows int64) world {
	members := max(int(rows/10), 1)
	return world{rows: rows, members: members, merchants: s.merchants, lots: 3 * int64(members)}
}

// touching is a night whose rows are of a share of the members, who have five lots each; fewer says
// that there are a twentieth of the members.
func (s *variantSizes) touching(share string, fewer bool) world {
	lots := s.touchLots
	if fewer {
		lots /= 20
	}
	return world{rows: s.touchRows, members: int(lots / 5), merchants: s.merchants, lots: lots, activeShare: share}
}

// lively is a night with so many rows, late ones and reversals among them, after some nights of the same members.
func (s *variantSizes) lively(nightsBefore int, rows int64) world {
	w := s.night(rows)
	w.lively, w.nightsBefore = true, nightsBefore
	return w
}

// A variant is a night of unusual shape, or one that others are compared with.
type variant struct {
	name  string
	about string
	world func(*variantSizes) world
	// touched is how many members have rows; 0 if nobody has to know.
	touched func(*variantSizes) int64
	// inStore says that everything lies in an object store.
	inStore bool
	// against is the variant that it is compared with, and bound what comes out of that; "" and nil
	// if it is only compared with.
	against string
	bound   *bound
}

// variants are all of them, in the order in which they are measured.
var variants = []variant{
	{
		name: "base", about: "the base night",
		world: func(s *variantSizes) world { return s.night(s.rows) },
	},
	{
		name: "one-member", about: "half of the rows are of one member",
		world: func(s *variantSizes) world {
			w := s.night(s.rows)
			w.memberRows = s.rows / 2
			return w
		},
		against: "base", bound: costPerRow(2),
	},
	{
		name: "one-merchant", about: "95 % of the rows are of one merchant",
		world: func(s *variantSizes) world {
			w := s.night(s.rows)
			w.merchantShare = "0.95"
			return w
		},
		against: "base", bound: costPerRow(2),
	},
	{
		name: "many-merchants", about: "merchants with ten rows each, in two files",
		world: func(s *variantSizes) world {
			w := s.night(10 * int64(s.smallMerchants))
			w.merchants, w.evenMerchants, w.filesPerMerchant = s.smallMerchants, true, 2
			return w
		},
		against: "base", bound: costPerRowAndFile(2, 2),
	},
	{
		name: "s3", about: "the base night, everything in an S3 server on this machine", inStore: true,
		world:   func(s *variantSizes) world { return s.night(s.rows) },
		against: "base", bound: wallClock(1.5),
	},
	{
		name: "tenfold", about: "the base night with ten times the rows, members and lots",
		world:   func(s *variantSizes) world { return s.night(10 * s.rows) },
		against: "base", bound: costPerRow(1.15),
	},
	{
		name: "hundredfold", about: "the base night with a hundred times the rows, members and lots",
		world:   func(s *variantSizes) world { return s.night(100 * s.rows) },
		against: "tenfold", bound: costPerRow(1.15),
	},
	{
		name: "first-night", about: "the base night with rows that come late and rows that reverse others, the first of the alliance",
		world: func(s *variantSizes) world { return s.lively(0, s.rows) },
	},
	{
		name: "eighth-night", about: "a night of the same members, after seven others",
		world:   func(s *variantSizes) world { return s.lively(7, s.rows) },
		against: "first-night", bound: wallClock(2),
	},
	{
		name: "first-small-night", about: "a first night like that with a quarter of the rows",
		world: func(s *variantSizes) world { return s.lively(0, s.rows/4) },
	},
	{
		name: "fortieth-night", about: "a night of the same members, after 39 others",
		world:   func(s *variantSizes) world { return s.lively(39, s.rows/4) },
		against: "first-small-night", bound: wallClock(2),
	},
	{
		name: "base-large", about: "the base night with as many rows as the one file",
		world: func(s *variantSizes) world { return s.night(s.fileRows) },
	},
	{
		name: "one-file", about: "all rows are in one file",
		world: func(s *variantSizes) world {
			w := s.night(s.fileRows)
			w.merchantShare = "1"
			return w
		},
		against: "base-large", bound: costPerRow(2),
	},
	{
		name: "touch-0.1-of-few", about: "the rows of touch-0.1, of as many members, among a twentieth of the members",
		world:   func(s *variantSizes) world { return s.touching("0.02", true) },
		touched: func(s *variantSizes) int64 { return s.touchLots / 5 / 1000 },
	},
	{
		name: "touch-0.1", about: "all rows are of 0.1 % of the members",
		world:   func(s *variantSizes) world { return s.touching("0.001", false) },
		touched: func(s *variantSizes) int64 { return s.touchLots / 5 / 1000 },
		against: "touch-0.1-of-few", bound: wallClock(2),
	},
	{
		name: "touch-5-of-few", about: "the rows of touch-5, of as many members, who are all there are",
		world:   func(s *variantSizes) world { return s.touching("1", true) },
		touched: func(s *variantSizes) int64 { return s.touchLots / 5 / 20 },
	},
	{
		name: "touch-5", about: "all rows are of 5 % of the members",
		world:   func(s *variantSizes) world { return s.touching("0.05", false) },
		touched: func(s *variantSizes) int64 { return s.touchLots / 5 / 20 },
		against: "touch-5-of-few", bound: accountBytesPerMember(2),
	},
	{
		name: "month-end", about: "the rows of touch-0.1, and a tenth of all lots expires",
		world: func(s *variantSizes) world {
			w := s.touching("0.001", false)
			w.expiringLots = s.touchLots / 10
			return w
		},
	},
}

// chosenVariants returns the variants of some names, and those that they are compared with; all if there are
// no names.
func chosenVariants(names string) ([]variant, error) {
	if names == "" {
		return variants, nil
	}
	wanted := make(map[string]bool)
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' }) {
		at := slices.IndexFunc(variants, func(v variant) bool { return v.name == name })
		if at < 0 {
			var all []string
			for _, v := range variants {
				all = append(all, v.name)
			}
			return nil, fmt.Errorf("there is no case %q: give some of %s", name, strings.Join(all, ", "))
		}
		for wanted[name] = true; variants[at].against != ""; wanted[variants[at].name] = true {
			at = slices.IndexFunc(variants, func(v variant) bool { return v.name == variants[at].against })
		}
	}
	return slices.DeleteFunc(slices.Clone(variants), func(v variant) bool { return !wanted[v.name] }), nil
}

// A bound is what a variant may cost at most, next to another.
type bound struct {
	// ratio returns what the variant took by what it is compared with, what that is in words, and the most that it may be.
	ratio func(v, against *result) (ratio float64, of string)
	most  float64
}

// costPerRow bounds the wall clock of a row.
func costPerRow(most float64) *bound {
	return &bound{most: most, ratio: func(v, against *result) (float64, string) {
		return v.wallPerRow() / against.wallPerRow(), "the wall clock per row of " + against.name
	}}
}

// costPerRowAndFile allows so many times the wall clock of a row, and so many milliseconds for each
// file that is delivered.
func costPerRowAndFile(most float64, each_ms int64) *bound {
	return &bound{most: 1, ratio: func(v, against *result) (float64, string) {
		files := float64(v.files*each_ms) / 1000
		allowed := most*against.wallPerRow()*float64(v.rows)/1e6 + files
		return v.spent.wall.Seconds() / allowed, fmt.Sprintf("%.2f s: %g times the wall clock per row of %s, and %d ms for each of %d files",
			allowed, most, against.name, each_ms, v.files)
	}}
}

// wallClock bounds the wall clock of the night.
func wallClock(most float64) *bound {
	return &bound{most: most, ratio: func(v, against *result) (float64, string) {
		return v.spent.wall.Seconds() / against.spent.wall.Seconds(), "the wall clock of " + against.name
	}}
}

// accountBytesPerMember bounds the bytes of accounts that are written for each member touched.
func accountBytesPerMember(most float64) *bound {
	return &bound{most: most, ratio: func(v, against *result) (float64, string) {
		each := func(r *result) float64 { return float64(r.accountBytes) / float64(r.touched) }
		return each(v) / each(against), fmt.Sprintf("the bytes of accounts per member touched of %s: %.0f and %.0f", against.name, each(v), each(against))
	}}
}

// mostPeak is what a night may take of memory at most, with --memory 1GiB.
const mostPeak_bytes = 2 << 30
