package otlpdoor_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew/ingest"
)

// TestCORS asks as browsers do, before and with a request.
func TestCORS(t *testing.T) {
	for _, c := range []struct {
		name, config, origin, asks    string
		allowed, credentials, headers string
	}{
		{"none configured", "", "https://shop.example", "content-type", "", "", ""},
		{"listed", "https://Shop.example/ http://localhost:3000", "https://shop.example", "content-type, x-key", "https://shop.example", "true", "content-type, x-key"},
		{"listed second", "https://shop.example http://localhost:3000", "http://localhost:3000", "content-type", "http://localhost:3000", "true", "content-type"},
		{"not listed", "https://shop.example", "https://evil.example", "content-type", "", "", ""},
		{"a longer one", "https://shop.example", "https://shop.example.evil.example", "content-type", "", "", ""},
		{"another scheme", "https://shop.example", "http://shop.example", "content-type", "", "", ""},
		{"null", "https://shop.example", "null", "content-type", "", "", ""},
		{"any", "*", "https://evil.example", "content-type,authorization", "*", "", "content-type, authorization"},
		{"any and listed", "* https://shop.example", "https://shop.example", "", "https://shop.example", "true", ""},
		{"no names", "*", "https://a.example", "x\r, y z", "*", "", ""},
		{"too many names", "*", "https://a.example", strings.Repeat("a,", 40) + "a", "*", "", ""},
		{"too long names", "*", "https://a.example", strings.Repeat("a", 2000), "*", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, ingest.Config{CORSOrigins: strings.Fields(c.config)})
			vary := func(a answer) string { return a.header.Get("Vary") }
			pre := s.do(t, s.client, "OPTIONS", "/v1/traces", nil, "Origin", c.origin, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", strings.ReplaceAll(c.asks, "\r", "("))
			wantMethods, wantAge := "", ""
			if c.allowed != "" {
				wantMethods, wantAge = "POST", "7200"
			}
			for _, x := range [][2]string{
				{"Access-Control-Allow-Origin", c.allowed}, {"Access-Control-Allow-Credentials", c.credentials},
				{"Access-Control-Allow-Headers", c.headers}, {"Access-Control-Allow-Methods", wantMethods}, {"Access-Control-Max-Age", wantAge},
			} {
				if got := pre.header.Get(x[0]); got != x[1] {
					t.Errorf("preflight: %s is %q, want %q", x[0], got, x[1])
				}
			}
			if pre.code != 204 || len(pre.body) != 0 {
				t.Errorf("preflight: HTTP %d %q", pre.code, pre.body)
			}
			if c.config != "" && !strings.Contains(vary(pre), "Access-Control-Request-Headers") {
				t.Errorf("preflight: Vary %q", vary(pre))
			}
			// The request itself, good and bad, and one that somebody denies: its page
			// may read each answer.
			good := s.post(t, strings.NewReader("{}"), "Content-Type", "application/json", "Origin", c.origin)
			bad := s.post(t, strings.NewReader("{"), "Content-Type", "application/json", "Origin", c.origin)
			if good.code != 200 || bad.code != 400 {
				t.Errorf("HTTP %d and %d", good.code, bad.code)
			}
			for _, a := range []answer{good, bad} {
				if a.header.Get("Access-Control-Allow-Origin") != c.allowed || a.header.Get("Access-Control-Allow-Credentials") != c.credentials {
					t.Errorf("HTTP %d: %v", a.code, a.header)
				}
				if (a.header.Get("Access-Control-Expose-Headers") == "Retry-After") != (c.allowed != "") {
					t.Errorf("HTTP %d: %v", a.code, a.header)
				}
				if c.config != "" && vary(a) != "Origin" {
					t.Errorf("HTTP %d: Vary %q", a.code, vary(a))
				}
			}
		})
	}
}

// TestOptions asks without an origin, as people do.
func TestOptions(t *testing.T) {
	s := start(t, ingest.Config{})
	if a := s.do(t, s.client, "OPTIONS", "/v1/traces", nil); a.code != 204 || a.header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("HTTP %d %v", a.code, a.header)
	}
	if a := s.do(t, s.client, "OPTIONS", "/v1/logs", nil); a.code != 404 || readStatus(t, a).Code() != codes.Unimplemented {
		t.Errorf("HTTP %d %v", a.code, a.header)
	}
}
