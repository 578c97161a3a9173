package foreign_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/jaeger"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/format/zipkin"
	"github.com/clew-tracing/clew/internal/bench/foreign"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/load"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

const (
	testSpans  = 4000
	perRequest = 300
)

// decode returns the spans of a request.
func decode(t *testing.T, body []byte) (out []clew.Span) {
	t.Helper()
	b := build.NewBuilder(1)
	if _, err := new(otlp.Decoder).Decode(b, body, otlp.Options{}); err != nil {
		t.Fatal(err)
	}
	rows := span.NewRows(b.View(b.Rows()))
	for row := range rows.Batch().Rows {
		out = append(out, rows.Span(row))
	}
	return out
}

// translate makes OTLP of a request as the door of its format does.
func translate(f foreign.Format, body []byte) (out []byte, unknown int, err error) {
	switch f {
	case foreign.OTLPJSON:
		return otlp.TranscodeJSON(nil, body)
	case foreign.ZipkinJSON:
		return zipkin.AppendJSON(nil, body, 1)
	case foreign.ZipkinProtobuf:
		return zipkin.AppendProto(nil, body, 1)
	case foreign.ZipkinThrift:
		return zipkin.AppendThrift(nil, body, 1)
	case foreign.JaegerProtobuf:
		return jaeger.AppendProto(nil, body)
	case foreign.JaegerThrift:
		return jaeger.AppendThrift(nil, body)
	case foreign.XRay:
		var tr xray.Translator
		unknown, err = xray.EachDocument(body, func(doc []byte) error {
			out, err = tr.Append(out, doc)
			return err
		})
		return out, unknown, err
	}
	return body, 0, nil
}

// seen is what of a span every format has, in texts that sort.
func seen(s *clew.Span, f foreign.Format) string {
	kind := s.Kind
	if kind == clew.KindInternal {
		kind = clew.KindUnspecified // which Zipkin has for it
	}
	status := value(s, "http.response.status_code")
	if status == "" {
		status = value(s, "http.status_code")
	}
	failed := s.Status == clew.StatusError && status != "404"
	if f == foreign.XRay && s.ParentID == 0 {
		kind = clew.KindServer // a segment is that
	}
	if f == foreign.XRay && kind == clew.KindConsumer {
		kind = clew.KindServer
	}
	if f == foreign.XRay && kind == clew.KindProducer {
		kind = clew.KindClient
	}
	return fmt.Sprint(s.TraceID, s.SpanID, s.ParentID, " ", kind, " ", s.Service(), " failed=", failed, " events=", len(s.Events), " status=", status,
		" user=", value(s, "user.id"), " slow=", s.End-s.Start > 20e6)
}

func value(s *clew.Span, key string) string {
	for _, a := range s.Attrs {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

// TestFormats writes a corpus in each format, and has the spans back that are in it.
func TestFormats(t *testing.T) {
	requests := corpus.Requests(corpus.Shop, 1, testSpans, perRequest)
	for _, f := range foreign.Formats() {
		t.Run(string(f), func(t *testing.T) {
			w := foreign.NewWriter(f, perRequest)
			var want, got []string
			emit := func(body []byte, spans int) error {
				if spans > 2*perRequest || spans < 1 {
					t.Errorf("a request of %d spans", spans)
				}
				out, unknown, err := translate(f, body)
				if err != nil || unknown > 0 {
					t.Fatalf("%d unknown, %v", unknown, err)
				}
				list := decode(t, out)
				if len(list) != spans {
					t.Errorf("a request has %d spans, not %d", len(list), spans)
				}
				for i := range list {
					got = append(got, seen(&list[i], f))
				}
				return nil
			}
			for _, body := range requests {
				list := decode(t, body)
				for i := range list {
					want = append(want, seen(&list[i], f))
				}
				if err := w.Add(body, len(list), emit); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Flush(emit); err != nil {
				t.Fatal(err)
			}
			slices.Sort(want)
			slices.Sort(got)
			for i := range want {
				if i >= len(got) || got[i] != want[i] {
					t.Fatalf("span %d of %d, %d are here:\n%s\nwant\n%s", i, len(want), len(got), got[min(i, len(got)-1)], want[i])
				}
			}
			if len(got) != len(want) || len(want) != testSpans {
				t.Errorf("%d spans, want %d", len(got), len(want))
			}
		})
	}
}

// TestAttributes holds all that a format keeps to what was written.
func TestAttributes(t *testing.T) {
	request := corpus.Requests(corpus.Wide, 1, perRequest, perRequest)[0]
	want := map[clew.SpanID]clew.Span{}
	for _, s := range decode(t, request) {
		want[s.SpanID] = s
	}
	for _, f := range []foreign.Format{foreign.OTLPJSON, foreign.JaegerProtobuf, foreign.JaegerThrift} {
		w := foreign.NewWriter(f, perRequest)
		compared := 0
		emit := func(body []byte, _ int) error {
			out, _, err := translate(f, body)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range decode(t, out) {
				o := want[s.SpanID]
				for _, pair := range [][2][]clew.Attr{{s.Attrs, o.Attrs}, {s.Resource.Attrs, o.Resource.Attrs}} {
					if a, b := texts(pair[0]), texts(pair[1]); a != b {
						t.Fatalf("%s: the attributes are\n%s\nwant\n%s", f, a, b)
					}
				}
				if s.Name != o.Name || len(s.Links) != len(o.Links) || s.Scope.Name != o.Scope.Name || s.Scope.Version != o.Scope.Version || s.Flags&0xff != o.Flags&0xff {
					t.Fatalf("%s: %+v, want %+v", f, s, o)
				}
				compared++
			}
			return nil
		}
		if err := w.Add(request, perRequest, emit); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(emit); err != nil || compared != perRequest {
			t.Errorf("%s: %d spans, %v", f, compared, err)
		}
	}
}

func texts(attrs []clew.Attr) string {
	var out []string
	for _, a := range attrs {
		out = append(out, fmt.Sprint(a.Key, "=", a.Value.Type, a.Value.String()))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// TestAsOthersRead has requests read by code that is not ours.
func TestAsOthersRead(t *testing.T) {
	request := corpus.Requests(corpus.Shop, 1, perRequest, perRequest)[0]
	for f, read := range map[foreign.Format]func(body []byte) (int, error){
		foreign.JaegerProtobuf: func(body []byte) (int, error) {
			var r api_v2.PostSpansRequest
			err := r.Unmarshal(body)
			return len(r.Batch.Spans), err
		},
		foreign.ZipkinJSON: func(body []byte) (int, error) {
			var list []struct{ TraceID, ID string }
			err := json.Unmarshal(body, &list)
			return len(list), err
		},
		foreign.XRay: func(body []byte) (spans int, err error) {
			var r struct{ TraceSegmentDocuments []string }
			if err := json.Unmarshal(body, &r); err != nil {
				return 0, err
			}
			for _, doc := range r.TraceSegmentDocuments {
				if !json.Valid([]byte(doc)) {
					return 0, fmt.Errorf("no JSON: %s", doc)
				}
				spans += strings.Count(doc, `"start_time":`)
			}
			return spans, nil
		},
	} {
		total := 0
		emit := func(body []byte, spans int) error {
			n, err := read(body)
			total += n
			return err
		}
		w := foreign.NewWriter(f, perRequest)
		if err := w.Add(request, perRequest, emit); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(emit); err != nil || total != perRequest {
			t.Errorf("%s: %d spans, want %d; %v", f, total, perRequest, err)
		}
	}
}

// TestAnswers reads what doors answer.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		format   foreign.Format
		answer   string
		rejected int64
		why      string
		wrong    bool
	}{
		{foreign.XRay, `{"UnprocessedTraceSegments":[]}`, 0, "", false},
		{foreign.XRay, `{"UnprocessedTraceSegments":[{"Id":"1","ErrorCode":"MissingId","Message":"no id"}]}`, 1, "MissingId: no id", false},
		{foreign.XRay, `<html>`, 0, "", true},
		{foreign.OTLPJSON, `{}`, 0, "", false},
		{foreign.OTLPJSON, `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"zero id"}}`, 2, "zero id", false},
		{foreign.OTLPJSON, `{"partialSuccess":{"rejectedSpans":"x"}}`, 0, "", true},
		{foreign.OTLPJSON, ``, 0, "", true},
		{foreign.ZipkinJSON, ``, 0, "", false},
		{foreign.JaegerProtobuf, ``, 0, "", false},
	} {
		n, why, err := c.format.Kind().Read([]byte(c.answer))
		if n != c.rejected || why != c.why || (err != nil) != c.wrong {
			t.Errorf("%s %q: %d, %q, %v", c.format, c.answer, n, why, err)
		}
	}
}

// TestAsk asks by the names that a format has.
func TestAsk(t *testing.T) {
	const failed, unavailable = `{ status = error }`, `{ span.http.response.status_code = 503 }`
	for _, f := range foreign.Formats() {
		switch f {
		case foreign.XRay:
			if got := f.Ask(unavailable); got != `{ span.http.status_code = 503 }` {
				t.Errorf("%s: %s", f, got)
			}
		case foreign.JaegerProtobuf, foreign.JaegerThrift:
			if f.Ask(failed) == failed {
				t.Errorf("%s holds a 404 for failed", f)
			}
		default:
			if f.Ask(failed) != failed || f.Ask(unavailable) != unavailable {
				t.Errorf("%s has no other names", f)
			}
		}
	}
}

// TestEveryFormatHasADoor looks at the table of formats.
func TestEveryFormatHasADoor(t *testing.T) {
	if _, err := foreign.Parse("csv"); clew.KindOf(err) != clew.Invalid {
		t.Error(err)
	}
	for _, f := range foreign.Formats() {
		if got, err := foreign.Parse(string(f)); got != f || err != nil {
			t.Errorf("%s: %s, %v", f, got, err)
		}
		for _, p := range f.Protocols() {
			name, setting := f.Door(p)
			if name == "" || setting == "" || (p == load.GRPC) != strings.Contains(name, "grpc") {
				t.Errorf("%s over %s: door %q, setting %q", f, p, name, setting)
			}
		}
	}
}
