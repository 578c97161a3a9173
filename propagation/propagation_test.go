package propagation_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/propagation"
)

const (
	trace128 = "4bf92f3577b34da6a3ce929d0e0e4736"
	span     = "00f067aa0ba902b7"
	parent   = "05e3ac9a4f6e3b90"
)

// told is a context in one line: ids, sampling, and what else it has.
func told(c *propagation.Context) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s", c.TraceID, c.SpanID)
	if c.ParentID != 0 {
		fmt.Fprintf(&b, "<%s", c.ParentID)
	}
	fmt.Fprintf(&b, " %s", c.Sampling)
	if c.Random {
		b.WriteString(" random")
	}
	if c.State != "" {
		fmt.Fprintf(&b, " state(%s)", c.State)
	}
	for _, m := range c.Baggage {
		fmt.Fprintf(&b, " %s=%s", m.Key, m.Value())
	}
	if c.JaegerFlags != 0 {
		fmt.Fprintf(&b, " jaeger(%d)", c.JaegerFlags)
	}
	if d := c.Datadog; d != (propagation.DatadogFields{}) {
		fmt.Fprintf(&b, " datadog(%v %d %s %s)", d.HasPriority, d.Priority, d.Origin, d.Tags)
	}
	if x := c.XRay; x != (propagation.XRayFields{}) {
		fmt.Fprintf(&b, " xray(%s|%s|%s)", x.Lineage, x.Self, x.Other)
	}
	return b.String()
}

// TestParse reads one header after the other; an answer that begins with ! is an error that
// has these words.
func TestParse(t *testing.T) {
	const t64, none = "0000000000000000a3ce929d0e0e4736", "00000000000000000000000000000000/0000000000000000"
	parsers := map[string]func(string) (propagation.Context, error){
		"w3c": propagation.ParseTraceparent, "b3": propagation.ParseB3, "uber": propagation.ParseUberTraceID, "xray": propagation.ParseXRay,
	}
	for _, c := range []struct{ format, in, want string }{
		// W3C Trace Context, level 2.
		{"w3c", "00-" + trace128 + "-" + span + "-01", trace128 + "/" + span + " record"},
		{"w3c", " 00-" + trace128 + "-" + span + "-00\t", trace128 + "/" + span + " drop"},
		{"w3c", "00-" + trace128 + "-" + span + "-03", trace128 + "/" + span + " record random"},
		{"w3c", "00-" + trace128 + "-" + span + "-ff", trace128 + "/" + span + " record random"},
		{"w3c", "cc-" + trace128 + "-" + span + "-01-what-the-future-will-be-like", trace128 + "/" + span + " record"},
		{"w3c", "cc-" + trace128 + "-" + span + "-01", trace128 + "/" + span + " record"},
		{"w3c", "cc-" + trace128 + "-" + span + "-01.what", "!not followed by a dash"},
		{"w3c", "00-" + trace128 + "-" + span + "-01-more", "!55 characters, not more"},
		{"w3c", "ff-" + trace128 + "-" + span + "-01", "!forbidden"},
		{"w3c", "0A-" + trace128 + "-" + span + "-01", "!version"},
		{"w3c", "00-" + strings.ToUpper(trace128) + "-" + span + "-01", "!trace id is not lower-case hex"},
		{"w3c", "00-" + trace128 + "-" + strings.ToUpper(span) + "-01", "!parent id is not lower-case hex"},
		{"w3c", "00-" + trace128 + "-" + span + "-0x", "!flags"},
		{"w3c", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", "!trace id is all zeros"},
		{"w3c", "00-" + trace128 + "-" + strings.Repeat("0", 16) + "-01", "!parent id is all zeros"},
		{"w3c", "00-" + trace128 + "-" + span, "!shorter"},
		{"w3c", "00-" + trace128 + span + "-01-", "!other lengths"},
		{"w3c", "", "!shorter"},

		// B3, single.
		{"b3", trace128 + "-" + span + "-1-" + parent, trace128 + "/" + span + "<" + parent + " record"},
		{"b3", trace128 + "-" + span, trace128 + "/" + span + " deferred"},
		{"b3", "a3ce929d0e0e4736-" + span + "-d", t64 + "/" + span + " debug"},
		{"b3", trace128 + "-" + span + "-0", trace128 + "/" + span + " drop"},
		{"b3", trace128 + "-" + span + "-" + parent, trace128 + "/" + span + "<" + parent + " deferred"},
		{"b3", strings.ToUpper(trace128) + "-" + strings.ToUpper(span) + "-1", trace128 + "/" + span + " record"},
		{"b3", "0", none + " drop"},
		{"b3", "1", none + " record"},
		{"b3", "d", none + " debug"},
		{"b3", "x", "!decision"},
		{"b3", "", "!trace id"},
		{"b3", trace128 + "-" + span + "-1-" + parent + "-", "!parent"},
		{"b3", trace128[1:] + "-" + span + "-1", "!trace id"},
		{"b3", trace128 + "-" + span + "-true", "!decision"},
		{"b3", trace128 + "-0000000000000000-1", "!span id"},
		{"b3", "g" + trace128[1:] + "-" + span + "-1", "!trace id"},

		// Jaeger.
		{"uber", trace128 + ":" + span + ":0:1", trace128 + "/" + span + " record"},
		{"uber", "a3ce929d0e0e4736:f067aa0ba902b7:0:0", t64 + "/" + span + " drop"},
		{"uber", "1:2:3:3", "00000000000000000000000000000001/0000000000000002 debug"},
		{"uber", trace128 + "%3A" + span + "%3a0%3A9", trace128 + "/" + span + " record jaeger(8)"},
		{"uber", trace128 + ":" + span + ":0", "!four fields"},
		{"uber", trace128 + "0:" + span + ":0:1", "!trace id"},
		{"uber", "0:" + span + ":0:1", "!trace id"},
		{"uber", trace128 + ":0:0:1", "!span id"},
		{"uber", trace128 + ":" + span + ":0:x", "!flags"},
		{"uber", trace128 + ":" + span + ":0:100", "!flags"},

		// X-Ray.
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + span + ";Sampled=1", trace128 + "/" + span + " record"},
		{"xray", "Sampled=0; Parent=" + span + " ; root=1-4BF92F35-77b34da6a3ce929d0e0e4736", trace128 + "/" + span + " drop"},
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=?", trace128 + "/0000000000000000 deferred"},
		{"xray", "Self=1-67891234-1;Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;CalledFrom=app;k=v", trace128 + "/0000000000000000 deferred xray(|1-67891234-1|CalledFrom=app;k=v)"},
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Lineage=25:a87bd80c:1", trace128 + "/0000000000000000 deferred xray(25:a87bd80c:1||)"},
		{"xray", "Sampled=1", none + " record"},
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e47;Parent=" + span, "!Root"},
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=1", "!Parent"},
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=yes", "!Sampled"},
		{"xray", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Lineage=a\nb", "!printable"},
		{"xray", strings.Repeat("a", 8193), "!8192"},
		{"xray", "k=" + strings.Repeat("a", 2000), "!1024"},
	} {
		got, err := parsers[c.format](c.in)
		if words, bad := strings.CutPrefix(c.want, "!"); bad {
			if clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), words) || told(&got) != none+" deferred" {
				t.Errorf("%s %q: %s, %v; want an error with %q", c.format, c.in, told(&got), err, words)
			}
			continue
		}
		if err != nil || told(&got) != c.want {
			t.Errorf("%s %q: %s, %v\nwant %s", c.format, c.in, told(&got), err, c.want)
		}
	}
}

func TestTraceState(t *testing.T) {
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("k%d=v", i))
		}
		return strings.Join(list, ",")
	}
	for _, c := range []struct {
		in   string // values with | between
		want string
		bad  string
	}{
		{"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", ""},
		{"a=1|b=2", "a=1,b=2", ""},
		{"|a=1|", "a=1", ""},
		{" a=1 ,\tb=2,,", "a=1,b=2", ""},
		{"", "", ""},
		{"tenant@system=1,1a-_*/=2", "tenant@system=1,1a-_*/=2", ""},
		{"a= lead", "a= lead", ""},
		{many(32), many(32), ""},
		{many(33), "", "more than 32"},
		{"a=1,a=2", "", "twice"},
		{"a=1|a=1", "", "twice"},
		{"A=1", "", "valid"},
		{"a", "", "valid"},
		{"=1", "", "valid"},
		{"a=", "", "valid"},
		{"@a=1", "", "valid"},
		{"a=1=2", "", "valid"},
		{"a=\x01", "", "valid"},
		{strings.Repeat("k", 257) + "=1", "", "valid"},
		{strings.Repeat("k", 256) + "=" + strings.Repeat("v", 256), strings.Repeat("k", 256) + "=" + strings.Repeat("v", 256), ""},
		{"k=" + strings.Repeat("v", 257), "", "valid"},
	} {
		got, err := propagation.ParseTraceState(strings.Split(c.in, "|")...)
		if string(got) != c.want || (err == nil) != (c.bad == "") || err != nil && !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%q: %q, %v; want %q, %q", c.in, got, err, c.want, c.bad)
		}
	}
	s, err := propagation.TraceState("a=1,b=2").With("b", "3")
	if err != nil || s != "b=3,a=1" || s.Get("a") != "1" || s.Get("c") != "" || s.Without("b") != "a=1" {
		t.Errorf("%q, %v", s, err)
	}
	if s, err := propagation.TraceState(many(32)).With("new", "1"); err != nil || !strings.HasPrefix(string(s), "new=1,k0=v") || strings.Count(string(s), ",") != 31 {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := propagation.TraceState("").With("a,b", "1"); err == nil {
		t.Error("a key with a comma is taken")
	}
	long := "x=" + strings.Repeat("v", 150)
	if s := propagation.TraceState("a=1," + long + ",b=2").Truncate(20); s != "a=1,b=2" {
		t.Errorf("%q", s)
	}
	if s := propagation.TraceState("a=1,b=2,c=3").Truncate(8); s != "a=1,b=2" {
		t.Errorf("%q", s)
	}
}

func TestBaggage(t *testing.T) {
	list, err := propagation.ParseBaggage("userId=am%C3%A9lie , isProduction = false;p;q=1", "", "k=50%,x=%FF")
	if err != nil || len(list) != 4 || list[0].Value() != "amélie" || list[1].Properties != "p;q=1" || list[2].Value() != "50%" || list[3].Value() != "\uFFFD" {
		t.Errorf("%q, %v", list, err)
	}
	for in, kept := range map[string]int{"a=1,b": 1, "a b=1": 0, "a=\"1\"": 0, "a=1;;p,b=2": 1, strings.Repeat("a=1,", 181): 180, "a=" + strings.Repeat("x", 9000) + ",b=1": 0} {
		if list, err := propagation.ParseBaggage(in); err == nil || len(list) != kept {
			t.Errorf("%.20q: %d members, %v; want %d and an error", in, len(list), err, kept)
		}
	}
	m, err := propagation.NewMember("k", "50 % of é, \"all\"")
	if err != nil || m.Value() != "50 % of é, \"all\"" || strings.ContainsAny(m.Raw, " ,\"") {
		t.Errorf("%q, %v", m, err)
	}
	if _, err := propagation.NewMember("a b", "1"); err == nil {
		t.Error("a key with a space is taken")
	}
}

// header reads "name: value" by lines.
func header(lines string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(lines) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			h.Add(name, strings.TrimSpace(value))
		}
	}
	return h
}

// TestExtract decides what headers of several formats come to.
func TestExtract(t *testing.T) {
	const w3c = "traceparent: 00-" + trace128 + "-" + span + "-01\n"
	const other = "11111111111111112222222222222222"
	for _, c := range []struct {
		name, in, want string
		conflicts      []string
		problems       []string
	}{
		{"nothing", "", "00000000000000000000000000000000/0000000000000000 deferred", nil, nil},
		{"w3c", w3c + "tracestate: a=1\ntracestate: b=2\nbaggage: k=v", trace128 + "/" + span + " record state(a=1,b=2) k=v", nil, nil},
		{"tracestate alone is nothing", "tracestate: a=1", "00000000000000000000000000000000/0000000000000000 deferred", nil, nil},
		{"a bad tracestate leaves the ids", w3c + "tracestate: A=1", trace128 + "/" + span + " record", nil, []string{"tracecontext: tracestate: a member is not a valid key=value"}},
		{"names of any case", strings.ToUpper(w3c[:11]) + w3c[11:], trace128 + "/" + span + " record", nil, nil},
		{"two traceparents", w3c + "traceparent: 00-" + other + "-" + span + "-01", "00000000000000000000000000000000/0000000000000000 deferred", nil, []string{"tracecontext: a header comes twice, with different values"}},
		{"one twice", w3c + w3c, trace128 + "/" + span + " record", nil, nil},
		{"b3 multi", "X-B3-TraceId: " + trace128 + "\nX-B3-SpanId: " + span + "\nX-B3-ParentSpanId: " + parent + "\nX-B3-Sampled: true",
			trace128 + "/" + span + "<" + parent + " record", nil, nil},
		{"b3 multi, debug", "X-B3-TraceId: " + trace128 + "\nX-B3-SpanId: " + span + "\nX-B3-Flags: 1\nX-B3-Sampled: 0", trace128 + "/" + span + " debug", nil, nil},
		{"b3 multi, a decision alone", "X-B3-Sampled: 0", "00000000000000000000000000000000/0000000000000000 drop", nil, nil},
		{"b3 multi, half an id", "X-B3-TraceId: " + trace128, "00000000000000000000000000000000/0000000000000000 deferred", nil, []string{"b3multi: its span id is not 16 hex digits, or all zeros"}},
		{"datadog", "x-datadog-trace-id: 11803532876627986230\nx-datadog-parent-id: 67667974448284343\nx-datadog-sampling-priority: 2\nx-datadog-origin: rum\nx-datadog-tags: _dd.p.dm=-4,_dd.p.tid=4bf92f3577b34da6,_dd.p.x=1",
			trace128 + "/" + span + " record datadog(true 2 rum _dd.p.dm=-4,_dd.p.x=1)", nil, nil},
		{"datadog, bad tags", "x-datadog-trace-id: 1\nx-datadog-parent-id: 2\nx-datadog-tags: _dd.p.tid=zz", "00000000000000000000000000000001/0000000000000002 deferred", nil,
			[]string{"datadog: _dd.p.tid in x-datadog-tags is not 16 hex digits"}},
		{"datadog, too large", "x-datadog-trace-id: 18446744073709551616\nx-datadog-parent-id: 2", "00000000000000000000000000000000/0000000000000000 deferred", nil,
			[]string{"datadog: x-datadog-trace-id is not a decimal number of 64 bits, or zero"}},
		{"the first decides", w3c + "b3: " + other + "-" + span + "-1", trace128 + "/" + span + " record",
			[]string{"tracecontext says trace id " + trace128 + ", b3 says " + other}, nil},
		{"128 bits beat 64 of the same", "b3: a3ce929d0e0e4736-" + span + "-1\nuber-trace-id: " + trace128 + ":" + span + ":0:1", trace128 + "/" + span + " record", nil, nil},
		{"128 bits of another do not", "b3: a3ce929d0e0e4736-" + span + "-1\nuber-trace-id: " + other + ":" + span + ":0:1", "0000000000000000a3ce929d0e0e4736/" + span + " record",
			[]string{"b3 says trace id 0000000000000000a3ce929d0e0e4736, jaeger says " + other}, nil},
		{"another span", w3c + "b3: " + trace128 + "-" + parent + "-1", trace128 + "/" + span + " record", []string{"tracecontext says span id " + span + ", b3 says " + parent}, nil},
		{"another decision", w3c + "b3: " + trace128 + "-" + span + "-0", trace128 + "/" + span + " record", []string{"tracecontext says sampling record, b3 says drop"}, nil},
		{"decisions alone", "b3: 0\nX-B3-Sampled: 1", "00000000000000000000000000000000/0000000000000000 drop", []string{"b3 says sampling drop, b3multi says record"}, nil},
		{"each is of who says it first", "b3: " + trace128 + "-" + span + "\nuber-trace-id: " + trace128 + ":" + span + ":0:1\nX-Amzn-Trace-Id: Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + parent + ";Sampled=0",
			trace128 + "/" + span + " record", []string{"b3 says span id " + span + ", xray says " + parent, "jaeger says sampling record, xray says drop"}, nil},
		{"debug is more of sampled", w3c + "b3: " + trace128 + "-" + span + "-d", trace128 + "/" + span + " debug", nil, nil},
		{"a decision that the first leaves open", "b3: " + trace128 + "-" + span + "\nuber-trace-id: " + trace128 + ":" + span + ":0:1", trace128 + "/" + span + " record", nil, nil},
		{"a broken one is passed over", "traceparent: 00-x\nb3: " + trace128 + "-" + span + "-1", trace128 + "/" + span + " record", nil, []string{"tracecontext: it is shorter than 55 characters"}},
		{"a balancer's root beside a trace", w3c + "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678;Lineage=1:2:3", trace128 + "/" + span + " record xray(1:2:3||)",
			[]string{"tracecontext says trace id " + trace128 + ", xray says 67891233abcdef012345678912345678"}, nil},
		{"another's extras are dropped", w3c + "uber-trace-id: " + other + ":1:0:9\nx-datadog-trace-id: 5\nx-datadog-parent-id: 6\nx-datadog-origin: rum", trace128 + "/" + span + " record",
			[]string{"tracecontext says trace id " + trace128 + ", jaeger says " + other, "tracecontext says trace id " + trace128 + ", datadog says 00000000000000000000000000000005"}, nil},
		{"jaeger's baggage", w3c + "uberctx-User: a%20b+c\nuberctx-k: 2\nbaggage: k=1", trace128 + "/" + span + " record k=1 user=a b c", []string{"baggage says baggage k 1, jaeger says 2"}, nil},
	} {
		e := propagation.New(propagation.All, 0).Extract(header(c.in))
		if got := told(&e.Context); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
		var conflicts, problems []string
		for _, x := range e.Conflicts() {
			conflicts = append(conflicts, x.String())
		}
		for _, x := range e.Problems {
			problems = append(problems, x.String())
		}
		if !slices.Equal(conflicts, c.conflicts) || !slices.Equal(problems, c.problems) {
			t.Errorf("%s: conflicts %q, problems %q\nwant %q, %q", c.name, conflicts, problems, c.conflicts, c.problems)
		}
	}
}

// TestSpellings: what comes under several names is the same each time, and is told.
func TestSpellings(t *testing.T) {
	other := "11111111111111112222222222222222"
	for range 50 { // a map has no order
		for _, c := range []struct {
			in                   map[string][]string
			want, problem, clash string
		}{
			{map[string][]string{"Traceparent": {"00-" + trace128 + "-" + span + "-01"}, "traceparent": {"00-" + other + "-" + span + "-01"}},
				"00000000000000000000000000000000/0000000000000000 deferred", "tracecontext: a header comes twice, with different values", ""},
			{map[string][]string{"Traceparent": {"00-" + trace128 + "-" + span + "-01"}, "Tracestate": {"a=1"}, "tracestate": {"b=1"}},
				trace128 + "/" + span + " record", "tracecontext: tracestate: its name comes in two spellings", ""},
			{map[string][]string{"Baggage": {"a=1"}, "baggage": {"b=1"}}, "00000000000000000000000000000000/0000000000000000 deferred", "baggage: a header comes twice, with different values", ""},
			{map[string][]string{"Uberctx-A": {"2"}, "Ot-Baggage-A": {"1"}}, "00000000000000000000000000000000/0000000000000000 deferred a=1", "jaeger: baggage a comes twice, with different values", ""},
			{map[string][]string{"Uberctx-A": {"2"}, "Baggage": {"A=1"}}, "00000000000000000000000000000000/0000000000000000 deferred A=1", "", "baggage says baggage a 1, jaeger says 2"},
		} {
			e := propagation.New(propagation.All, 0).Extract(c.in)
			if got := told(&e.Context); got != c.want || fmt.Sprint(e.Problems) != "["+c.problem+"]" || fmt.Sprint(e.Conflicts()) != "["+c.clash+"]" {
				t.Fatalf("%v: %s, %v, %v", c.in, got, e.Problems, e.Conflicts())
			}
		}
	}
	for name, want := range map[string]bool{"TRACEPARENT": true, "X-B3-Flags": true, "uberctx-a": true, "ot-baggage-x": true, "uberctx-": false, "Accept": false} {
		if _, ok := propagation.FormatOf(name); ok != want {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

// TestReads leaves out formats that are not asked for.
func TestReads(t *testing.T) {
	h := header("traceparent: 00-" + trace128 + "-" + span + "-01\nb3: 0000000000000001-0000000000000002-0\nuberctx-k: v")
	e := propagation.New(propagation.B3.And(), 0).Extract(h)
	if got := told(&e.Context); got != "00000000000000000000000000000001/0000000000000002 drop" || len(e.Found()) != 1 || e.Format != propagation.B3 {
		t.Errorf("%s, found %v", got, e.Found())
	}
}

// TestInject writes every format at once, and golden headers of it.
func TestInject(t *testing.T) {
	e := propagation.New(propagation.All, 0).Extract(header("traceparent: 00-" + trace128 + "-" + span + "-03\ntracestate: a=1\nbaggage: k=v%20w;p=1\nX-Amzn-Trace-Id: Lineage=1:2:3;x=y"))
	c := e.Context
	c.ParentID = 1
	h := http.Header{"X-B3-Flags": {"1"}, "Uberctx-Old": {"1"}, "Accept": {"*"}}
	propagation.New(0, propagation.All).Inject(&c, h)
	want := header("Accept: *\n" +
		"Traceparent: 00-" + trace128 + "-" + span + "-03\nTracestate: a=1\nBaggage: k=v%20w;p=1\n" +
		"B3: " + trace128 + "-" + span + "-1-0000000000000001\n" +
		"X-B3-Traceid: " + trace128 + "\nX-B3-Spanid: " + span + "\nX-B3-Parentspanid: 0000000000000001\nX-B3-Sampled: 1\n" +
		"Uber-Trace-Id: " + trace128 + ":" + span + ":0:1\nUberctx-K: v%20w\n" +
		"X-Datadog-Trace-Id: 11803532876627986230\nX-Datadog-Parent-Id: 67667974448284343\nX-Datadog-Sampling-Priority: 1\nX-Datadog-Tags: _dd.p.tid=4bf92f3577b34da6\n" +
		"X-Amzn-Trace-Id: Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + span + ";Sampled=1;Lineage=1:2:3;x=y\n")
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(h[name], want[name]) {
			t.Errorf("%s: %q, want %q", name, h[name], want[name])
		}
	}
	if len(h) != len(want) {
		t.Errorf("%v\nwant %v", h, want)
	}
	lower := map[string][]string{}
	(&propagation.Propagator{Writes: propagation.TraceContext.And(propagation.Jaeger), LowerNames: true}).Inject(&c, lower)
	if names := slices.Sorted(maps.Keys(lower)); !slices.Equal(names, []string{"traceparent", "tracestate", "uber-trace-id", "uberctx-k"}) {
		t.Errorf("%q", names)
	}
}

// TestInjectNothing: without a span there is a decision at most, and what is about the request.
func TestInjectNothing(t *testing.T) {
	h := http.Header{}
	propagation.New(0, propagation.All).Inject(&propagation.Context{Sampling: propagation.Drop}, h)
	want := http.Header{"B3": {"0"}, "X-B3-Sampled": {"0"}, "X-Amzn-Trace-Id": {"Sampled=0"}}
	if !maps.EqualFunc(h, want, slices.Equal) {
		t.Errorf("%v, want %v", h, want)
	}
}

// randomContext is a context that every format can carry.
func randomContext(r *rand.Rand) propagation.Context {
	c := propagation.Context{
		TraceID: clew.MakeTraceID(r.Uint64()*uint64(r.IntN(2)), r.Uint64()|1), SpanID: clew.SpanID(r.Uint64() | 1),
		Sampling: propagation.Drop + propagation.Sampling(r.IntN(2)),
	}
	if r.IntN(2) == 0 {
		m, _ := propagation.NewMember("k", string([]byte{byte(r.IntN(128)), byte(r.IntN(128))}))
		c.Baggage = append(c.Baggage, m)
	}
	return c
}

// TestRoundTrip writes random contexts in each format and reads them again.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		c := randomContext(r)
		for f := propagation.TraceContext; f < propagation.Baggage; f++ {
			h := map[string][]string{}
			p := propagation.New(f.And(propagation.Baggage), f.And(propagation.Baggage))
			p.LowerNames = r.IntN(2) == 0
			p.Inject(&c, h)
			e := p.Extract(h)
			if got, want := told(&e.Context), told(&c); len(e.Problems) > 0 || !strings.HasPrefix(got, want) {
				t.Fatalf("%s: %s became %s by %v: %v", f, want, got, h, e.Problems)
			}
		}
		h := map[string][]string{}
		p := propagation.New(propagation.All, propagation.All)
		p.Inject(&c, h)
		e := p.Extract(h)
		if len(e.Conflicts()) > 0 || len(e.Problems) > 0 || e.Context.TraceID != c.TraceID || e.Context.SpanID != c.SpanID || e.Context.Sampling != c.Sampling {
			t.Fatalf("all formats: %s became %s by %v: %v, %v", told(&c), told(&e.Context), h, e.Conflicts(), e.Problems)
		}
	}
}

func TestSets(t *testing.T) {
	s, err := propagation.ParseSet(" TraceContext,b3 ")
	if err != nil || s != propagation.TraceContext.And(propagation.B3) || s.String() != "tracecontext,b3" {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := propagation.ParseSet("all"); err != nil || s != propagation.All || len(s.Headers()) != 16 {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := propagation.ParseSet("b4"); err == nil || !strings.Contains(err.Error(), `no format "b4": want tracecontext,b3,`) {
		t.Error(err)
	}
}

// TestAllocations holds Extract and Inject to what the package says.
func TestAllocations(t *testing.T) {
	h := header("traceparent: 00-" + trace128 + "-" + span + "-01\ntracestate: a=1,b=2\nAccept: */*\nUser-Agent: x\nX-Amzn-Trace-Id: Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=" + span + ";Sampled=1")
	p := propagation.New(propagation.All, propagation.All)
	var e propagation.Extraction
	if n := testing.AllocsPerRun(100, func() { e = p.Extract(h) }); n > 0 {
		t.Errorf("Extract allocates %v times", n)
	}
	out := http.Header{}
	if n := testing.AllocsPerRun(100, func() { p.Inject(&e.Context, out) }); n > 2 {
		t.Errorf("Inject allocates %v times", n)
	}
}
