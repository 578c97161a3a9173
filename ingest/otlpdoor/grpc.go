package otlpdoor

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
)

// GRPC is the OTLP/gRPC door.
type GRPC struct{ door }

// NewGRPC returns the door. Register puts it on a server made with Options.
func NewGRPC(cfg Config) *GRPC {
	return &GRPC{door{cfg: cfg.withDefaults(), name: "otlp-grpc"}}
}

// Stats returns what came through the door.
func (g *GRPC) Stats() ingest.Stats { return g.counters.Stats() }

// Flow-control windows: a request of 500 spans arrives without a stall.
const (
	streamWindow     = 1 << 20
	connectionWindow = 4 << 20
)

// Options are the server options that the door needs; others may stand beside
// them. The codec hands requests over as bytes, so no other service that wants
// messages can share the server.
func (g *GRPC) Options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(g.cfg.MaxBodyBytes),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 2 * time.Minute, Timeout: 20 * time.Second}),
	}
}

// Register adds the trace service to s.
func (g *GRPC) Register(s grpc.ServiceRegistrar) {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: export}},
		Metadata:    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
	}, g)
}

// message bytes of a call: what came, and what is answered.
type frame struct {
	in  mem.BufferSlice
	out []byte
}

func export(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
	g := srv.(*GRPC)
	in := new(frame)
	if err := dec(in); err != nil {
		g.counters.Failed(g.name, clew.Errorf(clew.Invalid, "%w", err), g.cfg.Now())
		return nil, err
	}
	defer func() { in.in.Free() }()
	if interceptor == nil {
		return g.export(ctx, in)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/opentelemetry.proto.collector.trace.v1.TraceService/Export"}
	return interceptor(ctx, in, info, func(ctx context.Context, req any) (any, error) {
		return g.export(ctx, req.(*frame))
	})
}

// export takes one request. Its memory is reserved while it is worked on.
func (g *GRPC) export(ctx context.Context, in *frame) (*frame, error) {
	out, err := g.record(ctx, in)
	if err == nil {
		return out, nil
	}
	g.counters.Failed(g.name, err, g.cfg.Now())
	a := ingest.AnswerTo(clew.KindOf(err))
	st := status.New(a.GRPC, clip(err.Error(), maxMessageBytes))
	if a.Retry {
		// Without the detail a client drops what it was told to keep.
		if with, derr := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter(err))}); derr == nil {
			st = with
		}
	}
	return nil, st.Err()
}

func (g *GRPC) record(ctx context.Context, in *frame) (*frame, error) {
	if err := g.cfg.Gate.Err(); err != nil {
		return nil, err
	}
	size := in.in.Len()
	if err := g.cfg.Budget.Take(int64(size)); err != nil {
		return nil, err
	}
	defer g.cfg.Budget.Give(int64(size))
	buf := g.buffer()
	defer g.recycle(buf)
	body := *buf
	if len(in.in) == 1 {
		body = in.in[0].ReadOnlyData()
	} else {
		if cap(body) < size {
			body = make([]byte, size)
		}
		body = body[:size]
		in.in.CopyTo(body)
		*buf = body
	}
	req := request{packed: body, arrived: g.cfg.Now()}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		if v := md.Get(tenantHeader); len(v) > 0 {
			req.tenant = v[0]
		}
	}
	g.counters.Came(size)
	res, err := g.take(ctx, &req)
	if err != nil {
		return nil, err
	}
	g.counters.Took(g.name, &res, req.arrived)
	return &frame{out: appendPartialSuccess(nil, &res)}, nil
}

// rawCodec passes message bytes through. It answers to "proto" since that is what
// clients of OTLP name.
type rawCodec struct{}

// Name implements encoding.CodecV2.
func (rawCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("otlpdoor: cannot send a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(f.out)}, nil
}

// Unmarshal implements encoding.CodecV2; it keeps the bytes until the call ends.
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("otlpdoor: cannot receive a %T", v)
	}
	data.Ref()
	f.in = data
	return nil
}

// RegisterCompressors makes this process's gRPC take gzip, with a decoder several
// times faster than the standard one, and zstd. gRPC keeps compressors per
// process: the program calls this once, before it serves.
func RegisterCompressors() {
	encoding.RegisterCompressor(&gzipCompressor{})
	encoding.RegisterCompressor(&zstdCompressor{})
}

type gzipCompressor struct{ writers, readers sync.Pool }

func (*gzipCompressor) Name() string { return "gzip" }

func (c *gzipCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	z, ok := c.writers.Get().(*gzip.Writer)
	if !ok {
		z = gzip.NewWriter(w)
	}
	z.Reset(w)
	return &pooledWriter{z, func() { c.writers.Put(z) }}, nil
}

func (c *gzipCompressor) Decompress(r io.Reader) (io.Reader, error) {
	z, ok := c.readers.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	if err := z.Reset(r); err != nil {
		c.readers.Put(z)
		return nil, status.Errorf(codes.InvalidArgument, "the request is not gzip: %v", err)
	}
	return &pooledReader{z, func() { c.readers.Put(z) }}, nil
}

// zstdWindow bounds what a frame may ask of the decoder.
const zstdWindow = 8 << 20

type zstdCompressor struct{ writers, readers sync.Pool }

func (*zstdCompressor) Name() string { return "zstd" }

func (c *zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	z, ok := c.writers.Get().(*zstd.Encoder)
	if !ok {
		var err error
		if z, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
			return nil, err
		}
	}
	z.Reset(w)
	return &pooledWriter{z, func() { c.writers.Put(z) }}, nil
}

func (c *zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	z, ok := c.readers.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(math.MaxInt32)); err != nil {
			return nil, err
		}
	}
	if err := z.Reset(r); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the request is not zstd: %v", err)
	}
	return &pooledReader{z, func() { c.readers.Put(z) }}, nil
}

type pooledWriter struct {
	io.WriteCloser
	done func()
}

func (p *pooledWriter) Close() error {
	defer p.done()
	return p.WriteCloser.Close()
}

// pooledReader gives its decoder back at the end of the stream; one that is not
// read to its end is left to the garbage collector.
type pooledReader struct {
	io.Reader
	done func()
}

func (p *pooledReader) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err == io.EOF && p.done != nil {
		p.done()
		p.done = nil
	}
	return n, err
}
