package redact

import "bytes"

// assignments finds what is given to names of secrets within a text: password=x,
// "token": "y", Authorization: Bearer z, ?sig=….
func (x *run) assignments(v []byte) {
	for i := 0; i < len(v); i++ {
		width := 1
		switch v[i] {
		case '=', ':':
		case '%':
			if i+2 >= len(v) || v[i+1] != '3' || (v[i+2]|0x20 != 'd' && v[i+2]|0x20 != 'a') {
				continue
			}
			width = 3
		default:
			continue
		}
		if end := x.assignment(v, i, width); end > i {
			i = end - 1
		}
	}
}

// assignment looks at what stands on both sides of a sign that has width bytes and begins
// at i. It returns where the secret ends that it found, else 0.
func (x *run) assignment(v []byte, i, width int) int {
	if i+1 < len(v) && v[i] == '=' && v[i+1] == '=' {
		return 0 // a comparison
	}
	begin, end := nameBefore(v, i)
	how := nameStrength(v[begin:end])
	if how == harmless {
		return 0
	}
	inQuery := v[i] != ':' && (begin == 0 || bytes.IndexByte([]byte("?&;#"), v[begin-1]) >= 0 || encodedBefore(v, begin))
	set := Credentials
	switch {
	case inQuery && x.r.on[URLs] && begin > 0:
		set = URLs
	case how == inURL && (!inQuery || !x.r.on[URLs]):
		return 0
	case how == inURL:
		set = URLs
	case !x.r.on[Credentials]:
		if !inQuery {
			return 0
		}
		set = URLs
	}
	most := len(v)
	if how < strong {
		most = min(most, i+width+firstLook)
	}
	from, to, quoted := valueAfter(v[:most], i+width, how, inQuery)
	secret := v[from:to]
	switch {
	case isPlaceholder(secret):
		return 0
	case how == inURL && !looksRandom(secret, 16):
		return 0
	case how == weak && begin == 0 && isNumber(secret):
		return 0
	case how == weak && !inQuery && (isNumber(secret) || (!quoted && !looksRandom(secret, 8))):
		return 0
	}
	if most < len(v) {
		from, to, _ = valueAfter(v, i+width, how, inQuery)
	}
	x.note(hit{from: from, to: to, set: set})
	return to
}

// encodedBefore reports whether what begins at i follows the encoded form of ?, & or ;.
func encodedBefore(v []byte, i int) bool {
	if i < 3 || v[i-3] != '%' {
		return false
	}
	s := string(v[i-2 : i])
	return s == "3F" || s == "3f" || s == "26" || s == "3B" || s == "3b"
}

// nameBefore returns the name that ends before the sign at i, out of its quotes.
func nameBefore(v []byte, i int) (begin, end int) {
	end = i
	for end > 0 && i-end < 3 && kinds[v[end-1]]&isSpace != 0 {
		end--
	}
	if end > 0 && (v[end-1] == '"' || v[end-1] == '\'') {
		end--
		for end > 0 && v[end-1] == '\\' {
			end--
		}
	} else if end > 0 && v[end-1] == ']' {
		end-- // of headers[authorization]
	}
	begin = end
	for begin > 0 && end-begin < maxName && kinds[v[begin-1]]&isName != 0 {
		begin--
	}
	if begin > 1 && end-begin > 2 && v[begin-1] == '%' && kinds[v[begin]]&isAlnum != 0 && kinds[v[begin+1]]&isAlnum != 0 {
		begin += 2 // an encoded character
	}
	return begin, end
}

// valueAfter returns what is given to a name, from i on, and whether it is in quotes.
func valueAfter(v []byte, i int, how strength, inQuery bool) (from, to int, quoted bool) {
	for i < len(v) && (v[i] == '=' || v[i] == '>') {
		i++
	}
	for n := 0; i < len(v) && n < 3 && (v[i] == ' ' || v[i] == '\t') && !inQuery; n++ {
		i++
	}
	slashes := 0
	for i+slashes < len(v) && v[i+slashes] == '\\' {
		slashes++
	}
	if q := i + slashes; q < len(v) && (v[q] == '"' || v[q] == '\'') {
		from = q + 1
		return from, closing(v, from, v[q], slashes), true
	}
	from, to = i, i
	if how == header && !inQuery {
		for to < len(v) && bytes.IndexByte([]byte("\r\n\"'`]}"), v[to]) < 0 {
			to++
		}
		for to > from && v[to-1] == '\\' {
			to--
		}
		return from, to, false
	}
	for to < len(v) && bytes.IndexByte([]byte("&;\"'`"), v[to]) < 0 && kinds[v[to]]&isSpace == 0 && (!inQuery || (v[to] != '#' && !isEncodedEnd(v[to:]))) {
		to++
	}
	for to > from && bytes.IndexByte([]byte(",)]}>\\"), v[to-1]) >= 0 {
		to--
	}
	return from, to, false
}

// isEncodedEnd reports whether v begins with the encoded form of & or #.
func isEncodedEnd(v []byte) bool {
	return len(v) > 2 && v[0] == '%' && v[1] == '2' && (v[2] == '6' || v[2] == '3')
}

// closing returns where a text in quotes ends that begins at i: at a quote that has as
// many backslashes before it as the opening one, at the end if there is none.
func closing(v []byte, i int, quote byte, slashes int) int {
	for run := 0; i < len(v); i++ {
		switch {
		case v[i] == '\\':
			run++
			continue
		case v[i] == quote && run <= slashes && (slashes > 0 || run%2 == 0):
			return i - run
		}
		run = 0
	}
	return len(v)
}

// looksRandom reports whether a text is as people do not write: long enough, of what
// tokens are made of, and with a digit.
func looksRandom(v []byte, least int) bool {
	if len(v) < least {
		return false
	}
	digits, capitals, smalls := 0, 0, 0
	for _, c := range v {
		k := kinds[c]
		if k&isBase64 == 0 && c != '%' && c != ':' {
			return false
		}
		digits += int(k & isDigit)
		if k&isUpper != 0 {
			capitals++
		}
		if k&isLower != 0 {
			smalls++
		}
	}
	return digits > 0 || (len(v) >= 20 && capitals > 1 && smalls > 1)
}

// elements finds what is in elements of XML that are named as secrets are.
func (x *run) elements(v []byte) {
	least := 0 // up to which all was looked at
	for at := 0; ; {
		n := bytes.Index(v[at:], []byte("</"))
		if n < 0 {
			return
		}
		end := at + n
		name := end + 2
		for at = name; at < len(v) && at-name < maxName && kinds[v[at]]&isName != 0; at++ {
		}
		if at < len(v) && v[at] == ':' { // a namespace
			for name, at = at+1, at+1; at < len(v) && at-name < maxName && kinds[v[at]]&isName != 0; at++ {
			}
		}
		if nameStrength(v[name:at]) >= weak {
			if from, to := content(v, least, end); from < to && !isPlaceholder(v[from:to]) {
				x.note(hit{from: from, to: to, set: Credentials})
			}
		}
		least = end
	}
}

// content returns what an element has whose end tag begins at end, from least on at the
// earliest: a text, or a section of CDATA with what is within it.
func content(v []byte, least, end int) (from, to int) {
	const begin, last = "<![CDATA[", "]]>"
	to = end
	for to > least && kinds[v[to-1]]&isSpace != 0 {
		to--
	}
	if bytes.HasSuffix(v[least:to], []byte(last)) {
		to -= len(last)
		if from = bytes.LastIndex(v[least:to], []byte(begin)); from >= 0 {
			return least + from + len(begin), to
		}
	}
	if from = bytes.LastIndexByte(v[least:end], '>'); from < 0 {
		return end, end
	}
	return least + from + 1, end
}

// option looks whether the word that ends at i, before a space, is an option of a command
// that is named as secrets are; it returns where what is given to it ends, else i.
func (x *run) option(v []byte, i int) int {
	if !mayBeSecret(v[:i]) {
		return i
	}
	begin := i
	for begin > 0 && i-begin < maxName && kinds[v[begin-1]]&isName != 0 {
		begin--
	}
	name := bytes.TrimLeft(v[begin:i], "-")
	if dashes := i - begin - len(name); dashes == 0 || nameStrength(name) < weak {
		return i
	}
	most := min(len(v), i+firstLook)
	from, to, _ := valueAfter(v[:most], i, strong, false)
	if from == to || v[from] == '-' || isPlaceholder(v[from:to]) {
		return i
	}
	if most < len(v) {
		from, to, _ = valueAfter(v, i, strong, false)
	}
	x.note(hit{from: from, to: to, set: Credentials})
	return to
}
