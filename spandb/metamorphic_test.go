package spandb

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/tally"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var roundsFlag = flag.Int("rounds", 0, "rounds of the metamorphic test; 0 is as many as fit a few seconds")

// metamorph is a store under random operations and settings, beside the model.
type metamorph struct {
	*testing.T
	rng   *rand.Rand
	gen   *storagetest.Generator
	disk  *vfs.Mem
	db    *DB
	model *storagetest.Memory
	sent  []metaRequest // every request, in order
	kept  []metaRequest // those whose rows are there, without what merges dropped
	spans []clew.Span   // of all requests: whence conditions take values
	now   time.Time
	steps []string
}

// metaRequest is a request and the spans of it that a store should have.
type metaRequest struct {
	body  []byte
	spans []clew.Span
	at    time.Time // of its arrival
}

func (r metaRequest) is(body []byte) bool { return bytes.Equal(r.body, body) }

// TestMetamorphic does random things to stores of random settings. After each,
// answers are those of the model: a slice and a loop.
func TestMetamorphic(t *testing.T) {
	seed := cmp.Or(*seedFlag, 20260102)
	rounds := cmp.Or(*roundsFlag, metamorphicRounds)
	t.Logf("%d rounds of seed %d (repeat with -seed and -rounds)", rounds, seed)
	for round := range rounds {
		m := &metamorph{
			T: t, rng: rand.New(rand.NewPCG(seed, uint64(round))), gen: storagetest.NewGenerator(seed + uint64(round)),
			disk: vfs.NewMem(), model: storagetest.NewMemory(storagetest.AllCapabilities()), now: (storagetest.Epoch + 200e9).Time(),
		}
		m.open()
		for range 25 {
			m.step()
			m.check()
			if t.Failed() {
				t.Fatalf("round %d: %s", round, strings.Join(m.steps, ", "))
			}
		}
		if err := m.db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// open opens what is on the disk with settings of its own.
func (m *metamorph) open() {
	m.Helper()
	cfg := Config{SealRows: pick(m.rng, 1, 7, 30, 200, 0), Sealers: pick(m.rng, 1, 2, 3), Window: -1, Now: func() time.Time { return m.now }}
	cfg.Memory.Heads = pick[int64](m.rng, 0, 0, 100_000)
	cfg.MergeRows = pick(m.rng, 1, 20, 100, 0)
	cfg.OpenFiles = pick(m.rng, 0, 0, 1, 3)
	cfg.Memory.Directories = pick[int64](m.rng, 0, 0, 1, 200)
	cfg.Memory.Tables, cfg.Memory.Blocks = cfg.Memory.Directories, cfg.Memory.Directories
	m.db = openDB(m.T, m.disk, "data", cfg)
	halt(m.db) // sealing is a step of its own
	m.db.sealer.BlockRows, m.db.sealer.Shapes = pick(m.rng, 0, 1, 5, 20), pick(m.rng, 0, 0, 2)
	m.db.sealer.OwnColumns, m.db.sealer.ByTrace, m.db.sealer.Filters = pick(m.rng, 0, 0, 1, 4), pick(m.rng, 0, 1), pick(m.rng, 0, 1)
	m.note("open %+v, blocks of %d, %d shapes, %d columns, by trace from %d, filters from %d", m.db.cfg.SealRows, m.db.sealer.BlockRows, m.db.sealer.Shapes,
		m.db.sealer.OwnColumns, m.db.sealer.ByTrace, m.db.sealer.Filters)
}

func (m *metamorph) note(format string, args ...any) {
	m.steps = append(m.steps, fmt.Sprintf(format, args...))
}

func (m *metamorph) step() {
	m.Helper()
	m.now = m.now.Add(time.Second)
	switch n := m.rng.IntN(20); {
	case n < 8:
		m.append(m.fresh())
	case n < 11:
		m.append(m.repeated())
	case n < 13 && len(m.sent) > 0:
		m.resend()
	case n < 14:
		m.seal()
	case n < 17:
		m.merge()
	case n < 18:
		m.retain()
		m.reindex()
	case n < 19:
		m.note("restart")
		if err := m.db.Close(); err != nil {
			m.Fatal(err)
		}
		m.open()
	default:
		m.note("power cut")
		old := m.db
		m.disk = m.disk.CrashClone(m.rng, vfs.CrashOptions{Keep: pick(m.rng, vfs.KeepNone, vfs.KeepAll, vfs.KeepRandom), Tear: true, Reorder: true})
		_ = old.Close() // on the disk before the cut
		m.open()
	}
}

func (m *metamorph) send(body []byte) storage.Result {
	m.Helper()
	if m.waiting() >= m.db.maxPending() || m.db.headBytes.Load() > m.db.cfg.Memory.Heads {
		m.seal() // an append would wait for the worker, who is halted
	}
	res, err := m.db.Append(context.Background(), storage.Record{Tenant: "t", Body: body, ReceivedAt: m.now})
	if err != nil {
		m.Fatal(err)
	}
	return res
}

// waiting returns how many heads wait for their segments.
func (m *metamorph) waiting() int {
	t, err := m.db.tenantOf("t")
	if err != nil {
		m.Fatal(err)
	}
	if t == nil {
		return 0
	}
	return len(t.sealing)
}

func (m *metamorph) append(spans []clew.Span) {
	m.Helper()
	body := storagetest.Body(spans...)
	if slices.ContainsFunc(m.sent, func(r metaRequest) bool { return r.is(body) }) {
		return
	}
	m.note("append %d", len(spans))
	if res := m.send(body); res.Accepted != len(spans) || res.Resent {
		m.Fatalf("Append(%d spans) = %+v", len(spans), res)
	}
	m.keep(metaRequest{body: body, spans: spans})
	m.sent = append(m.sent, metaRequest{body: body, spans: spans})
	m.spans = append(m.spans, spans...)
}

// fresh returns spans that were not there before.
func (m *metamorph) fresh() []clew.Span {
	if m.rng.IntN(2) == 0 {
		return m.gen.Spans(1+m.rng.IntN(12), 6)
	}
	return slices.Concat(m.gen.Rolled(1+m.rng.IntN(12), 6)...)
}

// keep notes a request whose rows are there.
func (m *metamorph) keep(r metaRequest) {
	r.at = m.now
	m.kept = append(m.kept, r)
	m.tell(r.body, r.at)
}

// tellAll makes the model anew.
func (m *metamorph) tellAll() {
	m.model = storagetest.NewMemory(storagetest.AllCapabilities())
	for _, r := range m.kept {
		if len(r.spans) > 0 {
			m.tell(storagetest.Body(r.spans...), r.at)
		}
	}
}

func (m *metamorph) tell(body []byte, at time.Time) {
	m.Helper()
	if _, err := m.model.Append(context.Background(), storage.Record{Tenant: "t", Body: body, ReceivedAt: at}); err != nil {
		m.Fatal(err)
	}
}

// repeated returns spans that were there before: as they were, changed, from the
// other side of a call, under an id of 64 bits, with some new ones between.
func (m *metamorph) repeated() (spans []clew.Span) {
	spans = m.gen.Spans(2, 3)
	for range 1 + m.rng.IntN(6) {
		if len(m.spans) == 0 {
			break
		}
		s := pick(m.rng, m.spans...)
		switch m.rng.IntN(6) {
		case 0:
			s.Name += "!"
		case 1:
			s.Kind = pick(m.rng, clew.KindServer, clew.KindClient)
		case 2:
			s.TraceID = clew.MakeTraceID(0, s.TraceID.Low())
		case 3:
			s.Start -= 5
		case 4:
			s.Attrs = append(slices.Clone(s.Attrs), clew.Attr{Key: fmt.Sprint("new", m.rng.IntN(3)), Value: clew.IntValue(1)})
		}
		spans = append(spans, s)
	}
	m.rng.Shuffle(len(spans), func(i, k int) { spans[i], spans[k] = spans[k], spans[i] })
	return spans
}

// resend sends a request again. One whose rows retention has taken may be taken
// again: what remembers it across a restart went with them.
func (m *metamorph) resend() {
	m.Helper()
	m.note("resend")
	r := pick(m.rng, m.sent...)
	if m.send(r.body).Resent {
		return
	}
	if slices.ContainsFunc(m.kept, func(k metaRequest) bool { return k.is(r.body) }) {
		m.Fatal("a request sent again is taken again")
	}
	m.keep(r)
}

// seal seals what waits, and sometimes the active head.
func (m *metamorph) seal() {
	m.Helper()
	m.note("seal")
	if m.rng.IntN(2) == 0 {
		m.db.retireWhere(func(*head) bool { return true })
	}
	m.db.relieveMemory()
	if err := m.db.sealQueued(); err != nil {
		m.Fatal(err)
	}
}

// reindex does what the worker of the index of traces does, or loses its files.
func (m *metamorph) reindex() {
	switch len(m.steps) % 4 {
	case 0:
		m.note("index written")
		m.db.traces.Flush()
	case 1:
		m.note("index completed")
		m.db.coverAll(context.Background())
	case 2:
		m.note("index lost")
		if err := m.disk.RemoveAll("data/traces"); err != nil {
			m.Fatal(err)
		}
	}
}

// retain drops some of the oldest segments. The model is told all else anew.
func (m *metamorph) retain() {
	m.Helper()
	gone := make(map[xxh3.Uint128]bool)
	m.db.drop("size", func(all []*storedSegment) []*storedSegment {
		all = all[:wholeMerges(all, m.rng.IntN(len(all)/2+1))]
		for _, s := range all {
			r, err := m.db.take(s)
			if err != nil {
				m.Fatal(err)
			}
			requests, err := r.Requests()
			if err != nil {
				m.Fatal(err)
			}
			m.db.give(s)
			for _, r := range requests {
				gone[r.Hash] = true
			}
		}
		return all
	})
	m.note("drop %d requests", len(gone))
	m.kept = slices.DeleteFunc(m.kept, func(r metaRequest) bool { return gone[xxh3.Hash128(r.body)] })
	m.tellAll()
}

// wholeMerges returns n or less, so that the first so many segments are all that a
// merge made or none: a request's rows may be in several of them.
func wholeMerges(all []*storedSegment, n int) int {
	for ; n > 0 && n < len(all); n-- {
		last := uint64(0)
		for _, s := range all[:n] {
			last = max(last, s.LastSeq)
		}
		if last < all[n].FirstSeq {
			break
		}
	}
	return n
}

// merge merges some segments that lie next to each other. Of rows of one identity
// in them, those that equal the first are gone.
func (m *metamorph) merge() {
	m.Helper()
	t, err := m.db.tenantOf("t")
	if err != nil {
		m.Fatal(err)
	}
	if t == nil {
		return
	}
	if m.rng.IntN(2) == 0 {
		m.seal()
	}
	list, _ := t.unmerged()
	from := m.rng.IntN(len(list) + 1)
	list = list[from : from+m.rng.IntN(len(list)-from+1)]
	if len(list) == 0 {
		return
	}
	m.note("merge %d", len(list))
	var hashes []xxh3.Uint128
	for _, s := range list {
		file, err := m.db.take(s)
		if err != nil {
			m.Fatal(err)
		}
		requests, err := file.Requests()
		m.db.give(s)
		if err != nil {
			m.Fatal(err)
		}
		for _, r := range requests {
			hashes = append(hashes, r.Hash)
		}
	}
	if err := m.db.merge(context.Background(), mergeJob{t, list}, m.db.newMerger()); err != nil {
		m.Fatal(err)
	}
	type identity struct {
		trace clew.TraceID
		span  clew.SpanID
		side  uint8
	}
	first := make(map[identity]string)
	for _, h := range hashes {
		i := slices.IndexFunc(m.kept, func(r metaRequest) bool { return xxh3.Hash128(r.body) == h })
		var spans []clew.Span
		for _, s := range m.kept[i].spans {
			k := identity{s.TraceID, s.SpanID, s.Kind.Side()}
			was, ok := first[k]
			if !ok {
				first[k] = textOf(s)
			} else if was == textOf(s) {
				continue
			}
			spans = append(spans, s)
		}
		m.kept[i].spans = spans
	}
	m.tellAll()
}

// rows scans a store and returns the text of each row that matches, sorted.
func (m *metamorph) rows(s storage.Scanner, r storage.Request) (texts []string) {
	m.Helper()
	var st storage.Stats
	r.Tenant, r.Stats, r.Columns = "t", &st, storage.Columns{All: true}
	bound := ^clew.UnixNanos(0)
	for b, err := range s.Scan(context.Background(), r) {
		if err != nil {
			m.Fatal(err)
		}
		if b.MaxStart > bound {
			m.Errorf("bound %d after %d", b.MaxStart, bound)
		}
		bound = b.MaxStart
		rows := span.NewRows(b)
		for i := range b.Matched.Ones() {
			texts = append(texts, textOf(rows.Span(i)))
		}
	}
	if st.Damaged != 0 {
		m.Errorf("damage: %v", st.Damage)
	}
	slices.Sort(texts)
	return texts
}

// textOf tells all of a span but the order of its attributes.
func textOf(s clew.Span) string {
	byKey := func(a, b clew.Attr) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value.Type, b.Value.Type))
	}
	slices.SortFunc(s.Attrs, byKey)
	for i := range s.Events {
		slices.SortFunc(s.Events[i].Attrs, byKey)
	}
	for i := range s.Links {
		slices.SortFunc(s.Links[i].Attrs, byKey)
	}
	r, c := *s.Resource, *s.Scope
	s.Resource, s.Scope = nil, nil
	return fmt.Sprintf("%+v %+v %+v", s, r, c)
}

func (m *metamorph) window() clew.Window {
	at := func() clew.UnixNanos { return storagetest.Epoch + clew.UnixNanos(m.rng.Int64N(310e9)) }
	switch m.rng.IntN(4) {
	case 0:
		return clew.Window{Start: at()}
	case 1:
		a, b := at(), at()
		return clew.Window{Start: min(a, b), End: max(a, b) + 1}
	}
	return clew.Window{}
}

// check asks both stores the same.
func (m *metamorph) check() {
	m.Helper()
	ctx := context.Background()
	all := storage.Request{}
	if got, want := m.rows(m.db, all), m.rows(m.model, all); !slices.Equal(got, want) {
		m.Fatalf("%d rows, want %d", len(got), len(want))
	}
	if len(m.spans) == 0 {
		return
	}
	for range 3 {
		r := storage.Request{Where: m.gen.Condition(m.spans, 3), Window: m.window()}
		if got, want := m.rows(m.db, r), m.rows(m.model, r); !slices.Equal(got, want) {
			m.Errorf("Scan(%v, %v): %d rows, want %d", r.Where, r.Window, len(got), len(want))
		}
		m.checkTrace(pick(m.rng, m.spans...).TraceID)
	}
	m.checkRollups()
	w := m.window()
	got, err := m.db.Services(ctx, "t", w)
	want, _ := m.model.Services(ctx, "t", w)
	if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		m.Errorf("Services(%v) = %v, %v, want %v", w, got, err, want)
	}
	names, err := m.db.TagNames(ctx, "t", clew.Window{})
	wantNames, _ := m.model.TagNames(ctx, "t", clew.Window{})
	if err != nil || len(names)+len(wantNames) > 0 && !reflect.DeepEqual(names, wantNames) {
		m.Errorf("TagNames = %v, %v, want %v", names, err, wantNames)
	}
	m.checkValues(w)
}

func (m *metamorph) checkValues(w clew.Window) {
	m.Helper()
	f := pick(m.rng, span.Field{Intrinsic: span.Duration}, span.Field{Intrinsic: span.Start}, span.Field{Intrinsic: span.SpanKind},
		span.Field{Intrinsic: span.StatusMessage}, span.Field{Intrinsic: span.TraceID}, span.Field{Intrinsic: span.SpanID},
		span.Field{Intrinsic: span.ParentID}, span.Field{Intrinsic: span.TraceState}, span.Field{Intrinsic: span.EventName},
		span.Field{Intrinsic: span.EventTimeSinceStart}, span.Field{Intrinsic: span.LinkTraceID}, span.Field{Intrinsic: span.LinkSpanID},
		span.Field{Intrinsic: span.ScopeName}, span.Field{Intrinsic: span.ScopeVersion}, span.Field{Scope: span.ScopeInstrumentation, Key: "a"},
		span.Field{Scope: span.ScopeLink, Key: "b"}, span.Field{Scope: span.ScopeEvent, Key: "a"},
		span.Field{Scope: span.ScopeSpan, Key: "a"}, span.Field{Key: "b"}, span.Field{Scope: span.ScopeResource, Key: "service.name"},
		span.Field{Scope: span.ScopeEvent, Key: "http.route"}, span.Field{Intrinsic: span.Name}, span.Field{Intrinsic: span.StatusCode})
	limit := pick(m.rng, 1, 4, 1000)
	got, more, err := m.db.TagValues(context.Background(), "t", w, f, limit)
	want, wantMore, _ := m.model.TagValues(context.Background(), "t", w, f, limit)
	same := func(a, b storage.TagValue) bool { return a.Count == b.Count && tally.Compare(a.Value, b.Value) == 0 }
	if err != nil || more != wantMore || !slices.EqualFunc(got, want, same) {
		m.Errorf("TagValues(%v, %v, %d) = %v, %v, %v, want %v, %v", w, f, limit, got, more, err, want, wantMore)
	}
}

func (m *metamorph) checkTrace(id clew.TraceID) {
	m.Helper()
	if m.rng.IntN(5) == 0 {
		id = clew.MakeTraceID(0, id.Low())
	}
	got, err := m.db.Trace(context.Background(), "t", id)
	want, wantErr := m.model.Trace(context.Background(), "t", id)
	if clew.KindOf(err) != clew.KindOf(wantErr) || (err == nil) != (wantErr == nil) {
		m.Errorf("Trace(%s) = %v, want %v", id, err, wantErr)
		return
	}
	if err != nil {
		return
	}
	texts := func(t storage.Trace) (out []string) {
		rows := span.NewRows(t.Batch)
		for i := range t.Rows {
			text := textOf(rows.Span(i))
			if slices.Contains(t.Conflicting, uint32(i)) {
				text = "conflicting " + text
			}
			out = append(out, text)
		}
		slices.Sort(out)
		return out
	}
	if g, w := texts(got), texts(want); !slices.Equal(g, w) || got.Duplicates != want.Duplicates || got.Conflicts != want.Conflicts {
		m.Errorf("Trace(%s): %d rows, %d duplicates, %d conflicts, want %d, %d, %d\n%s\nwant\n%s", id, got.Rows, got.Duplicates, got.Conflicts,
			want.Rows, want.Duplicates, want.Conflicts, strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

// checkRollups compares the sums over operations. Those over edges depend on which
// rows of a trace lie together: see TestRollupsOfMerges.
func (m *metamorph) checkRollups() {
	m.Helper()
	r := m.gen.RollupRequest("t")
	if r.Edges {
		r.Edges, r.By = false, storage.OperationDimensions
	}
	got, err := m.db.Rollups(context.Background(), r)
	if err != nil {
		m.Fatal(err)
	}
	want, _ := m.model.Rollups(context.Background(), r)
	if a, b := storagetest.RollupText(got), storagetest.RollupText(want); !slices.Equal(a, b) {
		m.Errorf("Rollups(%+v):\n%s\nwant\n%s", r, strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}
