// Package damage knows which damage was told.
package damage

import (
	"errors"
	"fmt"
	"sync"

	"github.com/clew-tracing/clew"
)

// maxKnown bounds the places of damage that are not told again: some 100 bytes each.
// Beyond it all are told once more.
const maxKnown = 4096

// A Log knows the places of damage that were told: whoever reads them again, as each
// question does, tells nothing new. The zero value knows none.
type Log struct {
	mu    sync.Mutex
	known map[string]bool
	last  error
}

// IsNew notes damage and reports whether its place was not known.
func (d *Log) IsNew(err error) bool {
	place := err.Error()
	var e *clew.Error
	if errors.As(err, &e) && e.File != "" {
		place = fmt.Sprintf("%s:%d", e.File, e.Offset)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[place] {
		return false
	}
	if len(d.known) >= maxKnown || d.known == nil {
		d.known = make(map[string]bool)
	}
	d.known[place] = true
	d.last = err
	return true
}

// Latest returns what was told last, nil if nothing was.
func (d *Log) Latest() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}
