package ingest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// kept is a store that remembers the last record.
type kept struct {
	last    storage.Record
	records int
}

func (k *kept) Append(_ context.Context, r storage.Record) (storage.Result, error) {
	k.last, k.records = r, k.records+1
	k.last.Body = bytes.Clone(r.Body)
	return storage.Result{Accepted: 1}, nil
}

// swap is a pipeline that has b in place of a, knows nothing of c and lets nothing of d be.
type swap struct{}

func (swap) Room(body []byte) int64 { return int64(len(body)) }

func (swap) Rewrite(_ context.Context, dst, body []byte) ([]byte, Rewritten, error) {
	switch {
	case bytes.Contains(body, []byte("bad")):
		return dst, Rewritten{}, clew.Errorf(clew.Invalid, "a statement failed")
	case bytes.Contains(body, []byte("fault")):
		return dst, Rewritten{}, clew.Errorf(clew.Internal, "the pipeline met a fault")
	case bytes.Contains(body, []byte("drop")):
		return nil, Rewritten{Changed: true}, nil
	case bytes.Contains(body, []byte("huge")):
		return make([]byte, 100<<10), Rewritten{Changed: true}, nil
	case !bytes.Contains(body, []byte("a")):
		return dst, Rewritten{}, nil
	}
	return append(dst, bytes.ReplaceAll(body, []byte("a"), []byte("bb"))...), Rewritten{Changed: true, Unknown: 2}, nil
}

// TestPipelineIsBeforeTheStore: whichever way spans come, the store has what the pipeline
// made of them, and no reservation is left.
func TestPipelineIsBeforeTheStore(t *testing.T) {
	same := func(dst, body []byte) ([]byte, int, error) { return append(dst, body...), 0, nil }
	budget := NewBudget(1 << 20)
	for _, way := range []struct {
		name string
		give func(d *Door, body string) (storage.Result, error)
	}{
		{"request", func(d *Door, body string) (storage.Result, error) {
			return d.Post(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(body))), nil)
		}},
		{"translated", func(d *Door, body string) (storage.Result, error) {
			return d.Post(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(body))), same)
		}},
		{"given", func(d *Door, body string) (storage.Result, error) { return d.Give(t.Context(), "", []byte(body), nil) }},
		{"datagrams", func(d *Door, body string) (storage.Result, error) {
			d.GiveEach(t.Context(), "", [][]byte{[]byte(body)}, same)
			return storage.Result{UnknownFields: int(d.Stats().Unknown)}, nil
		}},
		{"messages", func(d *Door, body string) (storage.Result, error) {
			res, bad, err := d.GiveMessages(t.Context(), &Messages{Tenant: clew.DefaultTenant, Sizes: []int{len(body)}, Translate: func(dst []byte, _ int) ([]byte, int, error) { return append(dst, body...), 0, nil }})
			if len(bad) > 0 {
				err = bad[0].Err
			}
			return res, err
		}},
	} {
		for _, c := range []struct {
			body, want string
			records    int
			unknown    int
			fails      clew.ErrorKind
		}{{"xax", "xbbx", 1, 2, 0}, {"xyz", "xyz", 1, 0, 0}, {"drop", "", 0, 0, 0}, {"bad", "", 0, 0, clew.Invalid}, {"huge", "", 0, 0, clew.TooLarge}} {
			var store kept
			door := NewDoor(Config{Appender: &store, Budget: budget, MaxBodyBytes: 64 << 10, Pipeline: func() Pipeline { return swap{} }}, "door")
			res, err := way.give(door, c.body)
			if string(store.last.Body) != c.want || store.records != c.records || store.last.Received != nil || (way.name != "datagrams" && clew.KindOf(err) != c.fails && (err != nil || c.fails != 0)) {
				t.Errorf("%s %q: %d records, %q, %v", way.name, c.body, store.records, store.last.Body, err)
			}
			if res.UnknownFields != c.unknown {
				t.Errorf("%s %q: %d unknown fields", way.name, c.body, res.UnknownFields)
			}
			if budget.Used() != 0 {
				t.Fatalf("%s %q: %d bytes are reserved still", way.name, c.body, budget.Used())
			}
		}
	}
	var store kept
	door := NewDoor(Config{Appender: &store, Pipeline: func() Pipeline { return nil }}, "door")
	if _, err := door.Give(t.Context(), "", []byte("a"), nil); err != nil || string(store.last.Body) != "a" {
		t.Errorf("without a pipeline: %q, %v", store.last.Body, err)
	}
}

// TestMessagesThatPipelinesFail: a message at which the pipeline meets a fault is bad; it does
// not have those of its batch given again and again.
func TestMessagesThatPipelinesFail(t *testing.T) {
	var store kept
	door := NewDoor(Config{Appender: &store, Pipeline: func() Pipeline { return swap{} }}, "door")
	bodies := []string{"x", "fault", "y"}
	m := &Messages{Tenant: clew.DefaultTenant, Sizes: []int{1, 5, 1}, Translate: func(dst []byte, i int) ([]byte, int, error) { return append(dst, bodies[i]...), 0, nil }}
	res, bad, err := door.GiveMessages(t.Context(), m)
	if err != nil || res.Accepted != 2 || store.records != 2 || len(bad) != 1 || bad[0].Message != 1 {
		t.Errorf("%+v, bad %v, %v", res, bad, err)
	}
}
