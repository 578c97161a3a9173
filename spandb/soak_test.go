package spandb

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var soakFlag = flag.Int("soak-hours", 0, "hours of simulated time of the soak test; 0 is a day and a bit")

// soak is a store that lives through days in seconds, and what it was given.
type soak struct {
	*testing.T
	rng     *rand.Rand
	disk    *vfs.Mem
	db      *DB
	cfg     Config
	now     time.Time
	nextID  uint64
	arrived map[clew.Tenant][]soakRequest // acknowledged, oldest first
	merges  int64
	dropped int64
}

type soakRequest struct {
	at   time.Time
	rows int
}

const soakRetention = 5 * time.Hour

// TestSoak runs a store for a simulated day: tenants of many and of few spans, late
// spans and clocks days off, heads sealed by age, merges, retention, restarts, power
// cuts. All through it every span younger than the retention is there, once; older
// ones go within an hour of a merge's slot; and neither segments, nor log, nor memory
// grow from hour to hour.
func TestSoak(t *testing.T) {
	hours := cmp.Or(*soakFlag, soakHours)
	seed := cmp.Or(*seedFlag, 24)
	t.Logf("%d hours, seed %d (repeat with -soak-hours and -seed)", hours, seed)
	s := &soak{T: t, rng: rand.New(rand.NewPCG(seed, 0)), disk: vfs.NewMem(), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		arrived: make(map[clew.Tenant][]soakRequest), cfg: Config{SealRows: 600, MergeRows: 2400, Retention: soakRetention, Window: -1}}
	s.cfg.Now = func() time.Time { return s.now }
	s.open()
	var early, late uint64
	for hour := range hours {
		for minute := range 60 {
			s.minute(hour*60 + minute)
		}
		s.check()
		if hour == hours/3 {
			early = heapBytes()
		}
		late = heapBytes()
	}
	s.count()
	if late > early+early/2+8<<20 {
		t.Errorf("%d bytes of heap at the end, %d after a third of the time", late, early)
	}
	if s.merges < int64(hours)/2 || s.dropped == 0 {
		t.Errorf("%d merges and %d spans removed in %d hours: the store was not at work", s.merges, s.dropped, hours)
	}
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := upkeep.Verify(s.disk, "data", nil); err != nil || len(v.Damage) > 0 {
		t.Errorf("verify: %v, %v", v.Damage, err)
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (s *soak) open() {
	s.Helper()
	s.db = openDB(s.T, s.disk, "data", s.cfg)
	halt(s.db)
}

// count adds up what the store counted since it was opened.
func (s *soak) count() {
	st := s.db.Stats()
	s.merges += st.Merges
	s.dropped += st.DroppedRows
}

// minute lets a minute pass: what comes in it, and what a store does by itself.
func (s *soak) minute(n int) {
	s.Helper()
	s.now = s.now.Add(time.Minute)
	s.send("busy", 1+s.rng.IntN(60))
	if s.rng.IntN(20) == 0 {
		s.send("quiet", 1+s.rng.IntN(3))
	}
	if n%180 == 17 { // comes, and is never seen again
		s.send(clew.Tenant(fmt.Sprintf("once-%d", n)), 2)
	}
	s.db.retireOld()
	s.work()
	switch {
	case n%400 == 399:
		s.count()
		if err := s.db.Close(); err != nil {
			s.Fatal(err)
		}
		s.open()
	case n%400 == 199:
		s.count()
		old := s.db
		s.disk = s.disk.CrashClone(s.rng, vfs.CrashOptions{Keep: vfs.KeepRandom, Tear: true, Reorder: true})
		_ = old.Close() // on the disk before the cut
		s.open()
	}
}

func (s *soak) work() {
	s.Helper()
	if err := s.db.sealQueued(); err != nil {
		s.Fatal(err)
	}
	s.db.retain()
	if _, err := s.db.mergeAll(context.Background()); err != nil {
		s.Fatal(err)
	}
}

// send appends a request of some traces, whose spans come in several requests; one in
// fifty is hours late, or of a clock that is days off.
func (s *soak) send(t clew.Tenant, rows int) {
	s.Helper()
	spans := make([]clew.Span, rows)
	for i := range spans {
		s.nextID++
		at := s.now
		switch s.rng.IntN(150) {
		case 0:
			at = at.Add(-time.Duration(s.rng.IntN(10)) * time.Hour)
		case 1:
			at = at.Add(time.Duration(s.rng.IntN(9)-4) * 24 * time.Hour)
		case 2:
			at = time.Unix(int64(s.rng.IntN(3)), 0)
		}
		start := clew.FromTime(at)
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(9, 1+s.nextID/40+uint64(s.rng.IntN(3))), SpanID: clew.SpanID(s.nextID),
			Name: fmt.Sprint("op", s.rng.IntN(9)), Kind: clew.KindServer, Start: start, End: start + 1000}
	}
	res, err := s.db.Append(context.Background(), storage.Record{Tenant: t, Body: storagetest.Body(spans...), ReceivedAt: s.now})
	if err != nil || res.Accepted != rows {
		s.Fatalf("Append = %+v, %v", res, err)
	}
	s.arrived[t] = append(s.arrived[t], soakRequest{s.now, rows})
	if s.db.headBytes.Load() > s.db.cfg.Memory.Heads || s.queued(t) >= maxPendingHeads-1 {
		s.work()
	}
}

func (s *soak) queued(name clew.Tenant) int {
	t, err := s.db.tenantOf(name)
	if err != nil || t == nil {
		return 0
	}
	return len(t.sealing)
}

// check counts what is there: all that is younger than the retention, once, and
// nothing that is much older.
func (s *soak) check() {
	s.Helper()
	for t, list := range s.arrived {
		least, most := 0, 0
		for _, r := range list {
			if r.at.After(s.now.Add(-soakRetention)) {
				least += r.rows
			}
			// A segment goes with its youngest row: a merge's slot, and its lateness.
			if r.at.After(s.now.Add(-soakRetention - 25*time.Hour)) {
				most += r.rows
			}
		}
		if t == "busy" {
			most = 0
			for _, r := range list {
				if r.at.After(s.now.Add(-soakRetention - 2*time.Hour)) {
					most += r.rows
				}
			}
		}
		if n := countOf(s, s.db, t); n < least || n > most {
			s.Fatalf("%v: tenant %s has %d rows, want %d to %d", s.now, t, n, least, most)
		}
	}
	st := s.db.Stats()
	if st.Segments > 120 {
		s.Errorf("%v: %d segments", s.now, st.Segments)
	}
	if st.LogBytes > 4<<20 || st.Damages > 0 {
		s.Errorf("%v: %d bytes of log, %d damages", s.now, st.LogBytes, st.Damages)
	}
}
