package traceql

import "github.com/clew-tracing/clew"

// Query is one parsed query: a pipeline of stages, each fed the spansets of the
// one before, and hints behind it.
type Query struct {
	// Text is what was parsed; every Range is a piece of it.
	Text   string
	Stages []Stage // at least one
	Hints  []Hint
}

// Stage is one step of the pipeline: a Spanset, or what stage.go has besides.
type Stage interface {
	// Range is where the stage stands in the text.
	Range() Range
	stage()
}

// Spanset is an expression that selects spans of one trace: *Filter,
// *SpansetBinary or *Wrapped.
type Spanset interface {
	Stage
	spanset()
}

// Filter is { expr }: the spans of a trace for which Where is true.
type Filter struct {
	At Range
	// Where is nil for { }, which every span meets.
	Where Expr
}

// SpansetBinary combines two spansets: by && or ||, or by the place of their
// spans in the trace.
type SpansetBinary struct {
	At   Range
	Op   SpansetOp
	L, R Spanset
}

// Wrapped is a pipeline in parentheses used as an operand; it has two stages or
// more (a single one needs no node).
type Wrapped struct {
	At     Range
	Stages []Stage
}

// Hint is one name = value of with (…).
type Hint struct {
	At    Range
	Name  string
	Value Static
}

// Expr is an expression about one span: *Literal, *Field, *Unary or *Binary.
// Parentheses leave no node.
type Expr interface {
	// Range is where the expression stands in the text.
	Range() Range
	expr()
}

// Literal is a fixed value.
type Literal struct {
	At    Range
	Value Static
}

// Field is an attribute or an intrinsic of a span.
type Field struct {
	At Range
	// Parent asks for the field of the span's parent.
	Parent bool
	Scope  Scope
	// Intrinsic is IntrinsicNone for attributes.
	Intrinsic Intrinsic
	// Name is the attribute's key, never empty; empty for intrinsics.
	Name string
}

// Unary is -x or !x.
type Unary struct {
	At Range
	Op Op // OpNeg or OpNot
	X  Expr
}

// Binary is an arithmetic, a comparison or a logical operation.
type Binary struct {
	At   Range
	Op   Op
	L, R Expr
}

func (n *Filter) stage()          {}
func (n *Filter) spanset()        {}
func (n *SpansetBinary) stage()   {}
func (n *SpansetBinary) spanset() {}
func (n *Wrapped) stage()         {}
func (n *Wrapped) spanset()       {}
func (n *Literal) expr()          {}
func (n *Field) expr()            {}
func (n *Unary) expr()            {}
func (n *Binary) expr()           {}

// Range is where the node stands in the text.
func (n *Filter) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *SpansetBinary) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Wrapped) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Literal) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Field) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Unary) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Binary) Range() Range { return n.At }

// Scope says where an attribute lives.
type Scope uint8

// The scopes of attributes.
const (
	// ScopeAny is no scope given: .name. The span's attribute, else the
	// resource's.
	ScopeAny Scope = iota
	ScopeSpan
	ScopeResource
	ScopeEvent
	ScopeLink
	ScopeInstrumentation
	ScopeTrace
)

var scopeNames = [...]string{"", "span", "resource", "event", "link", "instrumentation", "trace"}

// String returns the scope's word, "" for ScopeAny.
func (s Scope) String() string {
	if int(s) < len(scopeNames) {
		return scopeNames[s]
	}
	return "scope?"
}

func parseScope(word string) (Scope, bool) {
	for i, n := range scopeNames {
		if i > 0 && n == word {
			return Scope(i), true
		}
	}
	return 0, false
}

// Op is an operator within a field expression.
type Op uint8

// The operators, loosest first.
const (
	OpAnd Op = iota + 1
	OpOr
	OpEqual
	OpNotEqual
	OpLess
	OpLessEqual
	OpGreater
	OpGreaterEqual
	OpRegexp
	OpNotRegexp
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpPow
	OpNeg // prefix
	OpNot // prefix
)

var opNames = [...]string{"?", "&&", "||", "=", "!=", "<", "<=", ">", ">=", "=~", "!~", "+", "-", "*", "/", "%", "^", "-", "!"}

// String returns the operator as it is written.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return "op?"
}

// IsComparison reports whether o compares: = != < <= > >= =~ !~.
func (o Op) IsComparison() bool { return o >= OpEqual && o <= OpNotRegexp }

// IsArithmetic reports whether o calculates: + - * / % ^.
func (o Op) IsArithmetic() bool { return o >= OpAdd && o <= OpPow }

// Flip returns the operator that compares the same with the sides exchanged;
// only for comparisons other than =~ and !~.
func (o Op) Flip() Op {
	switch o {
	case OpLess:
		return OpGreater
	case OpLessEqual:
		return OpGreaterEqual
	case OpGreater:
		return OpLess
	case OpGreaterEqual:
		return OpLessEqual
	}
	return o
}

// SpansetOp is an operator between spansets. Structural operators give the
// spans of the right side; their Union forms give those of both.
type SpansetOp uint8

// The operators between spansets.
const (
	SpansetAnd SpansetOp = iota + 1
	SpansetOr
	SpansetChild      // >
	SpansetParent     // <
	SpansetDescendant // >>
	SpansetAncestor   // <<
	SpansetSibling    // ~
	SpansetNotChild
	SpansetNotParent
	SpansetNotDescendant
	SpansetNotAncestor
	SpansetNotSibling
	SpansetUnionChild
	SpansetUnionParent
	SpansetUnionDescendant
	SpansetUnionAncestor
	SpansetUnionSibling
)

var spansetOpNames = [...]string{"?", "&&", "||", ">", "<", ">>", "<<", "~",
	"!>", "!<", "!>>", "!<<", "!~", "&>", "&<", "&>>", "&<<", "&~"}

// String returns the operator as it is written.
func (o SpansetOp) String() string {
	if int(o) < len(spansetOpNames) {
		return spansetOpNames[o]
	}
	return "op?"
}

// IsStructural reports whether o looks at the shape of the trace.
func (o SpansetOp) IsStructural() bool { return o >= SpansetChild }

// Static is a fixed value. The zero Static is nil.
type Static struct {
	Type Type
	// Int holds an int, a duration's nanoseconds, a bool's 0 or 1, a
	// clew.Status, a clew.Kind.
	Int   int64
	Float float64
	Str   string
}

// boolStatic is a truth value as a Static.
func boolStatic(b bool) Static {
	if b {
		return Static{Type: TypeBool, Int: 1}
	}
	return Static{Type: TypeBool}
}

// IsTrue reports whether s is the truth value true.
func (s Static) IsTrue() bool { return s.Type == TypeBool && s.Int != 0 }

// Number returns s as a double; durations are nanoseconds.
func (s Static) Number() float64 {
	if s.Type == TypeFloat {
		return s.Float
	}
	return float64(s.Int)
}

// Status returns s as a status.
func (s Static) Status() clew.Status { return clew.Status(s.Int) }

// Kind returns s as a kind.
func (s Static) Kind() clew.Kind { return clew.Kind(s.Int) }
