package spandb

import (
	"errors"
	"fmt"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/wal"
)

// refusal is why the store takes nothing, for good or for the moment; nil if it does.
func (db *DB) refusal() error {
	if err := db.failed.Load(); err != nil {
		return db.readOnly(*err)
	}
	if err := db.space.Full(); err != nil {
		return diskFull(err)
	}
	return nil
}

// unavailable makes the sender's error of one that the log gave.
func (db *DB) unavailable(err error) error {
	if errors.Is(err, wal.ErrDiskFull) {
		return diskFull(fmt.Errorf("the disk is full: %w", err))
	}
	return db.readOnly(err)
}

func (db *DB) readOnly(err error) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: failedRetry,
		Err: fmt.Errorf("the store is read-only since a write failed (%w); restart it when the disk is mended", err)}
}

func diskFull(err error) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: fullRetry,
		Err: fmt.Errorf("%w; send again later: it goes on when somebody makes room (or lower --max-disk and restart)", err)}
}
