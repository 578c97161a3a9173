package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/internal/guard/sigv4"
)

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var then = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// request is one with headers, each as "Name: value".
func request(method, url, host string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, url, nil)
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Add(name, value)
	}
	return r
}

// authorization is a header of the examples.
func authorization(service, headers, signature string) string {
	return "Authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" + service + "/aws4_request, SignedHeaders=" + headers + ", Signature=" + signature
}

// TestExamples: the examples that AWS publishes hold, and nothing else does with their
// signatures.
func TestExamples(t *testing.T) {
	const date = "X-Amz-Date:20150830T123600Z"
	for _, c := range []struct {
		name, service string
		r             *http.Request
	}{
		{"get-vanilla", "service", request("GET", "/", "example.amazonaws.com", date, authorization("service", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"))},
		{"get-vanilla-query-order-key-case", "service", request("GET", "/?Param2=value2&Param1=value1", "example.amazonaws.com", date, authorization("service", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"))},
		{"post-vanilla", "service", request("POST", "/", "example.amazonaws.com", date, authorization("service", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"))},
		{"get-header-value-trim", "service", request("GET", "/", "example.amazonaws.com", "My-Header1: value1", `My-Header2: "a   b   c"`, date, authorization("service", "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"))},
		{"ListUsers", "iam", request("GET", "/?Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com", "Content-Type:application/x-www-form-urlencoded; charset=utf-8", date, authorization("iam", "content-type;host;x-amz-date", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"))},
	} {
		claim, fault := sigv4.Read(c.r)
		if fault != nil || claim == nil || claim.KeyID != "AKIDEXAMPLE" {
			t.Errorf("%s: %+v, %v", c.name, claim, fault)
			continue
		}
		if fault := claim.Check(then, c.service); fault != nil {
			t.Errorf("%s: %v", c.name, fault)
		}
		if fault := claim.Verify(c.r, secret, hash("")); fault != nil {
			t.Errorf("%s: %v", c.name, fault)
		}
		refused := func(what string, r *http.Request, secret, body string) {
			t.Helper()
			if fault := claim.Verify(r, secret, hash(body)); fault == nil || fault.Name != "InvalidSignatureException" || fault.Status != http.StatusForbidden {
				t.Errorf("%s, %s: %v", c.name, what, fault)
			}
		}
		refused("another secret", c.r, secret+"x", "")
		refused("another body", c.r, secret, "x")
		for what, change := range map[string]func(*http.Request){
			"another method": func(r *http.Request) { r.Method = "PUT" },
			"another path":   func(r *http.Request) { r.RequestURI = "/x" + r.RequestURI },
			"another host":   func(r *http.Request) { r.Host = "other" },
			"another query":  func(r *http.Request) { r.URL.RawQuery += "&x=1" },
		} {
			other := c.r.Clone(t.Context())
			other.RequestURI = c.r.RequestURI
			change(other)
			refused(what, other, secret, "")
		}
	}
}

// TestCheck: dates, and what a signature is for.
func TestCheck(t *testing.T) {
	f := func(want string, now time.Time, service string, r *http.Request) {
		t.Helper()
		claim, fault := sigv4.Read(r)
		if fault == nil {
			fault = claim.Check(now, service)
		}
		if got := ""; fault != nil {
			if got = fault.Name; got != want {
				t.Errorf("%v, want %s", fault, want)
			}
		} else if want != "" {
			t.Errorf("it holds, want %s", want)
		}
	}
	zeros := strings.Repeat("0", 64)
	good := func() *http.Request {
		return request("POST", "/Traces", "clew", "X-Amz-Date:20150830T123600Z", authorization("xray", "host;x-amz-date", zeros))
	}
	f("", then, "xray", good())
	f("", then.Add(5*time.Minute), "xray", good())
	f("", then.Add(-5*time.Minute), "xray", good())
	f("RequestExpired", then.Add(5*time.Minute+1), "xray", good())
	f("RequestInTheFuture", then.Add(-5*time.Minute-1), "xray", good())
	f("SignatureDoesNotMatch", then, "logs", good())
	with := func(headers ...string) *http.Request { return request("POST", "/", "clew", headers...) }
	const date = "X-Amz-Date:20150830T123600Z"
	f("SignatureDoesNotMatch", then, "xray", with("X-Amz-Date:20150831T000000Z", authorization("xray", "host;x-amz-date", zeros)))
	f("", then, "xray", with("Date:Sun, 30 Aug 2015 12:36:00 GMT", authorization("xray", "date;host", zeros)))
	for _, x := range []*http.Request{
		with(authorization("xray", "host;x-amz-date", zeros)),                                   // no date
		with(date, authorization("xray", "x-amz-date", zeros)),                                  // no host
		with(date, authorization("xray", "host", zeros)),                                        // the date is not signed
		with(date, authorization("xray", "x-amz-date;host", zeros)),                             // not sorted
		with(date, authorization("xray", "Host;x-amz-date", zeros)),                             // capitals
		with(date, authorization("xray", "host;x-amz-date", "00")),                              // short
		with(date, authorization("xray", "host"+strings.Repeat(";i", 70)+";x-amz-date", zeros)), // many
		with(date, "Authorization:AWS4-HMAC-SHA256"),
		with(date, "Authorization:AWS4-HMAC-SHA256 Credential=a, Credential=b"),
		with(date, "Authorization:AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/xray, SignedHeaders=host;x-amz-date, Signature="+zeros),
		request("GET", "/?X-Amz-Algorithm=x&X-Amz-Signature=1", "clew"),
		request("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=0", "clew"),
		request("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=604801", "clew"),
	} {
		f("IncompleteSignatureException", then, "xray", x)
	}
	presigned := request("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2Fus-east-1%2Fxray%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="+zeros, "clew")
	f("", then.Add(time.Minute), "xray", presigned)
	f("RequestExpired", then.Add(time.Minute+1), "xray", presigned)
	for _, r := range []*http.Request{with(), with("Authorization:Bearer x")} {
		if claim, fault := sigv4.Read(r); claim != nil || fault != nil {
			t.Errorf("what is not signed: %v, %v", claim, fault)
		}
	}
	if _, _, fault := sigv4.Payload(with("X-Amz-Content-Sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD")); fault == nil {
		t.Error("a body that is signed piece by piece")
	}
}

// TestPresigned: the presigned address that AWS publishes holds. It is S3's, whose hash of the
// body says that it is not signed.
func TestPresigned(t *testing.T) {
	r := request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "examplebucket.s3.amazonaws.com")
	claim, fault := sigv4.Read(r)
	if fault != nil {
		t.Fatal(fault)
	}
	if fault := claim.Check(time.Date(2013, 5, 24, 12, 0, 0, 0, time.UTC), "s3"); fault != nil {
		t.Error(fault)
	}
	if fault := claim.Verify(r, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "UNSIGNED-PAYLOAD"); fault != nil {
		t.Error(fault)
	}
}

// TestQueryIsSortedByNames: a name comes before those that it begins, whatever follows it.
func TestQueryIsSortedByNames(t *testing.T) {
	canonical := "GET\n/\na=2&a=3&a-b=1&a.c=1&a1=1\nhost:clew\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n" + hash("")
	key := []byte("AWS4" + secret)
	for _, text := range []string{"20150830", "us-east-1", "xray", "aws4_request", "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/xray/aws4_request\n" + hash(canonical)} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		key = h.Sum(nil)
	}
	r := request("GET", "/?a1=1&a.c=1&a=3&a-b=1&a=2", "clew", "X-Amz-Date:20150830T123600Z", authorization("xray", "host;x-amz-date", hex.EncodeToString(key)))
	claim, fault := sigv4.Read(r)
	if fault != nil {
		t.Fatal(fault)
	}
	if fault := claim.Verify(r, secret, hash("")); fault != nil {
		t.Error(fault)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("/", authorization("xray", "host;x-amz-date", strings.Repeat("0", 64)), "20150830T123600Z")
	f.Add("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&X-Amz-Credential=a%2Fb", "", "")
	f.Fuzz(func(t *testing.T, uri, header, date string) {
		r := request("POST", "/", "clew", "X-Amz-Date:"+date)
		r.RequestURI = uri
		if i := strings.IndexByte(uri, '?'); i >= 0 {
			r.URL.RawQuery = uri[i+1:]
		}
		r.Header.Set("Authorization", strings.TrimPrefix(header, "Authorization:"))
		claim, fault := sigv4.Read(r)
		if claim == nil || fault != nil {
			return
		}
		_ = claim.Check(then, "xray")
		if claim.Verify(r, secret, hash("")) == nil {
			t.Errorf("%q %q %q holds", uri, header, date)
		}
	})
}
