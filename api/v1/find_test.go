package v1_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage/storagetest"
)

func (s *server) find(id clew.TraceID, text string) []int {
	s.tb.Helper()
	var got struct {
		ETag string
		Rows []int
	}
	s.get("/api/v1/traces/" + id.String() + "/search?q=" + url.QueryEscape(text)).ok(&got)
	if got.Rows == nil {
		s.tb.Error("rows is null")
	}
	return got.Rows
}

// texts are all that is looked at of a span, as it is shown.
func texts(s *clew.Span) (out []string) {
	add := func(text string) { out = append(out, strings.TrimPrefix(printable(text), "?")) }
	attrs := func(list []clew.Attr) {
		for _, a := range list {
			add(a.Key)
			add(otlp.ValueText(a.Value))
		}
	}
	add(s.Name)
	add(s.SpanID.String())
	add(s.StatusMessage)
	attrs(s.Attrs)
	attrs(s.Resource.Attrs)
	attrs(s.Scope.Attrs)
	for _, e := range s.Events {
		add(e.Name)
		attrs(e.Attrs)
	}
	return out
}

// TestFindRandom compares with regular expressions, which fold cases by the same
// rules of Unicode.
func TestFindRandom(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		eachSeed(t, func(t *testing.T, seed uint64) {
			spans := storagetest.NewGenerator(seed << 40).Trace(60)
			id := spans[0].TraceID
			s.put(11, spans...)
			rows := modelTree(spans)
			for _, q := range []string{"CART", "grösse", "GRÖßE", "get /", "7", "-1", "nan", "\\xff", "\xff", "ſelect", "00", "true", `["a`, " ", "inf", "AA", "=", "service.NAME", "9223"} {
				shown := strings.TrimPrefix(printable(q), "?")
				re := regexp.MustCompile("(?i)" + regexp.QuoteMeta(shown))
				want := []int{}
				for i, n := range rows {
					list := []string{n.id.String()}
					if n.span != nil {
						list = texts(n.span)
					}
					if slices.ContainsFunc(list, re.MatchString) {
						want = append(want, i)
					}
				}
				if got := s.find(id, q); !slices.Equal(got, want) {
					t.Fatalf("%q is in rows %v, want %v", q, got, want)
				}
			}
		})
	})
}

// TestFindPlaces looks into every place that is named, and into no other.
func TestFindPlaces(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		attrs := func(place string) []clew.Attr {
			return []clew.Attr{
				{Key: place + "Key", Value: clew.StringValue(place + "Text")},
				{Key: "list", Value: storagetest.ArrayValue(clew.StringValue(place + "Inner"))},
				{Key: "twice", Value: clew.StringValue("x")}, {Key: "twice", Value: clew.StringValue(place + "Again")},
			}
		}
		id := clew.MakeTraceID(5, 5)
		s.put(2, clew.Span{TraceID: id, SpanID: 0xabcdef, Name: "theName", StatusMessage: "theMessage", TraceState: "theState=1", Start: 1, End: 2,
			Attrs: attrs("span"), Resource: &clew.Resource{Attrs: attrs("resource"), SchemaURL: "theSchema"},
			Scope:  &clew.Scope{Name: "theScope", Version: "theVersion", Attrs: attrs("scope")},
			Events: []clew.Event{{Time: 1, Name: "theEvent", Attrs: attrs("event")}},
			Links:  []clew.Link{{TraceID: clew.MakeTraceID(0xfeed, 1), SpanID: 0xbeef, Attrs: attrs("link")}}},
			clew.Span{TraceID: id, SpanID: 1, ParentID: 0x123456789, Start: 5, End: 6})
		var want []string
		for _, place := range []string{"span", "resource", "scope", "event"} {
			for _, part := range []string{"Key", "Text", "Inner", "Again"} {
				want = append(want, place+part)
			}
		}
		for _, q := range append(want, "theName", "theMessage", "theEvent", "abcdef", "ABCDEF") {
			if got := s.find(id, q); !slices.Equal(got, []int{0}) {
				t.Errorf("%q is in rows %v, want the first", q, got)
			}
		}
		for _, q := range []string{"linkKey", "linkText", "theScope", "theVersion", "theState", "theSchema", "beef", "feed", "nothing"} {
			if got := s.find(id, q); len(got) > 0 {
				t.Errorf("%q is in rows %v, want none", q, got)
			}
		}
		if got := s.find(id, "123456789"); fmt.Sprint(got) != "[1]" {
			t.Errorf("the ghost is in rows %v", got)
		}
	})
}
