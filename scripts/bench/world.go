package main

import (
	"fmt"
	"strings"

	"alliance/settlement"
)

// A world is the alliance, and the night of it that is settled, that settle generate is asked for.
type world struct {
	rows      int64
	members   int
	merchants int
	lots      int64

	// What follows makes the night unlike others; the zero value leaves it as it is.

	// merchantShare is the share of rows of one merchant, such as 0.95.
	merchantShare    string
	evenMerchants    bool
	filesPerMerchant int
	// memberRows is how many rows one member has.
	memberRows int64
	// activeShare is the share of members who have all rows, such as 0.05.
	activeShare  string
	expiringLots int64
	// lively nights have rows that come late and rows that reverse others; rows can be deferred then, and redemptions not be covered.
	lively bool
	// nightsBefore is how many nights the alliance has settled before.
	nightsBefore int
}

// arguments are those of settle generate, but for the directory.
func (w *world) arguments() []string {
	arguments := []string{"--formats", "parquet", "--nights", fmt.Sprint(1 + w.nightsBefore), "--from", w.first(), "--seed", fmt.Sprint(seed)}
	if !w.lively {
		arguments = append(arguments, "--plain")
	}
	return append(arguments, w.shape()...)
}

// first is the date of the first night.
func (w *world) first() string { return daysBefore(w.nightsBefore) }

// daysBefore returns the date some days before the night that is measured.
func daysBefore(days int) string {
	night, err := settlement.ParseDate(date)
	if err != nil {
		panic(err) // it is a constant
	}
	return (night - settlement.Date(days)).String()
}

// shape are the arguments that worlds differ in.
func (w *world) shape() []string {
	arguments := []string{"--rows", fmt.Sprint(w.rows), "--members", fmt.Sprint(w.members),
		"--merchants", fmt.Sprint(w.merchants), "--lots", fmt.Sprint(w.lots)}
	if w.merchantShare != "" {
		arguments = append(arguments, "--merchant-share", w.merchantShare)
	}
	if w.evenMerchants {
		arguments = append(arguments, "--even-merchants")
	}
	if w.filesPerMerchant > 0 {
		arguments = append(arguments, "--files-per-merchant", fmt.Sprint(w.filesPerMerchant))
	}
	if w.memberRows > 0 {
		arguments = append(arguments, "--member-rows", fmt.Sprint(w.memberRows))
	}
	if w.activeShare != "" {
		arguments = append(arguments, "--active-share", w.activeShare)
	}
	if w.expiringLots > 0 {
		arguments = append(arguments, "--expiring-lots", fmt.Sprint(w.expiringLots))
	}
	if w.lively {
		arguments = append(arguments, "--bad-share", "0", "--late-share", "0.01", "--reversed-share", "0.02")
	}
	return arguments
}

// name names the world's folder: its shape, such as rows-20-members-2-merchants-2-lots-6.
func (w *world) name() string {
	name := strings.TrimPrefix(strings.ReplaceAll(strings.Join(w.shape(), "-"), "---", "-"), "--")
	if w.nightsBefore > 0 {
		name += fmt.Sprintf("-nights-before-%d", w.nightsBefore)
	}
	return name
}
