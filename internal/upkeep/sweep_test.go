package upkeep

import (
	"errors"
	"flag"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// corruptEvery keeps the sweep at seconds; -corrupt-every 1, which takes over an
// hour, is for changes of a format.
var corruptEvery = flag.Int("corrupt-every", 1201, "TestCorruptionSweep damages every n-th byte, and more at both ends of a file; 1 is each")

// TestCorruptionSweep damages a small store at every n-th byte of every file, one at a
// time, and has it verified, opened and repaired. It is never a crash, and never a wrong
// answer: every row that is read is one that was sent, as it was sent, and once. What is
// missing is said, with file and offset. After a repair the store is sound, and has
// every row that could be read before, and all whose bytes were not touched.
func TestCorruptionSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for _, withLog := range []bool{true, false} {
		t.Run(map[bool]string{true: "with a log", false: "without a log"}[withLog], func(t *testing.T) {
			s := newSweep(t, withLog)
			n := 0
			for _, file := range filesBelow(s.disk, "/data") {
				size := len(contentOf(t, s.disk, file))
				for at := 0; at < size; at++ {
					step := *corruptEvery
					if at < 40 || at >= size-40 {
						step = min(step, 7)
					}
					if at%step != 0 {
						continue
					}
					s.damage(t, file, at, byte(1+at%255))
					n++
				}
			}
			t.Logf("%d bytes damaged, one at a time; %d rows each time, on average %d read without a repair and %d with",
				n, len(s.truth), s.readBefore/max(s.opened, 1), s.readAfter/n)
			if s.opened == 0 || s.opened == n || s.readAfter < s.readBefore {
				t.Errorf("%+v opened of %d", s.opened, n)
			}
		})
	}
}

// sweep is a store that is damaged again and again.
type sweep struct {
	disk  *vfs.Mem
	truth contents
	// segment is the most rows that one segment has.
	segment                       int
	withLog                       bool
	opened, readBefore, readAfter int
}

// contents are the spans of a store, as OTLP.
type contents map[rowID]string

func newSweep(t *testing.T, withLog bool) *sweep {
	s := &sweep{disk: vfs.NewMem(), withLog: withLog, segment: 60}
	db := open(t, s.disk, "/data", spandb.Config{SealRows: 60})
	feed(t, db, 1, 12)
	must(t, state.Save(s.disk, "/data/services.doc", map[string][]string{"default": {"cart", "checkout"}}))
	settled(t, db, 1)
	if !withLog { // the rows of heads are in segments, too
		_, err := take(t, db, s.disk, s.disk, "/copy", false)
		must(t, err)
		must(t, db.Close())
		must(t, s.disk.RemoveAll("/data"))
		must(t, s.disk.Rename("/copy", "/data"))
		db = open(t, s.disk, "/data", spandb.Config{})
	}
	s.truth, _ = readAll(t, db)
	must(t, db.Close())
	if len(s.truth) != 144 {
		t.Fatalf("%d rows", len(s.truth))
	}
	return s
}

func filesBelow(fs vfs.FS, dir string) (files []string) {
	for _, name := range list(fs, dir) {
		file := path.Join(dir, name)
		info, err := fs.Stat(file)
		switch {
		case err != nil || name == folder.LockName:
		case info.IsDir:
			files = append(files, filesBelow(fs, file)...)
		default:
			files = append(files, file)
		}
	}
	return files
}

func contentOf(t testing.TB, fs vfs.FS, file string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fs, file, 1<<24)
	must(t, err)
	return b
}

// damage changes one byte and looks at what comes of it.
func (s *sweep) damage(t *testing.T, file string, at int, by byte) {
	t.Helper()
	disk := clone(t, s.disk)
	b := slices.Clone(contentOf(t, disk, file))
	b[at] ^= by
	must(t, vfs.Replace(disk, file, b))
	what := fmt.Sprintf("byte %d of %s ^ %#x", at, file, by)

	v, err := Verify(clone(t, disk), "/data", nil)
	if err != nil || v.Found == 0 && v.TornBytes == 0 {
		t.Fatalf("%s: Verify = %+v, %v: nothing was found", what, v, err)
	}
	for _, d := range v.Damage {
		wantPlace(t, what, d, disk)
	}
	before := s.read(t, what, clone(t, disk))
	s.repaired(t, what, disk, before)
}

// wantPlace checks that damage is said with file and offset, or a version by file.
func wantPlace(t *testing.T, what string, d error, disk vfs.FS) {
	t.Helper()
	var e *clew.Error
	if clew.KindOf(d) == clew.Unsupported && strings.Contains(d.Error(), "/data/") && strings.Contains(d.Error(), "version") {
		return
	}
	if !errors.As(d, &e) || e.Kind != clew.Corrupt || !strings.HasPrefix(e.File, "/data/") || e.Offset < 0 {
		t.Fatalf("%s: %v, want damage with file and offset", what, d)
	}
	if info, err := disk.Stat(e.File); err == nil && !info.IsDir && e.Offset > info.SizeBytes {
		t.Fatalf("%s: %v, but %s has %d bytes", what, d, e.File, info.SizeBytes)
	}
}

// read opens the damaged store and returns what can be read of it.
func (s *sweep) read(t *testing.T, what string, disk vfs.FS) contents {
	t.Helper()
	told := 0
	db, err := spandb.Open(disk, "/data", spandb.Config{Window: -1, Events: spandb.Events{
		Damaged:  func(err error) { told++; wantPlace(t, what, err, disk) },
		Replayed: func(r wal.Report) { told += int(r.TornBytes) },
	}})
	if err != nil {
		wantPlace(t, what, err, disk)
		return nil
	}
	s.opened++
	got, missing := readAll(t, db)
	stats := db.Stats()
	if err := db.Close(); err != nil {
		t.Fatalf("%s: Close = %v", what, err)
	}
	s.compare(t, what, got)
	s.readBefore += len(got)
	if len(got) < len(s.truth) && told == 0 && missing == 0 && stats.Damages == 0 && stats.LostSegments == 0 {
		t.Fatalf("%s: %d of %d rows are read, and nothing is said", what, len(got), len(s.truth))
	}
	return got
}

func (s *sweep) compare(t *testing.T, what string, got contents) {
	t.Helper()
	for id, text := range got {
		if s.truth[id] != text {
			t.Fatalf("%s: row %v is\n%q, want\n%q", what, id, text, s.truth[id])
		}
	}
}

// repaired repairs the store and checks what is in it then.
func (s *sweep) repaired(t *testing.T, what string, disk *vfs.Mem, before contents) {
	t.Helper()
	done, err := repair(disk, "/data", nil)
	if err != nil {
		t.Fatalf("%s: repair = %v", what, err)
	}
	if v, err := Verify(disk, "/data", nil); err != nil || v.Found > 0 || v.TornBytes > 0 {
		t.Fatalf("%s: after a repair (%+v) Verify = %+v, %v", what, done, v, err)
	}
	db := open(t, disk, "/data", spandb.Config{})
	got, missing := readAll(t, db)
	must(t, db.Close())
	s.compare(t, what, got)
	s.readAfter += len(got)
	for id := range before {
		if got[id] == "" {
			t.Fatalf("%s: row %v could be read before the repair (%+v) and not after it", what, id, done)
		}
	}
	lost, most := int64(0), int64(s.segment)
	for _, l := range done.Lost {
		lost += l.Spans + int64(l.Requests)*12
	}
	if s.withLog {
		most = 12 // a request; segments come back from the log
	}
	if gone := int64(len(s.truth) - len(got)); missing > 0 || gone > most || gone > lost {
		t.Fatalf("%s: after a repair %d rows are missing and %d cannot be read, want at most %d; lost %v", what, gone, missing, most, done.Lost)
	}
}

// readAll returns every span of a store as OTLP, and how many rows could not be read.
// None is there twice.
func readAll(t testing.TB, db *spandb.DB) (out contents, missing int64) {
	t.Helper()
	out = contents{}
	for _, tenant := range []clew.Tenant{"default", "b", "c"} {
		var st storage.Stats
		for b, err := range db.Scan(ctx, storage.Request{Tenant: tenant, Columns: storage.Columns{All: true}, Stats: &st}) {
			must(t, err)
			var rows []uint32
			for i := range b.Matched.Ones() {
				rows = append(rows, uint32(i))
			}
			var m tracepb.TracesData
			must(t, proto.Unmarshal(otlp.AppendTraces(nil, span.NewRows(b), rows), &m))
			for id, text := range spansIn(t, tenant, &m) {
				if out[id] != "" {
					t.Fatalf("row %v is there twice", id)
				}
				out[id] = text
			}
		}
		missing += st.Damaged
	}
	return out, missing
}

// spansIn lists the spans of a message by identity, each with its resource and scope,
// and with its attributes in order.
func spansIn(t testing.TB, tenant clew.Tenant, m *tracepb.TracesData) contents {
	out := contents{}
	for _, rs := range m.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				slices.SortFunc(s.Attributes, func(a, b *commonpb.KeyValue) int { return strings.Compare(a.Key, b.Key) })
				text, err := proto.MarshalOptions{Deterministic: true}.Marshal(&tracepb.ResourceSpans{Resource: rs.Resource, SchemaUrl: rs.SchemaUrl,
					ScopeSpans: []*tracepb.ScopeSpans{{Scope: ss.Scope, SchemaUrl: ss.SchemaUrl, Spans: []*tracepb.Span{s}}}})
				must(t, err)
				id := uint64(0)
				for _, c := range s.SpanId {
					id = id<<8 | uint64(c)
				}
				row := rowID{tenant, clew.TraceID(s.TraceId), id}
				if out[row] != "" {
					t.Fatalf("row %v is there twice", row)
				}
				out[row] = string(text)
			}
		}
	}
	return out
}
