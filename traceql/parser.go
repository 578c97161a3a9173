package traceql

import (
	"strings"
)

// parser is a recursive descent over the tokens; binary operators are read by
// precedence climbing. It stops at the first error.
type parser struct {
	q     *Query
	lex   lexer
	tok   token // the token not yet consumed
	depth int
	nodes int
	// parens is how many parentheses around stages are open.
	parens int
	// left is the left side of the comparison whose right side is being read; nil
	// elsewhere.
	left Expr
}

// query reads pipeline [with (hints)].
func (p *parser) query() *Error {
	if err := p.advance(); err != nil {
		return err
	}
	stages, err := p.pipeline()
	if err != nil {
		return err
	}
	p.q.Stages = stages
	if p.isWord("with") {
		if err := p.hints(); err != nil {
			return err
		}
	}
	if p.tok.kind != tokEOF {
		return p.unexpected("an operator", `"|"`, "the end of the query")
	}
	return nil
}

func (p *parser) advance() *Error {
	p.tok = p.lex.next(p.q)
	if p.tok.kind == tokInvalid {
		return p.tok.err
	}
	return nil
}

func (p *parser) isSymbol(s string) bool { return p.tok.kind == tokSymbol && p.tok.text == s }
func (p *parser) isWord(s string) bool   { return p.tok.kind == tokWord && p.tok.text == s }

// expect consumes the symbol s.
func (p *parser) expect(s string, also ...string) *Error {
	if !p.isSymbol(s) {
		return p.unexpected(append(also, `"`+s+`"`)...)
	}
	return p.advance()
}

// unexpected is the error at a token that cannot stand where it does.
func (p *parser) unexpected(expected ...string) *Error {
	msg := "unexpected " + p.tok.text
	switch p.tok.kind {
	case tokEOF:
		msg = "the query ends too early"
	case tokString:
		msg = "unexpected string"
	}
	e := p.q.errorf(Syntax, p.tok.at, "%s", msg)
	e.Expected = expected
	return e
}

// enter counts one more level of nesting; leave takes it back.
func (p *parser) enter() *Error {
	if p.depth++; p.depth > MaxDepth {
		return p.q.errorf(Limit, p.tok.at, "the query nests deeper than %d levels", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// node counts one more node of the tree.
func (p *parser) node() *Error {
	if p.nodes++; p.nodes > MaxNodes {
		return p.q.errorf(Limit, p.tok.at, "the query has more than %d parts", MaxNodes)
	}
	return nil
}

// peek returns the token after the one not yet consumed.
func (p *parser) peek() token {
	ahead := p.lex
	return ahead.next(p.q)
}

// spansetOps are the operators between spansets with their precedence. && and
// || bind alike, to the left, and the structural ones tighter, as in Tempo.
var spansetOps = func() map[string]SpansetOp {
	m := make(map[string]SpansetOp)
	for op := SpansetAnd; op <= SpansetUnionSibling; op++ {
		m[op.String()] = op
	}
	return m
}()

func spansetPrecedence(op SpansetOp) int {
	if op.IsStructural() {
		return 2
	}
	return 1
}

// filter reads { } or { expr }.
func (p *parser) filter() (Spanset, *Error) {
	f := &Filter{At: p.tok.at}
	if err := p.node(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.isSymbol("}") {
		where, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		f.Where = where
	}
	f.At.End = p.tok.at.End
	if !p.isSymbol("}") {
		return nil, p.afterOperand("}")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return f, nil
}

// afterOperand is the error at a token that follows a whole expression and is
// neither an operator nor the closing bracket.
func (p *parser) afterOperand(bracket string) *Error {
	e := p.unexpected("an operator", `"`+bracket+`"`)
	switch {
	case p.isSymbol("|"):
		e.Expected = []string{`"||"`, `"` + bracket + `"`}
	case p.isSymbol(","):
		e.Expected = []string{`"&&"`, `"` + bracket + `"`}
	case p.isSymbol("~"):
		e.Expected = []string{`"=~"`}
	case p.isWord("and") || p.isWord("AND"):
		e.Expected = []string{`"&&"`}
	case p.isWord("or") || p.isWord("OR"):
		e.Expected = []string{`"||"`}
	case p.tok.kind == tokWord:
		switch strings.ToLower(p.tok.text) {
		case "is", "equals", "eq":
			e.Expected = []string{`"="`}
		case "like", "contains", "matches", "in":
			e.Expected = []string{`"=~" and a regular expression for the whole value`}
		}
	}
	return e
}

// hints reads with ( name = value { , name = value } ).
func (p *parser) hints() *Error {
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		h := Hint{At: p.tok.at, Name: p.tok.text}
		if p.tok.kind != tokWord {
			return p.unexpected("a hint's name")
		}
		if len(p.q.Hints) == MaxHints {
			return p.q.errorf(Limit, p.tok.at, "the query has more than %d hints", MaxHints)
		}
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.expect("="); err != nil {
			return err
		}
		value, err := p.operand()
		if err != nil {
			return err
		}
		lit, ok := value.(*Literal)
		if !ok {
			return p.q.errorf(Syntax, value.Range(), "a hint's value is a literal")
		}
		h.Value, h.At.End = lit.Value, lit.At.End
		p.q.Hints = append(p.q.Hints, h)
		if !p.isSymbol(",") {
			return p.expect(")", `","`)
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
}
