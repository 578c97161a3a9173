package span

import "github.com/clew-tracing/clew/column"

// Kinship is how rows of a trace stand to others.
type Kinship uint8

// The kinships. A row is no sibling of itself, nor its own ancestor.
const (
	Children Kinship = iota
	Parents
	Descendants
	Ancestors
	Siblings
)

// Inverse returns the kinship of those that a row stands so to: of Children it is
// Parents.
func (k Kinship) Inverse() Kinship {
	switch k {
	case Children:
		return Parents
	case Parents:
		return Children
	case Descendants:
		return Ancestors
	case Ancestors:
		return Descendants
	}
	return k
}

// Kin returns the rows, of those of a second set at least, that stand so to at least one
// row of a first: its children and so on. The bitmap is new and the caller's.
func (t *Tree) Kin(k Kinship, set, of column.Bitmap) column.Bitmap {
	out := column.NewBitmap(len(t.Parent))
	switch k {
	case Children:
		for row := range of.Ones() {
			if p := t.Parent[row]; p >= 0 && set.Get(int(p)) {
				out.Set(row)
			}
		}
	case Parents:
		for row := range set.Ones() {
			if p := t.Parent[row]; p >= 0 {
				out.Set(int(p))
			}
		}
	case Descendants:
		t.descendants(set, of, out)
	case Ancestors:
		for row := range set.Ones() {
			for p := t.Parent[row]; p >= 0 && !out.Get(int(p)); p = t.Parent[p] {
				out.Set(int(p))
			}
		}
	case Siblings:
		t.Siblings(func(rows []uint32) {
			in := 0
			for _, row := range rows {
				if set.Get(int(row)) {
					in++
				}
			}
			for _, row := range rows {
				if in > 1 || in == 1 && !set.Get(int(row)) {
					out.Set(int(row))
				}
			}
		})
	}
	return out
}

// descendants sets the rows of a set, and perhaps others, with an ancestor in another:
// each row is gone by once.
func (t *Tree) descendants(set, of, out column.Bitmap) {
	const unseen, yes, no = 0, 1, 2 // whether the row or an ancestor is in set
	t.state = append(t.state[:0], make([]uint8, len(t.Parent))...)
	for row := range of.Ones() {
		t.path = t.path[:0]
		at := int32(row)
		for at >= 0 && t.state[at] == unseen {
			t.path = append(t.path, at)
			at = t.Parent[at]
		}
		above := at >= 0 && t.state[at] == yes
		for i := len(t.path) - 1; i >= 0; i-- {
			at := t.path[i]
			if above {
				out.Set(int(at))
			}
			t.state[at] = no
			if above = above || set.Get(int(at)); above {
				t.state[at] = yes
			}
		}
	}
}
