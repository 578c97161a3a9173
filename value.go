package clew

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Type is the type of an attribute's value. One key seen with two types is two
// columns.
type Type uint8

// The types of OTLP's AnyValue (common.proto). TypeOther is everything that is
// kept as its raw AnyValue message: bytes, arrays, maps and the empty value.
const (
	TypeString Type = iota
	TypeInt
	TypeDouble
	TypeBool
	TypeOther
	// TypeCount is how many types there are.
	TypeCount = 5
)

var typeNames = [...]string{"string", "int", "double", "bool", "other"}

// String returns the type's name.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type(" + strconv.Itoa(int(t)) + ")"
}

// Value is one attribute's value, for the edges of the system where single
// spans are handled; columns hold it in other shapes. The zero value is the
// empty string.
type Value struct {
	Type Type
	// Bits holds an int's two's complement, a double's IEEE bits, a bool's 0 or 1.
	Bits uint64
	// Bytes holds a string's bytes (perhaps invalid UTF-8, as received), or for
	// TypeOther the raw AnyValue message. It is shared, not to be changed.
	Bytes []byte
}

// StringValue, IntValue, DoubleValue and BoolValue make values.
func StringValue(s string) Value { return Value{Type: TypeString, Bytes: []byte(s)} }

// IntValue makes an integer.
func IntValue(i int64) Value { return Value{Type: TypeInt, Bits: uint64(i)} }

// DoubleValue makes a double.
func DoubleValue(f float64) Value { return Value{Type: TypeDouble, Bits: math.Float64bits(f)} }

// BoolValue makes a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{Type: TypeBool, Bits: 1}
	}
	return Value{Type: TypeBool}
}

// Int, Double and Bool read Bits by type; the caller has looked at Type.
func (v Value) Int() int64 { return int64(v.Bits) }

// Double reads Bits as IEEE 754.
func (v Value) Double() float64 { return math.Float64frombits(v.Bits) }

// Bool reads Bits as a truth value.
func (v Value) Bool() bool { return v.Bits != 0 }

// String returns the value as text: strings bare, numbers in their shortest
// form. TypeOther gives its raw message; package otlp prints that properly.
func (v Value) String() string {
	switch v.Type {
	case TypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case TypeDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case TypeBool:
		return strconv.FormatBool(v.Bool())
	}
	return string(v.Bytes)
}

// Whole returns a double that is a whole number as an integer, and all else as it is.
func (v Value) Whole() Value {
	if v.Type == TypeDouble {
		if d := v.Double(); d == math.Trunc(d) && d >= -1<<63 && d < 1<<63 {
			return IntValue(int64(d))
		}
	}
	return v
}

// Key returns a text that is equal for equal values: 1 and 1.0 are.
func (v Value) Key() string {
	v = v.Whole()
	b := []byte{byte(v.Type)}
	if v.Type == TypeString || v.Type == TypeOther {
		return string(append(b, v.Bytes...))
	}
	return string(binary.LittleEndian.AppendUint64(b, v.Bits))
}

// Attr is one attribute of a span, event, link, resource or scope.
type Attr struct {
	Key   string
	Value Value
}

// Resource is who sent a span: the Resource message of OTLP with the schema
// URL of the message around it. Shared, not to be changed.
type Resource struct {
	Attrs        []Attr
	DroppedAttrs uint32
	SchemaURL    string
}

// Scope is the instrumentation scope of a span, with the schema URL of the
// message around it. Shared, not to be changed.
type Scope struct {
	Name, Version string
	Attrs         []Attr
	DroppedAttrs  uint32
	SchemaURL     string
}

// Event is a point in time within a span.
type Event struct {
	Time         UnixNanos
	Name         string
	Attrs        []Attr
	DroppedAttrs uint32
}

// Link points from a span to another, perhaps in another trace.
type Link struct {
	TraceID      TraceID
	SpanID       SpanID
	TraceState   string
	Attrs        []Attr
	DroppedAttrs uint32
	Flags        uint32
}

// Span is one span as an object, with every field of OTLP's trace protocol. It
// exists only at the edges, where one trace is shown; inside there are columns.
type Span struct {
	TraceID    TraceID
	SpanID     SpanID
	ParentID   SpanID // 0: none
	TraceState string
	Flags      uint32
	Name       string
	Kind       Kind
	// Start and End are kept exactly as received, also when End < Start.
	Start, End    UnixNanos
	Attrs         []Attr
	DroppedAttrs  uint32
	Events        []Event
	DroppedEvents uint32
	Links         []Link
	DroppedLinks  uint32
	Status        Status
	StatusMessage string
	Resource      *Resource
	Scope         *Scope
}

// ServiceName returns the resource's service.name, "" if it has none.
func (r *Resource) ServiceName() string {
	if r == nil {
		return ""
	}
	for _, a := range r.Attrs {
		if a.Key == "service.name" && a.Value.Type == TypeString {
			return string(a.Value.Bytes)
		}
	}
	return ""
}

// Service returns the service.name of the span's resource, "" if it has none.
func (s *Span) Service() string { return s.Resource.ServiceName() }

// Unfinished reports whether the span has no end, and so no duration.
func (s *Span) Unfinished() bool { return s.End == 0 }

// DurationNanos is End − Start; negative when the span ends before it starts. Of an
// unfinished one it means nothing.
func (s *Span) DurationNanos() int64 { return int64(s.End - s.Start) }
