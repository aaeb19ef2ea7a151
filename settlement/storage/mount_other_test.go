//go:build unix && !linux

package storage_test

import "errors"

func mountSmall(string, int) error { return errors.New("only on Linux") }
