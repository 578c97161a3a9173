package propagation_test

import (
	"strings"
	"testing"

	"github.com/clew-tracing/clew/propagation"
)

// FuzzExtract gives every header the same foreign value. What is believed can be written,
// and read again as the same.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{
		"00-" + trace128 + "-" + span + "-01", trace128 + "-" + span + "-1-" + parent, trace128 + "%3A" + span + ":0:1",
		"Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + span + ";Sampled=1;Lineage=1:2:3", "123", "a=1,b=2;p", "_dd.p.tid=4bf92f3577b34da6", "%", "",
	} {
		f.Add(s, trace128)
	}
	names := propagation.All.Headers()
	f.Fuzz(func(t *testing.T, a, b string) {
		p := propagation.New(propagation.All, propagation.All)
		in := map[string][]string{"uberctx-" + b: {a}}
		for i, n := range names {
			in[n] = [][]string{{a}, {b}, {a, b}}[i%3]
		}
		e := p.Extract(in)
		e.Conflicts()
		for i := range names {
			only := map[string][]string{names[i]: {a}}
			if names[i] == "x-b3-traceid" {
				only["x-b3-spanid"] = []string{b}
			}
			one := p.Extract(only)
			c := one.Context
			out := map[string][]string{}
			p.Inject(&c, out)
			again := p.Extract(out)
			g := again.Context
			if len(again.Conflicts()) > 0 || len(again.Problems) > 0 {
				t.Fatalf("%s %q: conflicts %v, problems %v in what was written: %v", names[i], a, again.Conflicts(), again.Problems, out)
			}
			for name, values := range out {
				if strings.ContainsFunc(values[0], func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
					t.Fatalf("%s: %q is written", name, values[0])
				}
			}
			// That a decision is deferred is not said by every format.
			if c.Valid() && (g.TraceID != c.TraceID || g.SpanID != c.SpanID || g.Sampling != c.Sampling && c.Sampling != propagation.Deferred) {
				t.Fatalf("%s %q: %s became %s by %v", names[i], a, told(&c), told(&g), out)
			}
		}
	})
}
