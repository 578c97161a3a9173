package ingest

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

const typeGRPC = "application/grpc"

// prefixBytes is the size of what precedes a message.
const prefixBytes = 5

// Method is a method of gRPC that brings spans: one message, and one in return.
type Method struct {
	// Translate makes OTLP of the message; nil: it is that.
	Translate Translate
	// Response appends the message that answers it; nil: an empty one.
	Response func(dst []byte, r *storage.Result) []byte
}

// GRPC is a door whose requests are unary calls of gRPC. It is an http.Handler for a
// server that speaks HTTP/2 with and without TLS: a call is a POST whose body has a
// five-byte prefix and whose outcome is in the trailers (gRPC's
// doc/PROTOCOL-HTTP2.md). That is little to write, and it gives the door what
// grpc.Server keeps to itself: the claimed length before the memory for it is taken,
// so that all requests stay within one budget, and the packed bytes, which go to the
// log as they came.
//
//	u8     1: packed as grpc-encoding says, 0: not
//	u32    length, big-endian
//	bytes  the message
type GRPC struct {
	*Door
	// methods are what it takes, by path.
	methods map[string]Method
	// what it is, and what somebody may have meant who does not speak gRPC to it.
	title, instead string
}

// NewGRPC returns a door for calls of gRPC by their paths. What it is called and what is
// to be done instead are told to those who speak another protocol to it.
func NewGRPC(cfg Config, name, title, instead string, methods map[string]Method) *GRPC {
	return &GRPC{Door: NewDoor(cfg, name), title: title, instead: instead, methods: methods}
}

// ServeHTTP implements http.Handler.
func (g *GRPC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := r.Header.Get("Content-Type")
	m, known := g.methods[r.URL.Path]
	switch {
	case !IsGRPC(kind) || r.ProtoMajor < 2:
		a, st := g.Failed(clew.Errorf(clew.Unsupported, "this is clew's %s door, and the request is not gRPC's (HTTP/2, content type %s): %s", g.title, typeGRPC, g.instead))
		LimitDrain(w)
		WriteStatus(w, r, a.HTTP, st)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		http.Error(w, "gRPC calls are POST", http.StatusMethodNotAllowed)
	case !known:
		g.end(w, status.Newf(codes.Unimplemented, "clew has no method %s: it takes traces, by %s", Clip(r.URL.Path, 2*maxNameBytes), g.paths()))
	default:
		g.call(w, r, m)
	}
}

// Services returns the names of the services that its methods are of, ascending.
func (g *GRPC) Services() (names []string) {
	for path := range g.methods {
		service, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		names = append(names, service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// paths lists the methods.
func (g *GRPC) paths() string {
	return strings.Join(slices.Sorted(maps.Keys(g.methods)), ", ")
}

// IsGRPC reports whether a content type is gRPC's with protobuf inside.
func IsGRPC(kind string) bool {
	rest, ok := strings.CutPrefix(kind, typeGRPC)
	return ok && (rest == "" || rest[0] == ';' || rest == "+proto" || strings.HasPrefix(rest, "+proto;"))
}

// call takes one request.
func (g *GRPC) call(w http.ResponseWriter, r *http.Request, m Method) {
	req := request{translate: m.Translate}
	defer req.room.Release() // as in Door.Post
	res, err := g.record(w, r, &req)
	g.release(&req)
	if err != nil {
		_, st := g.Failed(err)
		if st.Code() == codes.Unimplemented {
			w.Header().Set("Grpc-Accept-Encoding", "identity, gzip, zstd")
		}
		g.end(w, st)
		return
	}
	answer := make([]byte, prefixBytes, 64)
	if m.Response != nil {
		answer = m.Response(answer, &res)
	}
	binary.BigEndian.PutUint32(answer[1:], uint32(len(answer)-prefixBytes))
	h := w.Header()
	h.Set("Content-Type", typeGRPC)
	h["Date"] = nil
	_, _ = w.Write(answer) // a client that left gets no answer
	h[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
}

// record reads a request and appends it.
func (g *GRPC) record(w http.ResponseWriter, r *http.Request, req *request) (res storage.Result, err error) {
	if err := g.begin(req); err != nil {
		return res, err
	}
	ctx := r.Context()
	if text := r.Header.Get("Grpc-Timeout"); text != "" {
		d, err := parseTimeout(text)
		if err != nil {
			return res, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	req.tenant = r.Header.Get(clew.TenantHeader)
	limitTime(w, g.cfg.BodyTimeout)
	if err := g.message(req, r); err != nil {
		return res, err
	}
	timeUnlimited(w)
	return g.take(ctx, req)
}

// message reads the one message of a call.
func (g *GRPC) message(req *request, r *http.Request) error {
	var prefix [prefixBytes]byte
	if n, err := io.ReadFull(r.Body, prefix[:]); err != nil {
		if n == 0 && err == io.EOF {
			return clew.Errorf(clew.Invalid, "the call has no message")
		}
		return g.broken(req, -1, err)
	}
	switch prefix[0] {
	case 0:
	case 1:
		var err error
		name := r.Header.Get("Grpc-Encoding")
		if req.encoding, err = otlp.ParseEncoding(name); err != nil {
			return err
		}
		if req.encoding == otlp.Identity {
			return clew.Errorf(clew.Invalid, "the message is marked as packed, and grpc-encoding %q does not say how", name)
		}
	default:
		return clew.Errorf(clew.Invalid, "the message begins with byte %d, where gRPC has 0 or 1", prefix[0])
	}
	if err := g.read(req, r.Body, int64(binary.BigEndian.Uint32(prefix[1:])), true); err != nil {
		return err
	}
	switch n, err := io.ReadFull(r.Body, prefix[:1]); {
	case n > 0:
		return clew.Errorf(clew.Invalid, "the call has more than one message")
	case err != io.EOF:
		return g.broken(req, -1, err)
	}
	return nil
}

// parseTimeout reads a grpc-timeout: up to 8 digits and a unit.
func parseTimeout(s string) (time.Duration, error) {
	if 2 <= len(s) && len(s) <= maxTimeoutDigits+1 {
		unit := timeUnit(s[len(s)-1])
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
		if unit != 0 && err == nil {
			// The most, 99,999,999 hours, is more than a Duration holds.
			return time.Duration(min(n, uint64(maxTimeout/unit))) * unit, nil
		}
	}
	return 0, clew.Errorf(clew.Invalid, "grpc-timeout %q: want up to %d digits and one of H, M, S, m, u, n", Clip(s, maxNameBytes), maxTimeoutDigits)
}

// timeUnit returns the unit that gRPC writes as c, 0 if there is none.
func timeUnit(c byte) time.Duration {
	switch c {
	case 'H':
		return time.Hour
	case 'M':
		return time.Minute
	case 'S':
		return time.Second
	case 'm':
		return time.Millisecond
	case 'u':
		return time.Microsecond
	case 'n':
		return time.Nanosecond
	}
	return 0
}

// Deny answers a call that somebody before the door does not let through, or that met
// a fault (codes.Internal); its HTTP status is 200 as that of every call.
func (g *GRPC) Deny(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	g.DenyAt(g.name)(w, r, httpStatus, code, text)
}

// DenyAt is Deny of calls that came in somewhere else: at is where.
func (g *GRPC) DenyAt(at string) Denial {
	return func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
		g.Denied(at, code, text)
		if !IsGRPC(r.Header.Get("Content-Type")) {
			WriteStatus(w, r, httpStatus, status.New(code, text))
			return
		}
		g.end(w, status.New(code, text))
	}
}

// end answers a call with its status alone: one block of headers that is trailers
// too.
func (g *GRPC) end(w http.ResponseWriter, st *status.Status) {
	LimitDrain(w)
	h := w.Header()
	if g.cfg.Gate.Draining() {
		h.Set("Connection", "close") // GOAWAY: the next call finds a server that stays
	}
	h.Set("Content-Type", typeGRPC)
	h["Date"] = nil
	h.Set("Grpc-Status", strconv.Itoa(int(st.Code())))
	h.Set("Grpc-Message", percent(st.Message()))
	if p := st.Proto(); len(p.GetDetails()) > 0 {
		if raw, err := proto.Marshal(p); err == nil {
			h.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(raw))
		}
	}
	w.WriteHeader(http.StatusOK)
}

// percent encodes text as grpc-message wants it: bytes outside of printable ASCII
// and % itself as %XX.
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
