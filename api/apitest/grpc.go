package apitest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Listen serves h over HTTP/2 without TLS, as the program does, and returns a connection
// of a client.
func Listen(t testing.TB, h http.Handler) *grpc.ClientConn {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	conn, err := grpc.NewClient(s.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Client calls methods of services that are described in files.
type Client struct {
	Conn  *grpc.ClientConn
	Files protodesc.Resolver
}

// Call calls /SERVICE/METHOD with a request written as JSON, and returns the messages that
// come and the error behind them.
func (c *Client) Call(ctx context.Context, method, request string, opts ...grpc.CallOption) (out []proto.Message, err error) {
	stream, output, err := c.Begin(ctx, method, request, opts...)
	for err == nil {
		m := dynamicpb.NewMessage(output)
		if err = stream.RecvMsg(m); err == nil {
			out = append(out, m)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return out, err
}

// Begin is Call whose messages, of a type, the caller receives.
func (c *Client) Begin(ctx context.Context, method, request string, opts ...grpc.CallOption) (grpc.ClientStream, protoreflect.MessageDescriptor, error) {
	d, err := c.Files.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(method[1:], "/", ".")))
	if err != nil {
		return nil, nil, err
	}
	m := d.(protoreflect.MethodDescriptor)
	body := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal([]byte(request), body); err != nil {
		return nil, nil, err
	}
	stream, err := c.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, opts...)
	if err != nil {
		return nil, nil, err
	}
	if err := stream.SendMsg(body); err != nil {
		return nil, nil, err
	}
	return stream, m.Output(), stream.CloseSend()
}
