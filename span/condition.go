package span

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// Scope says where a field is looked for.
type Scope uint8

// The scopes. ScopeAny looks at the span's attributes, then, for spans that have
// none of that key, at the resource's.
const (
	ScopeAny Scope = iota
	ScopeSpan
	ScopeResource
	ScopeInstrumentation
	ScopeEvent
	ScopeLink
)

var scopeNames = [...]string{"", "span", "resource", "instrumentation", "event", "link"}

// String returns TraceQL's word for the scope, "" for ScopeAny.
func (s Scope) String() string { return scopeNames[s] }

// Intrinsic is a field that every span, event or link has, or that its place in
// a trace gives it.
type Intrinsic uint8

// The intrinsics. None marks an attribute. Their values: durations and times are
// ints in nanoseconds, status and kind are ints (clew.Status, clew.Kind), ids are
// strings of lower-case hex, the count is an int, the rest are strings. Those
// from TraceDuration on are of the whole trace: see Intrinsic.OfTrace.
const (
	None Intrinsic = iota
	Name
	Duration // end − start; negative where a span ends before it starts, absent where it has no end
	Start
	StatusCode
	StatusMessage
	SpanKind
	TraceID
	SpanID
	ParentID // absent for spans without parent
	TraceState
	EventName
	EventTimeSinceStart // event time − span start
	LinkTraceID
	LinkSpanID
	ScopeName
	ScopeVersion
	TraceDuration // from the first start to the last end or start of the trace: see Batch.Extent
	RootName      // absent while no root has been received; see Batch.Root
	RootService   // as RootName; empty where the root's resource names none
	ChildCount    // spans that name this one as their parent
	NestedSetLeft // ints; see NestedSet
	NestedSetRight
	NestedSetParent
	intrinsicCount
)

var intrinsicNames = [...]string{"", "name", "duration", "span:startTime", "status", "statusMessage", "kind",
	"trace:id", "span:id", "span:parentID", "span:traceState", "event:name", "event:timeSinceStart",
	"link:traceID", "link:spanID", "instrumentation:name", "instrumentation:version",
	"trace:duration", "trace:rootName", "trace:rootService", "span:childCount",
	"nestedSetLeft", "nestedSetRight", "nestedSetParent"}

// String returns TraceQL's word for the intrinsic.
func (i Intrinsic) String() string { return intrinsicNames[i] }

// Field names what a condition tests: an intrinsic, or the attribute Key in Scope.
type Field struct {
	Intrinsic Intrinsic
	Scope     Scope
	Key       string
	// Parent asks for what the row's parent has (see Tree); nothing where it is not
	// there.
	Parent bool
}

// OfTrace reports whether the field is known only with every row of the trace at hand:
// a Matcher then wants batches of whole traces, and a store cannot test it in a scan of
// rows.
func (f Field) OfTrace() bool { return f.Parent || f.Intrinsic.OfTrace() }

// String returns the field as TraceQL writes it.
func (f Field) String() string {
	text := f.Scope.String() + "." + f.Key
	if f.Intrinsic != None {
		text = f.Intrinsic.String()
	}
	if f.Parent {
		text = "parent." + strings.TrimPrefix(text, ".")
	}
	return text
}

// Op is what a condition does.
type Op uint8

// The operators. True has no operands; And, Or and Not have Args; Relate has a
// Relation; the others test Field. A test of a field that a row lacks is false, also for Ne and
// NotMatch; so is a test against a value of another type, except that ints and
// doubles compare as numbers.
const (
	True Op = iota
	And
	Or
	Not
	Exists
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	Match    // the whole string matches Regexp
	NotMatch // it does not
	Relate   // Relation holds
)

var opNames = [...]string{"true", "&&", "||", "!", "!= nil", "=", "!=", "<", "<=", ">", ">=", "=~", "!~", "relate"}

// String returns TraceQL's sign for the operator.
func (o Op) String() string { return opNames[o] }

// A Condition is a test of a row. The zero value is true for every row. Conditions
// are values: share them freely, do not change them once handed over.
type Condition struct {
	Op     Op
	Args   []Condition // And, Or: any number (none: true, false); Not: one
	Field  Field
	Value  clew.Value
	Regexp *regexp.Regexp // Match, NotMatch; anchored by whoever made it
	// Relation is what Relate compares.
	Relation *Relation
}

// AllOf is true where every argument is.
func AllOf(args ...Condition) Condition { return Condition{Op: And, Args: args} }

// AnyOf is true where at least one argument is.
func AnyOf(args ...Condition) Condition { return Condition{Op: Or, Args: args} }

// Negate is true where c is not.
func Negate(c Condition) Condition { return Condition{Op: Not, Args: []Condition{c}} }

// Compare tests a field against a value.
func Compare(f Field, op Op, v clew.Value) Condition {
	return Condition{Op: op, Field: f, Value: v}
}

// Has is true where the field exists.
func Has(f Field) Condition { return Condition{Op: Exists, Field: f} }

// Matches tests a whole string against a regular expression.
func Matches(f Field, op Op, re *regexp.Regexp) Condition {
	return Condition{Op: op, Field: f, Regexp: re}
}

// String returns the condition for people; package traceql prints real TraceQL.
func (c Condition) String() string {
	switch c.Op {
	case True:
		return "true"
	case And, Or:
		parts := make([]string, len(c.Args))
		for i, a := range c.Args {
			parts[i] = a.String()
		}
		return "(" + strings.Join(parts, " "+c.Op.String()+" ") + ")"
	case Not:
		return "!" + c.Args[0].String()
	case Relate:
		return c.Relation.String()
	case Exists:
		return c.Field.String() + " != nil"
	case Match, NotMatch:
		return fmt.Sprintf("%s %s %q", c.Field, c.Op, c.Regexp)
	}
	return c.Field.String() + " " + c.Op.String() + " " + literal(c.Field.Intrinsic, c.Value)
}

// literal writes a value of a field for people.
func literal(of Intrinsic, v clew.Value) string {
	if v.Type == clew.TypeInt {
		switch of {
		case SpanKind:
			return clew.Kind(v.Int()).String()
		case StatusCode:
			return clew.Status(v.Int()).String()
		case Duration, TraceDuration, EventTimeSinceStart:
			return time.Duration(v.Int()).String()
		}
	}
	if v.Type == clew.TypeString {
		return fmt.Sprintf("%q", v)
	}
	return v.String()
}

// Fields calls f for each field that c tests, in no stated order, with repeats.
func (c *Condition) Fields(f func(Field)) {
	switch c.Op {
	case True:
	case And, Or, Not:
		for i := range c.Args {
			c.Args[i].Fields(f)
		}
	case Relate:
		c.Relation.L.fields(f)
		c.Relation.R.fields(f)
	default:
		f(c.Field)
	}
}

// Test reports whether a present value meets the condition, which must be one
// that tests a field. An array does if one of its elements does; where the test is that
// they differ (Ne, NotMatch), if it has some and all of them do.
func (c *Condition) Test(v clew.Value) bool {
	switch {
	case c.Op == Exists:
		return true
	case v.Type != clew.TypeOther:
		return c.testScalar(v)
	}
	all, some := c.Op == Ne || c.Op == NotMatch, false
	for e := range Elements(v) {
		if some = c.testScalar(e); some != all {
			break
		}
	}
	return some
}

func (c *Condition) testScalar(v clew.Value) bool {
	switch c.Op {
	case Match:
		return v.Type == clew.TypeString && c.Regexp.Match(v.Bytes)
	case NotMatch:
		return v.Type == clew.TypeString && !c.Regexp.Match(v.Bytes)
	case Eq, Ne: // most of all, and for less than an order
		if v.Type == clew.TypeString && c.Value.Type == clew.TypeString {
			return bytes.Equal(v.Bytes, c.Value.Bytes) == (c.Op == Eq)
		}
	}
	r, ok := compareValues(v, c.Value)
	return ok && c.Op.holds(r)
}

// holds says whether a comparison with result r (−1, 0, +1; 2: unordered, as NaN
// is) meets the operator.
func (o Op) holds(r int) bool {
	switch o {
	case Eq:
		return r == 0
	case Ne:
		return r != 0
	case Lt:
		return r == -1
	case Le:
		return r == -1 || r == 0
	case Gt:
		return r == 1
	case Ge:
		return r == 1 || r == 0
	}
	return false
}

// compareValues orders a against b; false where their types do not compare.
func compareValues(a, b clew.Value) (int, bool) {
	switch {
	case a.Type == clew.TypeString && b.Type == clew.TypeString:
		return bytes.Compare(a.Bytes, b.Bytes), true
	case a.Type == clew.TypeBool && b.Type == clew.TypeBool:
		return compareInts(a.Int(), b.Int()), true
	case a.Type == clew.TypeInt && b.Type == clew.TypeInt:
		return compareInts(a.Int(), b.Int()), true
	case a.Type == clew.TypeDouble && b.Type == clew.TypeDouble:
		return compareDoubles(a.Double(), b.Double()), true
	case a.Type == clew.TypeInt && b.Type == clew.TypeDouble:
		return compareIntDouble(a.Int(), b.Double()), true
	case a.Type == clew.TypeDouble && b.Type == clew.TypeInt:
		r := compareIntDouble(b.Int(), a.Double())
		if r == 1 || r == -1 {
			r = -r
		}
		return r, true
	}
	return 0, false
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func compareDoubles(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return 2
}

// compareIntDouble compares exactly: an int above 2^53 does not round to the
// double beside it.
func compareIntDouble(i int64, f float64) int {
	switch {
	case f != f:
		return 2
	case f >= 1<<63:
		return -1
	case f < -(1 << 63):
		return 1
	}
	t := int64(f) // toward zero, in range
	if r := compareInts(i, t); r != 0 {
		return r
	}
	return compareDoubles(0, f-float64(t))
}
