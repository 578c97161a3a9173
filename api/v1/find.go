package v1

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"unicode"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

type rowsAnswer struct {
	ETag    string   `json:"etag"`
	Damaged string   `json:"damaged,omitempty"`
	Rows    []uint32 `json:"rows"`
}

// searchTrace answers which rows of a trace hold a text.
func (a *API) searchTrace(c *call) error {
	params, err := parameters(c, "q")
	if err != nil {
		return err
	}
	q := params.Get("q")
	if n := utf8.RuneCountInString(q); n == 0 || n > maxFindRunes {
		return clew.Errorf(clew.Invalid, "q: want 1 to %d characters, have %d", maxFindRunes, n)
	}
	t, err := a.read(c)
	if err != nil {
		return err
	}
	defer t.Free()
	l := a.layout(c.tenant, t)
	f := newFinder(q)
	found := f.rows(t.Batch)
	out := rowsAnswer{ETag: t.print.etag(), Damaged: api.DamageText(&t.Trace), Rows: []uint32{}}
	ghosts := l.ghosts
	for i, row := range l.rows {
		hit := false
		if row == span.NoCode {
			hit = f.id(ghosts[0].id)
			ghosts = ghosts[1:]
		} else {
			hit = found.Get(int(row))
		}
		if hit {
			out.Rows = append(out.Rows, uint32(i))
		}
	}
	writeJSON(c.w, 200, out)
	return nil
}

// finder looks for one text, whatever the case. Text that is no valid UTF-8 is
// looked at in the form in which it is shown.
type finder struct {
	want    []byte // folded
	scratch []byte
}

func newFinder(q string) *finder {
	return &finder{want: appendFolded(nil, []byte(api.Shown(q)))}
}

// appendFolded appends s with each letter replaced by one that stands for all its
// cases: the least of them by simple folding, but ASCII letters in lower case.
func appendFolded(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		dst = utf8.AppendRune(dst, foldRune(r))
		i += n
	}
	return dst
}

func foldRune(r rune) rune {
	least := r
	for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
		least = min(least, x)
	}
	if 'A' <= least && least <= 'Z' {
		least |= 0x20
	}
	return least
}

// in reports whether s holds the text.
func (f *finder) in(s []byte) bool {
	if !utf8.Valid(s) {
		s = []byte(api.Shown(string(s)))
	}
	f.scratch = appendFolded(f.scratch[:0], s)
	return bytes.Contains(f.scratch, f.want)
}

func (f *finder) inString(s string) bool { return f.in([]byte(s)) }

func (f *finder) id(id uint64) bool {
	var raw [8]byte
	var digits [16]byte
	binary.BigEndian.PutUint64(raw[:], id)
	hex.Encode(digits[:], raw[:])
	return bytes.Contains(digits[:], f.want)
}

// rows returns the rows of b that hold the text. Dictionaries and tables are
// looked through before rows.
func (f *finder) rows(b *span.Batch) column.Bitmap {
	found := column.NewBitmap(b.Rows)
	mark := func(row uint32) { found.Set(int(row)) }
	names := f.dict(b.Names)
	resources := make([]bool, len(b.Resources))
	for i, r := range b.Resources {
		resources[i] = f.inString(r.Service) || f.attrs(r.Attrs)
	}
	scopes := make([]bool, len(b.Scopes))
	for i, s := range b.Scopes {
		scopes[i] = f.attrs(s.Attrs)
	}
	for i := range b.Rows {
		if names[b.Name[i]] || resources[b.Resource[i]] || scopes[b.Scope[i]] || f.id(b.SpanID[i]) {
			found.Set(i)
		}
	}
	f.column(&b.StatusMessage, mark)
	f.columns(&b.Attrs, mark)
	events := f.dict(b.Events.Names)
	for i, row := range b.Events.Row {
		if events[b.Events.Name[i]] {
			mark(row)
		}
	}
	f.columns(&b.Events.Attrs, func(event uint32) { mark(b.Events.Row[event]) })
	return found
}

// dict says which strings of a dictionary hold the text.
func (f *finder) dict(d column.Strings) []bool {
	hit := make([]bool, d.Len())
	for i := range hit {
		hit[i] = f.in(d.At(i))
	}
	return hit
}

func (f *finder) attrs(attrs []clew.Attr) bool {
	for _, a := range attrs {
		if f.attr(a.Key, a.Value) {
			return true
		}
	}
	return false
}

func (f *finder) attr(key string, v clew.Value) bool {
	return f.inString(key) || f.value(v)
}

func (f *finder) value(v clew.Value) bool {
	if v.Type == clew.TypeString {
		return f.in(v.Bytes)
	}
	return f.inString(otlp.ValueText(v))
}

// columns marks the rows of a with the text in a key or a value.
func (f *finder) columns(a *span.Attrs, mark func(row uint32)) {
	for i := range a.Columns {
		c := &a.Columns[i]
		if !f.inString(c.Key) {
			f.column(c, mark)
			continue
		}
		for _, row := range c.Rows {
			mark(row)
		}
	}
	for i, row := range a.Extra.Rows {
		// What cannot be read any more holds no text.
		_ = otlp.EachExtra(a.Extra.ValueAt(i).Bytes, func(key string, v clew.Value) {
			if f.attr(key, v) {
				mark(row)
			}
		})
	}
}

// column marks the rows of c with the text in their value. Values of a dictionary
// are looked at once.
func (f *finder) column(c *span.Column, mark func(row uint32)) {
	var hits []byte // by code: 0 not looked at, 1 no, 2 yes
	if c.Type == clew.TypeString || c.Type == clew.TypeOther {
		hits = make([]byte, c.Strings.Len())
	}
	for i, row := range c.Rows {
		if hits == nil {
			if f.value(c.ValueAt(i)) {
				mark(row)
			}
			continue
		}
		hit := &hits[c.Vals[i]]
		if *hit == 0 {
			*hit = 1
			if f.value(c.ValueAt(i)) {
				*hit = 2
			}
		}
		if *hit == 2 {
			mark(row)
		}
	}
}
