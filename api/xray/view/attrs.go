package view

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/span"
)

const (
	attrAnnotations  = "aws.xray.annotations"
	prefixAnnotation = "aws.xray.annotation."
)

// Annotations calls f for the annotations of an entity: of what came as X-Ray those of the
// document, of other spans the attributes that they name in aws.xray.annotations.
func (t *Trace) Annotations(place int, f func(key string, v clew.Value)) {
	e := &t.Entities[place]
	if e.Row == None {
		return
	}
	var listed map[string]bool
	t.rows.Attrs(e.Row, func(key string, v clew.Value) {
		if key == attrAnnotations {
			listed = make(map[string]bool)
			for _, k := range xray.Texts(v) {
				listed[k] = true
			}
		}
	})
	if listed == nil {
		return
	}
	t.rows.Attrs(e.Row, func(key string, v clew.Value) {
		if v.Type == clew.TypeOther {
			return
		}
		if own, ok := strings.CutPrefix(key, prefixAnnotation); ok && listed[own] {
			f(own, v)
		} else if listed[key] && key != attrAnnotations {
			if !e.Born {
				key = xray.AnnotationKey(key)
			}
			f(key, v)
		}
	})
}

// FindAnnotations calls f for what an expression finds under each key of annotations that is
// wanted: the annotations of what came as X-Ray; of other spans any attributes of the span by
// their names, or by their names with _ for what is no letter or digit. key is as it is wanted.
func (t *Trace) FindAnnotations(place int, wanted func(key string) bool, f func(key string, v clew.Value)) {
	e := &t.Entities[place]
	if e.Row == None {
		return
	}
	if e.Born {
		t.Annotations(place, func(k string, v clew.Value) {
			if wanted(k) {
				f(k, v)
			}
		})
		return
	}
	t.rows.Attrs(e.Row, func(k string, v clew.Value) {
		if v.Type == clew.TypeOther {
			return
		}
		good := xray.AnnotationKey(k)
		names := [...]string{k, good, strings.ReplaceAll(good, ".", "_")}
		for i, name := range names {
			if (i == 0 || name != names[i-1]) && wanted(name) {
				f(name, v)
			}
		}
	})
}

// An Exception is one of those that an entity failed by.
type Exception struct {
	ID            string
	Type, Message string
	Remote        bool
}

// Exceptions returns the exceptions of an entity, in their order. A failed span that has none
// but a message has that as one, as its document does.
func (t *Trace) Exceptions(place int) []Exception {
	e := &t.Entities[place]
	if e.Row == None {
		return nil
	}
	batch := t.rows.Batch()
	var out []Exception
	lo, hi := t.rows.Events(e.Row)
	for i := lo; i < hi; i++ {
		if string(batch.Events.Names.At(int(batch.Events.Name[i]))) != "exception" {
			continue
		}
		var x Exception
		t.rows.EventAttrs(i, func(key string, v clew.Value) {
			switch key {
			case "exception.type":
				x.Type = text(v)
			case "exception.message":
				x.Message = text(v)
			case "aws.xray.exception.id":
				x.ID = text(v)
			case "aws.xray.exception.remote":
				x.Remote = v.Type == clew.TypeBool && v.Bool()
			}
		})
		out = append(out, x)
	}
	if len(out) == 0 && !e.Born && clew.Status(batch.Status[e.Row]) == clew.StatusError {
		if i, ok := batch.StatusMessage.Find(uint32(e.Row)); ok {
			out = append(out, Exception{Message: text(batch.StatusMessage.ValueAt(i))})
		}
	}
	return out
}

func text(v clew.Value) string {
	if v.Type == clew.TypeString {
		return string(v.Bytes)
	}
	return ""
}

// Links calls f for the spans that an entity links to.
func (t *Trace) Links(place int, f func(clew.TraceID, clew.SpanID)) {
	e := &t.Entities[place]
	if e.Row == None {
		return
	}
	l := &t.rows.Batch().Links
	lo, hi := t.rows.Links(e.Row)
	for i := lo; i < hi; i++ {
		f(clew.MakeTraceID(l.TraceHigh[i], l.TraceLow[i]), clew.SpanID(l.SpanID[i]))
	}
}

// Documents returns the rows of a trace as segment documents: what came, as xray.Documents has
// it, then the segments that are inferred for calls that nobody answers.
func Documents(r *span.Rows) []xray.Document {
	var b Builder
	t := b.Of(r)
	var calls []xray.Call
	for _, s := range t.Segments {
		if e := &t.Entities[s]; e.Row == None && !e.StandIn {
			calls = append(calls, xray.Call{Row: t.Entities[e.Parent].Row, ID: e.ID, Origin: e.Node.origin()})
		}
	}
	return append(xray.Documents(r), xray.Inferred(r, calls)...)
}
