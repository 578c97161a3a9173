package v1_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span/skew"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type clocks struct {
	ETag   string
	Clocks []struct {
		Name              string
		Services          []string
		Host              string
		Spans             int
		AheadAtLeastNanos *int64
		AheadAtMostNanos  *int64
		Skewed            bool
		Note              string
		CorrectionNanos   int64
	}
	MoreClocks, Calls, Outlived int
	Contradictions              []struct {
		A, B    string
		ByNanos int64
	}
	Notes []string
	Rows  string
}

// timed is a span of a service, with its times in microseconds after the epoch of the tests.
func timed(id, parent clew.SpanID, kind clew.Kind, service string, from, to int) clew.Span {
	return clew.Span{TraceID: clew.MakeTraceID(7, 7), SpanID: id, ParentID: parent, Kind: kind, Name: service,
		Start: storagetest.Epoch + clew.UnixNanos(from*1000), End: storagetest.Epoch + clew.UnixNanos(to*1000),
		Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(service)}}}}
}

// skewed is a trace with a clock that is ahead, one that is behind, and a parent that is lost.
func skewed() []clew.Span {
	return []clew.Span{
		timed(1, 0, clew.KindServer, "web", 200_000, 220_001),
		timed(2, 1, clew.KindClient, "web", 205_000, 215_001),
		timed(3, 2, clew.KindServer, "payments", 328_000, 332_001),
		timed(4, 1, clew.KindProducer, "web", 216_000, 216_100),
		timed(5, 4, clew.KindConsumer, "mail \xff", 100_000, 100_501),
		timed(6, 99, clew.KindInternal, "lost", 210_000, 211_001),
	}
}

// TestClocks asks for what is known of clocks; times in every other answer are as received.
func TestClocks(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		spans := skewed()
		s.put(4, spans...)
		id := spans[0].TraceID
		var got clocks
		s.get("/api/v1/traces/" + id.String() + "/clocks").ok(&got)
		want := []string{`payments is 120ms ± 3ms ahead of web`, `mail \xff is at least 115ms behind web`}
		if fmt.Sprint(got.Notes) != fmt.Sprint(want) || got.Calls != 2 || got.Outlived != 0 || len(got.Contradictions) != 0 || len(got.Clocks) != 4 {
			t.Fatalf("%+v", got)
		}
		web, pay, mail, lost := got.Clocks[0], got.Clocks[1], got.Clocks[2], got.Clocks[3]
		if web.Name != "web" || web.Spans != 3 || web.CorrectionNanos != 0 || *web.AheadAtLeastNanos != 0 || *web.AheadAtMostNanos != 0 ||
			!pay.Skewed || pay.CorrectionNanos != 120e6 || *pay.AheadAtLeastNanos != 116_998_000 || *pay.AheadAtMostNanos != 123_002_000 ||
			mail.AheadAtLeastNanos != nil || mail.CorrectionNanos != *mail.AheadAtMostNanos || !strings.HasPrefix(mail.Services[0], `mail \xff`) ||
			lost.AheadAtLeastNanos != nil || lost.AheadAtMostNanos != nil || lost.Skewed {
			t.Errorf("%+v", got.Clocks)
		}
		k, a := s.skeleton(id)
		rows, err := base64.StdEncoding.DecodeString(got.Rows)
		if err != nil || len(rows) != len(k.rows) || got.ETag != a.header.Get("ETag") {
			t.Fatalf("%d rows, %d in the skeleton; %v, ETags %s and %s", len(rows), len(k.rows), err, got.ETag, a.header.Get("ETag"))
		}
		for i, row := range k.rows {
			want := 255
			for n, c := range got.Clocks {
				if strings.TrimPrefix(row.service, "?") == c.Name { // what was no UTF-8 is marked
					want = n
				}
			}
			if int(rows[i]) != want {
				t.Errorf("row %d of %s is of clock %d, want %d", i, row.service, rows[i], want)
			}
		}
		for i, span := range s.details(id, 0, 0, 1, 2, 3, 4).Spans {
			for _, sent := range spans {
				if span.SpanID == sent.SpanID.String() && span.Start != fmt.Sprint(uint64(sent.Start)) {
					t.Errorf("span %d starts at %s, sent was %d", i, span.Start, sent.Start)
				}
			}
		}
	})
}

// TestClocksAreBounded asks of a trace with more clocks than are told of, and of one with none.
func TestClocksAreBounded(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		const more = 30
		spans := []clew.Span{timed(1, 0, clew.KindServer, "web", 200_000, 220_001)}
		for i := range skew.MaxTold + more - 1 {
			id := clew.SpanID(10 + 2*i)
			spans = append(spans, timed(id, 1, clew.KindClient, "web", 205_000, 215_001),
				timed(id+1, id, clew.KindServer, fmt.Sprint("s", i), 328_000, 332_001))
		}
		s.put(50, spans...)
		var got clocks
		s.get("/api/v1/traces/" + spans[0].TraceID.String() + "/clocks").ok(&got)
		if len(got.Clocks) != skew.MaxTold || got.MoreClocks != more || len(got.Notes) != skew.MaxTold+1 {
			t.Errorf("%d clocks and %d more, %d notes", len(got.Clocks), got.MoreClocks, len(got.Notes))
		}
		alone := timed(1, 0, clew.KindServer, "web", 200_000, 220_001)
		alone.TraceID = clew.MakeTraceID(8, 8)
		s.put(1, alone)
		var none clocks
		s.get("/api/v1/traces/" + alone.TraceID.String() + "/clocks").ok(&none)
		if len(none.Clocks) != 0 || len(none.Notes) != 0 || none.Rows != "" || none.ETag == "" {
			t.Errorf("%+v", none)
		}
	})
}
