package zipkin

import (
	"bytes"

	"github.com/clew-tracing/clew"
)

// write writes a span: as it is, or of version 1 as one span of each side that it has.
func (w *writer) write(d *draft, old bool) {
	if !old {
		w.span(d, &d.half, 0)
		return
	}
	halves, n := d.split()
	for i := range n {
		w.span(d, &halves[i], i)
	}
}

// core is an annotation of version 1 that says what the span is: its kind, and whether it
// begins or ends there.
type core struct {
	kind  clew.Kind
	begin bool
}

// coreOf returns what an annotation says of the span; wire annotations (ws, wr) are only
// points in time, and so are those of texts.
func coreOf(value []byte) (c core, ok bool) {
	switch string(value) {
	case "cs":
		return core{clew.KindClient, true}, true
	case "cr":
		return core{clew.KindClient, false}, true
	case "sr":
		return core{clew.KindServer, true}, true
	case "ss":
		return core{clew.KindServer, false}, true
	case "ms":
		return core{clew.KindProducer, true}, true
	case "mr":
		return core{clew.KindConsumer, true}, true
	}
	return c, false
}

// split returns the sides that a span of version 1 has, at least one, at most two, and
// sorts its annotations and tags to them. Core annotations and addresses become what
// version 2 has for them.
func (d *draft) split() (halves [2]half, n int) {
	for i := range d.notes {
		x := &d.notes[i]
		c, ok := coreOf(x.value)
		if !ok {
			continue
		}
		at := halfOf(&halves, &n, c.kind)
		if at < 0 {
			continue // a third side: it stays an annotation
		}
		h := &halves[at]
		if h.local.none() {
			h.local = x.at
		}
		if c.begin {
			h.start = x.time
		} else {
			h.duration, h.ended = x.time, true // its end, for now
		}
	}
	for i := range n {
		d.finish(&halves[i], n == 2)
	}
	if n == 0 {
		halves[0], n = d.half, 1
		halves[0].local = d.anyEndpoint()
	}
	kept := d.notes[:0]
	for _, x := range d.notes {
		if c, ok := coreOf(x.value); ok && hasKind(halves[:n], c.kind) {
			continue
		}
		x.of = sideOf(halves[:n], &x.at)
		kept = append(kept, x)
	}
	d.notes = kept
	d.sortTags(halves[:n])
	return halves, n
}

// halfOf returns which of the halves is of a kind, perhaps a new one, or -1.
func halfOf(halves *[2]half, n *int, kind clew.Kind) int {
	for i := range *n {
		if halves[i].kind == kind {
			return i
		}
	}
	if *n == len(halves) {
		return -1
	}
	halves[*n].kind = kind
	*n++
	return *n - 1
}

func hasKind(halves []half, kind clew.Kind) bool {
	for i := range halves {
		if halves[i].kind == kind {
			return true
		}
	}
	return false
}

// finish gives a half its times. What the span itself says of them is of the side that
// began it: of the client where both sides are here; a server alone that says nothing
// shares the span of a client.
func (d *draft) finish(h *half, both bool) {
	end, ended := h.duration, h.ended
	h.duration, h.ended = 0, false
	own := !both || h.kind == clew.KindClient || h.kind == clew.KindProducer
	if own && d.half.start != 0 {
		h.start = d.half.start
	}
	switch {
	case own && d.half.ended:
		h.duration, h.ended = d.half.duration, true
	case ended && h.start != 0 && end >= h.start:
		h.duration, h.ended = end-h.start, true
	}
	h.shared = h.kind == clew.KindServer && (both || d.half.start == 0)
}

// anyEndpoint returns the first endpoint that a span of version 1 names which is its own.
func (d *draft) anyEndpoint() endpoint {
	for i := range d.notes {
		if !d.notes[i].at.none() {
			return d.notes[i].at
		}
	}
	for i := range d.tags {
		if t := &d.tags[i]; !t.at.none() && !t.isAddress() {
			return t.at
		}
	}
	return endpoint{}
}

// isAddress reports whether a binary annotation is the address of the other side: its
// endpoint, with a true for a value.
func (t *tag) isAddress() bool {
	switch string(t.key) {
	case "sa", "ca", "ma":
		return t.value.Type == clew.TypeBool || bytes.Equal(t.value.Bytes, []byte{1}) || string(t.value.Bytes) == "true"
	}
	return false
}

// sideOf returns which half an endpoint is of, the first where none is.
func sideOf(halves []half, at *endpoint) int {
	for i := range halves {
		if bytes.Equal(halves[i].local.service, at.service) {
			return i
		}
	}
	return 0
}

// sortTags gives binary annotations to the sides, and addresses to the side that they are
// the other one of.
func (d *draft) sortTags(halves []half) {
	kept := d.tags[:0]
	for _, t := range d.tags {
		switch {
		case t.isAddress():
			for i := range halves {
				if h := &halves[i]; h.remote.none() && t.otherSideOf(h) {
					h.remote = t.at
				}
			}
			continue
		case string(t.key) == "lc" && len(halves) == 1 && halves[0].local.none():
			halves[0].local = t.at
		}
		t.of = sideOf(halves, &t.at)
		kept = append(kept, t)
	}
	d.tags = kept
}

// otherSideOf reports whether an address is whom a half speaks with. A span that names
// where a server is, and nothing else, is a client's.
func (t *tag) otherSideOf(h *half) bool {
	switch string(t.key) {
	case "sa":
		if h.kind == 0 {
			h.kind = clew.KindClient
		}
		return h.kind == clew.KindClient
	case "ca":
		if h.kind == 0 {
			h.kind = clew.KindServer
		}
		return h.kind == clew.KindServer
	}
	return h.kind == clew.KindProducer || h.kind == clew.KindConsumer
}
