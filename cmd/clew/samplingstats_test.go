package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
)

// TestSamplingWatch: statistics are printed anew until somebody interrupts; those of windows before
// the time that is asked for do not count, and no page after them is asked for.
func TestSamplingWatch(t *testing.T) {
	t.Parallel() // most of its time it waits
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		switch page := string(body); {
		case r.URL.Path == "/xray/GetSamplingRules" && !strings.Contains(page, "next"):
			io.WriteString(w, `{"SamplingRuleRecords":[{"SamplingRule":{"RuleName":"a"},"Observed":{"Clients":3}}],"NextToken":"next"}`)
		case r.URL.Path == "/xray/GetSamplingRules":
			io.WriteString(w, `{"SamplingRuleRecords":[{"SamplingRule":{"RuleName":"b"}}]}`)
		case !strings.Contains(page, "next"):
			io.WriteString(w, `{"SamplingStatisticSummaries":[{"RuleName":"a","Timestamp":9e9,"RequestCount":30,"SampledCount":2,"BorrowCount":1},
				{"RuleName":"a","Timestamp":8e9,"RequestCount":10,"SampledCount":1,"BorrowCount":0},{"RuleName":"a","Timestamp":1,"RequestCount":1000}],"NextToken":"next"}`)
		default:
			t.Errorf("%s is asked for %s", r.URL.Path, page)
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, ended := &lockedBuffer{}, make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = execute(ctx, &terminal{in: strings.NewReader(""), out: out, err: io.Discard, environ: []string{"CLEW_SERVER=" + server.URL}}, []string{"sampling", "stats", "--watch", "--json"})
	}()
	const a, b = `{"rule":"a","requests":40,"sampled":3,"borrowed":1,"clients":3,"rate":0.1}`, `{"rule":"b","requests":0,"sampled":0,"borrowed":0,"clients":0,"rate":0}`
	if !out.await(a+"\n"+b+"\n", 2, ended) {
		t.Errorf("%v: %s", err, out)
	}
	cancel()
	if <-ended; clew.KindOf(err) != clew.Canceled {
		t.Errorf("interrupted: %v", err)
	}
}
