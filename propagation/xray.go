package propagation

import (
	"strings"

	"github.com/clew-tracing/clew"
)

// ParseXRay reads the value of a X-Amzn-Trace-Id header, or of the variable _X_AMZN_TRACE_ID of
// a Lambda function. Members may come in any order, with spaces around them; one without Parent
// has a zero SpanID.
func ParseXRay(s string) (Context, error) {
	var c Context
	var f Found
	if why := readXRay(s, &f, &c); why != "" {
		return Context{}, reason(why)
	}
	f.fill(&c)
	return c, nil
}

// readXRay says what is wrong, or "". What it could read is in f and c all the same.
func readXRay(s string, f *Found, c *Context) (why string) {
	if len(s) > maxXRayBytes {
		return "it is longer than 8192 bytes"
	}
	var root, parent, sampled bool // have been seen: the first counts
	for more := true; more; {
		var m string
		m, s, more = strings.Cut(s, ";")
		if m = trim(m); m == "" {
			continue
		}
		if !isPrintable(m) {
			why = "a member is not printable"
			continue
		}
		key, value, _ := strings.Cut(m, "=")
		switch key, value = trim(key), trim(value); {
		case foldEqual(key, "root"):
			id, ok := readRoot(value)
			switch {
			case root:
			case !ok:
				why = "Root is not 1-, 8 hex digits, a dash and 24 hex digits, or all zeros"
			default:
				f.TraceID = id
			}
			root = true
		case foldEqual(key, "parent"):
			if id, ok := readHex(value, &anyHex); ok && len(value) == 16 && !parent {
				f.SpanID = clew.SpanID(id)
			} else if !parent {
				why = "Parent is not 16 hex digits"
			}
			parent = true
		case foldEqual(key, "sampled"):
			if !sampled {
				f.Sampling = b3Decision(value)
				if f.Sampling == Debug || f.Sampling == Deferred && value != "?" && value != "" {
					f.Sampling, why = Deferred, "Sampled is not 0, 1 or ?"
				}
			}
			sampled = true
		case foldEqual(key, "lineage"):
			c.XRay.Lineage = value
		case foldEqual(key, "self"):
			c.XRay.Self = value
		default:
			if len(c.XRay.Other)+1+len(m) > maxXRayOther {
				why = "its unknown members have more than 1024 bytes"
			} else if c.XRay.Other == "" {
				c.XRay.Other = m
			} else {
				c.XRay.Other += ";" + m
			}
		}
	}
	if f.TraceID.IsZero() {
		f.SpanID = 0 // a parent in no trace
	}
	return why
}

// readRoot reads a trace id as X-Ray spells it.
func readRoot(s string) (clew.TraceID, bool) {
	if len(s) != 35 || s[0] != '1' || s[1] != '-' || s[10] != '-' {
		return clew.TraceID{}, false
	}
	a, ok1 := readHex(s[2:10], &anyHex)
	b, ok2 := readHex(s[11:19], &anyHex)
	low, ok3 := readHex(s[19:], &anyHex)
	return clew.MakeTraceID(a<<32|b, low), ok1 && ok2 && ok3 && a|b|low != 0
}

// AppendXRay appends the value of a X-Amzn-Trace-Id header: what c has of Root, Parent,
// Sampled, Lineage and other members, in this order.
func AppendXRay(dst []byte, c *Context) []byte {
	start := len(dst)
	member := func(key string) {
		if len(dst) > start {
			dst = append(dst, ';')
		}
		dst = append(dst, key...)
	}
	if !c.TraceID.IsZero() {
		member("Root=1-")
		high := c.TraceID.High()
		for shift := 56; shift >= 32; shift -= 8 {
			dst = appendByte(dst, byte(high>>shift))
		}
		dst = append(dst, '-')
		for shift := 24; shift >= 0; shift -= 8 {
			dst = appendByte(dst, byte(high>>shift))
		}
		dst = appendHex(dst, c.TraceID.Low())
		if c.SpanID != 0 {
			member("Parent=")
			dst = appendHex(dst, uint64(c.SpanID))
		}
	}
	switch {
	case c.Sampling.Sampled():
		member("Sampled=1")
	case c.Sampling == Drop:
		member("Sampled=0")
	}
	if c.XRay.Lineage != "" {
		member("Lineage=")
		dst = append(dst, c.XRay.Lineage...)
	}
	if c.XRay.Other != "" {
		member("")
		dst = append(dst, c.XRay.Other...)
	}
	return dst
}
