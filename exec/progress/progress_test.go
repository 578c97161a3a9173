package progress

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestEverythingIsPassedOn holds what is watched to package storage: whatever an interface
// there can be asked, can be asked of a watched store too. Else whoever adds one would find
// it unused by those who watch, and by nobody else.
func TestEverythingIsPassedOn(t *testing.T) {
	has := reflect.TypeFor[watched]()
	files, err := filepath.Glob("../../storage/*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			face, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				return false
			}
			for _, method := range face.Methods.List {
				for _, name := range method.Names { // none: embedded
					seen++
					if _, ok := has.MethodByName(name.Name); !ok {
						t.Errorf("storage.%s.%s is not passed on: add storage.%[1]s to Known", spec.Name, name)
					}
				}
			}
			return false
		})
	}
	if seen < 10 {
		t.Errorf("only %d methods were found in %v", seen, files)
	}
}

// TestWatch notes rows, traces and the share of them while a scan is under way and after.
func TestWatch(t *testing.T) {
	m := storagetest.NewMemory(storagetest.AllCapabilities())
	m.BatchRows = 1
	var spans []clew.Span
	for i := range 4 {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Start: 1e18, End: 1e18 + 1, Resource: &clew.Resource{}})
	}
	if _, err := m.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	var w Watch
	s := w.Of(m)
	looked := 0
	request := storage.Request{Tenant: clew.DefaultTenant, Looked: func() { looked++ }}
	var last float64
	for range 2 {
		for _, err := range s.Scan(t.Context(), request) {
			if got := w.SoFar(); err != nil || got.Share < last || got.Share == 0 || got.Rows == 0 {
				t.Fatalf("%v, %+v after a share of %v", err, got, last)
			}
			last = w.SoFar().Share
		}
	}
	if _, err := s.Trace(t.Context(), clew.DefaultTenant, clew.MakeTraceID(1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Trace(t.Context(), clew.DefaultTenant, clew.MakeTraceID(9, 9)); clew.KindOf(err) != clew.NotFound {
		t.Fatal(err)
	}
	if got := w.SoFar(); got.Rows != 8 || got.Traces != 1 || got.Share != 1 || looked == 0 {
		t.Errorf("%+v in the end, told %d times", got, looked)
	}
}

// TestTell tells until there is no more, the context ends, or it is stopped: that waits for
// what is being told.
func TestTell(t *testing.T) {
	for name, c := range map[string]struct{ more, ends, stops, want int }{ // seconds, and how often it tells
		"no more":  {more: 3, stops: 9, want: 3},
		"leaves":   {more: 99, ends: 5, stops: 9, want: 4},
		"is ended": {more: 99, stops: 7, want: 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			if c.ends > 0 {
				time.AfterFunc(time.Duration(c.ends)*time.Second-time.Millisecond, leave)
			}
			began, told := 0, 0
			stop := Tell(ctx, time.Second, func() bool {
				began++
				<-time.After(10 * time.Millisecond)
				told++
				return told < c.more
			})
			<-time.After(time.Duration(c.stops)*time.Second - 995*time.Millisecond)
			stop()
			if told != began || told != c.want {
				t.Errorf("%s: told %d of %d times, want %d", name, told, began, c.want)
			}
			stop()
		})
	}
}
