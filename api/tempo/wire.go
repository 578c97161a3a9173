package tempo

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

// What answers are made of, each as JSON by its tags and as protobuf by append.

// keyValue is a KeyValue of OTLP.
type keyValue struct {
	Key   string   `json:"key"`
	Value anyValue `json:"value"`
}

// anyValue is an AnyValue of OTLP.
type anyValue clew.Value

// MarshalJSON implements json.Marshaler.
func (v anyValue) MarshalJSON() ([]byte, error) {
	return otlp.AppendAnyValueJSON(nil, clew.Value(v)), nil
}

// labelled makes a keyValue of what a query names: text where the value is a word of the
// language, or a duration, and not the number that it is kept as.
func labelled(key string, v clew.Value, text string) keyValue {
	key = api.Shown(key)
	if v, ok := arrayOf(v); ok {
		return keyValue{key, anyValue(v)}
	}
	if v.Type == clew.TypeOther || (v.Type == clew.TypeInt || v.Type == clew.TypeDouble) && text != v.String() {
		v = clew.StringValue(text)
	}
	if v.Type == clew.TypeString {
		v = clew.StringValue(api.Shown(string(v.Bytes)))
	}
	return keyValue{key, anyValue(v)}
}

// arrayOf returns an array of scalars with its texts as they are shown; not ok if v is none.
func arrayOf(v clew.Value) (_ clew.Value, ok bool) {
	var list []byte
	for e := range span.Elements(v) {
		switch ok = true; e.Type {
		case clew.TypeOther:
			return v, false
		case clew.TypeString:
			e = clew.StringValue(api.Shown(string(e.Bytes)))
		}
		list = api.AppendMessage(list, 1, anyValue(e).append(nil))
	}
	if !ok {
		return v, false
	}
	return clew.Value{Type: clew.TypeOther, Bytes: api.AppendMessage(nil, 5, list)}, true
}

func (kv keyValue) append(dst []byte) []byte {
	return api.AppendMessage(api.AppendText(dst, 1, kv.Key), 2, anyValue(kv.Value).append(nil))
}

func (v anyValue) append(dst []byte) []byte {
	switch x := clew.Value(v); x.Type {
	case clew.TypeString:
		return api.AppendMessage(dst, 1, x.Bytes)
	case clew.TypeBool:
		return protowire.AppendVarint(protowire.AppendTag(dst, 2, protowire.VarintType), x.Bits)
	case clew.TypeInt:
		return protowire.AppendVarint(protowire.AppendTag(dst, 3, protowire.VarintType), x.Bits)
	case clew.TypeDouble:
		return protowire.AppendFixed64(protowire.AppendTag(dst, 4, protowire.Fixed64Type), x.Bits)
	default:
		return append(dst, x.Bytes...)
	}
}

// number is a double in JSON, where the infinite ones are words.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	default:
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	}
}

// metrics is the SearchMetrics of an answer: what it took. Jobs are hundredths of the
// question: fewer are completed than there are where the answer is partial.
type metrics struct {
	InspectedTraces uint32 `json:"inspectedTraces,omitempty"`
	InspectedBytes  uint64 `json:"inspectedBytes,string,omitempty"`
	CompletedJobs   uint32 `json:"completedJobs,omitempty"`
	TotalJobs       uint32 `json:"totalJobs,omitempty"`
	InspectedSpans  uint64 `json:"inspectedSpans,string,omitempty"`
}

// jobs is how many parts a question counts as having.
const jobs = 100

// add adds what a part of the answer took.
func (m *metrics) add(c *exec.Cost) {
	m.InspectedBytes += uint64(max(c.Bytes, 0))
	m.InspectedSpans += uint64(max(c.Rows, 0))
	m.TotalJobs, m.CompletedJobs = jobs, jobs
	if !c.Complete {
		m.CompletedJobs = min(uint32(jobs*c.Searched), jobs-1)
	}
}

// stopped says that there would have been more.
func (m *metrics) stopped() { m.CompletedJobs = min(m.CompletedJobs, jobs-1) }

// metricsOf is what a whole answer took.
func metricsOf(c *exec.Cost) (m metrics) {
	m.add(c)
	return m
}

func (m *metrics) append(dst []byte) []byte {
	dst = api.AppendNumber(dst, 1, uint64(m.InspectedTraces))
	dst = api.AppendNumber(dst, 2, m.InspectedBytes)
	dst = api.AppendNumber(dst, 4, uint64(m.CompletedJobs))
	dst = api.AppendNumber(dst, 5, uint64(m.TotalJobs))
	return api.AppendNumber(dst, 7, m.InspectedSpans)
}
