package traceql

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMendBytes bounds the queries that are guessed at. People type less; what is
// longer was made by programs, which know the language.
const maxMendBytes = 1000

// mend looks for the query that was meant by one that is in error, and notes it in
// e. A guess that does not parse is none.
//
// It knows what people bring along from elsewhere: a filter without its braces,
// tags (service=cart error=true), labels ({service="cart", level="x"}), a pasted
// id, a single word to look for.
func (q *Query) mend(e *Error) {
	text := strings.TrimSpace(q.Text)
	if e.Class == Limit || len(text) > maxMendBytes {
		return
	}
	if id := PastedID(text); id != "" {
		e.Class, e.Msg, e.Pos, e.End = Syntax, "this is the id of a trace, not a query", Pos{0, 1, 1}, len(q.Text)
		e.Meant = `{ trace:id = "` + id + `" }`
		if len(id) == 16 {
			e.Msg = "this is an id, not a query"
			e.Meant = `{ trace:id = "` + id + `" || span:id = "` + id + `" }`
		}
		return
	}
	if e.Class == Unsupported || text == "" {
		return
	}
	inner, open := strings.CutPrefix(text, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	var guesses []string
	if !open && !closed {
		guesses = append(guesses, "{"+text+"}")
	}
	if open && !closed {
		guesses = append(guesses, text+"}")
	}
	guesses = append(guesses, "{"+mendTerms(inner)+"}")
	if word := strings.TrimSpace(inner); !open && !closed || strings.HasPrefix(word, `"`) {
		guesses = append(guesses, "{"+searchFor(word)+"}")
	}
	for _, guess := range guesses {
		if guess == "{}" {
			continue
		}
		if meant, err := parse(guess); err == nil {
			e.Meant = meant.String()
			return
		}
	}
}

// Meant returns the query that a text most likely stands for, in canonical form; the
// text itself if nothing can be told.
func Meant(text string) string {
	q, err := Parse(text)
	var bad *Error
	switch {
	case err == nil:
		return q.String()
	case errors.As(err, &bad) && bad.Meant != "":
		return bad.Meant
	}
	return text
}

var (
	hexID       = regexp.MustCompile(`^(?:[0-9a-fA-F]{16}|[0-9a-fA-F]{32})$`)
	traceParent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)
	dashedID    = regexp.MustCompile(`^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
)

// PastedID returns the id that a text is instead of a query: 16 or 32 hexadecimal
// digits, in quotes or braces, with the dashes of a UUID or as the header traceparent; ""
// if it is none. Its digits are those of the text, in lower case.
func PastedID(text string) string {
	text = strings.Trim(text, "{\"'`} \t\n")
	if m := traceParent.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	if dashedID.MatchString(text) {
		text = strings.ReplaceAll(text, "-", "")
	}
	if !hexID.MatchString(text) {
		return ""
	}
	return strings.ToLower(text)
}

// searchFor is the condition that looks for a few plain words; "" if text is more.
func searchFor(text string) string {
	text = strings.Trim(text, `"'`)
	if text == "" || strings.HasPrefix(text, "//") || len(strings.Fields(text)) > 3 || strings.ContainsAny(text, "{}()[]|=<>!~&\"`\\,:") {
		return ""
	}
	pattern := strconv.Quote(".*" + regexp.QuoteMeta(text) + ".*")
	return "name =~ " + pattern + " || resource.service.name =~ " + pattern
}

// mendTerms rewrites name op value { and name op value } in TraceQL; "" if text
// is anything else.
func mendTerms(text string) string {
	m := mender{rest: text}
	for {
		if !m.term() {
			return ""
		}
		if m.space(); m.rest == "" {
			return m.out.String()
		}
		m.out.WriteString(m.conjunction())
	}
}

// mender reads loosely written conditions from rest and writes them to out.
type mender struct {
	rest string
	out  strings.Builder
}

func (m *mender) space() { m.rest = strings.TrimLeftFunc(m.rest, unicode.IsSpace) }

// take removes the first of the words that rest begins with and returns it.
func (m *mender) take(words ...string) string {
	m.space()
	for _, w := range words {
		if len(m.rest) >= len(w) && strings.EqualFold(m.rest[:len(w)], w) {
			m.rest = m.rest[len(w):]
			return w
		}
	}
	return ""
}

// conjunction reads what joins two terms; nothing is "and".
func (m *mender) conjunction() string {
	switch m.take("&&", "||", "and ", "or ", ",", ";", "&", "|") {
	case "||", "or ", "|": // a single | between conditions was meant to be two
		return " || "
	}
	return " && "
}

// meantOps are operators as people write them, and as TraceQL does.
var meantOps = map[string]string{"==": "=", "=~": "=~", "!~": "!~", "!=": "!=", "<>": "!=", "<=": "<=", ">=": ">=",
	"=": "=", "<": "<", ">": ">", "~=": "=~", "~": "=~", ":": "=",
	"is ": "=", "equals ": "=", "like ": "like", "contains ": "contains", "in ": "in", "in(": "in"}

func (m *mender) operator() string {
	op := meantOps[m.take("==", "=~", "!~", "!=", "<>", "<=", ">=", "=", "<", ">", "~=", "~", ":",
		"is ", "equals ", "like ", "contains ", "in ", "in(")]
	if op == "in" {
		m.take("(")
	}
	return op
}

// term reads name op value, or a name alone that is true or false.
func (m *mender) term() bool {
	m.space()
	name := m.name()
	if name == "" {
		return false
	}
	op := m.operator()
	if op == "" {
		return m.alone(name)
	}
	value, quoted, ok := m.value()
	switch {
	case !ok:
		return false
	case op == "like":
		op, value, quoted = "=~", strings.ReplaceAll(regexp.QuoteMeta(value), "%", ".*"), true
	case op == "contains":
		op, value, quoted = "=~", ".*"+regexp.QuoteMeta(value)+".*", true
	case op == "in":
		op, value, quoted, ok = "=~", m.list(value), true, m.take(")") != ""
		if !ok {
			return false
		}
	}
	if plainName(name) == "error" && wordOf(TypeBool, value) != "" { // the tag of other tracers
		if wordOf(TypeBool, value) == "false" {
			op = "!="
		}
		name, value = "status", "error"
	}
	field, t, ok := mendField(name)
	if !ok {
		return false
	}
	if value, ok = mendValue(t, op, value, quoted); !ok {
		return false
	}
	m.out.WriteString(field + " " + op + " " + value)
	return true
}

// list reads the values behind the first and returns a pattern for all of them.
func (m *mender) list(first string) string {
	pattern := regexp.QuoteMeta(first)
	for m.take(",") != "" {
		value, _, _ := m.value()
		pattern += "|" + regexp.QuoteMeta(value)
	}
	return pattern
}

// name reads a field's name; a colon that is not within an intrinsic ends it, as an
// operator.
func (m *mender) name() string {
	first, _ := utf8.DecodeRuneInString(m.rest)
	if first != '.' && first != '_' && !unicode.IsLetter(first) {
		return ""
	}
	name := m.rest[:nameEnd(m.rest, 0)]
	if word, _, colon := strings.Cut(name, ":"); colon {
		if _, scope := parseScope(word); !scope {
			name = word
		}
	}
	m.rest = m.rest[len(name):]
	return name
}

// alone writes a condition that is one word.
func (m *mender) alone(name string) bool {
	switch v, _ := parseKeyword(strings.ToLower(name)); {
	case v.Type == TypeStatus || v.Type == TypeKind:
		m.out.WriteString(v.Type.String() + " = " + v.String())
		return true
	case strings.Contains(name, "."):
		field, t, ok := mendField(name)
		m.out.WriteString(field)
		return ok && t == TypeAny
	}
	return false
}

// quotes are the signs around a text, opening and closing.
var quotes = [...][2]string{{`"`, `"`}, {"`", "`"}, {"'", "'"}, {"“", "”"}, {"„", "“"}, {"‘", "’"}}

// value reads a value, in quotes of whatever kind or bare.
func (m *mender) value() (text string, quoted, ok bool) {
	m.space()
	for _, q := range quotes {
		inner, ok := strings.CutPrefix(m.rest, q[0])
		if !ok {
			continue
		}
		text, rest, closed := strings.Cut(inner, q[1])
		m.rest = rest
		if value, bad := unquote(text); q[0] == `"` && bad < 0 {
			text = value
		}
		return text, true, closed && (rest == "" || !isWordByte(rest[0]))
	}
	end := strings.IndexFunc(m.rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;&|(){}", r) })
	if end < 0 {
		end = len(m.rest)
	}
	text, m.rest = m.rest[:end], m.rest[end:]
	if strings.Trim(text, "0123456789.") == "" { // 100 ms
		text += m.take("ns ", "us ", "µs ", "ms ", "s ", "m ", "h ")
		text = strings.TrimSpace(text)
	}
	return text, false, text != "" && !strings.ContainsAny(text, "=<>~\"'`")
}

// mendField returns the field that a name was meant to be, and its type.
func mendField(name string) (field string, t Type, ok bool) {
	if id, ok := ParseIntrinsic(name); ok {
		return name, id.Type(), true
	}
	if usual := usualField(name); usual != "" {
		id, _ := ParseIntrinsic(usual)
		if t = id.Type(); id == IntrinsicNone {
			t = TypeAny
		}
		return usual, t, true
	}
	word, _, dotted := strings.Cut(name, ".")
	if _, scope := parseScope(word); dotted && (scope || word == "" || word == "parent") {
		return name, TypeAny, true
	}
	near, sure := nearIntrinsics(name)
	if sure {
		id, _ := ParseIntrinsic(near[0])
		return near[0], id.Type(), true
	}
	if _, keyword := parseKeyword(name); keyword || strings.Contains(name, ":") || len(near) > 0 || dotted && nearScope(word) != "" {
		return "", 0, false // it may be something else
	}
	return "." + name, TypeAny, true
}

// numberLike are the characters of numbers, of other languages' too.
const numberLike = "-+0123456789_.eExX"

// mendValue returns how a value is written that is compared with a field of type t.
func mendValue(t Type, op, text string, quoted bool) (value string, ok bool) {
	if !quoted {
		if value, ok, done := mendBare(t, op, text); done {
			return value, ok
		}
	}
	switch {
	case op == "=~" || op == "!~":
	case t == TypeStatus || t == TypeKind || t == TypeBool:
		text = wordOf(t, text)
		return text, text != "" && !strings.ContainsAny(op, "<>") // they have no order
	case t.IsNumeric():
		if days, err := strconv.ParseUint(strings.TrimSuffix(text, "d"), 10, 16); err == nil && t == TypeDuration && strings.HasSuffix(text, "d") {
			return strconv.FormatUint(24*days, 10) + "h", true
		}
		number, problem := parseNumber(text)
		return text, problem == "" && number.Type.IsNumeric() && strings.Trim(text, "-") != ""
	}
	return strconv.Quote(text), true
}

// mendBare is mendValue for what a value without quotes may be besides a text; done
// is false if it is none of these.
func mendBare(t Type, op, text string) (value string, ok, done bool) {
	first, _ := utf8.DecodeRuneInString(text)
	word, _, scoped := strings.Cut(strings.ReplaceAll(text, ":", "."), ".")
	_, scope := parseScope(word)
	pattern := op == "=~" || op == "!~"
	switch {
	case first == '.' || scoped && scope: // a field
		return text, !pattern, true
	case nothing[strings.ToLower(text)]:
		return "nil", !pattern, true
	case !unicode.IsLetter(first) && !unicode.IsDigit(first) && !strings.ContainsRune("-_/*", first):
		return "", false, true
	case pattern || t != TypeAny:
		return "", false, false
	case strings.EqualFold(text, "true") || strings.EqualFold(text, "false"):
		return strings.ToLower(text), true, true
	}
	if _, problem := parseNumber(text); problem == "" {
		return text, true, true
	}
	_, keyword := parseKeyword(text)
	number := strings.Trim(text, numberLike) == "" && strings.Count(text, ".") < 2
	return "", false, keyword || number
}
