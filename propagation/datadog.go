package propagation

import (
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
)

// datadogHigh is the tag that carries the high half of a trace id, as 16 hex digits.
const datadogHigh = "_dd.p.tid"

// syntheticOrigin begins the origin of Datadog's synthetic tests, which have no span.
const syntheticOrigin = "synthetics"

// readDatadog reads Datadog's headers, each as it came. It says what is wrong, or ""; what is
// wrong with priority and tags leaves the ids as they are.
func readDatadog(trace, parent, priority, origin, tags string, f *Found, c *Context) (why string) {
	if trace == "" && parent == "" {
		return ""
	}
	low, ok := readDecimal(trim(trace))
	if !ok || low == 0 {
		return "x-datadog-trace-id is not a decimal number of 64 bits, or zero"
	}
	span, ok := readDecimal(trim(parent))
	if !ok && parent != "" {
		return "x-datadog-parent-id is not a decimal number of 64 bits"
	}
	if span == 0 && !strings.HasPrefix(origin, syntheticOrigin) {
		return "x-datadog-parent-id is missing, or zero"
	}
	high, rest, why := readDatadogTags(tags)
	f.TraceID, f.SpanID = clew.MakeTraceID(high, low), clew.SpanID(span)
	c.Datadog.Tags = rest
	if c.Datadog.Origin = origin; len(origin) > maxDatadogOrigin || !isPrintable(origin) {
		c.Datadog.Origin, why = "", "x-datadog-origin is longer than 256 bytes, or not printable"
	}
	if priority = trim(priority); priority == "" {
		return why
	}
	n, err := strconv.ParseInt(priority, 10, 8)
	if err != nil {
		return "x-datadog-sampling-priority is not a small whole number"
	}
	c.Datadog.Priority, c.Datadog.HasPriority = int8(n), true
	if f.Sampling = Drop; n > 0 {
		f.Sampling = Record
	}
	return why
}

// readDatadogTags takes the high half of the trace id out of the tags and returns the rest.
func readDatadogTags(tags string) (high uint64, rest, why string) {
	if len(tags) > maxDatadogTags {
		return 0, "", "x-datadog-tags is longer than 512 bytes"
	}
	for left, more := tags, tags != ""; more; {
		var t string
		at := len(tags) - len(left)
		t, left, more = strings.Cut(left, ",")
		key, value, ok := strings.Cut(t, "=")
		if !ok || key == "" || value == "" || !isPrintable(t) || strings.IndexByte(key, ' ') >= 0 {
			return 0, "", "x-datadog-tags is not key=value with commas between"
		}
		if key != datadogHigh {
			continue
		}
		if high, ok = readHex(value, &lowerHex); !ok || len(value) != 16 {
			high, why = 0, "_dd.p.tid in x-datadog-tags is not 16 hex digits"
		}
		before := strings.TrimSuffix(tags[:at], ",")
		if before != "" && more {
			return high, before + "," + left, why
		}
		return high, before + left, why // one of them is empty
	}
	return 0, tags, ""
}

// isPrintable reports whether s has printable ASCII only.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// priority is what is written of c's decision: as it came if it still says the same.
func (c *Context) priority() (n int8, ok bool) {
	if c.Sampling == Deferred {
		return 0, false
	}
	d := c.Datadog
	if d.HasPriority && (d.Priority > 0) == c.Sampling.Sampled() && (c.Sampling != Debug || d.Priority > 1) {
		return d.Priority, true
	}
	switch c.Sampling {
	case Debug:
		return 2, true
	case Record:
		return 1, true
	}
	return 0, true
}

// appendDatadogTags appends the tags with the high half of the trace id.
func appendDatadogTags(dst []byte, c *Context) []byte {
	start := len(dst)
	if high := c.TraceID.High(); high != 0 {
		dst = append(dst, datadogHigh+"="...)
		dst = appendHex(dst, high)
	}
	if c.Datadog.Tags != "" && len(dst)-start+1+len(c.Datadog.Tags) <= maxDatadogTags {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, c.Datadog.Tags...)
	}
	return dst
}
