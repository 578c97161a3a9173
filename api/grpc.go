package api

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // clients may pack what they send
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec"
)

// RPC is one call of gRPC with what every method wants to know of it.
type RPC struct {
	Question
	// Request is the message that asks.
	Request Message

	stream grpc.ServerStream
}

// Send sends a message of the answer, at once, and keeps its bytes. It waits where the
// client is slow, and others have the core meanwhile. An error is that the client has gone.
func (c *RPC) Send(message []byte) (err error) {
	if gone := cores.Away(c.Ctx, func() { err = c.SendBeside(message) }); err == nil {
		err = gone
	}
	return err
}

// SendBeside is Send from a goroutine that does not compute the answer; one of the two at a
// time.
func (c *RPC) SendBeside(message []byte) error {
	if err := c.stream.SendMsg(raw{message}); err != nil {
		return clew.Errorf(clew.Canceled, "the client has gone: %w", err)
	}
	return nil
}

// Partial says behind the answer that it is not whole, and why, as PartialHeader does;
// it returns the reason, "" where it is whole.
func (c *RPC) Partial(cost exec.Cost) string {
	if cost.Complete {
		return ""
	}
	return c.SayPartial(cost.Reason)
}

// SayPartial is Partial for a reason that is known. The last one counts.
func (c *RPC) SayPartial(reason string) string {
	text := HeaderText(reason)
	c.stream.SetTrailer(metadata.Pairs(PartialHeader, printable(text)))
	return text
}

// printable makes a text fit for metadata, which is ASCII.
func printable(text string) string {
	quoted := strconv.QuoteToASCII(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// Service is a service of gRPC over a store. Each of its methods answers a call, or
// returns why not; unary ones send one message. Those that it has no function for are
// answered with Unimplemented.
type Service struct {
	Name    protoreflect.FullName
	Methods map[string]func(*RPC) error
	// Code maps kinds of error; nil is CodeOf.
	Code func(clew.ErrorKind) codes.Code
}

// GRPC serves services of gRPC as a handler of HTTP/2.
type GRPC struct {
	cfg    Config
	server *grpc.Server
	paths  []string // that begin those of the services
	known  Protocol
}

// NewGRPC returns a handler of services of a protocol, and of what tells of them: the
// health service, where notReady says why the server is not ready ("" if it is), and
// reflection. Paths are those of gRPC, /PACKAGE.SERVICE/METHOD. It panics where a function
// has no method.
func NewGRPC(cfg Config, notReady func() string, p Protocol, services ...Service) *GRPC {
	cfg.Turns, cfg.Logger = cmp.Or(cfg.Turns, NewTurns(0, nil)), cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	g := &GRPC{cfg: cfg, server: newServer(), known: p}
	for _, s := range services {
		is := p.service(s.Name)
		g.paths = append(g.paths, "/"+string(s.Name)+"/")
		desc := grpc.ServiceDesc{ServiceName: string(s.Name), Metadata: is.ParentFile().Path()}
		for name, answer := range s.Methods {
			m := is.Methods().ByName(protoreflect.Name(name))
			if m == nil {
				panic(fmt.Sprintf("%s has no method %s", s.Name, name)) // broken: a dialect's methods are those of its protocol
			}
			desc.Streams = append(desc.Streams, grpc.StreamDesc{StreamName: name, Handler: g.handler(&s, m, answer), ServerStreams: true})
		}
		g.server.RegisterService(&desc, nil)
	}
	g.tell(notReady, several{g})
	return g
}

func newServer() *grpc.Server {
	return grpc.NewServer(
		grpc.MaxRecvMsgSize(maxRequestBytes), grpc.ForceServerCodecV2(codec{encoding.GetCodecV2("proto")}), grpc.WaitForHandlers(true),
	)
}

// ServeHTTP implements http.Handler.
func (g *GRPC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusUnsupportedMediaType)
		_, _ = io.WriteString(w, "here gRPC is spoken, over HTTP/2\n") // a client that left gets no answer
		return
	}
	own := *r
	own.Body = http.MaxBytesReader(w, r.Body, maxCallBytes) // it is read whole beside a method, however slow that is
	g.server.ServeHTTP(flushing{newTimedWriter(w, MaxStall)}, &own)
}

// Stop ends all calls, and returns when their methods have ended.
func (g *GRPC) Stop() { g.server.Stop() }

// flushing is a writer that says that it can flush.
type flushing struct{ http.ResponseWriter }

// Flush implements http.Flusher.
func (f flushing) Flush() {
	_ = http.NewResponseController(f.ResponseWriter).Flush() // those of HTTP/2 can
}

// handler serves one method.
func (g *GRPC) handler(s *Service, m protoreflect.MethodDescriptor, answer func(*RPC) error) grpc.StreamHandler {
	path := "/" + string(s.Name) + "/" + string(m.Name())
	codeOf := s.Code
	if codeOf == nil {
		codeOf = CodeOf
	}
	return func(_ any, stream grpc.ServerStream) (err error) {
		defer func() {
			if fault := recover(); fault != nil { // it would end the process: grpc calls methods in goroutines of its own
				g.cfg.Logger.Error("a request met a fault of the server: please report it", "method", path, "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
				err = status.Error(codes.Internal, "a fault of the server, which its log has with a stack: please report it")
			}
		}()
		err = g.serve(stream, m.Input(), answer)
		if err == nil {
			return nil
		}
		if ended := stream.Context().Err(); ended != nil {
			return status.FromContextError(ended).Err()
		}
		if st, ok := err.(interface{ GRPCStatus() *status.Status }); ok {
			return st.GRPCStatus().Err()
		}
		if clew.KindOf(err) == clew.Internal {
			g.cfg.Logger.Error("request failed", "method", path, "error", err)
		}
		return statusOf(err, codeOf(clew.KindOf(err)))
	}
}

func (g *GRPC) serve(stream grpc.ServerStream, input protoreflect.MessageDescriptor, answer func(*RPC) error) error {
	var body raw
	switch err := stream.RecvMsg(&body); {
	case errors.Is(err, io.EOF):
		return clew.Errorf(clew.Invalid, "the call has no message: want a %s", input.FullName())
	case err != nil:
		return err // has a status
	}
	request, err := ReadMessage(input, body.bytes)
	if err != nil {
		return err
	}
	tenant := ""
	if names := metadata.ValueFromIncomingContext(stream.Context(), clew.TenantHeader); len(names) > 0 {
		tenant = names[0]
	}
	q, done, err := g.cfg.Ask(stream.Context(), tenant)
	if err != nil {
		return err
	}
	defer done()
	return answer(&RPC{q, request, stream})
}

// CodeOf returns gRPC's code of a kind of error.
func CodeOf(k clew.ErrorKind) codes.Code {
	switch k {
	case clew.Invalid:
		return codes.InvalidArgument
	case clew.NotFound:
		return codes.NotFound
	case clew.TooLarge, clew.Busy:
		return codes.ResourceExhausted
	case clew.Unsupported:
		return codes.Unimplemented
	case clew.Corrupt:
		return codes.DataLoss
	case clew.Canceled:
		return codes.Canceled
	}
	return codes.Internal
}

// statusOf is an error as gRPC's clients get it: with when to come again where that
// helps.
func statusOf(err error, code codes.Code) error {
	st := status.New(code, Shown(err.Error()))
	if clew.KindOf(err) == clew.Busy {
		if with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(RetryAfter(err))}); err == nil {
			st = with
		}
	}
	return st.Err()
}

// FailGRPC is a Fail for who asks over gRPC and does not get as far as a method.
func FailGRPC(w http.ResponseWriter, httpStatus int, text string) {
	code := codes.Internal
	switch httpStatus {
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusForbidden:
		code = codes.PermissionDenied
	case http.StatusServiceUnavailable:
		code = codes.Unavailable
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(code)))
	h.Set("Grpc-Message", url.PathEscape(text))
	w.WriteHeader(http.StatusOK)
}

// raw is a message as bytes.
type raw struct{ bytes []byte }

// codec lets raw messages be; others are its own, those of protobuf.
type codec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(raw); ok {
		return mem.BufferSlice{mem.SliceBuffer(m.bytes)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(*raw); ok {
		m.bytes = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
