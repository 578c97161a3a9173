package xray

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// foreign turns a span that did not come as X-Ray into a segment or subsegment. What becomes
// a part of the document is used up; all else is metadata.
type foreign struct {
	doc      *tree
	s        *clew.Span
	attrs    map[string]clew.Value
	order    []string
	resource map[string]clew.Value
	used     map[string]bool
	sub      bool
}

// translate writes a document of a span that came as something else.
func (w *family) translate(doc *tree, row int32, alone bool) {
	s := w.r.Span(int(row))
	x := foreign{doc: doc, s: &s, sub: w.rows[row].sub, used: make(map[string]bool)}
	x.gather(w.r, int(row))
	w.identity(doc, row, NameOf(&x, s.Kind, x.sub, s.Name))
	w.setTimes(doc, row, spelt, spelt)
	if w.r.Batch().Unfinished(int(row)) {
		doc.setBool("in_progress", true)
	}
	if alone || !x.sub {
		w.setTrace(doc, row, false)
		w.setParent(doc, row)
		if x.sub {
			doc.setText("type", []byte("subsegment"))
		}
	}
	x.doc.setTextIf("namespace", NamespaceOf(&x, s.Kind, x.sub))
	x.http()
	x.outcome()
	x.asked()
	x.aws()
	x.sql()
	x.service()
	setLinks(doc, s.Links)
	x.rest()
}

func (x *foreign) gather(r *span.Rows, row int) {
	x.attrs = make(map[string]clew.Value, len(x.s.Attrs))
	add := func(key string, v clew.Value) {
		if _, ok := x.attrs[key]; !ok {
			x.order = append(x.order, key)
		}
		x.attrs[key] = v
	}
	for _, a := range x.s.Attrs {
		add(a.Key, a.Value)
	}
	eachPair(r.Extra(row), add)
	x.resource = make(map[string]clew.Value, len(x.s.Resource.Attrs))
	for _, a := range x.s.Resource.Attrs {
		x.resource[a.Key] = a.Value
	}
}

// Text returns the text of the first of some attributes that is there, "" if none is.
func (x *foreign) Text(keys ...string) string {
	for _, key := range keys {
		if v, ok := x.attrs[key]; ok && v.Type == clew.TypeString && len(v.Bytes) > 0 {
			return string(v.Bytes)
		}
	}
	return ""
}

// take is Text for what the document then says elsewhere.
func (x *foreign) take(keys ...string) string {
	s := x.Text(keys...)
	for _, key := range keys {
		x.used[key] = x.used[key] || x.attrs[key].Type == clew.TypeString
	}
	return s
}

// takeValue takes the first of some attributes, of any type.
func (x *foreign) takeValue(keys ...string) (v clew.Value, ok bool) {
	for _, key := range keys {
		if v, ok := x.attrs[key]; ok {
			x.used[key] = true
			return v, true
		}
	}
	return v, false
}

// Value returns an attribute.
func (x *foreign) Value(key string) (v clew.Value, ok bool) {
	v, ok = x.attrs[key]
	return v, ok
}

// Resource is Text for the resource.
func (x *foreign) Resource(key string) string {
	if v, ok := x.resource[key]; ok && v.Type == clew.TypeString {
		return string(v.Bytes)
	}
	return ""
}

// setIf sets a text that is not empty.
func setIf(doc *tree, o object, key, s string) {
	if s != "" {
		doc.object(o).setText(key, []byte(s))
	}
}

// GoodName leaves out of a name what X-Ray does not take.
func GoodName(s string) string {
	n := 0
	return strings.Map(func(c rune) rune {
		good := c < utf8.RuneSelf && nameByte(byte(c)) || c >= utf8.RuneSelf && c != utf8.RuneError && unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.Z)
		if !good || n == maxNameRunes {
			return -1
		}
		n++
		return c
	}, s)
}

// http writes what was asked over HTTP, and the answer.
func (x *foreign) http() {
	method := x.take("http.request.method", "http.method")
	where := x.take("url.full", "http.url")
	if where == "" && method != "" {
		if where = AddressOf(x); where != "" {
			x.addressed()
		}
	}
	setIf(x.doc, objRequest, "method", method)
	setIf(x.doc, objRequest, "url", where)
	setIf(x.doc, objRequest, "user_agent", x.take("user_agent.original", "http.user_agent"))
	if x.s.Kind == clew.KindServer && method != "" {
		client := x.take("client.address", "http.client_ip", "net.sock.peer.addr", "network.peer.address", "net.peer.ip")
		setIf(x.doc, objRequest, "client_ip", client)
		if client != "" && x.forwarded() {
			x.doc.object(objRequest).setBool("x_forwarded_for", true)
		}
	}
	if v, ok := x.takeValue("aws.xray.x_forwarded_for"); ok && v.Type == clew.TypeBool {
		x.doc.object(objRequest).setBool("x_forwarded_for", v.Bool())
	}
	if v, ok := x.takeValue("http.response.status_code", "http.status_code"); ok && v.Type == clew.TypeInt {
		x.doc.object(objResponse).set("status", appendJSON(nil, v))
	}
	if v, ok := x.takeValue("http.response.body.size", "http.response_content_length"); ok && v.Type == clew.TypeInt {
		x.doc.object(objResponse).set("content_length", appendJSON(nil, v))
	}
}

// outcome writes what went wrong.
func (x *foreign) outcome() {
	failed, throttle, fault := OutcomeOf(x, x.s.Status)
	x.doc.setTrue("error", failed)
	x.doc.setTrue("throttle", throttle)
	x.doc.setTrue("fault", fault)
	var list []byte
	for i, e := range x.s.Events {
		if e.Name != eventName {
			continue
		}
		sep := byte(',')
		if list == nil {
			sep = '['
		}
		list = x.exception(append(list, sep), e.Attrs, i)
	}
	if list == nil && x.s.Status == clew.StatusError && x.s.StatusMessage != "" {
		list = x.exception([]byte{'['}, []clew.Attr{{Key: eventMessage, Value: clew.StringValue(x.s.StatusMessage)}}, 0)
	}
	if list != nil {
		x.doc.object(objCause).set("exceptions", append(list, ']'))
	}
}

// exception appends an exception. Its id is made of the span's, so that it is the same each
// time.
func (x *foreign) exception(dst []byte, attrs []clew.Attr, i int) []byte {
	one := new(tree)
	one.setText("id", []byte((x.s.SpanID ^ clew.SpanID(i+1)<<48).String()))
	var kind, message, trace []byte
	for _, a := range attrs {
		switch a.Key {
		case eventMessage:
			message = a.Value.Bytes
		case eventType:
			kind = a.Value.Bytes
		case eventTrace:
			trace = a.Value.Bytes
		}
		for k := range exceptionFields {
			if f := &exceptionFields[k]; f.attr == a.Key {
				one.set(f.name, appendJSON(nil, a.Value))
			}
		}
	}
	if raw, ok := parseStack(kind, message, trace); ok {
		one.set("stack", raw)
	} else if len(trace) > 0 {
		one.set("stack", plainStack(string(trace)))
	}
	return one.append(dst)
}

// plainStack has the lines of a stack trace as labels of frames: how these name file and line
// depends on the language.
func plainStack(trace string) []byte {
	raw := []byte{'['}
	for line := range strings.Lines(trace) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = append(appendString(append(raw, `{"label":`...), []byte(line)), '}')
	}
	return append(raw, ']')
}

// aws writes where the span ran, and what it asked of AWS.
func (x *foreign) aws() {
	x.doc.setTextIf("user", x.take("enduser.id", "user.id"))
	if own := x.take("aws.xray.origin"); own != "" || x.sub {
		x.doc.setTextIf("origin", own)
	} else {
		x.doc.setTextIf("origin", OriginOf(x))
	}
	for i := range fields {
		f := &fields[i]
		if f.in < objAWS || f.in > objGateway || f.kind == kindObject || f.kind == kindLogs || f.name == "remote_region" {
			continue // the region that was asked is region, once
		}
		key, ofResource := f.key()
		v, ok := x.resource[key]
		if !ofResource {
			v, ok = x.attrs[key]
		}
		if !ok || ofResource && !x.describes(f) {
			continue
		}
		if !ofResource {
			x.used[key] = true
		}
		x.doc.object(f.in).set(f.name, appendJSON(nil, v))
	}
	if !x.sub {
		if account := x.Resource(resourceAccount); account != "" {
			x.doc.object(objAWS).setText("account_id", []byte(account))
		}
		if sdk := x.Resource(resourceLanguage); sdk != "" {
			name := x.Resource("telemetry.sdk.name")
			if name == "" {
				name = "opentelemetry"
			}
			x.doc.object(objSDK).setText("sdk", []byte(name+" for "+sdk))
		}
	}
}

// setTrue sets a bool that is true.
func (t *tree) setTrue(key string, is bool) {
	if is {
		t.setBool(key, true)
	}
}

// setTextIf sets a text that is not empty.
func (t *tree) setTextIf(key, s string) {
	if s != "" {
		t.setText(key, []byte(s))
	}
}

// describes reports whether a resource's attribute is of the block that a field is in: the
// zone is of the machine, or of the task that runs there.
func (x *foreign) describes(f *field) bool {
	if x.sub {
		return false // the segment says it
	}
	switch platform := x.Resource(resourcePlatform); f.in {
	case objEC2:
		return platform == "aws_ec2" || platform == "" && x.Resource(resourceProvider) == "aws"
	case objECS:
		return platform == "aws_ecs"
	case objEKS:
		return platform == "aws_eks"
	case objBeanstalk:
		return platform == "aws_elastic_beanstalk"
	}
	return true
}

// sql writes a query of a database.
func (x *foreign) sql() {
	if !IsSQL(x) {
		return
	}
	setIf(x.doc, objSQL, "database_type", x.take("db.system.name", "db.system"))
	setIf(x.doc, objSQL, "sanitized_query", x.take("db.query.text", "db.statement"))
	setIf(x.doc, objSQL, "user", x.take("db.user"))
	server, name := x.take("db.connection_string"), x.take("db.namespace", "db.name")
	if server == "" {
		server = x.Text("server.address", "net.peer.name")
	}
	switch {
	case server != "" && name != "":
		server += "/" + name
	case server == "":
		server = name
	}
	setIf(x.doc, objSQL, "url", server)
}

func (x *foreign) service() {
	if version := x.Resource(sharedVersion); version != "" {
		x.doc.object(objService).setText("version", []byte(version))
	}
}

// rest writes the attributes that are left: annotations where the span says that they are,
// else metadata, and a segment's resource with them.
func (x *foreign) rest() {
	annotated := map[string]bool{}
	for _, key := range Texts(x.attrs[attrAnnotations]) {
		annotated[key] = true
	}
	x.used[attrAnnotations] = true
	for _, key := range x.order {
		if x.used[key] {
			continue
		}
		v := x.attrs[key]
		if ns, ok := strings.CutPrefix(key, prefixMetadata); ok && v.Type == clew.TypeString && isJSON(v.Bytes) {
			x.doc.object(objMetadata).set(ns, v.Bytes)
			continue
		}
		if annotated[key] && v.Type != clew.TypeOther {
			x.doc.object(objAnnotations).set(AnnotationKey(key), appendJSON(nil, v))
			continue
		}
		x.metadata().set(key, appendJSON(nil, v))
	}
	if x.sub {
		return
	}
	for _, a := range x.s.Resource.Attrs {
		x.metadata().set("otel.resource."+a.Key, appendJSON(nil, a.Value))
	}
}

func (x *foreign) metadata() *tree { return x.doc.object(objMetadata).child("default") }

// AnnotationKey makes a key one that X-Ray takes.
func AnnotationKey(key string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.':
			return c
		}
		return '_'
	}, key)
}
