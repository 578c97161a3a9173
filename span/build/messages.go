package build

import (
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// messages numbers distinct messages, resources or scopes, in order of first
// appearance, and keeps the parsed form of each.
type messages[E any] struct {
	raw    column.Dict
	parsed []*E
}

// intern returns the code of a message; fresh reports one without a parsed form.
func (m *messages[E]) intern(raw []byte) (code uint32, fresh bool) {
	code = m.raw.Intern(raw)
	if int(code) == len(m.parsed) {
		m.parsed = append(m.parsed, nil)
	}
	return code, m.parsed[code] == nil
}

// carry returns the code of a message that has another code elsewhere. seen says which
// messages from there have come, and what code they got.
func (m *messages[E]) carry(seen codeMap, code uint32, raw []byte, parsed *E) uint32 {
	if seen[code] == span.NoCode {
		to, fresh := m.intern(raw)
		if fresh {
			m.parsed[to] = parsed
		}
		seen[code] = to
	}
	return seen[code]
}

// carryAll appends the codes of messages that have codes elsewhere. Neighbours mostly
// have the same.
func (m *messages[E]) carryAll(dst []uint32, seen codeMap, codes []uint32, parsed []*E, raw func(*E) []byte) []uint32 {
	from, to := uint32(span.NoCode), uint32(0)
	for _, code := range codes {
		if code != from {
			from, to = code, m.carry(seen, code, raw(parsed[code]), parsed[code])
		}
		dst = append(dst, to)
	}
	return dst
}

func (m *messages[E]) reset() {
	m.raw.Reset()
	clear(m.parsed)
	m.parsed = m.parsed[:0]
}
