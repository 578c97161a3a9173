package xray

import (
	"bytes"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/jsonread"
	"github.com/clew-tracing/clew/otlp/wire"
)

func placed(err error) error { return jsonread.Place("X-Ray segment", err) }

// splitURL cuts the URL of a database into server and database, as X-Ray's SDKs put it
// together; ok is false where there are none.
func splitURL(url []byte) (server, name []byte, ok bool) {
	if i := bytes.IndexByte(url, '?'); i >= 0 {
		url = url[:i]
	}
	at := bytes.LastIndexByte(url, '/')
	scheme := bytes.Index(url, []byte("//"))
	if scheme <= 0 || at <= scheme+2 || at == len(url)-1 {
		return nil, nil, false
	}
	return url[:at], url[at+1:], true
}

// appendURL writes the URL of a database as server and name, and as it is if these do not
// say all of it.
func (t *translator) appendURL(dst []byte, f *field, raw []byte) []byte {
	url, ok := text(raw)
	if !ok {
		t.keep(f, raw)
		return dst
	}
	server, name, ok := splitURL(url)
	if ok {
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrDBServer, server)
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrDatabase, name)
	}
	if !ok || len(server)+1+len(name) != len(url) {
		dst = wire.AppendTextAttr(dst, wire.SpanAttributes, attrDBURL, url)
	}
	return dst
}

// eachLog calls f for the logs of aws.cloudwatch_logs; false if raw is not a list of objects
// that have the same keys, log_group, arn or both.
func eachLog(raw []byte, f func(group, arn []byte)) bool {
	shape := 0
	return elements(raw, func(value []byte) bool {
		var got [2][]byte
		ok := members(value, func(m member) bool {
			s, ok := text(m.value)
			i := 0
			switch string(m.key) {
			case "log_group":
			case "arn":
				i = 1
			default:
				return false
			}
			if got[i] != nil || !ok {
				return false
			}
			got[i] = append([]byte{}, s...)
			return true
		})
		has := 0
		for i := range got {
			if got[i] != nil {
				has |= 1 << i
			}
		}
		if !ok || has == 0 || shape != 0 && shape != has {
			return false
		}
		shape = has
		f(got[0], got[1])
		return true
	})
}

func canonicalLogs(raw []byte) bool {
	n := 0
	return eachLog(raw, func(_, _ []byte) { n++ }) && n > 0
}

func appendLogs(dst []byte, num int, raw []byte) []byte {
	var groups, arns []string
	eachLog(raw, func(group, arn []byte) {
		if group != nil {
			groups = append(groups, string(group))
		}
		if arn != nil {
			arns = append(arns, string(arn))
		}
	})
	if len(groups) > 0 {
		dst = wire.AppendTextsAttr(dst, num, resourceLogNames, groups)
	}
	if len(arns) > 0 {
		dst = wire.AppendTextsAttr(dst, num, resourceLogARNs, arns)
	}
	return dst
}

// The keys of links and of exceptions.
const (
	linkTrace = "trace_id"
	linkID    = "id"
	linkAttrs = "attributes"
)

// link is one link of a segment; canonical says that OTLP's says as much.
type link struct {
	trace      clew.TraceID
	id         clew.SpanID
	attributes []byte
	canonical  bool
}

func readLink(raw []byte) (l link, ok bool) {
	l.canonical = true
	seen := 0
	whole := members(raw, func(m member) bool {
		s, _ := text(m.value)
		switch string(m.key) {
		case linkTrace:
			var f form
			l.trace, f = parseTraceID(s)
			l.canonical = l.canonical && f == formXRay && seen&1 == 0
			seen |= 1
		case linkID:
			var small bool
			l.id, small, _ = parseID(s)
			l.canonical = l.canonical && small && seen&2 == 0
			seen |= 2
		case linkAttrs:
			l.attributes = m.value
			n := 0
			l.canonical = members(m.value, func(m member) bool {
				n++
				return scalar(m.value)
			}) && l.canonical && n > 0 && seen&4 == 0
			seen |= 4
		default:
			l.canonical = false
		}
		return true
	})
	l.canonical = l.canonical && whole && seen&3 == 3
	return l, !l.trace.IsZero() && l.id != 0
}

// scalar reports whether an attribute says all of a value.
func scalar(raw []byte) bool {
	switch raw[0] {
	case '"', 't', 'f':
		return true
	}
	_, same, ok := number(raw)
	return same && ok
}

func canonicalLinks(raw []byte) bool {
	n := 0
	return elements(raw, func(value []byte) bool {
		n++
		l, ok := readLink(value)
		return ok && l.canonical
	}) && n > 0
}

// appendLinks writes the links of a segment.
func (t *translator) appendLinks(dst []byte) []byte {
	elements(t.span.links, func(value []byte) bool {
		l, ok := readLink(value)
		if !ok {
			return true
		}
		var mark int
		dst, mark = wire.Open(dst, wire.SpanLinks)
		dst = wire.AppendBytes(dst, wire.LinkTraceID, l.trace[:])
		dst = wire.AppendSpanID(dst, wire.LinkSpanID, uint64(l.id))
		members(l.attributes, func(m member) bool {
			dst = appendLoose(dst, wire.LinkAttributes, string(m.key), m.value)
			return true
		})
		dst = wire.Close(dst, mark)
		return true
	})
	return dst
}

// appendLoose writes a text, number or bool.
func appendLoose(dst []byte, num int, key string, raw []byte) []byte {
	switch raw[0] {
	case '"':
		s, _ := text(raw)
		return wire.AppendTextAttr(dst, num, key, s)
	case 't', 'f':
		return wire.AppendBoolAttr(dst, num, key, raw[0] == 't')
	}
	if v, _, ok := number(raw); ok {
		return wire.AppendAttr(dst, num, key, v)
	}
	return dst
}

// exceptionFields are the keys of an exception and their attributes of an event.
var exceptionFields = [...]struct {
	name string
	kind kind
	attr string
}{
	{"id", kindText, "aws.xray.exception.id"},
	{"message", kindText, eventMessage},
	{"type", kindText, eventType},
	{"remote", kindBool, "aws.xray.exception.remote"},
	{"truncated", kindInt, "aws.xray.exception.truncated"},
	{"skipped", kindInt, "aws.xray.exception.skipped"},
	{"cause", kindText, "aws.xray.exception.cause"},
}

const (
	eventName    = "exception"
	eventMessage = "exception.message"
	eventType    = "exception.type"
	eventTrace   = "exception.stacktrace"
	eventStack   = "aws.xray.exception.stack" // as JSON, where the text does not say all
	eventOther   = "aws.xray.exception.other"
)

// canonicalExceptions reports whether raw is a list of objects that is not empty.
func canonicalExceptions(raw []byte) bool {
	n := 0
	return elements(raw, func(value []byte) bool {
		n++
		return value[0] == '{'
	}) && n > 0
}

// appendExceptions writes the exceptions of a segment as events at its end.
func (t *translator) appendExceptions(dst []byte, x *node) []byte {
	at := x.end
	if !x.hasEnd {
		at = x.start
	}
	elements(t.span.exceptions, func(value []byte) bool {
		var mark int
		dst, mark = wire.Open(dst, wire.SpanEvents)
		dst = wire.AppendNanos(dst, wire.EventTime, uint64(at))
		dst = wire.AppendBytes(dst, wire.EventName, eventName)
		dst = wire.Close(t.appendException(dst, value), mark)
		return true
	})
	return dst
}

// appendException writes the attributes of one exception.
func (t *translator) appendException(dst, raw []byte) []byte {
	var message, kind, stack, rest []byte
	other := func(m member) {
		c := byte(',')
		if rest == nil {
			c = '{'
		}
		rest = append(append(append(append(rest, c), m.raw...), ':'), m.value...)
	}
	var seen [len(exceptionFields)]bool
	members(raw, func(m member) bool {
		if string(m.key) == "stack" && stack == nil {
			stack = m.value
			return true
		}
		for i := range exceptionFields {
			f := &exceptionFields[i]
			if f.name != string(m.key) || seen[i] || !canonical(&field{kind: f.kind}, m.value) {
				continue
			}
			seen[i] = true
			switch f.attr {
			case eventMessage:
				message, _ = text(m.value)
			case eventType:
				kind, _ = text(m.value)
			}
			dst = appendValue(dst, wire.EventAttributes, f.attr, f.kind, m.value)
			return true
		}
		other(m)
		return true
	})
	if len(t.span.message) == 0 {
		t.span.message = append(t.span.message, message...)
	}
	if stack != nil {
		frames, same := formatStack(nil, kind, message, stack)
		if frames != nil {
			dst = wire.AppendTextAttr(dst, wire.EventAttributes, eventTrace, frames)
		}
		if !same {
			dst = wire.AppendTextAttr(dst, wire.EventAttributes, eventStack, stack)
		}
	}
	if rest != nil {
		dst = wire.AppendTextAttr(dst, wire.EventAttributes, eventOther, append(rest, '}'))
	}
	return dst
}

// noLine stands for a line that is null.
const noLine = "<unknown>"

// formatStack writes frames as a stack trace. same reports that parseStack finds them there
// again.
func formatStack(dst, kind, message, raw []byte) (out []byte, same bool) {
	dst = stackHead(dst, kind, message)
	same, n := true, 0
	whole := elements(raw, func(value []byte) bool {
		var path, label, line []byte
		seen := 0
		frame := members(value, func(m member) bool {
			s, isText := text(m.value)
			bit := 0
			switch string(m.key) {
			case "path":
				path, bit = append([]byte{}, s...), 1
				same = same && isText && bytes.IndexByte(s, '\n') < 0
			case "label":
				label, bit = append([]byte{}, s...), 2
				same = same && isText && bytes.IndexByte(s, '\n') < 0 && bytes.IndexByte(s, '(') < 0
			case "line":
				line, bit = m.value, 4
				if _, ok := integer(line); !ok {
					same = same && line[0] == 'n'
					line = []byte(noLine)
				}
			default:
				same = false
			}
			same = same && seen&bit == 0
			seen |= bit
			return true
		})
		if !frame {
			return false
		}
		same = same && seen == 7
		if line == nil {
			line = []byte(noLine)
		}
		n++
		dst = append(append(append(dst, "\tat "...), label...), '(')
		dst = append(append(append(append(dst, path...), ": "...), line...), ")\n"...)
		return true
	})
	if !whole || n == 0 {
		return nil, false
	}
	return dst, same
}

func stackHead(dst, kind, message []byte) []byte {
	return append(append(append(append(dst, kind...), ": "...), message...), '\n')
}

// parseStack is the inverse of formatStack: the frames as JSON. ok is false of a text that
// it did not write.
func parseStack(kind, message, stack []byte) (raw []byte, ok bool) {
	rest, ok := bytes.CutPrefix(stack, stackHead(nil, kind, message))
	if !ok || len(rest) == 0 {
		return nil, false
	}
	raw = append(raw, '[')
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		body, at := bytes.CutPrefix(line, []byte("\tat "))
		body, closed := bytes.CutSuffix(body, []byte(")"))
		label, place, opened := bytes.Cut(body, []byte("("))
		colon := bytes.LastIndex(place, []byte(": "))
		if !ended || !at || !closed || !opened || colon < 0 {
			return nil, false
		}
		number := place[colon+2:]
		if string(number) == noLine {
			number = []byte("null")
		} else if _, ok := integer(number); !ok {
			return nil, false
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = appendString(append(raw, `{"path":`...), place[:colon])
		raw = append(append(append(raw, `,"line":`...), number...), `,"label":`...)
		raw = append(appendString(raw, label), '}')
		rest = after
	}
	return append(raw, ']'), true
}

// appendString appends a string of JSON. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range string(s) {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, `\u00`...)
			dst = append(dst, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return append(dst, '"')
}
