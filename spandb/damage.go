package spandb

import (
	"errors"
	"fmt"
	"sync"

	"github.com/clew-tracing/clew"
)

// damageLog knows the places of damage that were told: whoever reads them again, as each
// question does, tells nothing new.
type damageLog struct {
	mu    sync.Mutex
	known map[string]bool
	last  error
}

// isNew notes damage and reports whether its place was not known.
func (d *damageLog) isNew(err error) bool {
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
	if len(d.known) >= maxKnownDamage || d.known == nil {
		d.known = make(map[string]bool)
	}
	d.known[place] = true
	d.last = err
	return true
}

// latest returns what was told last, nil if nothing was.
func (d *damageLog) latest() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// damaged tells of damage, once for each place.
func (db *DB) damaged(err error) {
	if db.damage.isNew(err) {
		db.stats.damages.Add(1)
		report(db.cfg.Events.Damaged, err)
	}
}
