package spandb

import (
	"errors"
	"fmt"

	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/wal"
)

// refusal is why the store takes nothing, for good or for the moment; nil if it does.
func (db *DB) refusal() error {
	if err := db.failed.Load(); err != nil {
		return admission.ReadOnly(*err)
	}
	if err := db.space.Full(); err != nil {
		return admission.DiskFull(err)
	}
	return nil
}

// unavailable makes the sender's error of one that the log gave.
func (db *DB) unavailable(err error) error {
	if errors.Is(err, wal.ErrDiskFull) {
		return admission.DiskFull(fmt.Errorf("the disk is full: %w", err))
	}
	return admission.ReadOnly(err)
}
