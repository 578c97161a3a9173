package redact

import (
	"bytes"
	"encoding/base64"
)

// token is the form of a token that is known by its beginning.
type token struct {
	begin string
	least int // how many bytes follow at least
	most  int // and at most; 0: any number
	of    uint8
	digit bool // with one among them
}

// isTail is what may follow in tokens with parts.
const isTail = isName | isWord

// forms are the tokens by their first byte.
var forms = func() (t [256][]token) {
	for _, f := range []token{
		{begin: "AKIA", least: 16, most: 16, of: isUpper | isDigit},
		{begin: "ASIA", least: 16, most: 16, of: isUpper | isDigit},
		{begin: "AIza", least: 30, of: isTail},
		{begin: "ghp_", least: 30, of: isAlnum}, {begin: "gho_", least: 30, of: isAlnum}, {begin: "ghu_", least: 30, of: isAlnum},
		{begin: "ghs_", least: 30, of: isAlnum}, {begin: "ghr_", least: 30, of: isAlnum},
		{begin: "github_pat_", least: 22, of: isTail},
		{begin: "glpat-", least: 20, of: isTail},
		{begin: "xoxb-", least: 10, of: isTail}, {begin: "xoxp-", least: 10, of: isTail}, {begin: "xoxa-", least: 10, of: isTail},
		{begin: "xoxr-", least: 10, of: isTail}, {begin: "xoxs-", least: 10, of: isTail}, {begin: "xoxe-", least: 10, of: isTail}, {begin: "xapp-", least: 10, of: isTail},
		{begin: "sk_live_", least: 10, of: isAlnum}, {begin: "sk_test_", least: 10, of: isAlnum},
		{begin: "rk_live_", least: 10, of: isAlnum}, {begin: "rk_test_", least: 10, of: isAlnum}, {begin: "whsec_", least: 16, of: isTail},
		{begin: "sk-", least: 20, of: isTail, digit: true},
		{begin: "GOCSPX-", least: 20, of: isTail}, {begin: "hf_", least: 30, of: isAlnum}, {begin: "glsa_", least: 30, of: isTail}, {begin: "dckr_pat_", least: 20, of: isTail},
		{begin: "npm_", least: 30, of: isAlnum}, {begin: "pypi-", least: 20, of: isTail},
		{begin: "shpat_", least: 32, of: isAlnum}, {begin: "shpss_", least: 32, of: isAlnum},
		{begin: "dop_v1_", least: 40, of: isAlnum}, {begin: "sq0atp-", least: 20, of: isTail}, {begin: "sq0csp-", least: 20, of: isTail},
		{begin: "SG.", least: 40, of: isTail}, {begin: "ya29.", least: 20, of: isTail}, {begin: "hvs.", least: 20, of: isTail},
	} {
		t[f.begin[0]] = append(t[f.begin[0]], f)
	}
	return t
}()

// tokens finds tokens that are known by how they look. All have minToken bytes of words
// on end, so that most of a text need not be looked at.
func (x *run) tokens(v []byte) {
	first, least := len(x.hits), 0
	for i := minToken - 1; i < len(v); {
		if kinds[v[i]]&isWord == 0 {
			i += minToken
			continue
		}
		from := i
		for from > least && kinds[v[from-1]]&isWord != 0 {
			from--
		}
		to := i + 1
		for to < len(v) && kinds[v[to]]&isWord != 0 {
			to++
		}
		if to-from >= minToken {
			to = max(to, x.word(v, from, to)) // tokens have dots, words do not
		}
		least = to
		i = least + minToken - 1
	}
	if len(x.hits) > first || bytes.Contains(v, []byte("AWS_SECRET")) {
		x.awsSecrets(v, first)
	}
}

// word looks for tokens in a long word, and returns where the last one ends, 0 if there is
// none.
func (x *run) word(v []byte, from, to int) (last int) {
	if bytes.HasSuffix(v[:from], []byte("SG.")) || bytes.HasSuffix(v[:from], []byte("hvs.")) || bytes.HasSuffix(v[:from], []byte("ya29.")) {
		from -= 5
		for from < 0 || kinds[v[from]]&isAlnum == 0 {
			from++
		}
	}
	for i, tries := from, 0; i < to && tries < maxTries; tries++ {
		if end := x.token(v, i); end > 0 {
			i, last = end, end
		} else {
			i++
		}
		for i < to && (kinds[v[i-1]]&isAlnum != 0 || kinds[v[i]]&isAlnum == 0) {
			i++ // a token begins where a word does
		}
	}
	x.secretKey(v, from, to)
	return last
}

// token looks at what begins at i, and returns where the token ends, 0 if it is none.
func (x *run) token(v []byte, i int) int {
	if v[i] == 'e' && bytes.HasPrefix(v[i:], []byte("eyJ")) {
		return x.jwt(v, i)
	}
	for _, f := range forms[v[i]] {
		rest, ok := bytes.CutPrefix(v[i:], []byte(f.begin))
		if !ok {
			continue
		}
		if f.digit && !hasDigit(rest[:min(len(rest), firstLook)], f.of) {
			continue
		}
		n := 0
		for n < len(rest) && kinds[rest[n]]&f.of != 0 {
			n++
		}
		for n > 0 && rest[n-1] == '.' {
			n-- // of a sentence
		}
		if n < f.least || (f.most > 0 && n > f.most) {
			continue
		}
		end := i + len(f.begin) + n
		x.note(hit{from: i, to: end, set: Credentials})
		return end
	}
	return 0
}

// hasDigit reports whether there is a digit at the beginning of v among bytes of a kind.
func hasDigit(v []byte, of uint8) bool {
	for _, c := range v {
		if kinds[c]&isDigit != 0 {
			return true
		}
		if kinds[c]&of == 0 {
			return false
		}
	}
	return false
}

// jwt looks at three to five parts of base64 with dots between them, of which the first
// is an object of JSON.
func (x *run) jwt(v []byte, i int) int {
	at, parts := i, 0
	for {
		n := 0
		for at+n < len(v) && kinds[v[at+n]]&isWord != 0 && v[at+n] != '/' && v[at+n] != '+' {
			n++
		}
		at += n
		parts++
		if parts == 1 && n < 10 {
			return 0
		}
		if at == len(v) || v[at] != '.' || parts == 5 {
			break
		}
		at++
	}
	if parts < 2 || at-i < 2*minToken {
		return 0
	}
	for v[at-1] == '.' {
		at--
	}
	x.note(hit{from: i, to: at, set: Credentials})
	return at
}

// awsSecretBytes is the length of a secret access key of AWS.
const awsSecretBytes = 40

// secretKey looks whether a word is as secret access keys of AWS are: forty of base64's
// characters, of all kinds.
func (x *run) secretKey(v []byte, from, to int) {
	if to-from != awsSecretBytes {
		return
	}
	var digits, capitals, smalls, slashes int
	for _, c := range v[from:to] {
		switch k := kinds[c]; {
		case k&isDigit != 0:
			digits++
		case k&isUpper != 0:
			capitals++
		case k&isLower != 0:
			smalls++
		case c == '/':
			slashes++
		case c != '+':
			return
		}
	}
	if digits >= 2 && capitals >= 5 && smalls >= 5 && slashes <= 3 {
		x.note(hit{from: from, to: to, set: Credentials})
	}
}

// awsSecrets takes out what has the length of a secret access key beside the id of one.
func (x *run) awsSecrets(v []byte, first int) {
	ids := false
	for _, h := range x.hits[first:] {
		ids = ids || (h.to-h.from == 20 && v[h.from] == 'A')
	}
	if !ids {
		return
	}
	for i := 0; i < len(v); i++ {
		n := 0
		for i+n < len(v) && kinds[v[i+n]]&isWord != 0 && v[i+n] != '_' && v[i+n] != '-' {
			n++
		}
		if n == awsSecretBytes {
			x.note(hit{from: i, to: i + n, set: Credentials})
		}
		i += n
	}
}

// privateKey takes out the block of PEM in whose first line, behind PRIVATE, i is, and
// returns up to where it looked.
func (x *run) privateKey(v []byte, i int) int {
	const begin, end = "-----BEGIN ", "-----END "
	from := bytes.LastIndex(v[max(0, i-maxName):i], []byte(begin))
	if from < 0 {
		return i + 1
	}
	from += max(0, i-maxName)
	to := len(v)
	if n := bytes.Index(v[i:], []byte(end)); n >= 0 { // behind i: what was looked at is behind us
		to = i + n + len(end)
		if n := bytes.Index(v[to:], []byte("-----")); n >= 0 {
			to += n + len("-----")
		} else {
			to = len(v)
		}
	}
	x.note(hit{from: from, to: to, set: Credentials})
	return to
}

// schemes finds what follows Bearer, Basic and options of commands, and private keys.
func (x *run) schemes(v []byte) {
	for at := 0; ; {
		n := bytes.IndexByte(v[at:], ' ')
		if n < 0 {
			return
		}
		i := at + n
		at = i + 1
		if i < 5 {
			continue
		}
		at = max(at, x.option(v, i))
		switch v[i-1] | 0x20 {
		case 'r':
			if i >= 6 && bytes.EqualFold(v[i-6:i], []byte("bearer")) && (i == 6 || kinds[v[i-7]]&isAlnum == 0) {
				at = x.scheme(v, at, false)
			}
		case 'c':
			if bytes.EqualFold(v[i-5:i], []byte("basic")) && (i == 5 || kinds[v[i-6]]&isAlnum == 0) {
				at = x.scheme(v, at, true)
			}
		case 'e':
			if bytes.HasSuffix(v[:i], []byte("PRIVATE")) && bytes.HasPrefix(v[i:], []byte(" KEY")) {
				at = x.privateKey(v, i)
			}
		}
	}
}

// scheme looks at what begins at i, and returns where it ends.
func (x *run) scheme(v []byte, i int, basic bool) int {
	for i < len(v) && v[i] == ' ' {
		i++
	}
	to := i
	for to < len(v) && kinds[v[to]]&isBase64 != 0 {
		to++
	}
	word := v[i:to]
	found := looksRandom(word, 8)
	if basic {
		var b [1 << 10]byte
		word = bytes.TrimRight(word, "=")
		if len(word) > base64.RawStdEncoding.EncodedLen(len(b)) {
			word = word[:len(b)/3*4]
		}
		n, err := base64.RawStdEncoding.Decode(b[:], word)
		found = err == nil && bytes.IndexByte(b[:n], ':') >= 0
	}
	if found {
		x.note(hit{from: i, to: to, set: Credentials})
	}
	return to
}
