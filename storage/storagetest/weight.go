package storagetest

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// weightOf returns the weight of a span by the plainest reading of package span's
// rules.
func weightOf(s *clew.Span) clew.Weight {
	for _, member := range strings.Split(s.TraceState, ",") {
		key, value, _ := strings.Cut(strings.Trim(member, " \t"), "=")
		if key != "ot" {
			continue
		}
		for _, sub := range strings.Split(value, ";") {
			if name, th, ok := strings.Cut(sub, ":"); ok && name == "th" {
				return weightOfThreshold(th)
			}
		}
		break
	}
	for _, a := range s.Attrs {
		if a.Key == "sampling.priority" && numberOf(a.Value) > 0 {
			return clew.WeightUnknown
		}
	}
	return clew.WeightOne
}

func numberOf(v clew.Value) float64 {
	switch v.Type {
	case clew.TypeInt:
		return float64(v.Int())
	case clew.TypeDouble:
		return v.Double()
	case clew.TypeString:
		if n, err := strconv.ParseFloat(string(v.Bytes), 64); err == nil {
			return n
		}
	}
	return 0
}

// weightOfThreshold is 2^56 / (2^56 - threshold) in units of 2^-16, rounded.
func weightOfThreshold(th string) clew.Weight {
	if len(th) < 1 || len(th) > 14 || strings.Trim(th, "0123456789abcdefABCDEF") != "" {
		return clew.WeightUnknown
	}
	rejected, ok := new(big.Int).SetString(th+strings.Repeat("0", 14-len(th)), 16)
	if !ok {
		return clew.WeightUnknown
	}
	all := new(big.Int).Lsh(big.NewInt(1), 56)
	kept := new(big.Int).Sub(all, rejected)
	units := new(big.Int).Lsh(all, 16+1) // twice, to round
	units.Add(units, kept).Div(units, new(big.Int).Lsh(kept, 1))
	if units.Cmp(new(big.Int).SetUint64(uint64(clew.MaxWeight))) > 0 {
		return clew.WeightUnknown
	}
	return clew.Weight(units.Uint64())
}

var (
	traceStates = []string{"", "ot=th:8", "ot=th:0", "ot=th:fd70a4", "a=b, ot=rv:12345678901234;th:c ,c=d", "ot=th:", "ot=th:x1",
		"ot=th:ffffffffffffff", "ot=p:3", "not=th:8", "ot=th:123456789abcde", "ot=rv:1,ot=th:8"}
	priorities = []clew.Value{clew.IntValue(1), clew.IntValue(0), clew.IntValue(-3), clew.DoubleValue(2.5), clew.StringValue("1"),
		clew.StringValue("0"), clew.StringValue("keep"), clew.BoolValue(true)}
)

// sampled gives spans what samplers say of them: some by their trace state, some by
// an attribute, most nothing.
func (g *Generator) sampled(spans []clew.Span) {
	for i := range spans {
		if g.r.IntN(3) == 0 {
			spans[i].TraceState = pick(g, traceStates)
		}
		if g.r.IntN(6) == 0 {
			spans[i].Attrs = append(spans[i].Attrs, clew.Attr{Key: "sampling.priority", Value: pick(g, priorities)})
		}
	}
}

// Rolled returns traces that provoke rollups: with weights, with attributes that say how
// they talk and with whom, without an end, and of clocks that are off.
func (g *Generator) Rolled(traces, maxSpans int) [][]clew.Span {
	out := make([][]clew.Span, traces)
	for i := range out {
		out[i] = g.Trace(maxSpans)
		g.sampled(out[i])
		for k := range out[i] {
			s := &out[i][k]
			for _, key := range talkKeys {
				if g.r.IntN(8) == 0 {
					v := clew.StringValue(pick(g, talkValues))
					if g.r.IntN(9) == 0 {
						v = clew.IntValue(1)
					}
					s.Attrs = append(s.Attrs, clew.Attr{Key: key, Value: v})
				}
			}
			off := clew.UnixNanos(s.End - s.Start)
			switch g.r.IntN(30) {
			case 0:
				s.End = 0
			case 1:
				s.Start -= clew.UnixNanos(30 * 24 * time.Hour)
				s.End = s.Start + off
			case 2:
				s.Start += clew.UnixNanos(5 * time.Hour)
				s.End = s.Start + off
			case 3:
				s.Start, s.End = 0, off
			}
		}
	}
	return out
}

var (
	talkKeys = []string{"http.request.method", "http.method", "rpc.system", "rpc.system.name", "messaging.system", "db.system", "db.system.name",
		"server.address", "net.peer.name", "peer.service", "service.peer.name"}
	talkValues = []string{"grpc", "redis", "a", "", "cart", "10.0.0.1"}
)

// testWeights compares the weight of every row, wherever it lies.
func testWeights(_ *testing.T, s *suite) {
	spans := s.g.Spans(60, 8)
	s.g.sampled(spans)
	s.appendMany(spans, 17)
	expected := make(map[clew.SpanID]clew.Weight)
	for i := range spans {
		expected[spans[i].SpanID] = weightOf(&spans[i])
	}
	seen := make(map[clew.SpanID]bool)
	check := func(what string, rows *span.Rows, i int) {
		id := clew.SpanID(rows.Batch().SpanID[i])
		seen[id] = true
		if got := rows.Weight(i); got != expected[id] {
			s.Errorf("%s: span %s has weight %d, want %d", what, id, got, expected[id])
		}
	}
	weights := storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID}, Weights: true}
	for _, columns := range []storage.Columns{{All: true}, weights} {
		clear(seen)
		r := where(span.Condition{})
		r.Columns = columns
		for b, err := range s.Scan(s.Context(), r) {
			if err != nil {
				s.Fatal(err)
			}
			rows := span.NewRows(b)
			for i := range matches(b, r).Ones() {
				check(fmt.Sprintf("scan for %+v", columns), rows, i)
			}
		}
		if len(seen) != len(expected) {
			s.Errorf("a scan for %+v has %d spans, want %d", columns, len(seen), len(expected))
		}
	}
	for _, id := range traceIDs(spans) {
		tr, err := s.Trace(s.Context(), tenant, id)
		if err != nil {
			s.Fatal(err)
		}
		rows := span.NewRows(tr.Batch)
		for i := range tr.Rows {
			check("trace", rows, i)
		}
	}
}
