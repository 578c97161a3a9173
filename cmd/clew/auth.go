package main

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"google.golang.org/grpc/codes"
)

// tenantHeader names the tenant of a request, in HTTP and in gRPC's metadata.
const tenantHeader = "X-Scope-OrgID"

// gate asks requests for a token, where any is configured. The tokens can be
// replaced while it is in use.
type gate struct {
	tokens atomic.Pointer[config.Tokens]
}

func newGate(tokens config.Tokens) *gate {
	g := &gate{}
	g.tokens.Store(&tokens)
	return g
}

// A denial says why a request does not pass.
type denial struct {
	status  int // of HTTP: 401 or 403
	message string
}

// pass decides on a request that shows authorization and asks for tenant (both
// as they came, perhaps empty) and needs a right. It returns the tenant the
// request belongs to.
func (g *gate) pass(authorization, tenant string, right config.Rights) (string, *denial) {
	tokens := *g.tokens.Load()
	if len(tokens) == 0 {
		return tenant, nil
	}
	scheme, secret, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return "", &denial{http.StatusUnauthorized, "this server asks for a token: send the header Authorization: Bearer TOKEN"}
	}
	t, ok := tokens.Find(strings.TrimSpace(secret))
	switch {
	case !ok:
		return "", &denial{http.StatusUnauthorized, "this token is unknown here"}
	case !t.Rights.Has(right):
		return "", &denial{http.StatusForbidden, "this token has no right to " + right.String()}
	case t.Tenant == config.AnyTenant:
		return tenant, nil
	case tenant != "" && tenant != t.Tenant:
		return "", &denial{http.StatusForbidden, "this token does not belong to tenant " + console.Clip(console.Printable(tenant), 64)}
	}
	return t.Tenant, nil
}

// guardAll lets requests through to next that may have everything of every tenant:
// those with a token of any tenant and the right of an administrator, or where no
// tokens are set, those from this machine.
func (g *gate) guardAll(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens := *g.tokens.Load()
		_, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		t, known := tokens.Find(strings.TrimSpace(secret))
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		switch {
		case len(tokens) == 0 && !net.ParseIP(host).IsLoopback():
			denyJSON(w, r, &denial{http.StatusForbidden, "without tokens this is answered on the server's own machine alone: set tokens, one of tenant * with the right admin"})
		case len(tokens) > 0 && known && (t.Tenant != config.AnyTenant || !t.Rights.Has(config.Admin)):
			denyJSON(w, r, &denial{http.StatusForbidden, "this needs a token of tenant * with the right admin"})
		default: // guard asks for a token where there are any
			g.guard(config.Admin, denyJSON, next).ServeHTTP(w, r)
		}
	})
}

// guard lets requests through to next that have the right, with the token's
// tenant in their header. deny answers the others. Preflight requests of
// browsers carry no token and pass.
func (g *gate) guard(right config.Rights, deny func(http.ResponseWriter, *http.Request, *denial), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		tenant, no := g.pass(r.Header.Get("Authorization"), r.Header.Get(tenantHeader), right)
		if no != nil {
			if no.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="clew"`)
			}
			deny(w, r, no)
			return
		}
		if tenant != "" {
			r.Header.Set(tenantHeader, tenant)
		}
		next.ServeHTTP(w, r)
	})
}

// denyBy denies as a door does, in the form that OTLP's clients read.
func denyBy(deny func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string)) func(http.ResponseWriter, *http.Request, *denial) {
	return func(w http.ResponseWriter, r *http.Request, no *denial) { deny(w, r, no.status, no.code(), no.message) }
}

// code is the denial's code in gRPC and in OTLP's error bodies.
func (d *denial) code() codes.Code {
	if d.status == http.StatusUnauthorized {
		return codes.Unauthenticated
	}
	return codes.PermissionDenied
}
