package v1

import (
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// fingerprint tells the states of a trace apart. content depends on the spans, on
// which of them conflict, and on whether some could not be read, not on the order of rows, dictionaries and tables, which change when a
// store moves rows about; sequence depends on the order of rows too.
type fingerprint struct{ content, sequence uint64 }

// etag names the state for clients. It is weak: packed and unpacked bytes, and
// the several forms of a trace, carry the same one.
func (f fingerprint) etag() string { return fmt.Sprintf(`W/"%016x"`, f.content) }

// fingerprintOf hashes every field of every span: the dense columns into a hash
// per row, then each sparse value added to the hash of its row. A value of a
// dictionary is hashed once. It takes some 15 ns per value.
func fingerprintOf(t *storage.Trace) fingerprint {
	b := t.Batch
	rows := make([]uint64, b.Rows)
	names := dictHash(b.Names)
	resources, scopes := make([]uint64, len(b.Resources)), make([]uint64, len(b.Scopes))
	for i, r := range b.Resources {
		resources[i] = xxh3.Hash(r.Raw)
	}
	for i, s := range b.Scopes {
		scopes[i] = xxh3.Hash(s.Raw)
	}
	for i := range rows {
		id := b.TraceIDs[b.Trace[i]]
		h := join(id.High(), id.Low())
		h = join(h, b.SpanID[i])
		h = join(h, b.ParentID[i])
		h = join(h, b.Start[i])
		h = join(h, b.Duration[i])
		h = join(h, names.at(b.Name[i]))
		h = join(h, uint64(b.Kind[i])|uint64(b.Status[i])<<8|uint64(b.Flags[i])<<16)
		h = join(h, resources[b.Resource[i]])
		rows[i] = join(h, scopes[b.Scope[i]])
	}
	for i, c := range []*span.Column{&b.StatusMessage, &b.TraceState, &b.DroppedAttrs, &b.DroppedEvents, &b.DroppedLinks} {
		addColumn(rows, uint64(i), c)
	}
	addAttrs(rows, &b.Attrs)
	addEvents(rows, &b.Events)
	addLinks(rows, &b.Links)
	for _, row := range t.Conflicting {
		rows[row] += saltConflict
	}
	f := fingerprint{content: join(uint64(b.Rows), uint64(t.Conflicts))}
	if t.Damaged != nil {
		f.content = join(f.content, saltDamaged)
	}
	for _, h := range rows {
		f.content += join(h, uint64(b.Rows))
		f.sequence = join(f.sequence, h)
	}
	return f
}

// join mixes two hashes into one, in this order.
func join(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	return hi ^ lo + a*0x2545f4914f6cdd1d
}

// hashes are those of a dictionary's values, computed when first asked for; 0:
// not yet.
type hashes struct {
	dict column.Strings
	sum  []uint64
}

func dictHash(d column.Strings) hashes { return hashes{d, make([]uint64, d.Len())} }

func (x *hashes) at(code uint32) uint64 {
	h := x.sum[code]
	if h == 0 {
		h = xxh3.Hash(x.dict.At(int(code))) | 1
		x.sum[code] = h
	}
	return h
}

// addColumn adds the values of c to the hashes of their rows.
func addColumn(rows []uint64, salt uint64, c *span.Column) {
	salt = join(join(salt, xxh3.HashString(c.Key)), uint64(c.Type))
	if c.Strings.Len() == 0 {
		for i, row := range c.Rows {
			rows[row] += join(salt, c.Vals[i])
		}
		return
	}
	dict := dictHash(c.Strings)
	for i, row := range c.Rows {
		rows[row] += join(salt, dict.at(uint32(c.Vals[i])))
	}
}

func addAttrs(rows []uint64, a *span.Attrs) {
	for i := range a.Columns {
		addColumn(rows, saltAttr, &a.Columns[i])
	}
	addColumn(rows, saltExtra, &a.Extra)
}

// Salts keep equal numbers in different places apart; those below 8 are the
// sparse columns of spans.
const (
	saltAttr = 8 + iota
	saltExtra
	saltDropped
	saltState
	saltEvent
	saltLink
	saltConflict
	saltDamaged
)

func addEvents(rows []uint64, e *span.Events) {
	sums := make([]uint64, len(e.Row))
	names := dictHash(e.Names)
	for i := range sums {
		sums[i] = join(e.Time[i], names.at(e.Name[i]))
	}
	addColumn(sums, saltDropped, &e.Dropped)
	addAttrs(sums, &e.Attrs)
	addChildren(rows, saltEvent, e.Row, sums)
}

func addLinks(rows []uint64, l *span.Links) {
	sums := make([]uint64, len(l.Row))
	for i := range sums {
		sums[i] = join(join(join(l.TraceHigh[i], l.TraceLow[i]), l.SpanID[i]), uint64(l.Flags[i]))
	}
	addColumn(sums, saltState, &l.TraceState)
	addColumn(sums, saltDropped, &l.Dropped)
	addAttrs(sums, &l.Attrs)
	addChildren(rows, saltLink, l.Row, sums)
}

// addChildren adds the hashes of events or links to their rows, each with its
// place among those of the row.
func addChildren(rows []uint64, salt uint64, owner []uint32, sums []uint64) {
	place := uint64(0)
	for i, row := range owner {
		if i > 0 && owner[i-1] == row {
			place++
		} else {
			place = 0
		}
		rows[row] += join(join(salt, place), sums[i])
	}
}
