package filter

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clew-tracing/clew/traceql"
)

const (
	// maxClauses bounds the parts that a trace has to have each: every one is a look at the
	// rows of the window, and the first few leave out the most.
	maxClauses = 6
	// maxEither bounds the alternatives of one part.
	maxEither = 200
	// maxQuery bounds the bytes of all of them: a query has 64 KiB.
	maxQuery = 32 << 10
	// maxPattern bounds the text that a regular expression is made of.
	maxPattern = 2000
)

// Clause is conditions of TraceQL for one span, any of which is enough.
type Clause []string

// OfTrace reports whether all of the clause is about whole traces, so that any span of the trace
// meets it.
func (c Clause) OfTrace() bool {
	return !slices.ContainsFunc(c, func(s string) bool { return !strings.HasPrefix(s, lasting) })
}

// lasting is how long a trace lasts.
const lasting = "trace:duration "

// String returns the clause as a query.
func (c Clause) String() string { return "{ " + strings.Join(c, " || ") + " }" }

// Clauses returns what every trace has of which x holds: for each clause a span that meets it,
// whatever door it came through. No clauses are no bound. Groups must have been resolved.
func Clauses(x Expr) []Clause {
	var out []Clause
	room := maxQuery
	for _, c := range boundOf(x, inTrace, false) {
		if size := len(c.String()); size <= room && len(out) < maxClauses {
			out, room = append(out, c), room-size
		}
	}
	return out
}

// Query returns the clauses as one query in TraceQL: it finds each trace of which x holds, and
// perhaps others.
func Query(x Expr) string {
	var parts []string
	for _, c := range Clauses(x) {
		parts = append(parts, c.String())
	}
	if len(parts) == 0 {
		return "{ }"
	}
	return strings.Join(parts, " && ")
}

// boundOf bounds x at a place, or what denies it.
func boundOf(x Expr, in place, denied bool) []Clause {
	switch x := x.(type) {
	case And:
		if denied {
			return either(x, in, denied)
		}
		return all(x, in, denied)
	case Or:
		if denied {
			return all(x, in, denied)
		}
		return either(x, in, denied)
	case *Not:
		return boundOf(x.X, in, !denied)
	case *Test:
		switch {
		case denied && x.Key == OK:
			return []Clause{failing()}
		case denied && x.Key == Duration && x.Op != IsSet && in == inTrace: // every trace has one
			x = &Test{Key: x.Key, Op: x.Op.contrary(), Value: x.Value}
		case denied:
			return nil
		}
		return one(testOf(x, in))
	}
	if denied {
		return nil
	}
	switch x := x.(type) {
	case *Service:
		return append(nodeOf(x.Node), within(x.Where, inService)...)
	case *Edge:
		out := nodeOf(x.To)
		if from := x.From; from.Type != "client" {
			out = append(out, nodeOf(from)...)
		}
		return append(out, within(x.Where, inEdge)...)
	case *Cause:
		in := inServices
		switch x.Part {
		case Entities:
			in = inEntities
		case Exceptions:
			in = inException
		}
		list := within(x.Where, in)
		switch x.Of {
		case OfFault:
			list = append(list, faults())
		case OfError:
			list = append(list, append(mistakes(), throttles()...))
		}
		return list
	}
	return nil
}

// within bounds what stands in braces.
func within(x Expr, in place) []Clause {
	if x == nil {
		return nil
	}
	return boundOf(x, in, false)
}

// one is a clause if there is one.
func one(c Clause) []Clause {
	if len(c) == 0 {
		return nil
	}
	return []Clause{c}
}

// all bounds what holds together.
func all(list []Expr, in place, denied bool) (out []Clause) {
	for _, x := range list {
		for _, c := range boundOf(x, in, denied) {
			if !slices.ContainsFunc(out, func(o Clause) bool { return slices.Equal(o, c) }) {
				out = append(out, c)
			}
		}
	}
	return out
}

// either bounds alternatives: each combination of their clauses, or if these are too many,
// the first of each.
func either(list []Expr, in place, denied bool) []Clause {
	out := []Clause{{}}
	for i, x := range list {
		parts := boundOf(x, in, denied)
		if len(parts) == 0 {
			return nil
		}
		if len(out)*len(parts) > maxClauses {
			parts = parts[:1]
		}
		var next []Clause
		for _, c := range out {
			for _, p := range parts {
				joined := slices.Clone(c)
				for _, cond := range p {
					if !slices.Contains(joined, cond) {
						joined = append(joined, cond)
					}
				}
				if len(joined) <= maxEither {
					next = append(next, joined)
				}
			}
		}
		if out = next; len(out) == 0 && i >= 0 {
			return nil
		}
	}
	if len(list) == 0 {
		return nil
	}
	return out
}

func field(scope traceql.Scope, key string) string {
	return (&traceql.Field{Scope: scope, Name: key}).String()
}

func spanField(key string) string { return field(traceql.ScopeSpan, key) }

// foreign is what spans are that did not come as X-Ray.
const foreign = "span.aws.xray.form = nil"

// codes are the attributes of the status of HTTP.
var codes = [...]string{"span.http.response.status_code", "span.http.status_code"}

// faults, mistakes and throttles are what entities have that are a fault, error or throttle.
func faults() Clause {
	return Clause{"span.aws.xray.fault = true", "(" + foreign + " && (status = error || " + codes[0] + " >= 500 || " + codes[1] + " >= 500))"}
}

func mistakes() Clause {
	c := Clause{"span.aws.xray.error = true"}
	for _, f := range codes {
		c = append(c, "("+foreign+" && "+f+" >= 400 && "+f+" < 500)")
	}
	return c
}

func throttles() Clause {
	c := Clause{"span.aws.xray.throttle = true"}
	for _, f := range codes {
		c = append(c, "("+foreign+" && "+f+" = 429)")
	}
	return c
}

// failing is what an entity has that is not ok.
func failing() Clause { return append(append(faults(), mistakes()...), throttles()...) }

// testOf bounds one key.
func testOf(x *Test, in place) Clause {
	switch x.Key {
	case Partial:
		return Clause{"duration = nil"}
	case Inferred:
		return append(Clause{"span.aws.xray.namespace != nil", "span.aws.xray.inferred = true", foreign}, asksSQL()...)
	case Name:
		switch {
		case in == inException:
			return compare(x, "event.exception.type")
		case x.Op == Equal:
			return named(x.Value.Text)
		}
	case Message:
		return compare(x, "event.exception.message", "statusMessage")
	case Type:
		if x.Op == Equal {
			return typed(x.Value.Text)
		}
	case HasFault:
		return faults()
	case HasError:
		return mistakes()
	case HasThrottle:
		return throttles()
	case HTTPStatus:
		return compare(x, codes[:]...)
	case ResponseTime:
		return slow(x)
	case Duration:
		if in == inTrace {
			return long(x)
		}
		return slow(x)
	case HTTPURL:
		if c := compare(x, "span.http.url", "span.url.full"); len(c) > 0 {
			const none = ` =~ "(?s).+")` // else it is put together from its parts
			return append(c, "((span.http.request.method != nil || span.http.method != nil) && !(span.url.full"+none+" && !(span.http.url"+none+")")
		}
	case HTTPMethod:
		return compare(x, "span.http.method", "span.http.request.method")
	case HTTPUserAgent:
		return compare(x, "span.http.user_agent", "span.user_agent.original")
	case HTTPClientIP:
		return compare(x, "span.http.client_ip", "span.client.address", "span.net.sock.peer.addr", "span.network.peer.address", "span.net.peer.ip")
	case User:
		return compare(x, "span.enduser.id", "span.user.id")
	case AvailabilityZone:
		return compare(x, "resource.cloud.availability_zone")
	case InstanceID:
		return compare(x, "resource.host.id")
	case ResourceARN:
		return compare(x, "resource.aws.xray.resource_arn")
	case Annotation:
		c := compare(x, spanField(x.Name), spanField("aws.xray.annotation."+x.Name))
		if len(c) > 0 && strings.Contains(x.Name, "_") {
			c = append(c, foreign) // of another name, which has something else in its place
		}
		return c
	}
	return nil
}

// slow bounds a response time from below: a span takes as long.
func slow(x *Test) Clause {
	if n := x.Value.Number; (x.Op == Greater || x.Op == GreaterEqual || x.Op == Equal) && n > 0.000001 && n < 1e9 {
		least := traceql.Static{Type: traceql.TypeDuration, Int: int64(n*1e9) - 1000} // what is lost in between
		return Clause{"duration >= " + least.String()}
	}
	return nil
}

// long bounds how long a trace lasts, on both sides.
func long(x *Test) Clause {
	if !(x.Value.Number >= 0 && x.Value.Number < 1e9) {
		return nil
	}
	const lost = 1000 // nanoseconds, in between
	bound := func(op string, nanos int64) string {
		return lasting + op + " " + traceql.Static{Type: traceql.TypeDuration, Int: nanos}.String()
	}
	nanos := int64(x.Value.Number * 1e9)
	switch x.Op {
	case Greater, GreaterEqual:
		return Clause{bound(">=", max(0, nanos-lost))}
	case Less, LessEqual:
		return Clause{bound("<=", nanos+lost)}
	}
	return nil
}

// compare is a test of any of some fields; nil if it cannot be written.
func compare(x *Test, fields ...string) Clause {
	value := ""
	op := x.Op.String()
	switch {
	case x.Op == IsSet || x.Op.searches() && x.Value.Text == "":
		op, value = "!=", "nil"
	case x.Value.Type == Truth:
		value = strconv.FormatBool(x.Value.Truth)
	case x.Value.Type == Number:
		s := traceql.Static{Type: traceql.TypeFloat, Float: x.Value.Number}
		if n, err := strconv.ParseInt(x.Value.Text, 10, 64); err == nil {
			s = traceql.Static{Type: traceql.TypeInt, Int: n}
		}
		value = s.String()
	case !x.Op.searches():
		value = strconv.Quote(x.Value.Text)
	case len(x.Value.Text) > maxPattern || !utf8.ValidString(x.Value.Text):
		return nil
	default:
		pattern := regexp.QuoteMeta(x.Value.Text)
		if x.Op != BeginsWith {
			pattern = ".*" + pattern
		}
		if x.Op != EndsWith {
			pattern += ".*"
		}
		op, value = "=~", strconv.Quote("(?s)"+pattern)
	}
	var c Clause
	for _, f := range fields {
		c = append(c, f+" "+op+" "+value)
	}
	return c
}
