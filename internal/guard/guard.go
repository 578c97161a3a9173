// Package guard asks requests for a token before a handler sees them.
package guard

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
)

// Gate asks requests for a token, where any is configured. The tokens can be
// replaced while it is in use.
type Gate struct {
	tokens atomic.Pointer[config.Tokens]
	keys   atomic.Pointer[config.Keys]
}

// New returns a gate for these tokens; without any it lets everybody through.
func New(tokens config.Tokens) *Gate {
	g := &Gate{}
	g.tokens.Store(&tokens)
	g.keys.Store(new(config.Keys))
	return g
}

// Deny answers a request that does not pass.
type Deny func(http.ResponseWriter, *http.Request, *Denial)

// A Denial says why a request does not pass.
type Denial struct {
	Status  int // of HTTP: 401 or 403; of signatures others, too
	Message string
	// Name is that of AWS's errors, of a signature that does not hold.
	Name string
}

// Set replaces the tokens.
func (g *Gate) Set(tokens config.Tokens) { g.tokens.Store(&tokens) }

// Asks reports whether there are tokens to ask for.
func (g *Gate) Asks() bool { return len(*g.tokens.Load()) > 0 }

// pass decides on a request that needs a right. It returns the tenant the request
// belongs to. What was signed needs no token.
func (g *Gate) pass(r *http.Request, right config.Rights) (string, *Denial) {
	authorization, tenant := r.Header.Get("Authorization"), r.Header.Get(clew.TenantHeader)
	if t, ok := r.Context().Value(signer{}).(config.Token); ok {
		return allow(&t, "key", tenant, right)
	}
	tokens := *g.tokens.Load()
	if len(tokens) == 0 {
		return tenant, nil
	}
	scheme, secret, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return "", &Denial{Status: http.StatusUnauthorized, Message: "this server asks for a token: send the header Authorization: Bearer TOKEN"}
	}
	t, ok := tokens.Find(strings.TrimSpace(secret))
	if !ok {
		return "", &Denial{Status: http.StatusUnauthorized, Message: "this token is unknown here"}
	}
	return allow(&t, "token", tenant, right)
}

// allow decides what a token, or a key, may do; tenant is the one that is asked for.
func allow(t *config.Token, what, tenant string, right config.Rights) (string, *Denial) {
	switch {
	case !t.Rights.Has(right):
		return "", &Denial{Status: http.StatusForbidden, Message: "this " + what + " has no right to " + right.String()}
	case t.Tenant == config.AnyTenant:
		return tenant, nil
	case tenant != "" && tenant != t.Tenant:
		return "", &Denial{Status: http.StatusForbidden, Message: "this " + what + " does not belong to tenant " + console.Clip(console.Printable(tenant), 64)}
	}
	return t.Tenant, nil
}

// GuardAll lets requests through to next that may have everything of every tenant:
// those with a token of any tenant and the right of an administrator, or where no
// tokens are set, those from this machine.
func (g *Gate) GuardAll(deny Deny, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens := *g.tokens.Load()
		_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		t, known := tokens.Find(strings.TrimSpace(secret))
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		switch {
		case len(tokens) == 0 && !net.ParseIP(host).IsLoopback():
			deny(w, r, &Denial{Status: http.StatusForbidden, Message: "without tokens this is answered on the server's own machine alone: set tokens, one of tenant * with the right admin"})
		case len(tokens) > 0 && known && (t.Tenant != config.AnyTenant || !t.Rights.Has(config.Admin)):
			deny(w, r, &Denial{Status: http.StatusForbidden, Message: "this needs a token of tenant * with the right admin"})
		default: // Guard asks for a token where there are any
			g.Guard(config.Admin, deny, next).ServeHTTP(w, r)
		}
	})
}

// Guard lets requests through to next that have the right, with the token's
// tenant in their header. deny answers the others. Preflight requests of
// browsers carry no token and pass.
func (g *Gate) Guard(right config.Rights, deny Deny, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		tenant, no := g.pass(r, right)
		if no != nil {
			if no.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="clew"`)
			}
			deny(w, r, no)
			return
		}
		if tenant != "" {
			r.Header.Set(clew.TenantHeader, tenant)
		}
		next.ServeHTTP(w, r)
	})
}

// Code is the denial's code in gRPC and in OTLP's error bodies.
func (d *Denial) Code() codes.Code {
	if d.Status == http.StatusUnauthorized {
		return codes.Unauthenticated
	}
	return codes.PermissionDenied
}
