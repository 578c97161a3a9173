package guard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard/sigv4"
)

// Signatures says how signed requests are read.
type Signatures struct {
	// Service is what a signature has to be for.
	Service string
	// MaxBytes and Timeout bound a body that has to be read before its signature is known,
	// and Budget all of them.
	MaxBytes int
	Timeout  time.Duration
	Budget   *ingest.Budget
	// Open are the paths of requests that pass unsigned, where they come from this machine
	// and no tokens are set: those of clients whose own agent would sign them.
	Open []string
}

// SetKeys replaces the keys whose signatures are verified.
func (g *Gate) SetKeys(keys config.Keys) { g.keys.Store(&keys) }

// signer is where the token of a signature is, in the context of a request.
type signer struct{}

// Signed lets through to next requests with a signature that holds, of the tenant and with the
// rights of its key, and those with a token, which next asks for; without keys all. deny answers
// the others.
func (g *Gate) Signed(s Signatures, deny Deny, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys := *g.keys.Load()
		if len(keys) == 0 || r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		claim, fault := sigv4.Read(r)
		if claim == nil && fault == nil {
			g.unsigned(&s, deny, next, w, r)
			return
		}
		var key config.Key
		if fault == nil {
			fault = claim.Check(time.Now(), s.Service)
		}
		if fault == nil {
			var ok bool
			if key, ok = keys.Find(claim.KeyID); !ok {
				fault = &sigv4.Fault{Status: http.StatusForbidden, Name: "UnrecognizedClientException", Message: "the security token included in the request is invalid: this server does not know the access key"}
			}
		}
		if fault == nil {
			room := s.Budget.Reserve()
			defer room.Release()
			fault = s.verify(claim, key.Secret, &room, w, r)
		}
		if fault != nil {
			deny(w, r, &Denial{fault.Status, fault.Message, fault.Name})
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), signer{}, key.Token)))
	})
}

// unsigned deals with a request that has no signature.
func (g *Gate) unsigned(s *Signatures, deny Deny, next http.Handler, w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case g.Asks() && r.Header.Get("Authorization") != "": // next looks at the token
	case !g.Asks() && slices.Contains(s.Open, path) && net.ParseIP(host).IsLoopback():
		r.Header.Del(clew.TenantHeader) // nobody vouches for it
	default:
		deny(w, r, &Denial{Status: http.StatusForbidden, Message: "missing authentication token: sign the request with an access key that this server knows", Name: "MissingAuthenticationTokenException"})
		return
	}
	next.ServeHTTP(w, r)
}

// verify verifies a signature, and reads the body that it covers. Where the request says the
// hash of that, nothing is read for who does not have the secret.
func (s *Signatures) verify(claim *sigv4.Claim, secret string, room *ingest.Reservation, w http.ResponseWriter, r *http.Request) *sigv4.Fault {
	payload, covered, fault := sigv4.Payload(r)
	if fault == nil && payload != "" {
		fault = claim.Verify(r, secret, payload)
	}
	if fault != nil || !covered {
		return fault
	}
	body, err := s.read(room, w, r)
	if err != nil {
		return bodyFault(w, err)
	}
	sum := sha256.Sum256(body)
	have := hex.EncodeToString(sum[:])
	if payload == "" {
		fault = claim.Verify(r, secret, have)
	} else if subtle.ConstantTimeCompare([]byte(have), []byte(payload)) != 1 {
		fault = &sigv4.Fault{Status: http.StatusForbidden, Name: "InvalidSignatureException", Message: "the body is not the one that was signed: its hash is not that of X-Amz-Content-Sha256"}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return fault
}

// bodyFault says why a body was not read.
func bodyFault(w http.ResponseWriter, err error) *sigv4.Fault {
	switch answer := ingest.AnswerTo(err); {
	case answer.Retry:
		ingest.SayRetry(w, answer, err)
		return &sigv4.Fault{Status: answer.HTTP, Name: "ThrottledException", Message: err.Error()}
	case clew.KindOf(err) == clew.TooLarge:
		return &sigv4.Fault{Status: answer.HTTP, Name: "RequestEntityTooLargeException", Message: err.Error()}
	}
	return &sigv4.Fault{Status: http.StatusBadRequest, Name: "InvalidRequestException", Message: "the body could not be read: " + err.Error()}
}

// firstRead is how much of a body is read before more is reserved.
const firstRead = 64 << 10

// read reads a body, as far as there is memory for it.
func (s *Signatures) read(room *ingest.Reservation, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limits := http.NewResponseController(w)
	_ = limits.SetReadDeadline(time.Now().Add(s.Timeout)) // what is no connection has none
	defer func() { _ = limits.SetReadDeadline(time.Time{}) }()
	var body []byte
	for {
		if len(body) == cap(body) {
			size := min(max(firstRead, 2*cap(body)), s.MaxBytes+1)
			if n := r.ContentLength; n >= int64(len(body)) && n < int64(size) {
				size = int(n) + 1 // and no more is needed to see its end
			}
			if err := room.Grow(int64(size)); err != nil {
				return nil, err
			}
			larger := append(make([]byte, 0, size), body...)
			room.Shrink(int64(cap(body)))
			body = larger
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > s.MaxBytes:
			return nil, clew.Errorf(clew.TooLarge, "the request is larger than %d bytes; send smaller batches or raise --max-request", s.MaxBytes)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, clew.Errorf(clew.Invalid, "after %s bytes: %w", strconv.Itoa(len(body)), err)
		}
	}
}
