package view_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/view"
	"github.com/clew-tracing/clew/span"
)

// randomTrace makes documents of X-Ray and spans of OpenTelemetry that hang together at random:
// with parents that are lost, go round in circles or have another's id.
func randomTrace(r *rand.Rand) (docs []string) {
	n := 1 + r.IntN(12)
	id := func(not int) int {
		if other := 1 + r.IntN(n+2); other != not {
			return other
		}
		return n + 3
	}
	flag := func(name string) string {
		if r.IntN(4) == 0 {
			return `,"` + name + `":true`
		}
		return ""
	}
	namespaces := []string{"", `,"namespace":"aws","aws":{"table_name":"t"}`, `,"namespace":"remote"`, `,"namespace":"remote","sql":{"url":"x"}`}
	for i := 1; i <= n; i++ {
		start := r.IntN(20)
		more := flag("error") + flag("fault") + flag("throttle")
		const trace = `"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe"`
		name := []string{"DynamoDB", "cart", "front"}[r.IntN(3)]
		times := fmt.Sprintf(`"start_time":%d,"end_time":%d`, start+1, start+1+r.IntN(9))
		if r.IntN(8) == 0 {
			times = fmt.Sprintf(`"start_time":%d,"in_progress":true`, start+1)
		}
		switch r.IntN(4) {
		case 0:
			parent := ""
			if r.IntN(3) > 0 {
				parent = fmt.Sprintf(`,"parent_id":"%016x"`, id(i))
			}
			docs = append(docs, fmt.Sprintf(`{%s,"id":"%016x","name":"%s",%s%s%s}`, trace, i, name, times, parent, more))
		case 1:
			docs = append(docs, fmt.Sprintf(`{%s,"id":"%016x","parent_id":"%016x","type":"subsegment","name":"%s",%s%s%s}`, trace, i, id(i), name, times, more, namespaces[r.IntN(4)]))
		case 2:
			docs = append(docs, fmt.Sprintf(`{%s,"id":"%016x","name":"%s",%s%s,"subsegments":[{"id":"%016x","name":"%s",%s%s}]}`, trace, i, name, times, more, i+100, name, times, namespaces[r.IntN(4)]))
		default:
			parent := ""
			if r.IntN(3) > 0 {
				parent = fmt.Sprintf(`,"parentSpanId":"%016x"`, id(i))
			}
			docs = append(docs, fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"%s"}}]},"scopeSpans":[{"spans":[{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"%016x","name":"x","kind":%d,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000"%s}]}]}]}`,
				name, i, 1+r.IntN(5), start+1, start+1+r.IntN(9), parent))
		}
	}
	return docs
}

// check holds a trace to what is true of each.
func check(t *view.Trace, rows int) error {
	ids := map[clew.SpanID]bool{}
	below, real, roots := 0, 0, 0
	for i := range t.Entities {
		e := &t.Entities[i]
		if e.Row != view.None {
			real++
			ids[e.ID] = true
		}
		if e.Start < t.Start || e.End > t.End {
			return fmt.Errorf("%v is not within the trace", e.ID)
		}
		steps, of := 0, view.None
		for at := i; at != view.None; at = t.Entities[at].Parent {
			if of == view.None && t.Entities[at].IsSegment {
				of = at
			}
			if steps++; steps > len(t.Entities) {
				return fmt.Errorf("%v is in a circle", e.ID)
			}
		}
		if of != e.Segment {
			return fmt.Errorf("%v is of segment %d, want %d", e.ID, e.Segment, of)
		}
		for c := e.First; c != view.None; c = t.Entities[c].Next {
			if t.Entities[c].Parent != i {
				return fmt.Errorf("%v has a child that is not its own", e.ID)
			}
			below++
		}
		if e.Parent == view.None {
			roots++
		}
		if a := e.Answer; a != view.None && (t.Entities[a].Parent != i || !t.Entities[a].IsSegment) {
			return fmt.Errorf("%v is answered by what does not hang below it", e.ID)
		}
		if e.Born && e.IsCall() && e.Answer == view.None {
			return fmt.Errorf("the call %v has no answer", e.ID)
		}
	}
	if below+roots != len(t.Entities) || real != rows {
		return fmt.Errorf("%d below others and %d not, %d of %d rows, %d entities", below, roots, real, rows, len(t.Entities))
	}
	for _, s := range t.Segments {
		if e := &t.Entities[s]; e.Row == view.None && ids[e.ID] {
			return fmt.Errorf("%v is inferred, and the id is another's", e.ID)
		}
	}
	if t.Entry == view.None && slices.ContainsFunc(t.Segments, func(s int) bool { return t.Entities[s].Parent == view.None }) {
		return fmt.Errorf("there is no entry")
	}
	for _, f := range []view.Flag{view.FlagError, view.FlagFault} {
		for _, c := range t.Causes(f) {
			if len(c.Services) == 0 && slices.ContainsFunc(t.Segments, func(s int) bool { return !t.Entities[s].Inferred }) && c.ClientImpacting {
				return fmt.Errorf("a cause without services")
			}
		}
	}
	t.ResponseTimeCause()
	return nil
}

// TestRandom views random traces: what is true of each is true of them, and neither the order of
// rows nor what was viewed before changes anything.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var again view.Builder
	for range 2000 {
		docs := randomTrace(r)
		rows := rowsOf(t, docs...)
		tr := again.Of(rows)
		if err := check(tr, rows.Batch().Rows); err != nil {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, describe(tr), strings.Join(docs, "\n"))
		}
		got := describe(tr)
		r.Shuffle(len(docs), func(i, k int) { docs[i], docs[k] = docs[k], docs[i] })
		var fresh view.Builder
		if want := describe(fresh.Of(rowsOf(t, docs...))); got != want && !twice(rows) {
			t.Fatalf("seed %d: in another order\n%s\nwant\n%s\n%s", seed, want, got, strings.Join(docs, "\n"))
		}
		documents := view.Documents(rows)
		text := map[string]int{}
		for _, d := range documents {
			text[string(d.Text)]++
		}
		for d, n := range text {
			if n > 1 {
				t.Fatalf("seed %d: %d times %s", seed, n, d)
			}
		}
	}
}

// twice reports whether two rows have one id, start and side: then the order in which they
// came tells them apart.
func twice(r *span.Rows) bool {
	seen := map[[2]uint64]bool{}
	for i, id := range r.Batch().SpanID {
		key := [2]uint64{id, r.Batch().Start[i]}
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}
