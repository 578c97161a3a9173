// Package clew holds the nouns of the system: identifiers, spans, values,
// windows, tenants and kinds of error. It does no I/O and imports nothing but
// the standard library; every other package may import it.
package clew

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// TraceID is the 16-byte identifier of a trace, in the byte order of W3C Trace
// Context. The zero value is invalid.
type TraceID [16]byte

// SpanID is the 8-byte identifier of a span within its trace, read as a
// big-endian number. The zero value is invalid and means "none" where a parent
// is named.
type SpanID uint64

// String returns 32 lower-case hex digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether id is the invalid zero id.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// Low returns the low 64 bits, the half by which traces are sharded and found,
// so that 64-bit ids meet their 128-bit traces.
func (id TraceID) Low() uint64 { return binary.BigEndian.Uint64(id[8:]) }

// High returns the high 64 bits; 0 for ids that came as 64 bits.
func (id TraceID) High() uint64 { return binary.BigEndian.Uint64(id[:8]) }

// Compare orders ids by their bytes: -1, 0 or +1.
func (id TraceID) Compare(other TraceID) int {
	if h, o := id.High(), other.High(); h != o {
		if h < o {
			return -1
		}
		return 1
	}
	l, o := id.Low(), other.Low()
	switch {
	case l < o:
		return -1
	case l > o:
		return 1
	}
	return 0
}

// MakeTraceID builds an id from its two big-endian halves.
func MakeTraceID(high, low uint64) (id TraceID) {
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id
}

// ParseTraceID reads 1 to 32 hex digits of either case; shorter ids are padded
// with zeros on the left. It reads ids in the spelling of AWS X-Ray as well, 32 digits as
// 1-5759e988-bd862e3fe1be46a994272793. It refuses the zero id.
func ParseTraceID(s string) (TraceID, error) {
	if len(s) == 35 && s[:2] == "1-" && s[10] == '-' {
		s = s[2:10] + s[11:]
	}
	if len(s) == 0 || len(s) > 32 {
		return TraceID{}, Errorf(Invalid, "trace id %q: want 1 to 32 hex digits, have %d characters", clip(s), len(s))
	}
	var id TraceID
	if _, err := hex.Decode(id[:], []byte(strings.Repeat("0", 32-len(s))+s)); err != nil {
		return TraceID{}, Errorf(Invalid, "trace id %q: want hex digits only", clip(s))
	}
	if id.IsZero() {
		return TraceID{}, Errorf(Invalid, "trace id %q is all zeros", s)
	}
	return id, nil
}

// String returns 16 lower-case hex digits.
func (id SpanID) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return hex.EncodeToString(b[:])
}

// ParseSpanID reads exactly 16 hex digits of either case and refuses the zero id.
func ParseSpanID(s string) (SpanID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, Errorf(Invalid, "span id %q: want 16 hex digits", clip(s))
	}
	id := SpanID(binary.BigEndian.Uint64(b))
	if id == 0 {
		return 0, Errorf(Invalid, "span id %q is all zeros", s)
	}
	return id, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// Kind is a span's role, numbered as in OTLP (trace.proto, Span.SpanKind).
// Numbers OTLP does not define are kept as they came.
type Kind uint8

// The kinds of OTLP.
const (
	KindUnspecified Kind = iota
	KindInternal
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

var kindNames = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// String returns TraceQL's word for the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind is the inverse of String for the kinds of OTLP.
func ParseKind(s string) (Kind, bool) {
	for i, n := range kindNames {
		if n == s {
			return Kind(i), true
		}
	}
	return 0, false
}

// Status is a span's outcome, numbered as in OTLP (trace.proto, Status.StatusCode).
type Status uint8

// The statuses of OTLP.
const (
	StatusUnset Status = iota
	StatusOK
	StatusError
)

var statusNames = [...]string{"unset", "ok", "error"}

// String returns TraceQL's word for the status.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// ParseStatus is the inverse of String for the statuses of OTLP.
func ParseStatus(name string) (Status, bool) {
	for i, n := range statusNames {
		if n == name {
			return Status(i), true
		}
	}
	return 0, false
}

// Side splits the two rows that Zipkin's shared spans give one span id: the
// server's (or consumer's) row and any other. It is part of a row's identity.
func (k Kind) Side() uint8 {
	if k == KindServer || k == KindConsumer {
		return 1
	}
	return 0
}

// UnixNanos is a moment: nanoseconds since 1970-01-01 UTC, as OTLP carries it.
// Values past 2262 do not fit time.Time's nanoseconds and are kept all the same.
type UnixNanos uint64

// Time converts n; moments past the year 2262 come out as that year's limit.
func (n UnixNanos) Time() time.Time {
	return time.Unix(int64(uint64(n)/1e9), int64(uint64(n)%1e9)).UTC()
}

// FromTime converts t; moments before 1970 become 0.
func FromTime(t time.Time) UnixNanos {
	if t.Unix() < 0 {
		return 0
	}
	return UnixNanos(uint64(t.Unix())*1e9 + uint64(t.Nanosecond()))
}

// Window is a half-open range of start times, [Start, End). The zero value is
// all of time; a zero End is open.
type Window struct {
	Start, End UnixNanos
}

// Contains reports whether t lies in w.
func (w Window) Contains(t UnixNanos) bool {
	return t >= w.Start && (w.End == 0 || t < w.End)
}

// Overlaps reports whether w meets the closed range [lo, hi].
func (w Window) Overlaps(lo, hi UnixNanos) bool {
	return hi >= w.Start && (w.End == 0 || lo < w.End)
}

// Tenant names a separate world of traces: one id in two tenants is two traces.
type Tenant string

// DefaultTenant is whose data it is when nobody says.
const DefaultTenant Tenant = "default"

// TenantHeader names the tenant of a request, in HTTP and in gRPC's metadata.
const TenantHeader = "X-Scope-OrgID"

// MaxTenantBytes bounds a tenant's name: it is a folder's name on disk.
const MaxTenantBytes = 64

// ParseTenant accepts 1 to MaxTenantBytes letters, digits and "._-", the first
// of them no dot; the empty string is the default tenant.
func ParseTenant(s string) (Tenant, error) {
	if s == "" {
		return DefaultTenant, nil
	}
	if len(s) > MaxTenantBytes {
		return "", Errorf(Invalid, "tenant %q is longer than %d bytes", clip(s), MaxTenantBytes)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.' && i > 0:
		default:
			return "", Errorf(Invalid, "tenant %q: want letters, digits and ._- only, and no dot first", clip(s))
		}
	}
	return Tenant(s), nil
}

// ErrorKind says what class of trouble an error is, for people and for status
// codes. There are few on purpose.
type ErrorKind uint8

// The kinds of error. Internal is the zero value: an error nobody classified.
const (
	// Internal is a fault of ours.
	Internal ErrorKind = iota
	// Invalid is a request that will never work as sent.
	Invalid
	// NotFound is a thing that is not here.
	NotFound
	// TooLarge is a request over a named limit.
	TooLarge
	// Busy asks the sender to come again later: nothing was accepted.
	Busy
	// Unsupported is a request for what this store or version cannot do.
	Unsupported
	// Corrupt is damage on disk; the error names file and offset.
	Corrupt
	// Canceled is work stopped by its own caller.
	Canceled
)

var errorKindNames = [...]string{"internal", "invalid", "not found", "too large", "busy", "unsupported", "corrupt", "canceled"}

// String returns the kind in lower-case words.
func (k ErrorKind) String() string {
	if int(k) < len(errorKindNames) {
		return errorKindNames[k]
	}
	return "internal"
}

// Error is an error with a kind. Wrap it freely: KindOf finds it through %w.
type Error struct {
	Kind ErrorKind
	// File and Offset locate damage of kind Corrupt; File is empty elsewhere.
	File   string
	Offset int64
	// RetryAfter is, for kind Busy, how long the sender should wait; 0 where
	// nothing is known.
	RetryAfter time.Duration
	// Err is the cause and its text; never nil.
	Err error
}

// Error returns the text, with file and offset where there is damage.
func (e *Error) Error() string {
	if e.File != "" {
		return fmt.Sprintf("%s: offset %d: %v", e.File, e.Offset, e.Err)
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf builds an error of the given kind; %w works as in fmt.Errorf.
func Errorf(kind ErrorKind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Corruptf builds an error of kind Corrupt that names file and offset.
func Corruptf(file string, offset int64, format string, args ...any) error {
	return &Error{Kind: Corrupt, File: file, Offset: offset, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the first *Error in err's chain, Internal if there
// is none.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
