package segment

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/spandb/segment/rollup"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

var wholeRollup = RollupNeed{Operations: true, Edges: true, Durations: true}

// flat writes a rollup with the names that it points to.
func flat(r Rollup) (lines []string) {
	series := func(what string, s *rollup.Series) {
		d := &s.Durations
		line := fmt.Sprintf("%s in %d: rows %d weight %d squares %v unknown %d; %d from %d to %d sum %v zero %d:", what, s.Minute,
			s.Rows, s.Weight, s.Squares, s.Unknown, d.Count(), d.Min(), d.Max(), d.Sum(), d.Zero())
		for i, n := range d.Buckets() {
			line += fmt.Sprintf(" %d:%d", i, n)
		}
		lines = append(lines, line)
	}
	lines = append(lines, fmt.Sprint(r.Minutes))
	for i := range r.Operations {
		k, name := r.OperationKeys[r.Operations[i].Key], "other"
		if k.Name != rollup.OtherName {
			name = fmt.Sprintf("%q", r.Names.At(int(k.Name)))
		}
		series(fmt.Sprintf("%s %s %d %d", r.Services[k.Service], name, k.Kind, k.Status), &r.Operations[i])
	}
	for i := range r.Edges {
		k, server := r.EdgeKeys[r.Edges[i].Key], "other"
		switch peer := int(k.Server) - len(r.Services); {
		case peer < 0:
			server = r.Services[k.Server]
		case k.Server != rollup.OtherName:
			server = fmt.Sprintf("%q", r.Peers.At(peer))
		}
		client := append(r.Services, "unknown")[k.Client]
		series(fmt.Sprintf("%s to %s by %v failed %v", client, server, k.Connection, k.Failed), &r.Edges[i])
	}
	return lines
}

// TestRollupRoundTrip reads from segments what was counted, and counts the same of
// the rows read back from one.
func TestRollupRoundTrip(t *testing.T) {
	heads := map[string][][]byte{}
	for _, name := range corpus.Names() {
		heads[string(name)] = corpus.Requests(name, 3, 3000, 100)
	}
	for _, trace := range storagetest.NewGenerator(11).Rolled(300, 8) {
		heads["odd"] = append(heads["odd"], storagetest.Body(trace...))
	}
	for name, bodies := range heads {
		head := decode(t, bodies)
		s := Sealer{BlockRows: 500}
		counted := flat(s.Rollup(head.View(head.Rows())))
		r := open(t, seal(head))
		got, err := new(Cache).Rollup(r, wholeRollup)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if read := flat(got); !slices.Equal(read, counted) {
			t.Errorf("%s: %d lines read, %d counted; first\n%s\n%s", name, len(read), len(counted), read[0], counted[0])
		}
		first, last, err := r.Minutes()
		if err != nil || first != got.Minutes[0].Minute || last != got.Minutes[len(got.Minutes)-1].Minute {
			t.Errorf("%s: minutes %d to %d, %v", name, first, last, err)
		}
		if err := services(r, got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, need := range []RollupNeed{{}, {Operations: true}, {Edges: true}, {Operations: true, Durations: true}} {
			part, err := new(Cache).Rollup(r, need)
			if err != nil || len(part.Minutes) != len(got.Minutes) || need.Operations != (len(part.Operations) > 0) || need.Edges != (len(part.Edges) > 0) {
				t.Errorf("%s: %+v has %d operations and %d edges, %v", name, need, len(part.Operations), len(part.Edges), err)
			}
			if has := len(part.Operations) > 0 && part.Operations[0].Durations.Count() > 0; need.Operations && has != need.Durations {
				t.Errorf("%s: %+v has durations: %v", name, need, has)
			}
		}
	}
}

// services compares what a segment says of services with what its operations add up to.
func services(r *Reader, operations Rollup) error {
	var read RollupReader
	for range 2 { // into memory that is used already
		if err := read.Read(r, RollupNeed{Durations: true}); err != nil {
			return err
		}
	}
	first := clew.UnixNanos(operations.Minutes[0].Minute) * rollup.Minute
	operations.Rollup.Services = nil
	for _, req := range []storage.RollupRequest{
		{By: storage.ByService, Step: time.Minute},
		{By: storage.ByService},
		{},
		{By: storage.ByService, Services: operations.Services[:1]},
		{By: storage.ByService, Step: time.Minute, Window: clew.Window{Start: first, End: first + rollup.Minute}},
	} {
		for _, req.Durations = range []bool{true, false} {
			var text [2]string
			for i, of := range []*Rollup{&operations, &read.Rollup} {
				a := rollup.NewAnswer(&req)
				a.Add(of.Rollup, of.Services, &of.Names)
				a.Add(of.Rollup, of.Services, &of.Names)
				got, err := a.Finish()
				if err != nil {
					return err
				}
				text[i] = strings.Join(storagetest.RollupText(got), "\n")
			}
			if text[0] != text[1] {
				return fmt.Errorf("%+v: services did\n%s\noperations\n%s", req, text[1], text[0])
			}
		}
	}
	return nil
}

// TestRollupOfShop counts rows of which nobody samples any.
func TestRollupOfShop(t *testing.T) {
	head := decode(t, corpus.Requests(corpus.Shop, 2, 5000, 100))
	var s Sealer
	r := s.Rollup(head.View(head.Rows()))
	rows, edges := uint64(0), make(map[storage.Connection]uint64)
	for i := range r.Operations {
		rows += r.Operations[i].Rows
		if f := &r.Operations[i].Figures; f.Weight != f.Rows<<16 || f.Squares != sketch.Product(f.Rows<<16, 1<<16) || f.Durations.Count() != f.Weight || f.Unknown != 0 {
			t.Errorf("nobody samples, and %d rows have weight %d, squares %v, durations %d", f.Rows, f.Weight, f.Squares, f.Durations.Count())
		}
	}
	for i := range r.Edges {
		edges[r.EdgeKeys[r.Edges[i].Key].Connection] += r.Edges[i].Rows
	}
	if rows != uint64(head.Rows()) {
		t.Errorf("%d rows counted of %d", rows, head.Rows())
	}
	for _, c := range []storage.Connection{storage.ConnHTTP, storage.ConnMessaging, storage.ConnDB} {
		if edges[c] == 0 {
			t.Errorf("no edges by %v among %v", c, edges)
		}
	}
}

// TestRollupCaps counts a service with a name for each span, and a client with a
// server for each call.
func TestRollupCaps(t *testing.T) {
	const names, peers = 2000, 900
	spans := spansOf(names+peers+100, func(i int, s *clew.Span) {
		switch {
		case i < names:
			s.Name = fmt.Sprintf("op %04d", i)
		case i < names+peers:
			s.Name, s.Kind = "call", clew.KindClient
			s.Attrs = []clew.Attr{{Key: "server.address", Value: clew.StringValue(fmt.Sprintf("host %03d", i-names))}}
		default: // the last name and the last peer are frequent
			s.Name, s.Kind = "op 1999", clew.KindClient
			s.Attrs = []clew.Attr{{Key: "server.address", Value: clew.StringValue("host 899")}}
		}
	})
	head := decode(t, [][]byte{storagetest.Body(spans...)})
	var s Sealer
	r := s.Rollup(head.View(head.Rows()))
	rows := make(map[string]uint64)
	for i := range r.Operations {
		k, name := r.OperationKeys[r.Operations[i].Key], "other"
		if k.Name != rollup.OtherName {
			name = string(r.Names.At(int(k.Name)))
		}
		rows[name] += r.Operations[i].Rows
	}
	// 512 names: "call", "op 1999" and the first 510 of the others.
	if len(rows) != 513 || rows["other"] != names-511 || rows["op 1999"] != 101 || rows["call"] != peers || rows["op 0509"] != 1 || rows["op 0510"] != 0 {
		t.Errorf("%d names, %d rows of others, %d of op 1999", len(rows), rows["other"], rows["op 1999"])
	}
	rows = make(map[string]uint64)
	for i := range r.Edges {
		k, server := r.EdgeKeys[r.Edges[i].Key], "other"
		if k.Server != rollup.OtherName {
			server = string(r.Peers.At(int(k.Server) - len(r.Services)))
		}
		rows[server] += r.Edges[i].Rows
	}
	if len(rows) != 257 || rows["other"] != peers-256 || rows["host 899"] != 101 || rows["host 254"] != 1 || rows["host 255"] != 0 {
		t.Errorf("%d servers, %d rows of others, %d of host 899", len(rows), rows["other"], rows["host 899"])
	}
	got, err := new(Cache).Rollup(open(t, seal(head)), wholeRollup)
	if err != nil || !reflect.DeepEqual(flat(got), flat(s.Rollup(head.View(head.Rows())))) {
		t.Errorf("read back otherwise: %v", err)
	}
}
