package redact

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
)

// class is what the key of an attribute says of its value.
type class uint16

const (
	classSecret    class = 1 << iota // a credential, as a whole
	classWeak                        // with classSecret: numbers and booleans are none
	classCard                        // the secret of a card
	classSQL                         // a text of a query language
	classLiteral                     // within JSON: values given to a query
	classParameter                   // a value given to one
	classDirty                       // the key itself has something to take out
	classKeep                        // nothing is taken out

	classWhole = classSecret | classCard | classParameter
)

// within returns what a key stands for that is within the value of another: what is secret for
// sure stays so.
func (c class) within(outer class) class {
	sure := (c&classSecret != 0 && c&classWeak == 0) || (outer&classSecret != 0 && outer&classWeak == 0)
	if c |= outer; sure {
		c &^= classWeak
	}
	return c
}

// classes remembers what keys stand for: programs have few. It is safe for concurrent use.
type classes struct {
	slots [classSlots]atomic.Pointer[known]
}

type known struct {
	key   string
	class class
}

// of returns the class of a key.
func (c *classes) of(r *Redactor, key []byte) class {
	if len(key) > maxClassKey {
		return r.classify(key)
	}
	at := slotOf(key)
	one, two := &c.slots[at], &c.slots[at^1]
	first := one.Load()
	if first != nil && first.key == string(key) {
		return first.class
	}
	if k := two.Load(); k != nil && k.key == string(key) {
		return k.class
	}
	k := &known{string(key), r.classify(key)}
	one.Store(k)
	two.Store(first) // it makes room for the new one
	return k.class
}

// slotOf mixes the ends of a key, and its length.
func slotOf(key []byte) uint64 {
	var h uint64
	if n := len(key); n >= 8 {
		h = binary.LittleEndian.Uint64(key) ^ binary.LittleEndian.Uint64(key[n-8:])*0x9e3779b97f4a7c15 ^ uint64(n)<<56
		if n > 16 {
			h ^= binary.LittleEndian.Uint64(key[n/2-4:]) * 0xc2b2ae3d27d4eb4f
		}
	} else {
		for _, c := range key {
			h = h<<8 | uint64(c)
		}
	}
	h *= 0xff51afd7ed558ccd
	return h >> (64 - classBits)
}

// classBits is how many bits number classSlots.
const classBits = 11

// queryKeys are the attributes that have texts of query languages: by OpenTelemetry's
// conventions, by those before them, and as X-Ray's documents and Jaeger's clients say it.
var queryKeys = map[string]bool{
	"db.query.text": true, "db.statement": true, "sql.sanitized_query": true, "sql.query": true,
	"sanitized_query": true, "db.sql.query": true,
}

// parameterKeys begin the names of attributes that have what was given to a query.
var parameterKeys = []string{"db.query.parameter.", "db.operation.parameter.", "db.statement.parameter"}

// cardKeys end the names of what protects a card.
var cardKeys = []string{"cvv", "cvc", "cvv2", "cvc2", "cardnumber", "ccnumber", "securitycode"}

// classify says what a key stands for.
func (r *Redactor) classify(key []byte) (c class) {
	name := string(key)
	if matches(r.keep, name) {
		return classKeep
	}
	if matches(r.keys, name) {
		c |= classSecret
	}
	var n normalised
	n.set(key)
	if r.on[Credentials] && c == 0 {
		switch n.strength() {
		case strong, header:
			c |= classSecret
		case weak:
			c |= classSecret | classWeak
		}
	}
	if r.on[Cards] && c == 0 {
		for _, s := range cardKeys {
			if n.ends(s) {
				c |= classCard
			}
		}
	}
	if r.on[SQL] {
		if queryKeys[name] {
			c |= classSQL
		}
		for _, p := range parameterKeys {
			if strings.HasPrefix(name, p) {
				c |= classParameter
			}
		}
	}
	x := r.runs.Get().(*run)
	if x.find(key, 0) {
		c |= classDirty
	}
	x.reset()
	r.runs.Put(x)
	return c
}

// matches reports whether one of the patterns is name, or its beginning if it ends in *.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if begin, all := strings.CutSuffix(p, "*"); p == name || (all && strings.HasPrefix(name, begin)) {
			return true
		}
	}
	return false
}

// strength is how sure a name is that of a secret.
type strength uint8

const (
	harmless strength = iota
	inURL             // a secret only as a parameter of a URL
	weak              // one, unless it is a number or a word
	strong
	header // strong, and all of a line
)

// The ends of names of secrets, as they are without what separates words.
var (
	strongEnds = []string{"password", "passwd", "pwd", "passphrase", "secret", "apikey", "secretkey", "accesskey", "privatekey", "signingkey",
		"encryptionkey", "accountkey", "sharedkey", "masterkey", "sshkey", "licensekey", "licencekey", "authkey", "credential", "credentials", "userpass"}
	weakEnds   = []string{"token", "sessid", "sessionkey", "jwt", "signature"}
	headerEnds = []string{"authorization", "cookie", "cookies"}
	// paging are tokens of other kinds.
	paging = []string{"nexttoken", "pagetoken", "continuationtoken", "cancellationtoken", "paginationtoken", "synctoken", "resumetoken", "starttoken"}
	// trailing is what may be behind the noun.
	trailing = []string{"value", "hash", "hashed", "confirmation", "confirm", "plaintext", "raw"}
	// wholeWords are such only if they are all of the last word.
	wholeWords = []string{"pass", "otp", "totp", "bearer"}
	// urlNames are names of parameters of URLs that have secrets, besides those.
	urlNames = []string{"sig", "key", "auth", "code", "session", "sid", "sas", "xamzsignature", "xamzcredential", "xamzsecuritytoken",
		"awsaccesskeyid", "xgoogsignature", "xgoogcredential", "assertion", "samlresponse", "ticket", "hmac", "accesskeyid"}
)

// endings has the last three letters of all the ends, by which most names are told apart:
// a bit each.
var endings = func() (t [1 << 15 / 64]uint64) {
	for _, list := range [][]string{strongEnds, weakEnds, headerEnds, trailing, wholeWords, urlNames, cardKeys} {
		for _, s := range list {
			s = strings.TrimRight(s, "0123456789")
			n := len(s)
			e := ending(s[n-3], s[n-2], s[n-1])
			t[e/64] |= 1 << (e % 64)
		}
	}
	return t
}()

func ending(a, b, c byte) uint { return uint(a&31)<<10 | uint(b&31)<<5 | uint(c&31) }

// mayBeSecret reports whether a name ends as those of secrets do.
func mayBeSecret(name []byte) bool {
	n := len(name)
	for n > 0 && kinds[name[n-1]]&isDigit != 0 {
		n--
	}
	if n < 3 {
		return false
	}
	a, b, c := name[n-3], name[n-2], name[n-1]
	if kinds[a]&isLetter == 0 || kinds[b]&isLetter == 0 || kinds[c]&isLetter == 0 {
		return true // something between the letters
	}
	e := ending(a, b, c)
	return endings[e/64]>>(e%64)&1 != 0
}

// normalised is a name in lower case and without what separates words.
type normalised struct {
	b    [maxName]byte
	n    int
	last int // where the last word begins
}

// set takes the end of a name that is too long.
func (n *normalised) set(name []byte) {
	n.n, n.last = 0, 0
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	lower := false
	for _, c := range name {
		k := kinds[c]
		if k&isAlnum == 0 {
			n.last, lower = n.n, false
			continue
		}
		if k&isUpper != 0 {
			if lower {
				n.last = n.n
			}
			c += 'a' - 'A'
		}
		lower = k&isLower != 0
		n.b[n.n] = c
		n.n++
	}
}

func (n *normalised) ends(s string) bool {
	return n.n >= len(s) && string(n.b[n.n-len(s):n.n]) == s
}

func (n *normalised) endsInOne(of []string) bool {
	for _, s := range of {
		if n.ends(s) {
			return true
		}
	}
	return false
}

// strength says how sure the name is that of a secret.
func (n *normalised) strength() strength {
	for trimmed := true; trimmed && n.n > 0; {
		trimmed = false
		for n.n > 0 && kinds[n.b[n.n-1]]&isDigit != 0 {
			n.n--
			trimmed = true
		}
		for _, s := range trailing {
			if n.ends(s) && n.n > len(s) {
				n.n -= len(s)
				trimmed = true
			}
		}
	}
	n.last = min(n.last, n.n)
	switch {
	case n.n == 0:
		return harmless
	case n.endsInOne(headerEnds):
		return header
	case n.endsInOne(strongEnds):
		return strong
	case n.endsInOne(paging):
		return harmless
	case n.endsInOne(weakEnds):
		return weak
	}
	word := string(n.b[n.last:n.n])
	for _, s := range wholeWords {
		if word == s {
			return strong
		}
	}
	whole := string(n.b[:n.n])
	for _, s := range urlNames {
		if whole == s {
			return inURL
		}
	}
	return harmless
}

// nameStrength is strength of a name in a text.
func nameStrength(name []byte) strength {
	if !mayBeSecret(name) {
		return harmless
	}
	var n normalised
	n.set(name)
	return n.strength()
}
