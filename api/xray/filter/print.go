package filter

import (
	"encoding/json"
	"strings"
)

// How strongly what stands around an expression binds.
const (
	loose   = iota // nothing, or braces
	withOr         // a part of an Or
	withAnd        // a part of an And
	withNot        // behind !
)

type printer struct{ strings.Builder }

func text(x Expr) string {
	p := new(printer)
	x.appendTo(p, loose)
	return p.String()
}

// String returns the expression as X-Ray writes it.
func (x And) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x Or) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x *Not) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x *Test) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x *Service) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x *Edge) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x *Cause) String() string { return text(x) }

// String returns the expression as X-Ray writes it.
func (x *CauseJSON) String() string { return text(x) }

// list writes parts with a word between, in parentheses where what is around binds more.
func (p *printer) list(parts []Expr, word string, own, within int) {
	if within >= own {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	for i, x := range parts {
		if i > 0 {
			p.WriteString(word)
		}
		x.appendTo(p, own)
	}
}

func (x And) appendTo(p *printer, within int) { p.list(x, " AND ", withAnd, within) }
func (x Or) appendTo(p *printer, within int)  { p.list(x, " OR ", withOr, within) }

func (x *Not) appendTo(p *printer, _ int) {
	p.WriteByte('!')
	x.X.appendTo(p, withNot)
}

func (x *Test) appendTo(p *printer, _ int) {
	p.WriteString(x.Key.String())
	if x.Key == Annotation {
		p.key(x.Name)
	}
	if x.Op == IsSet {
		return
	}
	p.WriteString(" " + x.Op.String() + " ")
	switch x.Value.Type {
	case Text:
		p.quote(x.Value.Text)
	case Number:
		p.WriteString(x.Value.Text)
	case Truth:
		p.WriteString(strings.ToLower(x.Value.Text))
	}
}

// key writes the key of an annotation.
func (p *printer) key(name string) {
	plain := name != "" && strings.IndexFunc(name, func(r rune) bool { return r > 0x7f || !isKeyByte(byte(r)) || r == '.' }) < 0
	switch {
	case plain:
		p.WriteString("." + name)
	case strings.ContainsAny(name, "]\"'(){}=\\") || strings.TrimSpace(name) != name:
		p.WriteByte('[')
		p.quote(name)
		p.WriteByte(']')
	default:
		p.WriteString("[" + name + "]")
	}
}

// quote writes a string.
func (p *printer) quote(s string) {
	p.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			p.WriteByte('\\')
			p.WriteByte(c)
		case '\n':
			p.WriteString(`\n`)
		case '\r':
			p.WriteString(`\r`)
		case '\t':
			p.WriteString(`\t`)
		default:
			p.WriteByte(c)
		}
	}
	p.WriteByte('"')
}

// where writes what stands in braces, if anything does.
func (p *printer) where(x Expr) {
	if x == nil {
		return
	}
	p.WriteString(" { ")
	x.appendTo(p, loose)
	p.WriteString(" }")
}

// node writes a service.
func (p *printer) node(n Node) {
	if n.Type == "" && n.Account == "" {
		p.quote(n.Name)
		return
	}
	p.WriteString("id(")
	sep := ""
	for i, text := range [...]string{n.Name, n.Type, n.Account} {
		if text != "" {
			p.WriteString(sep + members[i] + ": ")
			p.quote(text)
			sep = ", "
		}
	}
	p.WriteByte(')')
}

func (x *Service) appendTo(p *printer, _ int) {
	p.WriteString("service(")
	if x.Node != (Node{}) {
		p.node(x.Node)
	}
	p.WriteByte(')')
	p.where(x.Where)
}

func (x *Edge) appendTo(p *printer, _ int) {
	p.WriteString("edge(")
	p.node(x.From)
	p.WriteString(", ")
	p.node(x.To)
	p.WriteByte(')')
	p.where(x.Where)
}

func (x *Cause) appendTo(p *printer, _ int) {
	p.WriteString(x.name())
	p.where(x.Where)
}

func (x *CauseJSON) appendTo(p *printer, _ int) {
	p.WriteString(nameJSON + " = #")
	text, _ := json.Marshal(x.Any) // strings, numbers and truth values: nothing can fail
	p.Write(text)
}
