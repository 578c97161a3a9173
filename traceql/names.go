package traceql

import (
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/traceql/spelling"
)

// usualFields are what people write for a field of another spelling: words of
// other tools, and attributes of OpenTelemetry's conventions without their scope.
// The keys are as plainName makes them.
var usualFields = map[string]string{
	"service": "resource.service.name", "servicename": "resource.service.name", "svc": "resource.service.name",
	"app": "resource.service.name", "application": "resource.service.name", "version": "resource.service.version",
	"host": "resource.host.name", "hostname": "resource.host.name",
	"pod": "resource.k8s.pod.name", "podname": "resource.k8s.pod.name", "namespace": "resource.k8s.namespace.name",
	"env": "resource.deployment.environment.name", "environment": "resource.deployment.environment.name",

	"method": "span.http.request.method", "httpmethod": "span.http.request.method",
	"route": "span.http.route", "httproute": "span.http.route",
	"path": "span.url.path", "url": "span.url.full", "httpurl": "span.url.full",
	"statuscode": "span.http.response.status_code", "httpstatus": "span.http.response.status_code",
	"httpstatuscode": "span.http.response.status_code", "responsecode": "span.http.response.status_code",
	"dbsystem": "span.db.system", "exception": "event.exception.type",

	"operation": "name", "operationname": "name", "op": "name", "spanname": "name",
	"latency": "duration", "elapsed": "duration", "took": "duration",
	"statusmessage": "statusMessage", "status.message": "statusMessage", "status.code": "status", "spankind": "kind",
	"traceid": "trace:id", "spanid": "span:id", "span.id": "span:id",
	"parentid": "span:parentID", "parentspanid": "span:parentID",
	"root": "trace:rootName", "rootservice": "trace:rootService",
}

// namespaces are the first words of OpenTelemetry's attributes, by the scope in
// which they mostly are.
var namespaces = func() map[string]Scope {
	m := make(map[string]Scope)
	for scope, words := range map[Scope]string{
		ScopeResource: "service k8s host os process container deployment cloud telemetry device faas webengine browser",
		ScopeSpan: "http db rpc net network server client url user_agent messaging code thread peer enduser user session " +
			"graphql error gen_ai feature_flag tls dns source destination aws",
		ScopeEvent: "exception",
	} {
		for _, w := range strings.Fields(words) {
			m[w] = scope
		}
	}
	return m
}()

// plainName brings spellings of a name together: status_code, StatusCode.
func plainName(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}

// usualField returns the field that a name without a scope is mostly meant to be,
// as a query writes it; "" if nothing can be told.
func usualField(name string) string {
	for _, i := range Intrinsics() {
		if i != name && strings.EqualFold(i, name) {
			return i
		}
	}
	if usual, ok := usualFields[plainName(name)]; ok {
		return usual
	}
	word, rest, dotted := strings.Cut(name, ".")
	if id, ok := ParseIntrinsic("trace:" + rest); ok && word == "trace" {
		return id.String()
	}
	if scope, ok := namespaces[strings.ToLower(word)]; ok && dotted && rest != "" {
		return scope.String() + "." + name
	}
	return ""
}

// UsualName returns the field that people mostly mean by an attribute's name, as
// service is resource.service.name and duration the intrinsic; "" if nothing can
// be told.
func UsualName(name string) string {
	for _, prefix := range []string{"", "trace:", "span:"} {
		if id, ok := ParseIntrinsic(prefix + name); ok {
			return id.String()
		}
	}
	return usualField(name)
}

// nearIntrinsics are the intrinsics that name may have been meant to be. They are
// sure where one slip of a finger makes the first of them a name.
func nearIntrinsics(name string) (near []string, sure bool) {
	near = spelling.Nearest(name, Intrinsics(), 3)
	return near, len(near) > 0 && len(name) <= spelling.MaxBytes && spelling.Distance(strings.ToLower(name), strings.ToLower(near[0])) <= 1
}

// wordsOf are the words that are values of a type, in order.
func wordsOf(t Type) (words []string) {
	switch t {
	case TypeStatus:
		for s := clew.StatusUnset; s <= clew.StatusError; s++ {
			words = append(words, s.String())
		}
	case TypeKind:
		for k := clew.KindUnspecified; k <= clew.KindConsumer; k++ {
			words = append(words, k.String())
		}
	case TypeBool:
		words = []string{"true", "false"}
	}
	return words
}

// wordOf returns which word of a type a text may have been meant to be: ERROR,
// STATUS_CODE_ERROR, eror. It is "" if none is.
func wordOf(t Type, text string) string {
	text = strings.ToLower(text)
	switch t {
	case TypeStatus:
		text = strings.TrimPrefix(text, "status_code_")
	case TypeKind:
		text = strings.TrimPrefix(text, "span_kind_")
	}
	words := wordsOf(t)
	if n, err := strconv.Atoi(text); err == nil { // as in the protocol
		if t == TypeBool || n < 0 || n >= len(words) {
			return ""
		}
		return words[n]
	}
	for _, w := range words {
		if w == text {
			return w
		}
	}
	if _, other := parseKeyword(text); other {
		return ""
	}
	if near := spelling.Nearest(text, words, 2); len(near) == 1 {
		return near[0]
	}
	return ""
}

// nothing are the words of other languages for nil.
var nothing = map[string]bool{"null": true, "none": true, "undefined": true, "nil": true}

// unknownWord is the error at a word that is no value and no intrinsic.
func (p *parser) unknownWord() *Error {
	w := p.tok.text
	e := p.q.errorf(Syntax, p.tok.at, "unknown name %s", w)
	if p.left != nil {
		p.unknownValue(e, w)
		return e
	}
	if usual := usualField(w); usual != "" {
		e.Near = []string{usual}
		return e
	}
	if strings.EqualFold(w, "not") {
		e.Msg += "; not is written !( … )"
		return e
	}
	var sure bool
	if e.Near, sure = nearIntrinsics(w); sure {
		e.Near = e.Near[:1]
		return e
	}
	e.Msg += "; an attribute has a scope: span." + w + ", resource." + w + " or ." + w
	next := p.peek()
	if _, operator := binaryOps[next.text]; next.kind == tokSymbol && operator {
		return e // what is compared is no keyword
	}
	if near := wordOf(TypeBool, w); near != "" && len(e.Near) == 0 {
		e.Near = []string{near}
	}
	return e
}

// unknownValue says of a word to the right of a comparison what could be there.
func (p *parser) unknownValue(e *Error, w string) {
	t, err := p.q.typeOf(p.left)
	if err != nil {
		return // said later, and better
	}
	switch {
	case nothing[strings.ToLower(w)]:
		e.Near = []string{"nil"}
		return
	case t == TypeStatus || t == TypeKind || t == TypeBool:
		e.Msg += "; " + t.a() + " is " + oneOf(wordsOf(t))
	case t == TypeDuration:
		e.Msg += "; a duration is a number with a unit, such as 20ms"
		e.Near, _ = nearIntrinsics(w)
	case t.IsNumeric():
		e.Near, _ = nearIntrinsics(w)
	default:
		e.Msg += `; a text stands in double quotes: "` + w + `"`
		t = TypeBool
		if !strings.EqualFold(w, "true") && !strings.EqualFold(w, "false") {
			return
		}
	}
	if near := wordOf(t, w); near != "" {
		e.Near = []string{near}
	}
}
