package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// TestStages splits a profile of three stacks: each belongs to its innermost stage,
// whatever is above it.
func TestStages(t *testing.T) {
	const module = "github.com/clew-tracing/clew"
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 1,
	}
	id := uint64(0)
	stack := func(nanos int64, names ...string) {
		s := &profile.Sample{Value: []int64{1, nanos}}
		for _, n := range names {
			id++
			f := &profile.Function{ID: id, Name: n}
			l := &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location, s.Location = append(p.Function, f), append(p.Location, l), append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	stack(50, "runtime.memmove", module+"/otlp.(*Decoder).span", module+"/spandb.(*DB).Append", module+"/ingest/otlpdoor.(*http).ServeHTTP", "net/http.(*conn).serve")
	stack(30, module+"/column.AppendInts", module+"/spandb/segment.(*Sealer).Seal", module+"/spandb.(*DB).seal", module+"/spandb.(*DB).background")
	stack(15, "syscall.Write", module+"/wal.(*Log).commit")
	stack(5, "somebody.else")
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	shares, err := splitProfile(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"decode": 0.5, "seal": 0.3, "log": 0.15, elseStage: 0.05} {
		if got := shares[name]; got < want-1e-9 || got > want+1e-9 {
			t.Errorf("%s has %v of the CPU, want %v", name, got, want)
		}
	}
	r := report{Runs: []measurement{{CPUMicros: 2, StageShares: shares}}}
	var text strings.Builder
	r.printStages(&text)
	if lines := strings.Split(strings.TrimSpace(text.String()), "\n"); len(lines) != 5 || !strings.Contains(lines[1], "decode") || !strings.Contains(lines[1], "1.000") {
		t.Errorf("got\n%s\nwant decode first, with 1.000 µs/span", text.String())
	}
	if _, err := splitProfile([]byte("no profile")); err == nil {
		t.Error("no error for what is no profile")
	}
}
