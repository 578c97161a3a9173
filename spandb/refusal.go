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

// tooManyTenants tells a sender to come again though nobody may make room: an exporter
// that is told that it never will be taken throws its spans away, and somebody should
// see that before they are lost.
func tooManyTenants(name clew.Tenant) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: failedRetry,
		Err: fmt.Errorf("tenant %q would be one more than the %d that a store takes: send under one of those (X-Scope-OrgID) or to a second server; there is room once retention has removed all spans of one", name, maxTenants)}
}

func diskFull(err error) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: fullRetry,
		Err: fmt.Errorf("%w; send again later: it goes on when somebody makes room (or lowers max-disk in the file of settings and sends SIGHUP)", err)}
}
