package propagation

import (
	"strings"
	"unicode/utf8"
)

// Member is one entry of baggage. The zero value is none.
type Member struct {
	Key string
	// Raw is the value as the baggage header has it, percent-encoded.
	Raw string
	// Properties are as the header has them, with semicolons between.
	Properties string
}

// NewMember returns a member with a value of any characters. It refuses a key that is not a
// token as names of headers are.
func NewMember(key, value string) (Member, error) {
	if !isToken(key) {
		return Member{}, reason("a key of baggage has letters, digits and !#$%&'*+-.^_`|~ only")
	}
	var raw []byte
	for i := range len(value) {
		if c := value[i]; octet[c] && c != '%' {
			raw = append(raw, c)
		} else {
			raw = appendPercent(raw, c)
		}
	}
	return Member{Key: key, Raw: string(raw)}, nil
}

// Value is the decoded value. A % that begins no code stands for itself, bytes that are no
// UTF-8 become U+FFFD, as the standard has it.
func (m Member) Value() string {
	if strings.IndexByte(m.Raw, '%') < 0 {
		return m.Raw
	}
	b := make([]byte, 0, len(m.Raw))
	for i := 0; i < len(m.Raw); i++ {
		if c, ok := percent(m.Raw[i:]); ok {
			b = append(b, c)
			i += 2
			continue
		}
		b = append(b, m.Raw[i])
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

// ParseBaggage reads the values of all baggage headers of a request. Members that are not valid
// and those over the limits (180 members, 8192 bytes) are left out, and err says so; the others
// are returned all the same.
func ParseBaggage(values ...string) ([]Member, error) {
	list, why := readBaggage(nil, values)
	if why != "" {
		return list, reason(why)
	}
	return list, nil
}

// readBaggage appends members to list.
func readBaggage(list []Member, values []string) (_ []Member, why string) {
	size := 0
	for _, value := range values {
		if list == nil && value != "" {
			list = make([]Member, 0, min(1+strings.Count(value, ","), maxBaggageMembers))
		}
		for more := value != ""; more; {
			var text string
			text, value, more = strings.Cut(value, ",")
			if text = trim(text); text == "" {
				continue
			}
			m, ok := readMember(text)
			switch {
			case !ok:
				why = "a member is not a valid key=value"
			case len(list) == maxBaggageMembers || size+m.size() > maxBaggageBytes:
				return list, "it has more than 180 members or 8192 bytes"
			default:
				size += m.size() + 1
				list = append(list, m)
			}
		}
	}
	return list, why
}

// size is how long the member is in a header.
func (m *Member) size() int {
	n := len(m.Key) + 1 + len(m.Raw)
	if m.Properties != "" {
		n += 1 + len(m.Properties)
	}
	return n
}

func readMember(text string) (m Member, ok bool) {
	text, properties, _ := strings.Cut(text, ";")
	key, value, ok := strings.Cut(text, "=")
	m = Member{Key: trim(key), Raw: trim(value), Properties: trim(properties)}
	if !ok || !isToken(m.Key) || !isOctets(m.Raw) {
		return Member{}, false
	}
	for rest, more := m.Properties, m.Properties != ""; more; {
		var p string
		p, rest, more = strings.Cut(rest, ";")
		key, value, _ := strings.Cut(p, "=")
		if !isToken(trim(key)) || !isOctets(trim(value)) {
			return Member{}, false
		}
	}
	return m, true
}

// token and octet say which bytes a key and a value of baggage may have.
var token, octet = func() (token, octet [256]bool) {
	for c := range 256 {
		token[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c < 128 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
		octet[c] = 0x20 < c && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\'
	}
	return token, octet
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !token[s[i]] {
			return false
		}
	}
	return s != ""
}

func isOctets(s string) bool {
	for i := range len(s) {
		if !octet[s[i]] {
			return false
		}
	}
	return true
}

// percent reads a code %XX that s begins with.
func percent(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	b, ok := readHex(s[1:3], &anyHex)
	return byte(b), ok
}

func appendPercent(dst []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// normalise makes a value that both W3C Baggage and URLs read alike: what neither may have is
// percent-encoded, and so is +, which in URLs is a space. With plusIsSpace a + in s is one.
func normalise(s string, plusIsSpace bool) string {
	clean := func(i int) bool {
		if s[i] == '%' {
			_, ok := percent(s[i:])
			return ok
		}
		return octet[s[i]] && s[i] != '+'
	}
	i := 0
	for i < len(s) && clean(i) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		switch {
		case clean(i):
			b = append(b, s[i])
		case plusIsSpace && s[i] == '+':
			b = appendPercent(b, ' ')
		default:
			b = appendPercent(b, s[i])
		}
	}
	return string(b)
}

// AppendBaggage appends the value of a baggage header: as many members, from the first, as the
// limits allow.
func AppendBaggage(dst []byte, list []Member) []byte {
	start := len(dst)
	for i, m := range list {
		if i == maxBaggageMembers || len(dst)-start+1+m.size() > maxBaggageBytes+1 {
			break
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, m.Key...)
		dst = append(dst, '=')
		dst = append(dst, m.Raw...)
		if m.Properties != "" {
			dst = append(dst, ';')
			dst = append(dst, m.Properties...)
		}
	}
	return dst
}
