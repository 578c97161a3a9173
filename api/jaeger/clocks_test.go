package jaeger_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/jaeger"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// answered is a trace as Jaeger has it.
type answered struct {
	SpanID, OperationName string
	StartTime             uint64
	References            []struct{ SpanID string }
	Warnings              []string
}

// ask stores spans and reads them back.
func ask(t *testing.T, spans ...clew.Span) map[string]answered {
	t.Helper()
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	if _, err := store.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	w := apitest.Get(jaeger.New(api.Config{Store: store}), "/api/traces/"+spans[0].TraceID.String())
	var answer struct{ Data []struct{ Spans []answered } }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Data) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	out := map[string]answered{}
	for _, s := range answer.Data[0].Spans {
		out[s.OperationName] = s
	}
	return out
}

func spanOf(id, parent clew.SpanID, kind clew.Kind, service, name string, from, to int) clew.Span {
	return clew.Span{TraceID: clew.MakeTraceID(7, 7), SpanID: id, ParentID: parent, Kind: kind, Name: name,
		Start: storagetest.Epoch + clew.UnixNanos(from*1000), End: storagetest.Epoch + clew.UnixNanos(to*1000),
		Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(service)}}}}
}

// TestClockSkew warns in the spans whose clock is off, and leaves their times.
func TestClockSkew(t *testing.T) {
	got := ask(t,
		spanOf(1, 0, clew.KindServer, "web", "root", 200_000, 220_001),
		spanOf(2, 1, clew.KindClient, "web", "call", 205_000, 215_001),
		spanOf(3, 2, clew.KindServer, "payments", "pay", 328_000, 332_001))
	if want := []string{"clock skew, not adjusted: the clock of payments is 120ms ± 3ms ahead of web"}; !slices.Equal(got["pay"].Warnings, want) ||
		len(got["root"].Warnings)+len(got["call"].Warnings) > 0 {
		t.Errorf("%+v", got)
	}
	if want := uint64(storagetest.Epoch)/1000 + 328_000; got["pay"].StartTime != want {
		t.Errorf("the span starts at %d, not %d", got["pay"].StartTime, want)
	}
}

// TestLongNames: what is said of each span does not grow with the names of services.
func TestLongNames(t *testing.T) {
	web, pay := strings.Repeat("w", 10_000), strings.Repeat("p", 10_000)
	got := ask(t,
		spanOf(1, 0, clew.KindClient, web, "root", 200_000, 220_001),
		spanOf(2, 1, clew.KindServer, pay, "pay", 328_000, 332_001))
	if w := got["pay"].Warnings; len(w) != 1 || len(w[0]) > 400 || !strings.Contains(w[0], "ahead of www") {
		t.Errorf("%.500s", w)
	}
}

// TestSharedSpan has both halves of Zipkin's, of which the server's names no parent.
func TestSharedSpan(t *testing.T) {
	got := ask(t,
		spanOf(1, 0, clew.KindServer, "web", "root", 0, 20),
		spanOf(2, 1, clew.KindClient, "web", "call", 5, 15),
		spanOf(2, 0, clew.KindServer, "pay", "pay", 7, 13),
		spanOf(3, 2, clew.KindInternal, "pay", "work", 8, 9))
	pay, work := got["pay"], got["work"]
	if pay.SpanID == got["call"].SpanID || len(pay.References) != 1 || pay.References[0].SpanID != got["call"].SpanID || work.References[0].SpanID != pay.SpanID {
		t.Errorf("%+v", got)
	}
	if !strings.HasSuffix(got["call"].SpanID, "2") {
		t.Errorf("the client's half is %s", got["call"].SpanID)
	}
}
