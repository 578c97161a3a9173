package propagation

import (
	"iter"
	"strings"

	"github.com/clew-tracing/clew"
)

const (
	flagSampled = 0x01
	flagRandom  = 0x02

	// traceparentLength is that of version 00, and the least of any version.
	traceparentLength = 55
)

// ParseTraceparent reads the value of a traceparent header, of version 00 or a later one.
func ParseTraceparent(s string) (Context, error) {
	var c Context
	var f Found
	if why := readTraceparent(s, &f, &c); why != "" {
		return Context{}, reason(why)
	}
	f.fill(&c)
	return c, nil
}

// readTraceparent says what is wrong, or "".
//
// A later version may append fields after another dash. Nothing is assumed of them: what is
// written is version 00.
func readTraceparent(s string, f *Found, c *Context) (why string) {
	s = trim(s)
	if len(s) < traceparentLength {
		return "it is shorter than 55 characters"
	}
	version, ok := readHex(s[:2], &lowerHex)
	switch {
	case !ok || s[2] != '-':
		return "its version is not 2 lower-case hex digits and a dash"
	case version == 0xff:
		return "version ff is forbidden"
	case version == 0 && len(s) != traceparentLength:
		return "of version 00 it has 55 characters, not more"
	case len(s) > traceparentLength && s[traceparentLength] != '-':
		return "its flags are not followed by a dash or the end"
	case s[35] != '-' || s[52] != '-':
		return "its fields have other lengths than 2, 32, 16 and 2"
	}
	high, ok1 := readHex(s[3:19], &lowerHex)
	low, ok2 := readHex(s[19:35], &lowerHex)
	span, ok3 := readHex(s[36:52], &lowerHex)
	flags, ok4 := readHex(s[53:55], &lowerHex)
	switch {
	case !ok1 || !ok2:
		return "its trace id is not lower-case hex"
	case !ok3:
		return "its parent id is not lower-case hex"
	case !ok4:
		return "its flags are not lower-case hex"
	case high|low == 0:
		return "its trace id is all zeros"
	case span == 0:
		return "its parent id is all zeros"
	}
	f.TraceID, f.SpanID, f.Sampling = clew.MakeTraceID(high, low), clew.SpanID(span), Drop
	if flags&flagSampled != 0 {
		f.Sampling = Record
	}
	c.Random = flags&flagRandom != 0
	return ""
}

// AppendTraceparent appends a traceparent of version 00. A c that is not valid appends nothing.
func AppendTraceparent(dst []byte, c *Context) []byte {
	if !c.Valid() {
		return dst
	}
	var flags byte
	if c.Sampling.Sampled() {
		flags |= flagSampled
	}
	if c.Random {
		flags |= flagRandom
	}
	dst = append(dst, "00-"...)
	dst = appendTraceID(dst, c.TraceID, false)
	dst = append(dst, '-')
	dst = appendHex(dst, uint64(c.SpanID))
	dst = append(dst, '-')
	return appendByte(dst, flags)
}

// TraceState is W3C's tracestate: a list of at most 32 members key=value, with commas between
// and no space around them. The newest is the first. The zero value is empty.
type TraceState string

// ParseTraceState reads the values of all tracestate headers of a request. One member that is
// not valid, a key that comes twice or a 33rd member make the whole invalid, as the standard
// has it.
func ParseTraceState(values ...string) (TraceState, error) {
	s, why := readTraceState(values)
	if why != "" {
		return "", reason(why)
	}
	return s, nil
}

// readTraceState returns the first value itself if there is nothing to mend, which is the
// usual case, and says what is wrong, or "".
func readTraceState(values []string) (_ TraceState, why string) {
	var members [maxStateMembers]string
	n := 0
	plain := true // the value can stay as it is
	for i, value := range values {
		plain = plain && (i == 0 || value == "")
		for more := true; more; {
			var m string
			m, value, more = strings.Cut(value, ",")
			trimmed := trim(m)
			if trimmed == "" {
				plain = plain && m == "" && !more && n == 0 // an empty header
				continue
			}
			if len(trimmed) != len(m) {
				plain = false
			}
			if n == maxStateMembers {
				return "", "it has more than 32 members"
			}
			key, ok := memberKey(trimmed)
			if !ok {
				return "", "a member is not a valid key=value"
			}
			for _, earlier := range members[:n] {
				if len(earlier) > key && earlier[:key+1] == trimmed[:key+1] {
					return "", "a key occurs twice"
				}
			}
			members[n] = trimmed
			n++
		}
	}
	switch {
	case n == 0:
		return "", ""
	case plain:
		return TraceState(values[0]), ""
	}
	return TraceState(strings.Join(members[:n], ",")), ""
}

// stateKey and stateValue say which bytes the key and the value of a member may have.
var stateKey, stateValue = func() (key, value [256]bool) {
	for c := range 256 {
		key[c] = 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c < 128 && strings.IndexByte("_-*/@", byte(c)) >= 0
		value[c] = 0x20 <= c && c <= 0x7e && c != ',' && c != '='
	}
	return key, value
}()

// memberKey returns how long the key of a valid member is. Level 2 of the standard lets a key
// have any number of @, where level 1 had one between a tenant and a system.
func memberKey(m string) (int, bool) {
	key := strings.IndexByte(m, '=')
	if key < 1 || key > maxStateKey || len(m)-key-1 < 1 || len(m)-key-1 > maxStateValue {
		return 0, false
	}
	if c := m[0]; !stateKey[c] || c == '_' || c == '-' || c == '*' || c == '/' || c == '@' {
		return 0, false
	}
	for i := range key {
		if !stateKey[m[i]] {
			return 0, false
		}
	}
	for i := key + 1; i < len(m); i++ {
		if !stateValue[m[i]] {
			return 0, false
		}
	}
	return key, m[len(m)-1] != ' '
}

// All yields keys and values, the newest first.
func (s TraceState) All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for rest, more := string(s), s != ""; more; {
			var m string
			m, rest, more = strings.Cut(rest, ",")
			if key, value, _ := strings.Cut(m, "="); !yield(key, value) {
				return
			}
		}
	}
}

// Get returns the value of a key, or "".
func (s TraceState) Get(key string) string {
	for k, v := range s.All() {
		if k == key {
			return v
		}
	}
	return ""
}

// Without returns s without a key.
func (s TraceState) Without(key string) TraceState {
	var kept []string
	for m := range strings.SplitSeq(string(s), ",") {
		if k, _, _ := strings.Cut(m, "="); k != key {
			kept = append(kept, m)
		}
	}
	return TraceState(strings.Join(kept, ","))
}

// With returns s with a value for key, at the front as the standard wants of what changed. Of
// 32 members the oldest goes to make room. It refuses a key or a value that is not valid.
func (s TraceState) With(key, value string) (TraceState, error) {
	m := key + "=" + value
	if n, ok := memberKey(m); !ok || n != len(key) {
		return s, reason("the key or the value is not one that tracestate can have")
	}
	list := []string{m}
	if rest := s.Without(key); rest != "" {
		list = append(list, strings.Split(string(rest), ",")...)
	}
	return TraceState(strings.Join(list[:min(len(list), maxStateMembers)], ",")), nil
}

// Truncate cuts s to at most n bytes, by whole members: first those of more than 128 bytes,
// from the end, then others from the end.
func (s TraceState) Truncate(n int) TraceState {
	if len(s) <= n {
		return s
	}
	list := strings.Split(string(s), ",")
	size := len(s)
	for _, long := range [...]bool{true, false} {
		for i := len(list) - 1; i >= 0 && size > n; i-- {
			if !long || len(list[i]) > longStateMember {
				size -= len(list[i]) + 1
				list = append(list[:i], list[i+1:]...)
			}
		}
	}
	return TraceState(strings.Join(list, ","))
}
