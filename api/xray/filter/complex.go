package filter

import (
	"strings"

	"github.com/clew-tracing/clew/traceql/spelling"
)

// function reads service(…) or edge(…), with what stands in its braces.
func (p *parser) function(start int, name string, depth int) (Expr, error) {
	if p.in != inTrace {
		return nil, p.errorf(start, start+len(name), "%s(…) cannot stand in braces: write one beside the other, with AND", name)
	}
	p.off += len(name)
	p.skip()
	open := p.off
	if !p.take("(") {
		e := p.want(name + `("name")`)
		return nil, e
	}
	var nodes [2]Node
	want := 1
	if name == "edge" {
		want = 2
	}
	for i := range want {
		if want == 1 && strings.HasPrefix(p.text[p.off:], ")") {
			break // service()
		}
		if i > 0 && !p.take(",") {
			return nil, p.want("a comma and the service that is called")
		}
		var err error
		if nodes[i], err = p.node(); err != nil {
			return nil, err
		}
	}
	if !p.take(")") {
		if p.off == len(p.text) {
			return nil, p.unclosed(open, ")")
		}
		return nil, p.want(")")
	}
	in := inService
	if want == 2 {
		in = inEdge
	}
	where, err := p.braces(in, depth)
	if want == 2 {
		return &Edge{nodes[0], nodes[1], where}, err
	}
	return &Service{nodes[0], where}, err
}

// braces reads { … }; nil is that there are none, or nothing in them.
func (p *parser) braces(in place, depth int) (Expr, error) {
	start := p.off
	if !p.take("{") {
		return nil, nil
	}
	outer := p.in
	p.in = in
	defer func() { p.in = outer }()
	if p.take("}") {
		return nil, nil
	}
	x, err := p.or(depth + 1)
	if err == nil && !p.take("}") {
		err = p.unclosed(start, "}")
	}
	return x, err
}

// node reads the name of a service, or id(…).
func (p *parser) node() (Node, error) {
	if w := p.word(); strings.EqualFold(w, "id") {
		if rest := strings.TrimSpace(p.text[p.off+len(w):]); strings.HasPrefix(rest, "(") {
			return p.id()
		}
	}
	name, err := p.name(`a name in quotes`, "id(")
	return Node{Name: name}, err
}

// name reads a string or a bare word.
func (p *parser) name(expected ...string) (string, error) {
	if p.off == len(p.text) || strings.IndexByte("(){},", p.text[p.off]) >= 0 {
		return "", p.want(expected...)
	}
	v, _, err := p.value()
	return v.Text, err
}

// members are those of id(…).
var members = [...]string{"name", "type", "account.id"}

// id reads id(name: "…", type: "…", account.id: "…"), each of them once, in any order.
func (p *parser) id() (n Node, err error) {
	open := p.off + len("id")
	p.off = open
	p.skip()
	p.take("(")
	var seen [len(members)]bool
	for {
		start, word := p.off, p.word()
		which := -1
		for i, m := range members {
			if strings.EqualFold(word, m) {
				which = i
			}
		}
		switch {
		case word == "":
			return n, p.want("name:", "type:", "account.id:")
		case which < 0:
			e := p.errorf(start, start+len(word), "a service has no %s", shown(word))
			if e.Near = spelling.Nearest(strings.ToLower(word), members[:], maxNear); len(e.Near) == 0 {
				e.Expected = members[:]
			}
			return n, e
		case seen[which]:
			return n, p.errorf(start, start+len(word), "%s comes twice", members[which])
		}
		seen[which] = true
		p.off += len(word)
		p.skip()
		if !p.take(":") {
			return n, p.want(":")
		}
		text, err := p.name("a text in quotes")
		if err != nil {
			return n, err
		}
		*[...]*string{&n.Name, &n.Type, &n.Account}[which] = text
		if p.take(",") {
			continue
		}
		if p.take(")") {
			return n, nil
		}
		return n, p.want("a comma", ")")
	}
}

// cause reads rootcause.….
func (p *parser) cause(start int, word string, depth int) (Expr, error) {
	if p.in != inTrace {
		return nil, p.errorf(start, start+len(word), "root causes are of the trace: write this beside the braces, with AND")
	}
	name := strings.ToLower(word)
	p.off += len(word)
	p.skip()
	if name == nameJSON {
		return p.json(start)
	}
	for i := range causes {
		if c := &causes[i]; c.name == name {
			where, err := p.braces(c.in, depth)
			return &Cause{c.of, c.part, where}, err
		}
	}
	e := p.errorf(start, start+len(word), "unknown key %s", shown(word))
	if name == "rootcause.responsetime.exception" {
		e.Msg = "what takes long has no exception"
		e.Expected = []string{"rootcause.responsetime.service", "rootcause.responsetime.entity"}
		return nil, e
	}
	list := []string{nameJSON}
	for i := range causes {
		list = append(list, causes[i].name)
	}
	if e.Near = spelling.Nearest(name, list, maxNear); len(e.Near) == 0 {
		e.Expected = list
	}
	return nil, e
}
