package zipkin

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/netip"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/format/zipkin"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// spanJSON is a span in Zipkin's model.
type spanJSON struct {
	TraceID        string            `json:"traceId"`
	ParentID       string            `json:"parentId,omitempty"`
	ID             string            `json:"id"`
	Kind           string            `json:"kind,omitempty"`
	Name           string            `json:"name,omitempty"`
	Timestamp      uint64            `json:"timestamp,omitempty"`
	Duration       uint64            `json:"duration,omitempty"`
	LocalEndpoint  endpoint          `json:"localEndpoint"`
	RemoteEndpoint *endpoint         `json:"remoteEndpoint,omitempty"`
	Annotations    []annotation      `json:"annotations,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	Debug          bool              `json:"debug,omitempty"`
	Shared         bool              `json:"shared,omitempty"`
}

type endpoint struct {
	ServiceName string `json:"serviceName,omitempty"`
	IPv4        string `json:"ipv4,omitempty"`
	IPv6        string `json:"ipv6,omitempty"`
	Port        int64  `json:"port,omitempty"`
}

type annotation struct {
	Timestamp uint64 `json:"timestamp"`
	Value     string `json:"value"`
}

// remoteKeys are the attributes that name whom a span asks, the first that it has
// counts, each with the one that has the port.
var remoteKeys = []struct{ name, port string }{
	{"peer.service", ""}, {"server.address", "server.port"}, {"net.peer.name", "net.peer.port"},
	{"network.peer.address", "network.peer.port"}, {"server.socket.domain", ""}, {"server.socket.address", "server.socket.port"},
	{"net.sock.peer.name", ""}, {"net.sock.peer.addr", "net.sock.peer.port"}, {"peer.hostname", ""}, {"peer.address", ""}, {"db.name", ""},
}

// edgeKeys are the attributes besides by which /remoteServices and /dependencies name what
// sends no spans of its own, as storage.Rollups says: a search finds the names that these
// list.
var edgeKeys = []string{"service.peer.name", "db.system.name", "db.system", "messaging.system"}

// spanOf translates a row.
func spanOf(r *span.Rows, row int) spanJSON {
	s := r.Span(row)
	out := spanJSON{
		TraceID: api.ShortTraceID(s.TraceID), ID: s.SpanID.String(), Name: api.Shown(s.Name), Timestamp: uint64(s.Start) / 1000,
		LocalEndpoint: endpoint{ServiceName: api.ServiceName(s.Resource.ServiceName())}, Tags: tagsOf(&s, r.Extra(row)),
	}
	if s.ParentID != 0 {
		out.ParentID = s.ParentID.String()
	}
	switch s.Kind {
	case clew.KindClient, clew.KindServer, clew.KindProducer, clew.KindConsumer:
		out.Kind = strings.ToUpper(s.Kind.String())
	}
	if s.End >= s.Start {
		out.Duration = max(1, uint64(s.End-s.Start)/1000)
	}
	out.Debug, out.Shared = isTrue(s.Attrs, zipkin.KeyDebug), isTrue(s.Attrs, zipkin.KeyShared)
	out.LocalEndpoint.at(s.Attrs, "network.local.address", "network.local.port", zipkin.KeyLocalIPv6)
	if s.Kind == clew.KindClient || s.Kind == clew.KindProducer {
		out.RemoteEndpoint = remoteOf(s.Attrs)
	} else {
		out.RemoteEndpoint = askerOf(s.Attrs)
	}
	lo, _ := r.Events(row)
	for i, e := range s.Events {
		out.Annotations = append(out.Annotations, annotation{uint64(e.Time) / 1000, eventText(e.Name, e.Attrs, r.EventExtra(lo+i))})
	}
	return out
}

// find returns the value of an attribute, one without a type if there is none.
func find(attrs []clew.Attr, key string) clew.Value {
	for _, a := range attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return clew.Value{}
}

// textAt returns an attribute that is a text, and port one that is a port; "" and 0 is
// none.
func textAt(attrs []clew.Attr, key string) string {
	if v := find(attrs, key); v.Type == clew.TypeString {
		return v.String()
	}
	return ""
}

func port(attrs []clew.Attr, key string) int64 {
	if v := find(attrs, key); v.Type == clew.TypeInt && v.Int() > 0 && v.Int() <= math.MaxUint16 {
		return v.Int()
	}
	return 0
}

func isTrue(attrs []clew.Attr, key string) bool {
	v := find(attrs, key)
	return v.Type == clew.TypeBool && v.Bool()
}

// setAddress sets the address of an endpoint if text is one.
func (e *endpoint) setAddress(text string) {
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return
	}
	if ip = ip.Unmap(); ip.Is4() {
		e.IPv4 = ip.String()
	} else {
		e.IPv6 = ip.String()
	}
}

// at sets the addresses of an endpoint and its port to those that attributes name.
func (e *endpoint) at(attrs []clew.Attr, address, portKey, second string) {
	e.setAddress(textAt(attrs, address))
	e.setAddress(textAt(attrs, second))
	e.Port = port(attrs, portKey)
}

// atPeer sets where the other side is.
func (e *endpoint) atPeer(attrs []clew.Attr) {
	e.at(attrs, "network.peer.address", "network.peer.port", zipkin.KeyRemoteIPv6)
}

// askerOf returns who asks a span, nil if it does not say.
func askerOf(attrs []clew.Attr) *endpoint {
	out := &endpoint{ServiceName: api.Shown(textAt(attrs, "peer.service"))}
	if out.atPeer(attrs); *out == (endpoint{}) {
		return nil
	}
	return out
}

// remoteOf returns whom a span asks, nil if it does not say.
func remoteOf(attrs []clew.Attr) *endpoint {
	for _, key := range remoteKeys {
		name := textAt(attrs, key.name)
		if name == "" {
			continue
		}
		out := &endpoint{ServiceName: api.Shown(name)}
		if key.port == "" {
			out.atPeer(attrs) // a name alone may have an address elsewhere
		}
		out.setAddress(name)
		if n := port(attrs, key.port); n != 0 {
			out.Port = n
		}
		return out
	}
	return nil
}

// tagsOf are a span's attributes and its resource's, as text, and what of it has no
// other place in the model. Of one key the span's own counts, of several the first.
func tagsOf(s *clew.Span, extra []byte) map[string]string {
	tags := make(map[string]string, len(s.Attrs)+len(s.Resource.Attrs))
	set := func(key, value string) {
		if key = api.Shown(key); !has(tags, key) {
			tags[key] = api.Shown(value)
		}
	}
	switch s.Status {
	case clew.StatusOK:
		set("otel.status_code", "OK")
	case clew.StatusError:
		set("otel.status_code", "ERROR")
		set("error", s.StatusMessage)
	}
	for _, a := range s.Attrs {
		if a.Key != zipkin.KeyShared && a.Key != zipkin.KeyDebug { // which have a place of their own
			set(a.Key, textOf(a.Value))
		}
	}
	// What cannot be read any more is left out.
	_ = otlp.EachExtra(extra, func(key string, v clew.Value) { set(key, textOf(v)) })
	if s.Scope.Name != "" {
		set("otel.scope.name", s.Scope.Name)
	}
	if s.Scope.Version != "" {
		set("otel.scope.version", s.Scope.Version)
	}
	for _, a := range s.Resource.Attrs {
		if a.Key != "service.name" {
			set(a.Key, textOf(a.Value))
		}
	}
	return tags
}

// textOf returns a value as text: arrays and maps as their JSON, bytes in base64.
func textOf(v clew.Value) string {
	if v.Type == clew.TypeOther {
		if o, err := otlp.Open(v); err == nil && o.Form == otlp.FormBytes {
			return base64.StdEncoding.EncodeToString(o.Bytes)
		}
	}
	return otlp.ValueText(v)
}

func has(tags map[string]string, key string) bool {
	_, ok := tags[key]
	return ok
}

// eventText is an event as the value of an annotation: its name, and if it has
// attributes, in quotes and followed by them, "cache miss": {"key":"cart:7"}.
func eventText(name string, attrs []clew.Attr, extra []byte) string {
	name = api.Shown(name)
	var b strings.Builder
	add := func(key string, v clew.Value) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quoted(api.Shown(key)) + ":" + valueJSON(v))
	}
	for _, a := range attrs {
		add(a.Key, a.Value)
	}
	// What cannot be read any more is left out.
	_ = otlp.EachExtra(extra, add)
	if b.Len() == 0 {
		return name
	}
	return quoted(name) + ": {" + b.String() + "}"
}

// valueJSON returns a value as plain JSON.
func valueJSON(v clew.Value) string {
	switch v.Type {
	case clew.TypeInt, clew.TypeBool:
		return v.String()
	case clew.TypeDouble:
		if text, err := json.Marshal(v.Double()); err == nil { // not of NaN and infinity
			return string(text)
		}
	case clew.TypeOther:
		if o, err := otlp.Open(v); err == nil && (o.Form == otlp.FormArray || o.Form == otlp.FormMap) {
			return otlp.ValueText(v)
		}
	}
	return quoted(api.Shown(textOf(v)))
}

// quoted returns text as a string of JSON, with characters of HTML as they are.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// writeTrace writes the spans of a trace as a list.
func writeTrace(w *api.JSONWriter, t *storage.Trace) {
	r := span.NewRows(t.Batch)
	w.Text("[")
	for i, row := range api.InOrder(t) {
		if i > 0 {
			w.Text(",")
		}
		w.Value(spanOf(r, int(row)))
	}
	w.Text("]")
}
