package traces_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clew-tracing/clew/api/xray/traces"
	"github.com/clew-tracing/clew/api/xray/view"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// TestManyServices sums up a trace in which each segment is of another service and user.
func TestManyServices(t *testing.T) {
	const services = 30_000
	b := build.NewBuilder(services)
	var tr format.Translator
	var dec otlp.Decoder
	for i := range services {
		body, err := tr.Append(nil, fmt.Appendf(nil, `{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"%016x","name":"s%d","user":"u%d","start_time":11,"end_time":13,"annotations":{"a":1}}`, i+1, i, i))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := dec.Decode(b, body, otlp.Options{}); err != nil || res.Refused > 0 {
			t.Fatal(res, err)
		}
	}
	var build view.Builder
	of := build.Of(span.NewRows(b.View(b.Rows())))
	begun := time.Now()
	named, users, annotated := traces.Summarise(of, "a")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if named != services || users != services || annotated != services {
		t.Errorf("%d services, %d users, %d annotated", named, users, annotated)
	}
}
