//go:build !linux

package storage

import (
	"errors"
	"os"
)

func setUncached(*os.File, bool) error { return errors.ErrUnsupported }
