package guard_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard"
)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// sign signs a POST to a path without a query, as of now; it covers the hash of a body, which
// it says in a header if told to.
func sign(r *http.Request, id, secret, body string, says bool) *http.Request {
	at := time.Now().UTC().Format("20060102T150405Z")
	r.Header.Set("X-Amz-Date", at)
	headers, canonical := "host;x-amz-date", "host:"+r.Host+"\nx-amz-date:"+at+"\n"
	if says {
		r.Header.Set("X-Amz-Content-Sha256", hash(body))
		headers, canonical = "host;x-amz-content-sha256;x-amz-date", "host:"+r.Host+"\nx-amz-content-sha256:"+hash(body)+"\nx-amz-date:"+at+"\n"
	}
	scope := at[:8] + "/eu-west-1/xray/aws4_request"
	key := []byte("AWS4" + secret)
	for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hash("POST\n"+r.RequestURI+"\n\n"+canonical+"\n"+headers+"\n"+hash(body))) {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+id+"/"+scope+", SignedHeaders="+headers+", Signature="+hex.EncodeToString(key))
	return r
}

// TestSigned: who passes with which tenant, and why others do not.
func TestSigned(t *testing.T) {
	keys, err := config.ParseKeys("# keys\nshop:write+read:AKSHOP:s/ec:ret\n\n*:write:AKANY:any\nbank:read:AKBANK:other\n")
	if err != nil {
		t.Fatal(err)
	}
	budget := ingest.NewBudget(1 << 20)
	other := budget.Reserve()
	post := func(path, body string) *http.Request {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1234"
		return r
	}
	tenant := func(name string, r *http.Request) *http.Request { r.Header.Set(clew.TenantHeader, name); return r }
	token := func(secret string, r *http.Request) *http.Request {
		r.Header.Set("Authorization", "Bearer "+secret)
		return r
	}
	from := func(addr string, r *http.Request) *http.Request { r.RemoteAddr = addr; return r }
	tokens := config.Tokens{{Tenant: "shop", Rights: config.Write, Secret: "tok"}}
	for _, c := range []struct {
		name   string
		r      *http.Request
		tokens config.Tokens
		want   string // the tenant and the body, or the error's name and a part of its message
	}{
		{"a key", sign(post("/TraceSegments", "body"), "AKSHOP", "s/ec:ret", "body", false), nil, "shop body"},
		{"and its hash", sign(post("/TraceSegments", "body"), "AKSHOP", "s/ec:ret", "body", true), nil, "shop body"},
		{"no body", sign(post("/TraceSegments", ""), "AKSHOP", "s/ec:ret", "", false), nil, "shop "},
		{"of its own tenant", tenant("shop", sign(post("/a", "x"), "AKSHOP", "s/ec:ret", "x", false)), nil, "shop x"},
		{"of any tenant", tenant("acme", sign(post("/a", "x"), "AKANY", "any", "x", false)), nil, "acme x"},
		{"of another tenant", tenant("acme", sign(post("/a", "x"), "AKSHOP", "s/ec:ret", "x", false)), nil, "403  this key does not belong to tenant acme"},
		{"no right", sign(post("/a", "x"), "AKBANK", "other", "x", false), nil, "403  this key has no right to write"},
		{"with tokens set", sign(post("/a", "x"), "AKSHOP", "s/ec:ret", "x", false), tokens, "shop x"},
		{"a token", token("tok", post("/a", "x")), tokens, "shop x"},
		{"a wrong token", token("x", post("/a", "x")), tokens, "401  this token is unknown here"},
		{"a token where none are", token("tok", post("/a", "x")), nil, "403 MissingAuthenticationTokenException missing"},
		{"neither, where there are tokens", post("/SamplingTargets", "x"), tokens, "403 MissingAuthenticationTokenException missing"},
		{"unsigned", post("/a", "x"), nil, "403 MissingAuthenticationTokenException missing"},
		{"what a daemon signs", tenant("acme", post("/SamplingTargets", "x")), nil, " x"},
		{"from elsewhere", from("10.0.0.1:1", post("/SamplingTargets", "x")), nil, "403 MissingAuthenticationTokenException missing"},
		{"under the page", post("/xray/SamplingTargets", "x"), nil, "403 MissingAuthenticationTokenException missing"},
		{"a wrong secret", sign(post("/a", "x"), "AKSHOP", "other", "x", false), nil, "403 InvalidSignatureException the request signature"},
		{"another's secret", sign(post("/a", "x"), "AKBANK", "any", "x", false), nil, "403 InvalidSignatureException the request signature"},
		{"another body", sign(post("/a", "y"), "AKSHOP", "s/ec:ret", "x", false), nil, "403 InvalidSignatureException the request signature"},
		{"another body than its hash", sign(post("/a", "y"), "AKSHOP", "s/ec:ret", "x", true), nil, "403 InvalidSignatureException the body is not the one"},
		{"an unknown key", sign(post("/a", "x"), "AKNONE", "any", "x", false), nil, "403 UnrecognizedClientException the security token"},
		{"too large", sign(post("/a", strings.Repeat("x", 1001)), "AKANY", "any", strings.Repeat("x", 1001), false), nil, "413 RequestEntityTooLargeException the request is larger"},
	} {
		g := guard.New(c.tokens)
		g.SetKeys(keys)
		deny := func(w http.ResponseWriter, _ *http.Request, no *guard.Denial) {
			w.WriteHeader(no.Status)
			_, _ = io.WriteString(w, no.Name+" "+no.Message)
		}
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			_, _ = io.WriteString(w, r.Header.Get(clew.TenantHeader)+" "+string(body))
		})
		h := g.Signed(guard.Signatures{Service: "xray", MaxBytes: 1000, Timeout: time.Minute, Budget: budget, Open: []string{"/SamplingTargets"}}, deny, g.Guard(config.Write, deny, next))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, c.r)
		got := w.Body.String()
		if w.Code != http.StatusOK {
			got = strconv.Itoa(w.Code) + " " + got
		}
		if w.Code == http.StatusOK && got != c.want || w.Code != http.StatusOK && !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if budget.Used() != 0 {
			t.Fatalf("%s: %d bytes are held", c.name, budget.Used())
		}
	}
	// Without room for a body the client is to come again.
	if err := other.Grow(1 << 20); err != nil {
		t.Fatal(err)
	}
	g := guard.New(nil)
	g.SetKeys(keys)
	h := g.Signed(guard.Signatures{Service: "xray", MaxBytes: 1000, Timeout: time.Minute, Budget: budget}, func(w http.ResponseWriter, _ *http.Request, no *guard.Denial) { w.WriteHeader(no.Status) }, http.NotFoundHandler())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, sign(post("/a", "x"), "AKANY", "any", "x", false))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("without room: %d %v", w.Code, w.Header())
	}
}

// TestSignedLargeBody: a body that takes a good part of the memory for requests leaves room for
// who takes it: nothing else would ever make more.
func TestSignedLargeBody(t *testing.T) {
	keys, err := config.ParseKeys("shop:write:AK:secret\n")
	if err != nil {
		t.Fatal(err)
	}
	budget := ingest.NewBudget(1 << 20)
	g := guard.New(nil)
	g.SetKeys(keys)
	body := strings.Repeat("x", 450<<10)
	var took error
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		room := budget.Reserve()
		defer room.Release()
		took = room.Grow(int64(len(body)))
		if n := budget.Used(); n < 2*int64(len(body)) {
			t.Errorf("%d bytes are reserved for two bodies", n)
		}
	})
	deny := func(_ http.ResponseWriter, _ *http.Request, no *guard.Denial) { t.Error(no.Message) }
	h := g.Signed(guard.Signatures{Service: "xray", MaxBytes: 1 << 20, Timeout: time.Minute, Budget: budget}, deny, next)
	h.ServeHTTP(httptest.NewRecorder(), sign(httptest.NewRequest("POST", "/a", strings.NewReader(body)), "AK", "secret", body, false))
	if took != nil || budget.Used() != 0 {
		t.Errorf("%v, and %d bytes are held", took, budget.Used())
	}
}
