package spandb

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/spandb/logged"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// halt ends the background worker, so that a test can do its work at a moment of
// its own choice. Close works as ever.
func halt(db *DB) {
	db.cancel()
	db.done.Wait()
}

// sendTo appends spans as one request of a tenant.
func sendTo(t testing.TB, db *DB, name clew.Tenant, spans ...clew.Span) {
	t.Helper()
	res, err := db.Append(context.Background(), storage.Record{Tenant: name, Body: storagetest.Body(spans...), ReceivedAt: time.Now()})
	if err != nil || res.Accepted != len(spans) {
		t.Fatalf("Append = %+v, %v", res, err)
	}
}

// someSpans returns n spans of one trace.
func someSpans(trace uint64, n int) []clew.Span {
	spans := make([]clew.Span, n)
	for i := range spans {
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(7, trace), SpanID: clew.SpanID(i + 1), Name: "n",
			Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch + 10}
	}
	return spans
}

// countOf counts a tenant's rows by a scan.
func countOf(t testing.TB, db *DB, name clew.Tenant) (rows int) {
	t.Helper()
	for b, err := range db.Scan(context.Background(), storage.Request{Tenant: name}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Matched.Count()
	}
	return rows
}

// TestAppendGivesUp has a sender give up while another holds the tenant.
func TestAppendGivesUp(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 1)...)
	ten := tenantFor(t, db)
	ten.write <- struct{}{}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error)
	go func() {
		_, err := db.Append(ctx, storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(someSpans(2, 1)...)})
		done <- err
	}()
	cancel(enough)
	if err := <-done; clew.KindOf(err) != clew.Canceled || !errors.Is(err, enough) {
		t.Fatalf("Append = %v, want canceled because of %v", err, enough)
	}
	now := make(chan time.Time, 1)
	now <- time.Now()
	if err := ten.write.Enter(context.Background(), now); clew.KindOf(err) != clew.Busy {
		t.Fatalf("out of patience: %v, want busy", err)
	}
	ten.write.Leave()
	sendTo(t, db, clew.DefaultTenant, someSpans(2, 1)...)
}

// TestBodyTooLarge refuses what a segment could not give back.
func TestBodyTooLarge(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{})
	defer db.Close()
	_, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: make([]byte, logged.MaxBodyBytes+1)})
	if clew.KindOf(err) != clew.TooLarge {
		t.Fatalf("Append = %v, want too large", err)
	}
}

// TestScanSeesWhenCalled appends between the call of Scan and the loop over it,
// with the rows in the head, and with the head sealed in between.
func TestScanSeesWhenCalled(t *testing.T) {
	for _, sealRows := range []int{0, 15} {
		db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, SealRows: sealRows})
		sendTo(t, db, clew.DefaultTenant, someSpans(1, 10)...)
		scan := db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant})
		sendTo(t, db, clew.DefaultTenant, someSpans(2, 10)...)
		settle(t, db)
		for _, want := range []int{10, 20} { // a second loop looks anew
			rows := 0
			for b, err := range scan {
				if err != nil {
					t.Fatal(err)
				}
				rows += b.Rows
			}
			if rows != want {
				t.Errorf("%d rows, want %d", rows, want)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForgottenScan calls Scan and never ranges over it: what it saw is let go.
func TestForgottenScan(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{Window: -1, SealRows: 10})
	defer db.Close()
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 10)...)
	settle(t, db)
	halt(db)
	func() { db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant}) }()
	db.drop("age", func(all []*storedSegment) []*storedSegment { return all })
	for limit := time.Now().Add(time.Minute); segmentFiles(t, fs) > 0; runtime.GC() {
		if time.Now().After(limit) {
			t.Fatal("a scan that nobody ranges over keeps a dropped segment")
		}
	}
}

// TestCloseWhileReading closes the store in the middle of a scan: the scan goes on
// to its end, what comes later is refused.
func TestCloseWhileReading(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 100, Window: -1})
	appendAt(t, db, corpus.Requests("shop", 31, 450, 50), time.Now())
	settle(t, db)
	ctx := context.Background()
	rows := 0
	var st storage.Stats
	for b, err := range db.Scan(ctx, storage.Request{Tenant: clew.DefaultTenant, Stats: &st}) {
		if err != nil {
			t.Fatal(err)
		}
		if rows == 0 {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		rows += b.Matched.Count()
	}
	if rows != 450 || st.Damage != nil {
		t.Fatalf("%d rows, damage %v: want 450 and none", rows, st.Damage)
	}
	_, err := db.Trace(ctx, clew.DefaultTenant, clew.MakeTraceID(1, 1))
	if clew.KindOf(err) != clew.Busy {
		t.Errorf("Trace after Close = %v, want busy", err)
	}
	for _, err = range db.Scan(ctx, storage.Request{Tenant: clew.DefaultTenant}) {
	}
	if clew.KindOf(err) != clew.Busy {
		t.Errorf("Scan after Close = %v, want busy", err)
	}
	if _, err = db.Services(ctx, clew.DefaultTenant, clew.Window{}); clew.KindOf(err) != clew.Busy {
		t.Errorf("Services after Close = %v, want busy", err)
	}
	for range db.Tail(ctx, "somebody") {
		t.Error("a tail of a closed store tells something")
	}
}

// TestIdleTail lists a reader that does not read: it keeps few heads, and learns
// how many rows it lost.
func TestIdleTail(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tail := db.Tail(ctx, clew.DefaultTenant)
	const requests, each = 30, 5000
	for i := range requests {
		sendTo(t, db, clew.DefaultTenant, someSpans(uint64(i), each)...)
	}
	ten := tenantFor(t, db)
	ten.mu.Lock()
	kept := 0
	for _, q := range ten.tail.list[0].queue {
		kept += q.end - q.first
	}
	ten.mu.Unlock()
	if kept > tailRows {
		t.Errorf("a tail that nobody reads keeps %d rows, want at most %d", kept, tailRows)
	}
	var told, lost int64
	for x := range tail {
		told += int64(x.Rows - x.First)
		lost += x.Lost
		if told+lost >= requests*each {
			break
		}
	}
	if told+lost != requests*each || lost == 0 {
		t.Errorf("%d rows told, %d lost, of %d", told, lost, requests*each)
	}
}

// TestTenantsComeAndGo fills the table of tenants with names that have nothing:
// a tenant with spans still finds room, and keeps it.
func TestTenantsComeAndGo(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	for i := range maxTenants {
		name := clew.Tenant(fmt.Sprintf("nobody-%d", i))
		if i%2 == 0 {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			for range db.Tail(ctx, name) {
				t.Fatal("told")
			}
		} else if _, err := db.Append(context.Background(), storage.Record{Tenant: name, Body: []byte{0xff}}); clew.KindOf(err) != clew.Invalid {
			t.Fatalf("Append of nonsense = %v", err)
		}
	}
	for i := range maxTenants {
		sendTo(t, db, clew.Tenant(fmt.Sprint("t", i)), someSpans(1, 2)...)
	}
	_, err := db.Append(context.Background(), storage.Record{Tenant: "more", Body: storagetest.Body(someSpans(1, 1)...)})
	var e *clew.Error
	if !errors.As(err, &e) || e.Kind != clew.Busy || e.RetryAfter != admission.FailedRetry || !strings.Contains(err.Error(), "X-Scope-OrgID") {
		t.Fatalf("Append for one tenant more than %d = %v, want to be told to come again, and how it is mended", maxTenants, err)
	}
	for i := range maxTenants {
		if n := countOf(t, db, clew.Tenant(fmt.Sprint("t", i))); n != 2 {
			t.Fatalf("tenant %d has %d rows, want 2", i, n)
		}
	}
	if n := db.Stats().Tenants; n != maxTenants {
		t.Fatalf("%d tenants, want %d", n, maxTenants)
	}
}

// TestIdleTenantsAreSmall measures the memory of tenants with a few spans each,
// after a busy one has left large heads in the pool.
func TestIdleTenantsAreSmall(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, SealRows: 20_000})
	defer db.Close()
	for i := range 5 {
		sendTo(t, db, "busy", someSpans(uint64(i), 20_000)...)
		settle(t, db)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const tenants = 900
	for i := range tenants {
		sendTo(t, db, clew.Tenant(fmt.Sprint("t", i)), someSpans(1, 5)...)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / tenants
	t.Logf("%d bytes a tenant of 5 spans", each)
	if each > 40<<10 {
		t.Errorf("%d bytes a tenant of 5 spans, want at most 40 KiB", each)
	}
}

// TestHeadBudget gives all heads together little memory: the largest are sealed
// early, and what the store counts comes back to nothing.
func TestHeadBudget(t *testing.T) {
	const budget = 3 << 20
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, Memory: Memory{Heads: budget}})
	for i := range 4000 {
		sendTo(t, db, clew.Tenant(fmt.Sprint("t", i%40)), someSpans(uint64(i), 50)...)
		if n := db.headBytes.Load(); n > 2*budget+1<<20 {
			t.Fatalf("heads take %d bytes of a budget of %d", n, budget)
		}
	}
	settle(t, db)
	s := db.Stats()
	if s.Segments == 0 || s.SegmentRows+s.HeadRows != 200_000 || s.Busy != 0 {
		t.Fatalf("%+v: want segments, all rows and nobody sent away", s)
	}
	halt(db)
	db.retireWhere(func(*head) bool { return true })
	if err := db.sealQueued(); err != nil {
		t.Fatal(err)
	}
	if n := db.headBytes.Load(); n != 0 {
		t.Errorf("no heads take %d bytes", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLogIsCut has a tenant of one span keep the log of a busy one: when the log
// is over its limit that span is sealed, and the log can be cut.
func TestLogIsCut(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, SealRows: 100})
	defer db.Close()
	sendTo(t, db, "idle", someSpans(1, 1)...)
	for i := range 10 {
		sendTo(t, db, "busy", someSpans(uint64(i), 60)...)
	}
	settle(t, db)
	halt(db)
	if n := db.oldestNeeded(); n != 1 {
		t.Fatalf("the log is needed from record %d on, want 1", n)
	}
	db.logLimit.Store(1)
	if !db.relieveLog() {
		t.Fatal("nothing was retired")
	}
	if err := db.sealQueued(); err != nil {
		t.Fatal(err)
	}
	if n := db.oldestNeeded(); n <= 6 {
		t.Fatalf("the log is needed from record %d on, want the newer half only", n)
	}
	if n := countOf(t, db, "idle"); n != 1 {
		t.Fatalf("%d rows of the idle tenant", n)
	}
}

// TestFailedRequestsLeaveNothing sends requests that fail at their end. What they
// left in the head's tables is neither told nor sealed.
func TestFailedRequestsLeaveNothing(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, SealRows: 10})
	defer db.Close()
	for i := range 50 {
		spans := someSpans(1, 1)
		spans[0].Resource = &clew.Resource{Attrs: []clew.Attr{{Key: fmt.Sprint("junk", i), Value: clew.IntValue(1)},
			{Key: "service.name", Value: clew.StringValue(fmt.Sprint("junk", i))}}}
		body := append(storagetest.Body(spans...), 0xff)
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); clew.KindOf(err) != clew.Invalid {
			t.Fatalf("Append of nonsense = %v", err)
		}
	}
	sendTo(t, db, clew.DefaultTenant, someSpans(1, 5)...)
	check := func(where string, rows int) {
		t.Helper()
		names, err := db.TagNames(context.Background(), clew.DefaultTenant, clew.Window{})
		if err != nil || len(names) != 0 {
			t.Errorf("%s: TagNames = %v, %v, want none", where, names, err)
		}
		services, err := db.Services(context.Background(), clew.DefaultTenant, clew.Window{})
		if err != nil || len(services) != 1 {
			t.Errorf("%s: Services = %v, %v, want one", where, services, err)
		}
		if n := countAll(t, db, span.Condition{}); n != rows {
			t.Errorf("%s: %d rows, want %d", where, n, rows)
		}
	}
	check("head", 5)
	sendTo(t, db, clew.DefaultTenant, someSpans(2, 5)...)
	settle(t, db)
	check("segment", 10)
}
