package traceql

import (
	"math"

	"github.com/clew-tracing/clew"
)

// binaryOps are the operators within a field expression.
var binaryOps = func() map[string]Op {
	m := make(map[string]Op)
	for op := OpAnd; op <= OpPow; op++ {
		m[op.String()] = op
	}
	return m
}()

// Precedence as in Tempo's grammar, where && and || bind alike, to the left:
// a || b && c is (a || b) && c. The printer always shows the parentheses.
const (
	precLogic = 1 + iota
	precCompare
	precSum
	precProduct
	precPower
)

func precedence(op Op) int {
	switch {
	case op == OpAnd || op == OpOr:
		return precLogic
	case op.IsComparison():
		return precCompare
	case op == OpAdd || op == OpSub:
		return precSum
	case op == OpPow:
		return precPower
	}
	return precProduct
}

// expr reads operands joined by operators that bind tighter than above.
func (p *parser) expr(above int) (Expr, *Error) {
	left, err := p.prefix()
	if err != nil {
		return nil, err
	}
	for p.tok.kind == tokSymbol {
		op, ok := binaryOps[p.tok.text]
		prec := precedence(op)
		if !ok || prec <= above {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.isSymbol("=") && op.IsComparison() {
			e := p.unexpected("a value")
			e.Msg += "; TraceQL compares with one ="
			return nil, e
		}
		if op == OpPow { // binds to the right
			prec--
			if err := p.enter(); err != nil {
				return nil, err
			}
		}
		outer := p.left
		switch {
		case op.IsComparison():
			p.left = left
		case op == OpAnd || op == OpOr:
			p.left = nil
		}
		right, err := p.expr(prec)
		p.left = outer
		if err != nil {
			return nil, err
		}
		if op == OpPow {
			p.leave()
		}
		if err := p.node(); err != nil {
			return nil, err
		}
		left = &Binary{At: Range{left.Range().Start, right.Range().End}, Op: op, L: left, R: right}
	}
	return left, nil
}

// prefix reads an operand with its ! and - before it. A minus binds looser than
// * and ^: -a ^ 2 is -(a ^ 2).
func (p *parser) prefix() (Expr, *Error) {
	start := p.tok.at.Start
	switch {
	case p.isSymbol("!"):
		return p.unary(OpNot, start, precPower)
	case p.isSymbol("-"):
		return p.negative(start)
	case p.isSymbol("("):
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		if err := p.advance(); err != nil {
			return nil, err
		}
		x, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		if !p.isSymbol(")") {
			return nil, p.afterOperand(")")
		}
		return x, p.advance()
	}
	return p.operand()
}

func (p *parser) unary(op Op, start, above int) (Expr, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if op == OpNot {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	x, err := p.expr(above)
	if err != nil {
		return nil, err
	}
	if err := p.node(); err != nil {
		return nil, err
	}
	return &Unary{At: Range{start, x.Range().End}, Op: op, X: x}, nil
}

// negative reads what follows a minus. A number becomes a negative literal (the
// least integer has no positive one), unless a power follows it.
func (p *parser) negative(start int) (Expr, *Error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != tokNumber {
		return p.unary(OpNeg, start, precSum)
	}
	number := p.tok
	ahead := p.lex
	if t := ahead.next(p.q); t.kind == tokSymbol && t.text == "^" {
		return p.unary(OpNeg, start, precSum)
	}
	v, problem := parseNumber("-" + number.text)
	if problem != "" {
		return nil, p.q.errorf(Syntax, Range{start, number.at.End}, "%s", problem)
	}
	if err := p.node(); err != nil {
		return nil, err
	}
	return &Literal{At: Range{start, number.at.End}, Value: v}, p.advance()
}

// operand reads a literal or a field.
func (p *parser) operand() (Expr, *Error) {
	t := p.tok
	if err := p.node(); err != nil {
		return nil, err
	}
	switch t.kind {
	case tokField:
		f := t.fld
		return &f, p.advance()
	case tokString:
		return &Literal{At: t.at, Value: Static{Type: TypeString, Str: t.text}}, p.advance()
	case tokNumber:
		v, problem := parseNumber(t.text)
		if problem != "" {
			return nil, p.q.errorf(Syntax, t.at, "%s", problem)
		}
		return &Literal{At: t.at, Value: v}, p.advance()
	case tokWord:
		if v, ok := parseKeyword(t.text); ok {
			return &Literal{At: t.at, Value: v}, p.advance()
		}
		if id, ok := ParseIntrinsic(t.text); ok {
			return &Field{At: t.at, Intrinsic: id}, p.advance()
		}
		return nil, p.unknownWord()
	}
	return nil, p.unexpected("a field", "a value")
}

// keywords are the words that are values.
var keywords = func() map[string]Static {
	m := map[string]Static{
		"nil":    {},
		"true":   boolStatic(true),
		"false":  boolStatic(false),
		"minInt": {Type: TypeInt, Int: math.MinInt64},
		"maxInt": {Type: TypeInt, Int: math.MaxInt64},
	}
	for s := clew.StatusUnset; s <= clew.StatusError; s++ {
		m[s.String()] = Static{Type: TypeStatus, Int: int64(s)}
	}
	for k := clew.KindUnspecified; k <= clew.KindConsumer; k++ {
		m[k.String()] = Static{Type: TypeKind, Int: int64(k)}
	}
	return m
}()

func parseKeyword(word string) (Static, bool) {
	v, ok := keywords[word]
	return v, ok
}
