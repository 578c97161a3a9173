package otlp

import (
	"slices"

	"github.com/clew-tracing/clew"
)

// ParseResource reads what span.ResourceEntry.Raw holds: a ResourceSpans message
// without its scope_spans. The result shares raw's memory; a caller that changes
// raw later hands over a copy. Errors are of kind Invalid and name the byte.
func ParseResource(raw []byte) (clew.Resource, error) {
	r, _, err := parseResource(raw)
	return r, located(raw, err)
}

// ParseScope reads what span.ScopeEntry.Raw holds: a ScopeSpans message without
// its spans. Otherwise it is like ParseResource.
func ParseScope(raw []byte) (clew.Scope, error) {
	s, _, err := parseScope(raw)
	return s, located(raw, err)
}

func parseResource(raw []byte) (r clew.Resource, unknown int, err error) {
	var f, g field
	for i := 0; i < len(raw); {
		end, err := f.next(raw, i)
		if err != nil {
			return r, 0, err
		}
		switch {
		case f.is(1, wireBytes):
			r.Attrs = roomFor(r.Attrs, f.data, 1)
			for k := 0; k < len(f.data); {
				next, err := g.next(f.data, k)
				if err != nil {
					return r, 0, err
				}
				switch {
				case g.is(1, wireBytes):
					if r.Attrs, err = parseAttr(r.Attrs, g.data, &unknown); err != nil {
						return r, 0, err
					}
				case g.is(2, wireVarint):
					r.DroppedAttrs = uint32(g.bits)
				case g.is(3, wireBytes): // entity_refs: kept in the raw entry
				default:
					unknown++
				}
				k = next
			}
		case f.is(3, wireBytes):
			r.SchemaURL = string(f.data)
		default:
			unknown++
		}
		i = end
	}
	return r, unknown, nil
}

func parseScope(raw []byte) (s clew.Scope, unknown int, err error) {
	var f, g field
	for i := 0; i < len(raw); {
		end, err := f.next(raw, i)
		if err != nil {
			return s, 0, err
		}
		switch {
		case f.is(1, wireBytes):
			s.Attrs = roomFor(s.Attrs, f.data, 3)
			for k := 0; k < len(f.data); {
				next, err := g.next(f.data, k)
				if err != nil {
					return s, 0, err
				}
				switch {
				case g.is(1, wireBytes):
					s.Name = string(g.data)
				case g.is(2, wireBytes):
					s.Version = string(g.data)
				case g.is(3, wireBytes):
					if s.Attrs, err = parseAttr(s.Attrs, g.data, &unknown); err != nil {
						return s, 0, err
					}
				case g.is(4, wireVarint):
					s.DroppedAttrs = uint32(g.bits)
				default:
					unknown++
				}
				k = next
			}
		case f.is(3, wireBytes):
			s.SchemaURL = string(f.data)
		default:
			unknown++
		}
		i = end
	}
	return s, unknown, nil
}

// roomFor makes room for the attributes in field num of m: an attribute takes 2
// bytes at least and an Attr 56, which is enough without growing twice.
func roomFor(attrs []clew.Attr, m []byte, num int) []clew.Attr {
	n := 0
	_ = eachNested(m, num, func([]byte) error { n++; return nil }) // a flaw is found by the parser too
	if n == 0 {
		return attrs
	}
	return slices.Grow(attrs, n)
}

// parseAttr appends the attribute of a KeyValue message.
func parseAttr(attrs []clew.Attr, kv []byte, unknown *int) ([]clew.Attr, error) {
	var p pair
	if err := p.read(kv); err != nil {
		return attrs, err
	}
	*unknown += p.seen.unknown
	return append(attrs, clew.Attr{Key: string(p.key), Value: p.value}), nil
}
