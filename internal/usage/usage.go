// Package usage marks errors that are the caller's: a flag, a setting or an argument
// is wrong, and the command was not tried.
package usage

import (
	"errors"
	"fmt"

	"github.com/clew-tracing/clew"
)

// Err marks an error as the caller's, for errors.Is.
var Err = errors.New("usage")

// Errorf words an error that is the caller's: of kind Invalid, and marked by Err.
func Errorf(format string, args ...any) error {
	return fmt.Errorf("%w%w", clew.Errorf(clew.Invalid, format, args...), Quietly(Err))
}

// Quietly makes an error that can be found by errors.Is and has no text.
func Quietly(err error) error { return quiet{err} }

type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (e quiet) Unwrap() error { return e.error }
