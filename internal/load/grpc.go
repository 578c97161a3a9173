package load

import (
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // to read replies that come compressed
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// grpcSender sends over one HTTP/2 connection.
type grpcSender struct {
	conn    *grpc.ClientConn
	headers metadata.MD
	kind    Kind
}

func newGRPCSender(config Config, encoding Encoding) (*grpcSender, error) {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallSendMsgSize(1<<30)),
		// Retrying here would hide refusals from the count.
		grpc.WithDisableRetry(),
	}
	if encoding != Identity {
		// Its successor can only be registered for the whole process, and would
		// then take the place of the real gzip everywhere.
		//lint:ignore SA1019 see above
		options = append(options, grpc.WithCompressor(compressed(encoding)))
		if encoding == Zstd {
			//lint:ignore SA1019 see above
			options = append(options, grpc.WithDecompressor(zstdReplies{}))
		}
	}
	conn, err := grpc.NewClient(config.Endpoint, options...)
	if err != nil {
		return nil, err
	}
	return &grpcSender{conn: conn, headers: metadata.New(config.Headers), kind: config.Kind.orOTLP()}, nil
}

func (s *grpcSender) close() error { return s.conn.Close() }

func (s *grpcSender) send(ctx context.Context, body []byte) (reply, error) {
	var answer []byte
	err := s.conn.Invoke(metadata.NewOutgoingContext(ctx, s.headers), s.kind.Method, body, &answer)
	if err == nil {
		return s.kind.reply(answer)
	}
	if ctx.Err() != nil {
		return reply{}, ctx.Err()
	}
	st := status.Convert(err)
	refused := &refusal{cause: err}
	advised := false
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			advised = true
			refused.after = info.GetRetryDelay().AsDuration()
		}
	}
	if st.Code() == codes.Unavailable || st.Code() == codes.ResourceExhausted && advised {
		return reply{}, refused
	}
	return reply{}, err
}

// rawCodec hands bytes through: bodies are messages already.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	body, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("load: cannot send %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(body)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	out, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("load: cannot receive into %T", v)
	}
	*out = data.Materialize()
	return nil
}

// compressed is a compressor that finds its work done: bodies come compressed
// from the spool.
type compressed Encoding

// Do copies.
func (compressed) Do(w io.Writer, p []byte) error {
	_, err := w.Write(p)
	return err
}

// Type is the name on the wire.
func (c compressed) Type() string { return string(c) }

// zstdReplies reads replies of servers that answer as they were asked.
type zstdReplies struct{}

// Do decompresses up to maxReply bytes.
func (zstdReplies) Do(r io.Reader) ([]byte, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxReply))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(io.LimitReader(d, maxReply))
}

// Type is the name on the wire.
func (zstdReplies) Type() string { return string(Zstd) }
