package traceql

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// Regexp compiles the pattern of =~ and !~: RE2 as in Go's regexp, matched
// against the whole value. It refuses patterns over MaxRegexpBytes or
// MaxRegexpInstructions; the error is plain text without a position.
func Regexp(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > MaxRegexpBytes {
		return nil, fmt.Errorf("the regular expression has %d bytes, more than %d", len(pattern), MaxRegexpBytes)
	}
	// The pattern is parsed alone first, so that one like "a)|(b" cannot step
	// out of the group that anchors it.
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %s", reason(err))
	}
	if n := programSize(tree); n > MaxRegexpInstructions {
		return nil, fmt.Errorf("the regular expression repeats too much: about %d instructions, more than %d", n, MaxRegexpInstructions)
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %s", reason(err))
	}
	return re, nil
}

func reason(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return e.Code.String() + ": " + e.Expr
	}
	return err.Error()
}

// programSize estimates how many instructions a pattern compiles to. It stops
// counting beyond the limit, so that it cannot overflow.
func programSize(re *syntax.Regexp) int {
	const enough = MaxRegexpInstructions + 1
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune) + 1
	case syntax.OpCharClass:
		n = 1 + len(re.Rune)/8
	}
	for _, sub := range re.Sub {
		n = min(n+programSize(sub), enough)
	}
	if re.Op == syntax.OpRepeat {
		n = min(n*max(re.Min, re.Max, 1), enough)
	}
	return n
}
