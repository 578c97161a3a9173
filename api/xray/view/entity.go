package view

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
)

// facts are the attributes of one row, and of its resource. They are an xray.Source.
type facts struct {
	keys     []string
	values   []clew.Value
	at       map[string]int // where there are more than fewAttrs
	resource []clew.Attr
}

func (f *facts) add(key string, v clew.Value) {
	f.keys, f.values = append(f.keys, key), append(f.values, v)
	if len(f.keys) > fewAttrs {
		if len(f.at) == 0 {
			if f.at == nil {
				f.at = make(map[string]int)
			}
			for i, k := range f.keys {
				f.at[k] = i
			}
		}
		f.at[key] = len(f.keys) - 1
	}
}

// Value implements xray.Source.
func (f *facts) Value(key string) (v clew.Value, ok bool) {
	if len(f.keys) > fewAttrs {
		if i, ok := f.at[key]; ok {
			return f.values[i], true
		}
		return v, false
	}
	for i, k := range f.keys {
		if k == key {
			return f.values[i], true
		}
	}
	return v, false
}

// Text implements xray.Source.
func (f *facts) Text(keys ...string) string {
	for _, key := range keys {
		if b := f.bytes(key); len(b) > 0 {
			return string(b)
		}
	}
	return ""
}

func (f *facts) bytes(key string) []byte {
	if v, ok := f.Value(key); ok && v.Type == clew.TypeString {
		return v.Bytes
	}
	return nil
}

// truth reports whether an attribute is true.
func (f *facts) truth(key string) bool {
	v, ok := f.Value(key)
	return ok && v.Type == clew.TypeBool && v.Bool()
}

// first is the first text of a list.
func (f *facts) first(key string) string {
	if v, ok := f.Value(key); ok {
		if list := xray.Texts(v); len(list) > 0 {
			return list[0]
		}
	}
	return ""
}

// Resource implements xray.Source.
func (f *facts) Resource(key string) string {
	for i := range f.resource {
		if a := &f.resource[i]; a.Key == key && a.Value.Type == clew.TypeString {
			return string(a.Value.Bytes)
		}
	}
	return ""
}

// resource is what the resource of a row says of where it ran.
type resource struct {
	name, origin, account, arn, zone, instance string
}

// resource reads a resource, once.
func (b *Builder) resource(n uint32) *resource {
	if r, ok := b.resources[n]; ok {
		return r
	}
	f := facts{resource: b.rows.Batch().Resources[n].Attrs}
	r := &resource{
		name: xray.GoodName(f.Resource("service.name")), origin: xray.OriginOf(&f), account: f.Resource("cloud.account.id"),
		arn: f.Resource("aws.xray.resource_arn"), zone: f.Resource("cloud.availability_zone"), instance: f.Resource("host.id"),
	}
	b.resources[n] = r
	return r
}

// entity reads a row.
func (b *Builder) entity(row int) Entity {
	batch := b.rows.Batch()
	f := &b.facts
	f.keys, f.values = f.keys[:0], f.values[:0]
	clear(f.at)
	b.rows.Attrs(row, f.add)
	f.resource = batch.Resources[batch.Resource[row]].Attrs
	kind := clew.Kind(batch.Kind[row])
	e := Entity{
		Row: row, ID: clew.SpanID(batch.SpanID[row]), ParentID: clew.SpanID(batch.ParentID[row]),
		Parent: None, Segment: None, First: None, Next: None, Answer: None,
		Start: clew.UnixNanos(batch.Start[row]), End: batch.End(row), InProgress: batch.Unfinished(row),
	}
	if e.InProgress {
		e.End = e.Start
	}
	own := batch.Names.At(int(batch.Name[row]))
	if form := f.bytes("aws.xray.form"); len(form) > 0 {
		e.Born = true
		word, _, _ := strings.Cut(string(form), " ")
		e.IsSegment = word == "segment"
		e.Name = b.name(own)
		b.born(&e, f)
	} else {
		e.IsSegment = !xray.IsSubsegment(kind, e.ParentID)
		e.Name = xray.NameOf(f, kind, !e.IsSegment, string(own))
		e.Namespace = xray.NamespaceOf(f, kind, !e.IsSegment)
		e.SQL = xray.IsSQL(f)
		e.Error, e.Throttle, e.Fault = xray.OutcomeOf(f, clew.Status(batch.Status[row]))
		e.HTTP.URL = f.Text("url.full", "http.url")
		if e.HTTP.URL == "" && f.Text("http.request.method", "http.method") != "" {
			e.HTTP.URL = xray.AddressOf(f)
		}
		if kind == clew.KindServer {
			e.HTTP.ClientIP = f.Text("client.address", "http.client_ip", "net.sock.peer.addr", "network.peer.address", "net.peer.ip")
		}
	}
	e.HTTP.Status = xray.HTTPStatusOf(f)
	e.HTTP.Method = f.Text("http.request.method", "http.method")
	e.HTTP.UserAgent = f.Text("user_agent.original", "http.user_agent")
	e.User = f.Text("enduser.id", "user.id")
	e.Operation = f.Text("aws.operation", "rpc.method")
	if e.IsSegment {
		b.segment(&e, f, b.resource(batch.Resource[row]))
	} else if e.IsCall() {
		b.call(&e, f)
	}
	return e
}

// name is a text of which there are few.
func (b *Builder) name(text []byte) string {
	if s, ok := b.names[string(text)]; ok {
		return s
	}
	s := string(text)
	b.names[s] = s
	return s
}

// born reads what came as X-Ray.
func (b *Builder) born(e *Entity, f *facts) {
	e.Namespace = b.name(f.bytes("aws.xray.namespace"))
	e.Error, e.Throttle, e.Fault = f.truth("aws.xray.error"), f.truth("aws.xray.throttle"), f.truth("aws.xray.fault")
	e.Inferred = f.truth("aws.xray.inferred")
	e.HTTP.URL, e.HTTP.ClientIP = f.Text("http.url"), f.Text("http.client_ip")
	for _, key := range [...]string{"db.system", "db.statement", "db.connection_string", "aws.xray.sql.url", "aws.xray.sql.connection_string"} {
		e.SQL = e.SQL || len(f.bytes(key)) > 0
	}
}

// segment says who a segment is, and where it ran.
func (b *Builder) segment(e *Entity, f *facts, r *resource) {
	origin := f.Text("aws.xray.origin")
	account := f.Text("aws.account_id")
	if origin == "" && !e.Born {
		origin = r.origin
	}
	if account == "" {
		account = r.account
	}
	e.Node = Node{e.Name, origin, account}
	e.ResourceARN, e.Zone, e.Instance = r.arn, r.zone, r.instance
	if e.Inferred && origin == "" {
		e.Node.Type = TypeRemote
	}
}
