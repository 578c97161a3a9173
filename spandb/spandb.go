// Package spandb is the embedded span store: a log, heads of rows in memory,
// and immutable segments.
//
// Life of a row. Append decodes a record into the columns of its tenant's head,
// writes the record as received to the log and waits for the group's sync. The
// sync publishes the rows (readers see them from then on) and only then the
// reply leaves; Config.Durability can have both come before the sync. A full head is sealed: its rows are ordered, encoded, written to
// a segment and made visible by one edit of the manifest; in the same moment the
// head goes, so that a reader sees each row exactly once. When no head needs
// them, log files are removed. Segments go when they are older than the
// retention or when the store is larger than its limit, oldest first.
//
// After a crash the manifest says which segments there are, and the log is
// replayed into heads.
//
// Locks, in the order in which they may be taken: DB.mu, tenant.parse, tenant.write,
// pending.publishing, DB.listing, tenant.mu, pending.mu, sealQueue.mu, manifest's. Nothing is
// read or written while tenant.mu, pending.mu or sealQueue.mu is held. Whoever holds
// tenant.mu does not wait for DB.mu or tenant.write; with DB.mu tenant.write is
// only tried.
package spandb

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/spandb/damage"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/shelf"
	"github.com/clew-tracing/clew/spandb/space"
	"github.com/clew-tracing/clew/spandb/tally"
	"github.com/clew-tracing/clew/spandb/traceindex"
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
	// Durability says when an append is answered, and SyncEvery how often the log
	// is synced with wal.SyncInterval; see wal.Config.
	Durability wal.SyncPolicy
	SyncEvery  time.Duration
	// SealRows overrides the number of rows at which a head is sealed; 0 is
	// sealRows. Tests make it small.
	SealRows int
	// Sealers is how many heads are encoded beside each other; 0 is half the cores, at
	// most what Memory says.
	Sealers int
	// MergeRows overrides the number of rows of a merged segment; 0 is mergeRows.
	// Tests make it small.
	MergeRows int
	// Memory bounds the parts of the store.
	Memory Memory
	// OpenFiles is how many segments stay open besides those being read; 0 is
	// maxOpenFiles.
	OpenFiles int
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
	// Merged comes after segments were replaced by their merge.
	Merged func(MergeInfo)
	// Dropped comes after segments were removed by retention.
	Dropped func(DropInfo)
	// Damaged comes for damage found on disk, once for each place.
	Damaged func(error)
	// Trouble comes for what failed and will be tried again: a segment could not be
	// written, a file not be removed.
	Trouble func(error)
	// Failed comes once when the store stops accepting for good: it is read-only.
	Failed func(error)
	// Full comes when the store accepts nothing because the disk is full, Room when
	// it accepts again.
	Full func(error)
	Room func()
	// Synced comes after each group of log records became durable.
	Synced func(wal.SyncInfo)
	// Replayed comes once, when Open has read the log.
	Replayed func(wal.Report)
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

	mu          sync.RWMutex // guards tenants and closed
	tenants     map[clew.Tenant]*tenant
	tenantCount atomic.Int64 // of tenants
	closed      bool
	appends     sync.WaitGroup // appends in flight
	decoders    sync.Pool      // of *otlp.Decoder

	limits    atomic.Pointer[Limits]
	opened    uint64        // the last log record there was at Open
	needed    atomic.Uint64 // what the log was last cut for: the manifest learns it with the next edit
	logFile   int64         // the size of the log's files
	logLimit  atomic.Int64  // the size at which the log is cut at the cost of small segments
	pending   pending
	resends   atomic.Int64 // records remembered by all tenants
	headBytes atomic.Int64 // weight of all heads without a segment

	// listing is held by whoever takes segments off a tenant's list, from choosing
	// them until they are gone.
	listing  sync.Mutex
	manMu    sync.Mutex // serialises edits, held across their I/O; guards lastID
	manifest *folder.Manifest
	// logNewest names the log's newest file, logNoted the one that the manifest knows;
	// the log's goroutine has them.
	logNewest, logNoted uint64
	lastID              uint64 // given to a segment file

	cache     segment.Cache
	values    tally.Kept
	traceRows *admission.Ration // of those that were read
	readers   sync.Pool         // of *segment.BlockReader, for parts of traces
	shelf     *shelf.Shelf[*segmentFile]
	traces    *traceindex.Index
	indexWake chan struct{} // of capacity 1
	segMu     sync.RWMutex  // guards byID
	byID      map[uint64]*storedSegment

	sealer      segment.Sealer
	moreSealers []*segment.Sealer // for heads encoded beside the first
	seals       *sealQueue
	cancel      context.CancelFunc
	done        sync.WaitGroup
	pool        headPool

	space  *space.Watch
	failed atomic.Pointer[error]
	stats  counters
	damage damage.Log
}

var (
	_ storage.Store   = (*DB)(nil)
	_ storage.Catalog = (*DB)(nil)
	_ storage.Tailer  = (*DB)(nil)

	_ storage.Aggregator = (*DB)(nil)
)

// Open opens the store in dir, which is made if missing, and replays its log.
// The folder is locked against a second process. Damage that Open can do without
// is reported through Events and Stats; damage it cannot is an error.
func Open(fs vfs.FS, dir string, cfg Config) (*DB, error) {
	cfg.SealRows = cmp.Or(cfg.SealRows, sealRows)
	cfg.Memory = cfg.Memory.withDefaults()
	cfg.MergeRows = cmp.Or(cfg.MergeRows, mergeRows)
	cfg.Sealers = cmp.Or(cfg.Sealers, min(max(1, runtime.GOMAXPROCS(0)/2), cfg.Memory.Sealers))
	cfg.OpenFiles = cmp.Or(cfg.OpenFiles, maxOpenFiles)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := fs.MkdirAll(path.Join(dir, folder.SegmentsDir)); err != nil {
		return nil, err
	}
	if err := fs.MkdirAll(path.Join(dir, folder.LogDir)); err != nil {
		return nil, err
	}
	lock, err := fs.Lock(path.Join(dir, folder.LockName))
	if err != nil {
		if errors.Is(err, vfs.ErrLocked) {
			return nil, clew.Errorf(clew.Busy, "the store in %s is in use by another process: stop it, or choose another folder with --data (%w)", dir, err)
		}
		return nil, err
	}
	db := &DB{fs: fs, dir: dir, cfg: cfg, lock: lock, tenants: make(map[clew.Tenant]*tenant), seals: newSealQueue()}
	db.pool.keep = 1 + cfg.Sealers
	db.logFile = logFileSize(cfg.MaxBytes)
	db.SetLimits(Limits{Retention: cfg.Retention, MaxBytes: cfg.MaxBytes})
	db.space = space.New(fs, dir, cfg.Events.Full, cfg.Events.Room)
	db.cache.MaxBytes, db.cache.MaxBlockBytes = cfg.Memory.Tables, cfg.Memory.Blocks
	db.traceRows, db.pool.maxBytes = admission.NewRation(cfg.Memory.Traces), cfg.Memory.Head
	db.shelf = db.newShelf()
	db.indexWake, db.byID = make(chan struct{}, 1), make(map[uint64]*storedSegment)
	db.decoders.New = func() any { return new(otlp.Decoder) }
	if err := db.open(); err != nil {
		db.closeSegments()
		lock.Close()
		return nil, err
	}
	return db, nil
}

func (db *DB) open() (err error) {
	if db.manifest, err = folder.ReadManifest(db.fs, db.dir); err != nil {
		return err
	}
	if err := db.openSegments(); err != nil {
		db.manifest.Close()
		return err
	}
	if err := db.replay(); err != nil {
		db.manifest.Close()
		return err
	}
	db.logNoted = db.manifest.Log
	db.log, err = wal.Open(db.fs, path.Join(db.dir, folder.LogDir), wal.Config{
		Window: db.cfg.Window, Sync: db.cfg.Durability, SyncEvery: db.cfg.SyncEvery,
		MinNextSeq: db.manifest.NextSeq, OnDurable: db.durable,
		MaxRecordBytes: maxRecordBytes, SegmentBytes: db.logFile, BufferBytes: int(db.cfg.Memory.Log),
		Events: wal.Events{Synced: db.cfg.Events.Synced, Failed: db.fail, Started: db.logStarted, Stalled: db.space.Stalled, Resumed: db.space.Resumed},
	})
	if err != nil {
		db.manifest.Close()
		return err
	}
	db.opened = db.log.Durable()
	db.truncateLog()
	ctx, cancel := context.WithCancel(context.Background())
	db.cancel = cancel
	db.done.Add(3)
	go db.background(ctx)
	go db.merging(ctx)
	go db.indexing(ctx)
	return nil
}

// fail notes that the store can accept nothing more.
func (db *DB) fail(err error) {
	if db.failed.CompareAndSwap(nil, &err) {
		db.seals.wakeWaiting()
		report(db.cfg.Events.Failed, err)
	}
}

func report(f func(error), err error) {
	if f != nil {
		f(err)
	}
}

// tenantOf returns a tenant's state for reading; nil if there is none.
func (db *DB) tenantOf(name clew.Tenant) (*tenant, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return nil, errClosed()
	}
	return db.tenants[name], nil
}

// addTenant returns a tenant's state, made if missing.
func (db *DB) addTenant(name clew.Tenant) (*tenant, error) {
	if t, err := db.tenantOf(name); t != nil || err != nil {
		return t, err
	}
	if _, err := clew.ParseTenant(string(name)); err != nil || name == "" {
		return nil, clew.Errorf(clew.Invalid, "tenant %q is no tenant's name", name)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil, errClosed()
	}
	if t := db.tenants[name]; t != nil {
		return t, nil
	}
	// What is on disk is opened, however many tenants' it is.
	if len(db.tenants) >= maxTenants && db.log != nil && !db.forgetTenant() {
		return nil, admission.TooManyTenants(name, maxTenants)
	}
	t := newTenant(name)
	db.tenants[name] = t
	db.tenantCount.Add(1)
	return t, nil
}

// forgetTenant drops a tenant that has nothing, if there is one: whoever asked for
// what is not there, or whose rows are all gone. db.mu is held.
func (db *DB) forgetTenant() bool {
	for name, t := range db.tenants {
		if !t.write.Try() {
			continue
		}
		t.mu.Lock()
		if t.gone = t.empty(); t.gone {
			db.resends.Add(-int64(t.resends.Len()))
			if t.active != nil {
				db.headBytes.Add(-int64(t.active.weight))
			}
		}
		t.mu.Unlock()
		t.write.Leave()
		if t.gone {
			delete(db.tenants, name)
			db.tenantCount.Add(-1)
			return true
		}
	}
	return false
}

// Capabilities says what the store can do.
func (db *DB) Capabilities() storage.Capabilities {
	return storage.Capabilities{Durable: true, Conditions: true, TracesMode: true, Resends: true, Rollups: true}
}

// Close commits what was accepted, seals large heads so that the next start has
// little to replay, and releases the folder. Reads that run go on; those that come
// later get an error of kind Busy.
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
	err := db.endLog()
	if err == nil {
		err = db.sealForClose()
	}
	db.closeSegments()
	return errors.Join(err, db.manifest.Close(), db.lock.Close())
}

// closeSegments closes the files of all segments, each when its last reader lets
// go, and ends the tails.
func (db *DB) closeSegments() {
	for _, t := range db.allTenants() {
		t.mu.Lock()
		finished := t.relist(func(*storedSegment) bool { return true })
		t.tail.close()
		t.mu.Unlock()
		db.finish(finished)
	}
	if db.traces != nil {
		db.traces.Close()
	}
}
