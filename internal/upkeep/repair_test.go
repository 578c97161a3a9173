package upkeep

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/merge"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// broken is a store for repairs: two segments of one tenant, one of each of two others,
// and rows in the log.
type broken struct {
	fs       *vfs.Mem
	all      rows
	segments []folder.Segment // of tenant default, then of b and c
	manifest string
}

func newBroken(t *testing.T, withLog bool) *broken {
	t.Helper()
	b := &broken{fs: vfs.NewMem()}
	db := open(t, b.fs, "/data", spandb.Config{SealRows: 60})
	b.all = feed(t, db, 1, 26)
	settled(t, db, 4)
	must(t, db.Close())
	if !withLog { // as in a backup
		db = open(t, b.fs, "/data", spandb.Config{SealRows: 60})
		_, err := take(t, db, b.fs, b.fs, "/copy", false)
		must(t, err)
		must(t, db.Close())
		must(t, b.fs.RemoveAll("/data"))
		must(t, b.fs.Rename("/copy", "/data"))
	}
	m, err := folder.ReadManifest(b.fs, "/data")
	must(t, err)
	b.manifest = m.File()
	for _, id := range slices.Sorted(maps.Keys(m.Segments)) {
		b.segments = append(b.segments, m.Segments[id])
	}
	return b
}

// change gives a file other bytes.
func change(t *testing.T, fs vfs.FS, file string, f func(b []byte) []byte) {
	t.Helper()
	must(t, vfs.Replace(fs, file, f(slices.Clone(contentOf(t, fs, file)))))
}

func flipAt(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		i := at
		if at < 0 {
			i += len(b)
		}
		b[i] ^= 0x10
		return b
	}
}

// TestRepair damages a store in every way that a repair knows, and says what is left.
func TestRepair(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	segmentOf := func(i int) func(b *broken) string {
		return func(b *broken) string { return b.segments[i].Path("/data") }
	}
	current := func(*broken) string { return "/data/CURRENT" }
	manifest := func(b *broken) string { return b.manifest }
	log := func(*broken) string { return "/data/wal/0000000000000001.wal" }
	gone := func([]byte) []byte { return nil }
	for _, test := range []struct {
		name    string
		log     bool
		file    func(*broken) string
		damage  func([]byte) []byte // nil content removes the file
		lost    int                 // rows
		aside   int
		remade  int
		fromLog bool
		rebuilt bool
	}{
		{"a segment's chunk, and the log has its rows", true, segmentOf(0), flipAt(1000), 0, 1, 0, true, false},
		{"a segment's directory, and the log has its rows", true, segmentOf(0), flipAt(-60), 0, 1, 0, true, false},
		{"a segment is gone, and the log has its rows", true, segmentOf(0), gone, 0, 0, 0, true, false},
		{"a segment's head", false, segmentOf(0), flipAt(2), 0, 1, 1, false, false},
		{"a segment's version", false, segmentOf(0), flipAt(7), 0, 1, 1, false, false},
		{"a segment's tail", false, segmentOf(0), flipAt(-30), 0, 1, 1, false, false},
		{"a segment's end", false, segmentOf(0), flipAt(-1), 0, 1, 1, false, false},
		{"a segment's only block", false, segmentOf(0), flipAt(1000), -1, 1, 0, false, false},
		{"a segment's directory", false, segmentOf(0), flipAt(-60), -1, 1, 0, false, false},
		{"a segment that is cut off", false, segmentOf(0), func(b []byte) []byte { return b[:len(b)/2] }, -1, 1, 0, false, false},
		{"a segment of nothing", false, segmentOf(0), func([]byte) []byte { return []byte{} }, -1, 1, 0, false, false},
		{"a segment is gone", false, segmentOf(0), gone, -1, 0, 0, false, false},
		{"CURRENT is gone", true, current, gone, 0, 0, 0, false, false},
		{"CURRENT says nothing", true, current, func([]byte) []byte { return []byte("?\n") }, 0, 0, 0, false, false},
		{"CURRENT names another", true, current, func([]byte) []byte { return []byte("MANIFEST-00000077\n") }, 0, 0, 0, true, true},
		{"the manifest is gone", true, manifest, gone, 0, 0, 0, true, true},
		{"the manifest is gone, there is no log", false, manifest, gone, 0, 0, 0, false, true},
		{"the manifest is empty", true, manifest, func([]byte) []byte { return []byte{} }, 0, 1, 0, true, true},
		{"the manifest's magic", false, manifest, flipAt(0), 0, 1, 0, false, true},
		{"the manifest's version", false, manifest, flipAt(7), 0, 1, 0, false, true},
		{"the manifest's first record", true, manifest, flipAt(20), 0, 1, 0, true, true},
		{"a record of the log that is in no segment", true, log, flipAt(-1000), 12, 1, 0, true, false},
		{"a record of the log that is in a segment", true, log, flipAt(8192 + 500), 0, 1, 0, true, false},
		{"the end of the log", true, log, flipAt(-5), 0, 1, 0, true, false},
		{"both headers of the log", true, log, func(b []byte) []byte { b[20] ^= 1; b[4096+20] ^= 1; return b }, -2, 1, 0, false, false},
		{"the log is gone", true, log, gone, -2, 0, 0, false, false},
		{"the index of traces", true, func(*broken) string { return "/data/traces/00000001.idx" }, flipAt(30), 0, 0, 0, false, false},
		{"nothing", true, log, func(b []byte) []byte { return b }, 0, 0, 0, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBroken(t, test.log)
			file := test.file(b)
			content := test.damage(slices.Clone(contentOf(t, b.fs, file)))
			must(t, b.fs.Remove(file))
			if content != nil {
				must(t, vfs.Replace(b.fs, file, content))
			}
			found, err := Verify(b.fs, "/data", nil)
			must(t, err)
			if (found.Found == 0 && found.TornBytes == 0) != (test.name == "nothing") {
				t.Errorf("verify finds %d places, %v, and %d torn bytes", found.Found, found.Damage, found.TornBytes)
			}
			done, err := repair(b.fs, "/data", nil)
			must(t, err)
			v := wantSound(t, b.fs, "/data")
			db := open(t, b.fs, "/data", spandb.Config{SealRows: 60})
			got := rowsIn(t, db)
			must(t, db.Close())
			for id, n := range got {
				if n != 1 || b.all[id] == 0 {
					t.Errorf("row %v is there %d times", id, n)
				}
			}
			want := test.lost
			switch want {
			case -1:
				want = int(b.segments[0].Rows)
			case -2: // what was in no segment
				want = len(b.all) - int(v.Rows)
			}
			if lost := len(b.all) - len(got); lost != want || v.TornBytes > 0 {
				t.Errorf("%d rows are lost, want %d; %+v", lost, want, done)
			}
			said := int64(0)
			for _, l := range done.Lost {
				if said += l.Spans + 12*int64(l.Requests); !strings.HasPrefix(file, l.File) || l.Why == nil || l.Spans > 0 && (l.First == 0 || l.Last < l.First) {
					t.Errorf("loss %+v", l)
				}
			}
			if test.lost != -2 && said < int64(want) {
				t.Errorf("%d lost is said, want %d: %v", said, want, done.Lost)
			}
			if want == 0 && len(done.Lost) > 0 || want != 0 && len(done.Lost) == 0 {
				t.Errorf("%d rows are lost, and said is %v", want, done.Lost)
			}
			if len(done.Aside) != test.aside || done.Remade != test.remade || (done.FromLog > 0) != test.fromLog || done.Rebuilt != test.rebuilt {
				t.Errorf("%+v, want %d aside, %d remade, from the log %v, rebuilt %v", done, test.aside, test.remade, test.fromLog, test.rebuilt)
			}
			for _, a := range done.Aside {
				if bytes := contentOf(t, b.fs, a); string(bytes) != string(content) {
					t.Errorf("%s is not what was damaged", a)
				}
			}
			// What was mended goes on.
			db = open(t, b.fs, "/data", spandb.Config{SealRows: 60})
			maps.Copy(got, feed(t, db, 77, 12))
			must(t, db.Close())
			wantRows(t, b.fs, "/data", got)
		})
	}
}

// TestRepairOfOneBlock damages one block of a segment of several: only its rows go.
func TestRepairOfOneBlock(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 25_000})
	for _, body := range corpus.Requests("shop", 5, 25_000, 500) {
		_, err := db.Append(ctx, storage.Record{Tenant: "default", Body: body, ReceivedAt: time.Now()})
		must(t, err)
	}
	settled(t, db, 1)
	must(t, db.Close())
	must(t, fs.RemoveAll("/data/wal"))
	m, err := folder.ReadManifest(fs, "/data")
	must(t, err)
	var s folder.Segment
	for _, s = range m.Segments {
	}
	file := s.Path("/data")
	f, err := openSegment(fs, file)
	must(t, err)
	blocks := slices.Clone(f.Meta().BlockRows)
	f.Close()
	at := chunkAt(t, fs, s, ".duration", 1)
	change(t, fs, file, flipAt(at))
	done, err := repair(fs, "/data", nil)
	must(t, err)
	if len(blocks) < 3 || len(done.Lost) != 2 || done.Lost[1].File != "/data/wal" || done.Lost[0].Spans != int64(blocks[1]) || done.Lost[0].File != file {
		t.Errorf("%+v, want the %d rows of one block of %d lost", done, blocks[1], len(blocks))
	}
	l := done.Lost[0]
	if text := l.String(); l.First < s.MinStart || l.Last > s.MaxStart || !strings.Contains(text, fmt.Sprintf("%d spans that started from 20", blocks[1])) ||
		!strings.Contains(text, fmt.Sprintf("offset %d", at)) {
		t.Errorf("%s", text)
	}
	if v := wantSound(t, fs, "/data"); v.Rows != int64(s.Rows)-int64(blocks[1]) {
		t.Errorf("%d rows are left of %d", v.Rows, s.Rows)
	}
}

// TestRepairFromPartsOfALog damages one block of a segment whose records the log has but
// for one: what is lost are the spans of that block and that record.
func TestRepairFromPartsOfALog(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 25_000})
	all, first := rows{}, rows{}
	for i, body := range corpus.Requests("shop", 5, 25_500, 500) {
		_, err := db.Append(ctx, storage.Record{Tenant: "default", Body: body, ReceivedAt: time.Now()})
		must(t, err)
		ids := idsOf(t, "default", body)
		maps.Copy(all, ids)
		if i == 0 {
			first = ids
		}
	}
	settled(t, db, 1)
	must(t, db.Close())
	m, err := folder.ReadManifest(fs, "/data")
	must(t, err)
	if len(m.Segments) != 1 {
		t.Fatalf("%d segments", len(m.Segments))
	}
	for _, s := range m.Segments {
		change(t, fs, s.Path("/data"), flipAt(chunkAt(t, fs, s, ".duration", 0)))
	}
	change(t, fs, "/data/wal/0000000000000001.wal", flipAt(8192+500))
	done, err := repair(fs, "/data", nil)
	must(t, err)
	wantSound(t, fs, "/data")
	db = open(t, fs, "/data", spandb.Config{})
	got := rowsIn(t, db)
	must(t, db.Close())
	lost := int64(len(all) - len(got))
	for id := range all {
		if got[id] != 1-first[id] {
			t.Fatalf("row %v is there %d times", id, got[id])
		}
	}
	said := int64(0)
	for _, l := range done.Lost {
		said += l.Spans
	}
	if lost != int64(len(first)) || said != lost || done.FromLog == 0 {
		t.Errorf("%d rows are lost of a request of %d, %d are said to be: %+v", lost, len(first), said, done)
	}
}

// chunkAt is where a column's chunk of a block begins in a segment's file.
func chunkAt(t *testing.T, fs vfs.FS, s folder.Segment, column string, blk int) int {
	t.Helper()
	file := s.Path("/data")
	raw, err := fs.Open(file)
	must(t, err)
	defer raw.Close()
	r, err := block.Open(raw, int64(s.Size), file)
	must(t, err)
	col, ok := r.Column(column)
	if !ok {
		t.Fatalf("no column %s", column)
	}
	return int(r.Offset(col, blk))
}

// halfMerged is a store of a dozen segments and, beside them, what a merge of them wrote.
func halfMerged(t *testing.T, fs *vfs.Mem) (all rows, m *folder.Manifest, inputs []string, outputs []folder.Segment) {
	t.Helper()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all = rows{}
	for i, body := range corpus.Requests("shop", 3, 60*12+12, 12) {
		tenant := clew.DefaultTenant
		if i == 0 { // it is in no segment, and so the log keeps all
			tenant = "b"
		}
		_, err := db.Append(ctx, storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()})
		must(t, err)
		maps.Copy(all, idsOf(t, tenant, body))
	}
	settled(t, db, 12)
	must(t, db.Close())
	m, err := folder.ReadManifest(fs, "/data")
	must(t, err)
	merger := &merge.Merger{Rows: 200, Bytes: 100_000, Pull: 50_000, Cache: new(segment.Cache)}
	for _, id := range slices.Sorted(maps.Keys(m.Segments)) {
		s := m.Segments[id]
		inputs = append(inputs, s.Path("/data"))
		merger.Inputs = append(merger.Inputs, &input{fs: fs, file: s.Path("/data")})
	}
	records := 0
	must(t, merger.Run(ctx, func(data []byte) error {
		s, err := listingOf(data, m.NextID+uint64(len(outputs)))
		must(t, err)
		r, err := segment.Open(bytes.NewReader(data), int64(len(data)), "output")
		must(t, err)
		requests, err := r.Requests()
		must(t, err)
		records += len(requests)
		outputs = append(outputs, s)
		return writeWhole(fs, s.Path("/data"), data)
	}))
	if len(outputs) < 3 || merger.Joined == 0 || merger.Duplicates > 0 || records != 60 {
		t.Fatalf("%d outputs of %d records, %d rows joined, want some of 60 records", len(outputs), records, merger.Joined)
	}
	return all, m, inputs, outputs
}

// merged is halfMerged after the merge.
func merged(t *testing.T, fs *vfs.Mem) (all rows, outputs []folder.Segment) {
	t.Helper()
	all, m, inputs, outputs := halfMerged(t, fs)
	for _, s := range inputs {
		must(t, fs.Remove(s))
	}
	m.Segments = map[uint64]folder.Segment{}
	for _, s := range outputs {
		m.Segments[s.ID] = s
	}
	m.NextID += uint64(len(outputs))
	must(t, folder.WriteManifest(fs, "/data", m.State))
	return all, outputs
}

// TestRepairOfMerged damages each output of a merge, and then all of them, while the log
// has their records: nothing is lost, and rows that other outputs have are there once.
func TestRepairOfMerged(t *testing.T) {
	fs := vfs.NewMem()
	all, outputs := merged(t, fs)
	wantRows(t, clone(t, fs), "/data", all)
	for _, damage := range []func([]byte) []byte{flipAt(-1), flipAt(-60), flipAt(1000)} {
		for i := range len(outputs) + 1 {
			disk := clone(t, fs)
			for k, s := range outputs {
				if k == i || i == len(outputs) {
					change(t, disk, s.Path("/data"), damage)
				}
			}
			done, err := repair(disk, "/data", nil)
			must(t, err)
			wantSound(t, disk, "/data")
			wantRows(t, disk, "/data", all)
			if len(done.Lost) > 0 {
				t.Errorf("output %d of %d: %+v", i, len(outputs), done)
			}
		}
	}
}

// TestRepairWithoutAManifest finds inputs and outputs of a merge beside each other, as a
// crash may leave them, and the outputs alone: no row is there twice, none is lost. The
// merge has several outputs, and brings rows of a trace into one of them.
func TestRepairWithoutAManifest(t *testing.T) {
	fs := vfs.NewMem()
	all, m, inputs, outputs := halfMerged(t, fs)
	must(t, fs.Remove("/data/CURRENT"))
	must(t, fs.Remove(m.File()))
	for left, keep := range map[string]struct {
		input, output func(i int) bool
	}{
		"inputs and outputs":             {func(int) bool { return true }, func(int) bool { return true }},
		"inputs and some outputs":        {func(int) bool { return true }, func(i int) bool { return i < 2 }},
		"outputs and every second input": {func(i int) bool { return i%2 == 0 }, func(int) bool { return true }},
		"outputs and the inputs of some": {func(i int) bool { return i > 6 }, func(int) bool { return true }},
		"outputs":                        {func(int) bool { return false }, func(int) bool { return true }},
	} {
		for _, withLog := range []bool{true, false} {
			disk, want := clone(t, fs), all
			if !withLog {
				must(t, disk.RemoveAll("/data/wal"))
				want = maps.Clone(all)
				maps.DeleteFunc(want, func(id rowID, _ int) bool { return id.tenant == "b" })
			}
			for i, file := range inputs {
				if !keep.input(i) {
					must(t, disk.Remove(file))
				}
			}
			for i, s := range outputs {
				if !keep.output(i) {
					must(t, disk.Remove(s.Path("/data")))
				}
			}
			done, err := repair(disk, "/data", nil)
			must(t, err)
			wantSound(t, disk, "/data")
			wantRows(t, disk, "/data", want)
			if !done.Rebuilt || len(done.Lost) > 0 || (done.Remade > 0) != (left != "outputs") {
				t.Errorf("%s: %+v", left, done)
			}
		}
	}
}

// TestRepairCutOff cuts the power at every sync of repairs of several kinds. A repair
// that runs again ends as one that was not cut.
func TestRepairCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	rng := rand.New(rand.NewPCG(1, 9))
	for name, damaged := range map[string]func() *vfs.Mem{
		"a segment and the log": func() *vfs.Mem {
			b := newBroken(t, true)
			change(t, b.fs, b.segments[0].Path("/data"), flipAt(-1))
			change(t, b.fs, "/data/wal/0000000000000001.wal", flipAt(-1000))
			return b.fs
		},
		"the manifest and two segments": func() *vfs.Mem {
			b := newBroken(t, true)
			must(t, b.fs.Remove(b.manifest))
			change(t, b.fs, b.segments[0].Path("/data"), flipAt(3))
			change(t, b.fs, b.segments[1].Path("/data"), flipAt(-1))
			return b.fs
		},
		"one of three that were merged": func() *vfs.Mem {
			fs := vfs.NewMem()
			_, outputs := merged(t, fs)
			change(t, fs, outputs[1].Path("/data"), flipAt(1000))
			return fs
		},
	} {
		fs := damaged()
		whole := clone(t, fs)
		_, err := repair(whole, "/data", nil)
		must(t, err)
		db := open(t, whole, "/data", spandb.Config{})
		want := rowsIn(t, db)
		must(t, db.Close())
		cutting := clone(t, fs)
		var disks []*vfs.Mem
		cutting.OnSync(func(string) {
			for _, keep := range []vfs.CrashOptions{{Keep: vfs.KeepNone}, {Keep: vfs.KeepAll}, {Keep: vfs.KeepRandom, Tear: true, Reorder: true}} {
				disks = append(disks, cutting.CrashClone(rng, keep))
			}
		})
		_, err = repair(cutting, "/data", nil)
		must(t, err)
		if len(disks) < 20 {
			t.Errorf("%s: only %d cuts", name, len(disks))
		}
		for i, disk := range disks {
			if _, err := repair(disk, "/data", nil); err != nil {
				t.Fatalf("%s, cut %d: %v", name, i, err)
			}
			wantSound(t, disk, "/data")
			wantRows(t, disk, "/data", want)
		}
	}
}

// TestRepairFails fails every fifth operation of a repair: a repair of what it leaves
// ends well.
func TestRepairFails(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	b := newBroken(t, true)
	change(t, b.fs, b.segments[0].Path("/data"), flipAt(-1))
	change(t, b.fs, b.manifest, flipAt(20))
	for n := 1; ; n += 5 {
		disk := clone(t, b.fs)
		faulty := vfs.NewFault(disk, vfs.Plan{FailAt: n, Err: syscall.ENOSPC, ShortWrite: true})
		_, _ = repair(faulty, "/data", nil) // a read that fails looks like damage
		ended := faulty.Ops() < n
		_, err := repair(disk, "/data", nil)
		must(t, err)
		wantSound(t, disk, "/data")
		wantRows(t, disk, "/data", b.all)
		if ended {
			return
		}
	}
}

// TestRepairSaysNo: to what is in use, what is no store, what is of another version, and
// to half a copy.
func TestRepairSaysNo(t *testing.T) {
	b := newBroken(t, true)
	for name, test := range map[string]struct {
		make func(fs *vfs.Mem)
		kind clew.ErrorKind
	}{
		"no store": {func(fs *vfs.Mem) { must(t, fs.RemoveAll("/data")) }, clew.NotFound},
		"in use": {func(fs *vfs.Mem) {
			_, err := fs.Lock("/data/LOCK")
			must(t, err)
		}, clew.Busy},
		"another version": {func(fs *vfs.Mem) {
			change(t, fs, b.segments[0].Path("/data"), func(b []byte) []byte {
				b[7], b[len(b)-12] = 9, 9
				return b
			})
		}, clew.Unsupported},
		"half a copy": {func(fs *vfs.Mem) {
			must(t, fs.Remove("/data/CURRENT"))
			must(t, vfs.Replace(fs, "/data/"+folder.UnfinishedName, nil))
		}, clew.Invalid},
	} {
		fs := clone(t, b.fs)
		test.make(fs)
		before := filesBelow(fs, "/data")
		if _, err := repair(fs, "/data", nil); clew.KindOf(err) != test.kind {
			t.Errorf("%s: %v, want %v", name, err, test.kind)
		}
		if after := filesBelow(fs, "/data"); !slices.Equal(before, after) {
			t.Errorf("%s: %v became %v", name, before, after)
		}
	}
}
