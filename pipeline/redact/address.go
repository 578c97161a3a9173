package redact

import "bytes"

// files are ends of names of files that look like ends of domains: icon@2x.png.
var files = []string{"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "mjs", "ts", "json", "html", "jar", "so", "go", "py", "rb", "gz", "zip"}

// awsHost ends the names of AWS' hosts.
const awsHost = ".amazonaws.com"

// emails finds addresses.
func (x *run) emails(v []byte) {
	var before authority
	for i := 0; i < len(v); i++ {
		width := 1
		switch {
		case v[i] == '@':
		case v[i] == '%' && i+2 < len(v) && v[i+1] == '4' && v[i+2] == '0':
			width = 3
		default:
			continue
		}
		from := i
		for from > 0 && i-from < maxName && kinds[v[from-1]]&isLocal != 0 {
			from--
		}
		for from < i && v[from]&0xc0 == 0x80 {
			from++ // within a character
		}
		from = afterEncoded(v, from, i)
		for from < i && (v[from] == '.' || v[from] == '\'') {
			from++
		}
		to := domainEnd(v, i+width)
		if from == i || to == 0 || (x.r.on[URLs] && before.reaches(v, from)) {
			continue
		}
		x.note(hit{from: from, to: to, set: Email})
		i = to - 1
	}
}

// afterEncoded returns where an address begins of which v[from:to] is the part before @:
// after the last character that is encoded because it is none of an address.
func afterEncoded(v []byte, from, to int) int {
	for i := from; i+2 < to; i++ {
		if v[i] != '%' {
			continue
		}
		switch string(v[i+1 : i+3]) {
		case "20", "22", "26", "27", "2C", "2c", "3A", "3a", "3C", "3c", "3D", "3d", "2F", "2f", "3F", "3f":
			from = i + 3
		}
	}
	return from
}

// domainEnd returns where the domain that begins at i ends, 0 if it is none.
func domainEnd(v []byte, i int) int {
	end, label, last := i, i, -1
	for end < len(v) {
		c := v[end]
		switch {
		case kinds[c]&isAlnum != 0 || c >= 0x80 || (c == '-' && end > label):
		case c == '.' && end > label:
			last, label = end, end+1
		default:
			goto done
		}
		end++
	}
done:
	if end == label && last >= 0 { // the dot ends a sentence
		end = last
		last = bytes.LastIndexByte(v[i:end], '.')
		if last >= 0 {
			last += i
		}
	}
	if last < 0 {
		return 0
	}
	top := v[last+1 : end]
	if len(top) < 2 {
		return 0
	}
	for _, c := range top {
		if kinds[c]&isLetter == 0 && c < 0x80 && !bytes.HasPrefix(top, []byte("xn--")) {
			return 0
		}
	}
	// X-Ray names databases so: shop@abc.eu-west-1.rds.amazonaws.com.
	if host := v[i:end]; len(host) > len(awsHost) && bytes.EqualFold(host[len(host)-len(awsHost):], []byte(awsHost)) {
		return 0
	}
	for _, f := range files {
		if bytes.EqualFold(top, []byte(f)) {
			return 0
		}
	}
	return end
}

// authority is what is known of a text up to a place in it.
type authority struct {
	at     int  // the place
	inside bool // whether that is within the authority of a URL
}

// reaches reports whether what is before i is part of the authority of a URL: the name of
// a user, who is taken out as such. Places are asked for from the first to the last, so
// that each byte is looked at once.
func (a *authority) reaches(v []byte, i int) bool {
	least := a.at
	for a.at = i; i > least; i-- {
		c := v[i-1]
		if c == '/' {
			a.inside = i > 2 && v[i-2] == '/' && v[i-3] == ':'
			return a.inside
		}
		if kinds[c]&isSpace != 0 || bytes.IndexByte([]byte("@?#\"'<>"), c) >= 0 {
			a.inside = false
			return false
		}
	}
	return a.inside
}

// userinfo finds user:password@ in URLs, and in the names of databases as Go's driver for
// MySQL has them: user:password@tcp(host)/name.
func (x *run) userinfo(v []byte) {
	for _, transport := range []string{"@tcp(", "@unix("} {
		for at := 0; ; {
			n := bytes.Index(v[at:], []byte(transport))
			if n < 0 {
				break
			}
			end := at + n
			begin := at + bytes.LastIndexAny(v[at:end], " \t\r\n\"'=/") + 1
			if colon := bytes.IndexByte(v[begin:end], ':'); colon >= 0 {
				x.part(v, begin, begin+colon)
				x.part(v, begin+colon+1, end)
			}
			at = end + len(transport)
		}
	}
	for at := 0; ; {
		n := bytes.Index(v[at:], []byte("://"))
		if n < 0 {
			return
		}
		begin := at + n + 3
		at = begin
		colon, end := -1, -1
		for i := begin; i < len(v); i++ {
			c := v[i]
			if c == '@' {
				end = i // the last one counts: passwords have some, too
				continue
			}
			if c == ':' && colon < 0 && end < 0 {
				colon = i
			}
			if kinds[c]&isSpace != 0 || bytes.IndexByte([]byte("/?#\"'<>\\"), c) >= 0 {
				break
			}
		}
		if end <= begin {
			continue
		}
		if colon < 0 || colon > end {
			x.part(v, begin, end)
		} else {
			x.part(v, begin, colon)
			x.part(v, colon+1, end)
		}
		at = end
	}
}

// part notes a part of a URL, if there is any.
func (x *run) part(v []byte, from, to int) {
	if !isPlaceholder(v[from:to]) {
		x.note(hit{from: from, to: to, set: URLs})
	}
}
