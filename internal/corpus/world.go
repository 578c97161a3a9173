package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The scopes that every service's spans come from, by the place in a request
// they instrument.
const (
	scopeServer = iota
	scopeClient
	scopeApp
	scopesPerService
)

// podsPerService is how many replicas send spans for each service.
const podsPerService = 3

// serviceSpec is one service of the shop as a table row.
type serviceSpec struct {
	name, language, database string
	// operations are "METHOD /route", four each.
	operations [4]string
	// calls names the services that this one asks.
	calls []string
	// topic is where the service sends messages; consumer reads them.
	topic, consumer string
}

var shop = []serviceSpec{
	{"frontend", "nodejs", "redis", [4]string{"GET /", "GET /product/{id}", "POST /cart", "POST /checkout"}, []string{"catalog", "cart", "checkout", "recommendation", "search", "orders"}, "page-views", "analytics"},
	{"mobile-gateway", "go", "redis", [4]string{"GET /m/v2/home", "GET /m/v2/item/{id}", "POST /m/v2/basket", "POST /m/v2/order"}, []string{"auth", "catalog", "cart", "checkout", "search", "orders", "payment"}, "page-views", "analytics"},
	{"catalog", "go", "postgresql", [4]string{"GET /api/products", "GET /api/products/{id}", "GET /api/categories/{id}", "POST /api/products/batch"}, []string{"pricing", "inventory", "reviews", "search", "payment"}, "catalog-changes", "search"},
	{"cart", "dotnet", "redis", [4]string{"GET /api/cart/{id}", "POST /api/cart/{id}/items", "DELETE /api/cart/{id}/items", "PUT /api/cart/{id}"}, []string{"pricing", "inventory", "catalog", "shipping"}, "cart-events", "analytics"},
	{"checkout", "go", "postgresql", [4]string{"POST /api/checkout", "GET /api/checkout/{id}", "POST /api/checkout/{id}/confirm", "DELETE /api/checkout/{id}"}, []string{"cart", "payment", "shipping", "orders", "currency", "auth", "fraud", "notification"}, "orders", "fulfilment"},
	{"payment", "java", "postgresql", [4]string{"POST /api/charge", "POST /api/refund", "GET /api/charge/{id}", "POST /api/authorize"}, []string{"fraud", "currency", "auth"}, "payments", "analytics"},
	{"shipping", "rust", "mysql", [4]string{"POST /api/quote", "POST /api/shipments", "GET /api/shipments/{id}", "PUT /api/shipments/{id}"}, []string{"inventory", "fulfilment", "notification"}, "shipments", "notification"},
	{"orders", "java", "postgresql", [4]string{"POST /api/orders", "GET /api/orders/{id}", "GET /api/orders", "PUT /api/orders/{id}/state"}, []string{"inventory", "shipping", "users", "fulfilment", "notification"}, "orders", "fulfilment"},
	{"inventory", "go", "mysql", [4]string{"GET /api/stock/{id}", "POST /api/stock/reserve", "POST /api/stock/release", "GET /api/warehouses/{id}"}, []string{"fulfilment"}, "stock-changes", "search"},
	{"pricing", "python", "redis", [4]string{"GET /api/price/{id}", "POST /api/price/batch", "GET /api/discounts/{id}", "POST /api/quote"}, []string{"currency"}, "", ""},
	{"currency", "nodejs", "redis", [4]string{"GET /api/rates", "POST /api/convert", "GET /api/currencies", "GET /api/rates/{id}"}, nil, "", ""},
	{"recommendation", "python", "mongodb", [4]string{"GET /api/recommend/{id}", "POST /api/recommend", "GET /api/similar/{id}", "POST /api/feedback"}, []string{"catalog", "users"}, "feedback", "analytics"},
	{"search", "java", "mongodb", [4]string{"GET /api/search", "GET /api/suggest", "POST /api/index", "GET /api/facets/{id}"}, []string{"pricing", "reviews", "recommendation"}, "", ""},
	{"reviews", "python", "mongodb", [4]string{"GET /api/reviews/{id}", "POST /api/reviews", "GET /api/ratings/{id}", "DELETE /api/reviews/{id}"}, []string{"users"}, "reviews", "notification"},
	{"users", "dotnet", "postgresql", [4]string{"GET /api/users/{id}", "POST /api/users", "PUT /api/users/{id}", "GET /api/users/{id}/addresses"}, []string{"notification"}, "user-changes", "analytics"},
	{"auth", "rust", "redis", [4]string{"POST /oauth/token", "POST /oauth/introspect", "GET /api/sessions/{id}", "DELETE /api/sessions/{id}"}, []string{"users", "fraud"}, "logins", "analytics"},
	{"fraud", "python", "mongodb", [4]string{"POST /api/score", "GET /api/rules", "GET /api/cases/{id}", "POST /api/cases"}, []string{"users", "orders"}, "fraud-cases", "analytics"},
	{"fulfilment", "dotnet", "mysql", [4]string{"POST /api/pick", "POST /api/pack", "GET /api/parcels/{id}", "PUT /api/parcels/{id}"}, []string{"inventory", "shipping"}, "shipments", "notification"},
	{"notification", "nodejs", "redis", [4]string{"POST /api/mail", "POST /api/push", "GET /api/templates/{id}", "POST /api/sms"}, []string{"users"}, "", ""},
	{"analytics", "python", "mongodb", [4]string{"POST /api/events", "GET /api/reports/{id}", "POST /api/reports", "GET /api/funnels/{id}"}, nil, "", ""},
}

// entries are the services where traces begin.
var entries = [...]string{"frontend", "mobile-gateway"}

// service is a serviceSpec compiled to what the walk needs.
type service struct {
	name     string
	calls    []int
	consumer int    // index of the consumer's service; -1: sends no messages
	sendHead []byte // name and constant attributes of producer spans
	readHead []byte // the same of the spans in which consumer reads topic
	ops      []operation
	queries  []head
	work     []head
	errors   []failure
	pods     [podsPerService][]byte // encoded ResourceSpans.resource fields
	scopes   [scopesPerService][]byte
	own      []string // attribute keys of the wide corpus, nobody else's
}

// head is the constant part of a span: its encoded name and attributes.
type head struct {
	name, attrs []byte
	medianNanos float64
}

// operation is one HTTP operation with both its sides.
type operation struct {
	server, client head
	path           string // the route up to its parameter
	suffix         string // and after it
	hasID, hasBody bool   // the route has a parameter, the method a body
	url            string // scheme and host
}

// failure is one way to break: an exception event's type, the two halves of
// its message around a number, and its stack trace.
type failure struct {
	kind, before, after, stack string
}

// buildWorld compiles the shop. Everything constant is encoded here, once, so
// that writing a span is mostly copying. r decides what a real deployment's
// history would have: pod names, stack traces, medians.
func buildWorld(r *rand.Rand, wide bool) []service {
	index := make(map[string]int, len(shop))
	for i := range shop {
		index[shop[i].name] = i
	}
	services := make([]service, len(shop))
	for i := range shop {
		spec, s := &shop[i], &services[i]
		s.name = spec.name
		for _, callee := range spec.calls {
			s.calls = append(s.calls, index[callee])
		}
		for _, op := range spec.operations {
			s.ops = append(s.ops, buildOperation(r, spec.name, op))
		}
		s.queries = buildQueries(r, spec)
		s.work = buildWork(r, spec)
		s.consumer = -1
		if spec.topic != "" {
			s.consumer = index[spec.consumer]
			s.sendHead, s.readHead = buildMessaging(spec)
		}
		for k := range 2 {
			s.errors = append(s.errors, buildFailure(r, spec, (2*i+k)%len(faults)))
		}
		for p := range s.pods {
			s.pods[p] = buildResource(r, spec, i, p)
		}
		for k, name := range scopeNames(spec.language) {
			scope := appendField(appendField(nil, 0x0a, name), 0x12, "0.61.0")
			s.scopes[k] = appendField(nil, tagScope, string(scope))
		}
		if wide {
			for k := range ownKeys {
				s.own = append(s.own, fmt.Sprintf("app.%s.%s", strings.ReplaceAll(spec.name, "-", "_"), ownNames[k]))
			}
		}
	}
	return services
}

func buildOperation(r *rand.Rand, service, op string) operation {
	method, route, _ := strings.Cut(op, " ")
	path, suffix, hasID := strings.Cut(route, "{id}")
	o := operation{path: path, suffix: suffix, hasID: hasID, hasBody: method == "POST" || method == "PUT", url: "http://" + service + ".shop.svc.cluster.local:8080"}
	host := service + ".shop.svc.cluster.local"
	o.server.medianNanos = 0.3e6 * float64(1+r.IntN(24))
	o.server.name = appendField(nil, tagName, op)
	a := attrString(nil, tagAttr, "http.request.method", method)
	a = attrString(a, tagAttr, "http.route", route)
	a = attrString(a, tagAttr, "url.scheme", "http")
	a = attrString(a, tagAttr, "server.address", host)
	o.server.attrs = attrString(a, tagAttr, "network.protocol.version", "1.1")
	o.client.name = appendField(nil, tagName, method)
	a = attrString(nil, tagAttr, "http.request.method", method)
	a = attrString(a, tagAttr, "server.address", host)
	a = attrInt(a, tagAttr, "server.port", 8080)
	o.client.attrs = attrString(a, tagAttr, "network.protocol.version", "1.1")
	return o
}

var tableNames = [...]string{"items", "events", "links"}

func buildQueries(r *rand.Rand, spec *serviceSpec) []head {
	type query struct{ verb, text string }
	var queries []head
	for _, suffix := range tableNames {
		table := strings.ReplaceAll(spec.name, "-", "_") + "_" + suffix
		forms := []query{
			{"SELECT", "SELECT id, state, payload, updated_at FROM " + table + " WHERE id = $1 AND deleted_at IS NULL"},
			{"UPDATE", "UPDATE " + table + " SET state = $2, updated_at = now() WHERE id = $1"},
		}
		switch spec.database {
		case "redis":
			forms = []query{{"HGETALL", "HGETALL " + table + ":?"}, {"SETEX", "SETEX " + table + ":? ? ?"}}
		case "mongodb":
			forms = []query{{"find", `{"find": "` + table + `", "filter": {"_id": "?"}}`}, {"insert", `{"insert": "` + table + `", "documents": ["?"]}`}}
		}
		for _, q := range forms {
			h := head{name: appendField(nil, tagName, q.verb+" "+table), medianNanos: 0.2e6 * float64(1+r.IntN(16))}
			a := attrString(nil, tagAttr, "db.system.name", spec.database)
			a = attrString(a, tagAttr, "db.namespace", spec.name)
			a = attrString(a, tagAttr, "db.operation.name", q.verb)
			a = attrString(a, tagAttr, "db.collection.name", table)
			a = attrString(a, tagAttr, "db.query.text", q.text)
			a = attrString(a, tagAttr, "server.address", spec.database+"-"+spec.name+".data.svc.cluster.local")
			a = attrInt(a, tagAttr, "server.port", int64(5000+r.IntN(3000)))
			h.attrs = a
			queries = append(queries, h)
		}
	}
	return queries
}

func buildWork(r *rand.Rand, spec *serviceSpec) []head {
	var work []head
	for _, verb := range [...]string{"validate", "render", "aggregate"} {
		name := verb + " " + spec.name
		h := head{name: appendField(nil, tagName, name), medianNanos: 0.1e6 * float64(1+r.IntN(20))}
		a := attrString(nil, tagAttr, "code.function.name", spec.name+".internal."+verb+".Run")
		a = attrInt(a, tagAttr, "code.line.number", int64(20+r.IntN(400)))
		a = attrString(a, tagAttr, "app.component", verb+"-"+spec.language)
		h.attrs = a
		work = append(work, h)
	}
	return work
}

func buildMessaging(spec *serviceSpec) (send, read []byte) {
	common := attrString(nil, tagAttr, "messaging.system", "kafka")
	common = attrString(common, tagAttr, "messaging.destination.name", spec.topic)
	send = appendField(nil, tagName, "send "+spec.topic)
	send = append(send, tagKind, 4)
	send = append(send, common...)
	send = attrString(send, tagAttr, "messaging.operation.name", "send")
	read = appendField(nil, tagName, "process "+spec.topic)
	read = append(read, tagKind, 5)
	read = append(read, common...)
	read = attrString(read, tagAttr, "messaging.operation.name", "process")
	read = attrString(read, tagAttr, "messaging.consumer.group.name", spec.consumer+"-workers")
	return send, read
}

func buildResource(r *rand.Rand, spec *serviceSpec, service, pod int) []byte {
	a := attrString(nil, 0x0a, "service.name", spec.name)
	a = attrString(a, 0x0a, "service.namespace", "shop")
	a = attrString(a, 0x0a, "service.version", fmt.Sprintf("%d.%d.%d", 1+service%3, service*7%20, pod))
	podName := fmt.Sprintf("%s-%08x-%05x", spec.name, r.Uint32(), r.Uint32N(1<<20))
	a = attrString(a, 0x0a, "service.instance.id", "shop."+podName+"."+spec.name)
	a = attrString(a, 0x0a, "deployment.environment.name", "production")
	a = attrString(a, 0x0a, "telemetry.sdk.name", "opentelemetry")
	a = attrString(a, 0x0a, "telemetry.sdk.language", spec.language)
	a = attrString(a, 0x0a, "telemetry.sdk.version", "1.38.0")
	a = attrString(a, 0x0a, "k8s.pod.name", podName)
	a = attrString(a, 0x0a, "k8s.node.name", fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", r.IntN(4), 1+r.IntN(250)))
	a = attrString(a, 0x0a, "host.arch", "amd64")
	a = attrInt(a, 0x0a, "process.pid", int64(1+r.IntN(60)))
	return appendField(nil, tagResource, string(a))
}

func scopeNames(language string) [scopesPerService]string {
	switch language {
	case "go":
		return [...]string{"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "github.com/XSAM/otelsql", "shop/internal/app"}
	case "java":
		return [...]string{"io.opentelemetry.tomcat-10.0", "io.opentelemetry.jdbc", "com.example.shop"}
	case "python":
		return [...]string{"opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.dbapi", "shop.app"}
	case "nodejs":
		return [...]string{"@opentelemetry/instrumentation-http", "@opentelemetry/instrumentation-ioredis", "shop-app"}
	}
	return [...]string{language + ".server", language + ".client", language + ".app"}
}

// faults are the exceptions of the shop; each service has two of them, with
// stack traces of its own.
var faults = [...]failure{
	{kind: "java.sql.SQLTransientConnectionException", before: "HikariPool-1 - Connection is not available, request timed out after ", after: "ms"},
	{kind: "TimeoutError", before: "deadline exceeded after ", after: " ms while waiting for upstream"},
	{kind: "ValidationError", before: "order ", after: " has no shipping address"},
	{kind: "io.grpc.StatusRuntimeException", before: "UNAVAILABLE: connection reset on stream ", after: ""},
	{kind: "KeyError", before: "no price for article ", after: " in list default"},
	{kind: "System.InvalidOperationException", before: "Basket ", after: " was changed by another request"},
	{kind: "*errors.errorString", before: "redis: attempt ", after: " failed: i/o timeout"},
}

func buildFailure(r *rand.Rand, spec *serviceSpec, fault int) failure {
	f := faults[fault]
	verbs := [...]string{"handle", "load", "convert", "authorize", "dispatch", "commit", "resolve", "flush"}
	var b strings.Builder
	for b.Len() < 1200 {
		verb := verbs[r.IntN(len(verbs))]
		fmt.Fprintf(&b, "\tat com.example.%s.%s.%sService.%s(%sService.java:%d)\n",
			strings.ReplaceAll(spec.name, "-", ""), verbs[r.IntN(len(verbs))], strings.ToUpper(verb[:1])+verb[1:], verb, verb, 10+r.IntN(900))
	}
	f.stack = f.kind + ": " + f.before + "\n" + b.String()
	return f
}

// ownKeys is how many attributes of its own each service has in the wide
// corpus: 20 services with 15 each make 300 sparse keys.
const ownKeys = 15

var ownNames = [ownKeys]string{"cache_tier", "retry_budget", "shard", "experiment", "is_canary", "queue_depth", "region_hint",
	"score", "batch_id", "feature_flag", "quota_left", "is_vip", "partition", "latency_class", "source_document"}
