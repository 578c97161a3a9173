package xray

import "github.com/clew-tracing/clew/otlp/jsonread"

// tree is a JSON object that is put together.
type tree struct {
	members []branch
	at      map[string]int // from fewMembers members on
}

// branch is a key with a value that is written, or an object.
type branch struct {
	key string
	raw []byte
	sub *tree
}

// find returns the member of a key, which is new if there is none.
func (t *tree) find(key string) *branch {
	if t.at == nil {
		for i := range t.members {
			if t.members[i].key == key {
				return &t.members[i]
			}
		}
	} else if i, ok := t.at[key]; ok {
		return &t.members[i]
	}
	t.members = append(t.members, branch{key: key})
	n := len(t.members)
	if t.at == nil && n > fewMembers {
		t.at = make(map[string]int, 2*n)
		for i := range t.members {
			t.at[t.members[i].key] = i
		}
	} else if t.at != nil {
		t.at[key] = n - 1
	}
	return &t.members[n-1]
}

// set sets the value of a key.
func (t *tree) set(key string, raw []byte) {
	b := t.find(key)
	b.raw, b.sub = raw, nil
}

// setText sets a string.
func (t *tree) setText(key string, s []byte) { t.set(key, appendString(nil, s)) }

// setBool sets a bool.
func (t *tree) setBool(key string, v bool) {
	raw := []byte("false")
	if v {
		raw = []byte("true")
	}
	t.set(key, raw)
}

// child returns the object of a key.
func (t *tree) child(key string) *tree {
	b := t.find(key)
	if b.sub == nil {
		b.raw, b.sub = nil, new(tree)
	}
	return b.sub
}

// object returns an object of the schema.
func (t *tree) object(o object) *tree {
	if o == objSegment {
		return t
	}
	return t.object(home[o].in).child(home[o].key)
}

// merge sets what a JSON object has: objects that are on both sides are merged, as deep as
// the schema's are.
func (t *tree) merge(raw []byte, depth int) {
	members(raw, func(m member) bool {
		b := t.find(string(m.key))
		if b.sub != nil && m.value[0] == '{' && depth < maxPath {
			b.sub.merge(m.value, depth+1)
			return true
		}
		b.raw, b.sub = m.value, nil
		return true
	})
}

func (t *tree) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, b := range t.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, []byte(b.key)), ':')
		if b.sub != nil {
			dst = b.sub.append(dst)
		} else {
			dst = append(dst, b.raw...)
		}
	}
	return append(dst, '}')
}

// isJSON reports whether raw is one value of JSON, as the attributes are that a document
// came in; a span from elsewhere may have anything there.
func isJSON(raw []byte) bool {
	r := jsonread.Reader{Src: raw}
	if r.Skip() != nil {
		return false
	}
	r.Peek()
	return r.I == len(raw)
}
