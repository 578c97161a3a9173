package v1_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func (s *server) skeleton(id clew.TraceID) (*skeleton, *answer) {
	s.tb.Helper()
	a := s.get("/api/v1/traces/" + id.String() + "/skeleton")
	k, notes, err := readSkeleton(a.bytes())
	if err != nil {
		s.tb.Fatalf("%v\n%s", err, notes)
	}
	return k, a
}

// serviceLength numbers services by the length of their names.
func serviceLength(_ clew.Tenant, names []string) []int {
	out := make([]int, len(names))
	for i, n := range names {
		out[i] = len(n)
	}
	return out
}

// goldenTrace has one of everything.
func goldenTrace() []clew.Span {
	id := clew.MakeTraceID(0x0102030405060708, 0x090a0b0c0d0e0f10)
	shop := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("shop")}}}
	cart := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("cart\xff")}}}
	const t = storagetest.Epoch
	at := func(span, parent clew.SpanID, r *clew.Resource, name string, kind clew.Kind, start, end clew.UnixNanos) clew.Span {
		return clew.Span{TraceID: id, SpanID: span, ParentID: parent, Resource: r, Name: name, Kind: kind, Start: start, End: end}
	}
	spans := []clew.Span{
		at(0xa1, 0, shop, "GET /", clew.KindServer, t, t+1000),
		at(0xa2, 0xa1, shop, "call", clew.KindClient, t+100, t+400), // a shared span: one id, two rows
		at(0xa2, 0xa1, cart, "call", clew.KindServer, t+150, t+450), // later than its client, by a skewed clock
		at(0xa3, 0xa2, cart, "sélect", clew.KindClient, t+200, t+190),
		at(0xa4, 0xa1, shop, "open", 14, t+100, 0),
		at(0xa5, 0xdead, shop, "lost", clew.KindConsumer, t+50, t+60),
		at(0xa6, 0xdead, shop, "lost", 200, t+40, t+45),
		at(0xa7, 0xa8, shop, "chicken", clew.KindInternal, t+500, t+600),
		at(0xa8, 0xa7, shop, "egg", clew.KindInternal, t+500, t+600),
	}
	spans[2].Status = clew.StatusError
	spans[2].Events = []clew.Event{{Time: t + 160, Name: "log"}, {Time: t + 170, Name: "exception"}}
	spans[6].Events = []clew.Event{{Time: t - 5, Name: "exception"}}
	spans[1].Links = []clew.Link{{TraceID: clew.MakeTraceID(1, 2), SpanID: 3}}
	return spans
}

// TestSkeletonGolden pins every byte of a small trace, with what it means.
func TestSkeletonGolden(t *testing.T) {
	spans := goldenTrace()
	s := serve(t, memory(), v1.Config{Numbers: serviceLength})
	s.put(len(spans), spans...)
	body := s.get("/api/v1/traces/" + spans[0].TraceID.String() + "/skeleton").bytes()
	k, notes, err := readSkeleton(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, notes)
	}
	golden := filepath.Join("testdata", "skeleton.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(notes), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if notes != string(want) {
		t.Errorf("another skeleton than in %s; -update rewrites it\n%s", golden, notes)
	}
	if got, want := k.text(), modelText(spans); got != want {
		t.Errorf("skeleton\n%swant\n%s", got, want)
	}
	for i, n := range []int{4, 5} {
		if got := int(k.services[i].registry); got != n {
			t.Errorf("service %d has number %d, want %d", i, got, n)
		}
	}
}

// TestSkeletonRandom compares with the model, over ordinary and hostile traces,
// and both stores with each other: the same spans give the same bytes and the
// same ETag however they came.
func TestSkeletonRandom(t *testing.T) {
	eachSeed(t, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 7))
		g := storagetest.NewGenerator(seed)
		resources := hostileResources()
		var traces [][]clew.Span
		for i := range 30 {
			traces = append(traces, g.Trace(40), hostileTrace(r, clew.MakeTraceID(seed, uint64(i+1)), resources))
		}
		model := serve(t, memory(), v1.Config{})
		db := serve(t, database(t, 1+r.IntN(200)), v1.Config{})
		all := slices.Concat(traces...)
		model.put(len(all), all...)
		shuffled := slices.Clone(all)
		r.Shuffle(len(all), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		db.put(1+r.IntN(100), shuffled...)
		for _, spans := range traces {
			id := spans[0].TraceID
			k, a := model.skeleton(id)
			if k.traceID != id {
				t.Fatalf("trace %s says it is %s", id, k.traceID)
			}
			if got, want := k.text(), modelText(spans); got != want {
				t.Fatalf("trace %s\n%swant\n%s", id, got, want)
			}
			_, b := db.skeleton(id)
			if !bytes.Equal(a.body, b.body) || a.header.Get("ETag") != b.header.Get("ETag") {
				t.Fatalf("trace %s: the stores' skeletons differ, ETags %s and %s", id, a.header.Get("ETag"), b.header.Get("ETag"))
			}
		}
	})
}

// TestSkeletonLarge lays out what breaks recursion and quadratic time.
func TestSkeletonLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	n := 100_000
	if testing.Short() {
		n = 25_000
	}
	shop := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("shop")}}}
	parent := map[string]func(i int) int{ // of span i, from 1; 0: none; above n: not received
		"deep":    func(i int) int { return i - 1 },
		"wide":    func(i int) int { return min(i-1, 1) },
		"circle":  func(i int) int { return (i+n-2)%n + 1 },
		"selves":  func(i int) int { return i },
		"ghosts":  func(i int) int { return n + i },
		"upwards": func(i int) int { return (i + 1) % (n + 1) },
	}
	s := serve(t, database(t, 0), v1.Config{})
	for low, name := range []string{"deep", "wide", "circle", "selves", "ghosts", "upwards"} {
		id := clew.MakeTraceID(1, uint64(low+1))
		spans := make([]clew.Span, n)
		for i := range spans {
			spans[i] = clew.Span{TraceID: id, SpanID: clew.SpanID(i + 1), ParentID: clew.SpanID(parent[name](i + 1)), Name: "a",
				Resource: shop, Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch + clew.UnixNanos(2*n)}
		}
		s.put(n, spans...)
		k, _ := s.skeleton(id)
		if len(k.parts) != 2 || k.parts[0] != 20_000 {
			t.Errorf("%s: parts of %v rows", name, k.parts)
		}
		if k.spans != n {
			t.Fatalf("%s: %d spans, want %d", name, k.spans, n)
		}
		for i, row := range k.rows {
			span, up, ghosts := i+1, i-1, 0
			switch name {
			case "wide":
				up = min(i-1, 0)
			case "selves":
				up = -1
			case "ghosts":
				span, up, ghosts = i/2+1+(1-i%2)*n, -1+i%2*i, n
			case "upwards":
				span = n - i
			}
			if len(k.rows) != n+ghosts || int(row.spanID) != span || row.parent != up {
				t.Fatalf("%s: row %d of %d is %+v, want span %d under %d", name, i, len(k.rows), row, span, up)
			}
		}
		if circle := k.rows[0].flags&rowCycle != 0; circle != (name == "circle" || name == "selves") {
			t.Errorf("%s: the first row's flags are %x", name, k.rows[0].flags)
		}
	}
}

// TestSkeletonConflict flags the spans of whose identity others of different content
// came later, and no others; which ones is part of the trace's state.
func TestSkeletonConflict(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		spans := goldenTrace()
		id := spans[0].TraceID
		s.put(2, spans...)
		k, a := s.skeleton(id)
		if k.conflicts {
			t.Error("conflicts without any")
		}
		etags := []string{a.header.Get("ETag")}
		want := map[string]bool{}
		for i, at := range []int{2, 7} {
			other := spans[at]
			other.Name = "another"
			s.put(1, other)
			k, a = s.skeleton(id)
			want[fmt.Sprintf("%x %d", uint64(spans[at].SpanID), spans[at].Kind)] = true
			if !k.conflicts || k.spans != len(spans) {
				t.Errorf("%d conflicts: %d spans, conflicts %t", i+1, k.spans, k.conflicts)
			}
			for _, row := range k.rows {
				if got := row.flags&rowConflict != 0; got != want[fmt.Sprintf("%x %d", row.spanID, row.kind)] || row.name == "another" {
					t.Errorf("%d conflicts: row %+v has conflict %t", i+1, row, got)
				}
			}
			if etag := a.header.Get("ETag"); slices.Contains(etags, etag) {
				t.Errorf("%d conflicts: the ETag is one from before", i+1)
			} else {
				etags = append(etags, etag)
			}
		}
	})
}

// damagedStore is a store whose traces are never whole.
type damagedStore struct {
	storage.Store
	why error
}

func (s *damagedStore) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	tr, err := s.Store.Trace(ctx, t, id)
	tr.Damaged = s.why
	return tr, err
}

// TestDamaged says with every answer about a trace that some of it could not be read.
func TestDamaged(t *testing.T) {
	spans := goldenTrace()[:2]
	path := "/api/v1/traces/" + spans[0].TraceID.String()
	var etags []string
	for _, c := range []struct {
		why  error
		want string
	}{
		{nil, ""},
		{errors.Join(clew.Corruptf("a.seg", 7, "bad checksum"), errors.New("b \xff")), `a.seg: offset 7: bad checksum; b \xff`},
		{errors.New(strings.Repeat("é", 600)), strings.Repeat("é", 500) + "…"},
	} {
		s := serve(t, &damagedStore{memory(), c.why}, v1.Config{})
		s.put(2, spans...)
		k, a := s.skeleton(spans[0].TraceID)
		if k.damaged != (c.why != nil) || k.complete != (c.why == nil) {
			t.Errorf("%v: damaged %t, complete %t", c.why, k.damaged, k.complete)
		}
		if got := a.header.Get("Clew-Damaged"); got != c.want {
			t.Errorf("skeleton: Clew-Damaged %q, want %q", got, c.want)
		}
		etags = append(etags, a.header.Get("ETag"))
		if got := s.get(path).header.Get("Clew-Damaged"); got != c.want {
			t.Errorf("trace: Clew-Damaged %q, want %q", got, c.want)
		}
		for _, a := range []*answer{s.post(path+"/spans", `{"rows":[0]}`), s.get(path + "/search?q=a")} {
			var got struct{ Damaged string }
			a.ok(&got)
			if got.Damaged != c.want {
				t.Errorf("damaged %q, want %q", got.Damaged, c.want)
			}
		}
	}
	if etags[0] == etags[1] {
		t.Error("damage does not change the ETag")
	}
}

// TestSkeletonID gives the id in its long form, whichever is asked for.
func TestSkeletonID(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		long, short := clew.MakeTraceID(0xabc, 77), clew.MakeTraceID(0, 77)
		s.put(1, clew.Span{TraceID: short, SpanID: 1, Start: 5, End: 6}, clew.Span{TraceID: long, SpanID: 2, ParentID: 1, Start: 5, End: 6})
		for _, id := range []string{long.String(), "4d", "000000000000004D"} {
			k, notes, err := readSkeleton(s.get("/api/v1/traces/" + id + "/skeleton").bytes())
			if err != nil || k.traceID != long || len(k.rows) != 2 {
				t.Errorf("%s: %+v, %v\n%s", id, k, err, notes)
			}
		}
	})
}
