package spandb

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// scanRows is the size of the store that scans are measured on: sixteen segments.
const scanRows = 1 << 20

// scanStore is a store of scanRows spans on disk, all of them in segments, and
// what the corpus knows of them.
func scanStore(b *testing.B) (*DB, *corpus.Truth) {
	b.Helper()
	dir := b.TempDir()
	db := openDB(b, vfs.OS(), dir, Config{Window: -1, Memory: Memory{Heads: 1 << 30}})
	b.Cleanup(func() { db.Close() })
	c, err := corpus.New(corpus.Shop, 1, scanRows)
	if err != nil {
		b.Fatal(err)
	}
	c.PerRequest = 8192
	for {
		body, n := c.Next(nil)
		if n == 0 {
			break
		}
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
	for { // what is queued, then nothing more
		sealed := db.seals.progress()
		if db.seals.empty() {
			return db, c.Truth()
		}
		<-sealed
	}
}

// cpuTime is what this process has used of all processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(os.NewSyscallError("getrusage", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perRow repeats f and reports the CPU time it takes for each of rows.
func perRow(b *testing.B, rows int64, f func()) {
	b.ReportAllocs()
	f() // what is kept from now on
	began := cpuTime()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64((cpuTime()-began).Nanoseconds())/float64(b.N)/float64(rows), "cpu-ns/row")
}

func intrinsic(i span.Intrinsic) span.Field { return span.Field{Intrinsic: i} }

func spanAttr(key string) span.Field { return span.Field{Scope: span.ScopeSpan, Key: key} }

// countRows counts the rows that meet a condition.
func countRows(b *testing.B, db *DB, where span.Condition) (rows int) {
	b.Helper()
	req := storage.Request{Tenant: clew.DefaultTenant, Where: where, Columns: storage.Columns{None: true}}
	for batch, err := range db.Scan(context.Background(), req) {
		if err != nil {
			b.Fatal(err)
		}
		rows += batch.Matched.Count()
	}
	return rows
}

// aValue returns a value that spans of a store have under a key, of a string: that of
// the span in the middle; and how many spans have it.
func aValue(b *testing.B, db *DB, key string) (value clew.Value, rows int) {
	b.Helper()
	var all column.Strings
	field := spanAttr(key)
	req := storage.Request{Tenant: clew.DefaultTenant, Where: span.Condition{Op: span.Exists, Field: field}, Columns: storage.Columns{Fields: []span.Field{field}}}
	for batch, err := range db.Scan(context.Background(), req) {
		if err != nil {
			b.Fatal(err)
		}
		col := batch.Attrs.Lookup(key, clew.TypeString)
		for row := range batch.Matched.Ones() {
			if at, ok := col.Find(uint32(row)); ok {
				all.Append(col.Strings.At(int(col.Vals[at])))
			}
		}
	}
	if all.Len() == 0 {
		b.Fatalf("no span has %s", key)
	}
	text := all.At(all.Len() / 2)
	for i := range all.Len() {
		if string(all.At(i)) == string(text) {
			rows++
		}
	}
	return clew.StringValue(string(text)), rows
}

// BenchmarkScanStrings counts the rows whose attribute has a value, in a million of them:
// of templates and numbers in a dictionary (session.id) and in blocks (url.full), of
// uuids, of addresses in a dictionary, and those with another value.
func BenchmarkScanStrings(b *testing.B) {
	db, _ := scanStore(b)
	for _, key := range []string{"session.id", "url.full", "request.id", "messaging.message.id", "client.address"} {
		value, want := aValue(b, db, key)
		all := countRows(b, db, span.Condition{Op: span.Exists, Field: spanAttr(key)})
		for _, c := range []struct {
			name string
			op   span.Op
			want int
		}{{key, span.Eq, want}, {key + " not", span.Ne, all - want}} {
			b.Run(c.name, func(b *testing.B) {
				perRow(b, scanRows, func() {
					if n := countRows(b, db, span.Compare(spanAttr(key), c.op, value)); n != c.want {
						b.Fatalf("%d rows, want %d", n, c.want)
					}
				})
			})
		}
	}
}

// BenchmarkScan counts the rows that meet a condition, in a million of them.
func BenchmarkScan(b *testing.B) {
	db, truth := scanStore(b)
	service := span.Compare(span.Field{Scope: span.ScopeResource, Key: "service.name"}, span.Eq, clew.StringValue("checkout"))
	slow := span.Compare(intrinsic(span.Duration), span.Gt, clew.IntValue(20e6))
	for _, c := range []struct {
		name  string
		where span.Condition
		want  int // of truth.Probes
	}{
		{"all", span.Condition{}, 0},
		{"service+duration", span.AllOf(service, slow), 1},
		{"rare id", span.Compare(spanAttr("user.id"), span.Eq, clew.StringValue(truth.RareUser())), 2},
		{"status code", span.Compare(spanAttr("http.response.status_code"), span.Eq, clew.IntValue(503)), 3},
		{"errors", span.Compare(intrinsic(span.StatusCode), span.Eq, clew.IntValue(int64(clew.StatusError))), 4},
	} {
		b.Run(c.name, func(b *testing.B) {
			perRow(b, scanRows, func() {
				if n, want := countRows(b, db, c.where), truth.Probes()[c.want].Want.Spans; n != want {
					b.Fatalf("%d rows, want %d", n, want)
				}
			})
		})
	}
}

// BenchmarkRollups asks what a page of services asks: from sixteen segments, and
// from a full head, which is counted anew each time.
func BenchmarkRollups(b *testing.B) {
	segments, _ := scanStore(b)
	head := openDB(b, vfs.NewMem(), "data", Config{Window: -1, SealRows: 1 << 20})
	b.Cleanup(func() { head.Close() })
	appendAll(b, head, corpus.Requests(corpus.Shop, 1, 65536, 8192))
	for _, c := range []struct {
		name string
		db   *DB
		rows int64
		r    storage.RollupRequest
	}{
		{"segments", segments, scanRows, storage.RollupRequest{By: storage.ByService, Durations: true}},
		{"segments, counts", segments, scanRows, storage.RollupRequest{By: storage.ByService}},
		{"segments, edges", segments, scanRows, storage.RollupRequest{Edges: true, By: storage.EdgeDimensions, Durations: true}},
		{"head", head, 65536, storage.RollupRequest{By: storage.ByService, Durations: true}},
	} {
		c.r.Tenant = clew.DefaultTenant
		b.Run(c.name, func(b *testing.B) {
			perRow(b, c.rows, func() {
				if out, err := c.db.Rollups(context.Background(), c.r); err != nil || out.Damage != nil || len(out.Series) == 0 {
					b.Fatalf("%d series, %v, %v", len(out.Series), out.Damage, err)
				}
			})
		})
	}
}
