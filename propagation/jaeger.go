package propagation

import (
	"strings"

	"github.com/clew-tracing/clew"
)

const (
	jaegerSampled = 0x01
	jaegerDebug   = 0x02
)

// ParseUberTraceID reads the value of a uber-trace-id header: four fields with colons between,
// or %3A, as clients that encode values for URLs write them. Ids may be shorter than they are
// wide; the third field, a parent, is ignored, as Jaeger's own documentation has it.
func ParseUberTraceID(s string) (Context, error) {
	var c Context
	var f Found
	if why := readUber(s, &f, &c); why != "" {
		return Context{}, reason(why)
	}
	f.fill(&c)
	return c, nil
}

// cutColon cuts s at its first colon, encoded or not.
func cutColon(s string) (before, after string, ok bool) {
	for i := range len(s) {
		switch {
		case s[i] == ':':
			return s[:i], s[i+1:], true
		case s[i] == '%' && len(s) > i+2 && s[i+1] == '3' && s[i+2]|0x20 == 'a':
			return s[:i], s[i+3:], true
		}
	}
	return s, "", false
}

// readUber says what is wrong, or "".
func readUber(s string, f *Found, c *Context) (why string) {
	trace, rest, _ := cutColon(trim(s))
	span, rest, _ := cutColon(rest)
	_, flags, ok := cutColon(rest)
	if !ok {
		return "it has not four fields with colons between"
	}
	id, ok := readTraceID(trace, &anyHex)
	if !ok || len(trace) > 32 {
		return "its trace id is not 1 to 32 hex digits, or zero"
	}
	spanID, ok := readHex(span, &anyHex)
	if !ok || spanID == 0 {
		return "its span id is not 1 to 16 hex digits, or zero"
	}
	bits, ok := readHex(flags, &anyHex)
	if !ok || len(flags) > 2 {
		return "its flags are not 1 or 2 hex digits"
	}
	f.TraceID, f.SpanID, f.Sampling = id, clew.SpanID(spanID), Drop
	switch {
	case bits&jaegerDebug != 0:
		f.Sampling = Debug
	case bits&jaegerSampled != 0:
		f.Sampling = Record
	}
	c.JaegerFlags = byte(bits) &^ (jaegerSampled | jaegerDebug)
	return ""
}

// AppendUberTraceID appends the value of a uber-trace-id header. A c that is not valid appends
// nothing.
func AppendUberTraceID(dst []byte, c *Context) []byte {
	if !c.Valid() {
		return dst
	}
	flags := c.JaegerFlags &^ (jaegerSampled | jaegerDebug)
	switch {
	case c.Sampling == Debug:
		flags |= jaegerSampled | jaegerDebug
	case c.Sampling == Record:
		flags |= jaegerSampled
	}
	dst = appendTraceID(dst, c.TraceID, true)
	dst = append(dst, ':')
	dst = appendHex(dst, uint64(c.SpanID))
	dst = append(dst, ":0:"...)
	if flags > 15 {
		dst = append(dst, hexDigits[flags>>4])
	}
	return append(dst, hexDigits[flags&15])
}

// uberMember is the member of baggage that a uberctx-KEY or ot-baggage-KEY header is. Names of
// headers have no case, so that keys come in lower case.
func uberMember(key, value string) (Member, bool) {
	if !isToken(key) {
		return Member{}, false
	}
	return Member{Key: strings.ToLower(key), Raw: normalise(trim(value), true)}, true
}
