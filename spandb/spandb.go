// Package spandb is the embedded span store: a log, heads of rows in memory,
// and immutable segments.
//
// Life of a row. Append decodes a record into the columns of its tenant's head,
// writes the record as received to the log and waits for the group's sync. The
// sync publishes the rows (readers see them from then on) and only then the
// reply leaves. A full head is sealed: its rows are ordered, encoded, written to
// a segment and made visible by one edit of the manifest; in the same moment the
// head goes, so that a reader sees each row exactly once. When no head needs
// them, log files are removed. Segments go when they are older than the
// retention or when the store is larger than its limit, oldest first.
//
// After a crash the manifest says which segments there are, and the log is
// replayed into heads.
//
// Locks, in the order in which they may be taken: DB.mu, tenant.write,
// pending.publishing, tenant.mu, pending.mu, manifest's. Nothing is read or written
// while tenant.mu or pending.mu is held.
package spandb

import (
	"context"
	"errors"
	"io"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// Config is how a store behaves. The zero value is a good one for tests; a
// server sets Retention and MaxBytes.
type Config struct {
	// Retention is how long a row is kept after its arrival; 0 is for ever.
	Retention time.Duration
	// MaxBytes bounds segments and log together; 0 is no bound. The oldest
	// segments go first.
	MaxBytes int64
	// Window is the log's group window; see wal.Config.
	Window time.Duration
	// SealRows overrides the number of rows at which a head is sealed; 0 is
	// sealRows. Tests make it small.
	SealRows int
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Events reports what the store does.
	Events Events
}

// Events are functions that the store calls; each may be nil. They must be quick
// and must not call the store.
type Events struct {
	// Sealed comes after a segment became visible.
	Sealed func(SealInfo)
	// Dropped comes after segments were removed by retention.
	Dropped func(DropInfo)
	// Damaged comes for damage found on disk.
	Damaged func(error)
	// Failed comes once when the store stops accepting.
	Failed func(error)
	// Synced comes after each group of log records became durable.
	Synced func(wal.SyncInfo)
}

// SealInfo describes one seal.
type SealInfo struct {
	Tenant    clew.Tenant
	Rows      int
	SizeBytes int64
	Took      time.Duration
}

// DropInfo describes one removal.
type DropInfo struct {
	Segments  int
	Rows      int64
	SizeBytes int64
	Reason    string // "age" or "size"
}

// DB is an open store. It implements storage.Store, storage.Catalog and
// storage.Tailer.
type DB struct {
	fs   vfs.FS
	dir  string
	cfg  Config
	lock io.Closer
	log  *wal.Log

	mu      sync.RWMutex // guards tenants and closed
	tenants map[clew.Tenant]*tenant
	closed  bool
	appends sync.WaitGroup // appends in flight

	pending pending

	manMu    sync.Mutex // serialises edits; held across their I/O
	manifest *manifest

	cache  tableCache
	sealer sealer
	seals  sealQueue
	cancel context.CancelFunc
	done   sync.WaitGroup
	pool   headPool

	failed atomic.Pointer[error]
	stats  counters
}

var (
	_ storage.Store   = (*DB)(nil)
	_ storage.Catalog = (*DB)(nil)
	_ storage.Tailer  = (*DB)(nil)
)

// Open opens the store in dir, which is made if missing, and replays its log.
// The folder is locked against a second process. Damage that Open can do without
// is reported through Events and Stats; damage it cannot is an error.
func Open(fs vfs.FS, dir string, cfg Config) (*DB, error) {
	if cfg.SealRows == 0 {
		cfg.SealRows = sealRows
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := fs.MkdirAll(path.Join(dir, segDir)); err != nil {
		return nil, err
	}
	if err := fs.MkdirAll(path.Join(dir, walDir)); err != nil {
		return nil, err
	}
	lock, err := fs.Lock(path.Join(dir, lockName))
	if err != nil {
		if errors.Is(err, vfs.ErrLocked) {
			return nil, clew.Errorf(clew.Busy, "the store in %s is in use by another process: stop it, or choose another folder with --data (%w)", dir, err)
		}
		return nil, err
	}
	db := &DB{fs: fs, dir: dir, cfg: cfg, lock: lock, tenants: make(map[clew.Tenant]*tenant)}
	db.seals.wake = make(chan struct{}, 1)
	if err := db.open(); err != nil {
		lock.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) open() (err error) {
	if db.manifest, err = openManifest(db.fs, db.dir); err != nil {
		return err
	}
	if err := db.openSegments(); err != nil {
		db.manifest.close()
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	db.cancel = cancel
	if err := db.replay(); err != nil {
		cancel()
		db.manifest.close()
		return err
	}
	db.log, err = wal.Open(db.fs, path.Join(db.dir, walDir), wal.Config{
		Window: db.cfg.Window, MinNextSeq: db.manifest.nextSeq, OnDurable: db.publish,
		MaxRecordBytes: maxRecordBytes, SegmentBytes: logFileBytes,
		Events: wal.Events{Synced: db.cfg.Events.Synced, Failed: db.fail},
	})
	if err != nil {
		cancel()
		db.manifest.close()
		return err
	}
	if err := db.log.TruncateBefore(db.oldestNeeded()); err != nil {
		cancel()
		return errors.Join(err, db.log.Close(), db.manifest.close())
	}
	db.done.Add(1)
	go db.background(ctx)
	return nil
}

// fail notes that the store can accept nothing more.
func (db *DB) fail(err error) {
	if db.failed.CompareAndSwap(nil, &err) {
		report(db.cfg.Events.Failed, err)
	}
}

func report(f func(error), err error) {
	if f != nil {
		f(err)
	}
}

// tenantOf returns a tenant's state; nil if there is none.
func (db *DB) tenantOf(name clew.Tenant) *tenant {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.tenants[name]
}

// addTenant returns a tenant's state, made if missing.
func (db *DB) addTenant(name clew.Tenant) (*tenant, error) {
	if t := db.tenantOf(name); t != nil {
		return t, nil
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if t := db.tenants[name]; t != nil {
		return t, nil
	}
	if len(db.tenants) >= maxTenants {
		return nil, clew.Errorf(clew.TooLarge, "tenant %q would be one more than the %d this store takes", name, maxTenants)
	}
	if _, err := clew.ParseTenant(string(name)); err != nil || name == "" {
		return nil, clew.Errorf(clew.Invalid, "tenant %q is no tenant's name", name)
	}
	t := newTenant(name)
	db.tenants[name] = t
	return t, nil
}

// Capabilities says what the store can do.
func (db *DB) Capabilities() storage.Capabilities {
	return storage.Capabilities{Durable: true, Conditions: true, Resends: true}
}

// Close commits what was accepted, seals large heads so that the next start has
// little to replay, and releases the folder.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	db.mu.Unlock()
	db.appends.Wait()
	db.cancel()
	db.done.Wait()
	err := db.log.Close()
	if err == nil {
		err = db.sealForClose()
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, t := range db.tenants {
		t.mu.Lock()
		for _, s := range t.segs {
			s.file.Close()
		}
		t.tail.close()
		t.mu.Unlock()
	}
	return errors.Join(err, db.manifest.close(), db.lock.Close())
}
