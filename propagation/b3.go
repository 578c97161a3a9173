package propagation

import (
	"strings"

	"github.com/clew-tracing/clew"
)

// ParseB3 reads the value of a b3 header: ids with an optional decision and an optional parent,
// or a decision alone. Hex digits of upper case are let pass.
func ParseB3(s string) (Context, error) {
	var c Context
	var f Found
	if why := readB3(s, &f); why != "" {
		return Context{}, reason(why)
	}
	f.fill(&c)
	return c, nil
}

// readB3 says what is wrong, or "".
//
//	TRACE-SPAN   TRACE-SPAN-DECISION   TRACE-SPAN-DECISION-PARENT   TRACE-SPAN-PARENT   DECISION
func readB3(s string, f *Found) (why string) {
	s = trim(s)
	if len(s) == 1 {
		if f.Sampling = b3Decision(s); f.Sampling == Deferred {
			return "a decision alone is 0, 1 or d"
		}
		return ""
	}
	var found Found
	trace, rest, _ := strings.Cut(s, "-")
	span, rest, more := strings.Cut(rest, "-")
	if why = b3IDs(trace, span, &found); why != "" {
		return why
	}
	if more && len(rest) != 16 {
		var decision string
		decision, rest, more = strings.Cut(rest, "-")
		if found.Sampling = b3Decision(decision); found.Sampling == Deferred {
			return "its decision is not 0, 1 or d"
		}
	}
	if more {
		parent, ok := readHex(rest, &anyHex)
		if !ok || len(rest) != 16 {
			return "its parent id is not 16 hex digits"
		}
		found.ParentID = clew.SpanID(parent)
	}
	found.Format = f.Format
	*f = found
	return ""
}

// b3Decision is Deferred for what is none.
func b3Decision(s string) Sampling {
	switch s {
	case "0":
		return Drop
	case "1":
		return Record
	case "d":
		return Debug
	}
	return Deferred
}

// b3IDs reads a trace id of 16 or 32 digits and a span id of 16.
func b3IDs(trace, span string, f *Found) (why string) {
	id, ok := readTraceID(trace, &anyHex)
	if !ok || len(trace) != 16 && len(trace) != 32 {
		return "its trace id is not 16 or 32 hex digits, or all zeros"
	}
	s, ok := readHex(span, &anyHex)
	if !ok || len(span) != 16 || s == 0 {
		return "its span id is not 16 hex digits, or all zeros"
	}
	f.TraceID, f.SpanID = id, clew.SpanID(s)
	return ""
}

// readB3Multi reads the X-B3-… headers, each as it came. It says what is wrong, or "".
func readB3Multi(trace, span, parent, sampled, flags string, f *Found) (why string) {
	trace, span, parent, sampled = trim(trace), trim(span), trim(parent), trim(sampled)
	var found Found
	if trace != "" || span != "" {
		if why := b3IDs(trace, span, &found); why != "" {
			return why
		}
	}
	switch {
	case trim(flags) == "1":
		found.Sampling = Debug
	case sampled == "1" || foldEqual(sampled, "true"):
		found.Sampling = Record
	case sampled == "0" || foldEqual(sampled, "false"):
		found.Sampling = Drop
	case sampled != "":
		return "X-B3-Sampled is not 0 or 1"
	}
	if parent != "" {
		p, ok := readHex(parent, &anyHex)
		if !ok || len(parent) != 16 {
			return "X-B3-ParentSpanId is not 16 hex digits"
		}
		found.ParentID = clew.SpanID(p)
	}
	found.Format = f.Format
	*f = found
	return ""
}

// AppendB3 appends the value of a b3 header. A c that is not valid appends its decision alone,
// if there is one.
func AppendB3(dst []byte, c *Context) []byte {
	decision := [...]byte{Drop: '0', Record: '1', Debug: 'd'}[c.Sampling&3]
	if !c.Valid() {
		if c.Sampling != Deferred && c.TraceID.IsZero() {
			dst = append(dst, decision)
		}
		return dst
	}
	dst = appendTraceID(dst, c.TraceID, true)
	dst = append(dst, '-')
	dst = appendHex(dst, uint64(c.SpanID))
	if c.Sampling == Deferred {
		return dst
	}
	dst = append(dst, '-', decision)
	if c.ParentID != 0 {
		dst = append(dst, '-')
		dst = appendHex(dst, uint64(c.ParentID))
	}
	return dst
}
