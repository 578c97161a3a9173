package jaeger

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
)

// The model as protobuf, by the numbers of query_v2.proto.

// The types of tags.
const (
	typeBool   = 1
	typeInt    = 2
	typeFloat  = 3
	typeBinary = 4
)

// append appends a span with its process, a message: ids of processes mean something within
// a trace of JSON alone.
func (s *spanJSON) append(dst, process []byte) []byte {
	dst = s.ids.append(dst)
	dst = api.AppendText(dst, 3, s.OperationName)
	for i := range s.References {
		r := &s.References[i]
		one := r.ids.append(nil)
		if r.RefType == followsFrom {
			one = api.AppendNumber(one, 3, 1)
		}
		dst = api.AppendMessage(dst, 4, one)
	}
	dst = api.AppendNumber(dst, 5, uint64(s.Flags))
	dst = api.AppendMessage(dst, 6, appendTime(nil, uint64(s.start)))
	dst = api.AppendMessage(dst, 7, appendTime(nil, s.duration))
	dst = appendTags(dst, 8, s.Tags)
	for i := range s.Logs {
		l := &s.Logs[i]
		one := api.AppendMessage(nil, 1, appendTime(nil, uint64(l.time)))
		dst = api.AppendMessage(dst, 9, appendTags(one, 2, l.Fields))
	}
	dst = api.AppendMessage(dst, 10, process)
	for _, w := range s.Warnings {
		dst = api.AppendText(dst, 12, w)
	}
	return dst
}

func (i *ids) append(dst []byte) []byte {
	dst = api.AppendMessage(dst, 1, i.trace[:])
	dst = protowire.AppendVarint(protowire.AppendTag(dst, 2, protowire.BytesType), 8)
	for shift := 56; shift >= 0; shift -= 8 {
		dst = append(dst, byte(i.span>>shift))
	}
	return dst
}

// appendTime appends a Timestamp, or a Duration, which has the same fields.
func appendTime(dst []byte, nanos uint64) []byte {
	return api.AppendNumber(api.AppendNumber(dst, 1, nanos/1e9), 2, nanos%1e9)
}

func (p *process) append(dst []byte) []byte {
	return appendTags(api.AppendText(dst, 1, p.ServiceName), 2, p.Tags)
}

func appendTags(dst []byte, num protowire.Number, tags []tag) []byte {
	for i := range tags {
		dst = api.AppendMessage(dst, num, tags[i].append(nil))
	}
	return dst
}

func (t *tag) append(dst []byte) []byte {
	dst = api.AppendText(dst, 1, t.Key)
	switch v := t.exact; v.Type {
	case clew.TypeBool:
		return api.AppendNumber(api.AppendNumber(dst, 2, typeBool), 4, v.Bits)
	case clew.TypeInt:
		return api.AppendNumber(api.AppendNumber(dst, 2, typeInt), 5, v.Bits)
	case clew.TypeDouble:
		return api.AppendDouble(api.AppendNumber(dst, 2, typeFloat), 6, v.Double())
	case clew.TypeOther:
		if o, err := otlp.Open(v); err == nil && o.Form == otlp.FormBytes {
			return api.AppendMessage(api.AppendNumber(dst, 2, typeBinary), 7, o.Bytes)
		}
	}
	text, _ := t.Value.(string) // all others are written as text
	return api.AppendText(dst, 3, text)
}
