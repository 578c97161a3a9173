package clients

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	sdk "github.com/aws/aws-xray-sdk-go/xray"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/span"
)

// TestXRay sends what X-Ray's SDK for Go makes of a request that it serves and one that it
// makes.
func TestXRay(t *testing.T) {
	db := store(t)
	door := xraydoor.NewUDP(ingest.Config{Appender: db})
	address := serve(t, door)

	if err := sdk.Configure(sdk.Config{DaemonAddr: address}); err != nil {
		t.Fatal(err)
	}
	back := httptest.NewServer(sdk.Handler(sdk.NewFixedSegmentNamer("back"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = sdk.AddAnnotation(r.Context(), "tier", "gold")
		_ = sdk.AddMetadataToNamespace(r.Context(), "debug", "ratio", 0.5)
		_ = sdk.Capture(r.Context(), "work", func(context.Context) error { return errors.New("no stock") })
		w.WriteHeader(http.StatusBadGateway)
	})))
	defer back.Close()
	work, front := sdk.BeginSegment(context.Background(), "front")
	r, err := http.NewRequestWithContext(work, http.MethodGet, back.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := sdk.Client(nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	front.Close(nil)
	id, err := xray.ParseTraceID(front.TraceID)
	if err != nil {
		t.Fatal(err)
	}
	// front and what it asks (with parts that depend on the connection), back, work.
	var docs []xray.Document
	for len(docs) < 2 {
		runtime.Gosched()
		if st := door.Stats(); len(st.Errors) > 0 {
			t.Fatalf("%+v", st)
		}
		got, err := db.Trace(t.Context(), clew.DefaultTenant, id)
		if err != nil && clew.KindOf(err) != clew.NotFound {
			t.Fatal(err)
		}
		if err == nil {
			docs = xray.Documents(span.NewRows(got.Batch))
			got.Free()
		}
	}
	if len(docs) != 2 {
		t.Fatalf("%d documents", len(docs))
	}
	for i, wants := range [][]string{
		{`"name":"front"`, `"namespace":"remote"`, `"method":"GET"`, `"status":502`, `"sdk":"X-Ray for Go"`},
		{`"name":"back"`, `"parent_id":`, `"tier":"gold"`, `"debug":{"ratio":0.5}`, `"fault":true`, `"name":"work"`, `"message":"no stock"`, `"stack":[{"path":`},
	} {
		for _, want := range wants {
			if !strings.Contains(string(docs[i].Text), want) {
				t.Errorf("no %s in\n%s", want, docs[i].Text)
			}
		}
	}
}

// TestXRayNode sends what X-Ray's SDK for Node.js makes.
func TestXRayNode(t *testing.T) {
	db := store(t)
	address := serve(t, xraydoor.NewUDP(ingest.Config{Appender: db}))
	id, err := xray.ParseTraceID(node(t, "xray.js", address))
	if err != nil {
		t.Fatal(err)
	}
	rows := await(t, db, id.String(), 3)
	docs := xray.Documents(rows)
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	for _, want := range []string{`"name":"front"`, `"annotations":{"tier":"gold"}`, `"debug":{"ratio":0.5}`, `"name":"work"`, `"message":"no stock"`, `"annotations":{"items":3}`, `"name":"back"`, `"namespace":"remote"`} {
		if !strings.Contains(string(docs[0].Text), want) {
			t.Errorf("no %s in\n%s", want, docs[0].Text)
		}
	}
}
