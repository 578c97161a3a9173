package admission

import (
	"fmt"
	"time"

	"github.com/clew-tracing/clew"
)

// FailedRetry is how long a sender should wait when somebody has to mend the disk
// first.
const FailedRetry = 30 * time.Second

// FullRetry is how long a sender should wait when the disk is full: retention makes
// room within seconds, people within minutes.
const FullRetry = 10 * time.Second

// ReadOnly is the sender's error once a write has failed.
func ReadOnly(err error) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: FailedRetry,
		Err: fmt.Errorf("the store is read-only since a write failed (%w); restart it when the disk is mended", err)}
}

// TooManyTenants tells a sender to come again though nobody may make room: an exporter
// that is told that it never will be taken throws its spans away, and somebody should
// see that before they are lost.
func TooManyTenants(name clew.Tenant, most int) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: FailedRetry,
		Err: fmt.Errorf("tenant %q would be one more than the %d that a store takes: send under one of those (X-Scope-OrgID) or to a second server; there is room once retention has removed all spans of one", name, most)}
}

// DiskFull is the sender's error while there is no room on the disk.
func DiskFull(err error) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: FullRetry,
		Err: fmt.Errorf("%w; send again later: it goes on when somebody makes room (or lowers max-disk in the file of settings and sends SIGHUP)", err)}
}
