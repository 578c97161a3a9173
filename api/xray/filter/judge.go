package filter

import (
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/view"
)

// Holds reports whether an expression holds of a trace. What asks for groups never holds: see
// Resolve.
//
// A key outside of braces is of the segment that the trace begins with, its entry; those of
// users, annotations and of where segments ran are of any. A comparison with what is not there
// is false, != too.
func Holds(x Expr, t *view.Trace) bool {
	j := judge{x: x, t: t}
	return j.holds(x, subject{in: inTrace, at: t.Entry, answer: view.None})
}

// At returns what reports whether a service or an edge that is asked for is that of one segment of
// a trace: where it is, or where a call of it ends; and whether it holds there. Of another
// expression it is false. It is for one goroutine at a time, as long as t is valid.
func At(x Expr, t *view.Trace) func(segment int) bool {
	j := &judge{x: x, t: t}
	switch x := x.(type) {
	case *Service:
		return func(segment int) bool { return j.serviceAt(x, segment) }
	case *Edge:
		return func(segment int) bool { return j.edgeAt(x, segment) }
	}
	return func(int) bool { return false }
}

// judge judges one trace.
type judge struct {
	x      Expr // all that is asked
	t      *view.Trace
	causes [3][]view.Cause // by Outcome, once they are known
	known  [3]bool
	// parts are the elements of each of these, by Part, once they are known.
	parts [3][3][][]subject
	// found are the annotations of each key that x asks for, once they are known.
	found map[string]*annotations
}

// annotations are those of one key in a trace.
type annotations struct {
	values []clew.Value
	// of are the places in values of what is in each segment.
	of map[int][]int
}

// subject is what a key is asked of.
type subject struct {
	in place
	// at is a place in the trace: of the entry, of a segment, of a call, or of an element
	// of a root cause. It may be view.None.
	at int
	// answer is of a call the segment that answers.
	answer int
	// index and count are where an element of a root cause stands.
	index, count int
	exception    *view.Exception
}

func (j *judge) holds(x Expr, s subject) bool {
	switch x := x.(type) {
	case nil:
		return true
	case And:
		for _, part := range x {
			if !j.holds(part, s) {
				return false
			}
		}
		return true
	case Or:
		for _, part := range x {
			if j.holds(part, s) {
				return true
			}
		}
		return false
	case *Not:
		return !j.holds(x.X, s)
	case *Test:
		return j.test(x, &s)
	case *Service:
		return j.service(x)
	case *Edge:
		return j.edge(x)
	case *Cause:
		return j.cause(x)
	case *CauseJSON:
		return j.looksLike(x)
	}
	return false
}

// service looks for a segment that fits.
func (j *judge) service(x *Service) bool {
	for _, at := range j.t.Segments {
		if j.serviceAt(x, at) {
			return true
		}
	}
	return false
}

// serviceAt is service for one segment.
func (j *judge) serviceAt(x *Service, at int) bool {
	return x.Node.fits(&j.t.Entities[at]) && j.holds(x.Where, subject{in: inService, at: at, answer: view.None})
}

// fits reports whether a segment is of a service.
func (n *Node) fits(e *view.Entity) bool {
	return (n.Name == "" || n.Name == e.Node.Name || n.Name == e.Name || n.Name == e.Alias) &&
		(n.Type == "" || n.Type == e.Node.Type) && (n.Account == "" || n.Account == e.Node.Account)
}

// edge looks for a call that fits.
func (j *judge) edge(x *Edge) bool {
	for _, at := range j.t.Segments {
		if j.edgeAt(x, at) {
			return true
		}
	}
	return false
}

// edgeAt is edge for the call that a segment answers: what it hangs below, or else itself.
// Who calls from outside has the name of whom it calls, and the type client.
func (j *judge) edgeAt(x *Edge, at int) bool {
	e := &j.t.Entities[at]
	if !x.To.fits(e) {
		return false
	}
	s := subject{in: inEdge, at: at, answer: at}
	if caller := j.t.Caller(at); caller != view.None {
		if !x.From.fits(&j.t.Entities[caller]) {
			return false
		}
		if !j.t.Entities[e.Parent].IsSegment {
			s.at = e.Parent
		}
	} else if x.From.Type != view.TypeClient || x.From.Name != "" && x.From.Name != e.Node.Name || !j.t.IsRoot(at) {
		return false
	}
	return j.holds(x.Where, s)
}

// causesOf are the root causes of an outcome.
func (j *judge) causesOf(o Outcome) []view.Cause {
	if !j.known[o] {
		j.known[o] = true
		switch o {
		case OfFault:
			j.causes[o] = j.t.Causes(view.FlagFault)
		case OfError:
			j.causes[o] = j.t.Causes(view.FlagError)
		case OfResponseTime:
			if c, ok := j.t.ResponseTimeCause(); ok {
				j.causes[o] = []view.Cause{c}
			}
		}
	}
	return j.causes[o]
}

// cause looks for an element of a root cause that fits.
func (j *judge) cause(x *Cause) bool {
	causes := j.causesOf(x.Of)
	if x.Where == nil && x.Part != Exceptions {
		return len(causes) > 0
	}
	parts := &j.parts[x.Of][x.Part]
	if *parts == nil {
		for i := range causes {
			*parts = append(*parts, j.elements(&causes[i], x.Part))
		}
	}
	for _, list := range *parts {
		for _, s := range list {
			if j.holds(x.Where, s) {
				return true
			}
		}
	}
	return false
}

// elements are the parts of a root cause, from the entry on.
func (j *judge) elements(c *view.Cause, part Part) (out []subject) {
	defer func() {
		for i := range out {
			out[i].index, out[i].count = i, len(out)
		}
	}()
	for _, service := range c.Services {
		if part == Services {
			out = append(out, subject{in: inServices, at: service.Segment})
			continue
		}
		for _, at := range service.Path {
			if part == Entities {
				out = append(out, subject{in: inEntities, at: at})
				continue
			}
			list := j.t.Exceptions(at)
			for i := range list {
				out = append(out, subject{in: inException, at: at, exception: &list[i]})
			}
		}
	}
	return out
}

// test judges one key.
func (j *judge) test(x *Test, s *subject) bool {
	switch keyTable[x.Key].typ {
	case truths:
		return j.truth(x.Key, s)
	case numbers:
		n, ok := j.number(x.Key, s)
		return ok && (x.Op == IsSet || ordered(x.Op, n, x.Value.Number))
	case texts:
		return j.text(x, s)
	}
	return j.annotation(x, s)
}

// truth is what a Boolean key has.
func (j *judge) truth(k Key, s *subject) bool {
	switch k {
	case First:
		return s.index == 0
	case Last:
		return s.index == s.count-1
	case Inferred:
		switch s.in {
		case inTrace:
			for _, at := range j.t.Segments {
				if j.t.Entities[at].Inferred {
					return true
				}
			}
			return false
		case inEdge:
			return j.t.Entities[s.answer].Inferred
		}
	case Partial:
		if s.in == inTrace {
			return j.t.Partial
		}
	}
	if s.at == view.None {
		return k == OK
	}
	e := &j.t.Entities[s.at]
	switch k {
	case OK:
		return e.OK()
	case HasError:
		return e.Error
	case HasThrottle:
		return e.Throttle
	case HasFault:
		return e.Fault
	case Partial:
		return e.InProgress
	case Inferred:
		return e.Inferred
	case Remote:
		return e.IsCall()
	case Root:
		return s.at == j.t.Entry || e.ParentID == 0 && !e.Inferred
	}
	return false
}

// number is what a number key has, if it has something.
func (j *judge) number(k Key, s *subject) (n float64, ok bool) {
	switch {
	case k == Index:
		return float64(s.index), true
	case k == Duration && s.in == inTrace:
		return seconds(j.t.Duration()), true
	case s.at == view.None:
		return 0, false
	}
	e := &j.t.Entities[s.at]
	switch k {
	case ResponseTime, Duration:
		return seconds(e.Duration()), !e.InProgress && !e.StandIn
	case HTTPStatus:
		return float64(e.HTTP.Status), e.HTTP.Status != 0
	case Coverage:
		return j.t.Coverage(s.at), true
	}
	return 0, false
}

func seconds(nanos uint64) float64 { return float64(nanos) / 1e9 }

// text judges a text key, which has several texts where it is of any segment.
func (j *judge) text(x *Test, s *subject) bool {
	if s.exception != nil {
		switch x.Key {
		case Name:
			return x.reads(s.exception.Type)
		case Message:
			return x.reads(s.exception.Message)
		}
		return false
	}
	switch x.Key {
	case User, AvailabilityZone, InstanceID, ResourceARN:
		if s.in == inTrace {
			for _, at := range j.t.Segments {
				if x.reads(textOf(x.Key, &j.t.Entities[at])) {
					return true
				}
			}
			return false
		}
		if s.in == inEdge {
			return x.reads(textOf(x.Key, &j.t.Entities[s.answer]))
		}
	case Name:
		if e := &j.t.Entities[s.at]; s.in == inService || s.in == inServices {
			return x.reads(e.Node.Name)
		}
	}
	return s.at != view.None && x.reads(textOf(x.Key, &j.t.Entities[s.at]))
}

// textOf is a text of an entity, "" if there is none.
func textOf(k Key, e *view.Entity) string {
	switch k {
	case HTTPURL:
		return e.HTTP.URL
	case HTTPMethod:
		return e.HTTP.Method
	case HTTPUserAgent:
		return e.HTTP.UserAgent
	case HTTPClientIP:
		return e.HTTP.ClientIP
	case User:
		return e.User
	case AvailabilityZone:
		return e.Zone
	case InstanceID:
		return e.Instance
	case ResourceARN:
		return e.ResourceARN
	case Name:
		return e.Name
	case Type:
		return e.Node.Type
	}
	return ""
}

// reads compares a text, "" of which is none.
func (x *Test) reads(s string) bool {
	if s == "" {
		return false
	}
	v := x.Value.Text
	switch x.Op {
	case Equal:
		return s == v
	case NotEqual:
		return s != v
	case Contains:
		return strings.Contains(s, v)
	case BeginsWith:
		return strings.HasPrefix(s, v)
	case EndsWith:
		return strings.HasSuffix(s, v)
	}
	return true
}

// annotation judges an annotation: of the trace's, those of a segment with all that is in it,
// or those of a call.
func (j *judge) annotation(x *Test, s *subject) (met bool) {
	switch s.in {
	case inTrace:
		for _, v := range j.annotationsOf(x.Name).values {
			if x.meets(v) {
				return true
			}
		}
	case inService:
		found := j.annotationsOf(x.Name)
		for _, i := range found.of[s.at] {
			if x.meets(found.values[i]) {
				return true
			}
		}
	case inEdge:
		j.t.FindAnnotations(s.at, func(key string) bool { return key == x.Name }, func(_ string, v clew.Value) { met = met || x.meets(v) })
	}
	return met
}

// annotationsOf are those of a key. All that x asks for are found at once.
func (j *judge) annotationsOf(key string) *annotations {
	if j.found == nil {
		j.found = make(map[string]*annotations)
		tests(j.x, func(x *Test) {
			if x.Key == Annotation && j.found[x.Name] == nil {
				j.found[x.Name] = &annotations{of: make(map[int][]int)}
			}
		})
		wanted := func(key string) bool { return j.found[key] != nil }
		for at := range j.t.Entities {
			segment := j.t.Entities[at].Segment
			j.t.FindAnnotations(at, wanted, func(key string, v clew.Value) {
				a := j.found[key]
				a.of[segment] = append(a.of[segment], len(a.values))
				a.values = append(a.values, v)
			})
		}
	}
	return j.found[key]
}

// tests calls f for the tests of an expression.
func tests(x Expr, f func(*Test)) {
	switch x := x.(type) {
	case And:
		for _, part := range x {
			tests(part, f)
		}
	case Or:
		for _, part := range x {
			tests(part, f)
		}
	case *Not:
		tests(x.X, f)
	case *Test:
		f(x)
	case *Service:
		tests(x.Where, f)
	case *Edge:
		tests(x.Where, f)
	case *Cause:
		tests(x.Where, f)
	}
}

// meets compares the value of an annotation with one of its type.
func (x *Test) meets(v clew.Value) bool {
	if x.Op == IsSet {
		return v.Type != clew.TypeBool || v.Bool()
	}
	switch x.Value.Type {
	case Text:
		return v.Type == clew.TypeString && (x.reads(string(v.Bytes)) || len(v.Bytes) == 0 && x.readsNothing())
	case Truth:
		return v.Type == clew.TypeBool && (v.Bool() == x.Value.Truth) == (x.Op == Equal)
	}
	switch v.Type {
	case clew.TypeInt:
		if n, err := strconv.ParseInt(x.Value.Text, 10, 64); err == nil {
			return ordered(x.Op, v.Int(), n)
		}
		return ordered(x.Op, float64(v.Int()), x.Value.Number)
	case clew.TypeDouble:
		return ordered(x.Op, v.Double(), x.Value.Number)
	}
	return false
}

// readsNothing is reads of an annotation that is there and empty.
func (x *Test) readsNothing() bool { return (x.Op == NotEqual) == (x.Value.Text != "") }

// ordered compares numbers.
func ordered[N int64 | float64](op Op, a, b N) bool {
	switch op {
	case Equal:
		return a == b
	case NotEqual:
		return a != b
	case Less:
		return a < b
	case LessEqual:
		return a <= b
	case Greater:
		return a > b
	case GreaterEqual:
		return a >= b
	}
	return false
}
