package exectest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/traceql"
)

// defaultHigh is the high half of trace ids written without one.
const defaultHigh = 0xc1e3

// epoch is what starts count from: 2026-01-01 UTC.
const epoch clew.UnixNanos = 1767225600e9

// parse reads a script. A line that is indented belongs to the command above.
func parse(text string, encode Encode) ([]step, error) {
	var steps []step
	for i, line := range strings.Split(text, "\n") {
		if j := strings.Index(line, "# "); j == 0 || j > 0 && strings.TrimSpace(line[:j]) == "" {
			continue
		}
		body := strings.TrimSpace(line)
		if body == "" || body == "#" {
			continue
		}
		if line[0] != ' ' && line[0] != '\t' {
			s, err := parseCommand(body)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			s.line = i + 1
			steps = append(steps, s)
			continue
		}
		if len(steps) == 0 {
			return nil, fmt.Errorf("line %d: indented, and no command above", i+1)
		}
		s := &steps[len(steps)-1]
		if s.query != "" {
			s.want = append(s.want, body)
			continue
		}
		x, err := parseSpan(body, encode)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		s.load = append(s.load, x)
	}
	return steps, nil
}

func parseCommand(line string) (s step, err error) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "load":
		s.load = []clew.Span{}
	case "eval":
		s.query = rest
		for _, from := range []string{" from ", " to "} {
			if i := strings.LastIndex(rest, from); i >= 0 && !strings.ContainsAny(rest[i:], "{}()\"") {
				s.query = rest[:i]
				s.window, err = parseWindow(strings.Fields(rest[i:]))
				break
			}
		}
	case "eval_fail":
		s.query, s.fail = rest, true
	default:
		err = fmt.Errorf("unknown command %q: want load, eval or eval_fail", word)
	}
	return s, err
}

func parseWindow(words []string) (w clew.Window, err error) {
	for ; len(words) >= 2; words = words[2:] {
		d, err := time.ParseDuration(words[1])
		if err != nil {
			return w, err
		}
		switch words[0] {
		case "from":
			w.Start = epoch + clew.UnixNanos(d)
		case "to":
			w.End = epoch + clew.UnixNanos(d)
		default:
			return w, fmt.Errorf("%q: want from or to", words[0])
		}
	}
	if len(words) > 0 {
		return w, fmt.Errorf("%q is left over", words)
	}
	return w, nil
}

// split cuts a line at spaces that are not within quotes.
func split(line string) (words []string) {
	start, quoted := -1, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
			if start < 0 {
				start = i
			}
		case c == ' ' && !quoted:
			if start >= 0 {
				words = append(words, line[start:i])
			}
			start = -1
		case start < 0:
			start = i
		}
	}
	if start >= 0 {
		words = append(words, line[start:])
	}
	return words
}

// draft is a span being read.
type draft struct {
	clew.Span
	encode          Encode
	start, duration time.Duration
	unfinished      bool
	resource        clew.Resource
	scope           clew.Scope
}

func parseSpan(line string, encode Encode) (clew.Span, error) {
	words := split(line)
	if len(words) < 3 {
		return clew.Span{}, fmt.Errorf("want trace, span and parent, then fields")
	}
	d := draft{encode: encode, start: time.Second, duration: time.Millisecond}
	var err error
	if d.TraceID, err = parseTrace(words[0]); err != nil {
		return clew.Span{}, err
	}
	if d.SpanID, err = parseID(words[1]); err != nil {
		return clew.Span{}, err
	}
	if words[2] != "-" {
		if d.ParentID, err = parseID(words[2]); err != nil {
			return clew.Span{}, err
		}
	}
	for _, w := range words[3:] {
		if err := d.field(w); err != nil {
			return clew.Span{}, fmt.Errorf("%s: %w", w, err)
		}
	}
	d.Start = epoch + clew.UnixNanos(d.start)
	if d.End = d.Start + clew.UnixNanos(d.duration); d.unfinished {
		d.End = 0
	}
	for i := range d.Events {
		d.Events[i].Time += d.Start
	}
	d.Resource, d.Scope = &d.resource, &d.scope
	return d.Span, nil
}

func parseTrace(s string) (clew.TraceID, error) {
	high, low, found := strings.Cut(s, ":")
	if !found {
		low, high = high, strconv.Itoa(defaultHigh)
	}
	h, err := strconv.ParseUint(high, 10, 64)
	if err != nil {
		return clew.TraceID{}, err
	}
	l, err := strconv.ParseUint(low, 10, 64)
	return clew.MakeTraceID(h, l), err
}

func parseID(s string) (clew.SpanID, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	return clew.SpanID(n), err
}

// field reads one key=value.
func (d *draft) field(word string) error {
	key, value, ok := cutKey(word)
	if !ok {
		return fmt.Errorf("want key=value")
	}
	switch key {
	case "kind":
		d.Kind, ok = clew.ParseKind(value)
	case "status":
		d.Status, ok = clew.ParseStatus(value)
	case "start":
		return duration(value, &d.start)
	case "duration":
		if d.unfinished = value == "none"; d.unfinished {
			return nil
		}
		return duration(value, &d.duration)
	case "link":
		trace, id, _ := strings.Cut(value, "/")
		l := clew.Link{}
		var err error
		if l.TraceID, err = parseTrace(trace); err == nil {
			l.SpanID, err = parseID(id)
		}
		d.Links = append(d.Links, l)
		return err
	case "event":
		name, offset, _ := strings.Cut(value, "@")
		e := clew.Event{}
		var at time.Duration
		err := text(name, &e.Name)
		if err == nil && offset != "" {
			err = duration(offset, &at)
		}
		e.Time = clew.UnixNanos(at)
		d.Events = append(d.Events, e)
		return err
	case "name":
		return text(value, &d.Name)
	case "message":
		return text(value, &d.StatusMessage)
	case "scope":
		return text(value, &d.scope.Name)
	case "version":
		return text(value, &d.scope.Version)
	case "service":
		return d.attr(&d.resource.Attrs, "service.name", value)
	default:
		return d.scoped(key, value)
	}
	if !ok {
		return fmt.Errorf("unknown %s", key)
	}
	return nil
}

// cutKey cuts at the first = outside quotes.
func cutKey(word string) (key, value string, ok bool) {
	quoted := false
	for i, c := range word {
		if c == '"' {
			quoted = !quoted
		}
		if c == '=' && !quoted {
			return word[:i], word[i+1:], true
		}
	}
	return "", "", false
}

func duration(s string, d *time.Duration) (err error) {
	*d, err = time.ParseDuration(s)
	return err
}

func text(s string, dst *string) (err error) {
	*dst, err = strconv.Unquote(s)
	return err
}

// scoped reads an attribute: scope.name=literal, as a query would write it.
func (d *draft) scoped(key, value string) error {
	q, err := traceql.Parse("{ " + key + " = nil }")
	if err != nil {
		return err
	}
	f := q.Stages[0].(*traceql.Filter).Where.(*traceql.Binary).L.(*traceql.Field)
	switch f.Scope {
	case traceql.ScopeAny, traceql.ScopeSpan:
		return d.attr(&d.Attrs, f.Name, value)
	case traceql.ScopeResource:
		return d.attr(&d.resource.Attrs, f.Name, value)
	case traceql.ScopeInstrumentation:
		return d.attr(&d.scope.Attrs, f.Name, value)
	case traceql.ScopeEvent:
		if n := len(d.Events); n > 0 {
			return d.attr(&d.Events[n-1].Attrs, f.Name, value)
		}
	case traceql.ScopeLink:
		if n := len(d.Links); n > 0 {
			return d.attr(&d.Links[n-1].Attrs, f.Name, value)
		}
	}
	return fmt.Errorf("no %s to put it on", f.Scope)
}

func (d *draft) attr(dst *[]clew.Attr, key, literal string) error {
	v, err := d.valueOf(literal)
	if err == nil {
		*dst = append(*dst, clew.Attr{Key: key, Value: v})
	}
	return err
}

func (d *draft) valueOf(literal string) (v clew.Value, err error) {
	if inner, ok := strings.CutPrefix(literal, "["); ok {
		return d.arrayOf(strings.TrimSuffix(inner, "]"))
	}
	q, err := traceql.Parse("{ .x = " + literal + " }")
	if err != nil {
		return v, err
	}
	lit, ok := q.Stages[0].(*traceql.Filter).Where.(*traceql.Binary).R.(*traceql.Literal)
	if !ok {
		return v, fmt.Errorf("want a literal")
	}
	switch lit.Value.Type {
	case traceql.TypeString:
		return clew.StringValue(lit.Value.Str), nil
	case traceql.TypeInt, traceql.TypeDuration:
		return clew.IntValue(lit.Value.Int), nil
	case traceql.TypeFloat:
		return clew.DoubleValue(lit.Value.Float), nil
	case traceql.TypeBool:
		return clew.BoolValue(lit.Value.IsTrue()), nil
	}
	return v, fmt.Errorf("no attribute is a %s", lit.Value.Type)
}

// arrayOf reads literals with commas between, in which there are none.
func (d *draft) arrayOf(literals string) (clew.Value, error) {
	var list []clew.Value
	for literal := range strings.SplitSeq(literals, ",") {
		if literal == "" {
			continue
		}
		v, err := d.valueOf(literal)
		if err != nil {
			return v, err
		}
		list = append(list, v)
	}
	return d.encode.Array(list...), nil
}
