package filter

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clew-tracing/clew/traceql/spelling"
)

// Parse reads an expression. That of no words is And(nil), which holds of every trace. Its
// error is an *Error.
func Parse(text string) (Expr, error) {
	p := &parser{text: text, in: inTrace}
	if len(text) > MaxBytes {
		return nil, p.errorf(MaxBytes, len(text), "the expression has %d bytes; ask for less at once, %d are taken", len(text), MaxBytes)
	}
	if p.skip(); p.off == len(text) {
		return And(nil), nil
	}
	x, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.off < len(text) {
		e := p.want("AND", "OR", "the end")
		if c := text[p.off]; c == ')' || c == '}' {
			e.Msg, e.Expected = "nothing is open that "+string(c)+" could close", nil
		}
		return nil, e
	}
	return x, nil
}

// parser reads an expression from left to right. Its methods leave it in front of the next
// word, behind white space.
type parser struct {
	text  string
	off   int
	in    place
	tests int
}

// skip goes on to the next word.
func (p *parser) skip() {
	rest := strings.TrimLeftFunc(p.text[p.off:], unicode.IsSpace)
	p.off = len(p.text) - len(rest)
}

// take takes a text that stands here.
func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.off:], s) {
		return false
	}
	p.off += len(s)
	p.skip()
	return true
}

// word returns the word here, "" if none begins.
func (p *parser) word() string { return p.text[p.off : p.off+wordSize(p.text[p.off:])] }

// wordSize is how long the word is that s begins with: letters, digits, _ and . in it.
func wordSize(s string) int {
	n := 0
	for n < len(s) && (isLetter(s[n]) || n > 0 && (isDigit(s[n]) || s[n] == '.')) {
		n++
	}
	return n
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// keyword takes a word, in whatever case.
func (p *parser) keyword(name string) bool {
	if w := p.word(); strings.EqualFold(w, name) {
		p.off += len(w)
		p.skip()
		return true
	}
	return false
}

// or reads what OR stands between.
func (p *parser) or(depth int) (Expr, error) {
	var list Or
	for {
		x, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		if list = append(list, x); !p.keyword("OR") {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return list, nil
}

// and reads what AND, or nothing, stands between.
func (p *parser) and(depth int) (Expr, error) {
	var list And
	for {
		x, err := p.unary(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		if p.keyword("AND") {
			continue
		}
		if p.off == len(p.text) || p.text[p.off] == ')' || p.text[p.off] == '}' || strings.EqualFold(p.word(), "OR") {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return list, nil
}

// unary reads a condition with what denies it.
func (p *parser) unary(depth int) (Expr, error) {
	if depth > maxDepth {
		return nil, p.errorf(p.off, p.off+1, "parentheses, braces and ! are nested too deep (limit %d)", maxDepth)
	}
	start := p.off
	switch {
	case strings.HasPrefix(p.text[p.off:], "!="):
		return nil, p.want("a key")
	case p.take("!"):
		x, err := p.unary(depth + 1)
		return &Not{x}, err
	case p.take("("):
		x, err := p.or(depth + 1)
		if err == nil && !p.take(")") {
			err = p.unclosed(start, ")")
		}
		return x, err
	}
	return p.term(depth)
}

// unclosed makes an error of something that is not closed.
func (p *parser) unclosed(start int, by string) error {
	if p.off < len(p.text) {
		return p.want("AND", "OR", by)
	}
	return p.errorf(start, start+1, "%s is not closed; %s ends it", p.text[start:start+1], by)
}

// term reads a condition.
func (p *parser) term(depth int) (Expr, error) {
	if p.tests++; p.tests > maxTests {
		return nil, p.errorf(p.off, p.off+1, "the expression has more than %d conditions", maxTests)
	}
	start, word := p.off, p.word()
	if word == "" {
		return nil, p.noKey()
	}
	name := strings.ToLower(word)
	switch {
	case strings.HasPrefix(name, "annotation."):
		return p.annotation(start+len("annotation."), "")
	case name == "annotation" && strings.HasPrefix(p.text[start+len(word):], "["):
		return p.annotation(start+len("annotation["), "]")
	case name == "service", name == "edge":
		return p.function(start, name, depth)
	case strings.HasPrefix(name, "rootcause"):
		return p.cause(start, word, depth)
	}
	k, ok := keyNamed(name)
	if !ok || k == Annotation {
		return nil, p.unknownKey(start, word)
	}
	if keyTable[k].in&p.in == 0 {
		e := p.errorf(start, start+len(word), "%s cannot stand here", name)
		if where := keyTable[k].where; where != "" && p.in == inTrace {
			e.Msg = name + " is of something within the trace, not of the trace: write " + where
		} else {
			e.Expected = placeWords(p.in)
		}
		return nil, e
	}
	p.off += len(word)
	p.skip()
	return p.test(&Test{Key: k})
}

// placeWords are the keys that can stand at a place.
func placeWords(in place) []string {
	var out []string
	for k := range keyTable {
		if keyTable[k].in&in != 0 {
			out = append(out, keyTable[k].name)
		}
	}
	return out
}

// noKey makes an error of something that begins no condition.
func (p *parser) noKey() error {
	e := p.want("a key", "service(", "edge(", "!", "(")
	if p.in != inTrace {
		e.Expected = []string{"a key", "!", "("}
	}
	if p.off == len(p.text) {
		return e
	}
	switch rest := p.text[p.off:]; {
	case rest[0] == '&':
		e.Near = []string{"AND"}
	case rest[0] == '|':
		e.Near = []string{"OR"}
	case rest[0] == '"':
		e.Msg = "a value without a key"
	}
	return e
}

// unknownKey makes an error of a word that is no key.
func (p *parser) unknownKey(start int, word string) error {
	e := p.errorf(start, start+len(word), "unknown key %s", shown(word))
	switch name := strings.ToLower(word); name {
	case "and", "or":
		e.Msg, e.Expected = strings.ToUpper(name)+" stands between two conditions", []string{"a key"}
	case "not":
		e.Near = []string{"!"}
	case "annotation":
		e.Msg = "annotation of which key: write annotation.key or annotation[key]"
	case "account.id":
		e.Msg = `the account is a part of a service: write service(id(account.id: "…"))`
	default:
		e.Near = spelling.Nearest(name, words(p.in), maxNear)
		if len(e.Near) == 0 {
			e.Msg += "; what spans have of their own is asked for by annotation.key"
		}
	}
	return e
}

// annotation reads the key of an annotation that begins at off.
func (p *parser) annotation(off int, closing string) (Expr, error) {
	start := p.off
	if p.in&keyTable[Annotation].in == 0 {
		return nil, p.errorf(start, off, "annotations are of services and calls, not of root causes")
	}
	p.off = off
	t := &Test{Key: Annotation}
	if closing != "" {
		if p.skip(); p.off < len(p.text) && (p.text[p.off] == '"' || p.text[p.off] == '\'') {
			var err error
			if t.Name, err = p.quoted(); err != nil {
				return nil, err
			}
		} else {
			end := strings.IndexAny(p.text[p.off:], "]\"'(){}=")
			if end < 0 {
				end = len(p.text) - p.off
			}
			t.Name = strings.TrimSpace(p.text[p.off : p.off+end])
			p.off += end
		}
		if p.skip(); !p.take(closing) {
			return nil, p.want(closing)
		}
	} else {
		for p.off < len(p.text) && isKeyByte(p.text[p.off]) {
			p.off++
		}
		t.Name = p.text[off:p.off]
		p.skip()
	}
	if t.Name == "" {
		return nil, p.errorf(start, p.off, "the key of the annotation is missing")
	}
	return p.test(t)
}

// isKeyByte reports whether c may stand in the key of an annotation without brackets: X-Ray's
// own have : and -, such as aws:api_id, and OpenTelemetry's dots.
func isKeyByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '.' || c == ':' || c == '-' || c == '/' || c == '@'
}

// test reads what a key is compared with, if anything.
func (p *parser) test(t *Test) (Expr, error) {
	at := p.off
	op, ok := p.operator()
	info := &keyTable[t.Key]
	if group := t.Key == GroupName || t.Key == GroupARN; group && op != Equal && op != NotEqual {
		e := p.errorf(at, p.off, "%s names one group", info.name)
		e.Expected = []string{`= "…"`}
		return nil, e
	}
	if !ok {
		return t, nil
	}
	if e := p.doubled(at); e != nil {
		return nil, e
	}
	start := p.off
	v, bare, err := p.value()
	if err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) (Expr, error) {
		return nil, p.errorf(start, start+max(1, len(strings.TrimRightFunc(p.text[start:p.off], unicode.IsSpace))), format, args...)
	}
	switch info.typ {
	case truths:
		if v.Type != Truth {
			return wrong("%s is true or false, not %s", info.name, shown(v.Text))
		}
		if !op.fits(Truth) {
			return nil, p.errorf(at, at+len(op.String()), "%s is true or false: compare it with = or !=", info.name)
		}
		if v.Truth == (op == Equal) {
			return t, nil
		}
		return &Not{t}, nil
	case numbers:
		if v.Type != Number {
			if v = numberOf(v.Text); v.Type != Number {
				return wrong("%s is a number%s, not %s", info.name, unitOf(t.Key), shown(v.Text))
			}
		}
	case texts:
		v = Value{Type: Text, Text: v.Text}
	case anything:
		if !bare {
			v = Value{Type: Text, Text: v.Text}
		}
	}
	if !op.fits(v.Type) {
		e := p.errorf(at, at+len(op.String()), "%s compares no %s", op, typeWords[v.Type])
		for o := Equal; int(o) < len(opNames); o++ {
			if o.fits(v.Type) {
				e.Expected = append(e.Expected, o.String())
			}
		}
		if v.Type == Text && info.typ == anything && numberOf(v.Text).Type == Number {
			e.Msg += "s: write " + v.Text + " without quotes"
			e.Expected = nil
		}
		return nil, e
	}
	t.Op, t.Value = op, v
	return t, nil
}

var typeWords = [...]string{Text: "text", Number: "number", Truth: "truth value"}

// unitOf is what the numbers of a key are.
func unitOf(k Key) string {
	switch k {
	case ResponseTime, Duration:
		return " of seconds, such as 0.5"
	case Coverage:
		return " from 0 to 1"
	}
	return ""
}

// operator takes an operator.
func (p *parser) operator() (Op, bool) {
	for _, o := range signs {
		if p.take(o.String()) {
			return o, true
		}
	}
	w := p.word()
	o, ok := opNamed(w)
	if ok {
		p.off += len(w)
		p.skip()
	}
	return o, ok
}

// doubled finds operators of other languages: == and =~.
func (p *parser) doubled(at int) error {
	if p.off < len(p.text) && p.text[p.off] == '=' {
		e := p.errorf(at, p.off+1, "%s is no operator", p.text[at:p.off+1])
		e.Near = []string{strings.TrimSpace(p.text[at:p.off])}
		return e
	}
	return nil
}

// value reads a value: a string, or a bare word, number or truth value.
func (p *parser) value() (v Value, bare bool, err error) {
	if p.off == len(p.text) {
		return v, false, p.want("a value")
	}
	if c := p.text[p.off]; c == '"' || c == '\'' {
		v.Text, err = p.quoted()
		if p.skip(); isTruth(v.Text) {
			v = truthOf(v.Text)
		}
		return v, false, err
	}
	start := p.off
	for p.off < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.off:])
		if unicode.IsSpace(r) || strings.ContainsRune(`(){}[]"'!<>=,#`, r) {
			break
		}
		p.off += n
	}
	word := p.text[start:p.off]
	if word == "" {
		return v, false, p.want("a value")
	}
	p.skip()
	if isTruth(word) {
		return truthOf(word), true, nil
	}
	return numberOf(word), true, nil
}

func isTruth(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

// truthOf keeps the text, which is what it is where a text is compared.
func truthOf(s string) Value { return Value{Type: Truth, Text: s, Truth: strings.EqualFold(s, "true")} }

// numberOf is a text as a number, or as a text if it is none.
func numberOf(s string) Value {
	if c := strings.TrimLeft(s, "+-."); c != "" && isDigit(c[0]) && !strings.ContainsAny(s, "_xXpP") {
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) {
			return Value{Type: Number, Text: s, Number: f}
		}
	}
	return Value{Type: Text, Text: s}
}

// quoted reads a string in double or single quotes, in which a backslash stands before a
// quote or backslash, n, r, t, /, or u and 4 hex digits.
func (p *parser) quoted() (string, error) {
	start, quote := p.off, p.text[p.off]
	var b strings.Builder
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.off = i + 1
			return b.String(), nil
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		n, r := escape(p.text[i+1:])
		if n == 0 {
			_, size := utf8.DecodeRuneInString(p.text[i+1:])
			return "", p.errorf(i, i+1+size, `unknown escape %s: write \\ for a backslash`, p.text[i:i+1+size])
		}
		b.WriteRune(r)
		i += n
	}
	return "", p.errorf(start, len(p.text), "the string is not closed; %c ends it", quote)
}

// escape reads what stands behind a backslash; n is how long it is, 0 if it is none.
func escape(s string) (n int, r rune) {
	if s == "" {
		return 0, 0
	}
	switch c := s[0]; c {
	case '"', '\'', '\\', '/':
		return 1, rune(c)
	case 'n':
		return 1, '\n'
	case 'r':
		return 1, '\r'
	case 't':
		return 1, '\t'
	case 'u':
		if len(s) >= 5 {
			if v, err := strconv.ParseUint(s[1:5], 16, 16); err == nil {
				return 5, rune(v)
			}
		}
	}
	return 0, 0
}
