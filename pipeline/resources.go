package pipeline

import (
	"encoding/binary"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// serviceName is the attribute that names a service.
const serviceName = "service.name"

// unknownService begins the name that SDKs give to services without one.
const unknownService = "unknown_service"

// usualFrom are the attributes that say what a service without a name is: the owner of a
// pod before the pod, the family of a task of ECS, a function, a process.
var usualFrom = []string{
	"k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.cronjob.name", "k8s.job.name", "k8s.replicaset.name",
	"k8s.pod.name", "k8s.container.name", "aws.ecs.task.family", "aws.ecs.container.name", "faas.name", "container.name", "process.executable.name",
}

// names are the rules for names of services.
type names struct {
	exact map[string]string
	rules []nameRule
	from  []string
}

// nameRule is a rule by a regular expression; name may have $1.
type nameRule struct {
	match *regexp.Regexp
	name  string
}

// of returns the name of a service whose resource has these attributes, "" if it stays.
func (n *names) of(r *resource) string {
	had, _ := r.text(serviceName)
	name := had
	if name == "" || strings.HasPrefix(name, unknownService) {
		for _, key := range n.from {
			if v, ok := r.text(key); ok && v != "" {
				name = v
				break
			}
		}
	}
	if to, ok := n.exact[name]; ok {
		name = to
	} else if len(name) <= maxServiceName {
		for _, rule := range n.rules {
			if at := rule.match.FindStringSubmatchIndex(name); at != nil {
				name = string(rule.match.ExpandString(nil, rule.name, name, at))
				break
			}
		}
	}
	if name == had {
		return ""
	}
	return name
}

// resource is what a ResourceSpans message says of its resource. Its slices are of the
// request's memory.
type resource struct {
	pieces [][]byte // the messages it comes in: one, usually
	pairs  []pair
}

// pair is an attribute, as a KeyValue message, with its text if it has one.
type pair struct {
	raw    []byte
	key    string
	value  string
	isText bool
}

// text returns the last text of a key.
func (r *resource) text(key string) (string, bool) {
	for _, p := range slices.Backward(r.pairs) {
		if p.key == key {
			return p.value, p.isText
		}
	}
	return "", false
}

func (r *resource) has(key string) bool {
	return slices.ContainsFunc(r.pairs, func(p pair) bool { return p.key == key })
}

// set puts an attribute in place of those of its key.
func (r *resource) set(key string, v clew.Value) {
	r.pairs = slices.DeleteFunc(r.pairs, func(p pair) bool { return p.key == key })
	raw := wire.AppendAttr(nil, wire.ResourceAttributes, key, v)
	_, _, n := protowire.ConsumeTag(raw)
	msg, _ := protowire.ConsumeBytes(raw[n:])
	r.pairs = append(r.pairs, pair{raw: msg, key: key, value: string(v.Bytes), isText: v.Type == clew.TypeString})
}

// eachField calls do for each field of m: data is of those that have a length, raw is all
// of it.
func eachField(m []byte, do func(num protowire.Number, data, raw []byte) error) error {
	for i := 0; i < len(m); {
		num, typ, n := protowire.ConsumeTag(m[i:])
		if n < 0 {
			return notOTLP(n)
		}
		size := protowire.ConsumeFieldValue(num, typ, m[i+n:])
		if size < 0 {
			return notOTLP(size)
		}
		end := i + n + size
		var data []byte
		if typ == protowire.BytesType {
			data, _ = protowire.ConsumeBytes(m[i+n:])
			if data == nil {
				data = m[end:end]
			}
		}
		if err := do(num, data, m[i:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

func notOTLP(n int) error {
	return clew.Errorf(clew.Invalid, "the request is no OTLP protobuf: %w", protowire.ParseError(n))
}

// read reads the resource of a ResourceSpans message.
func (r *resource) read(m []byte) error {
	r.pieces, r.pairs = r.pieces[:0], r.pairs[:0]
	return eachField(m, func(num protowire.Number, data, _ []byte) error {
		if num != wire.ResourceSpansResource || data == nil {
			return nil
		}
		r.pieces = append(r.pieces, data)
		return eachField(data, func(num protowire.Number, data, _ []byte) error {
			if num != wire.ResourceAttributes || data == nil {
				return nil
			}
			p := pair{raw: data}
			err := eachField(data, func(num protowire.Number, data, _ []byte) error {
				switch {
				case num == wire.PairKey && data != nil:
					p.key = string(data)
				case num == wire.PairValue && data != nil:
					return eachField(data, func(num protowire.Number, data, _ []byte) error {
						p.isText = num == wire.ValueString && data != nil
						p.value = string(data)
						return nil
					})
				}
				return nil
			})
			r.pairs = append(r.pairs, p)
			return err
		})
	})
}

// attributesOfOne returns how many attributes that resource of a request has which has most.
func attributesOfOne(body []byte) (most int64) {
	_ = eachField(body, func(num protowire.Number, data, _ []byte) error { // what is wrong is told by who reads it
		if num != wire.RequestResourceSpans {
			return nil
		}
		n := int64(0)
		_ = eachField(data, func(num protowire.Number, data, _ []byte) error {
			if num != wire.ResourceSpansResource {
				return nil
			}
			return eachField(data, func(num protowire.Number, _, _ []byte) error {
				if num == wire.ResourceAttributes {
					n++
				}
				return nil
			})
		})
		most = max(most, n)
		return nil
	})
	return most
}

// append appends the resource as a field of ResourceSpans.
func (r *resource) append(dst []byte) ([]byte, error) {
	dst, mark := wire.Open(dst, wire.ResourceSpansResource)
	for _, p := range r.pairs {
		dst = wire.AppendBytes(dst, wire.ResourceAttributes, p.raw)
	}
	for _, piece := range r.pieces { // what else it has
		err := eachField(piece, func(num protowire.Number, _, raw []byte) error {
			if num != wire.ResourceAttributes {
				dst = append(dst, raw...)
			}
			return nil
		})
		if err != nil {
			return dst, err
		}
	}
	return wire.Close(dst, mark), nil
}

// resources appends to dst what a request comes to with the names of its services and
// what tables add. If changed is false, that is the request, and dst is empty.
func (p *Pipeline) resources(dst, body []byte) (out []byte, changed bool, err error) {
	var r resource
	at := 0 // body up to here is in dst, or left out
	i := 0
	err = eachField(body, func(num protowire.Number, data, raw []byte) error {
		begin := i
		i += len(raw)
		if num != wire.RequestResourceSpans || data == nil {
			return nil
		}
		if err := r.read(data); err != nil || !p.enrich(&r) {
			return err
		}
		dst = append(dst, body[at:begin]...)
		at = i
		dst = binary.AppendUvarint(dst, wire.RequestResourceSpans<<3|uint64(protowire.BytesType))
		start := len(dst)
		made, err := r.append(nil)
		if err != nil {
			return err
		}
		rest := 0
		each := func(do func(raw []byte)) error {
			return eachField(data, func(num protowire.Number, data, raw []byte) error {
				if num != wire.ResourceSpansResource || data == nil {
					do(raw)
				}
				return nil
			})
		}
		_ = each(func(raw []byte) { rest += len(raw) }) // read before
		dst = binary.AppendUvarint(dst[:start], uint64(len(made)+rest))
		dst = append(dst, made...)
		return each(func(raw []byte) { dst = append(dst, raw...) })
	})
	if err != nil || at == 0 {
		return dst[:0], false, err
	}
	return append(dst, body[at:]...), true, nil
}

// enrich names the service of a resource, and adds to it what tables have. It reports
// whether anything changed.
func (p *Pipeline) enrich(r *resource) bool {
	changed := false
	if p.names != nil {
		if name := p.names.of(r); name != "" {
			r.set(serviceName, textValue(name))
			p.counts.Renamed.Add(1)
			changed = true
		}
	}
	for _, l := range p.lookups {
		if n := l.enrich(r); n > 0 {
			p.counts.Added.Add(int64(n))
			changed = true
		}
	}
	return changed
}

func textValue(s string) clew.Value { return clew.Value{Type: clew.TypeString, Bytes: []byte(s)} }
