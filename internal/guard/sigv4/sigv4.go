// Package sigv4 verifies requests that are signed as AWS's clients sign them, with Signature
// Version 4: in the header Authorization, or in the query of a presigned address.
//
//	Read     what a request says of its signature
//	Check    its date and its scope, before anything of it is read
//	Verify   the signature, by the secret and the hash of the body
//
// Source: AWS's "Signature Version 4 signing process" and "Create a signed AWS API request".
package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Algorithm is what is spoken here.
const Algorithm = "AWS4-HMAC-SHA256"

const (
	// Skew is how far clocks may be apart, as AWS allows.
	Skew = 5 * time.Minute

	// maxExpires is how long a presigned address may hold, as AWS allows.
	maxExpires = 7 * 24 * time.Hour

	// maxSignedHeaders bounds the headers that a signature covers; clients sign a handful.
	maxSignedHeaders = 64

	dateForm   = "20060102T150405Z"
	unsigned   = "UNSIGNED-PAYLOAD"
	streaming  = "STREAMING-"
	hashHeader = "X-Amz-Content-Sha256"
	terminator = "aws4_request"
)

// Fault is why a signature does not hold, as AWS names it.
type Fault struct {
	Status  int    // of HTTP
	Name    string // of the error
	Message string
}

// Error implements error.
func (f *Fault) Error() string { return f.Name + ": " + f.Message }

func incomplete(format string, args ...any) *Fault {
	return &Fault{http.StatusBadRequest, "IncompleteSignatureException", fmt.Sprintf(format, args...)}
}

// Claim is what a request says of its signature.
type Claim struct {
	KeyID string

	scope     string // date/region/service/aws4_request
	at        time.Time
	expires   time.Duration // of a presigned address; 0: a header
	headers   []string
	signature []byte
}

// Read reads what a request says of its signature: nil if it has none.
func Read(r *http.Request) (*Claim, *Fault) {
	if text, ok := strings.CutPrefix(r.Header.Get("Authorization"), Algorithm); ok {
		return readHeader(r, text)
	}
	query := r.URL.Query()
	if query.Get("X-Amz-Signature") == "" && query.Get("X-Amz-Algorithm") == "" {
		return nil, nil
	}
	if query.Get("X-Amz-Algorithm") != Algorithm {
		return nil, incomplete("X-Amz-Algorithm: want %s", Algorithm)
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(maxExpires/time.Second) {
		return nil, incomplete("X-Amz-Expires: want seconds from 1 to %d", int(maxExpires/time.Second))
	}
	c := &Claim{expires: time.Duration(seconds) * time.Second}
	return c.fill(query.Get("X-Amz-Credential"), query.Get("X-Amz-SignedHeaders"), query.Get("X-Amz-Signature"), query.Get("X-Amz-Date"))
}

// readHeader reads the header behind the name of the algorithm.
func readHeader(r *http.Request, text string) (*Claim, *Fault) {
	parts := make(map[string]string)
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || parts[name] != "" {
			return nil, incomplete("the header Authorization: want %s Credential=…, SignedHeaders=…, Signature=…, each once", Algorithm)
		}
		parts[name] = value
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		if t, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			date = t.UTC().Format(dateForm)
		}
	}
	return new(Claim).fill(parts["Credential"], parts["SignedHeaders"], parts["Signature"], date)
}

// fill reads the parts that a header and a query have alike.
func (c *Claim) fill(credential, headers, signature, date string) (*Claim, *Fault) {
	var ok bool
	if c.KeyID, c.scope, ok = strings.Cut(credential, "/"); !ok || c.KeyID == "" {
		return nil, incomplete("the credential: want KEY/DATE/REGION/SERVICE/%s", terminator)
	}
	var err error
	if c.at, err = time.Parse(dateForm, date); err != nil {
		return nil, incomplete("the date: want X-Amz-Date such as %s", dateForm)
	}
	if c.signature, err = hex.DecodeString(signature); err != nil || len(c.signature) != sha256.Size {
		return nil, incomplete("the signature: want %d hexadecimal digits", 2*sha256.Size)
	}
	c.headers = strings.Split(headers, ";")
	switch {
	case len(c.headers) > maxSignedHeaders:
		return nil, incomplete("more than %d headers are signed", maxSignedHeaders)
	case !slices.IsSorted(c.headers) || headers != strings.ToLower(headers):
		return nil, incomplete("the signed headers: want them sorted and in lower case")
	case !slices.Contains(c.headers, "host"):
		return nil, incomplete("the signed headers: host has to be among them")
	case c.expires == 0 && !slices.Contains(c.headers, "x-amz-date") && !slices.Contains(c.headers, "date"):
		return nil, incomplete("the signed headers: x-amz-date has to be among them")
	}
	return c, nil
}

// Check checks the date and what the signature is for: service is what this is, any region
// will do.
func (c *Claim) Check(now time.Time, service string) *Fault {
	parts := strings.Split(c.scope, "/")
	mismatch := func(format string, args ...any) *Fault {
		return &Fault{http.StatusForbidden, "SignatureDoesNotMatch", fmt.Sprintf(format, args...)}
	}
	switch {
	case len(parts) != 4 || parts[3] != terminator || parts[1] == "":
		return incomplete("the credential: want KEY/DATE/REGION/SERVICE/%s", terminator)
	case parts[0] != c.at.Format("20060102"):
		return mismatch("the date in the credential's scope does not match that of the request")
	case parts[2] != service:
		return mismatch("the credential should be scoped to the correct service: %s", service)
	}
	until := max(c.expires, Skew)
	if c.expires > 0 {
		until = c.expires
	}
	switch {
	case now.Sub(c.at) > until:
		return &Fault{http.StatusForbidden, "RequestExpired", fmt.Sprintf("the signature expired: %s is earlier than %s less %v; set the clock of the client, or of this server", c.at.Format(dateForm), now.UTC().Format(dateForm), until)}
	case c.at.Sub(now) > Skew:
		return &Fault{http.StatusForbidden, "RequestInTheFuture", fmt.Sprintf("the signature is not yet current: %s is later than %s and %v; set the clock of the client, or of this server", c.at.Format(dateForm), now.UTC().Format(dateForm), Skew)}
	}
	return nil
}

// Payload returns the hash of the body in hexadecimal digits as the request says it: "" where
// it does not, and the body has to be read to know the signature. covered says that there is
// one which the body has to have.
func Payload(r *http.Request) (hash string, covered bool, fault *Fault) {
	switch hash = r.Header.Get(hashHeader); {
	case strings.HasPrefix(hash, streaming):
		return "", false, incomplete("%s: bodies that are signed piece by piece are not taken: sign the whole", hashHeader)
	case hash == unsigned:
		return hash, false, nil
	}
	return hash, true, nil
}

// Verify checks the signature of a request whose body has a hash. It takes as long for any
// signature that is wrong.
func (c *Claim) Verify(r *http.Request, secret, payload string) *Fault {
	canonical := strings.Join([]string{r.Method, path(r), query(r), c.canonicalHeaders(r), strings.Join(c.headers, ";"), payload}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{Algorithm, c.at.Format(dateForm), c.scope, hex.EncodeToString(hash[:])}, "\n")
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(c.scope, "/") {
		key = sum(key, part)
	}
	if subtle.ConstantTimeCompare(sum(key, toSign), c.signature) != 1 {
		return &Fault{http.StatusForbidden, "InvalidSignatureException", "the request signature we calculated does not match the signature you provided: check the secret access key, and that nothing between here and the client changes the request, its host or path"}
	}
	return nil
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// path is that of the request as it was sent, escaped once more.
func path(r *http.Request) string {
	text, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(text, "/") { // a proxy's form, or none
		if u, err := url.Parse(text); err == nil {
			text = u.EscapedPath()
		}
	}
	if text == "" {
		text = "/"
	}
	return escape(text, true)
}

// query is the request's, sorted by names and then by values, without the signature itself.
func query(r *http.Request) string {
	var parts [][2]string
	for name, values := range r.URL.Query() {
		if name == "X-Amz-Signature" {
			continue
		}
		for _, v := range values {
			parts = append(parts, [2]string{escape(name, false), escape(v, false)})
		}
	}
	slices.SortFunc(parts, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0] + "=" + p[1])
	}
	return b.String()
}

// canonicalHeaders are those that are signed, each with a line end.
func (c *Claim) canonicalHeaders(r *http.Request) string {
	var b strings.Builder
	for _, name := range c.headers {
		values := r.Header.Values(name)
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		b.WriteString(name + ":")
		for i, v := range values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Join(strings.Fields(v), " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// escape escapes all but what RFC 3986 calls unreserved, and slashes if they are to stay.
func escape(s string, slashes bool) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, c == '/' && slashes:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
