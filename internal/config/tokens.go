package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/clew-tracing/clew"
)

// Rights are what a token may do.
type Rights uint8

const (
	// Write may send spans.
	Write Rights = 1 << iota
	// Read may ask for them.
	Read
	// Admin may do everything.
	Admin
)

// Has reports whether r includes all of want; Admin includes everything.
func (r Rights) Has(want Rights) bool { return r&Admin != 0 || r&want == want }

// String returns the rights as they are written in a token.
func (r Rights) String() string {
	var words []string
	for _, p := range rightNames() {
		if r&p.right != 0 {
			words = append(words, p.name)
		}
	}
	return strings.Join(words, "+")
}

type rightName struct {
	name  string
	right Rights
}

func rightNames() []rightName {
	return []rightName{{"write", Write}, {"read", Read}, {"admin", Admin}}
}

// AnyTenant is the tenant of a token that takes the tenant from the request.
const AnyTenant = "*"

// Token is one bearer token.
type Token struct {
	// Tenant is whose spans it reaches, or AnyTenant.
	Tenant string
	Rights Rights
	Secret string
}

// Tokens is the list of bearer tokens. Empty means that nobody is asked.
type Tokens []Token

// Find returns the token with that secret. It compares digests, and all of
// them, so that the time taken says nothing about the secrets.
func (v Tokens) Find(secret string) (Token, bool) {
	want := sha256.Sum256([]byte(secret))
	found := -1
	for i, t := range v {
		have := sha256.Sum256([]byte(t.Secret))
		if subtle.ConstantTimeCompare(have[:], want[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Token{}, false
	}
	return v[found], true
}

// Set reads tokens separated by commas, each TENANT:RIGHTS:SECRET.
func (v *Tokens) Set(text string) error {
	var words List
	if err := words.Set(text); err != nil {
		return err
	}
	*v = nil
	for i, word := range words {
		t, err := parseToken(word)
		if err != nil {
			return fmt.Errorf("token %d: %w", i+1, err)
		}
		*v = append(*v, t)
	}
	return nil
}

// parseToken never quotes what it was given: an error must not show a secret.
func parseToken(word string) (Token, error) {
	parts := strings.SplitN(word, ":", 3)
	if len(parts) != 3 || parts[2] == "" {
		return Token{}, fmt.Errorf("want TENANT:RIGHTS:SECRET, for example shop:write+read:s3cret")
	}
	t := Token{Tenant: parts[0], Secret: parts[2]}
	if t.Tenant != AnyTenant {
		tenant, err := clew.ParseTenant(t.Tenant)
		if err != nil {
			return Token{}, err
		}
		t.Tenant = string(tenant)
	}
next:
	for right := range strings.SplitSeq(parts[1], "+") {
		for _, p := range rightNames() {
			if p.name == right {
				t.Rights |= p.right
				continue next
			}
		}
		return Token{}, fmt.Errorf("right %q: want write, read or admin, joined by +", right)
	}
	return t, nil
}

// String returns the text Set reads, secrets included.
func (v *Tokens) String() string {
	var words []string
	for _, t := range *v {
		words = append(words, t.Tenant+":"+t.Rights.String()+":"+t.Secret)
	}
	return strings.Join(words, ",")
}

// Type returns "tokens".
func (v *Tokens) Type() string { return "tokens" }
