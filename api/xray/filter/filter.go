// Package filter is the language of X-Ray's filter expressions: which traces are wanted.
//
//	Parse    text -> Expr, with the place of a mistake and what may have been meant
//	String   and back
//	Judge    whether an Expr holds of a trace, as X-Ray sees it (package view)
//	Query    an Expr -> a query in TraceQL that finds each trace of which it may hold
//
// What is pure syntax is in parse.go and keys.go; docs/reference/xray-api.md says what each
// key means, also on spans that did not come as X-Ray.
package filter

// Expr is an expression: And, Or, *Not, *Test, *Service, *Edge, *Cause or *CauseJSON. It is
// not changed after Parse, and safe for concurrent use.
type Expr interface {
	// String returns the expression as X-Ray writes it.
	String() string
	appendTo(p *printer, within int)
}

// And holds where all of its parts do; the empty one holds of every trace.
type And []Expr

// Or holds where one of its parts does.
type Or []Expr

// Not holds where X does not.
type Not struct{ X Expr }

// Test asks for one key.
type Test struct {
	Key Key
	// Name is of an annotation its key.
	Name string
	// Op is IsSet where nothing is compared: then a Boolean has to be true, anything else
	// to be there. Booleans are never compared: ok = false is !ok.
	Op    Op
	Value Value
}

// Service holds where the trace has been at a service that fits, and Where holds there.
type Service struct {
	Node  Node
	Where Expr // nil: anything
}

// Edge holds where a service that fits has called another that fits, and Where holds of
// the call.
type Edge struct {
	From, To Node
	Where    Expr // nil: anything
}

// Node says which services fit: those that have all that is not empty.
type Node struct{ Name, Type, Account string }

// Cause holds where the trace has a root cause of which a part fits.
type Cause struct {
	Of    Outcome
	Part  Part
	Where Expr // nil: anything
}

// CauseJSON holds where one of the trace's root causes, of whatever outcome, looks like one
// of Any.
type CauseJSON struct{ Any []Pattern }

// Outcome is what a root cause is the cause of.
type Outcome uint8

// The outcomes.
const (
	OfFault Outcome = iota
	OfError
	OfResponseTime
)

// Part is which list of a root cause is meant.
type Part uint8

// The parts of root causes.
const (
	Services Part = iota
	Entities
	Exceptions
)

// Op is how a key is compared.
type Op uint8

// The operators.
const (
	IsSet Op = iota
	Equal
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	Contains
	BeginsWith
	EndsWith
)

var opNames = [...]string{"", "=", "!=", "<", "<=", ">", ">=", "CONTAINS", "BEGINSWITH", "ENDSWITH"}

// String returns the operator as it is written.
func (o Op) String() string { return opNames[o] }

// orders reports whether o asks which of two numbers is greater.
func (o Op) orders() bool { return o >= Less && o <= GreaterEqual }

// contrary is the operator that holds of two numbers where o does not.
func (o Op) contrary() Op {
	return [...]Op{Equal: NotEqual, NotEqual: Equal, Less: GreaterEqual, LessEqual: Greater, Greater: LessEqual, GreaterEqual: Less}[o]
}

// searches reports whether o looks into a text.
func (o Op) searches() bool { return o >= Contains }

// ValueType is the type of a value.
type ValueType uint8

// The types of values.
const (
	Text ValueType = iota
	Number
	Truth
)

// Value is what a key is compared with.
type Value struct {
	Type   ValueType
	Text   string // of a Number as it was spelt
	Number float64
	Truth  bool
}
