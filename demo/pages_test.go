package demo

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestPages opens a shop and asks its pages as a shopper would.
func TestPages(t *testing.T) {
	c := newCollector()
	d := openDoor(t, c, ProtocolGRPC, "127.0.0.1:0")
	s, err := openShop(t.Context(), Config{Endpoint: d.address, Insecure: true}, newLedger(Config{}.logger()), never())
	if err != nil {
		t.Fatal(err)
	}
	shopper := &http.Client{Timeout: requestTimeout, Transport: s.mesh.pool(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, frontendName, s.mesh.lookup(frontendName)[0])
	})}
	f := func(method, path, body string, status int, part string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+frontendName+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(userHeader, "u-1")
		res, err := shopper.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status || !strings.Contains(string(raw), part) {
			t.Errorf("%s %s = %d %s, %v; want %d with %q", method, path, res.StatusCode, raw, err, status, part)
		}
	}
	first, item := productNumber(0), `{"product_id":"`+productID(0)+`","quantity":2}`
	f("GET", "/?category="+first.Category, "", 200, `"category":"`+first.Category)
	f("GET", "/products/"+first.ID, "", 200, first.Name)
	f("GET", "/products/P-0000", "", 404, "no such product")
	f("GET", "/nowhere", "", 404, "")
	f("GET", "/cart", "", 200, "[]")
	f("POST", "/checkout", `{"card":"4242424242424242"}`, 422, "nothing in the cart")
	f("POST", "/cart/items", item, 200, "")
	f("POST", "/cart/items", `{`, 422, "")
	f("GET", "/cart", "", 200, first.Name)
	f("POST", "/checkout", `{"card":"400000000000`+declinedSuffix+`"}`, 402, "declined")
	f("POST", "/checkout", `{"card":"4242424242424242"}`, 200, "ord-")
	f("GET", "/cart", "", 200, "[]")
	f("POST", "/cart/items", `{"product_id":"`+first.ID+`","quantity":1000}`, 200, "")
	f("POST", "/checkout", `{"card":"4242424242424242"}`, 409, "stock")
	if err := s.close(); err != nil {
		t.Error(err)
	}
	checkAccounts(t, s.ledger.closing(), c)
}

// TestDefectOfTheReleaseCandidate checks that the panic is caught, with its stack.
func TestDefectOfTheReleaseCandidate(t *testing.T) {
	c := newCollector()
	d := openDoor(t, c, ProtocolGRPC, "127.0.0.1:0")
	s, err := openShop(t.Context(), Config{Endpoint: d.address, Insecure: true}, newLedger(Config{}.logger()), never())
	if err != nil {
		t.Fatal(err)
	}
	lonely := productID(7)
	client := s.mesh.httpClient(s.instances[0], recommendationName)
	deadline := time.Now().Add(time.Minute)
	for seen := 0; seen < 1 && time.Now().Before(deadline); {
		// The stable version's answer lies in the cache for both; without it,
		// every second request goes to the candidate.
		if err := client.call(t.Context(), http.MethodGet, "/related/"+lonely, nil, nil); err != nil {
			seen++
		}
		if cache, ok := s.backends[1].(*cacheServer); ok {
			cache.redis.FlushAll()
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	for _, r := range c.all() {
		for _, e := range r.Events {
			stack := attrMap(e.Attributes)["exception.stacktrace"].GetStringValue()
			if strings.Contains(stack, "demo.best") {
				if v := r.resource["service.version"].GetStringValue(); v != "2.4.0-rc.1" {
					t.Errorf("version %s has the defect of the candidate", v)
				}
				return
			}
		}
	}
	t.Error("no span tells of the panic in best")
}
