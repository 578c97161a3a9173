// Package redact takes what must not be stored out of OTLP requests: passwords and tokens,
// card numbers, e-mail addresses, secrets in URLs, literals in SQL.
//
// It works on the protobuf bytes, in one pass that copies nothing as long as there is
// nothing to take out: what it does not change stays equal byte by byte. It looks at every
// text there is in a request: attributes of resources, scopes, spans, events and links,
// their keys, nested values and bytes, names, status messages, trace states, schema URLs,
// and JSON inside of texts. Fields that OTLP does not define cannot be looked into, so
// that they are left out.
package redact

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Set is a kind of thing to take out.
type Set uint8

// The sets.
const (
	Credentials Set = iota
	Cards
	Email
	URLs
	SQL
	setCount
)

var setNames = [setCount]string{"credentials", "cards", "email", "urls", "sql"}

// String returns the name by which configurations and metrics call a set.
func (s Set) String() string { return setNames[s] }

// Sets returns all sets.
func Sets() []Set { return []Set{Credentials, Cards, Email, URLs, SQL} }

// ParseSet returns the set of that name.
func ParseSet(name string) (Set, error) {
	if i := slices.Index(setNames[:], name); i >= 0 {
		return Set(i), nil
	}
	return 0, fmt.Errorf("there is no set %q: want %s", name, strings.Join(setNames[:], ", "))
}

// Mark is what stands in place of what was taken out; of a literal in SQL it is
// LiteralMark. With a key for hashes it is followed by - and 16 hexadecimal digits.
const (
	Mark        = "REDACTED"
	LiteralMark = "?"
)

// Options say what to take out.
type Options struct {
	Sets []Set
	// Keys are attributes that are taken out whole, as credentials: exact, or with * at
	// the end for all that begin so.
	Keys []string
	// Keep are attributes that are left as they are, in the same form.
	Keep []string
	// HashKey, where not empty, has equal values leave equal marks.
	HashKey []byte
	// Counts, where not nil, counts what is taken out.
	Counts *Counts
}

// Counts counts values that were taken out, by set. It is safe for concurrent use.
type Counts [setCount]atomic.Int64

// Of returns how many values of a set were taken out so far.
func (c *Counts) Of(s Set) int64 { return c[s].Load() }

// Redactor takes out of requests what its options name. It is safe for concurrent use.
type Redactor struct {
	on         [setCount]bool
	keys, keep []string
	hashKey    []byte
	classes    classes
	clean      *clean
	counts     *Counts
	runs       sync.Pool // of *run
}

// New returns a redactor.
func New(o Options) (*Redactor, error) {
	r := &Redactor{hashKey: o.HashKey, counts: o.Counts, clean: newClean()}
	if r.counts == nil {
		r.counts = new(Counts)
	}
	for _, s := range o.Sets {
		r.on[s] = true
	}
	if len(o.HashKey) > 0 && len(o.HashKey) < minHashKey {
		return nil, fmt.Errorf("the key for hashes has %d bytes: want %d at least, or values can be guessed", len(o.HashKey), minHashKey)
	}
	for _, list := range [][]string{o.Keys, o.Keep} {
		for _, k := range list {
			if i := strings.IndexByte(k, '*'); k == "" || k == "*" || (i >= 0 && i < len(k)-1) {
				return nil, fmt.Errorf("key %q: want the name of an attribute, or its beginning and then *", k)
			}
		}
	}
	r.keys, r.keep = slices.Clone(o.Keys), slices.Clone(o.Keep)
	r.runs.New = func() any { return &run{r: r} }
	return r, nil
}

// Counts returns what counts the values that were taken out.
func (r *Redactor) Counts() *Counts { return r.counts }

// ErrRequest is why a request cannot be looked through: it is no OTLP, or nested deeper
// than the store takes.
var ErrRequest = errors.New("the request is no OTLP protobuf, or its values are nested deeper than 64")

// Append appends to dst what a request comes to without what is to be taken out. If
// changed is false, that is the request itself, and dst is returned as it came. unknown
// counts fields that were left out because OTLP does not define them. The only error is
// ErrRequest.
func (r *Redactor) Append(dst, body []byte) (out []byte, changed bool, unknown int, err error) {
	x := r.runs.Get().(*run)
	out, changed, unknown, err = x.request(dst, body)
	for i, n := range x.counts {
		if n > 0 && err == nil {
			r.counts[i].Add(n)
		}
	}
	x.reset()
	r.runs.Put(x)
	return out, changed, unknown, err
}

// Text returns a text without what is to be taken out, as of an attribute of that key.
func (r *Redactor) Text(key, text string) string {
	x := r.runs.Get().(*run)
	defer func() { x.reset(); r.runs.Put(x) }()
	x.find([]byte(text), r.classes.of(r, []byte(key)))
	if len(x.hits) == 0 {
		return text
	}
	return string(x.replace(nil, []byte(text), 0))
}

// Describe names what is taken out.
func (r *Redactor) Describe() string {
	var parts []string
	for i, on := range r.on {
		if on {
			parts = append(parts, Set(i).String())
		}
	}
	if n := len(r.keys); n > 0 {
		parts = append(parts, fmt.Sprintf("%d keys", n))
	}
	return strings.Join(parts, ", ")
}
