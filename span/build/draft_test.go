package build

import (
	"testing"

	"github.com/clew-tracing/clew"
)

// TestDraftForgets fills a draft with what real traffic does not have. The next message
// begins with little memory, and with nothing known.
func TestDraftForgets(t *testing.T) {
	for name, fill := range map[string]func(d *Draft){
		"spans": func(d *Draft) {
			for range maxDraftRows + 1 {
				d.EndSpan(&Fixed{TraceLow: 1}, false)
			}
		},
		"events": func(d *Draft) {
			for range maxDraftRows + 1 {
				d.Events.End(0, 1, d.Events.InternName([]byte("e")), 0, 0)
			}
		},
		"links": func(d *Draft) {
			for range maxDraftRows + 1 {
				d.EndLink(&LinkFixed{SpanID: 1})
			}
		},
		"own bytes": func(d *Draft) { d.PutOwn(&d.StatusMessage, 0, make([]byte, maxDraftBytes+1)) },
		"names": func(d *Draft) {
			for i := range maxDraftNames + 1 {
				d.InternName([]byte{byte(i), byte(i >> 8)})
			}
		},
		"columns": func(d *Draft) {
			for i := range maxDraftColumns + 1 {
				d.Attrs.Next(0, []byte{byte(i), byte(i >> 8)}, clew.TypeInt)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := NewDraft()
			d.Begin(nil)
			fill(d)
			d.Forget()
			d.Begin(nil)
			if n := max(cap(d.spanID), cap(d.Events.row), cap(d.Links.row)); n > maxDraftRows || cap(d.refs.More) > maxDraftBytes {
				t.Errorf("memory for %d rows and %d bytes is kept", n, cap(d.refs.More))
			}
			if d.names.Len() > maxDraftNames || d.Attrs.Columns() > maxDraftColumns || d.Rows() != 0 || d.Events.Next() != 0 || d.Links.Next() != 0 {
				t.Error("the next message begins with what the one before had")
			}
		})
	}
}

// TestHeldBytes fills a Builder with columns of large values and of small ones: what it
// holds is told, whether they have it now or before.
func TestHeldBytes(t *testing.T) {
	b := NewBuilder(0)
	value := make([]byte, 1000)
	for _, step := range []struct {
		keys string // of columns, in capitals with large values
		held int    // kB at least, and less than twice that
	}{{"b", 20}, {"Ab", 1000}, {"aB", 2000}, {"b", 2000}} {
		b.Reset()
		for i := range 1000 {
			shape := b.Attrs.Root(0)
			for _, key := range []byte(step.keys) {
				c, at := b.Attrs.Next(shape, []byte{key | 0x20}, clew.TypeString)
				n := 1000
				if key >= 'a' {
					n = 3
				}
				value[0], value[1] = byte(i), byte(i>>8)
				c.PutBytes(uint32(i), value[:n])
				shape = at
			}
			b.EndSpan(&Fixed{TraceLow: 1, SpanID: uint64(i), Shape: shape})
		}
		if n := b.HeldBytes(); n < step.held*1000 || n > step.held*2500 {
			t.Errorf("with %s %d bytes are held, want about %d kB", step.keys, n, step.held)
		}
	}
}
