package xray

import (
	"net/url"
	"slices"
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
	w.identity(doc, row, x.name())
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
	x.namespace()
	x.http()
	x.outcome()
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

// peek returns the text of the first of some attributes that is there, "" if none is.
func (x *foreign) peek(keys ...string) string {
	for _, key := range keys {
		if v, ok := x.attrs[key]; ok && v.Type == clew.TypeString && len(v.Bytes) > 0 {
			return string(v.Bytes)
		}
	}
	return ""
}

// take is peek for what the document then says elsewhere.
func (x *foreign) take(keys ...string) string {
	s := x.peek(keys...)
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

// of is peek for the resource.
func (x *foreign) of(key string) string {
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

func (x *foreign) calls() bool {
	return x.s.Kind == clew.KindClient || x.s.Kind == clew.KindProducer || x.s.Kind == clew.KindConsumer
}

// name is the name of whom the span is about: of the service itself where it serves, else of
// whom it asks.
func (x *foreign) name() string {
	serves := x.s.Kind == clew.KindServer
	name := ""
	if serves || x.s.Kind == clew.KindInternal && x.peek("aws.span.kind") == "LOCAL_ROOT" {
		name = x.peek("aws.local.service")
	}
	if x.calls() {
		name = x.peek("aws.remote.service")
	}
	if name == "" {
		name = x.peek("peer.service", "aws.service")
	}
	if name == "" {
		name = x.database()
	}
	if name == "" && (serves || !x.sub) {
		name = x.of(resourceName)
	}
	if name == "" {
		name = x.peek("rpc.service", "http.host", "server.address", "net.peer.name")
	}
	if name = goodName(name); name != "" {
		return name
	}
	if name = goodName(x.s.Name); name != "" {
		return name
	}
	return "span"
}

// database is the name of a database, with its host.
func (x *foreign) database() string {
	name := x.peek("db.namespace", "db.name")
	if name == "" {
		return ""
	}
	if u, err := url.Parse(strings.TrimPrefix(x.peek("db.connection_string"), "jdbc:")); err == nil && u.Hostname() != "" {
		return name + "@" + u.Hostname()
	}
	return name
}

// goodName leaves out of a name what X-Ray does not take.
func goodName(s string) string {
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

func (x *foreign) namespace() {
	switch {
	case x.peek("rpc.system") == "aws-api", x.peek("aws.service") != "":
		x.doc.setText("namespace", []byte("aws"))
	case x.sub && (x.s.Kind == clew.KindClient || x.s.Kind == clew.KindProducer):
		x.doc.setText("namespace", []byte("remote"))
	}
}

// http writes what was asked over HTTP, and the answer.
func (x *foreign) http() {
	method := x.take("http.request.method", "http.method")
	where := x.take("url.full", "http.url")
	if where == "" && method != "" {
		where = x.address()
	}
	setIf(x.doc, objRequest, "method", method)
	setIf(x.doc, objRequest, "url", where)
	setIf(x.doc, objRequest, "user_agent", x.take("user_agent.original", "http.user_agent"))
	if x.s.Kind == clew.KindServer && method != "" {
		setIf(x.doc, objRequest, "client_ip", x.take("client.address", "http.client_ip", "net.sock.peer.addr", "network.peer.address", "net.peer.ip"))
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

// address puts an URL together.
func (x *foreign) address() string {
	host := x.peek("http.host", "server.address", "net.host.name", "net.peer.name", "http.server_name")
	if host == "" {
		return ""
	}
	scheme := x.peek("url.scheme", "http.scheme")
	if scheme == "" {
		scheme = "http"
	}
	if port, ok := x.attrs["server.port"]; ok && port.Type == clew.TypeInt && !strings.Contains(host, ":") {
		host += ":" + port.String()
	}
	path := x.peek("url.path", "http.target", "http.route")
	if query := x.peek("url.query"); query != "" {
		path += "?" + query
	}
	return scheme + "://" + host + path
}

// outcome writes what went wrong: error for 4xx, throttle for 429, fault for all else.
func (x *foreign) outcome() {
	status := int64(0)
	for _, key := range []string{"http.response.status_code", "http.status_code"} {
		if v, ok := x.attrs[key]; ok && v.Type == clew.TypeInt {
			status = v.Int()
			break
		}
	}
	if x.s.Status == clew.StatusError {
		switch {
		case status == 429:
			x.doc.setBool("error", true)
			x.doc.setBool("throttle", true)
		case status >= 400 && status < 500:
			x.doc.setBool("error", true)
		default:
			x.doc.setBool("fault", true)
		}
	}
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
	x.doc.setTextIf("origin", x.origin())
	for i := range fields {
		f := &fields[i]
		if f.in < objAWS || f.in > objGateway || f.kind == kindObject || f.kind == kindLogs {
			continue
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
		if account := x.of(resourceAccount); account != "" {
			x.doc.object(objAWS).setText("account_id", []byte(account))
		}
		if sdk := x.of(resourceLanguage); sdk != "" {
			name := x.of("telemetry.sdk.name")
			if name == "" {
				name = "opentelemetry"
			}
			x.doc.object(objSDK).setText("sdk", []byte(name+" for "+sdk))
		}
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
	switch platform := x.of(resourcePlatform); f.in {
	case objEC2:
		return platform == "aws_ec2" || platform == "" && x.of(resourceProvider) == "aws"
	case objECS:
		return platform == "aws_ecs"
	case objEKS:
		return platform == "aws_eks"
	case objBeanstalk:
		return platform == "aws_elastic_beanstalk"
	}
	return true
}

func (x *foreign) origin() string {
	if s := x.take("aws.xray.origin"); s != "" || x.sub {
		return s
	}
	switch x.of(resourcePlatform) {
	case "aws_app_runner":
		return "AWS::AppRunner::Service"
	case "aws_eks":
		return "AWS::EKS::Container"
	case "aws_elastic_beanstalk":
		return "AWS::ElasticBeanstalk::Environment"
	case "aws_ecs":
		switch strings.ToLower(x.of("aws.ecs.launchtype")) {
		case "ec2":
			return "AWS::ECS::EC2"
		case "fargate":
			return "AWS::ECS::Fargate"
		}
		return "AWS::ECS::Container"
	case "aws_ec2":
		return "AWS::EC2::Instance"
	case "aws_lambda":
		return "AWS::Lambda::Function"
	}
	return ""
}

// sqlSystems are the databases that are asked in SQL.
var sqlSystems = []string{
	"cassandra", "cockroachdb", "db2", "derby", "edb", "firebird", "h2", "hsqldb", "mariadb", "microsoft.sql_server", "mssql", "mysql",
	"oracle", "oracle.db", "other_sql", "postgresql", "redshift", "sqlite", "sybase", "vertica",
}

// sql writes a query of a database.
func (x *foreign) sql() {
	system := x.peek("db.system.name", "db.system")
	if !slices.Contains(sqlSystems, strings.ToLower(system)) {
		return
	}
	setIf(x.doc, objSQL, "database_type", x.take("db.system.name", "db.system"))
	setIf(x.doc, objSQL, "sanitized_query", x.take("db.query.text", "db.statement"))
	setIf(x.doc, objSQL, "user", x.take("db.user"))
	server, name := x.take("db.connection_string"), x.take("db.namespace", "db.name")
	if server == "" {
		server = x.peek("server.address", "net.peer.name")
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
	if version := x.of(sharedVersion); version != "" {
		x.doc.object(objService).setText("version", []byte(version))
	}
}

// rest writes the attributes that are left: annotations where the span says that they are,
// else metadata, and a segment's resource with them.
func (x *foreign) rest() {
	annotated := map[string]bool{}
	for _, key := range textsOf(x.attrs[attrAnnotations]) {
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
			x.doc.object(objAnnotations).set(annotationKey(key), appendJSON(nil, v))
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

// annotationKey makes a key one that X-Ray takes.
func annotationKey(key string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.':
			return c
		}
		return '_'
	}, key)
}
