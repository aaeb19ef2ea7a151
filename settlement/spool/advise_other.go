//go:build !linux

package spool

import "os"

// drop leaves the content of a stretch where it is until it is written over: how to give it back differs by system,
// as does what fetch and scattered could do.
func drop(*os.File, stretch) {}

func fetch(*os.File, stretch) {}

func scattered(*os.File) {}
