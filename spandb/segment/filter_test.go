package segment

import (
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
)

// TestDamageOfFilters changes the filter of a column, as a writer with a fault would.
func TestDamageOfFilters(t *testing.T) {
	head := decode(t, corpus.Requests(corpus.Shop, 1, 3000, 500))
	s := Sealer{Filters: 1}
	good := s.Seal(head.View(head.Rows()), Meta{Tenant: "default"}, []Request{})
	r := open(t, good)
	if damage := r.Damage(); damage != nil {
		t.Fatal(damage)
	}
	col, ok := r.blocks.Column("f0app.order.id")
	chunk := 0
	r.blocks.Sizes(func(c, _, _ int) {
		if c < col {
			chunk++
		}
	})
	if !ok {
		t.Fatal("no filter of app.order.id")
	}
	for _, c := range []struct {
		off  int
		with string
		want string
	}{
		{0, "\x00\x02\x00\x00\x00\x00\x00\x00", "the filter lacks \"ord-"},
		{0, "\x00\xff", "filter of parts"},
		{1, "", "filter of parts"},
	} {
		damage := open(t, rewrite(t, good, chunk, c.off, []byte(c.with))).Damage()
		if len(damage) != 1 || clew.KindOf(damage[0]) != clew.Corrupt || !strings.Contains(damage[0].Error(), c.want) {
			t.Errorf("with %q at %d: %v, want %q", c.with, c.off, damage, c.want)
		}
	}
}
