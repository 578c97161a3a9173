package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/clew-tracing/clew"
)

// Key is an access key of AWS's kind: requests are signed with its secret, which is never
// sent.
type Key struct {
	ID string
	// Token is what a signature is worth: tenant and rights. Its Secret is the key's.
	Token
}

// Keys is a list of them. Empty means that no signature is looked at.
type Keys []Key

// ParseKeys reads a file of keys, one a line, each TENANT:RIGHTS:ID:SECRET; empty lines and
// those that begin with # are nothing. Errors name the line, and nothing that is in it.
func ParseKeys(text string) (Keys, error) {
	var out Keys
	if len(text) > maxFileBytes {
		return nil, clew.Errorf(clew.Invalid, "%d bytes, more than the %d that a file of keys may have", len(text), maxFileBytes)
	}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		parts := strings.SplitN(line, ":", 4)
		if len(parts) != 4 || parts[2] == "" || parts[3] == "" || strings.Contains(parts[2], "/") {
			return nil, clew.Errorf(clew.Invalid, "line %d: want TENANT:RIGHTS:ID:SECRET, for example shop:write+read:AKIDSHOP:s3cret", i+1)
		}
		token, err := parseToken(parts[0] + ":" + parts[1] + ":" + parts[3])
		if err != nil { // which has a word of the line: the secret, where parts are in another order
			return nil, clew.Errorf(clew.Invalid, "line %d: want TENANT:RIGHTS:ID:SECRET with the name of a tenant, or *, and rights out of write, read and admin joined by +", i+1)
		}
		if _, ok := out.Find(parts[2]); ok {
			return nil, clew.Errorf(clew.Invalid, "line %d: the id of a key that is there already", i+1)
		}
		out = append(out, Key{parts[2], token})
	}
	if len(out) == 0 {
		return nil, clew.Errorf(clew.Invalid, "there is no key in it: want lines of TENANT:RIGHTS:ID:SECRET")
	}
	return out, nil
}

// Find returns the key of that id.
func (v Keys) Find(id string) (Key, bool) {
	want := sha256.Sum256([]byte(id))
	found := -1
	for i, k := range v {
		have := sha256.Sum256([]byte(k.ID))
		if subtle.ConstantTimeCompare(have[:], want[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Key{}, false
	}
	return v[found], true
}
