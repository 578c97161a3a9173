package xray

import (
	"net/url"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
)

// A Source is the attributes of a span that did not come as X-Ray, and of its resource.
type Source interface {
	// Text returns the first text that is there and not empty of some attributes of the
	// span, else "".
	Text(keys ...string) string
	// Value returns an attribute of the span.
	Value(key string) (clew.Value, bool)
	// Resource returns a text of the resource, "" if it has none.
	Resource(key string) string
}

// IsSubsegment reports whether a span that did not come as X-Ray is a subsegment: it has a
// parent, and serves and consumes nothing.
func IsSubsegment(kind clew.Kind, parent clew.SpanID) bool { return kind.Side() == 0 && parent != 0 }

// NameOf is the name of whom the span is about: of the service itself where it serves, else of
// whom it asks. The last resort is the span's own name.
func NameOf(s Source, kind clew.Kind, sub bool, own string) string {
	serves := kind == clew.KindServer
	name := ""
	if serves || kind == clew.KindInternal && s.Text("aws.span.kind") == "LOCAL_ROOT" {
		name = s.Text("aws.local.service")
	}
	if kind == clew.KindClient || kind == clew.KindProducer || kind == clew.KindConsumer {
		name = s.Text("aws.remote.service")
	}
	if name == "" {
		name = s.Text("peer.service", attrService)
	}
	if name == "" {
		name = database(s)
	}
	if name == "" && (serves || !sub) {
		name = s.Resource(resourceName)
	}
	if name == "" {
		name = s.Text("rpc.service", "http.host", "server.address", "net.peer.name")
	}
	if name = GoodName(name); name != "" {
		return name
	}
	if name = GoodName(own); name != "" {
		return name
	}
	return "span"
}

// database is the name of a database, with its host. One that is a number, as Redis counts them,
// names nobody.
func database(s Source) string {
	name := s.Text("db.namespace", "db.name")
	if strings.Trim(name, "0123456789") == "" {
		return ""
	}
	if u, err := url.Parse(strings.TrimPrefix(s.Text("db.connection_string"), "jdbc:")); err == nil && u.Hostname() != "" {
		return name + "@" + u.Hostname()
	}
	return name
}

// NamespaceOf says of a call whether it is to AWS (aws) or to somebody else (remote); it is ""
// of other spans.
func NamespaceOf(s Source, kind clew.Kind, sub bool) string {
	switch {
	case s.Text("rpc.system") == "aws-api", s.Text(attrService) != "":
		return "aws"
	case sub && (kind == clew.KindClient || kind == clew.KindProducer):
		return "remote"
	}
	return ""
}

// OriginOf is the kind of what a service runs on, "" if it does not say.
func OriginOf(s Source) string {
	switch s.Resource(resourcePlatform) {
	case "aws_app_runner":
		return "AWS::AppRunner::Service"
	case "aws_eks":
		return "AWS::EKS::Container"
	case "aws_elastic_beanstalk":
		return "AWS::ElasticBeanstalk::Environment"
	case "aws_ecs":
		switch strings.ToLower(s.Resource("aws.ecs.launchtype")) {
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

// HTTPStatusOf is the status of HTTP that was answered, 0 if there was none.
func HTTPStatusOf(s Source) int64 {
	for _, key := range [...]string{"http.response.status_code", "http.status_code"} {
		if v, ok := s.Value(key); ok && v.Type == clew.TypeInt {
			return v.Int()
		}
	}
	return 0
}

// OutcomeOf says what went wrong: the answer's status decides where there is one of 400 or
// more, else the span's.
func OutcomeOf(s Source, status clew.Status) (failed, throttle, fault bool) {
	switch code := HTTPStatusOf(s); {
	case code == 429:
		return true, true, false
	case code >= 400 && code < 500:
		return true, false, false
	case code >= 500:
		return false, false, true
	}
	return false, false, status == clew.StatusError
}

// AddressOf puts an URL together, "" if it is not known who was asked.
func AddressOf(s Source) string {
	host := s.Text("http.host", "server.address", "net.host.name", "net.peer.name", "http.server_name")
	if host == "" {
		return ""
	}
	scheme := s.Text("url.scheme", "http.scheme")
	if scheme == "" {
		scheme = "http"
	}
	if port, ok := s.Value("server.port"); ok && port.Type == clew.TypeInt && !strings.Contains(host, ":") {
		host += ":" + port.String()
	}
	path := s.Text("url.path", "http.target", "http.route")
	if query := s.Text("url.query"); query != "" {
		path += "?" + query
	}
	return scheme + "://" + host + path
}

// sqlSystems are the databases that are asked in SQL.
var sqlSystems = []string{
	"cassandra", "cockroachdb", "db2", "derby", "edb", "firebird", "h2", "hsqldb", "mariadb", "microsoft.sql_server", "mssql", "mysql",
	"oracle", "oracle.db", "other_sql", "postgresql", "redshift", "sqlite", "sybase", "vertica",
}

// IsSQL reports whether a database was asked in SQL.
func IsSQL(s Source) bool {
	return slices.Contains(sqlSystems, strings.ToLower(s.Text("db.system.name", "db.system")))
}
