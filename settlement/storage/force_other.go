//go:build !linux

package storage

import (
	"errors"
	"os"
)

// forcesAll reports that forceAll is not to be had here.
func forcesAll(*os.File) bool { return false }

func forceAll(*os.File) error { return errors.ErrUnsupported }

func beginForcing(*os.File) {}
