package vfs

import (
	"errors"
	"syscall"
)

// TooManyFiles reports whether a file could not be opened because the process, or the
// system, has as many open as it may.
func TooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
