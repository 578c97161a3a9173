package otlpdoor_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// faulty has a bad day.
type faulty struct{}

func (faulty) Append(context.Context, storage.Record) (storage.Result, error) { panic("a bad day") }

// TestFaultsHoldNothing gives back what a request has of the budget when something panics
// behind the door, else a server with such a fault takes less and less.
func TestFaultsHoldNothing(t *testing.T) {
	body := storagetest.Body(clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Start: 1, End: 2})
	budget := ingest.NewBudget(0)
	cfg := ingest.Config{Appender: faulty{}, Budget: budget}
	ask := func(h http.Handler, path, kind string, major int, body []byte) {
		t.Helper()
		r := httptest.NewRequest("POST", path, bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.ProtoMajor = major
		defer func() {
			if fault := recover(); fault != "a bad day" {
				t.Errorf("%s: %v", path, fault)
			}
			if used := budget.Used(); used != 0 {
				t.Errorf("%s: %d bytes are held", path, used)
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	ask(otlpdoor.NewHTTP(cfg), otlpdoor.TracesPath, "application/x-protobuf", 1, body)
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))
	ask(otlpdoor.NewGRPC(cfg), otlpdoor.ExportPath, "application/grpc", 2, append(framed, body...))
}

// TestDenyAt names the door where a request came in.
func TestDenyAt(t *testing.T) {
	h, g := otlpdoor.NewHTTP(ingest.Config{Appender: faulty{}}), otlpdoor.NewGRPC(ingest.Config{Appender: faulty{}})
	for _, c := range []struct {
		deny  ingest.Denial
		stats func() ingest.Stats
		want  string
	}{{h.Deny, h.Stats, "otlp-http"}, {h.DenyAt("page"), h.Stats, "page"}, {g.Deny, g.Stats, "otlp-grpc"}, {g.DenyAt("page"), g.Stats, "page"}} {
		c.deny(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil), http.StatusNotFound, codes.Unimplemented, "elsewhere")
		if got := c.stats().LastRefusal; got.Door != c.want || got.Reason != "elsewhere" {
			t.Errorf("%+v, want %s", got, c.want)
		}
	}
}
