package exec_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog/suggest"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func TestSuggest(t *testing.T) {
	text, number := clew.StringValue, clew.IntValue
	resource := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: text("cart")}, {Key: "host", Value: text("a")}}}
	spans := []clew.Span{
		{SpanID: 1, Name: "GET /cart", Attrs: []clew.Attr{{Key: "http.route", Value: text("/cart")}, {Key: "http.status_code", Value: number(200)}}},
		{SpanID: 2, Name: "charge", Attrs: []clew.Attr{{Key: "weird key", Value: text("x")}, {Key: "ok", Value: clew.BoolValue(true)}, {Key: "host", Value: number(7)}},
			Events: []clew.Event{{Name: "exception", Attrs: []clew.Attr{{Key: "exception.type", Value: text("Boom")}}}}},
	}
	for i := range spans {
		spans[i].TraceID, spans[i].Resource = clew.MakeTraceID(1, 1), resource
		spans[i].Start, spans[i].End = storagetest.Epoch, storagetest.Epoch+clew.UnixNanos(i+1)*1e6
	}
	memory := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, memory, spans, 2)
	f := func(query string, want ...string) {
		t.Helper()
		for _, store := range []storage.Store{memory, withoutCatalog{memory}} {
			if got := suggest.For(t.Context(), store, exec.Over{Tenant: tenant}, prepare(t, query)); !slices.Equal(got, want) {
				t.Errorf("Suggest(%s) = %q, want %q", query, got, want)
			}
		}
	}
	f(`{ }`)
	f(`{ status = error }`)
	const together = "some span meets each of the conditions, but none meets all of them; { … } && { … } looks for traces with a span for each"
	f(`{ span.http.route = "/cart" && .host = 7 && .host = "a" }`, together)
	f(`{ span.http.route = "/cart" } | { name = "charge" }`, together)
	f(`{ span.http.route = "/cart" && !(.host = "a") }`, together)
	f(`{ span.http.route = "/cart" && (name = "charge" || span.http.status_code >= 500) }`, together)
	f(`{ span.http.route = "/cart" && span.http.status_code >= 500 }`, `no span meets span.http.status_code >= 500`)
	f(`{ span.http.route = "/cart" && trace:duration > 1h }`)
	f(`{ span.http.route = "/cart" } && { kind = server }`)
	f(`{ span.htp.route = "/cart" }`, `span.htp.route does not occur; did you mean span.http.route?`)
	f(`{ .http.rout =~ "x" }`, `.http.rout does not occur; did you mean span.http.route?`)
	f(`{ span.service.name = "cart" }`, `span.service.name does not occur; did you mean resource.service.name?`)
	f(`{ event.host != nil }`, `event.host does not occur; did you mean span.host or resource.host?`)
	f(`{ span.exception.typ = "x" }`, `span.exception.typ does not occur; did you mean event.exception.type?`)
	f(`{ span."weird kay" = "x" }`, `span."weird kay" does not occur; did you mean span."weird key"?`)
	f(`{ .nothing.like.it = 1 }`, `.nothing.like.it does not occur`)
	f(`{ resource.service.name = "crat" }`, `resource.service.name is never "crat" here; did you mean "cart"?`)
	f(`{ rootServiceName = "Cart" && name = "chrage" }`, `trace:rootService is never "Cart" here; did you mean "cart"?`, `name is never "chrage" here; did you mean "charge"?`)
	f(`{ rootName = "pay" }`, `trace:rootName is never "pay" here`)
	f(`{ event:name = "exceptoin" }`, `event:name is never "exceptoin" here; did you mean "exception"?`)
	f(`{ trace:id = "abc" && span:id = "1" }`, `no span meets trace:id = "abc"`)
	f(`{ span.http.status_code = "200" }`, `span.http.status_code is never a text here, but a number; write 200 without quotes`)
	f(`{ span.http.route = 7 }`, `span.http.route is never a number here, but a text; write "7", in quotes`)
	f(`{ span.http.status_code = "ok" }`, `span.http.status_code is never a text here, but a number`)
	f(`{ span.ok = "true" }`, `span.ok is never a text here, but true or false; write true without quotes`)
	f(`{ span.http.status_code >= 500.5 }`)
	f(`{ span.ok = 1 || span.http.route }`, `span.ok is never a number here, but true or false`,
		`span.http.route is never true or false here, but a text; to ask whether it is there write span.http.route != nil`)
	f(`{ span.ok =~ "t.*" }`, `span.ok is never a text here, but true or false`)
	f(`{ span.http.route < 1 && .host = false }`, `span.http.route is never a number here, but a text`, `.host is never true or false here, but a text or a number`)
	f(`{ duration > .5s }`, `.5s does not occur; did you mean 500ms?`)

	// What a span has of itself, words for it, and names that were others once.
	f(`{ span.name = "charge" }`, `span.name does not occur; did you mean name?`)
	f(`{ span.duration > 1s }`, `span.duration does not occur; did you mean duration?`)
	f(`{ .traceId = "1" }`, `.traceId does not occur; did you mean trace:id?`)
	f(`{ event.name = "exception" }`, `event.name does not occur; did you mean event:name?`)
	f(`{ link.kind = "child" }`, `link.kind does not occur`)
	f(`{ resource.service = "cart" }`, `resource.service does not occur; did you mean resource.service.name?`)
	f(`{ .env = "prod" }`, `.env does not occur`)
	f(`{ span.http.response.status_code = 200 }`, `span.http.response.status_code does not occur; did you mean span.http.status_code?`)

	// Durations that none has, texts that are a part, values of which there are few.
	f(`{ duration > 1500us }`)
	f(`{ duration > 2ms }`, `duration is at most 2ms here`)
	f(`{ duration >= 2ms || duration <= 1ms || duration = 1ms }`)
	f(`{ duration >= 1h && !(duration < 1h) }`, `duration is at most 2ms here`)
	f(`{ duration < 1ms }`, `duration is at least 1ms here`)
	f(`{ duration = 1us }`, `duration is at least 1ms here`)
	f(`{ resource.service.name =~ "car" }`, `resource.service.name never matches "car" here; =~ is about the whole value: ".*car.*" matches "cart"`)
	f(`{ name =~ "char|refund" }`, `name never matches "char|refund" here; =~ is about the whole value: ".*(char|refund).*" matches "charge"`)
	f(`{ name =~ "pay.*" && name =~ "GET.*" && name !~ ".*" }`, `name never matches "pay.*" here`)
	f(`{ name = "pay" }`, `name is never "pay" here; it is "GET /cart" or "charge"`)
	f(`{ span.level = error || span.kindd = 1 }`, `span.level is compared with the status error, and no attribute is one; a text stands in quotes: span.level = "error"`,
		`span.kindd does not occur`)

	// What is to be doubted by itself, and what else follows of it.
	f(`{ duration < 20 }`, `duration is compared with 20, which has no unit and is in nanoseconds; did you mean 20ms?`, `duration is at least 1ms here`)
	f(`{ trace:id = "xyz" && name = "charge" }`, `trace:id is never "xyz": the id of a trace has 1 to 32 hex digits`)
	f(`{ parent.name = "charge" }`, `parent.name is an attribute of the parent that is called "name"; for the parent's own name write { name … } > { … }`,
		`parent.name does not occur`)
	f(`{ parent.http.rout = "x" }`, `parent.http.rout does not occur; did you mean parent.span.http.route?`)

	// What is asked not to be there is no reason.
	f(`{ span.foo = nil && !(span.bar = 1) && !(!(span.okk)) }`, `span.okk does not occur; did you mean span.ok?`)
	f(`{ span.a + 1 > span.b && !(span.c = span.d) }`, `span.a does not occur`, `span.b does not occur`)
	f(`{ .a = 1 } && { .a = 1 } | { .b = 2 }`, `.a does not occur`, `.b does not occur`)
	f(`{ .a && .b && .c && .d && .e && .f && .g }`, `.a does not occur`, `.b does not occur`, `.c does not occur`, `.d does not occur`, `.e does not occur`)
	long := strings.Repeat("x", 1000)
	f(`{ .`+long+` = 1 && event:name = "`+long+`" }`, "."+long[:79]+"… does not occur", `event:name is never "`+long[:80]+`…" here; it is "exception"`)

	w := exec.Over{Tenant: "nobody"}
	if got := suggest.For(t.Context(), memory, w, prepare(t, `{ .a = 1 }`)); !slices.Equal(got, []string{"no spans have been received yet, or retention has removed them all"}) {
		t.Errorf("Suggest of a tenant without spans = %q", got)
	}
	doubt := "duration is compared with 20, which has no unit and is in nanoseconds; did you mean 20ms?"
	if got := suggest.For(t.Context(), memory, w, prepare(t, `{ duration > 20 }`)); !slices.Equal(got, []string{doubt, "no spans have been received yet, or retention has removed them all"}) {
		t.Errorf("Suggest of a doubtful query of a tenant without spans = %q", got)
	}
	matches := "there are matches outside of the window, such as one at 2026-01-01T00:00:00Z"
	late := exec.Over{Tenant: tenant, Window: clew.Window{Start: storagetest.Epoch + 1}}
	if got := suggest.For(t.Context(), memory, late, prepare(t, `{ name = "charge" }`)); !slices.Equal(got, []string{matches}) {
		t.Errorf("Suggest for a window without matches = %q", got)
	}
	early := exec.Over{Tenant: tenant, Window: clew.Window{End: storagetest.Epoch}}
	if got := suggest.For(t.Context(), memory, early, prepare(t, `{ name = "pay" }`)); !slices.Equal(got, []string{"no span starts within the window"}) {
		t.Errorf("Suggest for a window without spans = %q", got)
	}
	if got := suggest.For(t.Context(), brokenScans{memory}, w, prepare(t, `{ .a = 1 }`)); got != nil {
		t.Errorf("Suggest of a broken store = %q", got)
	}
}
